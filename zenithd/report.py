"""The content of /status: what `zenithd top` and other programs of operators read.

Counters and histograms grow since the daemon started: who wants rates asks twice and divides the
differences by that of `uptime_seconds`. A field that is added later has a default, so that an older and a
newer program understand each other.
"""

from __future__ import annotations

import msgspec


class FeedReport(msgspec.Struct, frozen=True, kw_only=True):
    """One market."""

    market: str
    source: str = ""
    """The source that publishes it; "" for mixed and delayed markets."""
    status: str
    reason: str = ""
    instruments: int = 0
    wanted: int = 0
    """Instruments that somebody follows."""
    updates: int = 0
    """Events applied."""
    updated: float | None = None
    """When the last one was, in seconds since 1970."""


class PluginReport(msgspec.Struct, frozen=True, kw_only=True):
    """One installed plugin."""

    name: str
    state: str
    """A `PluginState`."""
    reason: str = ""
    restarts: int = 0
    updates: int = 0
    """Events received."""
    waiting: int = 0
    """Events received and not yet applied."""


class ReaderReport(msgspec.Struct, frozen=True, kw_only=True):
    """A reader that is behind."""

    connection: int
    """Its number, as under `connection` in the log."""
    peer: str = ""
    user: str = ""
    bytes_waiting: int = 0
    behind_seconds: float = 0.0
    """At least so long ago was written what it has not taken."""
    lagging: bool = False
    """It gets merged updates."""
    stale_topics: int = 0
    """Subscriptions of which it has missed steps and will get a fresh snapshot."""
    conflated: int = 0
    """Updates that were replaced by such snapshots since it connected."""
    subscriptions: int = 0


class OrderFeedReport(msgspec.Struct, frozen=True, kw_only=True):
    """The feed of an exchange, to which orders go."""

    feed: str
    status: str
    """`Online`, `Closed` by its schedule, or `Disconnected`."""
    standby: int = 0
    """Adapters that wait to take over."""
    waiting: int = 0
    """Requests that it was sent and has not answered."""
    refused: int = 0
    """Its updates that broke a rule and changed nothing."""


class OrdersReport(msgspec.Struct, frozen=True, kw_only=True):
    """The orders, as they are in the journal or about to be."""

    taken: bool
    reason: str = ""
    """Why they are not taken."""
    update_id: int = 0
    """Updates that were kept since the first day."""
    accounts: int = 0
    orders: int = 0
    """Open ones, and completed ones until they are removed."""
    requests: dict[str, int] = {}
    """Those that are not over, by status; `Unknown`: an answer of an exchange is lost."""
    answers: dict[str, dict[str, int]] = {}
    """By topic and outcome: `accepted`, or the first code of a refusal."""
    shadows: dict[str, dict[str, int]] = {}
    """Orders that a shadow set would not have passed, by set and level."""
    feeds: list[OrderFeedReport] = []


class HistogramReport(msgspec.Struct, frozen=True, kw_only=True):
    """Durations, counted by size."""

    bounds: list[float]
    """Upper ends of the buckets in seconds, ascending; a last bucket takes all that is longer."""
    counts: list[int]
    """How many were at most so long: cumulative, one more than there are bounds."""
    seconds: float = 0.0
    """All together."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One daemon at one moment."""

    name: str = ""
    version: str = ""
    process: int = 0
    uptime_seconds: float
    ready: bool = False
    reasons: list[str] = []
    """Why it is not ready."""
    is_whole: bool = True
    """False: who asks is none of `server.operators`, so that addresses, users and reasons are left out."""
    connections: int = 0
    connections_max: int = 0
    subscriptions: int = 0
    readers_behind: int = 0
    bytes_waiting: int = 0
    """In the outboxes of all of them."""
    memory_bytes: int | None = None
    certificate_expires: float | None = None
    """In seconds since 1970; None without TLS."""
    counters: dict[str, int] = {}
    """What has happened so often, by name."""
    histograms: dict[str, HistogramReport] = {}
    """`path`, `flush` and `loop_lag`."""
    feeds: list[FeedReport] = []
    plugins: list[PluginReport] = []
    orders: OrdersReport | None = None
    """None where orders are not enabled."""
    readers: list[ReaderReport] = []
    """The slowest, slowest first."""
