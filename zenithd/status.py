"""What the daemon tells about itself: the health pages and /status, also read by commands of `zenithd`."""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import trio
from prometheus_client import Counter, Histogram

from zenithd import __version__
from zenithd.bus import Bus
from zenithd.collectors import FeedReading, OrdersReading, resident_bytes
from zenithd.domain.identifiers import MarketId
from zenithd.domain.market_data import FeedStatus
from zenithd.market.view import MarketView
from zenithd.markets.directory import Markets
from zenithd.markets.feed import SourceFeed
from zenithd.metrics import CONTENT_TYPE, Metrics
from zenithd.plugin.loaded import LoadedPlugin
from zenithd.report import (
    FeedReport,
    HistogramReport,
    OrderFeedReport,
    OrdersReport,
    PluginReport,
    ReaderReport,
    Report,
)
from zenithd.server.connection import Connection
from zenithd.server.head import Peer
from zenithd.server.pages import JSON, Page, Route, json_page

READERS_TOLD_MAX = 50
"""Slow readers that /status names."""

NANOSECONDS = 1_000_000_000

FEED_STATUSES = tuple(status.value for status in FeedStatus)


def describe_plugin(plugin: LoadedPlugin) -> dict[str, Any]:
    """One plugin as JSON (the object of `plugins list --json`)."""
    return {
        "name": plugin.name,
        "package": plugin.package,
        "version": plugin.version,
        "kinds": [kind.value for kind in plugin.kinds],
        "state": plugin.state.value,
        "reason": plugin.reason,
    }


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What the pages look at besides markets, bus and metrics; asked anew for each answer."""

    name: Callable[[], str]
    """The server's, as configured."""
    plugins: Callable[[], Sequence[LoadedPlugin]]
    waiting_for: Callable[[], list[str]]
    """Why plugins keep the daemon from being ready; []: they do not."""
    connections: Callable[[], Iterable[Connection]]
    connections_max: Callable[[], int]
    operators: Callable[[], Sequence[str]]
    """Networks that are told everything."""
    certificate_expires: Callable[[], float] | None = None
    """Seconds since 1970; None without TLS."""
    orders: Callable[[], OrdersReading] | None = None
    """None where orders are not enabled."""


