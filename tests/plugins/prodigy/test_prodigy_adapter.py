"""Orders of clients: from the order management system to the exchange and back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from prodigy_exchange import Exchange, amended, cancelled, new
from trio.testing import MockClock

from zenithd.domain.market_data import Side as MarketSide
from zenithd.oms.evidence import Evidence
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.orders import Lifetime, OrderState, OrderType, OrderUpdateReason, Side
from zenithd.oms.model.requests import ClientCashTransfer, OrderMove, OrderNew, RequestStatus
from zenithd.oms.model.transforms import SymbolRename
from zenithd.oms.model.updates import ExchangeDefined, ExchangeUndefined, OrderUpdated, Transformed
from zenithd.oms.streaming import FeedQuery
from zenithd.testing.memory_journal import MemoryJournal
from zenithd.testing.memory_oms import ACCOUNT, MemoryOms, Placed, run_adapter
from zenithd_prodigy import ProdigyAdapter
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.refusals import Reason
from zenithd_prodigy.model.definitions import SymbolDefinition
from zenithd_prodigy.model.events import Traded
from zenithd_prodigy.model.orders import CloseReason
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.oms import codes
from zenithd_prodigy.oms.report import RecordsMissing, Reporter

FEED = "Prodigy"
TUESDAY = 1_767_657_600 * 10**9
"""Midnight of the day after the exchange's, UTC."""


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


async def test_an_order_outlives_the_code_of_its_symbol(autojump_clock: MockClock) -> None:
    async with trading() as (exchange, oms):
        first, second = oms.place(new(Side.BUY, 100, "1.50")), oms.place(new(Side.BUY, 100, "1.40"))
        await oms.wait_finished(second)
        await exchange.do(c.RenameSymbol(market="XSX", symbol="XS01", new_code="XS99"))
        third = oms.place(new(Side.BUY, 100, "1.30", code="XS99"))
        await oms.wait_finished(third)
        end = await oms.wait_finished(oms.place(amended(second.order_id, new(), quantity=90, price="1.40")))
        assert end.status is RequestStatus.COMPLETED, end
        assert exchange.orders() == [
            ("XS99", first.order_id, 100),
            ("XS99", second.order_id, 90),
            ("XS99", third.order_id, 100),
        ]
        for each in (first, second, third):
            end = await oms.wait_finished(oms.place(cancelled(each.order_id, new())))
            assert end.status is RequestStatus.COMPLETED
            await last(oms, each, "Cancelled")
        assert exchange.orders() == []


async def test_an_order_in_another_market_is_told_with_the_code_that_its_issuer_gives(
    autojump_clock: MockClock,
) -> None:
    async with trading() as (exchange, oms):
        resting = oms.place(new(Side.BUY, 100, "1.50", market="XSY::XSY"))
        await oms.wait_finished(resting)
        for market, code, trades in (("XSY", "XS01", 1), ("XSX", "OFXSX", 2)):
            await exchange.do(c.RenameSymbol(market=market, symbol="XS01", new_code=f"OF{market}"), market)
            sold = msgspec.structs.replace(contra(10), market="XSY", symbol="OFXSY")
            await exchange.do(sold, "XSY")
            await oms.wait_until(partial(_has_traded, oms, resting, trades), f"{trades} trades")
            assert oms.trades(resting)[-1].order.code == code


def _has_traded(oms: MemoryOms, placed: Placed, times: int) -> bool:
    return len(oms.trades(placed)) == times


# Terms


def contra(quantity: int) -> c.PlaceOrder:
    """Another firm's order to sell."""
    return c.PlaceOrder(
        market="XSX", entity="101", symbol="XS01", side=MarketSide.ASK, quantity=quantity, price=1500
    )


