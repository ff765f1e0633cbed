"""The accounts of the demonstration, feeds in this process, and what decisions learn of the markets."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import trio

from tests.trading.world import A1, ACCOUNT, EXCHANGE, FEED, START, TODAY, Journal, World, X, Y, place
from zenithd.domain.events import MarketStateChanged
from zenithd.domain.identifiers import MarketId, market_of
from zenithd.oms.commands import Define
from zenithd.oms.model.updates import ExchangeDefined
from zenithd.trading.reference import MarketReference
from zenithd.trading.seed import SeededSymbol, is_seeded, seed

D = Decimal


async def test_each_account_is_given_money_and_shares_once(autojump_clock: Any) -> None:
    journal = Journal()
    async with World(journal).run() as world:
        assert is_seeded(world.state)
        assert world.state.balance(A1, "AUD").balance == 10_000
        assert world.state.holding(A1, "XSX", "XS02").quantity == 1_000
        order_id = await world.placed(Side="Ask", Quantity=1_000)
        await world.exchange.fill(order_id, 1_000, "2.00")
    async with World(journal).run(with_exchange=False) as again:
        assert again.state.holding(A1, "XSX", "XS01").quantity == 0  # sold is not given again


async def test_a_crash_while_accounts_are_made(autojump_clock: Any) -> None:
    whole = Journal()
    async with World(whole).run(with_exchange=False) as world:
        accounts = world.state.accounts
    for length in range(0, len(whole.records), 3):
        journal = Journal()
        journal.records = whole.records[:length]
        async with World(journal).run(with_exchange=False) as again:
            assert again.state.accounts == accounts
            for account in accounts:
                assert again.state.balance(account, "AUD").balance == 10_000
                assert again.state.holding(account, "XSX", "XS01").quantity == 1_000


def test_the_commands_of_a_seed_are_the_same_each_time() -> None:
    symbols = [SeededSymbol("XS01", D(2)), SeededSymbol("XS02")]
    assert list(seed(2, symbols)) == list(seed(2, symbols))


async def test_shares_that_are_given_count_as_bought_at_the_last_price(autojump_clock: Any) -> None:
    """XS01 traded at 2.00; of XS02 there is no price, so that its first purchase makes the average."""
    journal = Journal()
    async with World(journal).run() as world:
        given, unpriced = (world.state.holding(A1, "XSX", code) for code in ("XS01", "XS02"))
        assert (given.average_price, given.currency) == (2, "AUD")
        assert (unpriced.average_price, unpriced.currency) == (0, "")
        order_id = await world.placed(Quantity=1_000)
        await world.exchange.fill(order_id, 1_000, "1.50")
        assert world.state.holding(A1, "XSX", "XS01").average_price == D("1.75")
    async with World(journal).run(with_exchange=False) as again:
        assert again.state.holding(A1, "XSX", "XS01").average_price == D("1.75"), "it is in the record"


async def test_a_standby_takes_over_and_nothing_is_told_twice(autojump_clock: Any) -> None:
    async with World().run(with_exchange=False) as world, trio.open_nursery() as nursery:
        await world.do(Define(ExchangeDefined(details=EXCHANGE)))
        taken = trio.Event()

        async def stand_by() -> None:
            async with world.supplied() as world.exchange:
                taken.set()
                await trio.sleep_forever()

        async with world.supplied() as world.exchange:
            nursery.start_soon(stand_by)
            order_id = await world.placed()
            await world.exchange.fill(order_id, 30, "1.50")
            assert not taken.is_set()
            last = world.exchange.last
        await taken.wait()
        assert world.state.positions[FEED] == last
        nursery.cancel_scope.cancel()
    async with World(world.journal).run() as world:  # at the same place in the feed
        await world.exchange.fill(order_id, 70, "1.50")
        assert world.order(order_id).status == "Filled"
        assert world.state.holding(A1, "XSX", "XS01").quantity == 1_100


async def test_requests_wait_for_a_feed_that_is_away_and_go_once(autojump_clock: Any) -> None:
    journal = Journal()
    async with World(journal).run():
        pass
    async with World(journal).run(with_exchange=False) as world:
        order_id = await world.placed()
        assert world.order(order_id).status == "Pending"
        async with world.supplied() as world.exchange:
            await trio.testing.wait_all_tasks_blocked()
            assert len(world.exchange.asked) == 1
            assert world.order(order_id).status == "OnMarket"


async def test_a_request_that_was_sent_before_a_restart_is_unknown(
    autojump_clock: Any,
) -> None:
    journal = Journal()
    async with World(journal).run() as world:
        world.exchange.is_silent = True
        order_id = await world.placed(RequestID="lost")
        assert len(world.exchange.asked) == 1
    async with World(journal).run() as again:
        assert again.service.reading().requests["Unknown"] == 1
        assert not again.exchange.asked
        (order,) = await again.result("QueryOrders", {"Account": ACCOUNT})
        assert (order["ID"], order["Status"]) == (order_id, "Unknown")
        result = await again.result("PlaceOrder", place(RequestID="lost"))
        assert (result["Result"], result["Order"]["ID"]) == ("Success", order_id)
        await again.exchange.carry_out(world.exchange.asked[0])  # the evidence
        assert again.service.reading().requests["Unknown"] == 0
        assert again.order(order_id).status == "OnMarket"
        assert again.state.positions[FEED] == 1


def test_reference_tells_what_subscribers_see() -> None:
    world = World()
    reference = MarketReference(world.directory.find, world._every_market, "NZD")
    symbol = reference.symbol("XSX", "XS01")
    assert symbol is not None
    assert (symbol.currency, symbol.lot_size) == ("AUD", 1)
    assert symbol.tick_steps[0].size == D("0.01")
    assert reference.symbol("XSX", "NONE") is None
    assert reference.symbol("ASX", "XS01") is None
    market = reference.market(symbol, Y)
    assert market is not None
    assert (market.last, market.best_bid, market.best_ask) == (D("2.00"), D("1.99"), D("2.01"))
    assert (market.can_place, market.is_continuous) == (True, True)
    world.xsy.apply([MarketStateChanged(MarketId("XSY"), "Closed")], START)
    closed = reference.market(symbol, Y)
    assert closed is not None and not closed.can_place and not closed.can_cancel
    assert reference.market(symbol, "ASX::TM") is None
    # Each market lists its own trading markets alone: a symbol has those of all markets that list it.
    assert [reference.trades(symbol, each) for each in (X, Y, "XSX::CP", "ASX::TM")] == [
        True,
        True,
        False,
        True,
    ]
    assert reference.trading_date("XSX", START) == TODAY
    day = 86_400 * 1_000_000_000
    assert reference.day_end("XSX", date(2026, 11, 20)) == START - START % day + day
    assert reference.next_day_end("XSX", START) == START - START % day + 2 * day


@pytest.mark.parametrize(
    ("trading_market", "market"),
    [
        ("XSX::XSX", "XSX"),
        ("ASX", "ASX"),
        ("ASX:PM", "ASX:PM"),
        ("ASX:PM:CP", "ASX:PM"),
        ("CXA::LI[Demo]", "CXA[Demo]"),
        ("ASX:PM:CP[Demo]", "ASX:PM[Demo]"),
    ],
)
def test_the_market_of_a_trading_market(trading_market: str, market: str) -> None:
    assert market_of(trading_market) == market
