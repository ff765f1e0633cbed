"""Recorded markets through the whole daemon: what subscribers end up with equals the raw bytes.

The recordings are played by the replay plugin as fast as it goes, once the subscribers are there.
"""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import Client, DaemonProcess

DATA = (Path(__file__).parents[2] / "../shared/data").resolve()
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the recorded data are not here")

CONFIG = """
[users.demo]
password = "demo"

[fanout]
outbox_bytes_max = 1073741824

[plugins.prodigy]
enabled = false

[plugins.held]
speed = 0
"""
"""The outboxes are so large that nothing is conflated: subscribers get every single update."""

SUBSCRIBE_SECONDS_MAX = 30.0

Book = dict[tuple[str, float], float]
"""Volume by side and price."""


# Playing

HELD = """
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.market_data import FeedStatus
from zenithd.plugin import hookimpl
from zenithd_replay import Replay
from zenithd_replay.opening import open_files
import trio

API_VERSION = 1
HOLD, GO = MarketId("HOLD"), InstrumentId("GO.HOLD")

class HeldReplay(Replay):
    async def run(self):
        playable = await trio.to_thread.run_sync(open_files, self.config)
        for declared in playable.declarations:
            self.context.declare_market(declared.definition, declared.instruments)
            self.context.set_status(declared.definition.id, FeedStatus.ACTIVE)
        self.context.declare_market(MarketDefinition(id=HOLD), [Instrument(code="GO", market=HOLD)])
        self.context.set_status(HOLD, FeedStatus.ACTIVE)
        wanted = frozenset()
        while GO not in wanted:
            wanted = await self.context.wait_wanted(wanted)
        await super().run()

@hookimpl
def zenithd_market_sources():
    return [HeldReplay]
"""
"""The replay plugin, which waits until somebody subscribes to GO.HOLD: so nobody can miss the beginning."""


def install(folder: Path) -> dict[str, str]:
    """Put the plugin where the daemon finds it; return the environment that does."""
    information = folder / "site/held-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: held\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[zenithd.plugins]\nheld = held_replay\n")
    (folder / "site/held_replay.py").write_text(HELD)
    return {"PYTHONPATH": os.pathsep.join([str(folder / "site"), os.environ.get("PYTHONPATH", "")])}


def start(folder: Path, names: Sequence[str]) -> DaemonProcess:
    """Run a daemon that plays files of the data folder, as soon as it is told to."""
    files = json.dumps([str(DATA / name) for name in names])
    daemon = DaemonProcess(folder, f"{CONFIG}files = {files}\n", **install(folder))
    try:
        daemon.wait_ready()
    except BaseException:
        daemon.__exit__()
        raise
    return daemon


class Instrument:
    """What a strict subscriber makes of the messages about one instrument."""

    def __init__(self, code: str, market: str) -> None:
        self.symbol = f"{code}.{market}"
        self.request = {"Code": code, "Market": market}
        self.levels: dict[str, dict[str, Any]] = {}
        self.level_changes: Counter[str] = Counter()
        self.security: dict[str, Any] = {}
        self.full_securities = 0
        self.tapes: list[list[dict[str, Any]]] = []
        """The trades after each initialisation."""
        self.amendments: list[dict[str, Any]] = []

    def handlers(self) -> dict[str, Callable[[Any], None]]:
        """What takes the data of each topic."""
        return {
            f"Levels!{self.symbol}": self.take_levels,
            f"Security!{self.symbol}": self.take_security,
            f"Trades!{self.symbol}": self.take_trades,
        }

    def take_levels(self, changes: list[dict[str, Any]]) -> None:
        for change in changes:
            operation = change["O"]
            self.level_changes[operation] += 1
            if operation == "C":
                self.levels.clear()
                continue
            level = change["Level"]
            if operation == "A":
                assert level["ID"] not in self.levels
                self.levels[level["ID"]] = level
            elif operation == "U":
                self.levels[level["ID"]].update(level)
            else:
                assert operation == "R"
                del self.levels[level["ID"]]

    def take_security(self, values: dict[str, Any]) -> None:
        if "Code" in values:
            self.full_securities += 1
            self.security = dict(values)
        else:
            assert values
            self.security.update(values)

    def take_trades(self, changes: list[dict[str, Any]]) -> None:
        for change in changes:
            if change["O"] == "I":
                assert change["ID"] == 0
                self.tapes.append([])
            elif change["O"] == "A":
                self.tapes[-1].append(change["Trade"])
            else:
                assert change["O"] == "U"
                self.amendments.append(change["Trade"])

    def book(self) -> Book:
        book = {(level["Side"], level["Price"]): level["Volume"] for level in self.levels.values()}
        assert len(book) == len(self.levels)
        return book

    @property
    def trades(self) -> list[dict[str, Any]]:
        return [trade for tape in self.tapes for trade in tape]