@pytest.mark.parametrize(
    ("body", "status", "executed"),
    [
        (new(quantity=60, lifetime=Lifetime.IMMEDIATE_OR_CANCEL), "Cancelled", 50),
        (new(quantity=60, lifetime=Lifetime.FILL_OR_KILL), "Cancelled", 0),
        (new(quantity=50, lifetime=Lifetime.FILL_OR_KILL), "Filled", 50),
        (new(quantity=60, price=None), "Cancelled", 50),
        (new(quantity=60, price=None, order_type=OrderType.MARKET_TO_LIMIT), "PartialFill", 50),
        (new(quantity=60, lifetime=Lifetime.GOOD_TILL_CANCEL), "PartialFill", 50),
        (
            new(quantity=60, lifetime=Lifetime.GOOD_TILL_DATE, expiry_date=TUESDAY),
            "PartialFill",
            50,
        ),
        (new(Side.SHORTSELL, quantity=60), "OnMarket", 0),
    ],
    ids=str,
)
async def test_terms_reach_the_exchange(
    body: OrderNew, status: str, executed: int, autojump_clock: MockClock
) -> None:
    async with trading() as (exchange, oms):
        await exchange.do(
            c.PlaceOrder(
                market="XSX", entity="101", symbol="XS01", side=MarketSide.ASK, quantity=50, price=1500
            )
        )
        placed = oms.place(body)
        await oms.wait_finished(placed)
        order = await last(oms, placed, status)
        assert (order.executed_quantity, order.lifetime) == (executed, body.lifetime)
        assert order.expiry_date == body.expiry_date
        if body.order_type is not OrderType.MARKET:
            await oms.wait_until(lambda: price_of(oms, placed) == Decimal("1.500"), "its price")


def price_of(oms: MemoryOms, placed: Placed) -> Decimal | None:
    order = oms.order(placed)
    return None if order is None else order.price


async def last(oms: MemoryOms, placed: Placed, status: str) -> OrderState:
    """The order, once it has a status."""

    def found() -> bool:
        order = oms.order(placed)
        return order is not None and order.status == status

    await oms.wait_until(found, f"order {placed.order_id} {status}")
    order = oms.order(placed)
    assert order is not None
    return order


async def test_hidden_and_least_quantities_and_all_or_none(autojump_clock: MockClock) -> None:
    async with trading() as (exchange, oms):
        for values, properties in (
            ({"HiddenQuantity": Decimal(70)}, {}),
            ({"MinimumQuantity": Decimal(30)}, {}),
            ({}, {"Validity": "AllOrNone"}),
        ):
            placed = oms.place(new(), values=values, properties=properties)
            await oms.wait_finished(placed)
            order = oms.order(placed)
            assert order is not None
            named = {"DepthOrderID": order.external_id}
            assert (order.values, order.properties) == (values, properties | named)
        iceberg, least, whole = (order for _, order in exchange.keeper().market.model.orders_of("XS"))
        assert (iceberg.visible, iceberg.leaves) == (30, 100)
        assert (least.minimum, whole.all_or_none) == (30, True)


async def test_an_amendment_changes_what_is_hidden(autojump_clock: MockClock) -> None:
    async with trading() as (exchange, oms):
        placed = oms.place(new(), values={"HiddenQuantity": Decimal(70)})
        await oms.wait_finished(placed)
        more = oms.place(
            amended(placed.order_id, new(), quantity=120), values={"HiddenQuantity": Decimal(20)}
        )
        assert (await oms.wait_finished(more)).status is RequestStatus.COMPLETED
        order = oms.order(placed)
        assert order is not None
        assert order.values == {"HiddenQuantity": Decimal(20)}
        nothing = oms.place(amended(placed.order_id, new(), quantity=110))
        assert (await oms.wait_finished(nothing)).status is RequestStatus.COMPLETED
        order = oms.order(placed)
        assert order is not None
        assert order.values == {"HiddenQuantity": Decimal(0)}
        assert exchange.orders() == [("XS01", placed.order_id, 110)]


