"""Records market sources: runs them under the supervisor without serving, and writes what they publish."""

from __future__ import annotations

import contextlib
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import httpx2
import msgspec
import structlog
import trio

from zenithd.clock import SystemClock
from zenithd.config import PluginHostSettings
from zenithd.domain.events import MarketEvent, MarketStateChanged, TradeReported, TradingDayStarted
from zenithd.domain.identifiers import InstrumentId, MarketId, split_instrument
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus
from zenithd.plugin.http import HttpRoute
from zenithd.plugin.interfaces import Clock, LastKnown, MarketSource, PluginConfig
from zenithd.plugin.journal import JournalFeed
from zenithd.plugin.loaded import Brought, PluginState, SourceStatus
from zenithd.recording import RecordingWriter
from zenithd.supervisor import Attempt, Supervised, SupervisionSettings, supervise
from zenithd.testing.memory_feed import MemoryFeed

ENTRIES_QUEUED_MAX = 1000
FLUSH_SECONDS = 1.0

Entry = Callable[[RecordingWriter], None]
"""Something to be written, called in the writer's thread."""

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class RecordingCounts(msgspec.Struct):
    """What was recorded so far."""

    markets: set[MarketId] = msgspec.field(default_factory=set)
    instruments: set[InstrumentId] = msgspec.field(default_factory=set)
    batches: int = 0
    events: int = 0


class Recorder:
    """One file that several sources write to.

    Attributes:
        counts: for whoever shows the progress.
        problems: by source, why it does not run.
    """

    def __init__(self, writer: RecordingWriter, markets: frozenset[MarketId]) -> None:
        self.counts = RecordingCounts()
        self.problems: dict[str, str] = {}
        self._writer = writer
        self._markets = markets
        self._send, self._receive = trio.open_memory_channel[Entry](ENTRIES_QUEUED_MAX)

    def takes(self, market: MarketId) -> bool:
        """True if the market is recorded; without a choice all are."""
        return not self._markets or market in self._markets

    async def put(self, entry: Entry) -> None:
        """Queue something to be written; waits while the disk is behind."""
        await self._send.send(entry)

    def put_nowait(self, entry: Entry) -> None:
        """Queue something rare that cannot wait.

        Raises:
            trio.WouldBlock: the disk is far behind; the source is then started again.
        """
        self._send.send_nowait(entry)

    async def write(self) -> None:
        """Write what is queued until cancelled, and then what is still queued.

        Raises:
            RecordingError, OSError: the file cannot be written.
        """
        try:
            while True:
                with trio.move_on_after(FLUSH_SECONDS) as silence:
                    entries = [await self._receive.receive(), *self._waiting()]
                if silence.cancelled_caught:
                    await trio.to_thread.run_sync(self._writer.flush)
                else:
                    await trio.to_thread.run_sync(self._write_all, entries)
        finally:
            self._write_all(self._waiting())

    def _waiting(self) -> list[Entry]:
        entries = []
        with contextlib.suppress(trio.WouldBlock):
            while True:
                entries.append(self._receive.receive_nowait())
        return entries

    def _write_all(self, entries: list[Entry]) -> None:
        for entry in entries:
            entry(self._writer)


