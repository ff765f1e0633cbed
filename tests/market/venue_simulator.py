"""A naive venue: turns random moves into events that keep the rules, and remembers what they amount to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from zenithd.domain.events import (
    BookCleared,
    GapDetected,
    LevelChanged,
    MarketEvent,
    MarketStateChanged,
    OrderAdded,
    OrderChanged,
    OrderRemoved,
    SecurityChanged,
    Stream,
    TradeAmended,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import Affects, Side, TradeFlag
from zenithd.market.venue import VenueMarket

FIRST_DAY = date(2026, 11, 16)
NOON = 1_794_834_000_000_000_000
"""2026-11-16T13:00:00Z."""
MILLISECOND = 1_000_000

Move = tuple[str, int, int, int]


def moves(kinds: Iterable[str]) -> SearchStrategy[Move]:
    """One move: its kind, which of the things at hand, how far, how much."""
    return st.tuples(
        st.sampled_from(sorted(kinds)), st.integers(0, 40), st.integers(0, 6), st.integers(0, 12)
    )


def batches(kinds: Iterable[str], sizes: int = 5, count: int = 30) -> SearchStrategy[list[list[Move]]]:
    """Batches of moves."""
    return st.lists(st.lists(moves(kinds), min_size=1, max_size=sizes), max_size=count)


ORDER_MOVES = ("add", "add", "change", "move", "remove", "snapshot", "clear", "fault", "gap")
LEVEL_MOVES = ("level", "unlevel", "level_snapshot", "level_fault")
TRADE_MOVES = ("trade", "amend", "cancel", "repeat", "trades_gap")
SECURITY_MOVES = ("supply", "withdraw", "state", "own_state", "day")


class VenueSimulator:
    """One instrument of one market. `clock` is moved on by a millisecond for every trade."""

    def __init__(self, market: str = "XSX", price_scale: int = 2, quantity_scale: int = 0) -> None:
        self.market = MarketId(market)
        self.instrument = Instrument(
            code="XS01",
            market=self.market,
            exchange="XSX",
            price_scale=price_scale,
            quantity_scale=quantity_scale,
            board=f"{market}::B",
        )
        self.id: InstrumentId = self.instrument.id
        self.orders: dict[str, OrderAdded] = {}
        self.levels: dict[tuple[Side, int], LevelChanged] = {}
        self.is_waiting = False
        """True while the book waits for a snapshot."""
        self.trades: list[TradeReported] = []
        self.day = FIRST_DAY
        self.clock = NOON
        self._number = 0
        self._scale = 10**price_scale

    def venue(self) -> VenueMarket:
        """A market that lists the instrument and has begun its day."""
        definition = MarketDefinition(id=self.market)
        venue = VenueMarket(definition)
        venue.redefine(definition, [self.instrument])
        venue.apply([TradingDayStarted(self.market, self.day)], self.clock)
        return venue

    def play(self, batch: Iterable[Move]) -> list[MarketEvent]:
        """The events of a batch of moves."""
        return [event for move in batch for event in self.events(*move)]

    def events(self, kind: str, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        events: list[MarketEvent] = getattr(self, f"_{kind}")(pick, distance, amount)
        return events

    # Orders

    def _price(self, side: Side, distance: int) -> int:
        """A price that does not cross the other side."""
        middle = 10 * self._scale
        if side is Side.BID:
            asks = [order.price for order in self.orders.values() if order.side is Side.ASK]
            return min([middle + 3, *(price - 1 for price in asks)]) - distance
        bids = [order.price for order in self.orders.values() if order.side is Side.BID]
        return max([middle - 3, *(price + 1 for price in bids)]) + distance

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _quantity(self, amount: int) -> int | None:
        return None if amount == 12 else amount

    def _add(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        side = Side.BID if pick % 2 else Side.ASK
        number = self._next()
        order = OrderAdded(
            self.id,
            f"o{number}",
            side,
            self._price(side, distance),
            self._quantity(amount),
            number,
            has_undisclosed=amount == 7,
            broker="B1" if pick > 20 else None,
        )
        if not self.is_waiting:
            self.orders[order.order_id] = order
        return [order]

    def _picked(self, pick: int) -> OrderAdded | None:
        orders = list(self.orders.values())
        return orders[pick % len(orders)] if orders else None

    def _changed(self, order: OrderAdded, changed: OrderAdded) -> list[MarketEvent]:
        self.orders[order.order_id] = changed
        return [
            OrderChanged(
                self.id,
                changed.order_id,
                changed.price,
                changed.quantity,
                changed.position,
                changed.has_undisclosed,
            )
        ]

    def _change(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        order = self._picked(pick)
        if order is None:
            return []
        changed = msgspec.structs.replace(
            order, quantity=self._quantity(amount), has_undisclosed=distance == 1 and amount != 12
        )
        return self._changed(order, changed)

    def _move(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        order = self._picked(pick)
        if order is None:
            return []
        return self._changed(
            order,
            msgspec.structs.replace(order, price=self._price(order.side, distance), position=self._next()),
        )

    def _remove(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        order = self._picked(pick)
        if order is None:
            return []
        del self.orders[order.order_id]
        return [OrderRemoved(self.id, order.order_id)]

    def _clear(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        self.orders.clear()
        self.levels.clear()
        self.is_waiting = False
        return [BookCleared(self.id)]

    def _snapshot(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        events = list(self.orders.values())
        self.levels.clear()
        self.is_waiting = False
        return [BookCleared(self.id), *events]

    def _lose_book(self) -> None:
        self.orders.clear()
        self.levels.clear()
        self.is_waiting = True

    def _fault(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        order = self._picked(pick)
        faults: list[MarketEvent] = [
            OrderRemoved(self.id, "nobody"),
            OrderChanged(self.id, "nobody", 1, 1, 1),
        ]
        if order is not None:
            faults += [
                order,
                msgspec.structs.replace(order, order_id="twin"),
                msgspec.structs.replace(order, order_id="negative", quantity=-1),
            ]
        self._lose_book()
        return [faults[amount % len(faults)]]

    def _gap(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        self._lose_book()
        return [GapDetected(self.id, Stream.BOOK, "test")]

    # Levels

    def _level(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        side = Side.BID if pick % 2 else Side.ASK
        middle = 10 * self._scale
        price = middle - 1 - distance if side is Side.BID else middle + distance
        count = amount if pick > 10 else None
        event = LevelChanged(self.id, side, price, amount, count, True if distance == 3 else None)
        if not self.is_waiting:
            self.levels[side, price] = event
            if not amount:
                del self.levels[side, price]
        return [event]

    def _unlevel(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        if not self.levels:
            return []
        key = list(self.levels)[pick % len(self.levels)]
        del self.levels[key]
        return [LevelChanged(self.id, *key, 0)]

    def _level_snapshot(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        self.orders.clear()
        self.is_waiting = False
        return [BookCleared(self.id), *self.levels.values()]

    def _level_fault(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        self._lose_book()
        return [LevelChanged(self.id, Side.BID, 1, -1)]

    # Trades

    def _trade(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        self.clock += MILLISECOND + pick * pick * 50 * MILLISECOND
        affects = {9: Affects.VOLUME, 10: Affects.PRICE | Affects.VOLUME, 11: Affects.NONE}
        trade = TradeReported(
            self.id,
            self._next(),
            10 * self._scale + distance - 3,
            amount,
            self.clock,
            Side.BID if pick % 2 else None,
            affects.get(amount, Affects.ALL),
            (TradeFlag.PLACE_HOLDER,) if amount == 12 else (),
            buy_order_id=f"o{pick}",
        )
        self.trades.append(trade)
        return [trade]

    def _amended(self, pick: int, **values: object) -> list[MarketEvent]:
        if not self.trades:
            return []
        index = pick % len(self.trades)
        self.trades[index] = msgspec.structs.replace(self.trades[index], **values)
        return [TradeAmended(self.trades[index])]

    def _amend(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        return self._amended(pick, price=10 * self._scale + 2 * distance - 6, quantity=amount)

    def _cancel(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        return self._amended(pick, flags=(TradeFlag.CANCEL,))

    def _repeat(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        return [self.trades[pick % len(self.trades)]] if self.trades else []

    def _trades_gap(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        return [GapDetected(self.id, Stream.TRADES, "test")]

    # The security

    def _supply(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        values = [
            {"last": 10 * self._scale + amount},
            {"open": amount, "high": amount + 1, "close": amount},
            {"volume": amount, "value_traded": amount / 4, "number_of_trades": amount},
            {"vwap": amount / 8, "settlement": amount},
            {"auction_price": amount, "auction_quantity": pick, "auction_remainder": None},
            {"open_interest": amount, "share_issue": pick, "extended": {"High52": amount / 2}},
            {"status_note": ("N",), "quotation_basis": ("A", "B")[: distance % 3]},
        ]
        return [SecurityChanged(instrument=self.id, **values[pick % len(values)])]  # type: ignore[arg-type]

    def _withdraw(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        name = ("last", "open", "vwap", "settlement", "auction_price")[pick % 5]
        return [SecurityChanged(instrument=self.id, **{name: None})]

    def _state(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        boards = {self.instrument.board or "": f"Board{amount}"} if distance % 2 else {}
        return [MarketStateChanged(self.market, f"State{pick % 3}", boards)]

    def _own_state(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        return [SecurityChanged(instrument=self.id, trading_state=f"Own{pick}" if pick % 2 else None)]

    def _day(self, pick: int, distance: int, amount: int) -> list[MarketEvent]:
        self.day += timedelta(days=1)
        self.clock += 86_400_000 * MILLISECOND
        self.trades.clear()
        return [TradingDayStarted(self.market, self.day)]
