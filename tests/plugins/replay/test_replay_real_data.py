"""Every recorded file is played whole; books and trades must equal what is rebuilt here by hand.

The reconstructions below share nothing with the plugin: they take bytes and JSON apart themselves.
"""

from __future__ import annotations

import gzip
import json
import struct
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from zenithd.domain.events import BookCleared, TradeAmended, TradeReported, TradingDayStarted
from zenithd.domain.identifiers import MarketId
from zenithd.domain.market_data import Affects, FeedStatus, Side, TradeFlag
from zenithd.testing import MemoryDaemon
from zenithd_replay import Replay, ReplayConfig

DATA = Path(__file__).parents[3] / "../shared/data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the recorded data are not here")

Book = dict[tuple[str, Decimal], Decimal]
"""Quantity by side and price."""


async def play(*names: str, **settings: object) -> MemoryDaemon:
    """Play files of the data folder to their end."""
    files = tuple(DATA / name for name in names)
    daemon = MemoryDaemon()
    await Replay(ReplayConfig(files=files, speed=0, **settings), daemon).run()  # type: ignore[arg-type]
    assert daemon.faults == []
    assert daemon.violations == []
    return daemon


def shown_book(daemon: MemoryDaemon, instrument: str) -> Book:
    """The book as subscribers see it."""
    view = daemon.view(instrument)
    assert view is not None
    scale, quantity_scale = view.instrument.price_scale, view.instrument.quantity_scale
    return {
        (level.side.value, Decimal(level.price or 0).scaleb(-scale)): Decimal(level.volume or 0).scaleb(
            -quantity_scale
        )
        for level in view.levels()
    }


def reported(daemon: MemoryDaemon, instrument: str) -> list[TradeReported]:
    """The trades that were published for an instrument, in order."""
    return [
        event
        for event in daemon.events(TradeReported)
        if isinstance(event, TradeReported) and event.instrument == instrument
    ]


def security_value(daemon: MemoryDaemon, instrument: str, field: str, scale_of: str) -> Decimal | None:
    """A price or quantity of the security as a number."""
    view = daemon.view(instrument)
    assert view is not None
    value = getattr(view.security, field)
    return None if value is None else Decimal(value).scaleb(-getattr(view.instrument, scale_of))


# Binance

MIDNIGHT_MS = 1_723_161_600_000
"""2024-08-09 00:00 UTC."""


class NaiveBinance:
    """Book, last best prices and trades of one symbol, from the JSON of its files in their order."""

    def __init__(self, *names: str) -> None:
        self.book: Book = {}
        self.best: tuple[str, str, str, str] | None = None
        self.trades: list[tuple[int, int, Decimal, Decimal, bool]] = []
        """Id, time in ms, price, quantity, whether the buyer was in the book."""
        self._snapshot_update: int | None = None
        self._held: list[dict[str, Any]] = []
        for name in names:
            with gzip.open(DATA / name) as file:
                for line in file:
                    message = json.loads(line[line.index(b" ") :])
                    self._take(message.get("data", message))

    def _take(self, data: dict[str, Any]) -> None:
        if "lastUpdateId" in data:
            self._snapshot_update = data["lastUpdateId"]
            self._set("Bid", data["bids"])
            self._set("Ask", data["asks"])
            for update in self._held:
                self._update(update)
        elif data.get("e") == "depthUpdate":
            if self._snapshot_update is None:
                self._held.append(data)
            else:
                self._update(data)
        elif data.get("e") == "trade":
            trade = (data["t"], data["T"], Decimal(data["p"]), Decimal(data["q"]), data["m"])
            self.trades.append(trade)
        else:
            self.best = (data["b"], data["B"], data["a"], data["A"])

    def _update(self, update: dict[str, Any]) -> None:
        assert self._snapshot_update is not None
        if update["u"] > self._snapshot_update:
            self._set("Bid", update["b"])
            self._set("Ask", update["a"])

    def _set(self, side: str, levels: list[tuple[str, str]]) -> None:
        for price, quantity in levels:
            if Decimal(quantity):
                self.book[side, Decimal(price)] = Decimal(quantity)
            else:
                self.book.pop((side, Decimal(price)), None)


