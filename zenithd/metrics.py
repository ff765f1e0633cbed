"""Prometheus metrics, in one registry of the daemon's own.

What happens per delivery is counted by plain integers in the bus and read at scrape time; what happens per
batch or per connection uses instruments whose labels are bound once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from zenithd import __version__
from zenithd.bus import Bus, Flusher
from zenithd.collectors import (
    FanOutCollector,
    FeedCollector,
    FeedReading,
    JournalCollector,
    JournalReading,
    OrdersCollector,
    OrdersReading,
    ProcessCollector,
    TurnsCollector,
)
from zenithd.turns import Turns

LATENCY_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """All instruments of one daemon."""

    def __init__(self) -> None:
        # They would double the page, and process_start_time_seconds says the same.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        registry = self.registry
        self.connections = Gauge("zenithd_connections", "Open WebSocket connections.", registry=registry)
        self.connections_total = Counter(
            "zenithd_connections_opened", "WebSocket connections accepted.", registry=registry
        )
        self.refused = Counter(
            "zenithd_connections_refused", "Connections turned away.", ["reason"], registry=registry
        )
        self.closed = Counter(
            "zenithd_connections_closed", "Connections closed, by close code.", ["code"], registry=registry
        )
        self.logins = Counter("zenithd_logins", "Login attempts.", ["result"], registry=registry)
        self.requests = Counter(
            "zenithd_requests", "Requests and subscriptions received.", ["controller"], registry=registry
        )
        self.rejects = Counter("zenithd_rejects", "Error codes sent to clients.", ["code"], registry=registry)
        self.updates = Counter(
            "zenithd_updates", "Market events received from plugins.", ["plugin"], registry=registry
        )
        self.batches = Counter(
            "zenithd_batches", "Batches received from plugins.", ["plugin"], registry=registry
        )
        self.gaps = Counter(
            "zenithd_gaps", "Gaps that a source noticed.", ["plugin", "stream"], registry=registry
        )
        self.source_faults = Counter(
            "zenithd_source_faults",
            "Events that broke a rule and were refused.",
            ["plugin"],
            registry=registry,
        )
        self.plugin_state = Gauge(
            "zenithd_plugin_state", "1 for the state a plugin is in.", ["plugin", "state"], registry=registry
        )
        self.plugin_restarts = Counter(
            "zenithd_plugin_restarts", "Times a plugin was started again.", ["plugin"], registry=registry
        )
        self.inbound_depth = Gauge(
            "zenithd_inbound_events", "Events waiting to be applied.", ["plugin"], registry=registry
        )
        self.pages_repeated = Counter(
            "zenithd_pages_repeated", "Pages shown again instead of made anew.", registry=registry
        )
        self.loop_stalls = Counter(
            "zenithd_loop_stalls", "Times the event loop did not turn in time.", ["plugin"], registry=registry
        )
        self.history_failures = Counter(
            "zenithd_history_failures", "Writes that the history store refused.", registry=registry
        )
        self.history_lost = Counter(
            "zenithd_history_trades_lost",
            "Trades not stored: the disk refused for too long, or no column holds them.",
            registry=registry,
        )
        self.history_unclean_stops = Counter(
            "zenithd_history_unclean_stops",
            "1 if the daemon before this one did not end in order.",
            registry=registry,
        )
        self.history_unwritten = Counter(
            "zenithd_history_trades_unwritten",
            "Trades that the daemon before this one had sent and not stored when it was killed.",
            registry=registry,
        )
        self.journal_commit_seconds = Histogram(
            "zenithd_journal_commit_seconds",
            "From handing a commit to the journal's store to its answer.",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.order_seconds = Histogram(
            "zenithd_order_seconds",
            "From taking an order request to its answer: what it led to is kept by then.",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.flush_seconds = Histogram(
            "zenithd_flush_seconds",
            "From beginning to apply what is queued to the end of the first flush slice.",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.loop_lag = Histogram(
            "zenithd_loop_lag_seconds",
            "How late the event loop came back to a task that sleeps, looked at several times a second.",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.reloads = Counter(
            "zenithd_reloads", "Changed configurations and certificates read.", ["result"], registry=registry
        )
        self.path_seconds = Histogram(
            "zenithd_path_seconds",
            "From a plugin's publish call to the end of the first flush slice after it.",
            ["plugin"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )

        # A counter that appears with its first event shows no increase: Prometheus needs the zero before it.
        for result in ("taken over", "refused"):
            self.reloads.labels(result)
        for code in ("1000", "1001", "1006", "1008", "1009", "1011", "1012"):
            self.closed.labels(code)
        self.loop_stalls.labels("zenithd")
        Gauge("zenithd_build_info", "1; the label is what runs.", ["version"], registry=registry).labels(
            __version__
        ).set(1)
        registry.register(ProcessCollector())

    def watch(self, bus: Bus, flusher: Flusher) -> None:
        """Export the counters of the fan-out."""
        self.registry.register(FanOutCollector(bus, flusher))

    def watch_turns(self, turns: Turns) -> None:
        """Export what is done for clients, and the number of tasks."""
        self.registry.register(TurnsCollector(turns))

    def watch_feeds(self, read: Callable[[], Iterable[FeedReading]]) -> None:
        """Export how the feeds are, asked for whenever somebody looks."""
        self.registry.register(FeedCollector(read))

    def watch_journal(self, read: Callable[[], JournalReading]) -> None:
        """Export how the journal is."""
        self.registry.register(JournalCollector(read))

    def watch_orders(self, read: Callable[[], OrdersReading]) -> None:
        """Export how orders are."""
        self.registry.register(OrdersCollector(read))

    def watch_daemon(
        self,
        *,
        ready: Callable[[], float],
        history_healthy: Callable[[], float],
        connections_max: Callable[[], float],
    ) -> None:
        """Export what is so at the moment when somebody looks."""
        gauges = (
            ("zenithd_ready", "1 while /health/ready says so.", ready),
            ("zenithd_history_healthy", "1 while the history store takes writes.", history_healthy),
            (
                "zenithd_connections_max",
                "Connections that are let in: limits.connections_max, or what open files allow.",
                connections_max,
            ),
        )
        for name, documentation, read in gauges:
            Gauge(name, documentation, registry=self.registry).set_function(read)

    def watch_certificate(self, expires: Callable[[], float]) -> None:
        """Export when the TLS certificate ends, in seconds since 1970."""
        Gauge(
            "zenithd_tls_certificate_expiry_timestamp_seconds",
            "When the certificate that new connections are shown ends; only with TLS.",
            registry=self.registry,
        ).set_function(expires)

    def render(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self.registry)

    def names(self) -> Iterator[tuple[str, str]]:
        """(name, help) of every metric, for the documentation."""
        for family in self.registry.collect():
            suffix = "_total" if family.type == "counter" else ""
            yield family.name + suffix, family.documentation


def all_metrics() -> Metrics:
    """Metrics with everything that a daemon can export, without a daemon: for documentation and tests."""
    metrics, flusher = Metrics(), Flusher(0.001, lambda: 0.0)
    metrics.watch(Bus(flusher), flusher)
    metrics.watch_feeds(lambda: ())
    metrics.watch_turns(Turns(1.0, lambda: 0.0))
    metrics.watch_daemon(ready=lambda: 1, history_healthy=lambda: 1, connections_max=lambda: 1)
    metrics.watch_certificate(lambda: 0)
    metrics.watch_orders(
        lambda: OrdersReading(
            refusal="",
            update_id=0,
            accounts=0,
            orders=0,
            requests={},
            answers={},
            shadows={},
            feeds=(),
            stages={},
        )
    )
    metrics.watch_journal(
        lambda: JournalReading(
            state="closed", states=("closed",), position=0, records=0, commits=0, failures=0, refused=0,
            duplicates=0, gaps=0, conflicts=0, waits=0, snapshots_refused=0,
        )
    )  # fmt: skip
    return metrics
