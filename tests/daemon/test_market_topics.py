"""Every Market topic over a real socket, in all three encodings, read by a client that is not ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.daemon.conftest import Client, DaemonProcess

SYMBOL = "XS01.XSX"
XS01 = {"Market": "XSX", "Code": "XS01"}


@pytest.fixture(scope="module", params=["ZenithJson", "ZenithMsgPack", "ZenithBson"])
def client(request: pytest.FixtureRequest, demonstration: DaemonProcess) -> Iterator[Client]:
    with demonstration.client(request.param) as client:
        result = client.log_in()
        assert result["Result"] == "Success"
        assert result["AccessToken"]
        yield client


def test_feeds_and_markets_agree(client: Client) -> None:
    feeds = client.subscribe("Feeds", "Zenith")
    markets = client.subscribe("Markets")
    listed = {market["Code"]: market for data in markets for market in data}
    assert {"XSX", "XSY", "XSX+XSY", "XSX[Delayed]"} <= set(listed)
    names = {feed["Name"] for data in feeds for feed in data if feed["Class"] == "Market"}
    assert names == set(listed)
    live = listed["XSX"]
    assert live["Feed"] == "Active"
    assert live["Status"]
    assert live["TradingDate"]
    assert {state["Name"] for state in live["States"]} == {"XSX::XSX"}
    answer, errors = client.ask("Market", "QueryMarkets")
    assert not errors
    assert {market["Code"] for market in answer} == set(listed)


def test_server_info(client: Client) -> None:
    (info,) = client.subscribe("ServerInfo", "Zenith")
    assert info["Class"] == "FeedProxy"
    assert info["Protocol"].startswith("2.0")
    assert info["Version"].count(".") == 3


class Book:
    """What a strict client makes of depth changes: it refuses all that real ones choke on (6.6)."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.clears = 0

    def apply(self, changes: list[dict[str, Any]]) -> None:
        for change in changes:
            operation, order = change["O"], change.get("Order")
            if operation == "C":
                self.orders.clear()
                self.clears += 1
                continue
            assert order is not None
            if operation == "A":
                assert order["ID"] not in self.orders
                assert {"Side", "Price", "Position", "Quantity"} <= set(order)
                self.orders[order["ID"]] = dict(order)
            elif operation == "U":
                known = self.orders[order["ID"]]
                if "Price" in order or "Position" in order:
                    new = (order.get("Price", known["Price"]), order.get("Position", known["Position"]))
                    assert new != (known["Price"], known["Position"])
                known.update(order)
            else:
                assert operation == "R"
                del self.orders[order["ID"]]
        places = [(o["Side"], o["Price"], o["Position"]) for o in self.orders.values()]
        assert len(places) == len(set(places))

    def best(self, side: str) -> float | None:
        prices = [order["Price"] for order in self.orders.values() if order["Side"] == side]
        return (max(prices) if side == "Bid" else min(prices)) if prices else None

    def levels(self) -> dict[tuple[str, float], float]:
        totals: dict[tuple[str, float], float] = {}
        for order in self.orders.values():
            key = (order["Side"], order["Price"])
            totals[key] = totals.get(key, 0) + (order["Quantity"] or 0)
        return totals


def test_depth_moves_and_never_crosses(client: Client) -> None:
    book = Book()
    for data in client.subscribe(f"Depth!{SYMBOL}"):
        book.apply(data)
    assert book.clears == 1
    for _ in range(30):
        book.apply(client.next_data(f"Depth!{SYMBOL}"))
        bid, ask = book.best("Bid"), book.best("Ask")
        assert bid is not None
        assert ask is not None
        assert bid < ask
    answer, errors = client.ask("Market", "QueryDepthFull", XS01)
    assert not errors
    assert answer[0] == {"O": "C"}
    assert all(change["O"] == "A" for change in answer[1:])


def test_levels_and_depth_tell_the_same(client: Client) -> None:
    book = Book()
    for data in client.subscribe("Depth!XS02.XSX"):
        book.apply(data)
    answer, errors = client.ask("Market", "QueryDepthLevels", {"Market": "XSX", "Code": "XS02"})
    assert not errors
    levels = {
        (change["Level"]["Side"], change["Level"]["Price"]): change["Level"]["Volume"]
        for change in answer
        if change["O"] == "A"
    }
    # Everything published before the answer has been queued before it.
    while any(message.get("Topic") == "Depth!XS02.XSX" for message in client.backlog):
        book.apply(client.next_data("Depth!XS02.XSX"))
    assert levels == book.levels()