def check_binance(daemon: MemoryDaemon, instrument: str, naive: NaiveBinance) -> None:
    """Compare book, best prices, every trade, and the statistics of the day that began at midnight."""
    assert shown_book(daemon, instrument) == naive.book
    best = [
        security_value(daemon, instrument, field, scale)
        for field, scale in (
            ("best_bid", "price_scale"),
            ("bid_quantity", "quantity_scale"),
            ("best_ask", "price_scale"),
            ("ask_quantity", "quantity_scale"),
        )
    ]
    assert naive.best is not None
    assert best == [Decimal(text) for text in naive.best]
    view = daemon.view(instrument)
    assert view is not None
    price_scale, quantity_scale = view.instrument.price_scale, view.instrument.quantity_scale
    published = [
        (
            trade.trade_id,
            trade.time // 1_000_000,
            Decimal(trade.price).scaleb(-price_scale),
            Decimal(trade.quantity).scaleb(-quantity_scale),
            trade.aggressor_side is Side.ASK,
        )
        for trade in reported(daemon, instrument)
    ]
    assert published == naive.trades
    today = [trade for trade in naive.trades if trade[1] >= MIDNIGHT_MS]
    assert view.security.number_of_trades == len(today)
    assert security_value(daemon, instrument, "volume", "quantity_scale") == sum(t[3] for t in today)
    last, high = (today[-1][2], max(trade[2] for trade in today)) if today else (None, None)
    assert security_value(daemon, instrument, "last", "price_scale") == last
    assert security_value(daemon, instrument, "high", "price_scale") == high


async def test_binance_spot_over_midnight() -> None:
    symbols = ("btcusdt", "ethusdt")
    names = {s: tuple(f"binance/spot/{s}_2024080{day}.gz" for day in (8, 9)) for s in symbols}
    daemon = await play(*(name for symbol in symbols for name in names[symbol]))
    days = [event.trading_date.isoformat() for event in daemon.events(TradingDayStarted)]  # type: ignore[union-attr]
    assert days == ["2024-08-08", "2024-08-09"]
    assert daemon.gaps == 0
    assert daemon.status("BINANCE[Sample]") is FeedStatus.CLOSED
    for symbol in symbols:
        naive = NaiveBinance(*names[symbol])
        assert len(naive.book) > 1000
        instrument = f"{symbol.upper()}.BINANCE[Sample]"
        check_binance(daemon, instrument, naive)


async def test_binance_futures() -> None:
    symbols = ("btcusdt", "ethusdt")
    daemon = await play(*(f"binance/usdm/{symbol}_20240808.gz" for symbol in symbols), tag="")
    assert daemon.gaps == 0
    for symbol in symbols:
        naive = NaiveBinance(f"binance/usdm/{symbol}_20240808.gz")
        check_binance(daemon, f"{symbol.upper()}.BINANCE:USDM", naive)


async def test_binance_second_day_alone_has_no_book_and_says_so() -> None:
    name = "binance/spot/btcusdt_20240809.gz"
    with capture_logs() as logs:
        daemon = await play(name)
    naive = NaiveBinance(name)
    assert naive.book == {}
    check_binance(daemon, "BTCUSDT.BINANCE[Sample]", naive)
    assert any("BTCUSDT: no REST snapshot" in str(entry.get("note")) for entry in logs)


# IEX


