"""How `zenithd top` shows a view: a screen that is drawn anew, plain text, or lines of JSON."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, TextIO

import orjson
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from zenithd.cli.top_view import QUANTILES, View, as_json, worst_first
from zenithd.report import FeedReport, OrdersReport, PluginReport

WIDTH_MIN = 80
"""The view fits so many columns; a page of plain text is as wide."""

LINES_BETWEEN = 14
"""Lines of a screen for the latencies, headings, spaces and notes of what is left out."""

ROWS_MIN = 2
"""So many of each are shown on a screen, however low."""

LATENCIES = {"path": "publish to socket", "flush": "apply and flush", "loop_lag": "event loop lag"}

_STYLES = {
    "Active": "green",
    "active": "green",
    "Impaired": "bold red",
    "impaired": "bold red",
    "broken": "bold red",
    "Initialising": "yellow",
    "initialising": "yellow",
}
_QUIET, _HEAD = "dim", "bold"


class LinePrinter:
    """Prints each view as one line of JSON."""

    goes_on = False

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, view: View) -> None:
        """Print a view."""
        self._stream.write(orjson.dumps(as_json(view)).decode() + "\n")
        self._stream.flush()

    def lost(self, reason: str) -> None:
        """Nothing: the command ends with the reason."""


class PagePrinter:
    """Prints each view below the last one: for pipes, files, and `--once`."""

    goes_on = False

    def __init__(self, url: str, console: Console) -> None:
        self._url = url
        self._console = console
        self._printed = False

    def show(self, view: View) -> None:
        """Print a view."""
        if self._printed:
            self._console.print()
        self._printed = True
        self._console.print(render(view, self._url, datetime.now(), None))
        self._console.file.flush()

    def lost(self, reason: str) -> None:
        """Nothing: the command ends with the reason."""


class ScreenPrinter:
    """Draws on a screen of its own, and goes on when the daemon is gone for a while."""

    goes_on = True

    def __init__(self, url: str, console: Console) -> None:
        self._url = url
        self._console = console
        self._last: View | None = None
        waiting = Text(f"Asking {url} …", style=_QUIET)
        self._live = Live(waiting, console=console, screen=True, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, view: View) -> None:
        """Draw a view."""
        self._last = view
        self._draw("")

    def lost(self, reason: str) -> None:
        """Draw the last view with the reason above it."""
        self._draw(reason)

    def _draw(self, problem: str) -> None:
        parts: list[RenderableType] = []
        if problem:
            parts.append(_line(problem, "bold red"))
        if self._last is not None:
            height = self._console.height - len(parts)
            parts.append(render(self._last, self._url, datetime.now(), height))
        self._live.update(Group(*parts), refresh=True)


def printer_of_terminal(url: str) -> PagePrinter | ScreenPrinter:
    """A screen where standard output is a terminal, else pages."""
    return ScreenPrinter(url, Console()) if sys.stdout.isatty() else PagePrinter(url, page())


def page() -> Console:
    """Standard output for pages; on a terminal as wide as that is."""
    return Console() if sys.stdout.isatty() else Console(width=WIDTH_MIN, highlight=False)


def render(view: View, url: str, now: datetime, height: int | None) -> RenderableType:
    """Everything there is, or, where a height in lines is given, as much of each as fits."""
    report = view.report
    feeds, readers = worst_first(view), report.readers
    plugins = sorted(report.plugins, key=lambda plugin: plugin.state in ("disabled", "loaded", "found"))
    summary = _summary(view, url, now)
    room = None if height is None else height - LINES_BETWEEN - len(summary)
    shown = _share(room, [len(plugins), len(feeds), len(readers)])
    parts: list[RenderableType] = [*summary, Text(), _latencies(view), Text()]
    parts += [_plugins(view, plugins[: shown[0]]), *_more(len(plugins) - shown[0], "plugins"), Text()]
    parts += [_feeds(view, feeds[: shown[1]]), *_more(len(feeds) - shown[1], "feeds"), Text()]
    if readers:
        parts += [_readers(view, shown[2]), *_more(report.readers_behind - shown[2], "readers behind")]
    else:
        parts.append(Text("No reader is behind.", style=_QUIET))
    return Group(*parts)


def _share(room: int | None, counts: list[int]) -> list[int]:
    """How many rows each table gets: all it wants, while others want less than their share."""
    if room is None:
        return counts
    shares = [min(count, ROWS_MIN) for count in counts]
    while sum(shares) < room and shares != counts:
        for index, count in enumerate(counts):
            if shares[index] < count and sum(shares) < room:
                shares[index] += 1
    return shares


def _more(count: int, noun: str) -> list[Text]:
    return [Text(f"… and {count:,} more {noun}", style=_QUIET)] if count > 0 else []


# The parts


def _summary(view: View, url: str, now: datetime) -> list[Text]:
    report, rates = view.report, view.rates
    up = timedelta(seconds=int(report.uptime_seconds))
    ready = ("ready", "green") if report.ready else ("NOT READY", "bold red")
    where = url.removesuffix("/status")
    lines = [
        Text.assemble((clean(report.name), _HEAD), f" {report.version} at {where}   up {up}   ", ready)
        + Text(f"   {now:%H:%M:%S}", style=_QUIET)
    ]
    lines += [_line(f"not ready: {reason}", "red") for reason in report.reasons]
    memory = f"   memory {size(report.memory_bytes)}" if report.memory_bytes is not None else ""
    lines += [
        Text(
            f"{report.connections:,} connections (of {report.connections_max:,})"
            f"   {report.subscriptions:,} subscriptions{memory}"
        ),
        Text(
            f"in {rate(rates, 'updates')} updates/s   out {rate(rates, 'deliveries')} deliveries/s"
            f"   {size(rates.get('bytes', 0.0))}/s"
        ),
        Text(
            f"requests {rate(rates, 'requests')}/s   rejects {rate(rates, 'rejects')}/s"
            f"   failed logins {rate(rates, 'logins_failed')}/s"
            f"   conflated {rate(rates, 'conflations')}/s"
        ),
    ]
    if report.orders is not None:
        lines.append(_orders(report.orders))
    if not report.is_whole:
        hint = "addresses, users and reasons are hidden: this address is not in server.operators"
        lines.append(_line(hint, "yellow"))
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return lines


def _orders(orders: OrdersReport) -> Text:
    """What waits, and what is not as it should be in red."""
    waiting = {name: count for name, count in orders.requests.items() if count}
    unknown = waiting.pop("Unknown", 0)
    parts: list[str | tuple[str, str]] = [
        ("orders taken" if orders.taken else "ORDERS REFUSED", "green" if orders.taken else "bold red"),
        f"   {orders.accounts:,} accounts   {orders.orders:,} orders",
        f"   {sum(waiting.values()):,} requests wait",
        (f"   {unknown:,} unknown" if unknown else "", "bold red"),
    ]
    for feed in orders.feeds:
        parts += ["   ", (f"{clean(feed.feed)} {feed.status}", "" if feed.status == "Online" else "bold red")]
    return Text.assemble(*parts)


def _latencies(view: View) -> Table:
    table = _table()
    table.add_column(f"Latency, last {view.seconds:.1f} s", width=24, no_wrap=True)
    for name in QUANTILES:
        table.add_column(name, justify="right", width=10, no_wrap=True)
    for key, title in LATENCIES.items():
        found = view.latencies.get(key, {})
        bounds = view.report.histograms[key].bounds if key in view.report.histograms else []
        table.add_row(title, *(duration(found.get(name), bounds) for name in QUANTILES))
    return table


def _plugins(view: View, plugins: list[PluginReport]) -> Table:
    table = _table()
    table.add_column("Plugin", width=14, no_wrap=True, overflow="ellipsis")
    table.add_column("State", width=12, no_wrap=True)
    for title, width in (("Updates/s", 10), ("Waiting", 8), ("Restarts", 8)):
        table.add_column(title, justify="right", width=width, no_wrap=True)
    table.add_column("Reason", ratio=1, no_wrap=True, overflow="ellipsis")
    for plugin in plugins:
        table.add_row(
            _text(plugin.name),
            Text(plugin.state, style=_STYLES.get(plugin.state, "")),
            _figure(view.plugin_rates[plugin.name]),
            f"{plugin.waiting:,}",
            f"{plugin.restarts:,}",
            _text(plugin.reason),
        )
    return table


def _feeds(view: View, feeds: list[FeedReport]) -> Table:
    table = _table()
    table.add_column("Feed", width=20, no_wrap=True, overflow="ellipsis")
    table.add_column("Status", width=12, no_wrap=True)
    table.add_column("Updates/s", justify="right", width=10, no_wrap=True)
    table.add_column("Instr.", justify="right", width=8, no_wrap=True)
    table.add_column("Reason", ratio=1, no_wrap=True, overflow="ellipsis")
    for feed in feeds:
        table.add_row(
            _text(feed.market),
            Text(feed.status, style=_STYLES.get(feed.status, "")),
            _figure(view.feed_rates[feed.market]) if feed.source else "derived",
            f"{feed.instruments:,}",
            _text(feed.reason),
        )
    return table


def _readers(view: View, rows: int) -> Table:
    table = _table()
    table.add_column("Slowest readers", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("User", width=10, no_wrap=True, overflow="ellipsis")
    for title, width in (("Waiting", 9), ("Behind", 9), ("Stale", 9), ("Conflated", 11)):
        table.add_column(title, justify="right", width=width, no_wrap=True)
    for reader in view.report.readers[:rows]:
        table.add_row(
            _text(f"{reader.connection} {reader.peer}".rstrip()),
            _text(reader.user),
            size(reader.bytes_waiting),
            f"{reader.behind_seconds:,.1f} s",
            count(reader.stale_topics),
            count(reader.conflated),
            style="red" if reader.lagging else "yellow",
        )
    return table


def _table() -> Table:
    return Table(box=None, pad_edge=False, expand=True, header_style=_HEAD, padding=(0, 1, 0, 0))


# Figures


def rate(rates: dict[str, float], name: str) -> str:
    """A rate by its counter; a daemon of another version may not have it."""
    return _figure(rates[name]) if name in rates else "?"


def _figure(value: float) -> str:
    return f"{value:.1f}" if 0 < value < 10 else f"{value:,.0f}"


def count(number: int) -> str:
    """A number of at most ten characters or so."""
    return f"{number:,}" if number < 100_000_000 else f"{number / 1e6:,.0f} M"


def size(number: float) -> str:
    """Bytes, with three digits or so: 950 B, 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


def duration(seconds: float | None, bounds: list[float]) -> str:
    """A quantile; one in the last bucket is only known to be longer than its lower end."""
    if seconds is None:
        return "-"
    over = ">" if bounds and seconds >= bounds[-1] else ""
    if seconds < 0.001:
        return f"{over}{seconds * 1e6:.0f} µs"
    return f"{over}{seconds * 1e3:.1f} ms" if seconds < 1 else f"{over}{seconds:.2f} s"


def clean(text: str) -> str:
    """Without what would move the cursor or change colours: the texts are a daemon's, or a plugin's."""
    return "".join(one if one.isprintable() else " " for one in text)


def _text(text: str) -> Text:
    return Text(clean(text))


def _line(text: str, style: str) -> Text:
    return Text(clean(text), style=style, no_wrap=True, overflow="ellipsis")