def test_levels_subscription(client: Client) -> None:
    levels: dict[str, dict[str, Any]] = {}

    def apply(changes: list[dict[str, Any]]) -> None:
        for change in changes:
            if change["O"] == "C":
                levels.clear()
                continue
            level = change["Level"]
            if change["O"] == "A":
                assert level["ID"] not in levels
                assert (level["Side"], level["Price"]) not in {
                    (one["Side"], one["Price"]) for one in levels.values()
                }
                levels[level["ID"]] = level
            elif change["O"] == "U":
                assert {"Volume", "Count", "HasUndisclosed"} <= set(level)
                levels[level["ID"]].update(level)
            else:
                del levels[level["ID"]]

    for data in client.subscribe("Levels!XS03.XSX"):
        apply(data)
    for _ in range(10):
        apply(client.next_data("Levels!XS03.XSX"))
    assert {level["Side"] for level in levels.values()} == {"Bid", "Ask"}


def test_security_full_then_differences(client: Client) -> None:
    (full,) = client.subscribe(f"Security!{SYMBOL}")
    assert (full["Code"], full["Market"], full["Class"]) == ("XS01", "XSX", "Market")
    assert full["TradingState"]
    assert full["TradingMarkets"] == ["XSX::XSX"]
    assert full["Currency"] == "AUD"
    assert len(full["CFI"]) == 6
    for key in ("Volume", "AskQuantity", "BidQuantity", "ValueTraded"):
        assert isinstance(full[key], int | float)
    for _ in range(5):
        difference = client.next_data(f"Security!{SYMBOL}")
        assert difference
        assert "Code" not in difference
        full.update(difference)
    answer, errors = client.ask("Market", "QuerySecurity", XS01)
    assert not errors
    assert answer["BestBid"] < answer["BestAsk"]


def test_trades_subscription_and_history(client: Client) -> None:
    (first, *_) = client.subscribe(f"Trades!{SYMBOL}")
    assert first[0]["O"] == "I"
    newest = first[0]["ID"]
    answer, errors = client.ask("Market", "QueryTrades", {**XS01, "LastTradeID": newest, "Count": 50})
    assert not errors
    identifiers = [change["Trade"]["ID"] for change in answer]
    assert len(identifiers) == 50
    assert identifiers == sorted(set(identifiers))
    assert identifiers[-1] == newest
    change = client.next_data(f"Trades!{SYMBOL}")[0]
    assert change["O"] == "A"
    assert change["Trade"]["ID"] > newest
    assert change["Trade"]["Side"] in ("Bid", "Ask")
    assert "T" in change["Trade"]["Time"]
    assert client.ask("Market", "QueryTrades", {**XS01, "LastTradeID": 0}) == ([], [])


def test_charts_of_today_and_of_past_days(client: Client) -> None:
    minutes, errors = client.ask("Market", "QueryChartHistory", {**XS01, "Period": "00:01:00", "Count": 30})
    assert not errors
    assert len(minutes) == 30
    dates = [bar["Date"] for bar in minutes]
    assert dates == sorted(dates, reverse=True)
    assert all(bar["Low"] <= bar["Open"] <= bar["High"] for bar in minutes)
    days, errors = client.ask("Market", "QueryChartHistory", XS01)
    assert not errors
    assert len(days) >= 20
    assert all("T" not in bar["Date"] for bar in days)


def test_symbol_searches(client: Client) -> None:
    arclight = {
        "Conditions": [
            {
                "Field": "Code",
                "Group": "--Common%%",
                "IsCaseSensitive": True,
                "Match": "Exact",
                "Text": "XS01",
            }
        ],
        "FullSymbol": False,
        "Markets": ["XSX"],
        "PreferExact": True,
    }
    (found,), errors = client.ask("Market", "SearchSymbols", arclight)
    assert not errors
    assert {"Market", "Code", "Class", "SubscriptionData", "TradingMarkets"} <= set(found)
    found, errors = client.ask("Market", "QuerySymbols", {"SearchText": "XS0", "Market": "XSX[]"})
    assert not errors
    assert len(found) == 9
    found, errors = client.ask(
        "Market", "ScanSymbols", {"Markets": ["XSX"], "Criteria": ["Code", "XS1", {"As": "FromStart"}]}
    )
    assert not errors
    assert [symbol["Code"] for symbol in found] == ["XS10"]
    found, errors = client.ask("Market", "SearchSymbols", {"Markets": ["XSX", "NONE"], "Count": 3})
    assert errors == ["Market.NotFound NONE"]
    assert [symbol["Code"] for symbol in found] == ["XS01", "XS02", "XS03"]