class RecordingContext:
    """Implements `zenithd.plugin.MarketSourceContext`: everything is wanted, everything is written.

    What the store of a daemon would know is unknown here, and past trades are not recorded.
    """

    def __init__(
        self, name: str, recorder: Recorder, attempt: Attempt, http: httpx2.AsyncClient, directory: Path
    ) -> None:
        self.name = name
        self.clock: Clock = SystemClock()
        self.random = random.Random()
        self.log: structlog.stdlib.BoundLogger = log.bind(plugin=name)
        self.http = http
        self.wanted: frozenset[InstrumentId] = frozenset()
        self._recorder = recorder
        self._attempt = attempt
        self._directory = directory
        self._wanted_changed = trio.Event()

    @property
    def directory(self) -> Path:
        """A folder of the source's own that is gone after the recording."""
        folder = self._directory / self.name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def declare_market(self, definition: MarketDefinition, instruments: Sequence[Instrument]) -> None:
        """Record a market and want all its instruments."""
        self._attempt.declared()
        if not self._recorder.takes(definition.id):
            return
        now, listed = self.clock.now(), tuple(instruments)
        self._recorder.put_nowait(lambda writer: writer.declare(now, definition, listed))
        counts = self._recorder.counts
        counts.markets.add(definition.id)
        others = {each for each in self.wanted if split_instrument(each)[1] != definition.id}
        self.wanted = frozenset(others | {instrument.id for instrument in listed})
        counts.instruments |= self.wanted
        self._wanted_changed.set()
        self._wanted_changed = trio.Event()

    async def publish(self, events: Sequence[MarketEvent]) -> None:
        """Record one batch."""
        if self._attempt.is_over:
            return
        kept = [event for event in events if self._recorder.takes(_market_of(event))]
        if not kept:
            await trio.lowlevel.checkpoint()
            return
        now = self.clock.now()
        await self._recorder.put(lambda writer: writer.write(now, kept))
        self._recorder.counts.batches += 1
        self._recorder.counts.events += len(kept)

    async def stored(self) -> bool:
        """Nothing is stored here, so nothing is missing."""
        await trio.lowlevel.checkpoint()
        return True

    async def wait_drained(self) -> None:
        """Nothing is applied here, so nothing has to be waited for."""
        await trio.lowlevel.checkpoint()

    def set_status(self, market: MarketId, status: FeedStatus, reason: str = "") -> None:
        """Record how the feed is."""
        if self._recorder.takes(market):
            now = self.clock.now()
            self._recorder.put_nowait(lambda writer: writer.set_status(now, market, status, reason))

    async def wait_wanted(self, known: frozenset[InstrumentId]) -> frozenset[InstrumentId]:
        """Return the wanted instruments as soon as they differ from `known`."""
        while self.wanted == known:
            await self._wanted_changed.wait()
        await trio.lowlevel.checkpoint()
        return self.wanted

    async def last_known(self, instrument: InstrumentId) -> LastKnown | None:
        """Nothing is known."""
        await trio.lowlevel.checkpoint()
        return None

    def journal(self, feed: str) -> JournalFeed:
        """Nothing is kept of what runs for a recording."""
        return MemoryFeed()

    def offer(self, thing: object) -> None:
        """No other part of the plugin runs while recording."""

    def serve_http(self, routes: Sequence[HttpRoute]) -> None:
        """Nothing is served while recording."""

    async def backfill(
        self, instrument: InstrumentId, trading_date: date, trades: Sequence[TradeReported]
    ) -> None:
        """Past trades are not part of a recording."""
        await trio.lowlevel.checkpoint()


def _market_of(event: MarketEvent) -> MarketId:
    if isinstance(event, MarketStateChanged | TradingDayStarted):
        return event.market
    return split_instrument(event.instrument)[1]


async def record_sources(
    sources: Sequence[Brought[MarketSource[PluginConfig]]],
    recorder: Recorder,
    settings: PluginHostSettings,
    packages: Mapping[str, str],
) -> None:
    """Run the sources until all of them have ended, or until cancelled; then everything is in the writer."""
    supervision = SupervisionSettings(
        start_seconds_max=settings.start_seconds_max,
        backoff_seconds_min=settings.backoff_seconds_min,
        backoff_seconds_max=settings.backoff_seconds_max,
        restarts_max=settings.restarts_max,
        restart_window_seconds=settings.restart_window_seconds,
    )
    with tempfile.TemporaryDirectory(prefix="zenithd-record-") as folder:
        async with (
            httpx2.AsyncClient(timeout=settings.call_seconds_max) as http,
            trio.open_nursery() as services,
        ):
            services.start_soon(recorder.write)
            async with trio.open_nursery() as host, trio.open_nursery() as supervisors:
                for source in sources:
                    supervised = _supervised(source, recorder, http, Path(folder), packages)
                    supervisors.start_soon(supervise, supervised, supervision, random.Random(), host)
            services.cancel_scope.cancel()


def _supervised(
    source: Brought[MarketSource[PluginConfig]],
    recorder: Recorder,
    http: httpx2.AsyncClient,
    folder: Path,
    packages: Mapping[str, str],
) -> Supervised:
    def build(attempt: Attempt) -> MarketSource[PluginConfig]:
        context = RecordingContext(source.name, recorder, attempt, http, folder)
        return source.implementation(source.config, context)

    def report(status: SourceStatus) -> None:
        recorder.problems.pop(source.name, None)
        if status.state is PluginState.IMPAIRED:
            recorder.problems[source.name] = status.reason

    return Supervised(name=source.name, build=build, report=report, packages=packages)