# Refusals


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (new(code="XS99"), ("Symbol",)),
        (new(market="XSZ::XSZ"), ("Route.Market",)),
        (new(price="1.5001"), ("LimitPrice",)),
        (new(price="-1"), ("LimitPrice",)),
        (new(price="1e30"), ("LimitPrice",)),
        (new(price=None, order_type=OrderType.LIMIT), ("LimitPrice.Missing",)),
        (new(price="1.5", order_type=OrderType.MARKET), ("LimitPrice.Given",)),
        (new(order_type=OrderType.STOP), ("OrderType.Market",)),
        (new(quantity="0"), ("TotalQuantity.Maximum",)),
        (new(quantity="0.5"), ("TotalQuantity",)),
        (new(quantity="1e40"), ("TotalQuantity",)),
        (new(lifetime=Lifetime.GOOD_TILL_DATE), ("ExpiryDate",)),
        (new(lifetime=Lifetime.GOOD_TILL_DATE, expiry_date=86_400 * 10**9), ("ExpiryDate",)),
        (cancelled("nowhere", new()), ("Order",)),
        (amended("nowhere", new()), ("Order",)),
        (ClientCashTransfer(currency="AUD", value=Decimal(1)), ("Operation",)),
    ],
    ids=str,
)
async def test_refusals_have_the_protocols_codes(
    body: Any, errors: tuple[str, ...], autojump_clock: MockClock
) -> None:
    async with trading() as (exchange, oms):
        refused = oms.place(body)
        end = await oms.wait_finished(refused)
        assert (end.status, end.errors) == (RequestStatus.REJECTED, errors)
        assert exchange.orders() == []
        assert await oms.ask(refused) is Evidence.REFUSED


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ({"HiddenQuantity": Decimal(100)}, ("HiddenQuantity",)),
        ({"HiddenQuantity": Decimal(-1)}, ("HiddenQuantity",)),
        ({"HiddenQuantity": Decimal("NaN")}, ("HiddenQuantity",)),
        ({"MinimumQuantity": Decimal(101)}, ("MinimumQuantity.Invalid",)),
        ({"MinimumQuantity": Decimal("0.1")}, ("MinimumQuantity",)),
        ({"MinimumQuantity": Decimal(5), "HiddenQuantity": Decimal(5)}, ("Validity",)),
    ],
    ids=str,
)
async def test_quantities_that_cannot_be(
    values: dict[str, Decimal], errors: tuple[str, ...], autojump_clock: MockClock
) -> None:
    async with trading() as (_, oms):
        assert (await oms.wait_finished(oms.place(new(), values=values))).errors == errors


async def test_what_an_exchange_cannot_amend_is_refused(autojump_clock: MockClock) -> None:
    async with trading() as (exchange, oms):
        placed = oms.place(new())
        await oms.wait_finished(placed)
        for body, errors in (
            (amended(placed.order_id, new(Side.SELL)), ("Side",)),
            (amended(placed.order_id, new(order_type=OrderType.MARKET)), ("OrderType",)),
            (amended(placed.order_id, new(), lifetime=Lifetime.GOOD_TILL_CANCEL), ("Validity",)),
            (amended(placed.order_id, new(), expiry_date=86_400 * 1_000_000_000), ("ExpiryDate",)),
            (amended(placed.order_id, new()), ("Details",)),
        ):
            assert (await oms.wait_finished(oms.place(body))).errors == errors
        told = oms.place(new(), properties={"Instructions": "Best"})
        assert (await oms.wait_finished(told)).errors == ("Details Instructions",)
        least = oms.place(amended(placed.order_id, new()), values={"MinimumQuantity": Decimal(1)})
        assert (await oms.wait_finished(least)).errors == ("MinimumQuantity",)
        await exchange.do(c.SetStatus(market="XSX", status=Status.CLOSED))
        assert (await oms.wait_finished(oms.place(cancelled(placed.order_id, new())))).errors == (
            "Symbol.Status",
        )
        assert (await oms.wait_finished(oms.place(new()))).errors == ("Symbol.Status",)


def test_every_reason_and_every_end_of_an_order_has_a_word() -> None:
    assert set(codes.ERROR_CODES) == set(Reason)
    assert set(codes.CLOSED) == set(CloseReason)
    statuses = {each.code for each in codes.ORDER_STATUSES}
    assert {status for status, _ in codes.CLOSED.values()} <= statuses


