"""Hours of clients who come and go: nothing grows.

    python -m tests.reliability.soak [--hours 4] [--clients 40] [--json FILE]

In each cycle clients connect, log in, subscribe, ask for trades, charts, books and searches, and leave, some
of them rudely. Meanwhile the source fails and is started again, the configuration is reloaded, and trading
days change. After each cycle, with nobody connected, memory, open descriptors and tasks of the event loop are
noted. Exit code 1: one of them grew over the second half of the time.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import combinations
from pathlib import Path

import msgspec
import trio

from tests.reliability.hostile_attacks import Target, ask, subscribe
from tests.reliability.lib_reader import masked
from tests.reliability.lib_steady import SteadyDaemon

DAY_SECONDS = 7.0
FAILURE_EVERY, RELOAD_EVERY = 5, 3
"""Cycles between two failures of the source, and between two reloads."""
EMPTY_SECONDS_MAX = 60.0
SLOPES_MAX = 300
"""Samples that a slope is made of; of more, every n-th."""
MEMORY_GROWTH_MAX = 0.02
"""Of the memory there is, over the second half."""
COUNT_GROWTH_MAX = 1.0
"""Descriptors, and tasks, over the second half: less than one."""


class Sample(msgspec.Struct, frozen=True):
    """The daemon after a cycle, with nobody connected."""

    seconds: float
    resident_kibibytes: int
    descriptors: int
    tasks: int


class Course(msgspec.Struct):
    """A whole run."""

    samples: list[Sample] = []
    sessions: int = 0
    failures: int = 0
    reloads: int = 0
    days: set[str] = set()
    """Trading dates that clients were told."""


TRADING_DATE = re.compile(rb'"TradingDate":"([0-9-]+)"')

Leave = Callable[[trio.SocketStream], Awaitable[None]]


async def _say_goodbye(stream: trio.SocketStream) -> None:
    await stream.send_all(masked(8, b"\x03\xe8"))
    while await stream.receive_some(65_536):
        pass


async def _hang_up(stream: trio.SocketStream) -> None:
    await stream.aclose()


async def _reset(stream: trio.SocketStream) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await trio.aclose_forcefully(stream)


async def _break_off(stream: trio.SocketStream) -> None:
    """In the middle of a frame."""
    await stream.send_all(masked(1, b"x" * 100)[:50])
    await stream.aclose()


async def _break_rules(stream: trio.SocketStream) -> None:
    await stream.send_all(b"\xf1\x80\0\0\0\0")
    while await stream.receive_some(65_536):
        pass


LEAVES: tuple[Leave, ...] = (_say_goodbye, _hang_up, _reset, _break_off, _break_rules)

REQUESTS = b"".join(
    (
        *(subscribe(f"{kind}!S{n:04}.LOAD") for kind in ("Trades", "Depth", "Security") for n in range(1, 8)),
        subscribe("Symbols!Market.LOAD"),
        ask("QueryTrades", {"Code": "S0001", "Market": "LOAD"}, 11),
        ask("QueryChartHistory", {"Code": "S0001", "Market": "LOAD", "Period": "00:01:00"}, 12),
        ask("QueryDepthFull", {"Code": "S0002", "Market": "LOAD"}, 13),
        ask("SearchSymbols", {"Conditions": [{"Text": "7"}], "Count": 100}, 14),
        ask("ScanSymbols", {"Criteria": ["Not", ["Code", "S0001"]], "Count": 100}, 15),
        ask("QueryTrades", {"Code": "nothing", "Market": "LOAD"}, 16),
        ask("QueryMarkets", None, 17),
    )
)


async def _session(target: Target, leave: Leave, course: Course) -> None:
    stream = await target.open()
    assert isinstance(stream, trio.SocketStream)
    await stream.send_all(REQUESTS)
    received = b""
    with trio.fail_after(EMPTY_SECONDS_MAX):
        while not all(b'"TransactionID":%d' % number in received for number in range(11, 18)):
            received += await stream.receive_some(65_536)
        course.days |= {date.decode() for date in TRADING_DATE.findall(received)}
        await leave(stream)
    await trio.aclose_forcefully(stream)


async def _cycle(daemon: SteadyDaemon, clients: int, course: Course) -> None:
    target = Target(daemon.address, None)
    async with trio.open_nursery() as nursery:
        for number in range(clients):
            nursery.start_soon(_session, target, LEAVES[number % len(LEAVES)], course)
    course.sessions += clients


def _sample(daemon: SteadyDaemon, began: float) -> Sample:
    """Wait until everybody has left, then look."""
    deadline = time.monotonic() + EMPTY_SECONDS_MAX
    while (counters := daemon.counters())["zenithd_connections"]:
        if time.monotonic() > deadline:
            raise AssertionError(f"{counters['zenithd_connections']:g} connections are left")
        time.sleep(0.2)
    return Sample(
        time.monotonic() - began,
        daemon.resident_kibibytes(),
        daemon.descriptors(),
        int(counters["zenithd_tasks"]),
    )


def run(folder: Path, seconds: float, clients: int) -> Course:
    """Cycle after cycle for so long."""
    crash, course = folder / "crash", Course()
    sections = {
        "limits": {"logins_per_minute": 1_000_000, "connections_per_minute": 1_000_000},
        "plugin_host": {"restarts_max": 1_000_000, "backoff_seconds_max": 0.5},
        "logging": {"level": "error"},
    }
    steady = {
        "instruments": 500,
        "history": False,
        "trades_per_second": 200.0,
        "books": 20,
        "changes_per_second": 200.0,
        "day_seconds": DAY_SECONDS,
        "crash": str(crash),
    }
    with SteadyDaemon(folder, sections, steady) as daemon:
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            trio.run(_cycle, daemon, clients, course)
            course.samples.append(_sample(daemon, began))
            number = len(course.samples)
            if number % FAILURE_EVERY == 0:
                crash.touch()
                _wait_restarted(daemon, course.failures)
                course.failures += 1
            if number % RELOAD_EVERY == 0:
                os.kill(daemon.process.pid, signal.SIGHUP)
                course.reloads += 1
        ended = daemon.stop()
    if ended:
        raise AssertionError(f"the daemon ended with {ended}: {daemon.text()[-2_000:]}")
    return course


def _wait_restarted(daemon: SteadyDaemon, before: int) -> None:
    name = 'zenithd_plugin_restarts_total{plugin="steady"}'
    deadline = time.monotonic() + EMPTY_SECONDS_MAX
    while daemon.counters().get(name, 0.0) <= before:
        if time.monotonic() > deadline:
            raise AssertionError("the source was not started again")
        time.sleep(0.05)
    daemon.wait_ready()


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between any two points (Theil and Sen): a few odd ones do not matter."""
    points = points[:: 1 + len(points) // SLOPES_MAX]
    slopes = [(later[1] - one[1]) / (later[0] - one[0]) for one, later in combinations(points, 2)]
    return statistics.median(slopes) if slopes else 0.0


def growth(samples: Sequence[Sample], name: str) -> float:
    """How much more there is at the end of the second half than at its beginning, by its slope."""
    half = samples[len(samples) // 2 :]
    points = [(sample.seconds, float(getattr(sample, name))) for sample in half]
    return slope(points) * (half[-1].seconds - half[0].seconds)


def judge(course: Course) -> list[str]:
    """What grew."""
    samples = course.samples
    problems = []
    memory = growth(samples, "resident_kibibytes") / samples[-1].resident_kibibytes
    if memory > MEMORY_GROWTH_MAX:
        problems.append(f"memory grew by {memory:.1%} over the second half")
    for name in ("descriptors", "tasks"):
        more = growth(samples, name)
        if more >= COUNT_GROWTH_MAX:
            problems.append(f"{name} grew by {more:.1f} over the second half")
    return problems


def main() -> int:
    """Soak, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--clients", type=int, default=40)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        course = run(Path(folder), options.hours * 3600, options.clients)
    problems = judge(course)
    for sample in course.samples[:: max(1, len(course.samples) // 20)]:
        print(
            f"{sample.seconds:8.0f} s  {sample.resident_kibibytes / 1024:8.1f} MiB"
            f"  {sample.descriptors:5} descriptors  {sample.tasks:5} tasks"
        )
    print(
        f"{course.sessions} sessions, {course.failures} failures, {course.reloads} reloads,"
        f" {len(course.days)} trading days"
    )
    print(*(f"FAILED: {problem}" for problem in problems), sep="\n")
    if options.json is not None:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(course)))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
