"""The dynamic part of an instrument's Security (zenith-websocket 3.1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from zenithd.domain.market_data import Trend


class SecurityRecord(msgspec.Struct):
    """What changes of a security while it trades; the static fields are those of its `Instrument`.

    Prices are integers in the instrument's price scale, quantities in its quantity scale; None where the
    wire has null. `InstrumentChanges.security` names attributes of this record.
    """

    trading_state: str | None = None
    """The instrument's own state, else its board's, else the market's; None until one was told."""
    open: int | None = None
    high: int | None = None
    low: int | None = None
    close: int | None = None
    """Yesterday's close."""
    settlement: int | None = None
    """Today's close."""
    last: int | None = None
    trend: Trend = Trend.NONE
    """Direction of `last` against the price before it today."""
    best_ask: int | None = None
    ask_count: int = 0
    ask_quantity: int = 0
    ask_undisclosed: bool = False
    best_bid: int | None = None
    bid_count: int = 0
    bid_quantity: int = 0
    bid_undisclosed: bool = False
    number_of_trades: int = 0
    volume: int = 0
    value_traded: int = 0
    """In units of 10**-(price_scale + quantity_scale): the sum of price times quantity is exact."""
    vwap: float | None = None
    """In price units, not in ticks; as `rounded_vwap` gives it."""
    auction_price: int | None = None
    auction_quantity: int | None = None
    auction_remainder: int | None = None
    open_interest: int | None = None
    """A plain number, in no scale."""
    share_issue: int | None = None
    """A plain number, in no scale."""
    status_note: tuple[str, ...] = ()
    quotation_basis: tuple[str, ...] = ()
    extended: dict[str, float] = {}
    """Market-specific prices by name, in price units. Replaced, never changed in place."""

    def copy(self) -> SecurityRecord:
        """Return a copy that stays as it is now."""
        return msgspec.structs.replace(self)

    def update(self, values: Mapping[str, object], before: dict[str, object]) -> None:
        """Set fields; note the values of those that change in `before`, unless it has older ones."""
        for name, value in values.items():
            old = getattr(self, name)
            if old != value:
                setattr(self, name, value)
                before.setdefault(name, old)

    def show_best_bid(
        self, price: int | None, quantity: int, count: int, undisclosed: bool, changed: set[str]
    ) -> None:
        """Set the fields of the best bid; add the names of those that change to `changed`."""
        if self.best_bid != price:
            self.best_bid = price
            changed.add("best_bid")
        if self.bid_quantity != quantity:
            self.bid_quantity = quantity
            changed.add("bid_quantity")
        if self.bid_count != count:
            self.bid_count = count
            changed.add("bid_count")
        if self.bid_undisclosed != undisclosed:
            self.bid_undisclosed = undisclosed
            changed.add("bid_undisclosed")

    def show_best_ask(
        self, price: int | None, quantity: int, count: int, undisclosed: bool, changed: set[str]
    ) -> None:
        """Do for the best ask as `show_best_bid`."""
        if self.best_ask != price:
            self.best_ask = price
            changed.add("best_ask")
        if self.ask_quantity != quantity:
            self.ask_quantity = quantity
            changed.add("ask_quantity")
        if self.ask_count != count:
            self.ask_count = count
            changed.add("ask_count")
        if self.ask_undisclosed != undisclosed:
            self.ask_undisclosed = undisclosed
            changed.add("ask_undisclosed")

    def settle(self, before: Mapping[str, object], changed: set[str]) -> None:
        """Of the fields in `before`, have those in `changed` that have another value now, and no others."""
        for name, old in before.items():
            if getattr(self, name) != old:
                changed.add(name)
            else:
                changed.discard(name)


SECURITY_FIELDS: Final = SecurityRecord.__struct_fields__
"""Every field name, in the order of the struct."""
WITHOUT_TRADES: Final[dict[str, object]] = {
    "open": None,
    "high": None,
    "low": None,
    "last": None,
    "trend": Trend.NONE,
    "number_of_trades": 0,
    "volume": 0,
    "value_traded": 0,
    "vwap": None,
}
"""The statistics of a day before its first trade."""
VWAP_EXTRA_DIGITS: Final = 4
"""Decimal digits of a VWAP beyond those of a price."""
VWAP_UNIT: Final = 10**VWAP_EXTRA_DIGITS


def rounded_vwap(price: float | None, price_scale: int) -> float | None:
    """A VWAP as records hold it and the wire shows it: what cannot be seen to change has not changed."""
    return None if price is None else round(price, price_scale + VWAP_EXTRA_DIGITS)
