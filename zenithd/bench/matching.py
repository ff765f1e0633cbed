"""`zenithd bench matching`: operations per CPU second of matching engines, by turns, over book sizes."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from zenithd.bench.matching_engines import Recipe
from zenithd.bench.matching_flow import Flow, make_flow
from zenithd.bench.rows import Machine


class MatchingEffort(NamedTuple):
    """How much is measured."""

    orders_resting: tuple[int, ...]
    operations: int
    """Of one turn."""
    rounds: int


FULL = MatchingEffort((100, 300, 1_000, 3_000, 10_000, 30_000, 100_000), 100_000, 7)
QUICK = MatchingEffort((100, 1_000, 10_000, 100_000), 30_000, 3)

SLOW_OPERATIONS_PER_S = 20_000
"""An engine that was slower than this in its first turn gets shorter turns."""
SHORT = 10
"""They are shorter by this."""


class MatchingRow(msgspec.Struct, kw_only=True):
    """One engine at one size of the book."""

    engine: str
    orders_resting: int
    operations_per_cpu_s: float
    """Median of the turns."""
    slowest_per_cpu_s: float
    fastest_per_cpu_s: float
    ratio_to_zenithd: float
    """Median of the rounds' ratios."""


class MatchingReport(msgspec.Struct):
    """What `--json` writes."""

    machine: Machine
    runs: list[MatchingRow]


def matching_rows(
    effort: MatchingEffort, engines: Mapping[str, Recipe], say: Callable[[str], None]
) -> Iterator[MatchingRow]:
    """Measure all engines at every size; the first one is the yardstick."""
    for resting in effort.orders_resting:
        say(f"matching: {resting:,} orders resting")
        flow = make_flow(resting, effort.operations)
        short = Flow(flow.filling, flow.measured[: effort.operations // SHORT])
        flows = dict.fromkeys(engines, flow)
        turns: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(effort.rounds):
            left = set()
            for name, recipe in engines.items():
                rate, quantity = _turn(recipe, flows[name])
                turns[name].append(rate)
                left.add((len(flows[name].measured), quantity))
                if rate < SLOW_OPERATIONS_PER_S:
                    flows[name] = short
            if len(left) != len({operations for operations, _ in left}):
                raise AssertionError("the engines did not come to the same book")
        yield from _rows(resting, turns)


def _turn(recipe: Recipe, flow: Flow) -> tuple[float, int]:
    """Operations per CPU second of an engine with a fresh book, and what is left in the book."""
    contestant = recipe(flow)
    gc.collect()
    began = time.process_time()
    contestant.run()
    used = time.process_time() - began
    return len(flow.measured) / used, contestant.left()


def _rows(resting: int, turns: Mapping[str, Sequence[float]]) -> Iterator[MatchingRow]:
    yardstick = next(iter(turns.values()))
    for name, rates in turns.items():
        ratios = [rate / other for rate, other in zip(rates, yardstick, strict=True)]
        yield MatchingRow(
            engine=name,
            orders_resting=resting,
            operations_per_cpu_s=statistics.median(rates),
            slowest_per_cpu_s=min(rates),
            fastest_per_cpu_s=max(rates),
            ratio_to_zenithd=statistics.median(ratios),
        )


COLUMNS = ("engine", "orders resting", "operations/CPU s", "slowest", "fastest", "to zenithd")


def cells(row: MatchingRow) -> list[str]:
    """A row for people, in the order of COLUMNS."""
    return [
        row.engine,
        f"{row.orders_resting:,}",
        f"{row.operations_per_cpu_s:,.0f}",
        f"{row.slowest_per_cpu_s:,.0f}",
        f"{row.fastest_per_cpu_s:,.0f}",
        f"{row.ratio_to_zenithd:.3f}",
    ]
