"""`zenithd record` keeps the demonstration; `zenithd replay` serves it again, and it is the same market."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import Client, DaemonProcess
from tests.daemon.test_market_topics import Book
from zenithd.domain.events import (
    BookCleared,
    OrderAdded,
    OrderChanged,
    OrderRemoved,
    TradeAmended,
    TradeReported,
)
from zenithd.recording import Batch, Declared, StatusChanged, open_recording, read_blocks

CONFIG = """
[users.demo]
password = "demo"

[plugins.prodigy]
rate = 20.0
history_days = 0
"""
RECORD_SECONDS = 3
PLAY_SECONDS_MAX = 30.0


class ReplayProcess(DaemonProcess):
    """`zenithd replay` of one file."""

    def __init__(self, folder: Path, recording: Path, *options: str) -> None:
        self.folder = folder
        self.output = folder / "output.txt"
        arguments = ["replay", recording, "--config", folder / "config.toml", "--listen", "127.0.0.1:0"]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "zenithd", *arguments, *options],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.address = self._wait_listening()
        self._wait_playing()

    def _wait_playing(self) -> None:
        deadline = time.monotonic() + PLAY_SECONDS_MAX
        while time.monotonic() < deadline:
            plugins = json.loads(self.get("/health/ready")[1])["plugins"]
            if {plugin["name"]: plugin["state"] for plugin in plugins}["replay"] in ("active", "finished"):
                return
            time.sleep(0.05)
        raise AssertionError(f"it does not play: {self.text()}")


class Recorded:
    """What a recording says, applied event by event without any of the daemon's market."""

    def __init__(self, path: Path) -> None:
        self.declared: dict[str, Declared] = {}
        self.statuses: list[str] = []
        self.orders: dict[str, dict[str, Any]] = defaultdict(dict)
        self.trades: dict[str, dict[int, TradeReported]] = defaultdict(dict)
        self.batches = self.events = 0
        self.markets_traded: set[str] = set()
        for block in read_blocks(path):
            for record in block:
                if isinstance(record, Declared):
                    self.declared[record.definition.id] = record
                elif isinstance(record, StatusChanged):
                    self.statuses.append(record.status.value)
                else:
                    self._take(record)

    def _take(self, batch: Batch) -> None:
        self.batches += 1
        self.events += len(batch.events)
        for event in batch.events:
            if isinstance(event, OrderAdded):
                assert event.order_id not in self.orders[event.instrument]
                self.orders[event.instrument][event.order_id] = self._order(event)
            elif isinstance(event, OrderChanged):
                self.orders[event.instrument][event.order_id].update(self._order(event))
            elif isinstance(event, OrderRemoved):
                del self.orders[event.instrument][event.order_id]
            elif isinstance(event, BookCleared):
                self.orders[event.instrument].clear()
            elif isinstance(event, TradeReported):
                self.trades[event.instrument][event.trade_id] = event
            elif isinstance(event, TradeAmended):
                self.trades[event.instrument][event.trade.trade_id] = event.trade

    def _order(self, event: OrderAdded | OrderChanged) -> dict[str, Any]:
        price_scale, quantity_scale = self._scales(event.instrument)
        quantity = event.quantity
        order: dict[str, Any] = {
            "Price": event.price / 10**price_scale,
            "Quantity": None if quantity is None else quantity / 10**quantity_scale,
            "Position": event.position,
        }
        if isinstance(event, OrderAdded):
            order["Side"] = event.side.value
        return order

    def _scales(self, instrument: str) -> tuple[int, int]:
        for declared in self.declared.values():
            for listed in declared.instruments:
                if listed.id == instrument:
                    return listed.price_scale, listed.quantity_scale
        raise KeyError(instrument)

    def prices(self, instrument: str) -> list[tuple[int, float, float]]:
        """Id, price and quantity of the trades."""
        price_scale, quantity_scale = self._scales(instrument)
        return [
            (trade.trade_id, trade.price / 10**price_scale, trade.quantity / 10**quantity_scale)
            for trade in self.trades[instrument].values()
        ]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some seconds of the demonstration."""
    folder = tmp_path_factory.mktemp("record")
    (folder / "config.toml").write_text(CONFIG)
    file = folder / "today.zenrec"
    arguments = ["record", file, "--config", folder / "config.toml", "--duration", str(RECORD_SECONDS)]
    done = subprocess.run(
        [sys.executable, "-m", "zenithd", *arguments], check=True, capture_output=True, text=True
    )
    told = re.search(r"Recorded ([\d,]+) events in ([\d,]+) batches of 1\d instruments", done.stdout)
    assert told is not None, done.stdout
    info = open_recording(file, verify=True)
    assert info.damage is None
    assert (info.events, info.batches) == tuple(int(number.replace(",", "")) for number in told.groups())
    return file


def compare(client: Client, recorded: Recorded) -> None:
    """Everything that is asked for equals the recording."""
    for market, declared in recorded.declared.items():
        for instrument in declared.instruments:
            request = {"Market": f"{market}[Sample]", "Code": instrument.code}
            changes, errors = client.ask("Market", "QueryDepthFull", request)
            assert not errors
            book = Book()
            book.apply(changes)
            assert shown(book) == recorded.orders[instrument.id]
            trades, errors = client.ask("Market", "QueryTrades", request)
            assert not errors
            told = [(one["Trade"]["ID"], one["Trade"]["Price"], one["Trade"]["Quantity"]) for one in trades]
            assert told == recorded.prices(instrument.id)


def shown(book: Book) -> dict[str, dict[str, Any]]:
    """The orders without what the recording has in other words."""
    names = ("Price", "Quantity", "Position", "Side")
    return {key: {name: order[name] for name in names} for key, order in book.orders.items()}


def follow(client: Client, topics: Sequence[str]) -> list[Book]:
    """The books at the end of the recording, followed from whenever we came."""
    books = {topic: Book() for topic in topics}
    for topic in topics:
        for data in client.subscribe(topic):
            books[topic].apply(data)
    open_markets = {state["Code"] for state in client.subscribe("Markets")[0] if state["Feed"] != "Closed"}
    while open_markets:
        message = client.backlog.pop(0) if client.backlog else client.receive()
        if message["Topic"] == "Markets":
            open_markets -= {state["Code"] for state in message["Data"] if state["Feed"] == "Closed"}
        elif message["Topic"] in books:
            books[message["Topic"]].apply(message["Data"])
    return list(books.values())


def test_a_recording_is_served_again(recording: Path, tmp_path: Path) -> None:
    """In real time to one who follows, afterwards to one who asks, and after a restart on the same store."""
    recorded = Recorded(recording)
    assert set(recorded.declared) == {"XSX", "XSY"}
    assert set(recorded.statuses) >= {"Active"}
    assert sum(map(len, recorded.trades.values())) > 20
    (tmp_path / "config.toml").write_text(CONFIG)
    codes = ("XS01", "XS02", "XS03")
    with ReplayProcess(tmp_path, recording) as daemon:
        with daemon.client() as client, daemon.client("ZenithMsgPack") as other:
            client.log_in()
            other.log_in()
            markets = {state["Code"] for state in client.ask("Market", "QueryMarkets")[0]}
            assert markets == {"XSX[Sample]", "XSY[Sample]"}
            books = follow(client, [f"Depth!{code}.XSX[Sample]" for code in codes])
            for code, book in zip(codes, books, strict=True):
                assert book.orders
                assert shown(book) == recorded.orders[f"{code}.XSX"]
            compare(other, recorded)
        assert daemon.stop() == 0
    with ReplayProcess(tmp_path, recording, "--speed", "0") as daemon, daemon.client("ZenithBson") as client:
        client.log_in()
        follow(client, ["Depth!XS01.XSX[Sample]"])
        compare(client, recorded)


def test_one_market_is_recorded_and_played_under_another_code(tmp_path: Path, recording: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    file = tmp_path / "one.zenrec"
    common = ["--config", tmp_path / "config.toml"]
    arguments = ["record", file, "--market", "XSY", "--duration", "1.5", *common]
    subprocess.run([sys.executable, "-m", "zenithd", *arguments], check=True, capture_output=True)
    recorded = Recorded(file)
    assert set(recorded.declared) == {"XSY"}
    options = ("--market", "DEMO[Played]", "--speed", "0")
    with ReplayProcess(tmp_path, file, *options) as daemon, daemon.client() as client:
        client.log_in()
        (book,) = follow(client, ["Depth!XS01.DEMO[Played]"])
        assert shown(book) == recorded.orders["XS01.XSY"]