def follow(client: Client, market: str, instruments: Sequence[Instrument], subscribed: threading.Barrier) -> int:
    """Subscribe, say so, and follow until the market is Closed; return the number of messages."""
    client.log_in()
    handlers: dict[str, Callable[[Any], None]] = {}
    for instrument in instruments:
        for topic, take in instrument.handlers().items():
            for data in client.subscribe(topic):
                take(data)
        assert not instrument.levels
        handlers.update(instrument.handlers())
    for state in client.subscribe("Markets")[0]:
        assert state["Feed"] == "Active"
    subscribed.wait(SUBSCRIBE_SECONDS_MAX)
    count = 0
    while True:
        message = client.backlog.pop(0) if client.backlog else client.receive()
        count += 1
        assert "Action" not in message, message
        topic, data = message["Topic"], message["Data"]
        if topic != "Markets":
            handlers[topic](data)
        elif any(state["Code"] == market and state["Feed"] == "Closed" for state in data):
            return count


def play(
    daemon: DaemonProcess, market: str, codes: Sequence[str], encodings: Sequence[str]
) -> list[list[Instrument]]:
    """Play to the end; return what a subscriber in each encoding has then."""
    found = [[Instrument(code, market) for code in codes] for _ in encodings]
    subscribed = threading.Barrier(len(encodings) + 1)
    with ExitStack() as stack:
        clients = [stack.enter_context(daemon.client(encoding)) for encoding in encodings]
        threads = stack.enter_context(ThreadPoolExecutor(len(encodings)))
        following = [
            threads.submit(follow, client, market, instruments, subscribed)
            for client, instruments in zip(clients, found, strict=True)
        ]
        with daemon.client() as starter:
            starter.log_in()
            subscribed.wait(SUBSCRIBE_SECONDS_MAX)
            starter.subscribe("Security!GO.HOLD")
        counts = [one.result() for one in following]
    assert len(set(counts)) == 1
    return found


def asked_book(client: Client, request: dict[str, str]) -> Book:
    """The book as a client gets it that only asks."""
    changes, errors = client.ask("Market", "QueryDepthLevels", request)
    assert not errors
    assert changes[0] == {"O": "C"}
    assert all(change["O"] == "A" for change in changes[1:])
    return {(c["Level"]["Side"], c["Level"]["Price"]): c["Level"]["Volume"] for c in changes[1:]}


def milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


# Binance

MIDNIGHT_MS = 1_723_161_600_000
"""2024-08-09 00:00 UTC."""


