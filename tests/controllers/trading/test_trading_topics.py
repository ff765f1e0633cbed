"""Every topic of zenith-websocket 3.5: what it answers and tells, and to whom."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.trading.world import (
    A1,
    A2,
    ACCOUNT,
    DEMO,
    ONLY_FIRST,
    STRANGER,
    D,
    Journal,
    World,
    X,
    Y,
    amend,
    place,
    replace,
    xs01,
)
from zenithd.authority.access import MarketGrant, View
from zenithd.config import OrderSettings
from zenithd.config.order_settings import FeeSettings
from zenithd.controllers.interface import Opened, Refusal
from zenithd.controllers.trading import actions
from zenithd.domain.events import TradeReported
from zenithd.domain.identifiers import InstrumentId
from zenithd.oms.commands import Define, Transact
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.transactions import CashTransfer, TransactionDetails
from zenithd.oms.model.updates import AccountUndefined, CashTransferred
from zenithd.oms.reference import Level, Verdict

MINE = {"Account": ACCOUNT}
OF_ACCOUNT = [
    "QueryBalances",
    "QueryHoldings",
    "QueryLimits",
    "QueryOrderAudit",
    "QueryOrders",
    "QueryRequests",
    "QueryTransactions",
]
OF_PROVIDER = ["QueryOrderStatuses", "QueryRequestStatuses", "QueryTradingMarkets"]
SUBSCRIPTIONS = ["Audit", "Balances", "Holdings", "Orders", "Requests", "Transactions"]


@pytest.fixture
async def world(autojump_clock: Any) -> Any:
    async with World().run() as world:
        yield world


# Queries


async def test_accounts_come_in_ascending_order_each_whole(world: World) -> None:
    accounts = await world.result("QueryAccounts")
    assert [each["ID"] for each in accounts] == ["XS:0001", "XS:0002", "XS:0003"]
    assert accounts[0] == {
        "ID": "XS:0001",
        "Name": "Demonstration 0001",
        "Provider": "OMS",
        "Feed": "Active",
        "Currency": "AUD",
    }
    assert [each["ID"] for each in await world.result("QueryAccounts", None, ONLY_FIRST)] == ["XS:0001"]
    assert await world.result("QueryAccounts", {"ignored": 1}, STRANGER) == []


async def test_balances_of_all_kinds(world: World) -> None:
    await world.placed()
    balances = await world.result("QueryBalances", MINE)
    assert {(each["Type"], each["Amount"]) for each in balances} == {
        ("NetBalance", 10_000),
        ("Trading", 9_850),
        ("NonTrading", 0),
        ("UnfilledBuys", -150),
        ("Margin", 0),
    }
    assert {(each["Account"], each["Currency"]) for each in balances} == {(ACCOUNT, "AUD")}


async def test_holdings_are_plain_objects(world: World) -> None:
    await world.placed(Side="Ask", Quantity=30)
    holdings = await world.result("QueryHoldings", MINE)
    assert [each["Code"] for each in holdings] == ["XS01", "XS02"]
    assert holdings[0] == {
        "Exchange": "XSX",
        "Code": "XS01",
        "Account": ACCOUNT,
        "Style": "Market",
        "Cost": 2_000,
        "Currency": "AUD",
        "TotalQuantity": 1_000,
        "TotalAvailable": 970,
        "AveragePrice": 2,
    }
    assert len(await world.result("QueryHoldings", {**MINE, "Exchange": "XSX", "Code": "XS02"})) == 1
    assert await world.result("QueryHoldings", {**MINE, "Exchange": "ASX"}) == []
    assert await world.errors("QueryHoldings", {**MINE, "Code": "XS02"}) == ("Exchange",)


async def test_orders_are_asked_for_under_another_name_by_real_clients(world: World) -> None:
    first, second = await world.placed(), await world.placed(LimitPrice=1.4)
    assert [each["ID"] for each in await world.result("QueryOrders", MINE)] == [first, second]
    (found,) = await world.result("QueryOrders", {**MINE, "OrderID": second})
    assert await world.result("QueryHoldings", {**MINE, "OrderID": second}) == [found]
    assert await world.result("QueryOrders", {**MINE, "OrderID": "none"}) == []


async def test_an_order_has_everything_that_a_client_reads(world: World) -> None:
    order_id = await world.placed(ExpiryDate="2026-12-01T00:00:00.000Z")
    (order,) = await world.result("QueryOrders", MINE)
    assert order == {
        "ID": order_id,
        "Account": ACCOUNT,
        "ExternalID": "E1",
        "Status": "OnMarket",
        "Exchange": "XSX",
        "TradingMarket": X,
        "Currency": "AUD",
        "EstimatedValue": 150,
        "CurrentValue": 0,
        "CreatedDate": "2026-11-20T10:00:00Z",
        "UpdatedDate": "2026-11-20T10:00:00Z",
        "Style": "Market",
        "Details": {
            "Exchange": "XSX",
            "Code": "XS01",
            "Side": "Bid",
            "Style": "Market",
            "Type": "Limit",
            "LimitPrice": 1.5,
            "Quantity": 100,
            "Validity": "UntilCancel",
            "ExpiryDate": "2026-12-01",
        },
        "Route": {"Algorithm": "Market", "Market": X},
        "ExecutedQuantity": 0,
    }
    await world.exchange.fill(order_id, 40, "1.45")
    (order,) = await world.result("QueryOrders", MINE)
    assert (order["Status"], order["ExecutedQuantity"], order["AveragePrice"]) == ("PartialFill", 40, 1.45)
    assert (order["CurrentValue"], order["EstimatedValue"]) == (58, 148)


async def test_details_come_back_as_they_were_given(world: World) -> None:
    given = {"HiddenQuantity": 50, "Validity": "AllOrNone", "Side": "Ask", "Code": "XS02"}
    await world.placed(**given, Route={"Algorithm": "BestMarket"})
    (order,) = await world.result("QueryOrders", MINE)
    assert {name: order["Details"][name] for name in given} == given
    assert order["Details"]["Quantity"] == 100
    assert order["Route"] == {"Algorithm": "BestMarket"}
    await world.placed(MinimumQuantity=10, Validity="FillAndKill")
    *_, order = await world.result("QueryOrders", MINE)
    assert (order["Details"]["MinimumQuantity"], order["Details"]["Validity"]) == (10, "FillAndKill")
    await world.placed(Type="MarketToLimit", LimitPrice=None, Validity="UntilDay")
    *_, order = await world.result("QueryOrders", MINE)
    assert order["Details"]["Type"] == "MarketToLimit"
    assert "LimitPrice" not in order["Details"]


async def test_best_market_goes_where_the_price_is_better(world: World) -> None:
    instrument = InstrumentId("XS01.XSY")
    world.xsy.apply([replace(xs01("XSY")[1], instrument=instrument, order_id="3", price=200)], world.now)
    order_id = await world.placed(Route={"Algorithm": "BestMarket"})
    assert world.order(order_id).ex_destination == Y


async def test_limits(world: World) -> None:
    limit = {"Code": "TotalValue.Maximum", "Value": 1_000_000_000}
    assert await world.result("QueryLimits", MINE) == [limit]
    of_symbol = {**MINE, "Code": "XS01", "Market": "XSX"}
    assert await world.result("QueryLimits", of_symbol) == [
        limit,
        {"Code": "TotalQuantity.Minimum", "Value": 1},
    ]
    assert await world.errors("QueryLimits", {**MINE, "Code": "XS01"}) == ("Market",)
    assert await world.errors("QueryLimits", {**MINE, "Market": "XSX"}) == ("Code",)
    assert await world.errors("QueryLimits", {**of_symbol, "Market": "no code"}) == ("Market no code",)
    unknown = {**MINE, "Code": "NONE", "Market": "XSX"}
    assert await world.errors("QueryLimits", unknown) == ("Symbol.NotFound NONE.XSX",)
    blind = replace(DEMO, grants=(MarketGrant("XSY", View()),))
    assert await world.errors("QueryLimits", of_symbol, blind) == ("Symbol.NotFound XS01.XSX",)


async def test_statuses_cover_whatever_an_order_can_have(world: World) -> None:
    statuses = await world.result("QueryOrderStatuses", {"Provider": "OMS"})
    by_key = {(each["Code"], each.get("Exchange")): each for each in statuses}
    assert len(by_key) == len(statuses)
    assert by_key["OnMarket", "XSX"] == {
        "Code": "OnMarket",
        "Exchange": "XSX",
        "Allows": "All",
        "Reason": "Normal",
    }
    for place_ in (None, "XSX"):
        assert by_key["Pending", place_]["Reason"] == "Normal, Waiting"
        assert by_key["Queued", place_]["Allows"] == "Amend, Cancel"
        assert by_key["Queued", place_]["Reason"] == "Normal, Manual, Waiting"
        assert by_key["Unknown", place_]["Reason"] == "Abnormal, Waiting"
        assert by_key["Rejected", place_]["Reason"] == "Abnormal, Completed"
        assert by_key["Rejected", place_]["Allows"] == "None"
    assert await world.result("QueryOrderStatuses", {"Provider": "OMS", "Exchange": "XSX"}) == statuses


async def test_request_statuses(world: World) -> None:
    statuses = await world.result("QueryRequestStatuses", {"Provider": "OMS"})
    assert {each["Code"] for each in statuses} == {
        "Pending",
        "Queued",
        "Submitted",
        "Unknown",
        "Completed",
        "Rejected",
    }
    assert {frozenset(each) for each in statuses} == {frozenset({"Code", "Allows", "Reason"})}
    (queued,) = [each for each in statuses if each["Code"] == "Queued"]
    assert queued["Allows"] == "All"


async def test_trading_markets(world: World) -> None:
    assert await world.result("QueryTradingMarkets", {"Provider": "OMS"}) == [
        {"Code": X, "Exchange": "XSX", "IsLit": True, "BestSource": "XSX"},
        {"Code": Y, "Exchange": "XSX", "IsLit": True},
    ]


@pytest.mark.parametrize("topic", OF_PROVIDER)
async def test_queries_of_a_provider_that_cannot_be(topic: str, world: World) -> None:
    assert await world.errors(topic) == ("Data",)
    assert await world.errors(topic, {}) == ("Data.Deserialise",)
    assert await world.errors(topic, {"Provider": 1}) == ("Data.Deserialise",)
    assert await world.errors(topic, {"Provider": "XOSP"}) == ("Authority.NotFound XOSP",)
    assert await world.errors(topic, {"Provider": "OMS", "Exchange": "ASX"}) == ("Exchange.NotFound ASX",)


@pytest.mark.parametrize("topic", OF_ACCOUNT)
async def test_queries_of_an_account_that_cannot_be(topic: str, world: World) -> None:
    assert await world.errors(topic) == ("Data",)
    assert await world.errors(topic, [1]) == ("Data.Deserialise",)
    assert await world.errors(topic, {}) == ("Account",)
    assert await world.errors(topic, {"Account": 5}) == ("Data.Deserialise",)
    assert await world.errors(topic, {"Account": "5"}) == ("Account 5",)
    assert await world.errors(topic, {"Account": "XS:9999"}) == ("Account.NotFound XS:9999",)
    assert await world.errors(topic, MINE, STRANGER) == (f"Account.NotFound {ACCOUNT}",)
    for field, value in (("Count", -1), ("Count", "x"), ("FromDate", "soon"), ("OrderID", 1), ("Code", [])):
        assert await world.errors(topic, {**MINE, field: value}) == ("Data.Deserialise",)


async def test_requests_are_listed_until_they_are_finished(world: World) -> None:
    order_id = await world.placed()
    assert await world.result("QueryRequests", MINE) == []
    world.exchange.is_silent = True
    await world.result("AmendOrder", amend(order_id, RequestID="a", Quantity=200, LimitPrice=1.25))
    (request,) = await world.result("QueryRequests", {**MINE, "OrderID": order_id})
    assert (request["ID"], request["Type"], request["Status"]) == ("a", "Amend", "Submitted")
    assert request["OrderID"] == order_id
    assert (request["Details"]["Quantity"], request["Details"]["LimitPrice"]) == (200, 1.25)
    assert await world.result("QueryRequests", {**MINE, "OrderID": "other"}) == []
    await world.exchange.carry_out(world.exchange.asked[-1])
    assert await world.result("QueryRequests", MINE) == []


async def test_transactions_and_audit_of_a_day(world: World) -> None:
    order_id = await world.placed()
    await world.exchange.fill(order_id, 60, "1.50")
    world.now += 3_600 * 1_000_000_000
    await world.exchange.fill(order_id, 40, "1.48")
    transactions = await world.result("QueryTransactions", MINE)
    assert [each["TotalQuantity"] for each in transactions] == [60, 40]
    assert transactions[0] == {
        "ID": f"{order_id}/T2",
        "Exchange": "XSX",
        "Code": "XS01",
        "TradingMarket": X,
        "Account": ACCOUNT,
        "Style": "Market",
        "TradeDate": "2026-11-20T10:00:00Z",
        "SettlementDate": "2026-11-24T10:00:00Z",
        "GrossAmount": -90,
        "NetAmount": -90,
        "SettlementAmount": -90,
        "OrderID": order_id,
        "Currency": "AUD",
        "TotalQuantity": 60,
        "AveragePrice": 1.5,
    }
    for narrowed, count in (
        ({"Count": 1}, 1),
        ({"Count": 0}, 0),
        ({"FromDate": "2026-11-20T10:30:00Z"}, 1),
        ({"ToDate": "20261120T103000Z"}, 1),
        ({"FromDate": "2026-11-21T00:00:00Z"}, 0),
        ({"OrderID": order_id}, 2),
        ({"OrderID": "other"}, 0),
        ({"Exchange": "XSX", "Code": "XS02"}, 0),
        ({"TradingMarket": Y}, 0),
    ):
        assert len(await world.result("QueryTransactions", {**MINE, **narrowed})) == count, narrowed
    (newest,) = await world.result("QueryTransactions", {**MINE, "Count": 1})
    assert newest["TotalQuantity"] == 40
    audit = await world.result("QueryOrderAudit", MINE)
    versions = [int(each["Version"]) for each in audit]
    assert versions == sorted(versions)
    assert all(each["Type"] in each for each in audit)
    kinds = [(each["Type"], each[each["Type"]].get("Status")) for each in audit]
    assert kinds == [
        ("Request", "Pending"),
        ("Order", "Pending"),
        ("Request", "Submitted"),
        ("Order", "OnMarket"),
        ("Request", "Completed"),
        ("Order", "PartialFill"),
        ("Transaction", None),
        ("Order", "Filled"),
        ("Transaction", None),
    ]
    assert await world.result("QueryOrderAudit", {**MINE, "OrderID": order_id}) == audit


async def test_an_unknown_topic(world: World) -> None:
    assert await world.errors("QueryFortunes") == ("Operation.Unknown",)
    assert world.open("Fortunes") == Refusal(("Operation.Unknown",))


# Actions


async def test_success_bears_the_request_and_the_order_with_its_id_for_life(world: World) -> None:
    result = await world.result("PlaceOrder", place())
    assert result["Result"] == "Success"
    assert len(result["RequestID"]) == 22 and result["RequestID"].isalnum()
    order_id = result["Order"]["ID"]
    assert result["Order"]["Status"] == "Pending"
    assert result["EstimatedValue"] == 150
    assert "Errors" not in result
    for topic, data in (
        ("AmendOrder", amend(order_id, Quantity=150, RequestID="A")),
        ("CancelOrder", {**MINE, "OrderID": order_id, "Flags": [], "RequestID": "C"}),
    ):
        result = await world.result(topic, data)
        assert (result["Result"], result["RequestID"]) == ("Success", data["RequestID"])
        assert result["Order"]["ID"] == order_id
    (order,) = await world.result("QueryOrders", MINE)
    assert (order["ID"], order["Status"], order["Details"]["Quantity"]) == (order_id, "Cancelled", 150)


async def test_an_amendment_without_a_route_keeps_it(world: World) -> None:
    order_id = await world.placed(Route={"Algorithm": "BestMarket"})
    assert (await world.result("AmendOrder", amend(order_id, Quantity=150)))["Result"] == "Success"
    (order,) = await world.result("QueryOrders", MINE)
    assert order["Route"] == {"Algorithm": "BestMarket"}


async def test_the_same_request_gives_the_same_answer_and_no_second_order(world: World) -> None:
    results: list[Any] = []

    async def ask() -> None:
        results.append((await world.ask("PlaceOrder", place(RequestID="once"))).data)

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(ask)
    assert {(each["Result"], each["RequestID"], each["Order"]["ID"]) for each in results} == {
        ("Success", "once", results[0]["Order"]["ID"])
    }
    assert len(await world.result("QueryOrders", MINE)) == 1
    # The id is this account's alone.
    other = await world.result("PlaceOrder", place(RequestID="once", Account="XS:0002"))
    assert other["Order"]["ID"] != results[0]["Order"]["ID"]


async def test_null_is_absent_and_what_is_unknown_is_ignored(world: World) -> None:
    data = place(
        RequestID=None,
        Flags=None,
        Condition=None,
        HiddenQuantity=None,
        MinimumQuantity=None,
        ExpiryDate=None,
        ShortType=None,
        BrokerageSchedule=None,
        Instructions=None,
        Novelty=1,
    )
    assert (await world.result("PlaceOrder", data))["Result"] == "Success"


@pytest.mark.parametrize("flag", ["PDS", "Flag.PDS"])
async def test_both_spellings_of_flags(flag: str, world: World) -> None:
    fund = {"Style": "ManagedFund", "UnitType": "Units", "UnitAmount": 5, "Exchange": "XSX", "Code": "F"}
    data = {**MINE, "Details": {**fund, "Side": "Bid"}, "Flags": [flag], "Route": {"Algorithm": "BestMarket"}}
    result = await world.result("PlaceOrder", data)
    assert (result["Result"], result["Errors"]) == ("Invalid", ["Style"])


async def test_instructions_and_numbers_as_text(world: World) -> None:
    await world.placed(Instructions=["Sweep"], LimitPrice="1.50", Quantity="100")
    (order,) = await world.result("QueryOrders", MINE)
    assert order["Details"]["Instructions"] == ["Sweep"]
    assert (order["Details"]["LimitPrice"], order["Details"]["Quantity"]) == (1.5, 100)


async def test_calculate_says_what_it_would_cost_and_does_nothing(autojump_clock: Any) -> None:
    fees = {"brokerage_rate": "0.001", "brokerage_minimum": "5", "tax_rate": "0.1"}
    settings = OrderSettings(demonstration_accounts=1, fees=(FeeSettings(**fees),))
    async with World(settings=settings).run() as world:
        appends = world.journal.appends
        result = await world.result("CalculateOrder", place(RequestID="why"))
        assert result == {
            "Result": "Success",
            "RequestID": "why",
            "EstimatedFees": {"Brokerage": 5, "Tax": 0.5},
            "EstimatedValue": 150,
        }
        assert world.journal.appends == appends
        order_id = await world.placed(RequestID="why")
        (order,) = await world.result("QueryOrders", MINE)
        assert order["EstimatedFees"] == {"Brokerage": 5, "Tax": 0.5}
        result = await world.result("CalculateOrder", amend(order_id, Quantity=200, RequestID="why"))
        assert (result["Result"], result["EstimatedValue"]) == ("Success", 300)
        assert world.order(order_id).quantity == 100
        refused = await world.result("CalculateOrder", place(Quantity=100_000))
        assert (refused["Result"], refused["Errors"]) == ("Rejected", ["TotalValue.Balance"])
        assert len(refused["RequestID"]) == 22


async def test_no_market_takes_requests_for_quotes(world: World) -> None:
    asked = {"Market": "XSX", "Code": "XS01"}
    rejected = {"Result": "Rejected"}
    assert await world.result("RequestQuote", asked) == {**rejected, "Errors": ["Operation"]}
    assert await world.result("RequestQuote", {**asked, "Code": "NO"}) == {**rejected, "Errors": ["Symbol"]}
    blind = replace(DEMO, grants=(MarketGrant("XSY", View()),))
    assert await world.result("RequestQuote", asked, blind) == {**rejected, "Errors": ["Symbol"]}
    for data, result, error in (
        ({"Code": "XS01"}, "Incomplete", "Route.Market"),
        ({"Market": "XSX"}, "Incomplete", "Symbol"),
        ({**asked, "Market": "no code"}, "Invalid", "Route.Market"),
        ({**asked, "Side": "Both"}, "Invalid", "Side"),
        ({**asked, "Quantity": 0}, "Invalid", "TotalQuantity"),
        (None, "Incomplete", "Symbol"),
    ):
        answer = await world.result("RequestQuote", data)
        assert answer["Result"] == result and error in answer["Errors"]


async def test_a_queued_order_is_released_by_somebody_who_is_authorised(autojump_clock: Any) -> None:
    async with World(vetting=lambda case: Verdict(Level.AUTH, ("Large",))).run() as world:
        reader = world.reader()
        reader.subscribe(f"Requests!{ACCOUNT}")
        order_id = await world.placed(RequestID="queued")
        (order,) = await world.result("QueryOrders", MINE)
        assert (order["Status"], order["ID"]) == ("Queued", order_id)
        assert "Exchange" not in order and "TradingMarket" not in order
        assert not world.exchange.asked
        data = {**MINE, "OrderID": order_id, "Authorise": True, "Reason": "fine"}
        result = await world.result("AuthoriseOrder", data)
        assert (result["Result"], result["Order"]["ID"]) == ("Success", order_id)
        assert world.order(order_id).status == "OnMarket"
        told = [(each["O"], each["Request"].get("Status")) for each in reader.read(f"Requests!{ACCOUNT}")]
        assert told == [("A", "Queued"), ("U", "Pending"), ("U", "Submitted"), ("R", None)]


async def test_a_moved_order_leaves_one_account_and_comes_to_the_other(world: World) -> None:
    everything, source = world.reader(), world.reader()
    everything.subscribe("Orders")
    source.subscribe(f"Orders!{ACCOUNT}")
    order_id = await world.placed()
    everything.messages()
    source.messages()
    data = {**MINE, "OrderID": order_id, "Destination": "XS:0002"}
    result = await world.result("MoveOrder", data)
    assert (result["Result"], result["Order"]["ID"]) == ("Success", order_id)
    gone = {"O": "R", "Order": {"ID": order_id, "Account": ACCOUNT}}
    assert source.read(f"Orders!{ACCOUNT}") == [gone]
    told = everything.read("Orders")
    assert gone in told
    assert [(each["O"], each["Order"]["Account"]) for each in told if each["O"] == "A"] == [("A", "XS:0002")]
    only_source = {**data, "OrderID": await world.placed()}
    assert (await world.result("MoveOrder", only_source, ONLY_FIRST))["Errors"] == ["Account"]
    assert world.order(order_id, A2).account == A2


# Subscriptions


@pytest.mark.parametrize("topic", SUBSCRIPTIONS)
async def test_a_subscription_begins_with_a_record_for_each_account(topic: str, world: World) -> None:
    begins = {
        "Balances": {"Type": "", "Currency": "", "Amount": 0},
        "Transactions": {"O": "I"},
    }.get(topic, {"O": "C"})
    told = world.reader().subscribe(topic)
    accounts = [each["Account"] for each in told if begins.items() <= each.items()]
    assert accounts == ["XS:0001", "XS:0002", "XS:0003"]
    of_one = world.reader().subscribe(f"{topic}!XS:0002")
    assert of_one[0] == {**begins, "Account": "XS:0002"}
    assert [each for each in of_one if each not in told] == []
    assert world.reader().subscribe(topic, STRANGER) == []
    assert world.open(f"{topic}!XS:0002", ONLY_FIRST) == Refusal(("Account.NotFound XS:0002",))
    assert world.open(f"{topic}!nonsense") == Refusal(("Account.NotFound nonsense",))


async def test_everything_that_an_order_moves_is_told(world: World) -> None:
    readers = {topic: world.reader() for topic in SUBSCRIPTIONS}
    for topic, reader in readers.items():
        reader.subscribe(f"{topic}!{ACCOUNT}")
    stranger = world.reader()
    for topic in SUBSCRIPTIONS:
        stranger.subscribe(f"{topic}!XS:0002")
        stranger.subscribe(topic, STRANGER)
    stranger.messages()
    order_id = await world.placed(RequestID="P")
    await world.exchange.fill(order_id, 100, "1.48")
    told = {topic: reader.read(f"{topic}!{ACCOUNT}") for topic, reader in readers.items()}
    orders = [(each["O"], each["Order"]["Status"]) for each in told["Orders"]]
    assert orders == [("A", "Pending"), ("U", "OnMarket"), ("U", "Filled")]
    requests = [(each["O"], each["Request"].get("Status")) for each in told["Requests"]]
    assert requests == [("A", "Pending"), ("U", "Submitted"), ("R", None)]
    assert told["Requests"][-1]["Request"] == {"ID": "P", "Account": ACCOUNT}
    amounts: dict[str, Any] = {}
    for each in told["Balances"]:
        amounts[each["Type"]] = each["Amount"]
    assert amounts == {
        "NetBalance": 10_000,
        "NonTrading": -148,
        "Trading": 9_852,
        "UnfilledBuys": 0,
        "Margin": 0,
    }
    holding = told["Holdings"][-1]
    assert (holding["O"], holding["Holding"]["TotalQuantity"]) == ("U", 1_100)
    (transaction,) = told["Transactions"]
    assert (transaction["O"], transaction["Transaction"]["TotalQuantity"]) == ("A", 100)
    audited = [(each["O"], each["Audit"]["Type"]) for each in told["Audit"]]
    assert audited == [
        ("A", "Request"),
        ("A", "Order"),
        ("A", "Request"),
        ("A", "Order"),
        ("A", "Request"),
        ("A", "Order"),
        ("A", "Transaction"),
    ]
    assert [each["Audit"] for each in told["Audit"]] == await world.result("QueryOrderAudit", MINE)
    assert stranger.messages() == []


async def test_a_new_holding_is_added_and_an_order_removed_after_its_time(world: World) -> None:
    fresh = Account(owner_id="XS", account_id="0009")
    await world.define(fresh)
    reader = world.reader()
    reader.subscribe("Holdings!XS:0009")
    await _deposit(world, fresh)
    order_id = await world.placed(Account="XS:0009")
    await world.exchange.fill(order_id, 100, "1.50", fresh)
    (told,) = reader.read("Holdings!XS:0009")
    assert (told["O"], told["Holding"]["TotalQuantity"]) == ("A", 100)
    assert told["Holding"]["AveragePrice"] == 1.5
    reader.subscribe("Orders!XS:0009")
    world.now += 3 * 86_400 * 1_000_000_000
    await world.until(lambda: world.state.order(fresh, order_id) is None)
    gone = {"O": "R", "Order": {"ID": order_id, "Account": "XS:0009"}}
    assert reader.read("Orders!XS:0009")[-1] == gone
    assert await world.result("QueryOrders", {"Account": "XS:0009"}) == []


async def _deposit(world: World, account: Account) -> None:
    details = TransactionDetails(transaction_id="D", account=account)
    transfer = CashTransfer(currency="AUD", value=D(500))
    await world.do(Transact(CashTransferred(transaction=details, transfer=transfer)))


async def test_a_new_account_comes_to_those_who_see_all(world: World) -> None:
    everything, first = world.reader(), world.reader()
    for topic in ("Accounts", "TradingAccounts", *SUBSCRIPTIONS):
        everything.subscribe(topic)
        first.subscribe(topic, ONLY_FIRST)
    await world.define(Account(owner_id="XS", account_id="0004"))
    told = {message["Topic"]: message["Data"] for message in everything.messages()}
    state = {
        "ID": "XS:0004",
        "Name": "XS:0004",
        "Provider": "OMS",
        "Feed": "Active",
        "Currency": "AUD",
    }
    assert told.pop("Accounts") == [state]
    assert told.pop("TradingAccounts") == [{"Operation": "Add", "Account": state}]
    assert told.pop("Balances") == [{"Account": "XS:0004", "Type": "", "Currency": "", "Amount": 0}]
    assert told.pop("Transactions") == [{"O": "I", "Account": "XS:0004"}]
    cleared = [{"O": "C", "Account": "XS:0004"}]
    assert told == dict.fromkeys(("Audit", "Holdings", "Orders", "Requests"), cleared)
    assert first.messages() == []
    await world.define(Account(owner_id="XS", account_id="0004"))  # nothing new
    assert everything.messages() == []


async def test_an_account_that_is_taken_away(world: World) -> None:
    order_id = await world.placed(Account="XS:0002")
    everything, single = world.reader(), world.reader()
    for topic in ("Accounts", "TradingAccounts", "Orders"):
        everything.subscribe(topic)
    single.subscribe("Orders!XS:0002")
    await world.do(Define(AccountUndefined(account=A2)))
    told = {message["Topic"]: message["Data"] for message in everything.messages()}
    assert told == {
        "Accounts": [{"ID": "XS:0002", "Feed": "Impaired"}],
        "TradingAccounts": [{"Operation": "Remove", "Account": {"ID": "XS:0002"}}],
        "Orders": [{"O": "C", "Account": "XS:0002"}],
    }
    assert single.ended == [("Orders!XS:0002", "Account.NotFound XS:0002")]
    assert order_id  # what it holds, and its orders, stay: they are shown again with the account
    await world.define(A2)
    (orders,) = [message["Data"] for message in everything.messages() if message["Topic"] == "Orders"]
    assert [each["O"] for each in orders] == ["C", "A"]


async def test_who_loses_a_right_is_told_to_forget(world: World) -> None:
    await world.placed(Account="XS:0002")
    opened, held = world.open("Orders", ONLY_FIRST), world.open("Orders")
    assert isinstance(opened, Opened) and isinstance(held, Opened)
    assert opened.entitlement != held.entitlement
    assert opened.taken_away is not None
    assert opened.taken_away(held.entitlement) == [
        [{"O": "C", "Account": "XS:0002"}, {"O": "C", "Account": "XS:0003"}]
    ]
    assert opened.taken_away(opened.entitlement) == []
    accounts = world.open("Accounts", ONLY_FIRST)  # those that stay are not touched
    assert isinstance(accounts, Opened) and accounts.taken_away is not None
    assert accounts.taken_away(held.entitlement) == [
        [{"ID": "XS:0002", "Feed": "Impaired"}, {"ID": "XS:0003", "Feed": "Impaired"}]
    ]
    assert accounts.taken_away(accounts.entitlement) == []
    balances = world.open("Balances", ONLY_FIRST)
    assert isinstance(balances, Opened) and balances.taken_away is not None
    ((record, _),) = balances.taken_away(held.entitlement)
    assert record == {"Account": "XS:0002", "Type": "", "Currency": "", "Amount": 0}


async def test_snapshots_show_nothing_that_is_not_kept(autojump_clock: Any) -> None:
    journal = Journal()
    async with World(journal).run() as world:
        gate = journal.hold()
        results: list[Any] = []

        async def ask(topic: str, data: Any) -> None:
            results.append((await world.ask(topic, data)).data)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "PlaceOrder", place())
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(ask, "QueryOrders", MINE)
            await trio.testing.wait_all_tasks_blocked()
            assert results == []
            reader, other = world.reader(), world.reader()
            assert reader.subscribe(f"Orders!{ACCOUNT}") == [{"O": "C", "Account": ACCOUNT}]
            assert len(other.subscribe("Holdings!XS:0002")) == 3  # another account has nothing under way
            assert await world.result("QueryOrders", {"Account": "XS:0002"}) == []
            gate.set()
            journal.gate = None
        assert sorted(type(each).__name__ for each in results) == ["dict", "list"]
        await trio.testing.wait_all_tasks_blocked()
        told = reader.read(f"Orders!{ACCOUNT}")
        assert [each["O"] for each in told] == ["C", "A", "U"]
        assert len({each["Order"]["ID"] for each in told if each["O"] != "C"}) == 1


async def test_trades_of_the_market_reach_only_orders_that_wait_for_them(world: World) -> None:
    condition = {"Name": "StopLoss", "Stop": 1.8, "Reference": "Last", "Direction": "Down"}
    order_id = await world.placed(Side="Ask", LimitPrice=1.7, Condition=condition)
    (order,) = await world.result("QueryOrders", MINE)
    assert (order["Status"], order["Condition"]) == ("Held", condition)
    assert "TradingMarket" not in order
    assert not world.exchange.asked
    assert world.directory.wanted == ["XS01.XSX", "XS01.XSY"]
    instrument = InstrumentId("XS01.XSX")
    trades = [
        TradeReported(instrument, number, price, 1, world.now) for number, price in ((2, 175), (3, 200))
    ]
    world.service.prices.observe(world.xsx, world.xsx.apply(trades, world.now))
    await trio.testing.wait_all_tasks_blocked()
    assert world.order(order_id).status == "OnMarket"
    assert len(world.exchange.asked) == 1
    world.service.prices.observe(
        world.xsx, world.xsx.apply([TradeReported(instrument, 4, 170, 1, world.now)], world.now)
    )
    await trio.testing.wait_all_tasks_blocked()
    assert len(world.exchange.asked) == 1
    assert world.directory.wanted == []


async def test_best_market_chooses_among_what_the_user_may_see(world: World) -> None:
    access = replace(DEMO, grants=(MarketGrant("XSX", View()),))
    order = (await world.result("PlaceOrder", place(Route={"Algorithm": "BestMarket"}), access))["Order"]
    assert order["Route"] == {"Algorithm": "BestMarket"}
    held = world.service.desk.state.order(A1, order["ID"])
    assert held is not None and held.properties["Algorithm.Markets"] == X
    everything = (await world.result("PlaceOrder", place(Route={"Algorithm": "BestMarket"})))["Order"]
    held = world.service.desk.state.order(A1, everything["ID"])
    assert held is not None and "Algorithm.Markets" not in held.properties


async def test_the_same_request_is_the_same_whatever_the_user_may_see_by_now(world: World) -> None:
    request = place(Route={"Algorithm": "BestMarket"}, RequestID="once")
    first = await world.result("PlaceOrder", request, replace(DEMO, grants=(MarketGrant("XSX", View()),)))
    again = await world.result("PlaceOrder", request)
    assert (again["Result"], again["Order"]["ID"]) == ("Success", first["Order"]["ID"])


async def test_an_answer_that_cannot_be_made_is_not_the_order_tasks_matter(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(actions, "result_payload", broken)
        with pytest.raises(ZeroDivisionError):
            await world.ask("PlaceOrder", place(RequestID="A"))
    assert (await world.result("PlaceOrder", place(RequestID="B")))["Result"] == "Success"
    assert len(await world.result("QueryOrders", MINE)) == 2  # the first was kept all the same
