"""`zenithd top`: what it works out, how it shows it, and what it says when no daemon answers."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import prometheus_client
import pytest
import trio
from cli_support import Run
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from zenithd.cli.common import OperatorFault
from zenithd.cli.top_client import TopSettings, look, status_url
from zenithd.cli.top_screen import LinePrinter, PagePrinter, ScreenPrinter, duration, render, size
from zenithd.cli.top_view import View, compare, quantile
from zenithd.cli.watch import local_daemon
from zenithd.daemon_file import DaemonFile, write_daemon_file
from zenithd.report import (
    FeedReport,
    HistogramReport,
    OrderFeedReport,
    OrdersReport,
    PluginReport,
    ReaderReport,
    Report,
)

BOUNDS = [0.001, 0.01, 0.1]
URL = "http://127.0.0.1:8640/status"
NOON = datetime(2026, 11, 21, 12)
NO_ZENITHD = "does not answer as a zenithd does; name the daemon with --url"
EVIL = "\x1b[2J[bold]x[/bold]\nsecond line"


def report(**changes: Any) -> Report:
    """A daemon that has run for ten seconds."""
    return msgspec.structs.replace(
        Report(
            name="zenithd",
            version="0.1.0",
            process=7,
            uptime_seconds=10.0,
            ready=True,
            connections=1234,
            connections_max=20_000,
            counters={"updates": 1000, "deliveries": 5000, "bytes": 1_500_000, "requests": 20},
            histograms={"path": HistogramReport(bounds=BOUNDS, counts=[10, 20, 20, 20])},
            feeds=[
                FeedReport(market="XSX", source="prodigy", status="Active", instruments=10, updates=900),
                FeedReport(market="XSX[Delayed]", status="Active", instruments=10),
                FeedReport(market="XSY", source="prodigy", status="Impaired", reason="gone", updates=100),
            ],
            plugins=[PluginReport(name="prodigy", state="active", updates=1000)],
        ),
        **changes,
    )


READERS = [
    ReaderReport(
        connection=number,
        peer=f"2001:db8:aaaa:bbbb:cccc:dddd:eeee:{number:x}",
        user="a-user-with-a-long-name",
        bytes_waiting=1_048_576 * 900,
        behind_seconds=3599.94 - number,
        lagging=number == 1,
        stale_topics=20_000,
        conflated=1_234_567_890,
    )
    for number in range(1, 40)
]


def later(**changes: Any) -> Report:
    """The same daemon two seconds later."""
    next_one = report(
        uptime_seconds=12.0,
        counters={"updates": 1300, "deliveries": 5000, "bytes": 1_504_000, "requests": 21},
        histograms={"path": HistogramReport(bounds=BOUNDS, counts=[10, 119, 120, 120])},
    )
    return msgspec.structs.replace(next_one, **changes)


def text_of(view: View, width: int = 80, height: int | None = None) -> str:
    """What is printed where there is no terminal."""
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(render(view, URL, NOON, height))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


# What it works out


def test_rates_are_of_the_time_between_two_reports() -> None:
    view = compare(report(), later())
    assert view.seconds == 2.0
    assert view.rates == {"updates": 150.0, "deliveries": 0.0, "bytes": 2000.0, "requests": 0.5}


def test_percentiles_are_of_the_time_between_two_reports() -> None:
    """Since the first report: none of at most 1 ms, 99 of at most 10 ms, one of at most 100 ms."""
    found = compare(report(), later()).latencies["path"]
    assert found["p50"] == pytest.approx(0.001 + 0.009 * 50 / 99)
    assert found["p99"] == pytest.approx(0.01)
    assert found["p99.9"] == pytest.approx(0.01 + 0.09 * 0.9)


@pytest.mark.parametrize("now", [{"process": 8}, {"uptime_seconds": 3.0}])
def test_a_restarted_daemon_begins_anew(now: dict[str, Any]) -> None:
    view = compare(later(), report(**now))
    assert view.seconds == view.report.uptime_seconds
    assert view.rates["updates"] == 1000 / view.seconds


def test_what_a_daemon_of_another_version_does_not_tell_is_left_open() -> None:
    view = compare(None, msgspec.json.decode(b'{"uptime_seconds": 5, "invented_later": 1}', type=Report))
    assert view.latencies == {}
    assert "in ? updates/s" in text_of(view)


def test_quantiles_of_nothing_and_beyond() -> None:
    assert quantile(BOUNDS, [0, 0, 0, 0], 0.5) is None
    assert quantile([], [], 0.5) is None
    assert quantile(BOUNDS, [0, 0, 0, 5], 0.5) == 0.1
    assert duration(0.1, BOUNDS) == ">100.0 ms"


@given(st.lists(st.floats(0, 2), min_size=1, max_size=200), st.sampled_from([0.5, 0.99, 0.999]))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values: list[float], share: float) -> None:
    registry = prometheus_client.CollectorRegistry()
    histogram = prometheus_client.Histogram("x", "x", buckets=(0.1, 0.5, 1.0), registry=registry)
    for value in values:
        histogram.observe(value)
    samples = next(iter(histogram.collect())).samples
    counts = [int(sample.value) for sample in samples if sample.name == "x_bucket"]
    found = quantile([0.1, 0.5, 1.0], counts, share)
    rank = share * len(values)
    true = next(value for index, value in enumerate(sorted(values), 1) if index >= rank)
    buckets = [(0.0, 0.1), (0.1, 0.5), (0.5, 1.0), (1.0, 1.0)]
    lower, upper = next(bucket for bucket in buckets if true <= bucket[1] or bucket == buckets[-1])
    assert found is not None
    assert lower <= found <= upper


# How it shows


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_the_terminal(width: int) -> None:
    lines = text_of(compare(report(), later(readers=READERS, readers_behind=39)), width).splitlines()
    assert max(map(len, lines)) <= width
    assert any("1,234 connections (of 20,000)" in line for line in lines)
    assert lines[-1].split()[-7:] == ["944", "MB", "3,560.9", "s", "20,000", "1,235", "M"]


def test_what_is_not_well_comes_first() -> None:
    text = text_of(compare(report(), later()))
    assert text.index("XSY") < text.index("XSX")
    assert "gone" in text
    assert "No reader is behind." in text


def test_a_low_screen_shows_some_of_everything_and_says_what_is_left_out() -> None:
    feeds = [FeedReport(market=f"M{number}", source="s", status="Active") for number in range(30)]
    view = compare(report(), later(feeds=feeds, readers=READERS, readers_behind=900))
    text = text_of(view, height=24)
    assert "… and 27 more feeds" in text
    assert "… and 898 more readers behind" in text
    assert len(text.splitlines()) <= 24


def test_texts_of_a_plugin_cannot_write_over_the_screen() -> None:
    feeds = [FeedReport(market="XSX", source="s", status="Impaired", reason=EVIL)]
    view = compare(None, report(feeds=feeds, reasons=[EVIL], ready=False, name=EVIL))
    text = text_of(view, 120)
    assert "\x1b" not in text
    assert "[bold]x[/bold] second line" in text
    assert "NOT READY" in text


def test_orders_are_shown_where_they_are_served() -> None:
    orders = OrdersReport(
        taken=True,
        accounts=10,
        orders=1_234,
        requests={"Pending": 1, "Queued": 2, "Submitted": 0, "Unknown": 4},
        feeds=[OrderFeedReport(feed="Prodigy", status="Disconnected")],
    )
    assert "orders" not in text_of(compare(None, report()))
    told = text_of(compare(None, report(orders=orders)), 120)
    assert (
        "orders taken   10 accounts   1,234 orders   3 requests wait   4 unknown   Prodigy Disconnected"
        in told
    )
    refused = OrdersReport(taken=False, reason="the disk")
    assert "ORDERS REFUSED" in text_of(compare(None, report(orders=refused)))


def test_it_says_that_details_are_hidden() -> None:
    assert "server.operators" in text_of(compare(None, report(is_whole=False)))


def test_sizes() -> None:
    shown = [size(count) for count in (0, 950, 1500, 999_949, 12_345_678, 5e12)]
    assert shown == ["0 B", "950 B", "1.5 kB", "1.0 MB", "12.3 MB", "5.0 TB"]


def test_json_is_one_line_a_view() -> None:
    stream = io.StringIO()
    printer = LinePrinter(stream)
    printer.show(compare(report(), later()))
    printer.show(compare(report(), later()))
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first == second
    assert first["rates"]["updates"] == 150.0
    assert first["feeds"][0]["updates_per_second"] == 0.0
    assert "histograms" not in first


def test_the_screen_goes_on_while_the_daemon_is_gone() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=80, height=30, _environ={"TERM": "xterm"})
    with ScreenPrinter(URL, console) as printer:
        printer.show(compare(report(), later()))
        before = output.tell()
        printer.lost("no daemon answers")
        drawn = output.getvalue()[before:]
    assert "no daemon answers" in drawn
    assert "XSY" in drawn
    assert output.getvalue().endswith("\x1b[?25h\x1b[?1049l")  # the cursor and the screen are back


# Where it asks


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("127.0.0.1:8640", "http://127.0.0.1:8640/status"),
        ("https://example.com/", "https://example.com/status"),
        ("https://example.com/status", "https://example.com/status"),
        ("wss://example.com/Zenith?version=2.0", "https://example.com/status"),
        ("http://[::1]:8640", "http://[::1]:8640/status"),
        ("https://example.com/zenithd/", "https://example.com/zenithd/status"),
    ],
)
def test_addresses_are_completed(given: str, asked: str) -> None:
    assert status_url(given) == asked


@pytest.mark.parametrize("given", ["ftp://example.com", "http://", "http://host:port", "http://host:99999"])
def test_what_is_no_address_is_refused(zenithd: Run, given: str) -> None:
    done = zenithd("top", "--url", given)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"{given} is not the address of a daemon; write for example http://127.0.0.1:8640\n"


def test_the_running_daemon_of_the_folder_is_found(folder: Path) -> None:
    assert local_daemon(Path("config.toml")).http_url == "http://127.0.0.1:8640"
    (folder / "config.toml").write_text('[server]\nlisten = "0.0.0.0:9000"\n')
    assert local_daemon(Path("config.toml")).http_url == "http://127.0.0.1:9000"
    (folder / "var").mkdir()
    write_daemon_file(folder / "var", DaemonFile(1, "[::]:9001", tls=True))
    assert local_daemon(Path("config.toml")).http_url == "https://[::1]:9001"


class _Handler(BaseHTTPRequestHandler):
    """Answers with the server's next page; the last one again and again."""

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Pages)
        status, body = server.pages.pop(0) if len(server.pages) > 1 else server.pages[0]
        server.asked.append(self.path)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


