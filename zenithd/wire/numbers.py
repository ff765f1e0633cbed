"""Numbers between the inside (integer ticks, Decimal) and the wire (spec zenith-websocket 1.6)."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from typing import Any, Final

DIVISORS: Final = tuple(10**scale for scale in range(41))
"""`DIVISORS[scale]`: ticks in one whole unit. Integer division by it is exact to 15 digits."""

NUMBER_LENGTH_MAX = 40
"""Longest text that is read as a number, and most digits of an integer that is."""

_INTEGER_BITS_MAX = 128
_EXACT_INTEGER_MAX = 2**53


def scaled(ticks: int, scale: int) -> int | float:
    """Bring an integer in units of 10**-scale to the wire: 4205 at scale 2 is 42.05; at scale 0 an int."""
    return ticks / DIVISORS[scale] if scale else ticks


def scaled_or_none(ticks: int | None, scale: int) -> int | float | None:
    """Do as `scaled`, keeping None."""
    return None if ticks is None else scaled(ticks, scale)


def number(value: Decimal) -> int | float:
    """Bring a Decimal to the wire: an int where it is whole and exact in a double, else a float."""
    if -_EXACT_INTEGER_MAX <= value <= _EXACT_INTEGER_MAX and value == value.to_integral_value():
        return int(value)
    return float(value)


def parse_decimal(value: Any) -> Decimal:
    """Read a decimal that a peer sent: a number, or a text that holds one (spec 1.6).

    Raises:
        ValueError: no number, not finite, or longer than any honest number.
    """
    if isinstance(value, bool):
        raise ValueError("a number is expected, not a boolean")  # noqa: TRY004 - one kind of blame: the peer's
    if isinstance(value, int):
        if value.bit_length() > _INTEGER_BITS_MAX:
            raise ValueError("number too large")
        return Decimal(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("number not finite")
        return Decimal(repr(value))
    if isinstance(value, str) and len(value) <= NUMBER_LENGTH_MAX:
        return _parse_text(value)
    raise ValueError("not a number")


def _parse_text(text: str) -> Decimal:
    if not text.isascii() or "_" in text:  # Python reads other digits, and these between digits
        raise ValueError("not a number")
    try:
        parsed = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError("not a number") from None
    if not parsed.is_finite():
        raise ValueError("number not finite")
    return parsed
