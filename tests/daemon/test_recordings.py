"""Recorded markets through the whole daemon: what subscribers end up with equals the raw bytes.

The recordings are played by the replay plugin as fast as it goes, once the subscribers are there.
"""

from __future__ import annotations

import gzip
import json
import os
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
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
ALL = ("Levels", "Security", "Trades")

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
    holds_readiness = True

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

    def __init__(self, code: str, market: str, topics: Sequence[str]) -> None:
        self.code = code
        self.request = {"Code": code, "Market": market}
        takers = {"Levels": self.take_levels, "Security": self.take_security, "Trades": self.take_trades}
        self.handlers = {f"{topic}!{code}.{market}": takers[topic] for topic in topics}
        """What takes the data of each topic."""
        self.levels: dict[str, dict[str, Any]] = {}
        self.level_changes: Counter[str] = Counter()
        self.security: dict[str, Any] = {}
        self.tapes: list[list[dict[str, Any]]] = []
        """The trades after each initialisation."""
        self.amendments: list[dict[str, Any]] = []

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
        assert values
        if "Code" in values:
            self.security.clear()
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


def follow(client: Client, instruments: Sequence[Instrument], subscribed: threading.Barrier) -> None:
    """Subscribe, say so, and follow until the recording is at its end."""
    handlers = {topic: take for instrument in instruments for topic, take in instrument.handlers.items()}
    client.log_in()
    for topic, take in handlers.items():
        for data in client.subscribe(topic):
            take(data)
    client.subscribe("Markets")
    assert not any(instrument.levels for instrument in instruments)
    subscribed.wait(SUBSCRIBE_SECONDS_MAX)
    while True:
        message = client.backlog.pop(0) if client.backlog else client.receive()
        assert "Action" not in message, message
        topic, data = message["Topic"], message["Data"]
        if topic != "Markets":
            handlers[topic](data)
        elif data[0]["Feed"] == "Closed":
            return


def play(daemon: DaemonProcess, subscribers: dict[str, Sequence[Instrument]]) -> None:
    """Play to the end, to one subscriber in each of these encodings."""
    subscribed = threading.Barrier(len(subscribers) + 1)
    with ExitStack() as stack:
        clients = [stack.enter_context(daemon.client(encoding)) for encoding in (*subscribers, "ZenithJson")]
        threads = stack.enter_context(ThreadPoolExecutor(len(subscribers)))
        following = [
            threads.submit(follow, client, instruments, subscribed)
            for client, instruments in zip(clients, subscribers.values(), strict=False)
        ]
        starter = clients[-1]
        starter.log_in()
        subscribed.wait(SUBSCRIBE_SECONDS_MAX)
        starter.subscribe("Security!GO.HOLD")
        for one in following:
            one.result()


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
    assert instrument.book() == raw.book
    assert min(instrument.level_changes[operation] for operation in "AUR") > 1000
    if not instrument.security:
        return
    shown = [
        (trade["ID"], milliseconds(trade["Time"]), trade["Price"], trade["Quantity"], trade["Side"])
        for trade in instrument.trades
    ]
    assert shown == raw.trades
    assert not instrument.amendments
    security = instrument.security
    assert {name: security[name] for name in raw.best} == raw.best
    today = [trade for trade in raw.trades if trade[1] >= MIDNIGHT_MS]
    assert security["NumberOfTrades"] == len(today)
    assert security["Volume"] == pytest.approx(sum(trade[3] for trade in today), rel=1e-12)


def check_binance_answers(client: Client, followed: Instrument, raw: RawBinance, today: str) -> None:
    """Compare what a client is told that comes afterwards."""
    assert asked_book(client, followed.request) == raw.book
    security, errors = client.ask("Market", "QuerySecurity", followed.request)
    assert not errors
    assert security == followed.security
    request = {**followed.request, "TradingDate": today, "Count": 2**31 - 1}
    trades, errors = client.ask("Market", "QueryTrades", request)
    assert not errors
    assert [change["Trade"]["ID"] for change in trades] == [trade["ID"] for trade in followed.tapes[-1]]


BINANCE = {
    "spot": ("BINANCE[Sample]", ("20240808", "20240809")),
    "usdm": ("BINANCE:USDM[Sample]", ("20240808",)),
}


@pytest.mark.parametrize("folder", BINANCE)
def test_binance(tmp_path: Path, folder: str) -> None:
    """Each of two encodings follows everything of one symbol and the levels of the other."""
    market, days = BINANCE[folder]
    bitcoin, ether = (
        [f"binance/{folder}/{code}_{day}.gz" for day in days] for code in ("btcusdt", "ethusdt")
    )
    by_json = [Instrument("BTCUSDT", market, ALL), Instrument("ETHUSDT", market, ("Levels",))]
    by_pack = [Instrument("BTCUSDT", market, ("Levels",)), Instrument("ETHUSDT", market, ALL)]
    with start(tmp_path, [*bitcoin, *ether]) as daemon:
        play(daemon, {"ZenithJson": by_json, "ZenithMsgPack": by_pack})
        raws = [RawBinance([DATA / name for name in names]) for names in (bitcoin, ether)]
        assert min(len(raw.book) for raw in raws) > 1000
        for instruments in (by_json, by_pack):
            for instrument, raw in zip(instruments, raws, strict=True):
                check_binance(instrument, raw)
        with daemon.client("ZenithBson") as client:
            client.log_in()
            states = {state["Code"]: state for state in client.ask("Market", "QueryMarkets")[0]}
            assert states[market]["Feed"] == "Closed"
            for followed, raw in zip((by_json[0], by_pack[1]), raws, strict=True):
                check_binance_answers(client, followed, raw, states[market]["TradingDate"])
    assert states[market]["TradingDate"] == "2024-08-09"