class Status:
    """Answers the pages from the daemon's present state."""

    def __init__(self, markets: Markets, bus: Bus, metrics: Metrics, surroundings: Surroundings) -> None:
        self._markets = markets
        self._bus = bus
        self._metrics = metrics
        self._surroundings = surroundings
        self._began = trio.current_time()
        metrics.watch_feeds(self.feed_readings)
        metrics.watch_daemon(
            ready=lambda: not self.reasons(),
            history_healthy=lambda: self._markets.history.healthy,
            connections_max=surroundings.connections_max,
        )
        if surroundings.certificate_expires is not None:
            metrics.watch_certificate(surroundings.certificate_expires)

    def routes(self) -> dict[str, Route]:
        """The pages by path."""
        return {
            "/metrics": lambda _peer: Page(200, CONTENT_TYPE, self._metrics.render()),
            "/health/live": lambda _peer: json_page(200, {"live": True}),
            "/health/ready": self.ready,
            "/status": self.status,
        }

    # Health

    def reasons(self) -> list[str]:
        """Why the daemon is not ready; [] if it is."""
        reasons = self._surroundings.waiting_for() + self._markets.unready()
        if not self._markets.history.healthy:
            reasons.append(f"history: {self._markets.history.reason}")
        return reasons

    def ready(self, peer: Peer) -> Page:
        """200 when every market that must be up is; operators are also told the details."""
        reasons = self.reasons()
        content: dict[str, Any] = {"ready": not reasons, "reasons": reasons}
        if self._is_operator(peer):
            content["plugins"] = [describe_plugin(plugin) for plugin in self._surroundings.plugins()]
            content["markets"] = [
                {
                    "market": market.definition.id,
                    "feed": market.feed_status.value,
                    "reason": self._markets.status_reason(market.definition.id),
                    "instruments": len(market.instruments),
                    "simulated": market.definition.simulated,
                }
                for market in self._markets
            ]
        return json_page(503 if reasons else 200, content)

    def _is_operator(self, peer: Peer) -> bool:
        return peer.is_in(self._surroundings.operators())

    # Status

    def status(self, peer: Peer) -> Page:
        """Everything as JSON; who is no operator gets it without users, addresses and reasons."""
        report = self.report()
        return Page(200, JSON, msgspec.json.encode(report if self._is_operator(peer) else reduced(report)))

    def report(self) -> Report:
        """The daemon now."""
        reasons, surroundings = self.reasons(), self._surroundings
        connections = list(surroundings.connections())
        blocked = set(self._bus.flusher.blocked_outboxes)
        behind = [each for each in connections if each.outbox in blocked] if blocked else []
        expires = surroundings.certificate_expires
        return Report(
            name=surroundings.name(),
            version=__version__,
            process=os.getpid(),
            uptime_seconds=trio.current_time() - self._began,
            ready=not reasons,
            reasons=reasons,
            connections=len(connections),
            connections_max=surroundings.connections_max(),
            subscriptions=self._bus.statistics.subscriptions,
            readers_behind=len(behind),
            bytes_waiting=sum(connection.outbox.bytes_waiting for connection in behind),
            memory_bytes=resident_bytes(),
            certificate_expires=None if expires is None else expires(),
            counters=self._counters(),
            histograms={
                "path": _histogram(self._metrics.path_seconds),
                "flush": _histogram(self._metrics.flush_seconds),
                "loop_lag": _histogram(self._metrics.loop_lag),
            },
            feeds=[self._feed_report(market) for market in self._markets],
            plugins=[self._plugin_report(plugin) for plugin in surroundings.plugins()],
            orders=None if surroundings.orders is None else _orders_report(surroundings.orders()),
            readers=self._slowest(behind),
        )

    def feed_readings(self) -> list[FeedReading]:
        """How every market's feed is, for the metrics."""
        return [
            FeedReading(
                market=report.market,
                source=report.source,
                status=report.status,
                statuses=FEED_STATUSES,
                wanted=report.wanted,
                updates=report.updates,
                updated=report.updated,
            )
            for report in map(self._feed_report, self._markets)
        ]

    def _feed_report(self, market: MarketView) -> FeedReport:
        identifier = market.definition.id
        feed = self._markets.source_of(identifier)
        updated = feed.updated.get(identifier) if feed is not None else None
        return FeedReport(
            market=identifier,
            source=feed.name if feed is not None else "",
            status=market.feed_status.value,
            reason=self._markets.status_reason(identifier),
            instruments=len(market.instruments),
            wanted=_count_wanted(feed, identifier) if feed is not None else 0,
            updates=feed.updates.get(identifier, 0) if feed is not None else 0,
            updated=updated / NANOSECONDS if updated is not None else None,
        )

    def _plugin_report(self, plugin: LoadedPlugin) -> PluginReport:
        parts = plugin.parts
        feeds = [self._markets.feeds[part] for part in parts if part in self._markets.feeds]
        return PluginReport(
            name=plugin.name,
            state=plugin.state.value,
            reason=plugin.reason,
            restarts=sum(part.restarts for part in parts.values()),
            updates=sum(sum(feed.updates.values()) for feed in feeds),
            waiting=sum(feed.inbound.size for feed in feeds),
        )

    def _slowest(self, behind: list[Connection]) -> list[ReaderReport]:
        now = self._bus.flusher.monotonic()
        readers = (_reader_report(connection, now) for connection in behind)
        return heapq.nlargest(READERS_TOLD_MAX, readers, key=lambda one: (one.lagging, one.behind_seconds))

    def _counters(self) -> dict[str, int]:
        """What has happened so often; labels added up."""
        metrics, bus, outboxes = self._metrics, self._bus.statistics, self._bus.flusher.outbox_statistics
        return {
            "updates": _total(metrics.updates),
            "frames": bus.published,
            "deliveries": bus.deliveries,
            "bytes": outboxes.bytes_written,
            "blocked": outboxes.blocked,
            "lagging": outboxes.lagging,
            "conflations": outboxes.conflations,
            "requests": _total(metrics.requests),
            "rejects": _total(metrics.rejects),
            "logins": _total(metrics.logins, result="success"),
            "logins_failed": _total(metrics.logins) - _total(metrics.logins, result="success"),
            "connections_opened": _total(metrics.connections_total),
            "connections_refused": _total(metrics.refused),
            "gaps": _total(metrics.gaps),
            "source_faults": _total(metrics.source_faults),
            "loop_stalls": _total(metrics.loop_stalls),
            "history_failures": _total(metrics.history_failures),
        }


