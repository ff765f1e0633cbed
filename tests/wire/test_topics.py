"""The table of topics, held against the tables of the specification written out once more."""

from __future__ import annotations

import pytest

from zenithd.wire.scopes import SCOPES
from zenithd.wire.topics import CONTROLLERS, TOPIC_LENGTH_MAX, TOPICS, Empty, Kind

# Sections 2.1, 2.3, 2.4 and 3.1 to 3.7: controller, scope ("-": none), queries.
QUERIES = """
Auth      -                AuthToken AuthCode AuthOwner QueryIdentify
Market    -                QueryBrokers QueryMarkets QueryMixedMarket QueryTickTables QueryTradingStates
Market    Zenith/Market    QueryChartHistory QueryDepthFull QueryDepthLevels QuerySecurity QuerySymbols
Market    Zenith/Market    QueryTrades ScanSymbols SearchSymbols QueryFragments
News      Zenith/News      QueryNews
News      -                QuerySources
Notify    -                CreateScan UpdateScan DeleteScan QueryScan QueryScans
Notify    Zenith/Market    UpdateScanStatus ExecuteScan QueryMatches
Channel   -                CreateChannel UpdateChannel UpdateChannelStatus DeleteChannel
Channel   -                QueryChannel QueryChannels QueryMethod QueryMethods
Trading   Zenith/OrderPad  PlaceOrder AmendOrder CancelOrder MoveOrder CalculateOrder RequestQuote QueryLimits
Trading   Zenith/Authorise AuthoriseOrder
Trading   Zenith/Trading   QueryAccounts QueryBalances QueryHoldings QueryOrderAudit QueryOrders QueryRequests
Trading   Zenith/Trading   QueryTransactions
Trading   -                QueryOrderStatuses QueryRequestStatuses QueryTradingMarkets
Watchlist Zenith/Market    AddToWatchlist InsertIntoWatchlist MoveInWatchlist CreateWatchlist CopyWatchlist
Watchlist Zenith/Market    UpdateWatchlist DeleteWatchlist QueryMembers QueryWatchlist QueryWatchlists
Watchlist Zenith/Market    RemoveFromWatchlist
Fragments Zenith/Market    QueryFragments QueryCustomFragments
"""

# The same for subscriptions; `!` after a name: an argument must follow, `?`: it may.
SUBSCRIPTIONS = """
Auth      -                Identify
Zenith    -                ServerInfo Feeds
Market    -                Markets
Market    Zenith/Market    Depth! Levels! Security! Symbols! Trades!
News      Zenith/News      News?
News      -                Sources
Notify    Zenith/Market    Matches!
Notify    -                Scans
Trading   -                Accounts TradingAccounts
Trading   Zenith/Trading   Audit? Balances? Holdings? Orders? Requests? Transactions?
Watchlist Zenith/Market    Watchlist!
Watchlist -                Watchlists
"""

# Section 6.4.
SAFE = {
    Empty.ABSENT: """SearchSymbols CreateScan UpdateScan DeleteScan UpdateScanStatus CreateChannel
        UpdateChannel UpdateChannelStatus DeleteChannel QueryChannel QueryChannels QueryMethod QueryMethods
        AddToWatchlist InsertIntoWatchlist MoveInWatchlist RemoveFromWatchlist UpdateWatchlist DeleteWatchlist
        QueryIdentify Configure QueryConfigure""",
    Empty.LIST: """QueryTradingStates ExecuteScan QueryMatches QueryMarkets QueryTrades QueryChartHistory
        QueryDepthFull QueryDepthLevels QueryOrderStatuses QueryTradingMarkets QueryAccounts QueryHoldings
        QueryBalances QueryTransactions QueryMembers QueryWatchlist QueryWatchlists QueryBrokers
        QueryTickTables QuerySymbols ScanSymbols QueryNews QuerySources QueryScans QueryOrderAudit
        QueryOrders QueryRequests QueryRequestStatuses QueryLimits""",
    Empty.OBJECT: "QuerySecurity QueryFragments QueryCustomFragments CreateWatchlist CopyWatchlist",
    Empty.NO_REPLY: "QueryScan",
    Empty.NULL: "QueryMixedMarket",
    Empty.LOGIN_RESULT: "AuthToken AuthCode AuthOwner",
    Empty.ORDER_RESULT: """PlaceOrder AmendOrder CancelOrder MoveOrder AuthoriseOrder CalculateOrder
        RequestQuote""",
}


def rows(table: str) -> list[tuple[str, str | None, str]]:
    found = []
    for line in table.strip().splitlines():
        controller, scope, *names = line.split()
        found += [(controller, None if scope == "-" else scope, name) for name in names]
    return found


