"""Every topic of every controller: kind, permission, argument, and what may follow an Error.

The table is complete from the start; a topic whose controller is not served yet is refused with
`Operation.Unknown` by the session, after its permission was checked. Spec: zenith-websocket 2.1, 2.3, 2.4,
3.1 to 3.7; the safe Data after an Error is 6.4; where documents and client differ, 6.8 decides.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator

import msgspec

from zenithd.wire.scopes import AUTHORISE, MARKET, NEWS, ORDER_PAD, TRADING

TOPIC_LENGTH_MAX = 300
"""Longest topic that is looked up, in characters; a longer one is unknown."""


class Kind(enum.Enum):
    """How a topic is used."""

    QUERY = "query"
    """Publish with a TransactionID; one reply. Actions such as PlaceOrder are queries too."""
    SUBSCRIPTION = "subscription"


class Empty(enum.Enum):
    """How a request that failed is answered so that no client breaks (6.4)."""

    ABSENT = "absent"
    """Error, then a reply without Data."""
    NULL = "null"
    """Error, then a reply with null."""
    LIST = "list"
    """Error, then a reply with []."""
    OBJECT = "object"
    """Error, then a reply with {}."""
    NO_REPLY = "no reply"
    """Error only: no Data would be safe."""
    LOGIN_RESULT = "login result"
    """No Error: a reply with Result Rejected."""
    ORDER_RESULT = "order result"
    """No Error: a reply with Result Rejected and the codes in Errors."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One topic of one controller."""

    controller: str
    """The controller in the container."""
    topic: str
    """The name before any `!`."""
    kind: Kind
    scope: str | None = None
    """The right that is needed; None: none, unauthenticated connections may use it too."""
    has_argument: bool | None = False
    """True: `!<argument>` must follow; None: may follow; False: must not."""
    empty: Empty = Empty.ABSENT
    """For queries."""
    conflates: bool = False
    """For subscriptions: a slow reader needs only the latest state; else it needs every change."""
    served_by: str = ""
    """The controller that answers it, where it is another one (an alias); else the same."""


