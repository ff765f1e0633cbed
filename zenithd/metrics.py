"""Prometheus metrics, in one registry of the daemon's own.

What happens per delivery is counted by plain integers in the bus and read at scrape time; what happens per
batch or per connection uses instruments whose labels are bound once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from zenithd.bus import Bus, Flusher

LATENCY_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """All instruments of one daemon."""

    def __init__(self) -> None:
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
        self.loop_stalls = Counter(
            "zenithd_loop_stalls", "Times the event loop did not turn in time.", ["plugin"], registry=registry
        )
        self.history_failures = Counter(
            "zenithd_history_failures", "Writes that the history store refused.", registry=registry
        )
        self.flush_seconds = Histogram(
            "zenithd_flush_seconds",
            "From beginning to apply what is queued to the end of the first flush slice.",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.path_seconds = Histogram(
            "zenithd_path_seconds",
            "From a plugin's publish call to the end of the first flush slice after it.",
            ["plugin"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )

    def watch(self, bus: Bus, flusher: Flusher) -> None:
        """Export the counters of the fan-out."""
        self.registry.register(_FanOutCollector(bus, flusher))

    def watch_gauge(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """Export a value that is read when somebody asks."""
        Gauge(name, documentation, registry=self.registry).set_function(read)

    def render(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self.registry)

    def names(self) -> Iterator[tuple[str, str]]:
        """(name, help) of every metric, for the documentation."""
        for family in self.registry.collect():
            suffix = "_total" if family.type == "counter" else ""
            yield family.name + suffix, family.documentation


class _FanOutCollector(Collector):
    """Reads the plain integers of the bus and the flusher."""

    def __init__(self, bus: Bus, flusher: Flusher) -> None:
        self._bus = bus
        self._flusher = flusher

    def collect(self) -> Iterable[Metric]:
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
        waiting = [outbox.bytes_waiting for outbox in self._flusher.blocked_outboxes]
        gauges = (
            ("zenithd_subscriptions", "Subscriptions held.", bus.subscriptions),
            ("zenithd_outbox_blocked_connections", "Readers whose kernel buffer is full.", len(waiting)),
            ("zenithd_outbox_depth_bytes", "Bytes waiting in all blocked outboxes.", sum(waiting)),
            (
                "zenithd_outbox_depth_bytes_max",
                "Bytes waiting in the fullest outbox.",
                max(waiting, default=0),
            ),
        )
        for name, documentation, value in gauges:
            yield GaugeMetricFamily(name, documentation, value=value)
