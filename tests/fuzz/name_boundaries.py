"""Short texts with a grammar: market codes, identifiers, patterns, dates, times and spans."""

from __future__ import annotations

import itertools
import string
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from tests.fuzz import draw as d
from tests.fuzz.boundary import Boundary
from tests.fuzz.draw import Draw
from zenithd.authority.access import Access, MarketGrant, View
from zenithd.authority.patterns import covers, meet, meet_all
from zenithd.domain.identifiers import (
    TEXT_LENGTH_MAX,
    InvalidIdentifier,
    MarketCode,
    MixedMarketCode,
    parse_instrument,
    parse_market,
    split_instrument,
)
from zenithd.wire.dates import (
    NANOSECONDS,
    DateTimeFormatter,
    InvalidDate,
    format_expires_in,
    format_span,
    parse_date,
    parse_date_time,
    parse_span,
)
from zenithd.wire.market_pattern import MarketPattern, parse_market_pattern

# --- market codes and instruments -------------------------------------------------------------------------

EXCHANGES = ("XSX", "XSY", "ASX", "A", "a-b_c", "0", "X" * 60)
ALTERNATIVES = ("", "", ":", ":PM", ":a-1", ":TradeMatch")
TAGS = ("", "", "", "[]", "[Delayed]", "[De mo]", "[ ]")
STRATEGIES = ("", "", "", "#Default", "#x-1")
NAME_CHARACTERS = frozenset(string.ascii_letters + string.digits + "_-")
CODE_WORDS = ("XSX", "XSX+XSY", "XSX:PM[Demo]", "A!B", "A+B#Default[T]", "ASX:+CXA", "A+A:B", "ASX:[]")


def market(draw: Draw) -> str:
    """A market code of the grammar, single or mixed, in any spelling."""
    parts = [draw.choice(EXCHANGES) + draw.choice(ALTERNATIVES) for _ in range(draw.choice((1, 1, 2, 3)))]
    if draw.random() < 0.9:
        parts = sorted(set(parts))
    strategy = draw.choice(STRATEGIES) if len(parts) > 1 or draw.random() < 0.05 else ""
    made = "+".join(parts) + strategy + draw.choice(TAGS)
    return f"{draw.choice(CODE_WORDS)}!{made}" if draw.random() < 0.05 else made


def _well_formed(text: str) -> MarketCode | MixedMarketCode | None:
    """The grammar of 1.7 written a second time, by taking the text apart from its end."""
    if len(text) > TEXT_LENGTH_MAX:
        return None
    text = text.split("!")[-1]
    tag = ""
    if text.endswith("]"):
        text, bracket, tag = text[:-1].partition("[")
        if not bracket or not NAME_CHARACTERS.union(" ").issuperset(tag):
            return None
    strategy = ""
    if "+" in text and "#" in text:
        text, _, strategy = text.partition("#")
        if not strategy or not NAME_CHARACTERS.issuperset(strategy):
            return None
    sources = []
    for part in text.split("+"):
        exchange, _, alternative = part.partition(":")
        if not exchange or not NAME_CHARACTERS.issuperset(exchange + alternative):
            return None
        sources.append(MarketCode(exchange, alternative, tag))
    if len(sources) == 1:
        return sources[0]
    shown = [f"{one.exchange}:{one.alternative}".removesuffix(":") for one in sources]
    in_order = all(one < other for one, other in itertools.pairwise(shown))
    return MixedMarketCode(tuple(sources), strategy) if in_order else None


