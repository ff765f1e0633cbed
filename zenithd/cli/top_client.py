"""Asks a daemon for its report, again and again."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import httpx2
import msgspec
import trio

from zenithd.cli.common import OperatorFault
from zenithd.cli.top_view import View, compare
from zenithd.report import Report

ANSWER_SECONDS_MAX = 5.0

SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
"""A WebSocket address names the same port."""


class NoAnswer(Exception):
    """The daemon did not answer, or something else did; the text is for the operator."""


class TopSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What to look at, and how often."""

    url: str
    """Of the page /status."""
    interval: float
    verify: bool
    """Whether the TLS certificate must be good."""
    once: bool


class Printer(Protocol):
    """Shows views."""

    goes_on: bool
    """Whether to ask again when a daemon that did answer no longer does."""

    def show(self, view: View) -> None:
        """Show the daemon as it is now."""
        ...

    def lost(self, reason: str) -> None:
        """Show that it does not answer."""
        ...


def status_url(text: str) -> str:
    """Complete the address of a daemon: scheme and path where they are missing.

    Raises:
        OperatorFault: it names no host.
    """
    parts = urlsplit(text if "://" in text else f"http://{text}")
    scheme = SCHEMES.get(parts.scheme)
    try:
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
    if scheme is None or not named:
        raise OperatorFault(f"{text} is not the address of a daemon; write for example http://127.0.0.1:8640")
    path = parts.path.removesuffix("/Zenith").rstrip("/").removesuffix("/status")
    return urlunsplit((scheme, parts.netloc, f"{path}/status", "", ""))


async def look(settings: TopSettings, printer: Printer) -> None:
    """Show a daemon until cancelled, or once.

    The first view needs two reports, since rates are of the time between them.

    Raises:
        OperatorFault: the daemon does not answer.
    """
    before: Report | None = None
    timeout = ANSWER_SECONDS_MAX
    async with httpx2.AsyncClient(timeout=timeout, verify=settings.verify, trust_env=False) as client:
        while True:
            try:
                now = await fetch(client, settings.url)
            except NoAnswer as error:
                if before is None or not printer.goes_on:
                    raise OperatorFault(str(error)) from None
                printer.lost(str(error))
            else:
                if before is not None and now != before:  # a busy daemon shows its last page again
                    printer.show(compare(before, now))
                    if settings.once:
                        return
                before = now
            await trio.sleep(settings.interval)


async def fetch(client: httpx2.AsyncClient, url: str) -> Report:
    """Ask for one report.

    Raises:
        NoAnswer: there is no daemon, or what answers is none.
    """
    try:
        answer = await client.get(url)
    except httpx2.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise NoAnswer(
            f"no daemon answers at {url}: {reason}; start it, or name another with --url"
        ) from None
    if answer.status_code != 200:
        raise NoAnswer(f"{url} answers {answer.status_code}; is it a zenithd of this version?")
    try:
        return msgspec.json.decode(answer.content, type=Report)
    except msgspec.DecodeError:
        raise NoAnswer(f"{url} does not answer as a zenithd does; name the daemon with --url") from None