async def test_a_request_that_is_only_to_be_checked_changes_nothing(autojump_clock: MockClock) -> None:
    async with trading() as (exchange, oms):
        oms.place(new(), is_validate=True)
        oms.place(new(code="XS99"), is_validate=True)
        await oms.wait_until(lambda: len(oms.answers) == 2)
        good, bad = (each.response for each in oms.answers)
        assert (good.status, bad.status) == (RequestStatus.COMPLETED, RequestStatus.REJECTED)
        assert bad.errors == ("Symbol",)
        assert exchange.orders() == []


# What others do to orders


async def test_operators_end_orders_and_change_trades(autojump_clock: MockClock) -> None:
    async with trading() as (exchange, oms):
        placed, other = oms.place(new()), oms.place(new(code="XS02"))
        await oms.wait_finished(placed)
        await oms.wait_finished(other)
        events = await exchange.do(contra(30))
        (trade,) = (each.trade_id for each in events if isinstance(each, Traded))
        await exchange.do(c.CorrectTrade(market="XSX", symbol="XS01", trade_id=trade, price=1400))
        await exchange.do(c.CancelTrade(market="XSX", symbol="XS01", trade_id=trade))
        await exchange.do(c.BulkCancel(market="XSX", symbol="XS01"))
        await exchange.do(c.EndTradingDay(market="XSX"))
        assert (await last(oms, other, "Expired")).is_completed
        order = await last(oms, placed, "Cancelled")
        assert (order.executed_quantity, order.executed_value) == (30, 45)
        told = [(each.trade.type.value, each.trade.price, each.trade.trade_id) for each in oms.trades(placed)]
        assert [each[:2] for each in told] == [
            ("Trade", Decimal("1.5")),
            ("Correction", Decimal("1.4")),
            ("Cancel", Decimal("1.4")),
        ]
        assert len({each[2] for each in told}) == 1


async def test_both_sides_of_a_trade_within_one_account_are_told_apart(autojump_clock: MockClock) -> None:
    async with trading() as (_, oms):
        buyer, seller = oms.place(new()), oms.place(new(Side.SELL))
        await last(oms, buyer, "Filled")
        await last(oms, seller, "Filled")
        (bought,), (sold,) = oms.trades(buyer), oms.trades(seller)
        assert bought.trade.trade_id != sold.trade.trade_id


async def test_exchanges_are_described_again_when_what_they_list_changes(autojump_clock: MockClock) -> None:
    async with trading() as (exchange, oms):

        def destinations() -> dict[str, list[str]]:
            found: dict[str, list[str]] = {}
            for each in oms.taken[FEED]:
                if isinstance(each, ExchangeDefined):
                    found[each.details.exchange] = [one.ex_destination for one in each.details.destinations]
                elif isinstance(each, ExchangeUndefined):
                    del found[each.exchange]
            return found

        await oms.wait_until(lambda: destinations() == {"XSX": ["XSX::XSX", "XSY::XSY"]})
        own = SymbolDefinition(code="OWN")
        await exchange.do(c.ListSymbol(market="XSY", definition=own), "XSY")
        await oms.wait_until(lambda: destinations().get("XSY") == ["XSY::XSY"])
        await exchange.do(c.UnlistSymbol(market="XSY", symbol="OWN"), "XSY")
        await oms.wait_until(lambda: "XSY" not in destinations())
        await exchange.do(c.RenameSymbol(market="XSX", symbol="XS02", new_code="NEW"))
        await oms.wait_finished(oms.place(new(code="NEW")))
        await exchange.do(c.RenameEntity(market="XSX", code="XS", new_code="XT"))
        placed = oms.place(new())
        assert (await oms.wait_finished(placed)).status is RequestStatus.COMPLETED
        assert placed.order_id in [context for _, context, _ in exchange.orders(entity="XT")]


