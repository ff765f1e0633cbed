"""Exact arithmetic of money and quantities. Pure.

What comes in has a bounded size, so that sums and products of it are exact in `EXACT`; should one ever not
be, the context raises decimal.Inexact instead of losing money silently.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Final

DIGITS_MAX: Final = 18
"""Before the point; more is nobody's money, price or quantity."""
PLACES_MAX: Final = 18
"""After the point."""

EXACT: Final = Context(prec=128, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
"""Room for products of two numbers of the greatest size, and for 10**50 of them in a sum."""
_ROUNDED: Final = Context(prec=128, rounding=ROUND_HALF_EVEN)

AVERAGE_PLACES: Final = 10
"""An average is no exact number: it is rounded, half to even, to so many places."""
_AVERAGE_STEP: Final = Decimal(1).scaleb(-AVERAGE_PLACES)
_ONE: Final = Decimal(1)


def is_sound(value: Decimal) -> bool:
    """Whether a number from outside is finite and of a usual size."""
    if not value.is_finite():
        return False
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)  # it is finite
    return -PLACES_MAX <= exponent <= DIGITS_MAX and value.adjusted() < DIGITS_MAX


def average(total: Decimal, quantity: Decimal) -> Decimal:
    """Total by quantity, rounded to `AVERAGE_PLACES`, without trailing zeros."""
    quotient = _ROUNDED.divide(total, quantity).quantize(_AVERAGE_STEP, context=_ROUNDED)
    plain = quotient.normalize(_ROUNDED)
    whole = plain.adjusted() >= 0 and plain == plain.to_integral_value(context=_ROUNDED)
    return plain.quantize(_ONE, context=_ROUNDED) if whole else plain
