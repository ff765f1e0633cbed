"""A naive venue for tests: books as dictionaries of decimals, frames as the venue writes them.

Nothing here uses the plugin's own code, so that a book which equals one made here is right.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

RECORDED = Path(__file__).parents[3].parent / "shared" / "data" / "binance"

Prices = tuple[dict[int, int], dict[int, int]]
"""Quantity by price, in ticks: of the bids and of the asks."""

MIDNIGHT = 1_767_571_200_000
"""2026-01-05 00:00 UTC, where the fake clock begins, in milliseconds."""


def frame(stream: str, data: dict[str, Any]) -> str:
    """A message of a combined stream."""
    return json.dumps({"stream": stream, "data": data}, separators=(",", ":"))


class NaiveBook:
    """A book as the venue's own description says, quantity text by price text."""

    def __init__(self) -> None:
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}
        self.last = 0

    def load(self, snapshot: dict[str, Any]) -> None:
        """Take over a REST snapshot."""
        self.bids, self.asks = {}, {}
        self.last = snapshot["lastUpdateId"]
        self._set(self.bids, snapshot["bids"])
        self._set(self.asks, snapshot["asks"])

    def update(self, data: dict[str, Any]) -> None:
        """Take over an update unless it is old."""
        if data["u"] <= self.last:
            return
        self._set(self.bids, data["b"])
        self._set(self.asks, data["a"])
        self.last = data["u"]

    def snapshot(self, levels: int = 1_000_000) -> bytes:
        """The REST answer."""
        bids = sorted(self.bids.items(), reverse=True)[:levels]
        asks = sorted(self.asks.items())[:levels]
        body = {"lastUpdateId": self.last, "bids": _texts(bids), "asks": _texts(asks)}
        return json.dumps(body, separators=(",", ":")).encode()

    def prices(self, price_scale: int, quantity_scale: int) -> Prices:
        """The book in ticks."""
        return tuple(  # type: ignore[return-value]
            {
                int(price.scaleb(price_scale)): int(quantity.scaleb(quantity_scale))
                for price, quantity in side.items()
            }
            for side in (self.bids, self.asks)
        )

    @staticmethod
    def _set(side: dict[Decimal, Decimal], levels: Iterable[tuple[str, str]]) -> None:
        for price, quantity in levels:
            if Decimal(quantity) == 0:
                side.pop(Decimal(price), None)
            else:
                side[Decimal(price)] = Decimal(quantity)


def _texts(levels: Iterable[tuple[Decimal, Decimal]]) -> list[tuple[str, str]]:
    return [(f"{price:.8f}", f"{quantity:.8f}") for price, quantity in levels]


class NaiveSymbol:
    """A symbol whose book the test changes; each change gives the frames that the venue would send."""

    def __init__(self, symbol: str = "BTCUSDT", is_spot: bool = True, last: int = 1000) -> None:
        self.symbol = symbol
        self.is_spot = is_spot
        self.book = NaiveBook()
        self.book.last = last
        self.trade_id = 500
        self.time = MIDNIGHT + 3_600_000
        self.set({"99.00": "1", "98.00": "2"}, {"101.00": "1.5", "102.00": "3"})

    def set(self, bids: dict[str, str] | None = None, asks: dict[str, str] | None = None) -> str:
        """Change levels; the depth frame. Futures numbers skip some, as they are shared."""
        before = self.book.last
        first = before + (1 if self.is_spot else 7)
        data: dict[str, Any] = {
            "e": "depthUpdate",
            "E": self.time,
            "s": self.symbol,
            "U": first,
            "u": first + 3,
            "b": [[price, quantity] for price, quantity in (bids or {}).items()],
            "a": [[price, quantity] for price, quantity in (asks or {}).items()],
        }
        if not self.is_spot:
            data["pu"] = before
        self.book.update(data)
        return frame(f"{self.symbol.lower()}@depth@100ms", data)

    def trade(self, price: str = "100.00", quantity: str = "0.5", **values: Any) -> str:
        """The next trade; `values` are other fields."""
        self.trade_id += 1
        data = {
            "e": "trade",
            "E": self.time,
            "s": self.symbol,
            "t": self.trade_id,
            "p": price,
            "q": quantity,
            "T": self.time,
            "m": True,
        } | values
        if not self.is_spot:
            data.setdefault("X", "MARKET")
        return frame(f"{self.symbol.lower()}@trade", data)

    def ticker(self, bid: str = "99.00", ask: str = "101.00", update: int | None = None) -> str:
        """Best prices."""
        data = {
            "u": update if update is not None else self.book.last,
            "s": self.symbol,
            "b": bid,
            "B": "1.0",
            "a": ask,
            "A": "1.5",
        }
        return frame(f"{self.symbol.lower()}@bookTicker", data)

    def day_bar(self, **values: Any) -> str:
        """Statistics of the day so far; `values` are fields of the bar."""
        bar = {
            "t": MIDNIGHT,
            "T": MIDNIGHT + 86_399_999,
            "s": self.symbol,
            "i": "1d",
            "f": 1,
            "L": self.trade_id,
            "o": "95.00",
            "c": "100.00",
            "h": "103.00",
            "l": "94.00",
            "v": "1000.5",
            "n": 700,
            "x": False,
            "q": "98049.00",
        } | values
        return frame(
            f"{self.symbol.lower()}@kline_1d", {"e": "kline", "E": self.time, "s": self.symbol, "k": bar}
        )


def spot_information(*symbols: str, status: str = "TRADING", tick: str = "0.01000000") -> bytes:
    """A spot exchangeInfo of symbols quoted in USDT."""
    return json.dumps(
        {
            "timezone": "UTC",
            "serverTime": MIDNIGHT,
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [
                {
                    "symbol": symbol,
                    "status": status,
                    "baseAsset": symbol.removesuffix("USDT"),
                    "quoteAsset": "USDT",
                    "isSpotTradingAllowed": True,
                    "filters": [
                        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "tickSize": tick},
                        {"filterType": "LOT_SIZE", "minQty": "0.00001", "stepSize": "0.00001000"},
                        {"filterType": "NOTIONAL", "minNotional": "5.0", "applyMinToMarket": True},
                    ],
                }
                for symbol in symbols
            ],
        }
    ).encode()


def futures_information(*symbols: str, **values: Any) -> bytes:
    """A futures exchangeInfo; `values` are fields of every symbol."""
    return json.dumps(
        {
            "rateLimits": [],
            "symbols": [
                {
                    "symbol": symbol,
                    "pair": symbol,
                    "contractType": "PERPETUAL",
                    "deliveryDate": 4_133_404_800_000,
                    "status": "TRADING",
                    "baseAsset": symbol.removesuffix("USDT"),
                    "quoteAsset": "USDT",
                    "marginAsset": "USDT",
                    "pricePrecision": 2,
                    "quantityPrecision": 3,
                    "underlyingType": "COIN",
                    "filters": [
                        {"filterType": "PRICE_FILTER", "maxPrice": "809484", "tickSize": "0.10"},
                        {"filterType": "LOT_SIZE", "maxQty": "1000", "stepSize": "0.001"},
                    ],
                }
                | values
                for symbol in symbols
            ],
        }
    ).encode()


def recorded_lines(*names: str) -> Iterator[tuple[int, bytes]]:
    """Receive time and body of each recorded line; the test is skipped where the recordings are absent."""
    if not RECORDED.is_dir():
        pytest.skip("the recorded data is not here")
    for name in names:
        with gzip.open(RECORDED / name, "rb") as lines:
            for line in lines:
                time, _, body = line.partition(b" ")
                yield int(time), body.rstrip()
