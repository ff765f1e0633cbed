"""Runs many inputs through one boundary, and makes a failing one small."""

from __future__ import annotations

import faulthandler
import gc
import random
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from tests.fuzz.boundary import Boundary

FAULTS_MAX = 10
"""A campaign ends after so many: more of the same help nobody."""
STUCK_SECONDS_MAX = 300.0
"""Of one batch, waiting included: then the interpreter itself is stuck, and is ended with a traceback."""
MINIMISE_CHECKS_MAX = 4_000


class Fault(msgspec.Struct, frozen=True):
    """An input that breaks its boundary's contract."""

    index: int
    given: Any
    error: BaseException

    def __str__(self) -> str:
        return f"index {self.index}: {type(self.error).__name__}: {self.error}"[:2_000]


class Campaign(msgspec.Struct):
    """What came of it."""

    boundary: str
    seed: int
    inputs: int = 0
    processor_seconds: float = 0.0
    outcomes: Counter[str] = msgspec.field(default_factory=Counter)
    faults: list[Fault] = msgspec.field(default_factory=list)
    memory_kilobytes: list[int] = msgspec.field(default_factory=list)
    """Resident memory after each tenth."""


Progress = Callable[[Campaign], None]


def make(boundary: Boundary, seed: int, index: int, draw: random.Random | None = None) -> Any:
    """The input of that number: it depends on nothing else."""
    draw = draw or random.Random()
    draw.seed(f"{boundary.name}/{seed}/{index}")
    return boundary.make(draw)


def run(boundary: Boundary, count: int, seed: int, progress: Progress | None = None) -> Campaign:
    """Check inputs until they weigh `count`, or until there are `FAULTS_MAX` faults."""
    campaign = Campaign(boundary.name, seed)
    draw = random.Random()
    index, tenth = 0, max(1, count // 10)
    while campaign.inputs < count and len(campaign.faults) < FAULTS_MAX:
        batch = []
        while len(batch) < boundary.batch and campaign.inputs < count:
            batch.append(make(boundary, seed, index + len(batch), draw))
            campaign.inputs += boundary.weigh(batch[-1])
        began = time.process_time()
        faulthandler.dump_traceback_later(STUCK_SECONDS_MAX, exit=True)
        try:
            _check(campaign, boundary, batch, index)
        finally:
            faulthandler.cancel_dump_traceback_later()
        campaign.processor_seconds += time.process_time() - began
        index += len(batch)
        if campaign.inputs >= tenth * (len(campaign.memory_kilobytes) + 1):
            campaign.memory_kilobytes.append(resident_kilobytes())
        if progress is not None:
            progress(campaign)
    return campaign


def _check(campaign: Campaign, boundary: Boundary, batch: list[Any], first: int) -> None:
    """Check a batch; behind one that fails the check is taken up again."""
    done = 0
    while done < len(batch) and len(campaign.faults) < FAULTS_MAX:
        try:
            for outcome in boundary.check_all(batch[done:]):
                campaign.outcomes[outcome] += 1
                done += 1
        except Exception as error:
            campaign.faults.append(Fault(first + done, batch[done], error))
            campaign.outcomes["FAULT"] += 1
            done += 1


def resident_kilobytes() -> int:
    """Resident memory now; where the system does not tell, the most there ever was."""
    gc.collect()
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(pages) * resource.getpagesize() // 1024


def minimise(boundary: Boundary, fault: Fault) -> Any:
    """A smaller input that fails in the same way."""
    wanted = _place(fault.error)
    best, left = fault.given, MINIMISE_CHECKS_MAX
    improved = True
    while improved and left > 0:
        improved = False
        for candidate in _smaller(best):
            left -= 1
            if left <= 0:
                break
            if boundary.size(candidate) < boundary.size(best) and _fails(boundary, candidate) == wanted:
                best, improved = candidate, True
                break
    return best


def _fails(boundary: Boundary, given: Any) -> tuple[str, int] | None:
    try:
        list(boundary.check_all([given]))
    except Exception as error:
        return _place(error)
    return None


def _place(error: BaseException) -> tuple[str, int]:
    """The kind of an error and the line it comes from."""
    trace, line = error.__traceback__, 0
    while trace is not None:
        trace, line = trace.tb_next, trace.tb_lineno
    return type(error).__name__, line


def _smaller(given: Any) -> Iterator[Any]:
    """Simpler forms of a value: halves and pieces first, single elements later, then inside of each."""
    if isinstance(given, str | bytes | list | tuple) and given:
        size = len(given) // 2 or 1
        while size:
            for start in range(0, len(given), size):
                yield given[:start] + given[start + size :]
            size //= 2
    if isinstance(given, list | tuple):
        for index, item in enumerate(given):
            for smaller in _smaller(item):
                yield type(given)([*given[:index], smaller, *given[index + 1 :]])
    elif isinstance(given, dict):
        for key in given:
            yield {other: inner for other, inner in given.items() if other != key}
        for key, item in given.items():
            for smaller in _smaller(item):
                yield {**given, key: smaller}
    elif isinstance(given, int | float) and not isinstance(given, bool) and given not in (0, 1):
        yield from (0, 1)