class MarketBoundary(Boundary):
    """Market codes, patterns of searches, and identifiers: canonical, or `InvalidIdentifier`."""

    name = "market"
    reaches = frozenset({"market", "mixed market", "instrument", "mixed instrument", "invalid"})

    def make(self, draw: Draw) -> str:
        made = market(draw)
        if draw.random() < 0.4:
            made = d.text(draw, ("XS01", "XS.03", "A", "a!b", "é", "OPT 1", "X" * 150)) + "." + made
        pick = draw.random()
        if pick < 0.5:
            return made
        return d.damage_text(draw, made, CODE_WORDS) if pick < 0.93 else d.text(draw, (*d.TEXTS, *CODE_WORDS))

    def check(self, given: str) -> str:
        expected = _well_formed(given)
        try:
            code = parse_market(given)
        except InvalidIdentifier:
            assert expected is None
            self._check_pattern(given, None)
            return self._check_instrument(given)
        assert code == expected
        assert parse_market(code.id) == code
        assert parse_market(code.id).id == code.id
        assert len(code.id) <= len(given)
        self._check_pattern(given, code)
        self._check_instrument(given)
        everywhere = Access(grants=(MarketGrant("*", View()),))
        assert everywhere.view(code.id) is not None
        return "mixed market" if isinstance(code, MixedMarketCode) else "market"

    @staticmethod
    def _check_pattern(given: str, code: MarketCode | MixedMarketCode | None) -> None:
        try:
            pattern = parse_market_pattern(given)
        except InvalidIdentifier:
            assert code is None
            return
        if isinstance(pattern, MarketPattern):
            assert isinstance(code, MarketCode)
            assert pattern.matches(code)
            assert not pattern.matches(MarketCode("~", code.alternative, code.tag))
            return
        assert pattern == code

    @staticmethod
    def _check_instrument(given: str) -> str:
        code, dot, market = given.rpartition(".")
        expected = _well_formed(market) if dot and code and code.isprintable() else None
        try:
            identifier = parse_instrument(given)
        except InvalidIdentifier:
            assert expected is None or len(given) > TEXT_LENGTH_MAX
            return "invalid"
        assert expected is not None
        assert parse_instrument(identifier) == identifier
        assert split_instrument(identifier) == (code, expected.id)
        assert "\n" not in identifier
        return "mixed instrument" if isinstance(expected, MixedMarketCode) else "instrument"


# --- patterns of users' rights ----------------------------------------------------------------------------

LETTERS = "A["
SHORT_TEXTS = ["".join(letters) for size in range(7) for letters in itertools.product(LETTERS, repeat=size)]


class PatternBoundary(Boundary):
    """`covers`, `meet` and `meet_all` against all short texts; what they say of grants."""

    name = "pattern"
    reaches = frozenset({"1 pattern", "2 patterns", "3 patterns", "4 patterns"})

    def make(self, draw: Draw) -> list[str]:
        return [self._pattern(draw) for _ in range(draw.randrange(1, 5))]

    @staticmethod
    def _pattern(draw: Draw) -> str:
        letters = [draw.choice(LETTERS) for _ in range(draw.randrange(5))]
        if draw.random() < 0.8:
            letters.insert(draw.randrange(len(letters) + 1), "*")
        return "".join(letters)

    def check(self, given: list[str]) -> str:
        matching = {pattern: self._matching(pattern) for pattern in given}
        for one, other in itertools.product(given, repeat=2):
            if len(other) < 7:
                assert not covers(one, other) or matching[one] >= matching[other], (one, other)
            met = set().union(*map(self._matching, meet(one, other)))
            assert met == matching[one] & matching[other], (one, other)
        everything = meet_all(given)
        assert set(given) <= set(everything)
        assert len(everything) == len(set(everything))
        for index, pattern in enumerate(everything):
            assert not any(covers(pattern, later) for later in everything[index + 1 :]), everything
        access = Access(grants=tuple(MarketGrant(pattern, View()) for pattern in given))
        for text in ("A", "AA", "AAA"):
            assert (access.view(text) is not None) is any(text in found for found in matching.values())
        return f"{len(given)} pattern{'s' * (len(given) > 1)}"

    @staticmethod
    def _matching(pattern: str) -> set[str]:
        start, star, end = pattern.partition("*")
        if not star:
            return {pattern} & set(SHORT_TEXTS)
        return {
            text
            for text in SHORT_TEXTS
            if len(text) >= len(start) + len(end) and text.startswith(start) and text.endswith(end)
        }


