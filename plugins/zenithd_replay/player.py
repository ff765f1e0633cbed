"""Plays a recording into a source's context: in time, from where it is wanted, again and again."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import trio

from zenithd.domain.events import MarketEvent, TradeReported
from zenithd.domain.identifiers import MarketId
from zenithd.domain.market_data import FeedStatus
from zenithd.plugin import MarketSourceContext, ReservedTradeIds
from zenithd.recording import Batch, Declared, Record, StatusChanged
from zenithd_replay.config import ReplayConfig
from zenithd_replay.editing import Editor
from zenithd_replay.playable import Playable
from zenithd_replay.timeline import SECOND, Timeline, find_start

FETCH_RECORDS = 256
"""Records that are read in one go: some milliseconds of work for a thread, little to hold in memory."""

CATCH_UP_EVENTS = 500
"""Before the start wanted, batches are joined until they have so many events."""

DRAIN_EVENTS = 2_000
"""Played as fast as possible, so many events are handed over before waiting until they are applied. Well
below what the daemon queues of a source, so that it never takes the replay for one that floods it."""

Fetch = Callable[[Iterator[Record]], Awaitable[list[Record]]]
"""Gets the next records, [] at the end."""


async def fetch_in_thread(records: Iterator[Record]) -> list[Record]:
    """Read and parse in a worker thread."""
    return await trio.to_thread.run_sync(_take, records)


def _take(records: Iterator[Record]) -> list[Record]:
    return list(islice(records, FETCH_RECORDS))


class Player:
    """Plays one recording; `run` returns at its end.

    Args:
        playable: the recording.
        config: how to play it.
        context: where to.
        fetch: how to read it.
    """

    def __init__(
        self,
        playable: Playable,
        config: ReplayConfig,
        context: MarketSourceContext,
        fetch: Fetch = fetch_in_thread,
    ) -> None:
        self._playable = playable
        self._config = config
        self._context = context
        self._fetch = fetch
        zones = {
            declared.definition.id: ZoneInfo(declared.definition.time_zone)
            for declared in playable.declarations
        }
        self._start = find_start(config.start, playable.first_time, next(iter(zones.values())))
        renumber = config.loop or config.dates == "shifted"
        self._ids = ReservedTradeIds(context.directory) if renumber else None
        first_id = 1 if self._ids is None else self._ids.first
        self._editor = Editor(zones, renumber=renumber, loops=config.loop, first_id=first_id)
        self._notes: list[str] = []

    async def run(self) -> None:
        """Play once, or again and again."""
        while True:
            batches = await self._play_once()
            if not self._config.loop or not batches:
                break
            await self._hand_over_in_parts(self._editor.reset())
        await self._context.wait_drained()
        for declared in self._playable.declarations:
            market = declared.definition.id
            self._context.set_status(market, FeedStatus.CLOSED, "the recording is at its end")

    async def _play_once(self) -> int:
        """Play from the beginning to the end; return the number of batches."""
        self._batches = 0
        self._undrained = 0
        self._gathered: list[MarketEvent] = []
        self._statuses = {
            declared.definition.id: (FeedStatus.ACTIVE, "") for declared in self._playable.declarations
        }
        self._timeline = Timeline(
            recorded=self._start,
            shown=self._context.clock.now(),
            speed=self._config.speed,
            shifted=self._config.dates == "shifted",
        )
        self._editor.begin(self._timeline)
        self._declared: dict[MarketId, Declared] = {}
        for declared in self._playable.declarations:
            self._declare(declared)
        self._began: float | None = None
        if self._start <= self._playable.first_time:
            await self._begin()
        records = self._playable.records(self._notes.append)
        with contextlib.closing(records):
            while chunk := await self._fetch(records):
                self._log_notes()
                for record in chunk:
                    await self._play(record)
        self._log_notes()
        if self._began is None:
            await self._begin()
        return self._batches

    async def _begin(self) -> None:
        """Playing in time begins now; everything before has been applied."""
        await self._hand_over(self._gathered)
        self._gathered = []
        await self._context.wait_drained()
        for market, (status, reason) in self._statuses.items():
            self._context.set_status(market, status, reason)
        self._began = trio.current_time()
        begins = datetime.fromtimestamp(self._start / SECOND, UTC).isoformat(timespec="seconds")
        self._context.log.info(
            "playing a recording", format=self._playable.format, start=begins, speed=self._config.speed
        )

    async def _play(self, record: Record) -> None:
        if self._began is None and record.time >= self._start:
            await self._begin()
        if self._began is not None and self._config.speed:
            due = self._began + self._timeline.seconds_until(record.time)
            if due > trio.current_time():
                await trio.sleep_until(due)
        if isinstance(record, Batch):
            await self._play_batch(record)
        elif isinstance(record, Declared):
            await self._hand_over(self._gathered)
            self._gathered = []
            self._declare(record)
        else:
            self._play_status(record)

    def _declare(self, declared: Declared) -> None:
        """Declare unless that would change nothing, as with the first declaration in a recording."""
        before = self._declared.get(declared.definition.id)
        self._declared[declared.definition.id] = declared
        if (
            before is None
            or before.definition != declared.definition
            or before.instruments != declared.instruments
        ):
            self._context.declare_market(declared.definition, declared.instruments)

    async def _play_batch(self, batch: Batch) -> None:
        self._batches += 1
        for instrument in self._editor.newcomers(batch.events):
            self._editor.learn(instrument, await self._context.last_known(instrument))
        events = self._editor.edit(batch.time, batch.events)
        if self._began is not None:
            await self._hand_over(events)
            return
        self._gathered += events
        if len(self._gathered) >= CATCH_UP_EVENTS:
            await self._hand_over(self._gathered)
            self._gathered = []

    def _play_status(self, record: StatusChanged) -> None:
        self._statuses[record.market] = (record.status, record.reason)
        if self._began is not None:
            self._context.set_status(record.market, record.status, record.reason)

    async def _hand_over_in_parts(self, events: Sequence[MarketEvent]) -> None:
        for start in range(0, len(events), DRAIN_EVENTS):
            await self._hand_over(events[start : start + DRAIN_EVENTS])

    async def _hand_over(self, events: Sequence[MarketEvent]) -> None:
        if not events:
            return
        if self._ids is not None:
            self._ids.reserve(max((e.trade_id for e in events if type(e) is TradeReported), default=0))
        await self._context.publish(events)
        self._undrained += len(events)
        if self._undrained >= DRAIN_EVENTS and (self._began is None or not self._config.speed):
            await self._context.wait_drained()
            self._undrained = 0

    def _log_notes(self) -> None:
        notes, self._notes[:] = self._notes[:], []
        for note in notes:
            self._context.log.warning("about the recording", note=note)
