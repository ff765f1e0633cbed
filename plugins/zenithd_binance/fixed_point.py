"""Decimal texts of the venue to integers in an instrument's scale, exactly and fast. Pure."""

from __future__ import annotations

import re
from decimal import Decimal

TEXT_LENGTH_MAX = 40
"""Longest number that is looked at; the venue's have at most about 20 digits."""


_PLAIN = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,2})?", re.ASCII)


class NumberFault(ValueError):
    """A text that is no number, is negative, or does not fit the scale. Blame: the venue."""


class FixedPoint(dict[str, int]):
    """Integers by the venue's texts: `FixedPoint("price", 3, 8)["61837.63000000"]` is 61837630.

    A dict that fills itself: prices and quantities repeat, so that three of four look-ups are a plain hit.

    Args:
        field: what the numbers are, for messages.
        scale: the result is in units of 10**-scale.
        wire_decimals: decimals that the venue usually writes; other numbers of decimals are read as well.
        size_max: texts kept; all are forgotten when there are more.
    """

    def __init__(self, field: str, scale: int, wire_decimals: int, size_max: int = 16_384) -> None:
        super().__init__()
        self.field = field
        self.scale = scale
        self._wire_decimals = wire_decimals
        self._factor: int = 10 ** max(0, scale - wire_decimals)
        self._divisor: int = 10 ** max(0, wire_decimals - scale)
        self._size_max = size_max

    def __missing__(self, text: str) -> int:
        """Convert a text that was not seen lately.

        Raises:
            NumberFault: not a plain number of at least zero, or finer than the scale.
        """
        if len(self) >= self._size_max:
            self.clear()
        value = self[text] = self._convert(text)
        return value

    def _convert(self, text: str) -> int:
        decimals = self._wire_decimals
        digits = text.replace(".", "")
        usual = len(digits) + 1 == len(text) <= TEXT_LENGTH_MAX and text[-decimals - 1 : -decimals] == "."
        # isdecimal also holds for the digits of other scripts, which int would read.
        if not usual or not digits.isdecimal() or not digits.isascii():
            return self._convert_any(text)
        if self._divisor == 1:
            return int(digits) * self._factor
        value, remainder = divmod(int(digits), self._divisor)
        return value if not remainder else self._convert_any(text)

    def _convert_any(self, text: str) -> int:
        """The slow way, for unusual forms and for the message."""
        scaled = _number(self.field, text).scaleb(self.scale)
        if scaled != scaled.to_integral_value():
            raise NumberFault(f"{self.field} {text} has more than {self.scale} decimals")
        return int(scaled)


def cut_off(field: str, text: str, scale: int) -> int:
    """The number in units of 10**-scale, without what is finer.

    Raises:
        NumberFault: not a plain number of at least zero.
    """
    return int(_number(field, text).scaleb(scale))


def _number(field: str, text: str) -> Decimal:
    if len(text) > TEXT_LENGTH_MAX or _PLAIN.fullmatch(text) is None:
        raise NumberFault(f"{field} is no number: {text[:TEXT_LENGTH_MAX]!r}")
    number = Decimal(text)
    # Arithmetic with more digits than the context's 28 would round in silence.
    if len(number.as_tuple().digits) > 28 or number.adjusted() > 28:
        raise NumberFault(f"{field} is out of range: {text!r}")
    return number


def decimals_of(step: str) -> int:
    """Decimals that multiples of `step` can have: 2 for "0.01000000", 0 for "5", "10.00" and "0".

    Raises:
        NumberFault: not a plain number of at least zero.
    """
    exponent = _number("step", step).normalize().as_tuple().exponent
    return max(0, -int(exponent))