# --- dates and spans --------------------------------------------------------------------------------------

ZONES = (UTC, ZoneInfo("Australia/Sydney"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu"))


class DateBoundary(Boundary):
    """Dates, date-times and spans: a number that formats back to itself, or `InvalidDate`."""

    name = "date"
    reaches = frozenset({"date-time", "date", "span", "invalid"})

    def make(self, draw: Draw) -> str:
        made = d.one_of(draw, (6, self._date_time), (4, self._span), (1, d.text))
        return (
            made
            if draw.random() < 0.6
            else d.damage_text(draw, made, (*d.TEXTS, "2026-11-20T10:00:00+10:00"))
        )

    @staticmethod
    def _date_time(draw: Draw) -> str:
        dash, colon = draw.choice((("-", ":"), ("", "")))
        year = draw.choice((1, 2, 1582, 1969, 1970, 2026, 9998, 9999, 0, draw.randrange(10_000)))
        made = f"{year:04}{dash}{draw.randrange(14):02}{dash}{draw.randrange(33):02}"
        if draw.random() < 0.8:
            made += f"{draw.choice('Tt ')}{draw.randrange(26):02}{colon}{draw.randrange(62):02}"
            if draw.random() < 0.8:
                made += f"{colon}{draw.randrange(62):02}"
                if draw.random() < 0.6:
                    made += draw.choice(".,") + "".join(draw.choices(string.digits, k=draw.randrange(1, 14)))
        offset = draw.choice(("", "", "Z", "z", "+", "-"))
        if offset in ("+", "-"):
            offset += draw.choice(("00", "14", "23", "24", "99")) + draw.choice(
                ("", ":00", "59", ":60", ":99")
            )
        return made + offset

    @staticmethod
    def _span(draw: Draw) -> str:
        days = draw.choice(("", "", f"{draw.randrange(10)}.", f"{draw.randrange(10**8)}."))
        seconds = draw.choice(
            ("", f":{draw.randrange(62)}", f":{draw.randrange(60):02}.{draw.randrange(10**10)}")
        )
        return f"{days}{draw.randrange(26)}:{draw.randrange(62):02}{seconds}"

    def check(self, given: str) -> str:
        outcome = "invalid"
        span = _read(parse_span, given)
        if span is not None:
            assert 0 <= span < 10**7 * 86_400 * NANOSECONDS
            assert parse_span(format_span(span)) == span // 100 * 100
            assert len(format_expires_in(span / NANOSECONDS)) == len("hh:mm:ss.fffffff")
            outcome = "span"
        day = _read(parse_date, given)
        for zone in ZONES:
            time = _read(lambda text, zone=zone: parse_date_time(text, zone), given)
            if time is None:
                continue
            assert day is not None, "a date-time without its date"
            outcome = "date-time"
            self._check_format(time)
        return "date" if day is not None and outcome == "invalid" else outcome

    @staticmethod
    def _check_format(time: int) -> None:
        for zone in ZONES:
            try:
                text = DateTimeFormatter(zone).format(time)
            except InvalidDate:
                continue  # outside of the years 1 to 9999 there
            again = parse_date_time(text)
            offset = text[-6:] if text[-1] != "Z" else "+00:00"
            assert 0 <= time - again < 1_000 or offset in LOCAL_MEAN_TIMES, (text, time - again)


LOCAL_MEAN_TIMES = ("+10:05", "-04:56", "+05:41")
"""Offsets before standard time had seconds, which the protocol has no room for."""


def _read(parse: Any, text: str) -> Any:
    try:
        return parse(text)
    except InvalidDate:
        return None


BOUNDARIES: list[type[Boundary]] = [MarketBoundary, PatternBoundary, DateBoundary]
