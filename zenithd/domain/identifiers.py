"""Market codes and instrument identifiers (spec: zenith-websocket 1.7).

Identifiers travel as canonical text (`MarketId`, `InstrumentId`): text is hashed once, compares fast and
is what users type. `parse_market` gives the parts where a rule needs them.
"""

from __future__ import annotations

import re
from typing import NewType

import msgspec

MarketId = NewType("MarketId", str)
"""Canonical text of a market code: `XSX`, `ASX:PM`, `XSX[Delayed]`, `XSX+XSY`."""

InstrumentId = NewType("InstrumentId", str)
"""`<code>.<market>` with a canonical market: `XS01.XSX`. The market begins after the last dot."""

TEXT_LENGTH_MAX = 200
"""Longest market code or instrument identifier that is looked at; longer input is invalid."""

_PART = r"[A-Za-z0-9_-]+"
_SINGLE = re.compile(rf"({_PART})(?::([A-Za-z0-9_-]*))?(?:\[([A-Za-z0-9_ -]*)\])?", re.ASCII)
_MIXED = re.compile(rf"([^#\[\]]+)(?:#({_PART}))?(?:\[([A-Za-z0-9_ -]*)\])?", re.ASCII)


class InvalidIdentifier(ValueError):
    """The text is not a market code or instrument identifier. Blame: whoever sent it."""


class MarketCode(msgspec.Struct, frozen=True, order=True):
    """One market: exchange, alternative market and environment tag; blank means the usual one."""

    exchange: str
    alternative: str = ""
    tag: str = ""

    def __str__(self) -> str:
        alternative = f":{self.alternative}" if self.alternative else ""
        return f"{self.exchange}{alternative}{_bracketed(self.tag)}"

    @property
    def id(self) -> MarketId:
        """The canonical text."""
        return MarketId(str(self))


class MixedMarketCode(msgspec.Struct, frozen=True):
    """A blend of two or more markets in alphabetical order that share one tag."""

    sources: tuple[MarketCode, ...]
    strategy: str = ""

    @property
    def tag(self) -> str:
        """The environment tag of every source."""
        return self.sources[0].tag

    def __str__(self) -> str:
        joined = "+".join(str(MarketCode(m.exchange, m.alternative)) for m in self.sources)
        strategy = f"#{self.strategy}" if self.strategy else ""
        return f"{joined}{strategy}{_bracketed(self.tag)}"

    @property
    def id(self) -> MarketId:
        """The canonical text."""
        return MarketId(str(self))


def _bracketed(tag: str) -> str:
    return f"[{tag}]" if tag else ""


def parse_market(text: str) -> MarketCode | MixedMarketCode:
    """Parse a market code as it stands in topics, queries and configuration.

    `ASX`, `ASX:`, `ASX[]` and `ASX:[]` are the same market. The legacy notation `x!y` means `y`.

    Raises:
        InvalidIdentifier: not of the grammar, or a mix that is not in alphabetical order.
    """
    if len(text) > TEXT_LENGTH_MAX:
        raise InvalidIdentifier("market code too long")
    text = text.rpartition("!")[2]
    if "+" in text:
        return _parse_mixed(text)
    return _parse_single(text)


def _parse_single(text: str) -> MarketCode:
    found = _SINGLE.fullmatch(text)
    if found is None:
        raise InvalidIdentifier(f"{text!r} is not a market code")
    exchange, alternative, tag = found.groups()
    return MarketCode(exchange, alternative or "", tag or "")


def _parse_mixed(text: str) -> MixedMarketCode:
    found = _MIXED.fullmatch(text)
    if found is None:
        raise InvalidIdentifier(f"{text!r} is not a mixed market code")
    joined, strategy, tag = found.groups()
    sources = [_parse_single(part) for part in joined.split("+")]
    texts = [str(source) for source in sources]
    if texts != sorted(set(texts)):
        raise InvalidIdentifier(f"{text!r}: markets of a mix must differ and stand in alphabetical order")
    return MixedMarketCode(
        tuple(MarketCode(m.exchange, m.alternative, tag or "") for m in sources), strategy or ""
    )


def instrument_id(code: str, market: MarketId | str) -> InstrumentId:
    """Join a code and a canonical market."""
    return InstrumentId(f"{code}.{market}")


def split_instrument(instrument: InstrumentId) -> tuple[str, MarketId]:
    """Split a trusted identifier into code and market."""
    code, _, market = instrument.rpartition(".")
    return code, MarketId(market)


def parse_instrument(text: str) -> InstrumentId:
    """Parse what a peer sent as `Code.Market` and make its market canonical.

    Raises:
        InvalidIdentifier: no dot, no code, or no valid market after the last dot.
    """
    code, dot, market = text.rpartition(".")
    if not dot or not code or len(text) > TEXT_LENGTH_MAX or not code.isprintable():
        raise InvalidIdentifier(f"{text[:40]!r} is not Code.Market")
    return instrument_id(code, parse_market(market).id)


def market_of(trading_market: str) -> MarketId:
    """The market within which a trading market lies: `XSX` of `XSX::XSX`, `CXA[Demo]` of `CXA::LI[Demo]`.

    A code without a node (`ASX`, `ASX:PM`) is its own market (zenith-websocket 1.7, 5).
    """
    code, bracket, tag = trading_market.partition("[")
    parts = code.split(":")
    if len(parts) < 3:
        return MarketId(trading_market)
    exchange, alternative = parts[0], parts[1]
    return MarketId(f"{exchange}:{alternative}{bracket}{tag}" if alternative else f"{exchange}{bracket}{tag}")