class NaiveIex:
    """Everything of the capture that the market must show, from its bytes."""

    def __init__(self) -> None:
        self.books: dict[str, Book] = defaultdict(dict)
        self.trades: dict[str, list[tuple[int, int, int, int]]] = defaultdict(list)
        """By symbol: price, size, time, sale condition flags."""
        self.broken: list[tuple[str, int, int, int]] = []
        """Symbol, price, size and time of each trade that was broken."""
        self.halted: dict[str, bool] = {}
        self.symbols: set[str] = set()
        self.messages = 0
        self._trades_by_id: dict[int, tuple[str, int, int, int]] = {}
        with gzip.open(DATA / "iex/DEEP10.pcap.gz") as file:
            data = file.read()
        position = 24
        expected = 1
        while True:
            captured = struct.unpack_from("<I", data, position + 8)[0]
            frame = data[position + 16 : position + 16 + captured]
            position += 16 + captured
            if position > len(data):  # the last packet is torn
                break
            payload = frame[42:]
            count, _, first = struct.unpack_from("<Hqq", payload, 14)
            if first < expected:  # the sender was started again: nothing is left of before
                self.books.clear()
                self._trades_by_id.clear()
            else:
                assert first == expected
            expected = first + count
            self._take_messages(payload, count)

    def _take_messages(self, payload: bytes, count: int) -> None:
        position = 40
        for _ in range(count):
            length = payload[position] + 256 * payload[position + 1]
            self._take(payload[position + 2 : position + 2 + length])
            position += 2 + length
            self.messages += 1
        assert position == len(payload)

    def _take(self, message: bytes) -> None:
        kind = chr(message[0])
        if kind == "S":
            return
        symbol = message[10:18].decode().rstrip()
        self.symbols.add(symbol)
        if kind == "O":
            self.halted[symbol] = message[1:2] == b"O"
        if kind in "85":
            size, price = struct.unpack("<Iq", message[18:30])
            level = ("Bid" if kind == "8" else "Ask", Decimal(price).scaleb(-4))
            if size:
                self.books[symbol][level] = Decimal(size)
            else:
                self.books[symbol].pop(level, None)
        if kind in "TB":
            size, price, trade_id = struct.unpack("<Iqq", message[18:38])
            time = int.from_bytes(message[2:10], "little")
            if kind == "T":
                self.trades[symbol].append((price, size, time, message[1]))
                self._trades_by_id[trade_id] = (symbol, price, size, time)
            else:
                self.broken.append(self._trades_by_id[trade_id])


async def test_iex_books_trades_and_states() -> None:
    daemon = await play("iex/DEEP10.pcap.gz", market="IEX")
    naive = NaiveIex()
    assert naive.messages == 391_999
    market = daemon.markets[MarketId("IEX")]
    assert {instrument.instrument.code for instrument in market.instruments.values()} == naive.symbols
    assert len(naive.symbols) == 7_802
    for symbol in naive.symbols:
        assert shown_book(daemon, f"{symbol}.IEX") == naive.books.get(symbol, {}), symbol
    assert sum(map(len, naive.books.values())) > 500
    check_iex_trades(daemon, naive)
    for view in market.instruments.values():
        expected = "OperationalHalt" if naive.halted[view.instrument.code] else "Closed"
        assert view.security.trading_state == expected
    assert market.trading_date is not None
    assert market.trading_date.isoformat() == "2017-04-25"
    assert any(isinstance(event, BookCleared) for event in daemon.events(BookCleared))


def check_iex_trades(daemon: MemoryDaemon, naive: NaiveIex) -> None:
    published: dict[str, list[TradeReported]] = defaultdict(list)
    for event in daemon.events(TradeReported):
        assert isinstance(event, TradeReported)
        published[event.instrument.removesuffix(".IEX")].append(event)
    assert sum(map(len, published.values())) == 83_343
    for symbol, trades in naive.trades.items():
        shown = published[symbol]
        assert [(t.price, t.quantity, t.time) for t in shown] == [trade[:3] for trade in trades]
        assert [t.affects for t in shown] == [
            # Extended hours and odd lots set no price.
            Affects.VOLUME | Affects.VWAP if trade[3] & 0x60 else Affects.ALL
            for trade in trades
        ]
        ids = [trade.trade_id for trade in shown]
        assert ids == sorted(set(ids))
        view = daemon.view(f"{symbol}.IEX")
        assert view is not None
        broken = Counter((price, size, time) for code, price, size, time in naive.broken if code == symbol)
        standing = list((Counter(trade[:3] for trade in trades) - broken).elements())
        assert view.security.volume == sum(size for _, size, _ in standing)
        assert view.security.number_of_trades == len(standing)
    amended = [event.trade for event in daemon.events(TradeAmended)]  # type: ignore[union-attr]
    assert [(t.instrument, t.price, t.quantity, t.time) for t in amended] == [
        (f"{code}.IEX", price, size, time) for code, price, size, time in naive.broken
    ]
    assert all(trade.flags == (TradeFlag.CANCEL,) for trade in amended)
