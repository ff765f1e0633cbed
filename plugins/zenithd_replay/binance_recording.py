"""Raw Binance captures as something to play: parsed and joined as the live source does it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from zenithd.domain.events import MarketEvent, MarketStateChanged, TradeReported, TradingDayStarted
from zenithd.domain.identifiers import MarketId
from zenithd.plugin import BookDelta, BookSnapshot, Item, Resynchronise, SnapshotJoin, TradeSequence
from zenithd.recording import Batch, Declared, Record, RecordingError
from zenithd_binance.capture import CaptureFault, CaptureLine, read_line
from zenithd_binance.listing import SHOWN_AS_TRADING, Listed
from zenithd_binance.parse import FUTURES_RULES, SPOT_RULES, ConnectionFault, FrameFault, FrameParser
from zenithd_replay.binance_sample import (
    SPOT,
    CaptureSample,
    definition_of,
    listed_of,
    merge_samples,
)
from zenithd_replay.files import RecordedFile
from zenithd_replay.playable import Note
from zenithd_replay.relabelling import Relabelling, played_market

SAMPLE_BYTES = 2 * 1024 * 1024
"""So much of each file is looked through before playing, for its symbols and their decimals."""


class _Capture(msgspec.Struct, frozen=True):
    """A file and what its beginning told."""

    path: Path
    first_time: int
    sample: CaptureSample


class _Market(msgspec.Struct, frozen=True):
    """A market that is played, and the captures of it."""

    recorded: MarketId
    declared: Declared
    listed: list[Listed]
    captures: list[_Capture]


class BinanceRecording:
    """Captures of symbols and days, spot and futures, merged by their receive times.

    Raises:
        RecordingError: a file is no capture.
        ValueError: `market` is given for spot and futures together.
    """

    format = "binance"

    def __init__(self, paths: Sequence[Path], market: str, tag: str) -> None:
        captures = [_look(path) for path in paths]
        by_market: dict[MarketId, list[_Capture]] = {}
        for capture in captures:
            by_market.setdefault(capture.sample.market, []).append(capture)
        if market and len(by_market) > 1:
            raise ValueError(f"market = {market} cannot stand for spot and futures together")
        names = {recorded: played_market(recorded, market, tag) for recorded in by_market}
        relabelling = Relabelling(names)
        self._markets = [_prepare(recorded, by_market[recorded], relabelling) for recorded in by_market]
        self.first_time = min(capture.first_time for capture in captures)
        self.declarations = tuple(market.declared for market in self._markets)

    def records(self, note: Note) -> Generator[Record, None, None]:
        """Play all files, a batch for each message that changes something."""
        players = [_MarketPlayer(market, note) for market in self._markets]
        captures = [
            (player, capture)
            for player, market in zip(players, self._markets, strict=True)
            for capture in market.captures
        ]
        codes = [_only_code(capture) for _, capture in captures]
        parts = [_lines(capture, index, note) for index, (_, capture) in enumerate(captures)]
        for received, index, body in heapq.merge(*parts):
            events = captures[index][0].events(received, body, codes[index])
            if events:
                yield Batch(received, events)
        for player in players:
            player.finish()


class _MarketPlayer:
    """Turns the lines of one market into events, once from beginning to end."""

    def __init__(self, market: _Market, note: Note) -> None:
        definition = market.declared.definition
        begin = min(capture.first_time for capture in market.captures)
        rules = SPOT_RULES if market.recorded == SPOT else FUTURES_RULES
        self._parser = FrameParser(definition.id, rules, begin)
        self._parser.relist(market.listed)
        instruments = market.declared.instruments
        self._books = {each.id: SnapshotJoin(each.id, rules) for each in instruments}
        self._trades = {each.id: TradeSequence(each.id, gapless=True) for each in instruments}
        self._joins: dict[type[Any], Callable[[Any], Sequence[MarketEvent]]] = {
            BookDelta: lambda delta: self._books[delta.instrument].delta(delta),
            BookSnapshot: lambda snapshot: self._books[snapshot.instrument].snapshot(snapshot),
            Resynchronise: lambda lost: self._books[lost.instrument].reset(lost.reason),
            TradeReported: lambda trade: self._trades[trade.instrument].trade(trade),
        }
        states = dict.fromkeys(definition.boards, SHOWN_AS_TRADING)
        self._opening: list[MarketEvent] = [
            TradingDayStarted(definition.id, self._parser.trading_date),
            MarketStateChanged(definition.id, SHOWN_AS_TRADING, states),
        ]
        self._note = note
        self._unreadable = 0
        self._note_missing_snapshots(market)

    def events(self, received: int, body: bytes, code: str | None) -> list[MarketEvent]:
        """What a line of a capture changes; `code` is the capture's symbol if it has only one."""
        events, self._opening = self._opening, []
        try:
            items = self._items(received, body, code)
        except FrameFault as fault:
            self._count_unreadable(str(fault))
            items = fault.remedy
        except ConnectionFault as fault:
            self._count_unreadable(str(fault))
            items = ()
        for item in items:
            join = self._joins.get(type(item))
            if join is None:
                events.append(item)  # type: ignore[arg-type]  # the others are what has a join
            else:
                events += join(item)
        return events

    def _items(self, received: int, body: bytes, code: str | None) -> Sequence[Item]:
        if not body.startswith(b'{"lastUpdateId"'):
            return self._parser.parse(body, received)
        if code is None:  # a REST answer does not say of which symbol it is
            raise FrameFault("a snapshot in a capture of several symbols")
        return (self._parser.snapshot(code, body),)

    def finish(self) -> None:
        """Note what is to be said at the end."""
        if self._unreadable > 1:
            self._note(f"{self._unreadable} messages could not be read")
        for instrument, book in self._books.items():
            if not book.joined:
                self._note(f"{instrument} ends without a book")

    def _count_unreadable(self, reason: str) -> None:
        self._unreadable += 1
        if self._unreadable == 1:
            self._note(f"a message could not be read: {reason}")

    def _note_missing_snapshots(self, market: _Market) -> None:
        with_snapshot = {code for c in market.captures if c.sample.has_snapshot for code in c.sample.symbols}
        codes = {instrument.code for instrument in market.declared.instruments}
        for code in sorted(codes - with_snapshot):
            self._note(f"{code}: no REST snapshot near the beginning; without one, best prices and trades"
                       " are shown but no book")  # fmt: skip