async def test_a_symbol_is_renamed_for_all_accounts_where_its_issuer_gives_the_names(
    autojump_clock: MockClock,
) -> None:
    """A market that lists another one's symbol under another code renames nothing elsewhere."""
    async with trading() as (exchange, oms):
        await exchange.do(c.RenameSymbol(market="XSY", symbol="XS01", new_code="OTHER"), "XSY")
        await exchange.do(c.RenameSymbol(market="XSX", symbol="XS01", new_code="NEW"))

        def renames() -> list[tuple[str, str, str]]:
            found = [each.transform for each in oms.taken[FEED] if isinstance(each, Transformed)]
            assert all(isinstance(each, SymbolRename) for each in found)
            return [(each.exchange, each.code, each.new_code) for each in found]

        await oms.wait_until(lambda: bool(renames()))
        assert renames() == [("XSX", "XS01", "NEW")]
        assert (await oms.wait_finished(oms.place(new()))).status is RequestStatus.REJECTED
        placed = oms.place(new(code="NEW"))
        assert (await oms.wait_finished(placed)).status is RequestStatus.COMPLETED


# Moves


def moved(order_id: str, body: OrderNew, source: Account = ACCOUNT) -> OrderMove:
    return OrderMove(
        order_id=order_id, prev_account=source, code=body.code, exchange=body.exchange, side=body.side
    )


OTHER = Account(owner_id="XS", account_id="0002")


async def test_an_order_is_moved_and_goes_on(autojump_clock: MockClock) -> None:
    async with trading() as (_, oms):
        placed = oms.place(new())
        await oms.wait_finished(placed)
        move = oms.place(moved(placed.order_id, new()), OTHER)
        assert (await oms.wait_finished(move)).status is RequestStatus.COMPLETED
        order = oms.order(placed)
        assert order is not None
        assert (order.account, order.request_id) == (OTHER, move.request.request_id)
        again = oms.place(moved(placed.order_id, new()), OTHER)
        assert (await oms.wait_finished(again)).errors == ("Order.Status",)
        oms.place(new(Side.SELL, 100))
        order = await last(oms, placed, "Filled")
        assert order.account == OTHER
        back = oms.place(moved(placed.order_id, new(), OTHER), ACCOUNT)
        assert (await oms.wait_finished(back)).status is RequestStatus.COMPLETED


async def test_an_order_that_was_cancelled_cannot_be_moved(autojump_clock: MockClock) -> None:
    async with trading() as (_, oms):
        placed = oms.place(new())
        await oms.wait_finished(oms.place(cancelled(placed.order_id, new())))
        move = oms.place(moved(placed.order_id, new()), OTHER)
        assert (await oms.wait_finished(move)).errors == ("Order.Status",)
        assert (await oms.wait_finished(oms.place(moved("nowhere", new()), OTHER))).errors == (
            "Order.Status",
        )


# Names


@pytest.mark.parametrize("request_id", ["x" * 200, "#odd", "with/slash", "ünïcode", " "])
@pytest.mark.parametrize("account", [ACCOUNT, Account(owner_id="XS", account_id="a/b" * 30)])
async def test_every_request_id_is_carried_out_once(
    request_id: str, account: Account, autojump_clock: MockClock
) -> None:
    async with trading() as (exchange, oms):
        placed = oms.place(new(), account, request_id=request_id)
        assert (await oms.wait_finished(placed)).status is RequestStatus.COMPLETED
        oms.send(placed)
        await oms.wait_until(lambda: len(oms.answers) == 2)
        assert len(exchange.orders()) == 1
        assert await oms.ask(placed) is Evidence.CARRIED_OUT


@given(st.text(max_size=80), st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80))
def test_commands_are_named_so_that_their_requests_are_found_again(
    owner: str, account_id: str, request_id: str
) -> None:
    account = Account(owner_id=owner, account_id=account_id)
    name = codes.command_id(account, request_id)
    if name is not None:
        assert codes.request_of(name) == (account, request_id)


# Being away


async def test_while_the_markets_are_away_nothing_is_asked_and_then_it_is_known(
    autojump_clock: MockClock,
) -> None:
    exchange = Exchange()
    oms = MemoryOms("prodigy", journal=exchange.journal, shared=exchange.shared)
    async with run_adapter(ProdigyAdapter, None, oms):
        async with exchange.running():
            await oms.wait_online(FEED)
            placed = oms.place(new())
            await oms.wait_finished(placed)
        await oms.wait_until(lambda: not oms.hubs[FEED].is_online, "offline")
        second = Exchange(exchange.journal, exchange.shared)
        async with second.running():
            await oms.wait_online(FEED)
            assert await oms.ask(placed) is Evidence.CARRIED_OUT
            assert second.orders() == [("XS01", placed.order_id, 100)]
    assert oms.restarts == 0


