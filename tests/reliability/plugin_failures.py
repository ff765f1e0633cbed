"""Let a plugin fail in every way under load, and see whether anybody else notices.

    python -m tests.reliability.plugin_failures [--count 100] [--kinds exception,hang,…] [--json FILE]

A real daemon runs a steady source, whose subscribers measure from the time at which each trade was due, and a
source that fails, calm and failing in turn. For each kind of failure: nobody is disconnected; the state is
told within 200 ms of the failure, or of the deadline that the configuration sets; the subscribers of the
steady source see less than twice the 99th percentile of the calm phases. A plugin that blocks the loop for
two seconds is named within 1.5 s.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.daemon.conftest import DaemonProcess
from tests.reliability.lib_mirror import Difference, Mirror
from tests.reliability.lib_site import configuration, install_plugins

MARKET = "FAULTY"
DEADLINE_SECONDS = 0.3
"""Start and silence."""
BACKPRESSURE_SECONDS = 0.1
TOLD_SECONDS_MAX = 0.2
NAMED_SECONDS_MAX = 1.5
NAMED = re.compile(
    r"the loop has not turned .* plugin faulty in .*faulty_plugin\.py|faulty_plugin\.py\", line"
)
"""What names the plugin: the watchdog's thread, or the stack that is written where no thread can run."""
BLOCK_SECONDS_MAX = 4.0
"""Later than this it would be the next stall that is named."""
RATIO_MAX = 2.0
STEADY_INSTRUMENTS = 20
READERS = 20
BLOCKS_SHARE = 5
"""Of each so many failures that are asked for, one blocks the loop: that takes six seconds."""
SETTLE_SECONDS = 0.1
"""Samples so soon after the beginning of a phase belong to neither."""


class Kind(msgspec.Struct, frozen=True):
    """A way to fail."""

    name: str
    phase_seconds: float
    deadlines: dict[str, float | None]
    """What the plugin writes down for each failure, and how long after it the state may first be told; None:
    there is nothing to be told."""


KINDS = (
    Kind("exception", 2.0, {"raises": 0.0}),
    Kind("hang", 2.0, {"hangs at the start": DEADLINE_SECONDS, "falls silent": DEADLINE_SECONDS}),
    Kind("flood", 0.5, {"floods without a pause": BACKPRESSURE_SECONDS, "floods at a pace": None}),
    Kind("garbage", 2.0, {"publishes garbage": 0.0}),
    Kind("clock", 0.5, {"jumps": None}),
    Kind("reconnect", 0.5, {"loses its connection": 0.0}),
    Kind("block", 3.0, {"blocks": None}),
)


class Watcher(Mirror):
    """A subscriber of the failing market that notes when it is told what."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.told: dict[str, list[tuple[float, bool]]] = {"Feeds": [], "Markets": []}
        """When the failing market's state was told, and whether that was Impaired."""

    def _apply_data(self, topic: str, data: Any, now: float) -> None:
        super()._apply_data(topic, data, now)
        name, state = ("Name", "Status") if topic == "Feeds" else ("Code", "Feed")
        for entry in data if topic in self.told else ():
            if entry[name] == MARKET:
                self.told[topic].append((now, entry[state] == "Impaired"))


class Failures:
    """What the failing plugin has written down."""

    def __init__(self, path: Path, kind: Kind) -> None:
        self._path, self._kind = path, kind

    def lines(self) -> list[tuple[str, float]]:
        """(what, when), oldest first."""
        try:
            text = self._path.read_text()
        except FileNotFoundError:
            return []
        parts = (line.rpartition(" ") for line in text.splitlines())
        return [(what, float(when)) for what, _, when in parts]

    def all(self) -> list[tuple[str, float]]:
        """Only the failures."""
        return [line for line in self.lines() if line[0] in self._kind.deadlines]

    @property
    def began(self) -> float:
        """When the first calm phase began."""
        return next(when for what, when in self.lines() if what == "began")


class Tail:
    """Reads a file that grows, beside the block, and notes when each line came."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.lines: list[tuple[float, str]] = []
        """(when, monotonic seconds; line)"""

    def __enter__(self) -> Tail:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _read(self) -> None:
        rest = ""
        with self._path.open() as file:
            while not self._ended.wait(0.01):
                *lines, rest = (rest + file.read()).split("\n")
                self.lines += ((time.monotonic(), line) for line in lines)


class Result(msgspec.Struct):
    """What one kind of failure did. Times in milliseconds."""

    kind: str
    failures: int
    told: int
    told_median: float
    told_max: float
    calm_p50: float
    calm_p99: float
    failing_p50: float
    failing_p99: float
    ratio_p99: float
    faults: list[str]
    """What must never be."""
    misses: list[str]
    """Times that were too long, which on a busy machine may be the machine's fault."""


