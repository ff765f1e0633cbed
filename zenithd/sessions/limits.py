"""What one network address may do: connections, and a minute new ones, logins and failed logins."""

from __future__ import annotations

import enum
import ipaddress
from functools import lru_cache

import msgspec

from zenithd.sessions.rate import Rate

ADDRESSES_PARSED_MAX = 1_024
"""Addresses whose group is remembered, since each is asked for several times in a row."""

PURGE_ADDRESSES_MIN = 1_024
"""With fewer addresses than this nobody looks for those that can be forgotten."""


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The defaults leave an office behind one address alone."""

    connections_max: int = 20_000
    connections_per_address_max: int = 12_000
    connections_per_minute: int = 12_000
    logins_per_minute: int = 100
    failed_logins_per_minute: int = 10


class Refused(enum.Enum):
    """Why an address may not do something now."""

    CONNECTIONS = "too many connections"
    ADDRESS_CONNECTIONS = "too many connections from this address"
    CONNECTION_RATE = "too many new connections from this address"
    LOGINS = "too many logins from this address"
    FAILED_LOGINS = "too many failed logins from this address"


class _Address(msgspec.Struct):
    """What is remembered of one address."""

    opened: Rate
    logins: Rate
    failed_logins: Rate
    connections: int = 0

    def is_idle(self, now: float) -> bool:
        rates = (self.opened, self.logins, self.failed_logins)
        return not self.connections and all(rate.is_full(now) for rate in rates)


class AddressLimits:
    """Counts for all addresses together. `now` is monotonic seconds.

    Addresses are text as `address_group` gives it. Those about which nothing is remembered any more are
    forgotten, so that memory follows the addresses of the last minute.
    """

    def __init__(self, settings: LimitSettings) -> None:
        self._settings = settings
        self._addresses: dict[str, _Address] = {}
        self._purge_at = PURGE_ADDRESSES_MIN
        self.connections = 0
        """Of all addresses."""

    def __len__(self) -> int:
        return len(self._addresses)

    def use(self, settings: LimitSettings) -> None:
        """Take changed settings over; of the rates, for addresses that are not remembered now."""
        self._settings = settings

    def connect(self, address: str, now: float) -> Refused | None:
        """Count a new connection; None: accepted, and `disconnect` must follow one day."""
        if self.connections >= self._settings.connections_max:
            return Refused.CONNECTIONS
        known = self._address(address, now)
        if known.connections >= self._settings.connections_per_address_max:
            return Refused.ADDRESS_CONNECTIONS
        if not known.opened.admit(now):
            return Refused.CONNECTION_RATE
        known.connections += 1
        self.connections += 1
        return None

    def disconnect(self, address: str) -> None:
        """An accepted connection has ended."""
        self._addresses[address].connections -= 1
        self.connections -= 1

    def log_in(self, address: str, now: float) -> Refused | None:
        """Count a login; None: its credentials may be checked.

        To be asked immediately before the check and not when the request arrives: of requests that wait
        for each other the later ones then know how the earlier ones ended.
        """
        known = self._address(address, now)
        if not known.failed_logins.has_room(now):
            return Refused.FAILED_LOGINS
        if not known.logins.admit(now):
            return Refused.LOGINS
        return None

    def may_fail(self, address: str, now: float) -> bool:
        """True if a further failed login is allowed: to be asked again right before slow checks, since
        others that came at the same time have ended meanwhile."""
        return self._address(address, now).failed_logins.has_room(now)

    def login_failed(self, address: str, now: float) -> None:
        """The credentials of a login were wrong."""
        self._address(address, now).failed_logins.admit(now)

    def _address(self, address: str, now: float) -> _Address:
        known = self._addresses.get(address)
        if known is None:
            self._purge(now)
            known = _Address(
                _per_minute(self._settings.connections_per_minute),
                _per_minute(self._settings.logins_per_minute),
                _per_minute(self._settings.failed_logins_per_minute),
            )
            self._addresses[address] = known
        return known

    def _purge(self, now: float) -> None:
        """Forget idle addresses whenever there are twice as many as were left the last time."""
        if len(self._addresses) < self._purge_at:
            return
        self._addresses = {name: known for name, known in self._addresses.items() if not known.is_idle(now)}
        self._purge_at = max(PURGE_ADDRESSES_MIN, 2 * len(self._addresses))


def _per_minute(count: int) -> Rate:
    return Rate(count / 60, count)


@lru_cache(maxsize=ADDRESSES_PARSED_MAX)
def address_group(address: str) -> str:
    """The addresses that count as one: an IPv4 address, or the /64 network of an IPv6 address.

    A text that is no address, such as the name of a local socket, is its own group.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    if parsed.is_loopback:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