def reduced(report: Report) -> Report:
    """Without what tells who the clients are, and without texts that may name files or hosts."""
    replace = msgspec.structs.replace
    return replace(
        report,
        is_whole=False,
        feeds=[replace(feed, reason="") for feed in report.feeds],
        plugins=[replace(plugin, reason="") for plugin in report.plugins],
        orders=None if report.orders is None else replace(report.orders, reason=""),
        readers=[replace(reader, peer="", user="") for reader in report.readers],
    )


def _orders_report(reading: OrdersReading) -> OrdersReport:
    return OrdersReport(
        taken=not reading.refusal,
        reason=reading.refusal,
        update_id=reading.update_id,
        accounts=reading.accounts,
        orders=reading.orders,
        requests=reading.requests,
        answers=_nested(reading.answers),
        shadows=_nested(reading.shadows),
        feeds=[
            OrderFeedReport(
                feed=each.feed,
                status=each.status,
                standby=each.standby,
                waiting=each.waiting,
                refused=each.refused,
            )
            for each in reading.feeds
        ],
    )


def _nested(counts: dict[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (outer, inner), count in sorted(counts.items()):
        nested.setdefault(outer, {})[inner] = count
    return nested


def _count_wanted(feed: SourceFeed, market: MarketId) -> int:
    return sum(instrument.rpartition(".")[2] == market for instrument in feed.wanted.current)


def _reader_report(connection: Connection, now: float) -> ReaderReport:
    outbox = connection.outbox
    return ReaderReport(
        connection=connection.number,
        peer=connection.peer.address,
        user=connection.session.access.user,
        bytes_waiting=outbox.bytes_waiting,
        behind_seconds=now - outbox.waiting_since if outbox.waiting_since is not None else 0.0,
        lagging=outbox.lagging,
        stale_topics=len(outbox.stale),
        conflated=outbox.conflated,
        subscriptions=len(outbox.subscriptions),
    )


def _total(counter: Counter, **labels: str) -> int:
    """A counter's value, summed over its labels, or over those that fit."""
    return sum(
        int(sample.value)
        for family in counter.collect()
        for sample in family.samples
        if sample.name.endswith("_total") and labels.items() <= sample.labels.items()
    )


def _histogram(histogram: Histogram) -> HistogramReport:
    """A histogram, summed over its labels."""
    counts: dict[float, float] = {}
    seconds = 0.0
    for family in histogram.collect():
        for sample in family.samples:
            if sample.name.endswith("_bucket"):
                bound = float(sample.labels["le"])
                counts[bound] = counts.get(bound, 0.0) + sample.value
            elif sample.name.endswith("_sum"):
                seconds += sample.value
    bounds = sorted(counts)
    return HistogramReport(
        bounds=[bound for bound in bounds if bound != float("inf")],
        counts=[int(counts[bound]) for bound in bounds],
        seconds=seconds,
    )
