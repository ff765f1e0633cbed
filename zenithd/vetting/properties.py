"""The objects and properties that rules can name: both spellings of platform C.9, and a few of our own.

`PROPERTIES` is the reference; docs/vetting.md shows it as a table, and a test compares the two.
"""

from __future__ import annotations

import difflib
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from zenithd.vetting.facts import Facts


class Kind(enum.Enum):
    """What a value is; the words of error messages."""

    NUMBER = "a number"
    TEXT = "a text"
    FLAG = "true or false"
    TIME = "a time"


@dataclass(frozen=True, slots=True)
class Property:
    """One property.

    Attributes:
        path: `object.name`, as rules write it.
        values: all that it can be, if that is known; comparing with anything else is refused.
        spellings: other ways to write one of `values`.
        is_own: True if the public documents do not have it.
    """

    path: str
    kind: Kind
    about: str
    get: Callable[[Any], Any]
    values: tuple[str, ...] = ()
    spellings: Mapping[str, str] | None = None
    is_own: bool = False

    @property
    def object_name(self) -> str:
        """What stands before the period."""
        return self.path.partition(".")[0]


OBJECTS: Mapping[str, Callable[[Facts], Any]] = {
    "account": lambda facts: facts.account(),
    "balance": lambda facts: facts.balance(),
    "details": lambda facts: facts.details,
    "holding": lambda facts: facts.holding(),
    "market": lambda facts: facts.market(),
    "order": lambda facts: facts.order,
    "request": lambda facts: facts.request,
    "symbol": lambda facts: facts.symbol(),
    "user": lambda facts: facts.user,
}
"""Where an object's values come from."""

AT_HAND = ("details", "order", "request", "user")
"""Objects that are no look-ups: they are loaded at once."""

SIDES = ("Bid", "Ask")
SIDE_SPELLINGS = {"Buy": "Bid", "Sell": "Ask"}
ORDER_TYPES = ("Limit", "Best", "Market", "MarketToLimit")
REQUEST_TYPES = ("Place", "Amend", "Cancel", "Move")

_N, _T, _F = Kind.NUMBER, Kind.TEXT, Kind.FLAG

_ALL = (
    Property("account.id", _T, "the trading account, such as XS:0001", attrgetter("id")),
    Property("account.active", _F, "whether it may trade", attrgetter("active")),
    Property("account.advisor", _T, "the advisor who looks after it", attrgetter("advisor"), is_own=True),
    Property("account.branch", _T, "the branch it belongs to", attrgetter("branch"), is_own=True),
    Property("account.broker", _T, "the broker it belongs to", attrgetter("broker"), is_own=True),
    Property("balance.amount", _N, "booked cash", attrgetter("amount")),
    Property("balance.currency", _T, "the currency of the cash, that of the symbol", attrgetter("currency")),
    Property("balance.trading", _N, "cash that new orders may use", attrgetter("trading")),
    Property("details.hidden", _N, "the hidden quantity", attrgetter("hidden")),
    Property("details.price", _N, "the limit price; missing without one", attrgetter("price")),
    Property("details.quantity", _N, "visible and hidden quantity", attrgetter("quantity")),
    Property("details.type", _T, "the type of the order", attrgetter("type"), ORDER_TYPES),
    Property(
        "details.value",
        _N,
        "what the whole order is worth; estimated without a limit price",
        attrgetter("value"),
    ),
    Property("details.visible", _N, "the visible quantity", attrgetter("visible")),
    Property("holding.available", _N, "what no open order reserves", attrgetter("available")),
    Property("holding.cost", _N, "what it cost", attrgetter("cost")),
    Property("holding.price", _N, "average price it was bought at", attrgetter("price")),
    Property("holding.quantity", _N, "everything held", attrgetter("quantity")),
    Property("market.bestask", _N, "the best ask", attrgetter("best_ask")),
    Property("market.bestbid", _N, "the best bid", attrgetter("best_bid")),
    Property("market.close", _N, "the close before today", attrgetter("close"), is_own=True),
    Property("market.last", _N, "the last price of today", attrgetter("last")),
    Property("market.lastorclose", _N, "last, before the first trade close", attrgetter("last_or_close")),
    Property("market.reference", _N, "the exchange's reference price", attrgetter("reference"), is_own=True),
    Property("market.status", _T, "the trading status of the market", attrgetter("status"), is_own=True),
    Property("order.executed", _N, "quantity executed so far", attrgetter("executed")),
    Property("order.limit", _N, "the limit price so far", attrgetter("limit"), is_own=True),
    Property("order.price", _N, "average price of what was executed", attrgetter("price")),
    Property("order.quantity", _N, "quantity so far; of a new order 0", attrgetter("quantity")),
    Property("order.remainder", _N, "what is not executed; of a new order 0", attrgetter("remainder")),
    Property("order.side", _T, "the side, of a new order too", attrgetter("side"), SIDES, SIDE_SPELLINGS),
    Property("order.type", _T, "the type, of a new order too", attrgetter("type"), ORDER_TYPES),
    Property("order.value", _N, "what it was worth so far; of a new order 0", attrgetter("value")),
    Property("request.id", _T, "the request's identifier", attrgetter("id")),
    Property("request.time", Kind.TIME, "when it came", attrgetter("time")),
    Property("request.type", _T, "what is asked for", attrgetter("type"), REQUEST_TYPES),
    Property("symbol.class", _T, "the class of the symbol", attrgetter("symbol_class")),
    Property("symbol.code", _T, "its code on the exchange", attrgetter("code")),
    Property("symbol.exchange", _T, "its exchange", attrgetter("exchange")),
    Property("symbol.isindex", _F, "whether it is an index", attrgetter("is_index")),
    Property("symbol.market", _T, "the trading market the order goes to", attrgetter("market")),
    Property("user.id", _T, "who sent the request", attrgetter("id")),
)

