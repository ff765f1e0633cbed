"""IEX DEEP packet captures as something to play."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from zenithd.domain.identifiers import MarketId
from zenithd.recording import Batch, Declared, Record, RecordingError
from zenithd_replay import iex_market
from zenithd_replay.files import RecordedFile
from zenithd_replay.iex import DeepParser
from zenithd_replay.iex_scan import DeepScan
from zenithd_replay.iex_state import DeepCounts
from zenithd_replay.pcap import CaptureDamaged, Packet, read_packets
from zenithd_replay.playable import Note
from zenithd_replay.relabelling import played_market

IEX = MarketId("IEX")

SCAN_BYTES_MAX = 64 * 1024 * 1024
"""So much of the payloads is looked through for instruments before playing; those that first appear
later are listed when they do. A whole day names every instrument at its beginning."""


class IexRecording:
    """Captures of consecutive days (or parts of one), played in the order of their times.

    Raises:
        RecordingError: one of them is no capture of DEEP 1.0.
    """

    format = "iex"

    def __init__(self, paths: Sequence[Path], market: str, tag: str) -> None:
        self._market = played_market(IEX, market, tag)
        scan = DeepScan()
        first_times = {path: _scan(path, scan) for path in paths}
        self._paths = sorted(paths, key=lambda path: first_times[path])
        self.first_time = min(first_times.values())
        self.declarations = (
            Declared(
                time=self.first_time,
                definition=iex_market.market_definition(self._market),
                instruments=iex_market.instruments(self._market, scan.directory),
            ),
        )

    def records(self, note: Note) -> Generator[Record, None, None]:
        """Play all files, a batch for each packet that changes something."""
        listed = [instrument.code for instrument in self.declarations[0].instruments]
        parser = DeepParser(self._market, listed)
        time = self.first_time
        for path in self._paths:
            for packet in _packets(path, note):
                time = packet.time
                events = parser.parse(packet)
                if events:
                    yield Batch(time, events)
        unfinished = parser.finish()
        if unfinished:
            note(f"the recording ends inside an event of the book: {len(unfinished)} updates of price levels")
            yield Batch(time, unfinished)
        for remark in _remarks(parser.counts):
            note(remark)


def _scan(path: Path, scan: DeepScan) -> int:
    """Look through the beginning of a file; return the time of its first DEEP packet."""
    damages: list[str] = []
    first_time: int | None = None
    size = 0
    for packet in _packets(path, damages.append):
        if scan.look(packet.payload) and first_time is None:
            first_time = packet.time
        size += len(packet.payload)
        if size > SCAN_BYTES_MAX:
            break
    if first_time is None:
        protocols = ", ".join(f"{protocol:#06x}" for protocol in sorted(scan.other_protocols))
        found = f"its IEX-TP packets are of protocol {protocols}" if protocols else "no IEX-TP packets"
        raise RecordingError(path, 0, damages[0] if damages else f"not a capture of DEEP 1.0: {found}")
    return first_time


def _packets(path: Path, note: Note) -> Iterator[Packet]:
    with RecordedFile(path) as file:
        try:
            yield from read_packets(file)
        except CaptureDamaged as damage:
            note(str(RecordingError(path, damage.position, str(damage))))
        except RecordingError as damage:
            note(str(damage))


def _remarks(counts: DeepCounts) -> Iterator[str]:
    if counts.gaps:
        yield f"{counts.messages_missing} messages are missing in {counts.gaps} gaps"
    if counts.levels_without_book:
        yield f"{counts.levels_without_book} price-level updates were left out: the book before is unknown"
    if counts.levels_unfinished:
        yield f"{counts.levels_unfinished} price-level updates were left out: the stream broke off among them"
    if counts.unknown_trade_breaks:
        yield f"{counts.unknown_trade_breaks} breaks of trades that are not in the recording"
    if counts.damaged_messages or counts.unknown_messages:
        yield f"{counts.damaged_messages} damaged messages and {counts.unknown_messages} of unknown kinds"
