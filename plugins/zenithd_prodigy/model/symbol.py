"""State of one symbol: its book, its trades, its statuses. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from zenithd.domain.market_data import Side, TickTable
from zenithd_prodigy.model.book import BookSide
from zenithd_prodigy.model.definitions import PriceLimits, SymbolDefinition
from zenithd_prodigy.model.events import Traded
from zenithd_prodigy.model.orders import Order
from zenithd_prodigy.model.recent import Recent
from zenithd_prodigy.model.statuses import STATUS_TABLE, Status, StatusRow
from zenithd_prodigy.tick_ladder import TickLadder

BID = Side.BID


class Indicative(msgspec.Struct, frozen=True, array_like=True):
    """What an auction would bring; see `IndicativeChanged`."""

    price: int | None = None
    quantity: int = 0
    surplus: int = 0


NO_INDICATIVE = Indicative()


class SymbolState:
    """Others read it, only applied events change it."""

    __slots__ = (
        "asks", "bids", "conditional", "day_first_trade", "definition", "indicative", "ladder", "last_price",
        "limits", "next_priority", "next_trade_id", "number", "orders", "references", "rules", "status",
        "trades", "unpriced",
    )  # fmt: skip

    def __init__(self, definition: SymbolDefinition, number: int, trades_kept: int) -> None:
        self.definition = definition
        self.number = number
        self.status: Status | None = None
        """Its own; None: its market's."""
        self.rules: StatusRow = STATUS_TABLE[Status.CLOSED]
        """What the status that holds for it allows."""
        self.orders: dict[int, Order] = {}
        """All orders, wherever they stand."""
        self.bids = BookSide(Side.BID)
        self.asks = BookSide(Side.ASK)
        self.unpriced: dict[int, Order] = {}
        """Market and market-to-limit orders that wait for the auction, the longest waiting first."""
        self.conditional: dict[int, Order] = {}
        """Orders that wait for their condition, the longest waiting first."""
        self.trades: Recent[int, Traded] = Recent(trades_kept)
        self.references: dict[str, int] = {}
        self.limits: PriceLimits | None = None
        self.ladder: TickLadder | None = None
        """The prices it may have; None: any above zero."""
        self.indicative = NO_INDICATIVE
        self.last_price: int | None = None
        self.next_trade_id = 1
        self.day_first_trade = 1
        """Trades from this id on are of the trading day, and stand on today's tape of the code."""
        self.next_priority = 1

    def side(self, side: Side) -> BookSide:
        """One side of its book."""
        return self.bids if side is BID else self.asks

    def find(self, order: int) -> Order | None:
        """The order with this number."""
        return self.orders.get(order)

    def best_price(self, side: Side) -> int | None:
        """The best price of a side; None if it is empty."""
        return self.side(side).best_price

    def in_book(self, side: Side) -> Iterator[Order]:
        """The orders of a side of the book in the order in which they would trade."""
        return iter(self.side(side))

    def is_of_today(self, trade_id: int) -> bool:
        """Whether subscribers have a trade on today's tape of the symbol's code."""
        return trade_id >= self.day_first_trade

    def set_ladder(self, table: TickTable | None) -> None:
        """Take over the price steps of its tick table."""
        self.ladder = None if table is None else TickLadder(table, self.definition.price_scale)