def configured(kind: Kind, log: Path) -> str:
    """Short deadlines, and no longer pauses than the first one, so that a hundred failures take minutes."""
    return configuration(
        {
            "users.demo": {"password": "demo", "markets": ["*"]},
            "plugin_host": {
                "start_seconds_max": DEADLINE_SECONDS,
                "silence_seconds_max": DEADLINE_SECONDS,
                "backpressure_seconds_max": BACKPRESSURE_SECONDS,
                "backoff_seconds_max": 0.5,
                "restarts_max": 1_000_000,
            },
            "plugins.prodigy": {"enabled": False},
            "plugins.steady": {"instruments": 50, "steady": STEADY_INSTRUMENTS},
            "plugins.faulty": {"kind": kind.name, "log": str(log), "phase_seconds": kind.phase_seconds},
            "logging": {"format": "json"},
        }
    )


@contextmanager
def reading(daemon: DaemonProcess, samples: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Subscribers of the steady source during the block."""
    arguments = [daemon.address, str(READERS), str(STEADY_INSTRUMENTS), str(samples)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.reliability.failures_reader", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if not process.stdout.readline().startswith(b"ready"):
            raise Difference("the subscribers of the steady source could not begin")
        yield process
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def run_kind(kind: Kind, count: int) -> Result:
    """Let the plugin fail `count` times and look at everybody else."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log, samples = folder / "failures", folder / "samples"
        plugins = {"steady": "lib_steady_plugin", "faulty": "failures_plugin"}
        environment = install_plugins(folder, plugins)
        failures = Failures(log, kind)
        with DaemonProcess(folder, configured(kind, log), **environment) as daemon:
            wait_market(daemon)
            tail = Tail(daemon.output)
            with reading(daemon, samples) as readers, Watcher(daemon.url) as watcher, tail:
                subscribe(watcher)
                since = time.monotonic()
                watch(watcher, failures, since, count, kind)
                if readers.poll() is not None:
                    raise Difference("a subscriber of the steady source was disconnected")
                watcher.compare_book("S0001.LOAD")
        if readers.returncode != 0:
            raise Difference("a subscriber of the steady source was disconnected")
        chosen = [failure for failure in failures.all() if failure[1] > since][:count]
        delays, faults = told_delays(watcher, chosen, kind)
        if kind.name == "block":
            delays, named_faults = named_delays(tail.lines, chosen)
            faults += named_faults
        return judged(kind, len(chosen), delays, lateness(samples, failures.began, since, kind), faults)


def wait_market(daemon: DaemonProcess) -> None:
    """Wait until the daemon is ready and the failing market is there."""
    daemon.wait_ready()
    deadline = time.monotonic() + 30
    while f'"{MARKET}"' not in daemon.get("/health/ready")[1]:
        if time.monotonic() > deadline:
            raise Difference("the failing market was not declared")
        time.sleep(0.02)


def subscribe(watcher: Watcher) -> None:
    """To the state of all feeds, and to the data of the failing market and of one that does not fail."""
    watcher.log_in()
    watcher.subscribe("Feeds", "Zenith")
    watcher.subscribe("Markets")
    for symbol in (f"F1.{MARKET}", "S0001.LOAD"):
        watcher.subscribe(f"Trades!{symbol}")
        watcher.subscribe(f"Security!{symbol}")
    watcher.subscribe("Depth!S0001.LOAD")


def watch(watcher: Watcher, failures: Failures, since: float, count: int, kind: Kind) -> None:
    """Read until there were enough failures."""
    deadline = time.monotonic() + 60 + count * 4 * kind.phase_seconds
    while sum(when > since for _, when in failures.all()) < count:
        watcher.read_for(0.5)
        if watcher.close_code is not None:
            raise Difference(f"disconnected: {watcher.close_code} {watcher.close_reason}")
        if time.monotonic() > deadline:
            raise Difference(f"only {len(failures.all())} failures by {kind.name}")
    watcher.read_for(BLOCK_SECONDS_MAX if kind.name == "block" else 1.0)


def told_delays(
    watcher: Watcher, failures: Sequence[tuple[str, float]], kind: Kind
) -> tuple[list[float], list[str]]:
    """From each failure, or its deadline, to the later of Feeds and Markets that tell of it, in seconds."""
    delays: list[float] = []
    faults: list[str] = []
    for what, when in failures:
        deadline = kind.deadlines[what]
        if deadline is None:
            continue
        came = [impaired_at(told, when, when + deadline) for told in watcher.told.values()]
        if None in came:
            faults.append(f"{what}: nobody was told")
        else:
            delays.append(max(0.0, max(at for at in came if at is not None) - when - deadline))
    return delays, faults


def impaired_at(told: Sequence[tuple[float, bool]], when: float, due: float) -> float | None:
    """When a subscriber knew after a failure that the feed is Impaired; None: never.

    It may have known since an earlier failure: then nothing is told anew, as a state has not changed.
    """
    place = bisect_left(told, (when, False))
    known = place > 0 and told[place - 1][1]
    last_changed = bisect_left(told, (due + TOLD_SECONDS_MAX, False))
    if known and not any(not impaired for _, impaired in told[place:last_changed]):
        return when
    return next((at for at, impaired in told[place:] if impaired), None)


def named_delays(
    lines: Sequence[tuple[float, str]], failures: Sequence[tuple[str, float]]
) -> tuple[list[float], list[str]]:
    """From the beginning of each stall to the line of the log that names the plugin's file, in seconds."""
    named = [at for at, line in lines if NAMED.search(line)]
    delays: list[float] = []
    faults: list[str] = []
    for _, when in failures:
        delay = next((at - when for at in named if at >= when), math.inf)
        if delay > BLOCK_SECONDS_MAX:
            faults.append("a stall was not named")
        else:
            delays.append(delay)
    return delays, faults


def lateness(path: Path, began: float, since: float, kind: Kind) -> tuple[list[float], list[float]]:
    """Milliseconds from when each trade was due to when it came, sorted: in calm and in failing phases."""
    content = array("q")
    content.frombytes(path.read_bytes())
    calm: list[float] = []
    failing: list[float] = []
    for due, came in zip(content[::2], content[1::2], strict=True):
        if due / 1e6 < since:
            continue
        phase, within = divmod(due / 1e6 - began, kind.phase_seconds)
        if within >= SETTLE_SECONDS:
            (failing if phase % 2 else calm).append((came - due) / 1000)
    return sorted(calm), sorted(failing)


def percentile(ordered: Sequence[float], share: float) -> float:
    """A percentile of sorted numbers."""
    if not ordered:
        raise Difference("no trade of the steady source came")
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3)