class Pages(HTTPServer):
    """A daemon that gives these answers."""

    def __init__(self, pages: list[tuple[int, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages = pages
        self.asked: list[str] = []


@contextmanager
def serving(*pages: tuple[int, bytes]) -> Iterator[tuple[str, list[str]]]:
    """The address of a server with these answers, and what it was asked."""
    with Pages(list(pages)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", server.asked
        finally:
            server.shutdown()
            thread.join()


def good(content: Report) -> tuple[int, bytes]:
    return 200, msgspec.json.encode(content)


def test_once(zenithd: Run) -> None:
    with serving(good(report()), good(later())) as (url, asked):
        done = zenithd("top", "--once", "--interval", "0.1", "--url", url)
    assert (done.code, done.err) == (0, "")
    assert asked == ["/status", "/status"]
    assert f"zenithd 0.1.0 at {url}" in done.out
    assert "in 150 updates/s" in done.out
    assert "\x1b" not in done.out


def test_a_page_that_is_shown_again_is_no_view(zenithd: Run) -> None:
    """A daemon that is asked too often repeats its last page: nothing can be said of no time at all."""
    with serving(good(report()), good(report()), good(later())) as (url, asked):
        done = zenithd("top", "--once", "--interval", "0.1", "--url", url)
    assert len(asked) == 3
    assert "in 150 updates/s" in done.out


def test_once_as_json(zenithd: Run) -> None:
    with serving(good(report()), good(later())) as (url, _):
        done = zenithd("top", "--once", "--json", "--interval", "0.1", "--url", url)
    assert done.code == 0
    assert json.loads(done.out)["rates"]["updates"] == 150.0


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ((404, b"{}"), "answers 404; is it a zenithd of this version?"),
        ((200, b"<html>"), "does not answer as a zenithd does; name the daemon with --url"),
        (
            (200, b'{"uptime_seconds": "long"}'),
            "does not answer as a zenithd does; name the daemon with --url",
        ),
    ],
)
def test_who_is_no_daemon_is_named(zenithd: Run, page: tuple[int, bytes], told: str) -> None:
    with serving(page) as (url, _):
        done = zenithd("top", "--url", url)
    assert (done.code, done.out, done.err) == (2, "", f"{url}/status {told}\n")


def test_where_nothing_listens(zenithd: Run) -> None:
    with serving(good(report())) as (url, _):
        pass
    done = zenithd("top", "--url", url)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"no daemon answers at {url}/status: ")
    assert done.err.endswith("; start it, or name another with --url\n")
    assert done.err.count("\n") == 1


async def test_a_daemon_that_stops_ends_what_is_printed() -> None:
    """A pipe must not wait for ever; the views so far are printed."""
    output = io.StringIO()
    printer = PagePrinter(URL, Console(file=output, width=80))
    with serving(good(report()), good(later()), (503, b"")) as (url, _):
        settings = TopSettings(url=f"{url}/status", interval=0.1, verify=True, once=False)
        with pytest.raises(OperatorFault, match="answers 503"):
            await look(settings, printer)
    assert output.getvalue().count("in 150 updates/s") == 1


async def test_a_screen_waits_for_a_daemon_that_stops() -> None:
    class Screen:
        goes_on = True

        def __init__(self) -> None:
            self.seen: list[str] = []

        def show(self, view: View) -> None:
            self.seen.append(f"{view.rates['updates']:g}")
            if self.seen.count("150") == 2:
                scope.cancel()

        def lost(self, reason: str) -> None:
            self.seen.append(reason.partition(" ")[2])

    screen = Screen()
    again = later(uptime_seconds=14.0, counters={"updates": 1600})
    with serving(good(report()), good(later()), (503, b""), good(again)) as (url, _):
        settings = TopSettings(url=f"{url}/status", interval=0.01, verify=True, once=False)
        with trio.CancelScope() as scope:
            await look(settings, screen)
    assert screen.seen == ["150", "answers 503; is it a zenithd of this version?", "150"]
