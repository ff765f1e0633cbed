"""The Data of requests: symbol searches, and every other query of Market and Fragments."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterator, Sequence
from typing import Any, ClassVar

import trio

from tests.controllers.market_support import (
    EVERYTHING,
    LIMITED,
    NOON,
    Delayed,
    World,
    sample_markets,
    trade,
    yesterday,
)
from tests.fuzz import draw as d
from tests.fuzz.boundary import Boundary, processor_limit
from tests.fuzz.codec_boundaries import CODECS
from tests.fuzz.criteria_boundary import (
    LOOKS_PER_COMPARISON_MAX,
    NAMES,
    NUMBERS,
    SYMBOLS,
    TEXTS,
    Counting,
    any_tree,
)
from tests.fuzz.draw import Draw
from tests.fuzz.message_boundaries import check_codes
from zenithd.controllers.fragments import FragmentsController
from zenithd.wire import errors
from zenithd.wire.answer import ABSENT, Answer
from zenithd.wire.container import reply
from zenithd.wire.criteria_parameters import InvalidCriteria
from zenithd.wire.long_lists import LongList, encode_long
from zenithd.wire.requests import (
    InvalidRequest,
    QuerySymbolsRequest,
    Request,
    ScanSymbolsRequest,
    SearchSymbolsRequest,
    decode,
)
from zenithd.wire.search import SYMBOLS_MAX, Search, query_symbols, scan_symbols, search_symbols
from zenithd.wire.topics import TOPICS, Kind

COST_MAX = 1_000
"""Comparisons per symbol that any request may ask for."""

MARKETS = (
    "XSX",
    "XSY",
    "XSX+XSY",
    "XSX[Delayed]",
    "XSX:[]",
    "NONE",
    "XSX:",
    "A!XSY",
    "+",
    "[",
    "XSY+XSX",
    "X" * 201,
)
MOMENTS = (
    "2026-11-19", "2026-11-19T00:00:00.000Z", "2026-11-20T12:00:00+10:00", "0001-01-01T00:00:00+14:00",
    "9999-12-31", "9999-12-31T23:59:59-14:00", "20261119", "2026-02-30", "1970-01-01", "1677-09-21",
    "2262-04-12",
)  # fmt: skip
COUNTS = (
    0,
    1,
    2,
    5,
    5.0,
    1.5,
    1000,
    1001,
    2**31 - 1,
    2**31,
    -1,
    2**63 - 1,
    2**63,
    -(2**63),
    -(2**63) - 1,
    1e308,
    2**70,
)
FLAGS = (True, False, 1, 0, "true")
FIELDS: dict[str, tuple[Any, ...]] = {
    "Market": MARKETS,
    "Code": ("XS01", "XS02", "XS.03", "FUND", "LEVELS", "NONE", "", "XS01.XSX", "\ud800"),
    "Count": COUNTS,
    "StartIndex": COUNTS,
    "FirstTradeID": COUNTS,
    "LastTradeID": COUNTS,
    "TradingDate": MOMENTS,
    "FromDate": MOMENTS,
    "ToDate": MOMENTS,
    "TargetDate": MOMENTS,
    "ExpiryDateMin": MOMENTS,
    "ExpiryDateMax": MOMENTS,
    "Period": (
        "00:01:00",
        "00:05:00",
        "0:30",
        "1.00:00:00",
        "24:00:00",
        "00:02:00",
        "00:01:00.5",
        "9999999.23:59:59",
    ),
    "Strategy": ("Default", "Other", ""),
    "Exchange": ("XSX", "XIS", "", "xsx"),
    "CFI": ("O", "_", "ESXXXX", "", " "),
    "PreferExact": FLAGS,
    "FullSymbol": FLAGS,
    "ShowFull": FLAGS,
    "Index": FLAGS,
    "IsPartial": FLAGS,
    "IsCaseSensitive": FLAGS,
    "Class": ("Market", "ManagedFund", "Other"),
    "CombinationLeg": ("XS01", ""),
    "StrikePriceMin": NUMBERS,
    "StrikePriceMax": NUMBERS,
    "SearchText": TEXTS,
    "Field": (
        "Code",
        "Name",
        "Code+ISIN",
        " Code + ",
        "+",
        "A+" * 49 + "A",
        "A+" * 50,
        "A+" * 100_000,
        "Code,Name",
    ),
    "Account": ("", "A1"),
    "Source": ("S", ""),
    "Target": ("T", None, {}),
    "Name": ("N", ""),
}
"""Right, nearly right and extreme values of every field that any request has."""

BASES: dict[str, tuple[str, ...]] = {
    "SearchSymbols": (
        "Market", "Count", "StartIndex", "Exchange", "CFI", "PreferExact", "FullSymbol", "Class",
        "CombinationLeg", "ExpiryDateMin", "ExpiryDateMax", "Index", "StrikePriceMin", "StrikePriceMax",
    ),
    "QuerySymbols": (
        "SearchText", "Field", "IsPartial", "IsCaseSensitive", "PreferExact", "Exchange", "CFI", "ShowFull",
        "TargetDate", "Account", "Market", "Count", "StartIndex",
    ),
    "ScanSymbols": ("FullSymbol", "Market", "Count", "StartIndex"),
    "QueryTrades": ("Count", "FirstTradeID", "LastTradeID", "TradingDate"),
    "QueryChartHistory": ("Count", "Period", "FromDate", "ToDate"),
    "QueryMixedMarket": ("Strategy",),
    "QueryFragments": ("TradingDate",),
    "QueryCustomFragments": ("TradingDate", "Source", "Target"),
}  # fmt: skip
CONDITION_FIELDS = (
    "Code",
    "Name",
    "Alternate",
    "Attribute",
    "Code,Name",
    "Code, Alternate ,",
    "Other",
    "Code," * 2000,
)
MATCHES = ("FromStart", "FromEnd", "Exact", "FromStart,FromEnd", "", ",", "Other", "Exact," * 2000)


def body(draw: Draw, topic: str) -> Any:
    """The Data of a request, each field mostly right."""
    data: dict[str, Any] = {}
    for field in BASES.get(topic, ()):
        if draw.random() < 0.35:
            data[field] = draw.choice(FIELDS[field][: 2 if draw.random() < 0.7 else None])
    if topic not in ("SearchSymbols", "QuerySymbols", "ScanSymbols") and draw.random() < 0.95:
        data["Market"] = draw.choice(MARKETS[: 4 if draw.random() < 0.8 else None])
        data["Code"] = draw.choice(FIELDS["Code"][: 2 if draw.random() < 0.8 else None])
    if topic == "QuerySymbols":
        data.setdefault("SearchText", "XS")
    if topic == "SearchSymbols" and draw.random() < 0.7:
        data["Conditions"] = [_condition(draw) for _ in range(draw.randrange(4))]
        if draw.random() < 0.02:
            data["Conditions"] *= draw.choice((10, 17, 25, 50, 1000))
    if topic == "ScanSymbols" and draw.random() < 0.9:
        data["Criteria"] = any_tree(draw)
    if topic == "QueryMixedMarket" or draw.random() < 0.15:
        data["Markets"] = [draw.choice(MARKETS) for _ in range(draw.choice((0, 1, 2, 3, 1000, 1001)))]
    if "Fragments" in topic:
        data["Fragments"] = [_fragment(draw) for _ in range(draw.randrange(4))]
    for _ in range(draw.choice((0, 0, 0, 0, 1, 2))):
        data = d.damage_value(draw, data, _replacement)
    return data


def _replacement(draw: Draw) -> Any:
    return draw.choice(FIELDS[draw.choice(FIELD_NAMES)]) if draw.random() < 0.5 else d.value(draw)


FIELD_NAMES = tuple(FIELDS)


def _condition(draw: Draw) -> dict[str, Any]:
    made: dict[str, Any] = {"Text": draw.choice(TEXTS)}
    if draw.random() < 0.5:
        made["Field"] = draw.choice(CONDITION_FIELDS[: 4 if draw.random() < 0.8 else None])
    if draw.random() < 0.5:
        made["Match"] = draw.choice(MATCHES[: 4 if draw.random() < 0.8 else None])
    for name, values in (("Key", NAMES), ("Group", ("g", "", "h")), ("IsCaseSensitive", FLAGS[:3])):
        if draw.random() < 0.3:
            made[name] = draw.choice(values)
    return made


def _fragment(draw: Draw) -> Any:
    made = {
        "Name": draw.choice(("N", "")),
        draw.choice(("Source", "Data", "Other")): draw.choice(("S", None, 5)),
    }
    return made if draw.random() < 0.9 else d.value(draw)


class AnswerBoundary(Boundary):
    """Bodies for controllers over small markets: an answer with codes of the protocol."""

    topics: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        self._world = World([*sample_markets(), Delayed(sample_markets()[0], None)])
        self._world.history.put(yesterday(), trade("XS01", "XSX", 1, 900, NOON - 86_400 * 10**9))
        self._fragments = FragmentsController(self._world.directory)

    def make(self, draw: Draw) -> tuple[str, Any]:
        topic = draw.choice(self.topics)
        return topic, body(draw, topic) if draw.random() < 0.97 else d.value(draw)

    def check(self, given: Any) -> str:
        return next(iter(self.check_all([given])))

    def check_all(self, inputs: Sequence[Any]) -> Iterator[str]:
        """Check them within one run of trio, since some answers take time."""
        outcomes: list[str] = []
        error = trio.run(self._check_some, inputs, outcomes)
        yield from outcomes
        if error is not None:
            raise error

    async def _check_some(self, inputs: Sequence[Any], outcomes: list[str]) -> Exception | None:
        for topic, data in inputs:
            try:
                with processor_limit(self.cpu_seconds_max):
                    outcomes.append(await self._check(topic, data))
            except Exception as error:
                return error
            self._world.history.calls.clear()
            self._world.remote.asked.clear()
            self._world.directory.touched.clear()
        return None

    async def _check(self, topic: str, data: Any) -> str:
        controller = self._fragments if "Fragments" in topic else self._world.controller
        access = LIMITED if isinstance(data, dict) and data.get("Count") == 5 else EVERYTHING
        answer = controller.query(topic, data, access)
        if inspect.isawaitable(answer):
            answer = await answer
        assert isinstance(answer, Answer)
        check_codes(answer.errors)
        assert not self._world.directory.wanted, "wanted for ever"
        if answer.data is ABSENT:
            assert answer.errors, "neither an answer nor an error"
        else:
            self._check_encoding(answer.data)
        return f"{topic} {'refused' if answer.errors else 'answered'}"

    @staticmethod
    def _check_encoding(data: Any) -> None:
        """All three codecs can say it; a long list step by step as well as at once."""
        whole = data.whole() if isinstance(data, LongList) else data
        for codec in CODECS.values():
            at_once = codec.encode(reply("Market", "Query", 1, whole))
            codec.decode(at_once.decode() if codec.is_text else at_once)
            if isinstance(data, LongList):
                assert _exhaust(encode_long(codec, reply("Market", "Query", 1, data))) == at_once


def _exhaust(steps: Generator[None, None, bytes]) -> bytes:
    while True:
        try:
            next(steps)
        except StopIteration as stopped:
            return bytes(stopped.value)


class RequestBoundary(AnswerBoundary):
    """Every query but the searches."""

    name = "request"
    topics = tuple(
        rule.topic
        for rule in TOPICS
        if rule.kind is Kind.QUERY
        and rule.served_by in ("Market", "Fragments")
        and not rule.topic.endswith(("Symbols", "Configure"))
    )
    reaches = frozenset(
        {f"{topic} answered" for topic in topics if topic != "QueryCustomFragments"}
        | {f"{topic} refused" for topic in topics if topic != "QueryMarkets"}
    )


class SearchBoundary(AnswerBoundary):
    """The three symbol searches: bounded work, and only what was found."""

    name = "search"
    topics = ("SearchSymbols", "QuerySymbols", "ScanSymbols")
    reaches = frozenset(f"{topic} {outcome}" for topic in topics for outcome in ("answered", "refused"))
    kinds: ClassVar[dict[str, tuple[type[Request], Any]]] = {
        "SearchSymbols": (SearchSymbolsRequest, search_symbols),
        "QuerySymbols": (QuerySymbolsRequest, query_symbols),
        "ScanSymbols": (ScanSymbolsRequest, scan_symbols),
    }

    async def _check(self, topic: str, data: Any) -> str:
        kind, make = self.kinds[topic]
        try:
            search = make(decode(data, kind))
        except InvalidRequest as invalid:
            assert invalid.codes
            assert set(invalid.codes) <= {errors.DATA, errors.DATA_DESERIALISE}
        except InvalidCriteria:
            pass
        else:
            self._check_work(search)
        return await super()._check(topic, data)

    @staticmethod
    def _check_work(search: Search) -> None:
        assert 1 <= search.cost <= COST_MAX
        symbols = [Counting(keys) for keys in SYMBOLS]
        found = search.find(symbols)  # type: ignore[arg-type]
        looks = sum(one.looks for one in symbols)
        assert looks <= LOOKS_PER_COMPARISON_MAX * search.cost * len(symbols), (looks, search.cost)
        page = search.page(found)
        assert len(page) <= min(search.count, SYMBOLS_MAX, len(found))


BOUNDARIES: list[type[Boundary]] = [RequestBoundary, SearchBoundary]
