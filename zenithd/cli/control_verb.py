"""Registers a verb that talks to the daemon's REST: the options that all have, and what they become."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from zenithd.cli.common import DEFAULT_CONFIG, ConfigOption, JsonOption, examples
from zenithd.cli.control import Desk, Exchange, Login, login_of, refusals_told
from zenithd.cli.plugins import read_or_default
from zenithd.cli.shared_options import with_shared
from zenithd.cli.top_client import status_url
from zenithd.cli.watch import local_daemon

DEFAULT_USER = "operator"

UrlOption = Annotated[
    str,
    typer.Option("--url", help="A daemon elsewhere: http://HOST:PORT or https://…", show_default=False),
]
UserOption = Annotated[str, typer.Option("--user", help="User to log in as.", envvar="ZENITHD_USER")]
PasswordOption = Annotated[
    str,
    typer.Option("--password", help="The user's password.", envvar="ZENITHD_PASSWORD", show_default=False),
]
TokenOption = Annotated[
    str,
    typer.Option("--token", help="An access token instead of user and password.", show_default=False),
]
InsecureOption = Annotated[bool, typer.Option("--insecure", help="Accept any TLS certificate of the daemon.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Print the request that would be sent, and change nothing.")
]

Verb = Callable[..., None]
"""Takes a desk, then what is its own."""

_OF_ALL: dict[str, tuple[Any, Any]] = {
    "json": (JsonOption, False),
    "url": (UrlOption, ""),
    "user": (UserOption, DEFAULT_USER),
    "password": (PasswordOption, ""),
    "token": (TokenOption, ""),
    "insecure": (InsecureOption, False),
    "config": (ConfigOption, DEFAULT_CONFIG),
}
_OF_CHANGES: dict[str, tuple[Any, Any]] = {"dry_run": (DryRunOption, False)}


def verb(
    group: typer.Typer, name: str, *lines: str, changes: bool = True, asks: type[Exchange] = Exchange
) -> Callable[[Verb], Verb]:
    """Make a function a verb of a group, with the options that all verbs over REST have.

    Args:
        group: for example that of `zenithd market`.
        name: of the verb.
        lines: command lines for the end of its help page.
        changes: whether it can change something, and so has --dry-run.
        asks: who serves it.
    """

    def call(function: Verb, options: dict[str, Any], given: dict[str, Any]) -> None:
        dry_run = options.pop("dry_run", False)
        json = options.pop("json")
        with refusals_told(), _exchange(asks, **options) as exchange:
            function(Desk(exchange, json=json, dry_run=dry_run), **given)

    def register(function: Verb) -> Verb:
        shared = _OF_CHANGES | _OF_ALL if changes else _OF_ALL
        group.command(name, epilog=examples(*lines))(with_shared(function, shared, call))
        return function

    return register


def _exchange(
    asks: type[Exchange], *, url: str, user: str, password: str, token: str, insecure: bool, config: Path
) -> Exchange:
    """The daemon elsewhere that was named, else the one of this folder."""

    def login() -> Login:
        return login_of(None if url else read_or_default(config), user, password, token)

    where = status_url(url or local_daemon(config).http_url).removesuffix("/status")
    # No certificate is made out to this machine's own loopback.
    return asks(where, login, verify=bool(url) and not insecure)
