"""Bodies of the requests of Market and Fragments, typed (spec zenith-websocket 3.1, 3.7, 6.7).

`decode` takes the Data of a request as a codec left it and gives a frozen struct, or raises
`InvalidRequest` with the codes to answer. A null is the same as an absent field; an integer may be written
as a float without a fraction; a decimal may be written as text; unknown fields are ignored.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, TypeVar

import msgspec

from zenithd.domain.instrument import SecurityClass
from zenithd.wire import errors
from zenithd.wire.answer import ABSENT
from zenithd.wire.dates import NANOSECONDS, InvalidDate, parse_date, parse_span
from zenithd.wire.numbers import parse_decimal
from zenithd.wire.symbol_keys import Placement

PERIODS: Final = (60, 300, 900, 1800, 86_400)
"""Periods of chart records in seconds."""

LIST_LENGTH_MAX = 1_000
"""Most fragments of a request."""

MARKETS_MAX = 200
"""Most markets of a request."""

CONDITIONS_MAX = 50
"""Most conditions of a search, and most fields of another: each is looked at for every symbol."""

Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
TradeId = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Text = Annotated[str, msgspec.Meta(min_length=1)]


class InvalidRequest(Exception):
    """The Data is not what the topic takes. Blame: the client; `codes` is the answer."""

    def __init__(self, *codes: str) -> None:
        super().__init__(*codes)
        self.codes = codes


class Request(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Base of all bodies."""

    PREPARE: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    """What reads a field before types are checked; raises ValueError."""
    MISSING: ClassVar[Mapping[str, str]] = {}
    """The code for a required field that is missing; of others it is `Data.Deserialise`."""


R = TypeVar("R", bound=Request)


def decode(data: Any, kind: type[R]) -> R:
    """Read the body of a request.

    Raises:
        InvalidRequest: `Data` without a body, `Market` and `Code` where these are missing, else
            `Data.Deserialise`.
    """
    if data is None or data is ABSENT:
        raise InvalidRequest(errors.DATA)
    if not isinstance(data, dict):
        raise InvalidRequest(errors.DATA_DESERIALISE)
    missing = tuple(code for field, code in kind.MISSING.items() if data.get(field) in (None, ""))
    if missing:
        raise InvalidRequest(*missing)
    try:
        return msgspec.convert(_prepared(data, kind.PREPARE), kind)
    except (msgspec.ValidationError, ValueError):
        raise InvalidRequest(errors.DATA_DESERIALISE) from None