class RawBinance:
    """Book, last best prices and trades of one symbol: the JSON of its files, line by line."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.book: Book = {}
        self.best: dict[str, float] = {}
        self.trades: list[tuple[int, int, float, float, str]] = []
        """Id, time in ms, price, quantity, side of the incoming order."""
        self._snapshot: int | None = None
        self._early: list[dict[str, Any]] = []
        for path in files:
            with gzip.open(path) as file:
                for line in file:
                    message = json.loads(line[line.index(b" ") :])
                    self._take(message.get("data", message))

    def _take(self, data: dict[str, Any]) -> None:
        if "lastUpdateId" in data:
            self._snapshot = data["lastUpdateId"]
            self._set("Bid", data["bids"])
            self._set("Ask", data["asks"])
            for update in self._early:
                self._update(update)
        elif data.get("e") == "depthUpdate":
            if self._snapshot is None:
                self._early.append(data)
            else:
                self._update(data)
        elif data.get("e") == "trade":
            side = "Ask" if data["m"] else "Bid"
            self.trades.append((data["t"], data["T"], float(data["p"]), float(data["q"]), side))
        else:
            names = {"b": "BestBid", "B": "BidQuantity", "a": "BestAsk", "A": "AskQuantity"}
            self.best = {name: float(data[key]) for key, name in names.items()}

    def _update(self, update: dict[str, Any]) -> None:
        if self._snapshot is not None and update["u"] > self._snapshot:
            self._set("Bid", update["b"])
            self._set("Ask", update["a"])

    def _set(self, side: str, levels: list[tuple[str, str]]) -> None:
        for price, quantity in levels:
            volume = float(quantity)
            if volume:
                self.book[side, float(price)] = volume
            else:
                self.book.pop((side, float(price)), None)


def check_binance(instrument: Instrument, raw: RawBinance) -> None:
    """Compare what a subscriber followed with the raw messages."""
    assert len(raw.book) > 1000
    assert instrument.book() == raw.book
    assert min(instrument.level_changes[operation] for operation in "AUR") > 1000
    security = instrument.security
    assert {name: security[name] for name in raw.best} == raw.best
    shown = [
        (trade["ID"], milliseconds(trade["Time"]), trade["Price"], trade["Quantity"], trade["Side"])
        for trade in instrument.trades
    ]
    assert shown == raw.trades
    assert not instrument.amendments
    today = [trade for trade in raw.trades if trade[1] >= MIDNIGHT_MS]
    assert security["NumberOfTrades"] == len(today)
    assert security["Volume"] == pytest.approx(sum(trade[3] for trade in today), rel=1e-12)


def check_binance_answers(client: Client, instrument: Instrument, raw: RawBinance, day: str) -> None:
    """Compare what a client is told that comes afterwards."""
    assert asked_book(client, instrument.request) == raw.book
    security, errors = client.ask("Market", "QuerySecurity", instrument.request)
    assert not errors
    assert security == instrument.security
    request = {**instrument.request, "TradingDate": day, "Count": 2**31 - 1}
    trades, errors = client.ask("Market", "QueryTrades", request)
    assert not errors
    assert [change["Trade"]["ID"] for change in trades] == [trade["ID"] for trade in instrument.tapes[-1]]


BINANCE = {
    "spot": ("BINANCE[Sample]", ("btcusdt", "ethusdt"), ("20240808", "20240809")),
    "usdm": ("BINANCE:USDM[Sample]", ("btcusdt", "ethusdt"), ("20240808",)),
}


@pytest.mark.parametrize("folder", BINANCE)
def test_binance(tmp_path: Path, folder: str) -> None:
    market, symbols, days = BINANCE[folder]
    files = {symbol: [f"binance/{folder}/{symbol}_{day}.gz" for day in days] for symbol in symbols}
    with start(tmp_path, [name for names in files.values() for name in names]) as daemon:
        codes = [symbol.upper() for symbol in symbols]
        found = play(daemon, market, codes, ("ZenithJson", "ZenithMsgPack"))
        raws = [RawBinance([DATA / name for name in files[symbol]]) for symbol in symbols]
        for instruments in found:
            for instrument, raw in zip(instruments, raws, strict=True):
                check_binance(instrument, raw)
        with daemon.client("ZenithBson") as client:
            client.log_in()
            states = {state["Code"]: state for state in client.ask("Market", "QueryMarkets")[0]}
            assert states[market]["Feed"] == "Closed"
            for instrument, raw in zip(found[0], raws, strict=True):
                check_binance_answers(client, instrument, raw, states[market]["TradingDate"])
