"""Short attacks: each meets its limit, and healthy readers get everything in order."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.hostile import LIMITS, Readers, limit_problems
from tests.reliability.hostile_attacks import ATTACKS
from tests.reliability.lib_steady import SteadyDaemon, limits_seen

SECONDS, LONGER = "1.5", "6"
"""How long an attack takes, and one on what shows later."""
TIGHT: dict[str, dict[str, Any]] = {
    "server": {"handshake_seconds_max": 0.5},
    "fanout": {"outbox_bytes_max": 65_536},
    "limits": {
        "ping_seconds": 1.0,
        "idle_seconds": 4.0,
        "pages_per_second": 0.1,
        "turns_seconds": 0.0002,
        "failed_logins_per_minute": 2,
        "logins_per_minute": 1_000_000,
    },
}
SHOWN = (
    "subscriptions",
    "search",
    "giant",
    "giant-search",
    "unread",
    "pongs",
    "fragments",
    "malformed",
    "slow-heads",
    "slow-frames",
    "connections",
    "scrapes",
    "logins",  # the last one: this address may then log in no more
)
"""Attacks whose limits show within a second."""

ATTACKS_MAX = 8


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SteadyDaemon]:
    with SteadyDaemon(tmp_path_factory.mktemp("hostile"), TIGHT, {"trades_per_second": 100.0}) as daemon:
        yield daemon


def attack(daemon: SteadyDaemon, name: str) -> None:
    seconds = LONGER if name in ("slow-frames", "scrapes", "unread", "logins") else SECONDS
    subprocess.run(
        [sys.executable, "-m", "tests.reliability.hostile_attacks", name, daemon.address, seconds],
        stdout=subprocess.PIPE,
        check=True,
    )


def attack_until_limited(daemon: SteadyDaemon, name: str) -> list[str]:
    """Attack until the limit shows, a few times at most: a busy machine may not get far in a second.

    Returns what did not show.
    """
    before = daemon.counters()
    for _ in range(ATTACKS_MAX):
        attack(daemon, name)
        problems = limit_problems(name, limits_seen(before, daemon.counters()))
        if not problems:
            break
    return problems


@pytest.mark.parametrize("name", SHOWN)
def test_an_attack_meets_its_limit_and_healthy_readers_get_everything(
    daemon: SteadyDaemon, name: str
) -> None:
    readers = Readers(daemon, tls=False)
    try:
        assert attack_until_limited(daemon, name) == []
        seen = readers.phase()
        assert seen["trades"] > 0
        assert seen["faults"] == []
        again = readers.phase()
        while not again["trades"]:
            again = readers.phase()
    finally:
        readers.close()


def test_tls_handshakes_that_take_too_long(tmp_path: Path) -> None:
    with SteadyDaemon(tmp_path, TIGHT, {}, tls=True) as daemon:
        assert attack_until_limited(daemon, "slow-handshakes") == []


def test_every_attack_has_a_named_limit() -> None:
    assert set(LIMITS) == set(ATTACKS)