class TopicTable:
    """Rules by controller, kind and name."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = {(rule.controller, rule.kind, rule.topic): rule for rule in rules}
        self.controllers = frozenset(rule.controller for rule in self._rules.values())

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules.values())

    def find(self, controller: str, topic: str, kind: Kind) -> tuple[Rule, str | None] | None:
        """The rule of a topic as sent, and its argument: what follows the first `!`, None without one.

        None if there is no such topic, or it has an argument where none may be, or none where one must.
        """
        if len(topic) > TOPIC_LENGTH_MAX:
            return None
        name, mark, argument = topic.partition("!")
        rule = self._rules.get((controller, kind, name))
        if rule is None or (rule.has_argument is not None and rule.has_argument is not bool(mark)):
            return None
        return rule, argument if mark else None


def _queries(controller: str, scope: str | None, empty: Empty, names: str, served_by: str = "") -> list[Rule]:
    return [
        Rule(
            controller=controller,
            topic=name,
            kind=Kind.QUERY,
            scope=scope,
            empty=empty,
            served_by=served_by or controller,
        )
        for name in names.split()
    ]


def _subscriptions(
    controller: str, scope: str | None, has_argument: bool | None, names: str, conflates: bool = False
) -> list[Rule]:
    return [
        Rule(
            controller=controller,
            topic=name,
            kind=Kind.SUBSCRIPTION,
            scope=scope,
            has_argument=has_argument,
            conflates=conflates,
            served_by=controller,
        )
        for name in names.split()
    ]


AUTH = [
    *_queries("Auth", None, Empty.LOGIN_RESULT, "AuthToken AuthCode AuthOwner"),
    *_queries("Auth", None, Empty.ABSENT, "QueryIdentify"),
    *_subscriptions("Auth", None, False, "Identify", conflates=True),
]

ZENITH = _subscriptions("Zenith", None, False, "ServerInfo Feeds", conflates=True)

MARKET_RULES = [
    *_queries("Market", None, Empty.LIST, "QueryBrokers QueryMarkets QueryTickTables QueryTradingStates"),
    *_queries("Market", None, Empty.NULL, "QueryMixedMarket"),
    *_queries("Market", MARKET, Empty.LIST, "QueryChartHistory QueryDepthFull QueryDepthLevels QueryTrades"),
    *_queries("Market", MARKET, Empty.LIST, "QuerySymbols ScanSymbols"),
    *_queries("Market", MARKET, Empty.ABSENT, "SearchSymbols"),
    *_queries("Market", MARKET, Empty.OBJECT, "QuerySecurity"),
    *_queries("Market", MARKET, Empty.OBJECT, "QueryFragments", served_by="Fragments"),
    *_subscriptions("Market", None, False, "Markets", conflates=True),
    *_subscriptions("Market", MARKET, True, "Levels Security", conflates=True),
    *_subscriptions("Market", MARKET, True, "Depth Symbols Trades"),
]

NEWS_RULES = [
    *_queries("News", NEWS, Empty.LIST, "QueryNews"),
    *_queries("News", None, Empty.LIST, "QuerySources"),
    *_subscriptions("News", NEWS, None, "News"),
    *_subscriptions("News", None, False, "Sources", conflates=True),
]

NOTIFY = [
    *_queries("Notify", None, Empty.ABSENT, "CreateScan UpdateScan DeleteScan"),
    *_queries("Notify", MARKET, Empty.ABSENT, "UpdateScanStatus"),
    *_queries("Notify", MARKET, Empty.LIST, "ExecuteScan QueryMatches"),
    *_queries("Notify", None, Empty.NO_REPLY, "QueryScan"),
    *_queries("Notify", None, Empty.LIST, "QueryScans"),
    *_subscriptions("Notify", MARKET, True, "Matches"),
    *_subscriptions("Notify", None, False, "Scans"),
]

CHANNEL = [
    *_queries("Channel", None, Empty.ABSENT, "CreateChannel UpdateChannel UpdateChannelStatus DeleteChannel"),
    *_queries("Channel", None, Empty.ABSENT, "QueryChannel QueryChannels QueryMethod QueryMethods"),
]

TRADING_RULES = [
    *_queries("Trading", ORDER_PAD, Empty.ORDER_RESULT, "PlaceOrder AmendOrder CancelOrder MoveOrder"),
    *_queries("Trading", ORDER_PAD, Empty.ORDER_RESULT, "CalculateOrder RequestQuote"),
    *_queries("Trading", AUTHORISE, Empty.ORDER_RESULT, "AuthoriseOrder"),
    *_queries("Trading", ORDER_PAD, Empty.LIST, "QueryLimits"),
    *_queries("Trading", TRADING, Empty.LIST, "QueryAccounts QueryBalances QueryHoldings QueryOrderAudit"),
    *_queries("Trading", TRADING, Empty.LIST, "QueryOrders QueryRequests QueryTransactions"),
    *_queries("Trading", None, Empty.LIST, "QueryOrderStatuses QueryRequestStatuses QueryTradingMarkets"),
    *_subscriptions("Trading", None, False, "Accounts", conflates=True),
    *_subscriptions("Trading", None, False, "TradingAccounts"),
    *_subscriptions("Trading", TRADING, None, "Balances", conflates=True),
    *_subscriptions("Trading", TRADING, None, "Audit Holdings Orders Requests Transactions"),
]

WATCHLIST = [
    *_queries("Watchlist", MARKET, Empty.ABSENT, "AddToWatchlist InsertIntoWatchlist MoveInWatchlist"),
    # No document names a topic that removes members; this one is ours (an extension).
    *_queries("Watchlist", MARKET, Empty.ABSENT, "RemoveFromWatchlist UpdateWatchlist DeleteWatchlist"),
    *_queries("Watchlist", MARKET, Empty.OBJECT, "CreateWatchlist CopyWatchlist"),
    *_queries("Watchlist", MARKET, Empty.LIST, "QueryMembers QueryWatchlist QueryWatchlists"),
    *_subscriptions("Watchlist", MARKET, True, "Watchlist"),
    *_subscriptions("Watchlist", None, False, "Watchlists"),
]

FRAGMENTS = _queries("Fragments", MARKET, Empty.OBJECT, "QueryFragments QueryCustomFragments")

CONTROLLERS = (
    "Auth",
    "Zenith",
    "Market",
    "News",
    "Notify",
    "Channel",
    "Trading",
    "Watchlist",
    "Fragments",
)

COMMON_TOPICS = "Configure QueryConfigure"
"""Topics of every controller; the session answers them itself, whether or not the controller is served."""

COMMON = [
    rule for controller in CONTROLLERS for rule in _queries(controller, None, Empty.ABSENT, COMMON_TOPICS)
]

TOPICS = TopicTable(
    [
        *AUTH,
        *ZENITH,
        *MARKET_RULES,
        *NEWS_RULES,
        *NOTIFY,
        *CHANNEL,
        *TRADING_RULES,
        *WATCHLIST,
        *FRAGMENTS,
        *COMMON,
    ]
)
"""The complete table."""
