"""Attacks on a running daemon, and what its healthy readers notice of each.

    python -m tests.reliability.hostile [--seconds 10] [--rounds 2] [--only NAME …] [--json FILE]

Readers in a process of their own follow a market that trades at a steady rate. For each attack quiet phases
and attacked ones alternate; the table gives the lateness of the healthy readers' trades in both, measured
from the time at which each was due, and what the daemon did against the attacker. Exit code 1: an attack
more than doubled the p99, a healthy reader saw a fault, or no limit showed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tests.daemon.conftest import DaemonProcess
from tests.reliability.hostile_attacks import ATTACKS
from tests.reliability.lib_steady import SteadyDaemon, apart, limits_seen

READERS, TOPICS_EACH, TOPICS = 60, 5, 20
BEGIN_SECONDS = 1.5
"""What an attack needs until it is at its height; not measured."""
CALM_SECONDS = 1.5
TLS_ATTACKS = {"slow-handshakes"}

TURNS = ("limits.turns_seconds", "zenithd_turns_postponed_total")
MESSAGE_BYTES = ("limits.message_bytes_max", 'zenithd_connections_closed_total{code="1009"}')
HANDSHAKE = ("server.handshake_seconds_max", 'zenithd_connections_refused_total{reason="slow_handshake"}')
FAILED_LOGINS = ("limits.failed_logins_per_minute", 'zenithd_logins_total{result="limited"}')
SPELLINGS = ("limits.spellings_per_topic_max", 'zenithd_rejects_total{code="Limited"}')
INVALID = 'zenithd_rejects_total{code="Data.Deserialise"}'
LIMITS = dict.fromkeys(ATTACKS, TURNS) | {
    "announced": MESSAGE_BYTES,
    "fragments": MESSAGE_BYTES,
    "giant": MESSAGE_BYTES,
    "giant-search": ("CONDITIONS_MAX (a constant)", INVALID),
    "logins": FAILED_LOGINS,
    "malformed": ("RFC 6455", 'zenithd_connections_closed_total{code="1002"}'),
    "scrapes": ("limits.pages_per_second", "zenithd_pages_repeated_total"),
    "slow-frames": ("limits.idle_seconds", 'zenithd_connections_closed_total{code="1008"}'),
    "slow-heads": HANDSHAKE,
    "slow-handshakes": HANDSHAKE,
    "spellings": SPELLINGS,
    "symbol-lists": SPELLINGS,
    "tokens": FAILED_LOGINS,
    "unread": ("fanout.outbox_bytes_max", "zenithd_outbox_lagging_total"),
}
"""What bounds each attack, and the counter that shows it."""

SECTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "slow-frames": {"limits": {"ping_seconds": 1.0, "idle_seconds": 2.0, "logins_per_minute": 1_000_000}},
    "slow-heads": {"server": {"handshake_seconds_max": 1.0}},
    "slow-handshakes": {"server": {"handshake_seconds_max": 1.0}},
}
"""Limits of time that are set lower, to be seen within a phase."""
RATIO_MAX = 2.0


class Outcome(msgspec.Struct):
    """What came of one attack."""

    name: str
    quiet: list[dict[str, Any]] = []
    attacked: list[dict[str, Any]] = []
    told: dict[str, int] = {}
    """What the attacker counted."""
    limits: dict[str, float] = {}
    """Counters of the daemon that the attack moved."""
    passes: dict[str, Any] = {}
    resident_megabytes: tuple[int, int] = (0, 0)

    def median(self, phases: list[dict[str, Any]], point: str) -> float:
        """Of the phases."""
        return statistics.median(phase[point] for phase in phases)

    @property
    def ratio(self) -> float:
        """How many times later the p99 was: the median of the pairs."""
        return statistics.median(
            attacked["p99"] / max(quiet["p99"], 0.001)
            for quiet, attacked in zip(self.quiet, self.attacked, strict=True)
        )

    @property
    def faults(self) -> list[str]:
        """What healthy readers saw that must not be."""
        return [fault for phase in (*self.quiet, *self.attacked) for fault in phase["faults"]]


class Readers:
    """The process of the healthy readers."""

    def __init__(self, daemon: DaemonProcess, *, tls: bool) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.reliability.lib_reader", daemon.address),
                *(str(number) for number in (READERS, TOPICS_EACH, TOPICS)),
                *(["--tls"] if tls else []),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._line()

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the healthy readers ended")
        return line

    def phase(self) -> dict[str, Any]:
        """End a phase: what was seen since the last one."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return dict(json.loads(self._line()))

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def run_attack(daemon: SteadyDaemon, readers: Readers, name: str, seconds: float, rounds: int) -> Outcome:
    """Alternate quiet and attacked phases."""
    outcome = Outcome(name)
    resident = daemon.resident_megabytes()
    for _ in range(rounds):
        time.sleep(CALM_SECONDS)
        readers.phase()
        time.sleep(seconds)
        outcome.quiet.append(readers.phase())
        before = daemon.counters()
        attacker = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.reliability.hostile_attacks", name),
                *(daemon.address, str(seconds + BEGIN_SECONDS + 0.5)),
                *(["--tls"] if name in TLS_ATTACKS else []),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        time.sleep(BEGIN_SECONDS)
        readers.phase()
        began = time.monotonic()
        time.sleep(seconds)
        outcome.attacked.append(readers.phase())
        outcome.passes = daemon.passes(began, time.monotonic())
        told = attacker.communicate(timeout=60)[0]
        for key, count in json.loads(told).items():
            outcome.told[key] = outcome.told.get(key, 0) + count
        for key, value in limits_seen(before, daemon.counters()).items():
            outcome.limits[key] = outcome.limits.get(key, 0) + value
    outcome.resident_megabytes = (resident, daemon.resident_megabytes())
    return outcome


