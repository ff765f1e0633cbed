"""Payloads of the shape of a Binance futures capture, made from a seed: for when no recording is at hand.

One file per symbol: a REST snapshot, then combined-stream messages in about the proportions of a real
capture (three best-price changes to one of depth and trades). Books stay consistent, ids gapless.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import orjson

SYMBOLS = 20
LEVELS = 500
"""Of each side in the snapshot."""
LEVELS_PER_MESSAGE = 17
"""Of each side in one depth message."""
START_NS = 1_700_000_000_000_000_000
MESSAGE_NS = 5_000_000
"""Between two messages of a symbol."""

Json = dict[str, object]


class _Symbol:
    """Makes the messages of one symbol."""

    def __init__(self, name: str, generator: random.Random) -> None:
        self.name = name
        self._random = generator
        self._middle = generator.randrange(10_000, 600_000)
        self._update = self._last_depth = generator.randrange(1_000_000, 2_000_000)
        self._trade = generator.randrange(1_000_000, 2_000_000)

    def snapshot(self) -> Json:
        """What REST answers."""
        return {
            "lastUpdateId": self._update,
            "bids": [self._level(self._middle - 1 - depth) for depth in range(LEVELS)],
            "asks": [self._level(self._middle + depth) for depth in range(LEVELS)],
        }

    def message(self, time_ms: int) -> Json:
        """The next message of any stream."""
        kind = self._random.random()
        if kind < 0.1:
            return self._depth(time_ms)
        return self._best_prices(time_ms) if kind < 0.85 else self._trade_report(time_ms)

    def _depth(self, time_ms: int) -> Json:
        before, self._last_depth = self._last_depth, self._update + self._random.randrange(1, 5_000)
        self._update = self._last_depth
        near = range(LEVELS // 4)
        bids = sorted(self._random.sample(near, LEVELS_PER_MESSAGE))
        asks = sorted(self._random.sample(near, LEVELS_PER_MESSAGE))
        data: Json = {"e": "depthUpdate", "E": time_ms, "T": time_ms, "s": self.name}
        data |= {"U": before, "u": self._update, "pu": before}
        data |= {
            "b": [self._level(self._middle - 1 - depth, may_vanish=True) for depth in bids],
            "a": [self._level(self._middle + depth, may_vanish=True) for depth in asks],
        }
        return self._combined("depth@0ms", data)

    def _best_prices(self, time_ms: int) -> Json:
        self._update += 1
        bid, bid_quantity = self._level(self._middle - 1)
        ask, ask_quantity = self._level(self._middle)
        data: Json = {"e": "bookTicker", "u": self._update, "s": self.name, "b": bid, "B": bid_quantity}
        return self._combined("bookTicker", data | {"a": ask, "A": ask_quantity, "T": time_ms, "E": time_ms})

    def _trade_report(self, time_ms: int) -> Json:
        self._trade += 1
        price, quantity = self._level(self._middle)
        data: Json = {"e": "trade", "E": time_ms, "T": time_ms, "s": self.name, "t": self._trade, "p": price}
        return self._combined("trade", data | {"q": quantity, "X": "MARKET", "m": False})

    def _level(self, ticks: int, *, may_vanish: bool = False) -> tuple[str, str]:
        quantity = self._random.randrange(1, 50_000)
        if may_vanish and quantity < 15_000:
            quantity = 0
        return f"{ticks // 10}.{ticks % 10}0", f"{quantity // 1000}.{quantity % 1000:03}"

    def _combined(self, stream: str, data: Json) -> Json:
        return {"stream": f"{self.name.lower()}@{stream}", "data": data}


def write_payloads(folder: Path, messages: int, seed: int = 1, symbols: int = SYMBOLS) -> list[Path]:
    """Write one capture per symbol, `messages` in all; the same seed gives the same bytes."""
    paths = []
    for index in range(symbols):
        path = folder / f"bench{index:02}usdt.txt"
        with path.open("wb") as file:
            file.writelines(
                _lines(_Symbol(f"BENCH{index:02}USDT", random.Random(f"{seed}:{index}")), messages // symbols)
            )
        paths.append(path)
    return paths


def _lines(symbol: _Symbol, count: int) -> Iterator[bytes]:
    for number in range(count + 1):
        received = START_NS + number * MESSAGE_NS
        content = symbol.message(received // 1_000_000) if number else symbol.snapshot()
        yield b"%d %b\n" % (received, orjson.dumps(content))