@pytest.mark.parametrize(("controller", "scope", "topic"), rows(QUERIES))
def test_queries(controller: str, scope: str | None, topic: str) -> None:
    found = TOPICS.find(controller, topic, Kind.QUERY)
    assert found is not None
    rule, argument = found
    assert (rule.controller, rule.topic, rule.kind, rule.scope) == (controller, topic, Kind.QUERY, scope)
    assert argument is None
    assert TOPICS.find(controller, topic + "!x", Kind.QUERY) is None
    assert TOPICS.find(controller, topic, Kind.SUBSCRIPTION) is None


@pytest.mark.parametrize(("controller", "scope", "marked"), rows(SUBSCRIPTIONS))
def test_subscriptions(controller: str, scope: str | None, marked: str) -> None:
    topic = marked.rstrip("!?")
    bare = TOPICS.find(controller, topic, Kind.SUBSCRIPTION)
    with_argument = TOPICS.find(controller, topic + "!XS01.XSX", Kind.SUBSCRIPTION)
    assert (bare is not None) == (not marked.endswith("!"))
    assert (with_argument is not None) == marked.endswith(("!", "?"))
    for found in (bare, with_argument):
        if found is not None:
            assert (found[0].topic, found[0].scope) == (topic, scope)
            assert found[1] == (None if found is bare else "XS01.XSX")
    assert TOPICS.find(controller, topic, Kind.QUERY) is None


def test_the_table_has_nothing_else() -> None:
    written = {(controller, name.rstrip("!?")) for controller, _, name in rows(QUERIES) + rows(SUBSCRIPTIONS)}
    written |= {(controller, name) for controller in CONTROLLERS for name in ("Configure", "QueryConfigure")}
    assert {(rule.controller, rule.topic) for rule in TOPICS} == written


def test_market_has_its_19_topics() -> None:
    common = {"Configure", "QueryConfigure", "QueryFragments"}
    assert len([rule for rule in TOPICS if rule.controller == "Market" and rule.topic not in common]) == 19


def test_safe_data_after_an_error() -> None:
    written = {name: empty for empty, names in SAFE.items() for name in names.split()}
    assert {rule.topic: rule.empty for rule in TOPICS if rule.kind is Kind.QUERY} == written


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_common_topics_are_on_every_controller_without_permission(controller: str) -> None:
    for topic in ("Configure", "QueryConfigure"):
        found = TOPICS.find(controller, topic, Kind.QUERY)
        assert found is not None
        assert found[0].scope is None


def test_state_topics_conflate_and_sequence_topics_do_not() -> None:
    conflating = {rule.topic for rule in TOPICS if rule.conflates}
    assert conflating >= {"Security", "Levels", "Balances", "Markets", "Feeds", "ServerInfo", "Accounts"}
    assert not conflating & {"Depth", "Trades", "Orders", "Symbols", "News", "Matches", "Watchlist"}


def test_scopes_are_known() -> None:
    assert {rule.scope for rule in TOPICS} - {None} == SCOPES


def test_fragments_are_served_for_market_too() -> None:
    for controller in ("Market", "Fragments"):
        found = TOPICS.find(controller, "QueryFragments", Kind.QUERY)
        assert found is not None
        assert found[0].served_by == "Fragments"


@pytest.mark.parametrize(
    ("controller", "topic", "name", "argument"),
    [
        ("Market", "Depth!A.B!C.ASX!ASX+CXA", "Depth", "A.B!C.ASX!ASX+CXA"),
        ("Market", "Depth!", "Depth", ""),
        ("Market", "Symbols!Market.ASX", "Symbols", "Market.ASX"),
        ("News", "News!AAP!BHP.ASX", "News", "AAP!BHP.ASX"),
        ("Trading", "Orders!A1[Demo]", "Orders", "A1[Demo]"),
    ],
)
def test_arguments(controller: str, topic: str, name: str, argument: str) -> None:
    found = TOPICS.find(controller, topic, Kind.SUBSCRIPTION)
    assert found is not None
    assert (found[0].topic, found[1]) == (name, argument)


@pytest.mark.parametrize(
    ("controller", "topic"),
    [
        ("Market", "depth!XS01.XSX"),
        ("market", "Markets"),
        ("Zenith", "Feed"),
        ("Market", ""),
        ("", "Markets"),
        ("Market", "!"),
        ("Market", "Depth!" + "x" * TOPIC_LENGTH_MAX),
    ],
)
def test_what_is_no_topic(controller: str, topic: str) -> None:
    assert TOPICS.find(controller, topic, Kind.SUBSCRIPTION) is None