# IEX


class RawIex:
    """Books and trades of every symbol, from the packets of the capture."""

    def __init__(self, path: Path) -> None:
        self.symbols: set[str] = set()
        self.books: dict[str, Book] = defaultdict(dict)
        self.updates: Counter[str] = Counter()
        self.trades: dict[str, list[tuple[float, int]]] = defaultdict(list)
        """Price and size."""
        self.broken: Counter[str] = Counter()
        self._traded: dict[int, str] = {}
        with gzip.open(path) as file:
            data = file.read()
        position, expected = 24, 1
        while True:
            (captured,) = struct.unpack_from("<I", data, position + 8)
            payload = data[position + 16 + 42 : position + 16 + captured]
            position += 16 + captured
            if position > len(data):  # the last packet is torn
                return
            count, _, first = struct.unpack_from("<Hqq", payload, 14)
            if first < expected:  # the sender began anew
                self.books.clear()
                self._traded.clear()
            expected = first + count
            self._take_packet(payload, count)

    def _take_packet(self, payload: bytes, count: int) -> None:
        position = 40
        for _ in range(count):
            (length,) = struct.unpack_from("<H", payload, position)
            self._take(payload[position + 2 : position + 2 + length])
            position += 2 + length

    def _take(self, message: bytes) -> None:
        kind = message[:1]
        if kind == b"S":
            return
        symbol = message[10:18].decode().rstrip()
        self.symbols.add(symbol)
        if kind in (b"8", b"5"):
            size, price = struct.unpack_from("<Iq", message, 18)
            self.updates[symbol] += 1
            level = ("Bid" if kind == b"8" else "Ask", price / 10_000)
            if size:
                self.books[symbol][level] = size
            else:
                self.books[symbol].pop(level, None)
        elif kind == b"T":
            size, price, number = struct.unpack_from("<Iqq", message, 18)
            self.trades[symbol].append((price / 10_000, size))
            self._traded[number] = symbol
        elif kind == b"B":
            self.broken[self._traded[struct.unpack_from("<q", message, 30)[0]]] += 1


def list_symbols(client: Client, market: str, page: int) -> list[str]:
    """All symbols of a market, page by page."""
    codes: list[str] = []
    while True:
        request = {"Markets": [market], "FullSymbol": False, "Count": page, "StartIndex": len(codes)}
        found, errors = client.ask("Market", "SearchSymbols", request)
        assert not errors
        codes += [symbol["Code"] for symbol in found]
        if len(found) < page:
            return codes


def check_iex(instrument: Instrument, raw: RawIex) -> None:
    """Compare what a subscriber followed with the packets."""
    code = instrument.code
    assert instrument.book() == raw.books[code]
    assert [(trade["Price"], trade["Quantity"]) for trade in instrument.trades] == raw.trades[code]
    cancelled = {trade["ID"] for trade in instrument.amendments if trade.get("Flags") == "Cancel"}
    assert len(cancelled) == raw.broken[code]
    assert instrument.security["NumberOfTrades"] == len(raw.trades[code]) - raw.broken[code]
    for name, side, best in (("BestBid", "Bid", max), ("BestAsk", "Ask", min)):
        prices = [price for level_side, price in raw.books[code] if level_side == side]
        assert instrument.security[name] == (best(prices) if prices else None)


def test_iex(tmp_path: Path) -> None:
    market, name = "IEX[Sample]", "iex/DEEP10.pcap.gz"
    raw = RawIex(DATA / name)
    busiest = {code for code, _ in raw.updates.most_common(8)} | set(sorted(raw.broken)[:4])
    with start(tmp_path, [name]) as daemon:
        subscribers = {
            encoding: [Instrument(code, market, ALL) for code in busiest]
            for encoding in ("ZenithBson", "ZenithMsgPack")
        }
        play(daemon, subscribers)
        for instruments in subscribers.values():
            for instrument in instruments:
                check_iex(instrument, raw)
        with daemon.client() as client:
            client.log_in()
            assert list_symbols(client, market, 1000) == sorted(raw.symbols)
            with_books = sorted(code for code, book in raw.books.items() if book)
            for code in (*with_books, *sorted(raw.symbols)[::25]):
                request = {"Market": market, "Code": code}
                assert asked_book(client, request) == raw.books.get(code, {})
                security, errors = client.ask("Market", "QuerySecurity", request)
                assert not errors
                assert security["NumberOfTrades"] == len(raw.trades[code]) - raw.broken[code]
    assert len(raw.symbols) == 7_802
    assert sum(len(raw.books[code]) for code in with_books) > 500
