"""The series of the store, one per instrument: their numbers in the tables, and the scales of their rows.

All rows of a series have the largest scale that its instrument ever had, so that nothing is lost when a
venue changes its precision: rows are brought up once, later numbers are multiplied as they come.
"""

from __future__ import annotations

from typing import Any

import msgspec

from zenithd.domain.identifiers import InstrumentId, MarketId, instrument_id, split_instrument
from zenithd.history.batch import Scales


class Series(msgspec.Struct, frozen=True):
    """One instrument in the tables."""

    id: int
    instrument: InstrumentId
    scales: Scales | None
    """None while nobody has said in which scales its trades are."""


class SeriesTable:
    """Finds and makes series; remembers them."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._known: dict[InstrumentId, Series] = {}

    def forget(self) -> None:
        """Drop what is remembered, after a transaction that failed."""
        self._known.clear()

    def find(self, instrument: InstrumentId) -> Series | None:
        """Give the series of an instrument, if it has any rows."""
        series = self._known.get(instrument)
        if series is not None:
            return series
        code, market = split_instrument(instrument)
        row = self._connection.execute(
            "SELECT id, price_scale, quantity_scale FROM series WHERE market = ? AND code = ?", (market, code)
        ).fetchone()
        return None if row is None else self._remember(instrument, row)

    def of_market(self, market: MarketId) -> list[Series]:
        """Give all series of a market."""
        rows = self._connection.execute(
            "SELECT code, id, price_scale, quantity_scale FROM series WHERE market = ?", (market,)
        ).fetchall()
        return [self._remember(instrument_id(code, market), row) for code, *row in rows]

    def _remember(self, instrument: InstrumentId, row: Any) -> Series:
        series_id, price, quantity = row
        scales = None if price is None or quantity is None else Scales(price, quantity)
        series = self._known[instrument] = Series(series_id, instrument, scales)
        return series

    def made(self, instrument: InstrumentId, scales: Scales | None) -> Series:
        """Give the series of an instrument, made or brought up to the scales of its trades if need be."""
        series = self.find(instrument) or self._make(instrument, scales)
        if scales is None or scales == series.scales:
            return series
        if series.scales is None:
            return self._rescaled(series, scales)
        largest = Scales(max(scales.price, series.scales.price), max(scales.quantity, series.scales.quantity))
        if largest == series.scales:
            return series
        self._multiply(series, largest.price - series.scales.price, largest.quantity - series.scales.quantity)
        return self._rescaled(series, largest)

    def _make(self, instrument: InstrumentId, scales: Scales | None) -> Series:
        code, market = split_instrument(instrument)
        price, quantity = (None, None) if scales is None else (scales.price, scales.quantity)
        cursor = self._connection.execute(
            "INSERT INTO series (market, code, price_scale, quantity_scale) VALUES (?, ?, ?, ?)",
            (market, code, price, quantity),
        )
        return self._remember(instrument, (cursor.lastrowid, price, quantity))

    def _rescaled(self, series: Series, scales: Scales) -> Series:
        self._connection.execute(
            "UPDATE series SET price_scale = ?, quantity_scale = ? WHERE id = ?",
            (scales.price, scales.quantity, series.id),
        )
        return self._remember(series.instrument, (series.id, scales.price, scales.quantity))

    def _multiply(self, series: Series, price_digits: int, quantity_digits: int) -> None:
        price, quantity = 10**price_digits, 10**quantity_digits
        self._connection.execute(
            "UPDATE trade SET price = price * ?, quantity = quantity * ? WHERE series = ?",
            (price, quantity, series.id),
        )
        for table in ("minute", "day"):
            self._connection.execute(
                f"UPDATE {table} SET open = open * ?, high = high * ?, low = low * ?, close = close * ?, "
                "volume = volume * ? WHERE series = ?",
                (price, price, price, price, quantity, series.id),
            )


class Scaling(msgspec.Struct, frozen=True):
    """Brings numbers of a series to the scales that a reader wants, and those of a writer to the series."""

    price_up: int = 1
    price_down: int = 1
    quantity_up: int = 1
    quantity_down: int = 1

    @classmethod
    def between(cls, given: Scales | None, wanted: Scales | None) -> Scaling:
        """Make the scaling from one pair of scales to another; unknown scales are taken as equal."""
        if given is None or wanted is None or given == wanted:
            return UNSCALED
        price, quantity = wanted.price - given.price, wanted.quantity - given.quantity
        return cls(10 ** max(price, 0), 10 ** max(-price, 0), 10 ** max(quantity, 0), 10 ** max(-quantity, 0))

    def price(self, ticks: int) -> int:
        """Scale a price; digits that the wanted scale lacks are rounded."""
        return _scaled(ticks, self.price_up, self.price_down)

    def quantity(self, units: int) -> int:
        """Scale a quantity."""
        return _scaled(units, self.quantity_up, self.quantity_down)


UNSCALED = Scaling()


def _scaled(number: int, up: int, down: int) -> int:
    if down == 1:
        return number * up
    whole, rest = divmod(number, down)
    return whole + (1 if rest * 2 >= down else 0)
