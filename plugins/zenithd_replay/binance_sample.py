"""Looks at the beginning of a raw Binance capture: which symbols, spot or futures, how many decimals. Pure.

A capture holds no exchangeInfo, so that what the venue would tell there is concluded from the messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import MarketDefinition
from zenithd_binance.listing import Listed, Listing, Selection, market_definition, read_listing
from zenithd_binance.payloads import ExchangeInformation, Filter, SymbolInformation

SPOT, FUTURES = MarketId("BINANCE"), MarketId("BINANCE:USDM")

_QUOTE_ASSETS = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "DAI", "BTC", "ETH", "BNB", "EUR", "GBP", "TRY",
                 "BRL", "JPY", "AUD", "USD")  # fmt: skip
"""To tell what a symbol is quoted in; the venue joins the two assets without a sign between them."""

_DECIMALS_EXTRA = 1
"""Finer numbers than those of the sample may follow: orders from before the steps were made coarser."""


class Decimals(msgspec.Struct):
    """How finely the prices or quantities of a symbol are written."""

    used: int = 0
    """Without needless zeros: what the tick or lot size has."""
    written: int = 0

    def look(self, text: str) -> None:
        """Take a number into account."""
        fraction = text.partition(".")[2]
        self.written = max(self.written, len(fraction))
        self.used = max(self.used, len(fraction.rstrip("0")))


class SymbolSample(msgspec.Struct):
    """What the messages told of a symbol."""

    prices: Decimals
    quantities: Decimals


class CaptureSample:
    """What the lines looked at so far tell of one capture."""

    def __init__(self) -> None:
        self.symbols: dict[str, SymbolSample] = {}
        self.is_spot = True
        self.has_snapshot = False

    def look(self, body: bytes) -> None:
        """Take a message into account; what is none is left to the parser."""
        try:
            message = msgspec.json.decode(body)
            if "stream" in message:
                self._look_at_data(message["data"])
            elif "lastUpdateId" in message:
                self.has_snapshot = True
                self.is_spot = self.is_spot and "E" not in message
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError, ValueError):
            return

    def _look_at_data(self, data: dict[str, Any]) -> None:
        code = data["s"]
        kind = data.get("e", "spot bookTicker")
        if kind == "bookTicker" or "pu" in data or "X" in data:
            self.is_spot = False
        found = self.symbols.setdefault(code, SymbolSample(Decimals(), Decimals()))
        for price, quantity in _numbers(data, kind):
            found.prices.look(price)
            found.quantities.look(quantity)

    @property
    def market(self) -> MarketId:
        """The market that the capture is of."""
        return SPOT if self.is_spot else FUTURES


def _numbers(data: dict[str, Any], kind: str) -> Iterable[tuple[str, str]]:
    """The pairs of price and quantity in a message."""
    if kind == "depthUpdate":
        return [*data["b"], *data["a"]]
    if kind in ("trade", "aggTrade"):
        return [(data["p"], data["q"])]
    if "B" in data:
        return [(data["b"], data["B"]), (data["a"], data["A"])]
    return []


def merge_samples(samples: Iterable[CaptureSample]) -> dict[str, SymbolSample]:
    """The symbols of several captures of one market, each with its finest numbers."""
    merged: dict[str, SymbolSample] = {}
    for sample in samples:
        for code, found in sample.symbols.items():
            known = merged.setdefault(code, SymbolSample(Decimals(), Decimals()))
            for mine, other in ((known.prices, found.prices), (known.quantities, found.quantities)):
                mine.used = max(mine.used, other.used)
                mine.written = max(mine.written, other.written)
    return merged


def definition_of(market: MarketId, symbols: dict[str, SymbolSample]) -> MarketDefinition:
    """The recorded market, as the live source would declare it."""
    live = market_definition(market, market == SPOT, _listing(market, symbols).tick_tables)
    return msgspec.structs.replace(live, name=f"{live.name} (recorded)")


def listed_of(market: MarketId, symbols: dict[str, SymbolSample]) -> list[Listed]:
    """The recorded instruments, with scales that are fine enough, by code."""
    return list(_listing(market, symbols).listed)


def _listing(market: MarketId, symbols: dict[str, SymbolSample]) -> Listing:
    is_spot = market == SPOT
    information = ExchangeInformation(
        symbols=[_symbol(code, sample, is_spot) for code, sample in sorted(symbols.items())]
    )
    everything = Selection(symbols=symbols, quote_assets=())
    return read_listing(information, market, is_spot, everything, _DECIMALS_EXTRA)


def _symbol(code: str, sample: SymbolSample, is_spot: bool) -> SymbolInformation:
    quote = next((asset for asset in _QUOTE_ASSETS if code.endswith(asset) and code != asset), "")
    return SymbolInformation(
        symbol=code,
        status="TRADING",
        base_asset=code.removesuffix(quote),
        quote_asset=quote,
        filters=[
            Filter("PRICE_FILTER", tick_size=_step(sample.prices)),
            Filter("LOT_SIZE", step_size=_step(sample.quantities)),
        ],
        contract_type=None if is_spot else "PERPETUAL",
        price_precision=sample.prices.written,
        quantity_precision=sample.quantities.written,
    )


def _step(decimals: Decimals) -> str:
    return f"{10.0**-decimals.used:.{decimals.used}f}"
