"""Every order error code of zenith-websocket 4.E with what a client sends to get it.

What of these the order management system finds, given a request of its own terms, is in tests/oms/test_codes.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.trading.world import (
    ABSENT,
    ACCOUNT,
    DEMO,
    STRANGER,
    Journal,
    World,
    amend,
    place,
    replace,
)
from zenithd.authority.access import MarketGrant, View
from zenithd.domain.events import MarketStateChanged
from zenithd.domain.identifiers import MarketId
from zenithd.oms.codes import DOCUMENTED, Finder, without_values
from zenithd.oms.commands import Define
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.directory import ExchangeDestination
from zenithd.oms.model.updates import ExchangeDefined
from zenithd.oms.reference import Level, Verdict

INCOMPLETE, INVALID, REJECTED = "Incomplete", "Invalid", "Rejected"
MARKET_ORDER = {"Type": "Market", "LimitPrice": ABSENT}
FUND = {"Style": "ManagedFund", "UnitType": "Units", "UnitAmount": 5, "Flags": ["PDS"]}
TRAILING = {"Name": "TrailingStopLoss", "Type": "Price", "Value": 0.1, "Limit": 1.5, "Stop": 1.8}
ONLY_XSY = replace(DEMO, grants=(MarketGrant("XSY", View()),))

PLACE: list[tuple[str, str, dict[str, Any]]] = [
    # Fields of the request
    ("Account", INCOMPLETE, {"Account": ABSENT}),
    ("Account", INCOMPLETE, {"Account": None}),
    ("Account", INCOMPLETE, {"Account": ""}),
    ("Account", INVALID, {"Account": 5}),
    ("Account", INVALID, {"Account": "no-owner"}),
    ("Account", INVALID, {"Account": "XS:" + "x" * 200}),
    ("Account", REJECTED, {"Account": "XS:9999"}),
    ("Details", INCOMPLETE, {"Details": ABSENT}),
    ("Details", INCOMPLETE, {"Details": None}),
    ("Details", INVALID, {"Details": [1]}),
    ("Details", INVALID, {"Flags": "PDS"}),
    ("Details", INVALID, {"Flags": [1]}),
    ("Details", INVALID, {"Instructions": "Best"}),
    ("Details", INVALID, {"Instructions": ["Best Sweep"]}),
    ("Details", INVALID, {"BrokerageSchedule": 7}),
    ("Details", INVALID, {"BrokerageSchedule": "none such"}),
    ("Order", INVALID, {"RequestID": 5}),
    ("Order", INVALID, {"RequestID": "x" * 101}),
    ("Route", INCOMPLETE, {"Route": ABSENT}),
    ("Route", INCOMPLETE, {"Route": {}}),
    ("Route", INVALID, {"Route": "Market"}),
    ("Route", INVALID, {"Route": {"Algorithm": ["Market"]}}),
    ("Route.Algorithm", INVALID, {"Route": {"Algorithm": "FIX"}}),
    ("Route.Market", INCOMPLETE, {"Route": {"Algorithm": "Market"}}),
    ("Route.Market", INVALID, {"Route": {"Algorithm": "Market", "Market": 1}}),
    ("Route.Market", REJECTED, {"Route": {"Algorithm": "Market", "Market": "XSX::NONE"}}),
    ("Route.Tag", INVALID, {"Route": {"Algorithm": "Market", "Market": "XSX::XSX[Demo]"}}),
    # Details
    ("Style", INCOMPLETE, {"Style": ABSENT}),
    ("Style", INVALID, {"Style": "Equity"}),
    ("Style", INVALID, {"Style": 1}),
    ("Style", INVALID, FUND),
    ("Exchange", INCOMPLETE, {"Exchange": ABSENT}),
    ("Exchange", INVALID, {"Exchange": 1}),
    ("Exchange", REJECTED, {"Exchange": "ASX"}),
    ("Tag", INVALID, {"Exchange": "XSX[Demo]"}),
    ("Symbol", INCOMPLETE, {"Code": ABSENT}),
    ("Symbol", INVALID, {"Code": 1}),
    ("Symbol", REJECTED, {"Code": "NONE"}),
    ("Side", INCOMPLETE, {"Side": ABSENT}),
    ("Side", INVALID, {"Side": "B"}),
    ("Side", INVALID, {"Side": True}),
    ("Side", INVALID, {"ShortType": "ShortSell"}),
    ("Side", INVALID, {"Side": "Ask", "ShortType": "Naked"}),
    ("Side", REJECTED, {"Side": "Ask", "ShortType": "ShortSell"}),
    ("OrderType", INCOMPLETE, {"Type": ABSENT}),
    ("OrderType", INVALID, {"Type": "Stop"}),
    ("OrderType", INCOMPLETE, {"Type": None}),
    ("OrderType.Symbol", REJECTED, {**MARKET_ORDER, "Type": "Best"}),
    ("LimitPrice.Missing", INCOMPLETE, {"LimitPrice": ABSENT}),
    ("LimitPrice.Missing", INCOMPLETE, {"LimitPrice": None}),
    ("LimitPrice.Given", INVALID, {"Type": "Market"}),
    ("LimitPrice", INVALID, {"LimitPrice": 0}),
    ("LimitPrice", INVALID, {"LimitPrice": -1}),
    ("LimitPrice", INVALID, {"LimitPrice": math.nan}),
    ("LimitPrice", INVALID, {"LimitPrice": math.inf}),
    ("LimitPrice", INVALID, {"LimitPrice": True}),
    ("LimitPrice", INVALID, {"LimitPrice": "cheap"}),
    ("LimitPrice", INVALID, {"LimitPrice": 10**30}),
    ("LimitPrice", INVALID, {"LimitPrice": 5000}),
    ("LimitPrice.Step", INVALID, {"LimitPrice": 1.505}),
    ("VisibleQuantity", INCOMPLETE, {"Quantity": ABSENT}),
    ("VisibleQuantity", INVALID, {"Quantity": "many"}),
    ("VisibleQuantity", INVALID, {"Quantity": -5}),
    ("VisibleQuantity", INVALID, {"Quantity": 0, "HiddenQuantity": 100}),
    ("TotalQuantity", INVALID, {"Quantity": 0}),
    ("TotalQuantity.Step", INVALID, {"Quantity": 1.5}),
    ("TotalQuantity.Maximum", REJECTED, {"Quantity": 2_000_000_000}),
    ("TotalQuantity.Holdings", REJECTED, {"Side": "Ask", "Quantity": 1_001}),
    ("TotalValue.Balance", REJECTED, {"Quantity": 10_000}),
    ("TotalValue.Maximum", REJECTED, {"Quantity": 900_000_000}),
    ("HiddenQuantity", INVALID, {"HiddenQuantity": -1}),
    ("HiddenQuantity", INVALID, {"HiddenQuantity": []}),
    ("HiddenQuantity", INVALID, {**MARKET_ORDER, "HiddenQuantity": 10}),
    ("MinimumQuantity", INVALID, {"MinimumQuantity": 0.5}),
    ("MinimumQuantity", INVALID, {"MinimumQuantity": {}}),
    ("MinimumQuantity.Invalid", INVALID, {"MinimumQuantity": 101}),
    ("Validity", INCOMPLETE, {"Validity": ABSENT}),
    ("Validity", INVALID, {"Validity": "GoodUntilCancel"}),
    ("ExpiryDate", INVALID, {"ExpiryDate": "soon"}),
    ("ExpiryDate", INVALID, {"ExpiryDate": 20261201}),
    ("ExpiryDate", INVALID, {"ExpiryDate": "2026-11-19"}),
    ("ExpiryDate", INVALID, {"ExpiryDate": "2026-12-01", "Validity": "UntilDay"}),
    ("ExpiryDate.Maximum", INVALID, {"ExpiryDate": "2030-01-01"}),
    # Managed funds: there are none, and what is wrong with their fields is said all the same
    ("UnitType", INCOMPLETE, {**FUND, "UnitType": ABSENT}),
    ("UnitType", INVALID, {**FUND, "UnitType": "Parcels"}),
    ("UnitAmount", INCOMPLETE, {**FUND, "UnitAmount": None}),
    ("UnitAmount", INVALID, {**FUND, "UnitAmount": 0}),
    ("Currency", INCOMPLETE, {**FUND, "UnitType": "Currency"}),
    ("Flags.PDS", INCOMPLETE, {**FUND, "Flags": []}),
    # Conditions: the protocol has no codes for them
    ("Condition", INVALID, {"Condition": "StopLoss"}),
    ("Condition", INCOMPLETE, {"Condition": {}}),
    ("Condition", INVALID, {"Condition": {"Name": "Hope"}}),
    ("Condition.Stop", INVALID, {"Condition": {"Name": "StopLoss", "Stop": "low"}}),
    ("Condition.Stop", INVALID, {"Condition": {"Name": "StopLoss", "Stop": -1}}),
    ("Condition.Reference", INVALID, {"Condition": {"Name": "StopLoss", "Stop": 1, "Reference": "Mid"}}),
    ("Condition.Direction", INVALID, {"Condition": {"Name": "StopLoss", "Stop": 1, "Direction": "Left"}}),
    ("Condition.Type", INCOMPLETE, {"Condition": {"Name": "TrailingStopLoss", "Value": 1, "Limit": 1}}),
    ("Condition.Type", INVALID, {"Condition": {**TRAILING, "Type": "Miles"}}),
    ("Condition.Value", INCOMPLETE, {"Condition": {**TRAILING, "Value": None}}),
    ("Condition.Limit", INCOMPLETE, {"Condition": {**TRAILING, "Limit": None}}),
]
"""Code, Result, and what is changed in an order that is right."""


def codes(result: dict[str, Any]) -> list[str]:
    return [without_values(error) for error in result["Errors"]]


@pytest.fixture
async def world(autojump_clock: Any) -> Any:
    async with World().run() as world:
        yield world


@pytest.mark.parametrize(("code", "result", "changes"), PLACE)
async def test_an_order_that_cannot_be(code: str, result: str, changes: dict[str, Any], world: World) -> None:
    data = place(**_without_removed(changes))
    before = world.journal.appends
    answer = await world.result("PlaceOrder", data)
    assert (answer["Result"], code in codes(answer)) == (result, True), answer
    assert set(answer) == {"Result", "RequestID", "Errors"}
    assert world.journal.appends == before
    assert not world.exchange.asked


def _without_removed(changes: dict[str, Any]) -> dict[str, Any]:
    """Fields that the order does not have anyway need not be removed."""
    given = {"UnitType", "UnitAmount"}
    return {name: value for name, value in changes.items() if not (name in given and value is ABSENT)}


Arrange = Callable[[World], Awaitable[Any]]


def state(name: str) -> Arrange:
    async def arrange(world: World) -> None:
        for market in (world.xsx, world.xsy):
            market.apply([MarketStateChanged(MarketId(market.definition.id), name)], world.now)

    return arrange


async def placed_while_closed(world: World) -> Any:
    await state("Closed")(world)
    return await world.result("PlaceOrder", place())


async def market_order_in_auction(world: World) -> Any:
    await state("PreOpen")(world)
    return await world.result("PlaceOrder", place(**MARKET_ORDER))


async def at_once_in_auction(world: World) -> Any:
    await state("PreOpen")(world)
    return await world.result("PlaceOrder", place(Validity="FillAndKill"))


async def amended_while_closed(world: World) -> Any:
    order_id = await world.placed()
    await state("Closed")(world)
    return await world.result("AmendOrder", amend(order_id, Quantity=200))


async def cancelled_while_closed(world: World) -> Any:
    order_id = await world.placed()
    await state("Closed")(world)
    return await world.result("CancelOrder", {"Account": ACCOUNT, "OrderID": order_id})


async def without_market(world: World) -> Any:
    del world.directory.markets[MarketId("XSY")]
    return await world.result("PlaceOrder", place(Route={"Algorithm": "Market", "Market": "XSY::XSY"}))


async def destinations(world: World, *changes: tuple[str, str]) -> None:
    exchange = world.state.exchanges["XSX"]
    added = tuple(ExchangeDestination(ex_destination=market, route=route) for market, route in changes)
    await world.do(
        Define(ExchangeDefined(details=replace(exchange, destinations=(*exchange.destinations, *added))))
    )


async def without_feed(world: World) -> Any:
    await destinations(world, ("XSZ::XSZ", "Nobody"))
    return await world.result("PlaceOrder", place(Route={"Algorithm": "Market", "Market": "XSZ::XSZ"}))


async def symbol_not_there(world: World) -> Any:
    await destinations(world, ("XSX::DARK", "Prodigy"))
    return await world.result("PlaceOrder", place(Route={"Algorithm": "Market", "Market": "XSX::DARK"}))


async def two_feeds(world: World) -> Any:
    await destinations(world, ("XSX::XSX", "Other"))
    return await world.result("PlaceOrder", place())


async def of_others(world: World) -> Any:
    return await world.result("PlaceOrder", place(), STRANGER)


async def of_an_unseen_market(world: World) -> Any:
    return await world.result("PlaceOrder", place(), ONLY_XSY)


async def under_the_same_id(world: World) -> Any:
    await world.placed(RequestID="once")
    return await world.result("PlaceOrder", place(RequestID="once", Quantity=7))


async def unknown_order(world: World) -> Any:
    return await world.result("CancelOrder", {"Account": ACCOUNT, "OrderID": "none"})


async def order_of_a_wrong_type(world: World) -> Any:
    return await world.result("CancelOrder", {"Account": ACCOUNT, "OrderID": 5})


async def no_order(world: World) -> Any:
    return await world.result("AmendOrder", amend("", Quantity=1))


async def amended(world: World, **changes: Any) -> Any:
    return await world.result("AmendOrder", amend(await world.placed(), **changes))


async def amended_twice(world: World) -> Any:
    order_id = await world.placed()
    world.exchange.is_silent = True
    await world.result("AmendOrder", amend(order_id, Quantity=200))
    return await world.result("AmendOrder", amend(order_id, Quantity=300))


async def amended_after_cancel(world: World) -> Any:
    order_id = await world.placed()
    await world.result("CancelOrder", {"Account": ACCOUNT, "OrderID": order_id})
    return await world.result("AmendOrder", amend(order_id, Quantity=200))


async def amended_below_fill(world: World) -> Any:
    order_id = await world.placed()
    await world.exchange.fill(order_id, 50, "1.50")
    return await world.result("AmendOrder", amend(order_id, Quantity=50))


async def condition_on_market(world: World) -> Any:
    return await amended(world, Condition={"Name": "StopLoss", "Stop": 1})


async def authorise_without_word(world: World) -> Any:
    return await world.result("AuthoriseOrder", {"Account": ACCOUNT, "OrderID": await world.placed()})


async def authorise_what_waits_for_nobody(world: World) -> Any:
    data = {"Account": ACCOUNT, "OrderID": await world.placed(), "Authorise": True}
    return await world.result("AuthoriseOrder", data)


async def moved(world: World, destination: Any) -> Any:
    data = {"Account": ACCOUNT, "OrderID": await world.placed(), "Destination": destination}
    return await world.result("MoveOrder", data)


async def moved_to_tag(world: World) -> Any:
    await world.define(Account(owner_id="XS", account_id="1[Demo]"))
    return await moved(world, "XS:1[Demo]")


OTHERWISE: list[tuple[str, str, Arrange]] = [
    ("Symbol.Status", REJECTED, placed_while_closed),
    ("OrderType.Status", REJECTED, market_order_in_auction),
    ("Validity", REJECTED, at_once_in_auction),
    ("Status", REJECTED, amended_while_closed),
    ("Status", REJECTED, cancelled_while_closed),
    ("Internal.Unavailable", REJECTED, without_market),
    ("Internal.Path", REJECTED, without_feed),
    ("Route.Symbol", REJECTED, symbol_not_there),
    ("Route.Ambiguous", REJECTED, two_feeds),
    ("Account", REJECTED, of_others),
    ("Symbol.Authority", REJECTED, of_an_unseen_market),
    ("Order", INVALID, under_the_same_id),
    ("Order", REJECTED, unknown_order),
    ("Order", INVALID, order_of_a_wrong_type),
    ("Order", INCOMPLETE, no_order),
    ("Order.Status", REJECTED, amended_after_cancel),
    ("Retry", REJECTED, amended_twice),
    ("TotalQuantity.Executed", REJECTED, amended_below_fill),
    ("Operation", REJECTED, condition_on_market),
    ("Operation", INCOMPLETE, authorise_without_word),
    ("Order.Status", REJECTED, authorise_what_waits_for_nobody),
    ("Style", INCOMPLETE, lambda world: amended(world, Style="ManagedFund")),
    ("Side", INVALID, lambda world: amended(world, Side="Ask")),
    ("Symbol", INVALID, lambda world: amended(world, Code="XS02")),
    (
        "Operation",
        REJECTED,
        lambda world: amended(world, Route={"Algorithm": "Market", "Market": "XSY::XSY"}),
    ),
    ("TotalValue.Balance", REJECTED, lambda world: amended(world, Quantity=100_000)),
    ("Account", INCOMPLETE, lambda world: moved(world, None)),
    ("Account", INVALID, lambda world: moved(world, 7)),
    ("Account", INVALID, lambda world: moved(world, ACCOUNT)),
    ("Account", REJECTED, lambda world: moved(world, "XS:9999")),
    ("Route.Tag", INVALID, moved_to_tag),
]
"""Code, Result, and how to get there otherwise."""


@pytest.mark.parametrize(("code", "result", "run"), OTHERWISE)
async def test_another_request_that_cannot_be(code: str, result: str, run: Arrange, world: World) -> None:
    answer = await run(world)
    assert (answer["Result"], code in codes(answer)) == (result, True), answer


async def test_what_waits_too_long_for_its_exchange_is_timed_out(autojump_clock: Any) -> None:
    async with World().run() as world:
        pass
    async with World(world.journal).run(with_exchange=False) as again:
        order_id = await again.placed()
        again.now += 31 * 1_000_000_000
        await again.until(lambda: again.order(order_id).status == "Rejected")
        (order,) = await again.result("QueryOrders", {"Account": ACCOUNT, "OrderID": order_id})
        assert order["Status"] == "Rejected"
        assert again.order(order_id).errors == ("Timeout",)


async def test_an_answer_that_is_lost_may_have_worked(world: World) -> None:
    world.exchange.is_silent = True
    await world.placed(RequestID="lost")
    world.now += 31 * 1_000_000_000
    await world.until(lambda: world.service.reading().requests["Unknown"] == 1)
    (request,) = await world.result("QueryRequests", {"Account": ACCOUNT})
    assert (request["ID"], request["Status"]) == ("lost", "Unknown")
    assert world.state.request(Account(owner_id="XS", account_id="0001"), "lost").errors == ("Submitted",)


async def test_a_journal_that_fails_leaves_it_open(autojump_clock: Any) -> None:
    journal = Journal()
    async with World(journal).run() as world:
        journal.keeps_and_fails = True
        answer = await world.result("PlaceOrder", place(RequestID="open"))
        assert (answer["Result"], answer["Errors"]) == ("Rejected", ["Submitted"])
        assert answer["RequestID"] == "open"


async def test_codes_of_vetting_stand_beside_those_of_the_account(autojump_clock: Any) -> None:
    async with World(
        vetting=lambda case: Verdict(Level.FAIL, ("OrderValue.Exceed 9", "Flow"))
    ).run() as world:
        answer = await world.result("PlaceOrder", place(Quantity=10_000))
        assert answer["Errors"] == ["TotalValue.Balance", "OrderValue.Exceed 9", "Flow"]
        assert answer["Result"] == "Rejected"


async def test_authority_refuses_what_was_queued(autojump_clock: Any) -> None:
    async with World(vetting=lambda case: Verdict(Level.AUTH, ("Large",))).run() as world:
        order_id = await world.placed()
        data = {"Account": ACCOUNT, "OrderID": order_id, "Authorise": False, "Reason": "no"}
        assert (await world.result("AuthoriseOrder", data))["Result"] == "Success"
        assert world.order(order_id).errors == ("Authority",)


COVERED_OTHERWISE = {"Timeout", "Submitted", "Authority"}
"""By the tests above that are not in a table."""

OF_THE_SESSION = {"Connection"}
"""tests/wire/test_order_results.py"""

NOT_OF_THESE_MARKETS = {
    "HiddenQuantity.Symbol",
    "MinimumQuantity.Symbol",
    "Validity.Symbol",
    "OrderType.Market",
    "LimitPrice.Distance",
    "LimitPrice.Minimum",
    "LimitPrice.Maximum",
    "TotalQuantity.Minimum",
}
"""Of restrictions that symbols of the order management system can have, and no market of ours says yet:
tests/oms/test_codes has their input."""


def test_every_code_that_can_come_has_its_input() -> None:
    covered = {row[0] for row in PLACE} | {row[0] for row in OTHERWISE} | COVERED_OTHERWISE
    documented = {code for code, finder in DOCUMENTED.items() if finder is not Finder.NOBODY}
    assert documented - covered == NOT_OF_THESE_MARKETS | OF_THE_SESSION
