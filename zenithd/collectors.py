"""What is read only when somebody scrapes: the fan-out's plain integers, feeds, the process."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec
import trio
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from zenithd.bus import Bus, Flusher
from zenithd.open_files import file_limit, open_files
from zenithd.turns import Turns

_MEMORY = Path("/proc/self/statm")
_STARTED = time.time()


class FeedReading(msgspec.Struct, frozen=True, kw_only=True):
    """How one market's feed is."""

    market: str
    source: str
    """The source that publishes it; "" for mixed and delayed markets."""
    status: str
    statuses: tuple[str, ...]
    """All that a feed can have."""
    wanted: int
    """Instruments that somebody follows: many sources publish only those."""
    updates: int
    """Events applied since the daemon started."""
    updated: float | None
    """When the last one was, in seconds since 1970; None: there was none yet."""


class JournalReading(msgspec.Struct, frozen=True, kw_only=True):
    """How the journal is."""

    state: str
    states: tuple[str, ...]
    """All that it can have."""
    position: int
    records: int
    commits: int
    failures: int
    refused: int
    duplicates: int
    gaps: int
    conflicts: int
    waits: int
    snapshots_refused: int


class JournalCollector(Collector):
    """The plain integers of the journal."""

    def __init__(self, read: Callable[[], JournalReading]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """The families."""
        reading = self._read()
        state = GaugeMetricFamily(
            "zenithd_journal_state",
            "1 for the state the journal is in; appends are taken only while it is serving.",
            labels=["state"],
        )
        for name in reading.states:
            state.add_metric([name], name == reading.state)
        yield state
        yield GaugeMetricFamily(
            "zenithd_journal_position", "Position of the last acknowledged record.", value=reading.position
        )
        refused = CounterMetricFamily(
            "zenithd_journal_refused", "Appends of which nothing was written.", labels=["reason"]
        )
        reasons = (("store", reading.refused), ("gap", reading.gaps), ("conflict", reading.conflicts))
        for reason, value in reasons:
            refused.add_metric([reason], value)
        yield refused
        counters = (
            ("zenithd_journal_records", "Records appended.", reading.records),
            ("zenithd_journal_commits", "Commits; each brings what had gathered.", reading.commits),
            (
                "zenithd_journal_failures",
                "Commits, and attempts to open the store, that failed.",
                reading.failures,
            ),
            (
                "zenithd_journal_duplicates",
                "Entries that were there already and not written again.",
                reading.duplicates,
            ),
            ("zenithd_journal_waits", "Appends that waited for room in a commit.", reading.waits),
            (
                "zenithd_journal_snapshots_refused",
                "States that were too large to be kept, so that the next start takes longer.",
                reading.snapshots_refused,
            ),
        )
        for name, documentation, value in counters:
            yield CounterMetricFamily(name, documentation, value=value)


class OrderFeedReading(msgspec.Struct, frozen=True, kw_only=True):
    """How the feed of one exchange is, to which orders go."""

    feed: str
    status: str
    statuses: tuple[str, ...]
    """All that a feed can have."""
    standby: int
    """Adapters that wait to take over."""
    waiting: int
    """Requests that it was sent and has not answered."""
    refused: int
    """Its updates that the rules refused."""


class OrdersReading(msgspec.Struct, frozen=True, kw_only=True):
    """How orders are."""

    refusal: str
    """Why orders are not taken; "" if they are."""
    update_id: int
    """Updates that the state was made from."""
    accounts: int
    orders: int
    """Those that are shown: open ones, and completed ones until they are removed."""
    requests: dict[str, int]
    """Those that are not over, by status: every one that such a request can have."""
    answers: dict[tuple[str, str], int]
    """By topic and outcome."""
    shadows: dict[tuple[str, str], int]
    """Orders that a shadow set would not have passed, by set and level."""
    feeds: tuple[OrderFeedReading, ...]
    stages: Mapping[str, float]
    """Seconds that clients' requests spent in each stage, all together."""


class OrdersCollector(Collector):
    """What was asked for, and what is unknown."""

    def __init__(self, read: Callable[[], OrdersReading]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """The families."""
        reading = self._read()
        answers = CounterMetricFamily(
            "zenithd_order_answers",
            "Order requests answered: accepted, or refused with this code first.",
            labels=["topic", "outcome"],
        )
        for labels, value in sorted(reading.answers.items()):
            answers.add_metric(labels, value)
        yield answers
        yield GaugeMetricFamily(
            "zenithd_orders_healthy", "1 while orders are taken.", value=not reading.refusal
        )
        requests = GaugeMetricFamily(
            "zenithd_order_requests",
            "Order requests that are not over, by status; Unknown: an answer of an exchange is lost.",
            labels=["status"],
        )
        for status, value in reading.requests.items():
            requests.add_metric([status], value)
        yield requests
        shadows = CounterMetricFamily(
            "zenithd_vetting_shadow_verdicts",
            "Orders that a shadow set of vetting rules would not have passed.",
            labels=["set", "level"],
        )
        for labels, value in sorted(reading.shadows.items()):
            shadows.add_metric(labels, value)
        yield shadows
        stages = CounterMetricFamily(
            "zenithd_order_stage_seconds",
            "Where the time of order requests goes: divide by zenithd_order_seconds_count.",
            labels=["stage"],
        )
        for stage, seconds in reading.stages.items():
            stages.add_metric([stage], seconds)
        yield stages
        yield from _order_feeds(reading.feeds)


def _order_feeds(feeds: Iterable[OrderFeedReading]) -> Iterable[Metric]:
    status = GaugeMetricFamily(
        "zenithd_order_feed_status",
        "1 for the status of a feed that orders go to; Disconnected: unexpectedly.",
        labels=["feed", "status"],
    )
    standby = GaugeMetricFamily(
        "zenithd_order_feed_standby", "Adapters that wait to take a feed over.", labels=["feed"]
    )
    waiting = GaugeMetricFamily(
        "zenithd_order_feed_waiting",
        "Requests that a feed was sent and has not answered.",
        labels=["feed"],
    )
    refused = CounterMetricFamily(
        "zenithd_order_feed_refused",
        "Updates of a feed that broke a rule and changed nothing.",
        labels=["feed"],
    )
    for feed in feeds:
        for name in feed.statuses:
            status.add_metric([feed.feed, name], name == feed.status)
        standby.add_metric([feed.feed], feed.standby)
        waiting.add_metric([feed.feed], feed.waiting)
        refused.add_metric([feed.feed], feed.refused)
    yield from (status, standby, waiting, refused)


class FeedCollector(Collector):
    """One-hot statuses and the age of every feed."""

    def __init__(self, read: Callable[[], Iterable[FeedReading]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """The families; without samples where there are no markets."""
        status = GaugeMetricFamily(
            "zenithd_feed_status", "1 for the status a market's feed has.", labels=["market", "status"]
        )
        wanted = GaugeMetricFamily(
            "zenithd_feed_wanted_instruments",
            "Instruments that somebody follows.",
            labels=["market", "source"],
        )
        updates = CounterMetricFamily(
            "zenithd_feed_updates", "Market events applied.", labels=["market", "source"]
        )
        updated = GaugeMetricFamily(
            "zenithd_feed_updated_timestamp_seconds",
            "When the last market event was applied.",
            labels=["market", "source"],
        )
        for feed in self._read():
            for name in feed.statuses:
                status.add_metric([feed.market, name], name == feed.status)
            if feed.source:
                wanted.add_metric([feed.market, feed.source], feed.wanted)
                updates.add_metric([feed.market, feed.source], feed.updates)
            if feed.updated is not None:
                updated.add_metric([feed.market, feed.source], feed.updated)
        return (status, wanted, updates, updated)


class ProcessCollector(Collector):
    """The process as every exporter shows it, under the names that general dashboards know.

    The library's own collector lists all open files, which holds the loop for 50 ms at 20,000 connections.
    """

    def collect(self) -> Iterable[Metric]:
        """The families; without a sample where the system does not tell cheaply."""
        yield CounterMetricFamily(
            "process_cpu_seconds", "Processor time, user and system.", value=time.process_time()
        )
        yield GaugeMetricFamily("process_start_time_seconds", "When the process started.", value=_STARTED)
        values = (
            ("process_resident_memory_bytes", "Memory in use.", resident_bytes()),
            ("process_open_fds", "Open files, sockets among them.", open_files()),
            ("process_max_fds", "Most files that may be open.", file_limit()),
        )
        for name, documentation, value in values:
            yield GaugeMetricFamily(name, documentation, value=value)


def resident_bytes() -> int | None:
    """Memory in use; None where the system does not tell it cheaply."""
    try:
        return int(_MEMORY.read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return None


class TurnsCollector(Collector):
    """What is done for clients between two looks at the markets, and the number of tasks."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def collect(self) -> Iterable[Metric]:
        """The families, each with one sample; tasks only where the event loop runs."""
        turns = self._turns.statistics
        counters = (
            ("zenithd_turns", "Turns in which clients were worked for.", turns.taken),
            ("zenithd_turns_postponed", "Turns that waited for a later pass of the loop.", turns.postponed),
            ("zenithd_turns_seconds", "Time that was worked for clients.", turns.seconds),
        )
        for name, documentation, value in counters:
            yield CounterMetricFamily(name, documentation, value=value)
        yield GaugeMetricFamily("zenithd_turns_waiting", "Turns that wait now.", value=self._turns.waiting)
        tasks = trio.lowlevel.current_statistics().tasks_living if trio.lowlevel.in_trio_run() else None
        yield GaugeMetricFamily("zenithd_tasks", "Tasks of the event loop.", value=tasks)


class FanOutCollector(Collector):
    """Reads the plain integers of the bus and the flusher."""

    def __init__(self, bus: Bus, flusher: Flusher) -> None:
        self._bus = bus
        self._flusher = flusher

    def collect(self) -> Iterable[Metric]:
        """The families, each with one sample."""
        bus, outboxes = self._bus.statistics, self._flusher.outbox_statistics
        counters = (
            ("zenithd_frames_published", "Frames made for groups of subscribers.", bus.published),
            ("zenithd_deliveries", "Frames queued to subscribers.", bus.deliveries),
            ("zenithd_bytes_written", "Bytes taken by the kernel.", outboxes.bytes_written),
            ("zenithd_writes", "Writes to sockets.", outboxes.writes),
            ("zenithd_outbox_blocked", "Times a reader's kernel buffer was full.", outboxes.blocked),
            ("zenithd_outbox_lagging", "Times a reader fell behind its limit.", outboxes.lagging),
            ("zenithd_conflations", "Updates replaced by a later snapshot.", outboxes.conflations),
            ("zenithd_resumed", "Subscriptions resumed with a fresh snapshot.", outboxes.resumed),
        )
        for name, documentation, value in counters:
            yield CounterMetricFamily(name, documentation, value=value)
        blocked = self._flusher.blocked_outboxes
        waiting = [outbox.bytes_waiting for outbox in blocked]
        lagging = sum(outbox.lagging for outbox in blocked)
        gauges = (
            ("zenithd_subscriptions", "Subscriptions held.", bus.subscriptions),
            ("zenithd_outbox_blocked_connections", "Readers whose kernel buffer is full.", len(waiting)),
            ("zenithd_outbox_lagging_connections", "Readers that get merged updates now.", lagging),
            ("zenithd_outbox_depth_bytes", "Bytes waiting in all blocked outboxes.", sum(waiting)),
            (
                "zenithd_outbox_depth_bytes_max",
                "Bytes waiting in the fullest outbox.",
                max(waiting, default=0),
            ),
        )
        for name, documentation, value in gauges:
            yield GaugeMetricFamily(name, documentation, value=value)
