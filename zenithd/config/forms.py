"""Texts with a form of their own: addresses, market codes, time zones, files.

A field asks for a check with `Meta(extra_json_schema={"format": "<form>"})`; plugins may use the same forms
in their own configuration.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from zenithd.domain.identifiers import InvalidIdentifier, MixedMarketCode, parse_market

HOST_LENGTH_MAX = 253
"""Longest name of a host (RFC 1035)."""

DECIMAL_LENGTH_MAX = 30
"""Longest decimal number."""

_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
_MARKET_PATTERN = re.compile(r"[A-Za-z0-9_:+#\[\] -]*\*?[A-Za-z0-9_:+#\[\] -]*", re.ASCII)


def parse_host_port(text: str) -> tuple[str, int]:
    """Parse `HOST:PORT`, an IPv6 host in brackets.

    Raises:
        ValueError: not of that form, no name that a host can have, or the port is not from 0 to 65535.
    """
    if not text.isprintable() or " " in text:
        raise ValueError("not a host")
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = str(ipaddress.IPv6Address(host[1:-1]))
    elif ":" in host:
        raise ValueError("an IPv6 address needs brackets")
    elif len(host) > HOST_LENGTH_MAX:
        raise ValueError("longer than a host's name can be")
    else:
        host.encode("idna")  # a UnicodeError is a ValueError; looking the host up would raise it too
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise ValueError("not HOST:PORT")
    return host, int(port)


def _host_port(text: str, directory: Path) -> bool:
    try:
        parse_host_port(text)
    except ValueError:
        return False
    return True


def _network(text: str, directory: Path) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _market(text: str, directory: Path) -> bool:
    try:
        return not isinstance(parse_market(text), MixedMarketCode)
    except InvalidIdentifier:
        return False


def _mixed_market(text: str, directory: Path) -> bool:
    try:
        return isinstance(parse_market(text), MixedMarketCode)
    except InvalidIdentifier:
        return False


def _market_pattern(text: str, directory: Path) -> bool:
    return bool(text) and _MARKET_PATTERN.fullmatch(text) is not None


def _time_zone(text: str, directory: Path) -> bool:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # unknown, not a name at all, a folder of the database
        return False
    return True


def _file(text: str, directory: Path) -> bool:
    try:
        return not text or (directory / text).is_file()
    except (OSError, ValueError):  # longer than a path can be; a NUL
        return False


def _folder(text: str, directory: Path) -> bool:
    return bool(text) and "\0" not in text


def _url(text: str, directory: Path) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https", "ws", "wss"} and bool(parts.hostname)


def _postgresql_url(text: str, directory: Path) -> bool:
    return not text or text.startswith(("postgresql://", "postgres://"))


def _password_hash(text: str, directory: Path) -> bool:
    return not text or text.startswith("$argon2id$")


def _decimal(text: str, directory: Path) -> bool:
    return len(text) <= DECIMAL_LENGTH_MAX and _DECIMAL.fullmatch(text) is not None


Check = Callable[[str, Path], bool]

FORMS: dict[str, tuple[Check, str, str]] = {
    "decimal": (_decimal, "a decimal number as text", 'write for example "0.001"'),
    "host-port": (_host_port, "HOST:PORT", 'write for example "127.0.0.1:8640" or "[::1]:8640"'),
    "network": (_network, "an IP address or network", 'write for example "10.0.0.0/8"'),
    "market": (_market, "a market code", 'write for example "XSX"'),
    "mixed-market": (
        _mixed_market,
        "a mixed market code",
        'write at least two markets in alphabetical order, for example "XSX+XSY"',
    ),
    "market-pattern": (
        _market_pattern,
        "a market code in which one * may stand for anything",
        'write for example "XSX*"',
    ),
    "time-zone": (_time_zone, "an IANA time zone", 'write for example "Australia/Sydney"'),
    "file": (_file, "a file that exists", "correct the name; it is relative to the configuration file"),
    "folder": (_folder, "a folder", "correct the name; it is relative to the configuration file"),
    "url": (_url, "a URL with http, https, ws or wss", 'write for example "wss://example.com/stream"'),
    "postgresql-url": (
        _postgresql_url,
        "a URL with postgresql",
        'write for example "postgresql://zenithd@db.example.com/zenithd"',
    ),
    "password-hash": (
        _password_hash,
        "an Argon2id hash",
        'make one with "zenithd user password --print-hash"',
    ),
}
"""By form: the check (text, folder of the configuration file), what is expected, how to put it right."""