def _look(path: Path) -> _Capture:
    """Look at the beginning, up to a damaged place: playing will find that again."""
    sample = CaptureSample()
    first_time: int | None = None
    damage = RecordingError(path, 0, "no messages of Binance streams")
    try:
        with RecordedFile(path) as file:
            while file.position < SAMPLE_BYTES and (text := file.read_line()):
                line = _read(text, path, file.position)
                first_time = line.received if first_time is None else first_time
                sample.look(line.body)
    except RecordingError as found:
        damage = found
    if first_time is None or not sample.symbols:
        raise damage
    return _Capture(path, first_time, sample)


def _prepare(recorded: MarketId, captures: list[_Capture], relabelling: Relabelling) -> _Market:
    symbols = merge_samples(capture.sample for capture in captures)
    listed = [
        Listed(relabelling.instrument(each.instrument), each.price_decimals, each.quantity_decimals)
        for each in listed_of(recorded, symbols)
    ]
    declared = Declared(
        time=min(capture.first_time for capture in captures),
        definition=relabelling.definition(definition_of(recorded, symbols)),
        instruments=tuple(each.instrument for each in listed),
    )
    return _Market(recorded, declared, listed, captures)


def _only_code(capture: _Capture) -> str | None:
    """The capture's symbol if it has only one."""
    codes = list(capture.sample.symbols)
    return codes[0] if len(codes) == 1 else None


def _lines(capture: _Capture, index: int, note: Note) -> Iterator[tuple[int, int, bytes]]:
    """Receive time, `index` (so that lines of one time come in the order of the captures) and body."""
    try:
        with RecordedFile(capture.path) as file:
            while text := file.read_line():
                line = _read(text, capture.path, file.position)
                yield line.received, index, line.body
    except RecordingError as damage:
        note(str(damage))


def _read(text: bytes, path: Path, end: int) -> CaptureLine:
    try:
        return read_line(text)
    except CaptureFault as fault:
        raise RecordingError(path, end - len(text), str(fault)) from fault
