"""The prices that a tick table allows, numbered from 0 upwards. Pure.

Participants that think in price steps ("two steps below the best bid") work with the numbers, so that a
change of the step size between two bands is no special case for them.
"""

from __future__ import annotations

from bisect import bisect_right
from decimal import Decimal

from zenithd.domain.market_data import TickTable
from zenithd_prodigy.model.decimals import in_units


class TickLadder:
    """One tick table in integer prices of a scale. Number 0 is the lowest price of the table.

    Raises:
        ValueError: the table is empty, has gaps, or has prices finer than the scale.
    """

    def __init__(self, table: TickTable, price_scale: int) -> None:
        if not table.steps:
            raise ValueError(f"tick table {table.code} has no steps")
        self._lows: list[int] = []
        self._sizes: list[int] = []
        self._first_numbers: list[int] = []
        number = 0
        expected_low = _ticks(table.steps[0].low, price_scale)
        for step in table.steps:
            low, high, size = (_ticks(value, price_scale) for value in (step.low, step.high, step.size))
            if low != expected_low or size <= 0 or (high - low) % size or high <= low:
                raise ValueError(f"tick table {table.code}: the step from {step.low} does not fit")
            self._lows.append(low)
            self._sizes.append(size)
            self._first_numbers.append(number)
            number += (high - low) // size
            expected_low = high
        self._high = expected_low
        self._count = number

    def __len__(self) -> int:
        """How many prices there are."""
        return self._count

    def allows(self, price: int) -> bool:
        """True if an order may have this price."""
        if not self._lows[0] <= price < self._high:
            return False
        band = bisect_right(self._lows, price) - 1
        return (price - self._lows[band]) % self._sizes[band] == 0

    def size_at(self, price: int) -> int:
        """The price step at a price within the table."""
        return self._sizes[bisect_right(self._lows, price) - 1]

    def number_at(self, price: float) -> float:
        """Place of any price within the table on the ladder, between two numbers where it is no step."""
        band = bisect_right(self._lows, price) - 1
        return self._first_numbers[band] + (price - self._lows[band]) / self._sizes[band]

    def number_of(self, price: int) -> int:
        """The number of an allowed price."""
        band = bisect_right(self._lows, price) - 1
        return self._first_numbers[band] + (price - self._lows[band]) // self._sizes[band]

    def price(self, number: int) -> int:
        """The price with this number."""
        band = bisect_right(self._first_numbers, number) - 1
        return self._lows[band] + (number - self._first_numbers[band]) * self._sizes[band]


def _ticks(value: Decimal, price_scale: int) -> int:
    ticks = in_units(value, price_scale)
    if ticks is None:
        raise ValueError(f"{value} is finer than {price_scale} decimals")
    return ticks
