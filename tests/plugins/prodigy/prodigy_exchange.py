"""The exchange's markets at work, without participants: for the adapter's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from typing import Any

from zenithd.oms.model.orders import OrderType, Side
from zenithd.oms.model.requests import OrderAmend, OrderCancel, OrderNew
from zenithd.plugin.shared import Shared
from zenithd.testing import FakeClock, MemoryDaemon
from zenithd.testing.beside import nursery_beside
from zenithd.testing.memory_journal import MemoryJournal
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.refusals import Refused
from zenithd_prodigy.floor import Floor
from zenithd_prodigy.keeper import Keeper, KeeperSettings
from zenithd_prodigy.model.definitions import Entity, SymbolDefinition
from zenithd_prodigy.model.events import Event
from zenithd_prodigy.model.statuses import Status

CODES = ("XSX", "XSY")


def founding(code: str, issuer: str | None) -> list[c.Command]:
    """An open market with two symbols, and two firms beside that of the order management system."""
    return [
        c.CreateMarket(market=code, status=Status.OPEN),
        *(c.AddEntity(market=code, definition=Entity(each)) for each in ("XS", "101", "203")),
        *(
            c.ListSymbol(
                market=code,
                definition=SymbolDefinition(
                    code=symbol, currency="AUD", price_scale=3, exchange=issuer, cfi="ESVUFR"
                ),
            )
            for symbol in ("XS01", "XS02")
        ),
        c.StartTradingDay(market=code, trading_date=date(2026, 1, 5)),
    ]


class Exchange:
    """Markets XSX and XSY over a journal; a second one over it is the exchange after a crash."""

    def __init__(self, journal: MemoryJournal | None = None, shared: Shared | None = None) -> None:
        self.journal = MemoryJournal() if journal is None else journal
        self.shared = Shared() if shared is None else shared
        self.daemon = MemoryDaemon("prodigy", clock=FakeClock(), journal=self.journal, shared=self.shared)
        self.floor: Floor

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Exchange]:
        """The markets at work, and offered to the adapter."""
        self.floor = Floor(self.daemon, KeeperSettings(), lambda definition, origin: definition)
        await self.floor.open()
        for code, issuer in zip(CODES, (None, "XSX"), strict=True):
            if self.floor.find(code) is None:
                await self.floor.found(founding(code, issuer))
        async with nursery_beside() as nursery:
            for keeper in self.floor:
                await self.floor.show(keeper, lambda _: [])
                self.floor.start(keeper, nursery)
            self.daemon.offer(self.floor)
            try:
                yield self
            finally:
                self.shared.withdraw()

    def keeper(self, code: str = "XSX") -> Keeper:
        """One market."""
        keeper = self.floor.find(code)
        assert keeper is not None
        return keeper

    async def do(self, command: Any, code: str = "XSX") -> list[Event]:
        """Carry out a command that must not be refused."""
        outcome = await self.keeper(code).execute(command)
        assert not isinstance(outcome, Refused), outcome
        return outcome

    def orders(self, code: str = "XSX", entity: str = "XS") -> list[tuple[str, str | None, int]]:
        """Symbol, context and what is left of the firm's orders in a market."""
        return [
            (symbol.definition.code, order.party.context, order.leaves)
            for symbol, order in self.keeper(code).market.model.orders_of(entity)
        ]


def new(
    side: Side = Side.BUY,
    quantity: int | str = 100,
    price: str | None = "1.50",
    code: str = "XS01",
    market: str = "XSX::XSX",
    **terms: Any,
) -> OrderNew:
    """A limit order, or without a price a market order."""
    terms.setdefault("order_type", OrderType.MARKET if price is None else OrderType.LIMIT)
    return OrderNew(
        code=code,
        exchange="XSX",
        side=side,
        quantity=Decimal(quantity),
        price=None if price is None else Decimal(price),
        ex_destination=market,
        **terms,
    )


def amended(order_id: str, body: OrderNew, **changes: Any) -> OrderAmend:
    """An amendment of an order to these values."""
    return OrderAmend(
        order_id=order_id,
        code=body.code,
        exchange=body.exchange,
        side=body.side,
        order_type=body.order_type,
        quantity=Decimal(changes.get("quantity", body.quantity)),
        price=Decimal(changes["price"]) if "price" in changes else body.price,
        lifetime=changes.get("lifetime", body.lifetime),
        expiry_date=changes.get("expiry_date", body.expiry_date),
        ex_destination=body.ex_destination,
    )


def cancelled(order_id: str, body: OrderNew) -> OrderCancel:
    """A cancellation."""
    return OrderCancel(
        order_id=order_id,
        code=body.code,
        exchange=body.exchange,
        side=body.side,
        quantity=body.quantity,
        ex_destination=body.ex_destination,
    )