async def test_a_request_that_a_market_took_with_it_is_told_by_evidence(autojump_clock: MockClock) -> None:
    exchange = Exchange()
    oms = MemoryOms("prodigy", journal=exchange.journal, shared=exchange.shared)
    async with run_adapter(ProdigyAdapter, None, oms):
        async with exchange.running():
            await oms.wait_online(FEED)
            lost = oms.place(new())
            # The markets end before the adapter has had a turn.
        await oms.wait_until(lambda: not oms.hubs[FEED].is_online, "offline")
        async with Exchange(exchange.journal, exchange.shared).running():
            await oms.wait_online(FEED)
            evidence = await oms.ask(lost)
            carried_out = bool(oms.told_of(lost))
            assert evidence is (Evidence.CARRIED_OUT if carried_out else Evidence.NEVER_RECEIVED)
            oms.send(lost)
            assert (await oms.wait_finished(lost)).status is RequestStatus.COMPLETED


async def test_what_still_waits_in_line_at_a_market_counts_as_received(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with trading() as (exchange, oms):
        feed = exchange.journal.feeds["market 1"]
        append, released = feed.append, trio.Event()

        async def slow(bodies: Sequence[bytes]) -> int:
            await released.wait()
            return await append(bodies)

        monkeypatch.setattr(feed, "append", slow)
        first = oms.place(new())
        await trio.testing.wait_all_tasks_blocked()
        second = oms.place(new())
        await trio.testing.wait_all_tasks_blocked()
        oms.cut()
        await oms.wait_online(FEED)
        evidence: list[Evidence | None] = []

        async def ask() -> None:
            evidence.append(await oms.ask(second))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.sleep(10)
            assert evidence == []
            released.set()
        assert evidence == [Evidence.CARRIED_OUT]
        assert [context for _, context, _ in exchange.orders()] == [first.order_id, second.order_id]


async def test_what_is_too_long_ago_is_not_guessed(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zenithd_prodigy.oms.report.REQUESTS_KEPT", 2)
    async with trading() as (_, oms):
        placed = []
        for _ in range(7):
            placed.append(oms.place(new()))
            await oms.wait_finished(placed[-1])
            await trio.sleep(1)
        assert await oms.ask(placed[0]) is Evidence.FORGOTTEN
        assert await oms.ask(placed[-1]) is Evidence.CARRIED_OUT


async def test_it_does_not_answer_what_it_does_not_know(autojump_clock: MockClock) -> None:
    async with trading() as (_, oms):
        assert (await oms.query(FEED, FeedQuery(type="Weather"))).errors == ("Operation",)


# From records


async def scenario() -> tuple[MemoryJournal, list[Any], list[Placed]]:
    """Twenty requests of all kinds: what was kept, what was told, and what was asked."""
    async with trading() as (exchange, oms):
        asked = []
        for number in range(5):
            side, price = (Side.BUY, "1.50") if number % 2 else (Side.SELL, "1.51")
            first = oms.place(new(side, 100 + number, price))
            taking = oms.place(new(Side.BUY if side is Side.SELL else Side.SELL, 30, price))
            asked += [first, taking, oms.place(amended(first.order_id, new(side, 90, price)))]
            await oms.wait_finished(asked[-1])
            asked.append(oms.place(new(code="XS99")))
        asked.append(oms.place(moved(asked[0].order_id, new()), OTHER))
        asked.append(oms.place(cancelled(asked[4].order_id, new())))
        for each in asked:
            await oms.wait_finished(each)
        await exchange.do(c.EndTradingDay(market="XSX"))
        await trio.testing.wait_all_tasks_blocked()
        return exchange.journal, list(oms.taken[FEED]), asked


def told_by(reporter: Reporter, journal: MemoryJournal, first: int = 0) -> list[Any]:
    told: list[Any] = []
    for record in journal.records[first:]:
        told += reporter.apply(record.feed, record.sequence, record.body)
    return told


async def test_the_same_records_tell_the_same_from_wherever_they_are_read(autojump_clock: MockClock) -> None:
    journal, taken, _ = await scenario()
    assert told_by(Reporter("XS"), journal) == taken
    for position in range(len(journal.records)):
        reporter = Reporter("XS")
        before = told_by(reporter, journal.cut_off(position))
        *_, checkpoint = reporter.checkpoint()
        assert before + told_by(Reporter.restored("XS", checkpoint), journal, position) == taken


async def test_after_a_crash_at_any_record_every_request_is_carried_out_once(
    autojump_clock: MockClock,
) -> None:
    journal, _, asked = await scenario()
    for position in range(16, len(journal.records), 3):
        left = journal.cut_off(position)
        told = told_by(Reporter("XS"), left)
        for lag in (0, 1, len(told)):
            oms = MemoryOms("prodigy", journal=left.cut_off(position))
            oms.take_over(FEED, told[: max(len(told) - lag, 0)])
            exchange = Exchange(oms.kept, oms.shared)
            async with exchange.running(), run_adapter(ProdigyAdapter, None, oms):
                await oms.wait_online(FEED)
                for each in asked:
                    if await oms.ask(each) is Evidence.NEVER_RECEIVED:
                        oms.send(each)
                    await oms.wait_finished(each)
            assert oms.taken[FEED][: len(told)] == told
            placements = [
                each.order.order_id
                for each in oms.taken[FEED]
                if isinstance(each, OrderUpdated) and each.update.reason is OrderUpdateReason.NEW
            ]
            assert len(set(placements)) == len(placements) == 10
            assert oms.complaints == []


async def test_it_begins_at_what_it_kept_and_goes_back_before_it_if_it_must(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zenithd_prodigy.adapter.CHECKPOINT_UPDATES", 5)
    exchange = Exchange()
    oms = MemoryOms("prodigy", journal=exchange.journal, shared=exchange.shared)
    async with exchange.running():
        async with run_adapter(ProdigyAdapter, None, oms):
            await oms.wait_online(FEED)
            for _ in range(20):
                await oms.wait_finished(oms.place(new()))
            await trio.testing.wait_all_tasks_blocked()
        kept = await oms.kept.feed("orders").kept_state()
        assert kept is not None
        reporter = Reporter.restored("XS", kept.state)
        assert 10 <= reporter.told.sequence <= len(oms.taken[FEED])
        before = list(oms.taken[FEED])
        async with run_adapter(ProdigyAdapter, None, oms):
            await oms.wait_online(FEED)
            await trio.testing.wait_all_tasks_blocked()
            assert oms.taken[FEED][: len(before)] == before
        oms.restart(forget=len(oms.taken[FEED]) - 3)
        async with run_adapter(ProdigyAdapter, None, oms):
            await oms.wait_until(lambda: len(oms.taken[FEED]) > len(before), "all of it again")
            assert oms.taken[FEED][: len(before)] == before


async def test_what_others_do_need_not_be_read_again_either(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zenithd_prodigy.adapter.CHECKPOINT_RECORDS", 50)
    async with trading() as (exchange, oms):
        for _ in range(120):
            await exchange.do(contra(1))
        await trio.testing.wait_all_tasks_blocked()
        kept = await oms.kept.feed("orders").kept_state()
        assert kept is not None
        assert Reporter.restored("XS", kept.state).told.position >= 100


async def test_nothing_is_told_where_records_are_gone(autojump_clock: MockClock) -> None:
    journal, _, _ = await scenario()
    late = next(each for each in journal.records if each.feed == "market 1" and each.sequence > 1)
    with pytest.raises(RecordsMissing, match="market 1: record 1 is gone"):
        Reporter("XS").apply(late.feed, late.sequence, late.body)


def test_a_checkpoint_of_another_version_is_refused() -> None:
    reporter = Reporter("XS")
    reporter.told.version = 99
    *_, checkpoint = reporter.checkpoint()
    with pytest.raises(ValueError, match="99"):
        Reporter.restored("XS", checkpoint)
