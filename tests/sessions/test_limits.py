"""Limits of network addresses."""

from __future__ import annotations

import pytest

from zenithd.sessions.limits import PURGE_ADDRESSES_MIN, AddressLimits, LimitSettings, Refused, address_group


def test_the_defaults_leave_an_office_alone() -> None:
    limits = AddressLimits(LimitSettings())
    assert [limits.connect("a", 0) for _ in range(12_000)] == [None] * 12_000
    assert limits.connect("a", 0) is Refused.ADDRESS_CONNECTIONS
    assert [limits.log_in("a", 0) for _ in range(100)] == [None] * 100
    assert limits.log_in("a", 0) is Refused.LOGINS
    for _ in range(9):
        limits.login_failed("a", 0)
    assert limits.log_in("a", 60) is None


def test_connections_of_all_addresses() -> None:
    limits = AddressLimits(LimitSettings(connections_max=3, connections_per_address_max=2))
    assert limits.connect("a", 0) is None
    assert limits.connect("a", 0) is None
    assert limits.connect("a", 0) is Refused.ADDRESS_CONNECTIONS
    assert limits.connect("b", 0) is None
    assert limits.connect("c", 0) is Refused.CONNECTIONS
    limits.disconnect("a")
    assert limits.connect("c", 0) is None
    assert limits.connections == 3


def test_failed_logins() -> None:
    limits = AddressLimits(LimitSettings(failed_logins_per_minute=10))
    for _ in range(10):
        assert limits.log_in("a", 0) is None
        limits.login_failed("a", 0)
    assert limits.log_in("a", 0) is Refused.FAILED_LOGINS
    assert limits.log_in("b", 0) is None
    assert limits.log_in("a", 6) is None
    limits.login_failed("a", 6)
    assert limits.log_in("a", 6) is Refused.FAILED_LOGINS


def test_idle_addresses_are_forgotten_and_others_are_not() -> None:
    limits = AddressLimits(LimitSettings())
    limits.connect("connected", 0)
    for number in range(10 * PURGE_ADDRESSES_MIN):
        limits.log_in(f"passing {number}", number)
    assert len(limits) <= PURGE_ADDRESSES_MIN + 100
    limits.disconnect("connected")
    assert limits.connections == 0


def test_addresses_of_the_last_minute_are_remembered_however_many() -> None:
    limits = AddressLimits(LimitSettings(logins_per_minute=1))
    for number in range(3 * PURGE_ADDRESSES_MIN):
        assert limits.log_in(f"{number}", 0) is None
    assert limits.log_in("0", 0) is Refused.LOGINS


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::1"),
        ("/run/zenithd.sock", "/run/zenithd.sock"),
        ("", ""),
    ],
)
def test_address_group(address: str, group: str) -> None:
    assert address_group(address) == group


def test_new_connections_a_minute() -> None:
    limits = AddressLimits(LimitSettings(connections_per_minute=60))
    for _ in range(60):
        assert limits.connect("a", 0) is None
        limits.disconnect("a")
    assert limits.connect("a", 0) is Refused.CONNECTION_RATE
    assert limits.connect("b", 0) is None
    assert limits.connections == 1
    assert limits.connect("a", 1) is None
    assert limits.connect("a", 1) is Refused.CONNECTION_RATE
