"""A thousand readers, a hundred of them slow: the others notice nothing, and memory stays as it is.

    python -m tests.reliability.slow_readers [--minutes 10] [--readers 1000] [--slow 100] [--rate 2000]
                                             [--json FILE]

The load is 200 order books that change `--rate` times a second together, and every reader follows 20 of them.
Healthy readers are those of `zenithd bench` (compiled on the spot). Of the slow ones half stall, come back,
are compared with the server and stall again; the others read a kilobyte a second and come back at the end.
Phases without slow readers come before and after, a tenth of the time each. Exit code 1: resident memory
grew by more than 2 % after the first minute with slow readers, the others' p99 was more than 10 % later than
without, a slow reader does not hold the server's state, or what it missed was neither told nor counted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from tests.reliability.lib_steady import SteadyDaemon, apart
from zenithd.bench.reader import Client, Mode, Reader
from zenithd.bench.whole import check_equal, clients
from zenithd.tokens import TokenSigner, load_key

TOPICS, EACH = 200, 20
PROBES_PER_SECOND = 50.0
PROBE_EVERY = 9
"""Every so many healthy readers follow the probe that latency is taken from."""
OUTBOX_BYTES_MAX = 65_536
"""Lower than the default, so that slow readers lag, and memory stands, within the first minute."""
STALL_SECONDS = 40.0
GROWTH_MAX = 1.02
LATER_MAX = 1.10


class Phase(msgspec.Struct):
    """What the healthy readers saw; milliseconds."""

    slow_readers: bool
    p50: float
    p99: float
    p999: float
    samples: int


class Outcome(msgspec.Struct):
    """One run."""

    phases: list[Phase] = []
    resident_kibibytes: list[tuple[float, int]] = []
    """Seconds since the slow readers were there, and memory."""
    slow: dict[str, Any] = {}
    """What the slow readers found."""
    conflated: float = 0.0
    resumed: float = 0.0
    """Counted by the daemon while the slow readers were there."""
    reader_errors: int = 0


class Plan(msgspec.Struct, frozen=True):
    """How much of everything."""

    seconds: float
    readers: int
    slow: int
    rate: float
    stall_seconds: float = STALL_SECONDS
    settle_seconds: float = 60.0
    """After so long memory must stand."""


def run(plan: Plan, folder: Path) -> Outcome:
    """Run the phases on a daemon of its own."""
    begin = folder / "begin"
    steady = {
        "instruments": TOPICS,
        "steady": 0,
        "history": False,
        "books": TOPICS,
        "changes_per_second": plan.rate,
        "probes_per_second": PROBES_PER_SECOND,
        "begin": str(begin),
    }
    # On a busy machine it takes a while until all who stalled have come back: none shall be disconnected.
    sections = {
        "fanout": {"outbox_bytes_max": OUTBOX_BYTES_MAX, "stall_seconds_max": 600.0},
        "limits": {"logins_per_minute": 1_000_000, "idle_seconds": 600.0},
        "logging": {"level": "warning"},
    }
    outcome = Outcome()
    with SteadyDaemon(folder, sections, steady) as daemon:
        key = load_key(folder / "var")
        token = TokenSigner(key, 86_400).issue("demo", ["Zenith/Market"], time.time_ns()).text
        healthy = _healthy(token, plan.readers - plan.slow)
        port = int(daemon.address.rpartition(":")[2])
        with Reader(port, Mode.ZENITH, healthy) as reader:
            apart(reader.process.pid)
            reader.wait_upgraded()
            reader.wait_frames((plan.readers - plan.slow) * EACH)
            begin.touch()
            outcome.phases.append(_phase(reader, plan.seconds / 10, slow=False))
            _with_slow(daemon, reader, plan, outcome)
            outcome.phases.append(_phase(reader, plan.seconds / 10, slow=False))
            begin.unlink()
            reader.wait_quiet()
            outcome.reader_errors = reader.counters().errors
            check_equal([one for one in reader.finish().topics if one.topic.startswith("Depth!")])
    return outcome


def _healthy(token: str, count: int) -> list[Client]:
    names = [f"Depth!S{number:04}.LOAD" for number in range(1, TOPICS + 1)]
    choices = []
    for index in range(count):
        topics = [names[(index * EACH + place) % TOPICS] for place in range(EACH)]
        if index % PROBE_EVERY == 0:
            topics[-1] = "Trades!PROBE.PROBE"
        choices.append(topics)
    return clients(token, choices)


def _phase(reader: Reader, seconds: float, *, slow: bool) -> Phase:
    reader.reset()
    time.sleep(seconds)
    seen = reader.latency()
    return Phase(slow, seen.p50 / 1000, seen.p99 / 1000, seen.p999 / 1000, seen.samples)


def _with_slow(daemon: SteadyDaemon, reader: Reader, plan: Plan, outcome: Outcome) -> None:
    before = daemon.counters()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.reliability.slow_clients", daemon.address, str(plan.slow)),
            *(str(EACH), str(TOPICS), str(plan.stall_seconds)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    if not process.stdout.readline():
        raise RuntimeError("the slow readers ended")
    began = time.monotonic()
    reader.reset()
    while (passed := time.monotonic() - began) < plan.seconds:
        outcome.resident_kibibytes.append((passed, daemon.resident_kibibytes()))
        time.sleep(min(1.0, plan.seconds / 50))
    seen = reader.latency()
    outcome.phases.append(Phase(True, seen.p50 / 1000, seen.p99 / 1000, seen.p999 / 1000, seen.samples))
    told, _ = process.communicate(timeout=600)
    outcome.slow = json.loads(told)
    after = daemon.counters()
    outcome.conflated = after["zenithd_conflations_total"] - before["zenithd_conflations_total"]
    outcome.resumed = after["zenithd_resumed_total"] - before["zenithd_resumed_total"]


def growth(outcome: Outcome, settle_seconds: float) -> float:
    """Most memory in the last tenth of the time, in relation to that when it should stand."""
    settled = [kibibytes for passed, kibibytes in outcome.resident_kibibytes if passed >= settle_seconds]
    count = max(1, len(settled) // 10)
    return max(settled[-count:]) / max(settled[:count])


def later(outcome: Outcome) -> float:
    """The others' p99 with slow readers in relation to that without."""
    without = [phase.p99 for phase in outcome.phases if not phase.slow_readers]
    (beside,) = (phase.p99 for phase in outcome.phases if phase.slow_readers)
    return beside * len(without) / sum(without)


