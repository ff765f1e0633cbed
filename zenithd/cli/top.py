"""`zenithd top`: a live view of the daemon in the terminal, for whoever runs it."""

from __future__ import annotations

import contextlib
import os
import sys
import termios
import tty
from collections.abc import Iterator
from typing import Annotated

import trio
import typer

from zenithd.cli.common import DEFAULT_CONFIG, ConfigOption, examples
from zenithd.cli.top_client import Printer, TopSettings, look, status_url
from zenithd.cli.top_screen import LinePrinter, PagePrinter, ScreenPrinter, page, printer_of_terminal
from zenithd.cli.watch import local_daemon

EPILOG = examples(
    "zenithd top",
    "zenithd top --url https://example.com:8640 --interval 5",
    "zenithd top --once",
    "zenithd top --json | jq .rates.deliveries",
)

INTERVAL_SECONDS = 2.0

QUIT_KEYS = b"qQ\x03\x04"
"""q, and Ctrl-C and Ctrl-D where the terminal hands them on as keys."""


def top(
    url: Annotated[
        str,
        typer.Option(help="A daemon elsewhere: http://HOST:PORT or https://…", show_default=False),
    ] = "",
    interval: Annotated[
        float, typer.Option(help="Seconds between two looks.", min=0.1, max=3600)
    ] = INTERVAL_SECONDS,
    config: ConfigOption = DEFAULT_CONFIG,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Accept any TLS certificate of the daemon.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Show one view and stop.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print views as one line of JSON each.")] = False,
) -> None:
    """Watch feeds, rates, latencies, plugins and the slowest readers; q or Ctrl-C ends it."""
    where = status_url(url or local_daemon(config).http_url)
    settings = TopSettings(
        url=where,
        interval=interval,
        verify=bool(url) and not insecure,  # no certificate is made out to this machine's own loopback
        once=once,
    )
    printer: LinePrinter | PagePrinter | ScreenPrinter
    if json:
        printer = LinePrinter(sys.stdout)
    else:
        printer = PagePrinter(where, page()) if once else printer_of_terminal(where)
    if isinstance(printer, ScreenPrinter):
        with printer:
            trio.run(_look_until_quit, settings, printer)
    else:
        trio.run(look, settings, printer)


async def _look_until_quit(settings: TopSettings, printer: Printer) -> None:
    async with trio.open_nursery() as nursery:
        if sys.stdin.isatty():
            nursery.start_soon(_quit_on_key, nursery.cancel_scope)
        await look(settings, printer)
        nursery.cancel_scope.cancel()


async def _quit_on_key(scope: trio.CancelScope) -> None:
    """Cancel when a key for that is pressed; without input any more, nothing happens."""
    descriptor = sys.stdin.fileno()
    with _single_keys(descriptor):
        while True:
            await trio.lowlevel.wait_readable(descriptor)
            keys = os.read(descriptor, 64)
            if not keys:
                return
            if any(key in QUIT_KEYS for key in keys):
                scope.cancel()


@contextlib.contextmanager
def _single_keys(descriptor: int) -> Iterator[None]:
    """Get keys one by one and unseen; the terminal is as it was afterwards."""
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