def run_beside(folder: Path, name: str, seconds: float, rounds: int) -> Outcome:
    """Run an attack on a daemon of its own."""
    tls = name in TLS_ATTACKS
    with SteadyDaemon(folder, SECTIONS.get(name, {}), {}, tls=tls) as daemon:
        readers = Readers(daemon, tls=tls)
        apart(readers.process.pid)
        try:
            return run_attack(daemon, readers, name, seconds, rounds)
        finally:
            readers.close()


def report(outcome: Outcome) -> str:
    """One block of the human table."""
    quiet, attacked = outcome.quiet, outcome.attacked
    figures = "  ".join(
        f"{point} {outcome.median(quiet, point):7.2f} -> {outcome.median(attacked, point):7.2f} ms"
        for point in ("p50", "p99")
    )
    told = {key: count for key, count in outcome.told.items() if "bytes" not in key}
    low, high = outcome.resident_megabytes
    return (
        f"{outcome.name:24} {figures}  ratio {outcome.ratio:5.2f}  memory {low} -> {high} MB\n"
        f"    bounded by {LIMITS[outcome.name][0]}; the loop's passes {outcome.passes}\n"
        f"    daemon {outcome.limits}\n    attacker {told}"
    )


def check(outcome: Outcome) -> list[str]:
    """What must hold."""
    problems = [f"a healthy reader saw {fault}" for fault in outcome.faults]
    if outcome.ratio > RATIO_MAX:
        problems.append(f"p99 times {outcome.ratio:.2f}")
    return problems + limit_problems(outcome.name, outcome.limits)


def limit_problems(name: str, moved: Mapping[str, float]) -> list[str]:
    """The limit that bounds an attack must show."""
    setting, counter = LIMITS[name]
    return [] if counter in moved else [f"{setting} did not show: {counter} stood still"]


def main() -> int:
    """Run the attacks that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", nargs="*", choices=sorted(ATTACKS), default=list(ATTACKS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    outcomes, failed = [], 0
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            outcome = run_beside(Path(folder), name, options.seconds, options.rounds)
        problems = check(outcome)
        outcomes.append(outcome)
        failed += bool(problems)
        print(report(outcome), *(f"    FAILED: {problem}" for problem in problems), sep="\n", flush=True)
    if options.json is not None:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(outcomes)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
