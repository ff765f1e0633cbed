"""What `zenithd top` works out: rates and percentiles of the time between two reports. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from zenithd.report import FeedReport, HistogramReport, Report

QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A report, and what happened since the one before."""

    report: Report
    seconds: float
    """Length of the interval: since the daemon started where there was no report before."""
    rates: dict[str, float]
    """A second, by counter."""
    feed_rates: dict[str, float]
    """Updates a second, by market."""
    plugin_rates: dict[str, float]
    """Updates a second, by plugin."""
    latencies: dict[str, dict[str, float | None]]
    """Seconds by histogram and quantile; None where nothing was measured."""


def compare(before: Report | None, now: Report) -> View:
    """What happened between two reports of a daemon; a daemon that was restarted begins anew."""
    if before is None or before.process != now.process or before.uptime_seconds > now.uptime_seconds:
        before = Report(uptime_seconds=0.0)
    seconds = max(now.uptime_seconds - before.uptime_seconds, 1e-9)
    feeds = {feed.market: feed.updates for feed in before.feeds}
    plugins = {plugin.name: plugin.updates for plugin in before.plugins}
    return View(
        report=now,
        seconds=seconds,
        rates=_rates(before.counters, now.counters, seconds),
        feed_rates=_rates(feeds, {feed.market: feed.updates for feed in now.feeds}, seconds),
        plugin_rates=_rates(plugins, {plugin.name: plugin.updates for plugin in now.plugins}, seconds),
        latencies={
            name: _quantiles(before.histograms.get(name), histogram)
            for name, histogram in now.histograms.items()
        },
    )


def _rates(before: Mapping[str, int], now: Mapping[str, int], seconds: float) -> dict[str, float]:
    return {name: (count - before.get(name, 0)) / seconds for name, count in now.items()}


def _quantiles(before: HistogramReport | None, now: HistogramReport) -> dict[str, float | None]:
    counts = now.counts
    if before is not None and before.bounds == now.bounds:
        counts = [later - earlier for earlier, later in zip(before.counts, now.counts, strict=True)]
    return {name: quantile(now.bounds, counts, share) for name, share in QUANTILES.items()}


def quantile(bounds: list[float], counts: list[int], share: float) -> float | None:
    """Estimate a quantile from a histogram, as Prometheus does: even within a bucket.

    Args:
        bounds: upper ends of the buckets, ascending; there is one more bucket above.
        counts: cumulative, one more than there are bounds.
        share: from 0 to 1.

    Returns:
        None if nothing was counted; the highest bound if the quantile lies above it.
    """
    total = counts[-1] if counts else 0
    if total <= 0 or not bounds:
        return None
    rank = share * total
    lower, below = 0.0, 0
    for bound, count in zip(bounds, counts, strict=False):
        if count >= rank and count > below:
            return min(bound, lower + (bound - lower) * (rank - below) / (count - below))
        lower, below = bound, count
    return bounds[-1]


def worst_first(view: View) -> list[FeedReport]:
    """The feeds: those that are not well before the others, then the busiest."""

    def order(feed: FeedReport) -> tuple[bool, float, str]:
        return (feed.status == "Active", -view.feed_rates.get(feed.market, 0.0), feed.market)

    return sorted(view.report.feeds, key=order)


def as_json(view: View) -> dict[str, Any]:
    """A view as one JSON object: the report with rates and quantiles in place of the raw histograms."""
    content: dict[str, Any] = msgspec.to_builtins(view.report)
    del content["histograms"]
    for feed in content["feeds"]:
        feed["updates_per_second"] = view.feed_rates[feed["market"]]
    for plugin in content["plugins"]:
        plugin["updates_per_second"] = view.plugin_rates[plugin["name"]]
    return content | {"seconds": view.seconds, "rates": view.rates, "latencies": view.latencies}