def _prepared(data: dict[str, Any], prepare: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    prepared = {}
    for field, value in data.items():
        if value is not None:
            read = prepare.get(field)
            prepared[field] = value if read is None else read(value)
    return prepared


def _whole(value: Any) -> Any:
    """Read an integer that an encoding without integers wrote as a float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _date(value: Any) -> date:
    """Read a date; clients send a whole date-time for some (spec 6.7)."""
    if not isinstance(value, str):
        raise InvalidDate("not text")
    return parse_date(value)


def _names(separator: str) -> Callable[[Any], list[str]]:
    """Read names in one text; blanks around them are tolerated (spec 1.6)."""

    def read(value: Any) -> list[str]:
        if not isinstance(value, str):
            raise ValueError("not text")  # noqa: TRY004 - one kind of blame: the peer's
        if value.count(separator) >= CONDITIONS_MAX:
            raise ValueError("too many names")
        names = [name.strip() for name in value.split(separator)]
        return [name for name in names if name]

    return read


def _items(read: Callable[[Any], Any], length_max: int = LIST_LENGTH_MAX) -> Callable[[Any], list[Any]]:
    def read_items(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > length_max:
            raise ValueError("not a list, or too long a one")
        return [read(item) for item in value]

    return read_items


def _as_it_is(value: Any) -> Any:
    return value


class MarketRequest(Request, frozen=True, kw_only=True):
    """QueryBrokers, QueryTickTables, QueryTradingStates (3.1.7)."""

    MISSING = {"Market": errors.MARKET}

    market: str


class SymbolRequest(MarketRequest, frozen=True, kw_only=True):
    """QuerySecurity, QueryDepthFull, QueryDepthLevels (3.1.2 to 3.1.4)."""

    MISSING = {"Market": errors.MARKET, "Code": errors.CODE}

    code: str


class TradesRequest(SymbolRequest, frozen=True, kw_only=True, rename="pascal"):
    """QueryTrades (3.1.5)."""

    PREPARE = {"Count": _whole, "FirstTradeID": _whole, "LastTradeID": _whole, "TradingDate": _date}

    count: Count | None = None
    first_trade_id: TradeId | None = msgspec.field(default=None, name="FirstTradeID")
    last_trade_id: TradeId | None = msgspec.field(default=None, name="LastTradeID")
    trading_date: date | None = None


def _period(value: Any) -> int:
    if not isinstance(value, str):
        raise InvalidDate("not text")
    seconds, rest = divmod(parse_span(value), NANOSECONDS)
    if rest or seconds not in PERIODS:
        raise InvalidDate("not a chart period")
    return seconds


class ChartRequest(SymbolRequest, frozen=True, kw_only=True, rename="pascal"):
    """QueryChartHistory (3.1.6). From and To are read when the market, and with it the zone, is known."""

    PREPARE = {"Count": _whole, "Period": _period}

    count: Count | None = None
    period: int = 86_400
    """Seconds, one of `PERIODS`."""
    from_date: str | None = None
    to_date: str | None = None


class MixedMarketRequest(Request, frozen=True, kw_only=True):
    """QueryMixedMarket (3.1.7)."""

    PREPARE = {"Markets": _items(_as_it_is, MARKETS_MAX)}

    markets: list[str]
    strategy: str | None = None


class SearchRequest(Request, frozen=True, kw_only=True):
    """What the three symbol searches have in common (3.1.8)."""

    PREPARE = {"Count": _whole, "StartIndex": _whole, "Markets": _items(_as_it_is, MARKETS_MAX)}

    count: Count | None = None
    start_index: Count | None = None
    market: str | None = None
    markets: list[str] | None = None


class ConditionField(enum.Enum):
    """Where a condition looks."""

    CODE = "Code"
    NAME = "Name"
    ALTERNATE = "Alternate"
    ATTRIBUTE = "Attribute"


class Condition(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One text condition of SearchSymbols."""

    text: str
    field: frozenset[ConditionField] = frozenset()
    """Empty: code and name."""
    key: str | None = None
    """Name of the alternate or attribute; None: any of them."""
    group: str | None = None
    """Opaque. Conditions of one group are alternatives; without a group (or with a blank one) each counts
    for itself."""
    is_case_sensitive: bool = False
    placement: Placement = Placement.ANYWHERE


def _condition(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not a condition")  # noqa: TRY004 - one kind of blame: the peer's
    condition = _prepared(value, {"Field": _names(","), "Match": _names(",")})
    condition["Placement"] = _placement(condition.get("Match", []))
    return condition


def _placement(names: list[str]) -> str:
    """Read the flags of Match; FromStart with FromEnd is Exact, none is anywhere."""
    if not {"FromStart", "FromEnd", "Exact"}.issuperset(names):
        raise ValueError("not a Match")
    if "Exact" in names or {"FromStart", "FromEnd"}.issubset(names):
        return Placement.EXACT.value
    return names[0] if names else Placement.ANYWHERE.value


class SearchSymbolsRequest(SearchRequest, frozen=True, kw_only=True, rename="pascal"):
    """SearchSymbols."""

    PREPARE = {
        **SearchRequest.PREPARE,
        "Conditions": _items(_condition, CONDITIONS_MAX),
        "ExpiryDateMin": _date,
        "ExpiryDateMax": _date,
        "StrikePriceMin": parse_decimal,
        "StrikePriceMax": parse_decimal,
    }

    exchange: str | None = None
    cfi: str | None = msgspec.field(default=None, name="CFI")
    prefer_exact: bool = False
    full_symbol: bool = True
    security_class: SecurityClass | None = msgspec.field(default=None, name="Class")
    combination_leg: str | None = None
    conditions: list[Condition] = []
    expiry_date_min: date | None = None
    expiry_date_max: date | None = None
    index: bool | None = None
    strike_price_min: Decimal | None = None
    strike_price_max: Decimal | None = None


class QuerySymbolsRequest(SearchRequest, frozen=True, kw_only=True, rename="pascal"):
    """QuerySymbols."""

    PREPARE = {**SearchRequest.PREPARE, "Field": _names("+"), "TargetDate": _date}

    search_text: str
    field: list[str] = msgspec.field(default_factory=lambda: ["Code"])
    is_partial: bool = True
    is_case_sensitive: bool = False
    prefer_exact: bool = False
    exchange: str | None = None
    cfi: str | None = msgspec.field(default=None, name="CFI")
    show_full: bool = False
    target_date: date | None = None
    account: str | None = None


class ScanSymbolsRequest(SearchRequest, frozen=True, kw_only=True, rename="pascal"):
    """ScanSymbols; `criteria` as sent, to be parsed by `criteria`; None: all symbols."""

    full_symbol: bool = True
    criteria: Any = None


def _fragment(value: Any) -> dict[str, Any]:
    """Read a fragment definition; older samples call `Source` `Data`. What else it has is its own affair."""
    if not isinstance(value, dict):
        raise ValueError("not a fragment")  # noqa: TRY004 - one kind of blame: the peer's
    name = value.get("Name")
    source = value.get("Source", value.get("Data"))
    return {"Name": name, "Source": name if source is None else source}


class FragmentDefinition(msgspec.Struct, frozen=True, rename="pascal"):
    """One fragment that is asked for (3.7)."""

    name: Text
    """The property of the answer that it goes to."""
    source: Text
    """The fragment to fetch."""


class FragmentsRequest(SymbolRequest, frozen=True, kw_only=True, rename="pascal"):
    """QueryFragments."""

    PREPARE = {"Fragments": _items(_fragment), "TradingDate": _date}

    fragments: list[FragmentDefinition]
    trading_date: date | None = None


class CustomFragmentsRequest(Request, frozen=True, kw_only=True, rename="pascal"):
    """QueryCustomFragments."""

    PREPARE = {"Fragments": _items(_fragment), "TradingDate": _date}
    MISSING = {"Source": errors.SOURCE}

    source: str
    target: Any
    fragments: list[FragmentDefinition]
    trading_date: date | None = None