PROPERTIES: Mapping[str, Property] = {one.path: one for one in _ALL}
"""By path."""

ALIASES: Mapping[str, str] = {
    "details.limit": "details.price",
    "details.side": "order.side",
    "holding.shares": "holding.quantity",
}
"""Other names of properties in the public documents' examples."""

OBJECT_ALIASES: Mapping[str, str] = {"security": "symbol"}
"""Other names of objects there."""

WITH_ATTRIBUTES = ("account", "symbol")
"""Objects with texts by names that the operator gives: `account.attributes.VettingMode`."""

TOPICS: Mapping[str, str] = {
    "user": "user.id",
    "account": "account.id",
    "advisor": "account.advisor",
    "branch": "account.branch",
    "broker": "account.broker",
    "market": "symbol.market",
    "type": "order.type",
}
"""What sets can apply by (platform C.9), and the property that tells it."""


def find_property(path: str) -> Property | str:
    """The property of a path as rules write it; if there is none, what is wrong and what was meant."""
    head, _, tail = path.partition(".")
    canonical = f"{OBJECT_ALIASES.get(head, head)}.{tail}"
    canonical = ALIASES.get(canonical, canonical)
    found = PROPERTIES.get(canonical)
    if found is not None:
        return found
    name, _, attribute = canonical.partition(".attributes.")
    if name in WITH_ATTRIBUTES and attribute and "." not in attribute:
        return Property(canonical, Kind.TEXT, "an attribute", lambda it: it.attributes.get(attribute))
    return f"there is no property {path}; {_nearest(canonical)}"


def _nearest(path: str) -> str:
    for other in PROPERTIES:
        if other.lower() == path.lower():
            return f"properties are case-sensitive: write {other}"
    near = difflib.get_close_matches(path, [*PROPERTIES, *ALIASES], n=1, cutoff=0.7)
    if near:
        return f"did you mean {near[0]}?"
    name = path.partition(".")[0]
    if name in OBJECTS:
        names = (one.path.partition(".")[2] for one in PROPERTIES.values() if one.object_name == name)
        return f"{name} has {', '.join(names)}"
    return f"the objects are {', '.join(OBJECTS)}"