def judged(
    kind: Kind, failures: int, delays: list[float], late: tuple[list[float], list[float]], faults: list[str]
) -> Result:
    """The figures, and what is wrong with them."""
    calm, failing = late
    ordered = sorted(delays)
    limit = NAMED_SECONDS_MAX if kind.name == "block" else TOLD_SECONDS_MAX
    result = Result(
        kind.name,
        failures,
        len(delays),
        round(1000 * ordered[len(ordered) // 2], 1) if ordered else 0.0,
        round(1000 * ordered[-1], 1) if ordered else 0.0,
        percentile(calm, 0.5),
        percentile(calm, 0.99),
        percentile(failing, 0.5),
        percentile(failing, 0.99),
        round(percentile(failing, 0.99) / percentile(calm, 0.99), 2),
        faults,
        [],
    )
    if ordered and ordered[-1] > limit:
        late_ones = sum(delay > limit for delay in ordered)
        result.misses.append(f"{late_ones} of {len(ordered)} were told later than {1000 * limit:.0f} ms")
    if kind.name != "block" and result.ratio_p99 >= RATIO_MAX:
        result.misses.append(f"others' p99 is {result.ratio_p99} times as long")
    return result


def main() -> int:
    """Run and tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=100, help="failures of each kind")
    parser.add_argument("--kinds", default=",".join(kind.name for kind in KINDS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    chosen = [kind for kind in KINDS if kind.name in options.kinds.split(",")]
    results: list[Result] = []
    for kind in chosen:
        count = max(1, options.count // BLOCKS_SHARE) if kind.name == "block" else options.count
        results.append(run_kind(kind, count))
        print(
            "  ".join(f"{key}={value}" for key, value in msgspec.to_builtins(results[-1]).items()), flush=True
        )
    if options.json:
        options.json.write_text(json.dumps(msgspec.to_builtins(results), indent=1))
    return int(any(result.faults or result.misses for result in results))


if __name__ == "__main__":
    sys.exit(main())
