"""`zenithd run`: start the daemon and say what it serves."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import trio
import typer
from rich.text import Text

from zenithd.cli.common import DEFAULT_CONFIG, ConfigOption, OperatorFault, console, examples
from zenithd.config import Config, load
from zenithd.daemon_file import DaemonFile
from zenithd.open_files import raise_file_limit

if TYPE_CHECKING:
    from zenithd.app import StartInfo

EPILOG = examples(
    "zenithd run",
    "zenithd run --listen 0.0.0.0:8640",
    "zenithd run --enable-plugin binance --disable-plugin prodigy",
    "zenithd run --set limits.connections_max=100 --set logging.level=debug",
)

ListenOption = Annotated[
    str,
    typer.Option(
        metavar="HOST:PORT", help="Listen there instead of where the file says.", show_default=False
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a setting, such as logging.level=debug.",
        show_default=False,
    ),
]


def run(
    config: ConfigOption = DEFAULT_CONFIG,
    listen: ListenOption = "",
    enable_plugin: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Run this plugin whatever the file says.", show_default=False),
    ] = None,
    disable_plugin: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Leave this plugin out, not even imported.", show_default=False),
    ] = None,
    settings: SetOption = None,
) -> None:
    """Run the daemon until SIGTERM or Ctrl-C; a second signal ends it at once."""
    overrides = {f"plugins.{name}.enabled": True for name in enable_plugin or ()}
    overrides |= {f"plugins.{name}.enabled": False for name in disable_plugin or ()}
    serve(config, overrides | listen_override(listen) | parse_settings(settings or ()))


def listen_override(listen: str) -> dict[str, Any]:
    """The override that --listen stands for."""
    return {"server.listen": listen} if listen else {}


def parse_settings(texts: list[str] | tuple[str, ...]) -> dict[str, Any]:
    """Parse KEY=VALUE, values as in TOML; what is not TOML is text, so that quotes can be left out.

    Raises:
        OperatorFault: there is no key or no equals sign.
    """
    overrides = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not all(part.strip() for part in key.split(".")):
            raise OperatorFault(f"--set {text}: expected KEY=VALUE, such as limits.connections_max=100")
        try:
            overrides[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            overrides[key.strip()] = value.strip()
    return overrides


def serve(
    path: Path, overrides: Mapping[str, Any], accept: Callable[[StartInfo], None] | None = None
) -> None:
    """Run a daemon with a configuration file and what overrides it.

    Args:
        path: the configuration file.
        overrides: dotted key -> value.
        accept: looks at what was started, before it is announced; may raise to end it.

    Raises:
        ConfigError, OperatorFault: something the operator can put right; nothing is left running.
    """
    from zenithd import app  # not needed by the other verbs, which start faster without

    config = load(path, overrides)
    raise_file_limit()

    def started(info: StartInfo) -> None:
        if accept is not None:
            accept(info)
        print_banner(config, info)

    trio.run(partial(app.run, config, started=started))


def print_banner(config: Config, info: StartInfo) -> None:
    """Say on standard output what is served, where, and who may log in."""
    urls = DaemonFile(0, info.address, info.tls)
    lines = Text()
    lines.append(f"zenithd serves at {info.address}{' with TLS' if info.tls else ''}\n", style="bold")
    lines.append(f"  WebSocket  {urls.websocket_url}\n")
    lines.append(f"  Health     {urls.http_url}/health/ready\n")
    lines.append(f"  Metrics    {urls.http_url}/metrics\n")
    for code, name, instruments, simulated in info.markets:
        label = " (simulated)" if simulated and "simulated" not in name else ""
        lines.append(f"  Market     {code}: {name}, {_count(instruments, 'instrument')}{label}\n")
    for plugin in info.plugins:
        state, reason = str(plugin["state"]), str(plugin["reason"])
        told = reason if reason.startswith(state) else f"{state} ({reason})" if reason else state
        lines.append(f"  Plugin     {plugin['name']}: {told}\n")
    for name in info.users:
        lines.append(f"  User       {name}{_user_note(config, name)}\n")
    if info.accounts:
        lines.append(f"  Accounts   {info.accounts}\n")
    tries = ["zenithd watch XS01.XSX"] if any(code == "XSX" for code, *_ in info.markets) else []
    if info.accounts:
        tries.append("zenithd order place XS:0001 buy 100 XS01.XSX --type market --dry-run")
    for number, line in enumerate(tries):
        lines.append(f"{'' if number else 'Try:':6}{line}\n")
    output = console()
    output.print(lines, soft_wrap=True, end="")
    output.file.flush()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _user_note(config: Config, name: str) -> str:
    """A password that stands in clear in the configuration is no secret; others are not shown."""
    user = config.users.get(name)
    if user is None:
        return ""
    password = f", password {user.password}" if user.password and user.loopback_only else ""
    return f"{password}{', from this machine only' if user.loopback_only else ''}"
