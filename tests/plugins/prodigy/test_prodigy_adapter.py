"""Orders of clients: from the order management system to the exchange and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from prodigy_exchange import Exchange, amended, cancelled, new
from trio.testing import MockClock

from zenithd.oms.model.orders import Side
from zenithd.oms.model.requests import RequestStatus
from zenithd.testing.memory_oms import MemoryOms, run_adapter
from zenithd_prodigy import ProdigyAdapter

FEED = "Prodigy"


@asynccontextmanager
async def trading(exchange: Exchange | None = None) -> AsyncIterator[tuple[Exchange, MemoryOms]]:
    """The exchange and its adapter, online."""
    one = Exchange() if exchange is None else exchange
    oms = MemoryOms("prodigy", journal=one.journal, shared=one.shared)
    async with one.running(), run_adapter(ProdigyAdapter, None, oms):
        await oms.wait_online(FEED)
        yield one, oms
    assert oms.complaints == []


async def test_an_order_is_placed_and_filled(autojump_clock: MockClock) -> None:
    async with trading() as (exchange, oms):
        resting = oms.place(new(Side.BUY, 100, "1.50"))
        end = await oms.wait_finished(resting)
        assert (end.status, end.order_id) == (RequestStatus.COMPLETED, resting.order_id)
        order = oms.order(resting)
        assert order is not None
        assert (order.status, order.code, order.exchange, order.currency) == (
            "OnMarket",
            "XS01",
            "XSX",
            "AUD",
        )
        assert exchange.orders() == [("XS01", resting.order_id, 100)]
        taking = oms.place(new(Side.SELL, 40, "1.50"))
        await oms.wait_finished(taking)
        await oms.wait_until(lambda: bool(oms.trades(resting) and oms.trades(taking)))
        (bought,), (sold,) = oms.trades(resting), oms.trades(taking)
        assert (bought.trade.price, bought.trade.quantity) == (Decimal("1.500"), Decimal(40))
        assert (sold.order.status, sold.order.is_completed) == ("Filled", True)
        assert (bought.order.status, bought.order.executed_value) == ("PartialFill", Decimal(60))
        await oms.wait_finished(oms.place(amended(resting.order_id, new(), quantity=90, price="1.60")))
        order = oms.order(resting)
        assert order is not None
        assert (order.quantity, order.price, order.remainder) == (90, Decimal("1.600"), 50)
        await oms.wait_finished(oms.place(cancelled(resting.order_id, new())))
        order = oms.order(resting)
        assert order is not None
        assert (order.status, order.is_completed) == ("Cancelled", True)
        assert exchange.orders() == []
