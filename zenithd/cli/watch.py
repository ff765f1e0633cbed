"""`zenithd watch`: a live view of instruments in the terminal, as any client of the protocol sees them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

import trio
import typer

from zenithd.cli.common import DEFAULT_CONFIG, ConfigOption, OperatorFault, examples
from zenithd.cli.watch_client import Watched, WatchSettings, watch_instruments
from zenithd.cli.watch_screen import LinePrinter, ScreenPrinter, standard_output
from zenithd.config import Config, load
from zenithd.daemon_file import DaemonFile, find_daemon
from zenithd.domain.identifiers import InvalidIdentifier, parse_instrument

EPILOG = examples(
    "zenithd watch XS01.XSX",
    "zenithd watch XS01.XSX+XSY XS02.XSX",
    "zenithd watch XS01.XSX --url wss://example.com --user anna",
    "zenithd watch XS01.XSX --json --seconds 10",
)


def watch(
    symbols: Annotated[
        list[str],
        typer.Argument(metavar="SYMBOL", help="Instruments, such as XS01.XSX.", show_default=False),
    ],
    url: Annotated[
        str, typer.Option(help="A daemon elsewhere: ws://HOST:PORT or wss://…", show_default=False)
    ] = "",
    config: ConfigOption = DEFAULT_CONFIG,
    user: Annotated[str, typer.Option(help="User to log in as.")] = "demo",
    password: Annotated[
        str, typer.Option(help="The user's password.", envvar="ZENITHD_PASSWORD", show_default=False)
    ] = "",
    seconds: Annotated[
        float | None, typer.Option(help="Stop after so many seconds.", min=0, show_default=False)
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Accept any TLS certificate of the daemon.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Show the first complete state and stop.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the daemon's messages, one line of JSON each.")
    ] = False,
) -> None:
    """Watch order books, securities and trades move; Ctrl-C ends it."""
    for symbol in symbols:
        try:
            parse_instrument(symbol)
        except InvalidIdentifier as error:
            raise OperatorFault(f"{error}; write an instrument as CODE.MARKET, such as XS01.XSX") from None
    settings = WatchSettings(
        url=full_url(url) if url else local_url(config),
        symbols=tuple(dict.fromkeys(symbols)),
        user=user,
        password=password or ask_password(user),
        verify=bool(url) and not insecure,  # no certificate is made out to this machine's own loopback
        once=once,
        seconds=seconds,
    )
    printer: LinePrinter | ScreenPrinter = (
        LinePrinter(sys.stdout) if json else ScreenPrinter(standard_output())
    )
    with printer:
        trio.run(watch_instruments, settings, Watched(settings.symbols), printer)


def ask_password(user: str) -> str:
    """The demonstration's password is known; others are asked for."""
    if user == "demo":
        return "demo"
    if not sys.stdin.isatty():
        raise OperatorFault(f"give the password of {user} with --password or in ZENITHD_PASSWORD")
    return str(typer.prompt(f"Password of {user}", hide_input=True, err=True))


def full_url(text: str) -> str:
    """Complete what was given: scheme, path and version where they are missing.

    Raises:
        OperatorFault: it names no host.
    """
    parts = urlsplit(text if "://" in text else f"ws://{text}")
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise OperatorFault(f"{text} is not a WebSocket address; write for example ws://127.0.0.1:8640")
    path = parts.path if parts.path not in ("", "/") else "/Zenith"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query or "version=2.0", ""))


def local_url(config: Path) -> str:
    """Where clients reach the daemon of this folder."""
    return local_daemon(config).websocket_url


def local_daemon(config: Path) -> DaemonFile:
    """The daemon of this folder: where it really listens if it runs, else where it would."""
    settings = load(config) if config.exists() or config != DEFAULT_CONFIG else Config()
    running = find_daemon(settings.state_directory)
    if running is None:
        running = DaemonFile(0, settings.server.listen, settings.tls_files is not None)
    return running
