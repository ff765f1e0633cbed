"""Decimal numbers as integers of a scale, exactly, whatever the context of decimal arithmetic is. Pure."""

from __future__ import annotations

from decimal import Decimal

DIGITS_MAX = 30
"""Numbers with more digits before the point, or twice as many after it, are nobody's price or quantity."""


def in_units(value: Decimal, scale: int) -> int | None:
    """The value in units of 10**-scale; None if it is finer than that.

    Raises:
        ValueError: it is no finite number, or a greater one than anybody needs.
    """
    if not value.is_finite() or (value and value.adjusted() > DIGITS_MAX):
        raise ValueError("not a number of a usual size")
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)  # it is finite
    if not value:
        return 0
    if exponent < -2 * DIGITS_MAX:
        return None
    coefficient = 0
    for digit in digits:
        coefficient = 10 * coefficient + digit
    shift = exponent + scale
    if shift < 0:
        unit: int = 10 ** (-shift)
        coefficient, finer = divmod(coefficient, unit)
        if finer:
            return None
    else:
        coefficient *= int(10**shift)
    return -coefficient if sign else coefficient