def test_symbols_subscription(client: Client) -> None:
    (changes,) = client.subscribe("Symbols!Market.XSX")
    codes = sorted(change["Symbol"]["Code"] for change in changes if change["O"] == "A")
    assert codes == [f"XS{number:02}" for number in range(1, 11)]


def test_tables_of_a_market(client: Client) -> None:
    states, errors = client.ask("Market", "QueryTradingStates", {"Market": "XSX"})
    assert not errors
    assert {"Open", "Closed"} <= {state["Name"] for state in states}
    assert all(state["Reason"] and state["Allows"] for state in states)
    tables, errors = client.ask("Market", "QueryTickTables", {"Market": "XSX"})
    assert not errors
    assert tables[0]["Steps"][0]["Size"] > 0
    brokers, errors = client.ask("Market", "QueryBrokers", {"Market": "XSX"})
    assert not errors
    assert all(broker["Code"] for broker in brokers)


def test_mixed_markets(client: Client) -> None:
    assert client.ask("Market", "QueryMixedMarket", {"Markets": ["XSY", "XSX"]}) == ("XSX+XSY", [])
    assert client.ask("Market", "QueryMixedMarket", {"Markets": ["XSX"]}) == ("XSX", [])
    answer, errors = client.ask("Market", "QueryMixedMarket", {"Markets": ["XSX"], "Strategy": "Odd"})
    assert errors == ["Strategy Odd"]
    assert answer is None
    book = Book()
    for data in client.subscribe("Depth!XS01.XSX+XSY"):
        book.apply(data)
    for _ in range(10):
        book.apply(client.next_data("Depth!XS01.XSX+XSY"))
    assert {order["Market"] for order in book.orders.values()} == {"XSX", "XSY"}
    (full,) = client.subscribe("Security!XS01.XSX+XSY")
    assert full["Market"] == "XSX+XSY"


def test_the_delayed_market_shows_its_opening_state(client: Client) -> None:
    (full,) = client.subscribe("Security!XS01.XSX[Delayed]")
    assert full["Market"] == "XSX[Delayed]"


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        ("Depth!XS99.XSX", "Symbol.NotFound"),
        ("Depth!XS01.NONE", "Market.NotFound"),
        ("Security!nothing", "Symbol"),
        ("Nothing!XS01.XSX", "Operation.Unknown"),
        ("Depth!XS01.XSY+XSX", "Symbol"),
    ],
)
def test_refused_subscriptions(client: Client, topic: str, code: str) -> None:
    assert client.refused(topic).partition(" ")[0] == code


def test_refused_requests_get_their_reply(client: Client) -> None:
    assert client.ask("Market", "QueryDepthFull", {"Market": "XSX"}) == ([], ["Code"])
    assert client.ask("Market", "QuerySecurity", {"Market": "XSX", "Code": "XS99"}) == (
        {},
        ["Symbol.NotFound XS99.XSX"],
    )
    assert client.ask("Market", "QueryTradingStates", {"Market": "NONE"}) == (
        [],
        ["Market.NotFound NONE"],
    )
    answer, errors = client.ask("News", "QueryNews", {})
    assert errors == ["Operation.Unknown"]
    assert answer == []
    answer, errors = client.ask("Nowhere", "Anything", {})
    assert errors == ["Controller Nowhere"]


def test_fragments(client: Client) -> None:
    data = {**XS01, "Fragments": [{"Name": "Fundamentals.TopShareholders"}]}
    answer, _ = client.ask("Fragments", "QueryFragments", data)
    assert isinstance(answer, dict)


def test_configure(client: Client) -> None:
    assert client.ask("Market", "Configure", {"ActionTimeout": "00:00:20"}) == (None, [])
    answer, errors = client.ask("Market", "QueryConfigure")
    assert not errors
    assert answer == {"ActionTimeout": "00:00:20", "SubscriptionTimeout": "00:00:35"}


def test_unsubscribe_is_confirmed_and_stops_the_data(client: Client) -> None:
    topic = "Depth!XS05.XSX"
    client.subscribe(topic)
    client.send(Controller="Market", Topic=topic, Action="Unsub", Confirm=True)
    outcome = client.wait_for(lambda one: one.get("Topic") == topic and one.get("Action") == "Unsub")
    assert "Confirm" not in outcome
    client.backlog = [one for one in client.backlog if one.get("Topic") != topic]
    client.ask("Market", "QueryMarkets")
    assert not [one for one in client.backlog if one.get("Topic") == topic]
