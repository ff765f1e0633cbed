"""zenithd's own recordings as something to play."""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import msgspec

from zenithd.domain.identifiers import MarketId
from zenithd.recording import Declared, Record, RecordingError, open_recording, read_blocks
from zenithd_replay.playable import Note
from zenithd_replay.relabelling import Relabelling, played_market


class OwnRecording:
    """One or several recordings, merged by time.

    Raises:
        RecordingError: one of them is unreadable from its beginning, or they hold nothing.
        ValueError: `market` is given for several markets, or markets would be played under one code.
    """

    format = "zenithd"

    def __init__(self, paths: Sequence[Path], market: str, tag: str) -> None:
        infos = [open_recording(path) for path in paths]
        newest: dict[MarketId, Declared] = {}
        for info in infos:
            newest.update((declared.definition.id, declared) for declared in info.markets)
        times = [info.first_time for info in infos if info.first_time is not None]
        if not times or not newest:
            raise RecordingError(paths[0], 0, "the recording declares no market")
        if market and len(newest) > 1:
            recorded = ", ".join(newest)
            raise ValueError(f"market = {market} cannot stand for several recorded markets: {recorded}")
        self._paths = paths
        self._relabelling = Relabelling({old: played_market(old, market, tag) for old in newest})
        self.declarations = tuple(self._declared(declared) for declared in newest.values())
        self.first_time = min(times)

    def records(self, note: Note) -> Generator[Record, None, None]:
        """Play all files."""
        parts = [self._records_of(path, note) for path in self._paths]
        yield from heapq.merge(*parts, key=lambda record: record.time)

    def _records_of(self, path: Path, note: Note) -> Iterator[Record]:
        relabel = self._relabelling.record
        try:
            for block in read_blocks(path):
                for record in block:
                    yield self._declared(record) if isinstance(record, Declared) else relabel(record)
        except RecordingError as damage:
            note(str(damage))

    def _declared(self, declared: Declared) -> Declared:
        """The daemon's readiness does not hang on a recording, which ends some time."""
        played = self._relabelling.declared(declared)
        return msgspec.structs.replace(
            played, definition=msgspec.structs.replace(played.definition, readiness=False)
        )