def state_problems(outcome: Outcome, slow: int) -> list[str]:
    """What must hold whatever the time it takes."""
    problems = [f"a slow reader: {fault}" for fault in outcome.slow["faults"]]
    if outcome.slow["compared"] < slow * EACH:
        problems.append(f"only {outcome.slow['compared']} books were compared")
    if not outcome.conflated:
        problems.append("nothing was conflated: the readers were not slow")
    if outcome.slow["resumed"] != outcome.resumed:
        problems.append(f"{outcome.resumed} topics resumed, {outcome.slow['resumed']} snapshots told")
    if outcome.reader_errors:
        problems.append(f"{outcome.reader_errors} errors at healthy readers")
    return problems


def main() -> int:
    """Run it, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--readers", type=int, default=1000)
    parser.add_argument("--slow", type=int, default=100)
    parser.add_argument("--rate", type=float, default=2000.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    plan = Plan(options.minutes * 60, options.readers, options.slow, options.rate)
    plan = msgspec.structs.replace(
        plan,
        settle_seconds=min(60.0, plan.seconds / 3),
        stall_seconds=min(STALL_SECONDS, plan.seconds / 3),
    )
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(plan, Path(folder))
    problems = state_problems(outcome, plan.slow)
    if (factor := growth(outcome, plan.settle_seconds)) > GROWTH_MAX:
        problems.append(f"memory times {factor:.3f} after the first minute")
    if (factor := later(outcome)) > LATER_MAX:
        problems.append(f"p99 of the others times {factor:.2f}")
    for phase in outcome.phases:
        kind = "with" if phase.slow_readers else "without"
        print(f"{kind:8} slow readers: p50 {phase.p50:.2f} p99 {phase.p99:.2f} p99.9 {phase.p999:.2f} ms")
    print(f"memory times {growth(outcome, plan.settle_seconds):.3f}, p99 times {later(outcome):.2f}")
    print(f"conflated {outcome.conflated:.0f}, resumed {outcome.resumed:.0f}; slow readers {outcome.slow}")
    print(*(f"FAILED: {problem}" for problem in problems), sep="\n")
    if options.json is not None:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(outcome)))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
