"""Which measurements a bench run is made of."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from zenithd.bench import whole
from zenithd.bench.fanout import Contestant, Saturated, Shape, contest, mix, one, paced, saturated
from zenithd.bench.reader import Latency
from zenithd.bench.rows import Row
from zenithd.bench.senders import Recipe, kernel, zenithd
from zenithd.bench.tls import TlsContestant, certificate

RATES = (1_000_000.0, 2_000_000.0)
"""Deliveries per second at which latency is measured; the first of them in a quick run."""
KEEPS_UP = 0.85
"""A sender is only asked for this share of what it reached at full load."""
WHOLE_TOPICS = 200
WHOLE_UPDATES_PER_S = 5_000.0
"""At which the latency of the whole daemon is measured."""

Say = Callable[[str], None]
"""Told what is being measured."""


class Effort(NamedTuple):
    """How much is measured."""

    subscribers: tuple[int, ...]
    rounds: int
    rates: tuple[float, ...]
    paced_rounds: int
    paced_seconds: float
    messages: int
    """Of made payloads."""
    whole_shapes: tuple[str, ...]


QUICK = Effort((1_000,), 5, RATES[:1], 3, 2.0, 60_000, ("mix",))
FULL = Effort((1_000, 5_000), 7, RATES, 3, 4.0, 300_000, ("one", "mix"))


def fanout_rows(effort: Effort, peers: Sequence[Recipe], say: Say) -> Iterator[Row]:
    """The fan-out stage: the kernel, zenithd and its peers by turns."""
    for subscribers in effort.subscribers:
        for shape in (one(subscribers), mix(subscribers)):
            say(f"fan-out, {shape.name}, {subscribers:,} subscribers")
            with contest([kernel(), zenithd(), *peers], shape) as contestants:
                yield from _contest_rows(contestants, shape, effort)


def _contest_rows(contestants: Sequence[Contestant], shape: Shape, effort: Effort) -> Iterator[Row]:
    full_load = saturated(contestants, effort.rounds)
    for rate in effort.rates:
        able = [
            contestant
            for contestant, found in zip(contestants, full_load, strict=True)
            if found.deliveries_per_cpu_s * KEEPS_UP >= rate
        ]
        latencies = paced(able, rate, effort.paced_rounds, effort.paced_seconds)
        for found in full_load:
            yield _row(shape, found, rate, latencies.get(found.name))


def _row(shape: Shape, found: Saturated, rate: float, latencies: list[Latency] | None) -> Row:
    row = _full_load(shape, found)
    row.offered_per_s = rate
    if latencies is None:
        row.note = "cannot keep up"
    else:
        put_latency(row, latencies)
    return row


def _full_load(shape: Shape, found: Saturated) -> Row:
    return Row(
        stage="fanout",
        shape=shape.name,
        subscribers=shape.subscribers,
        topics=shape.topics,
        sender=found.name,
        deliveries_per_cpu_s=found.deliveries_per_cpu_s,
        ratio_to_kernel=found.ratio,
        ratio_spread=(found.ratios[0], found.ratios[-1]),
    )


SCALING = (
    *(one(subscribers) for subscribers in (10, 100, 1_000, 5_000, 10_000)),
    *(mix(subscribers) for subscribers in (10, 100, 1_000, 5_000, 10_000)),
    *(mix(1_000, topics) for topics in (1, 10, 7_800)),
)
"""How cost grows: with subscribers, and with topics."""


def scaling_rows(rounds: int, say: Say) -> Iterator[Row]:
    """The fan-out stage from few to many."""
    for shape in SCALING:
        say(f"fan-out, {shape.name}, {shape.subscribers:,} subscribers, {shape.topics:,} topics")
        with contest([kernel(), zenithd()], shape) as contestants:
            for found in saturated(contestants, rounds):
                yield _full_load(shape, found)


TLS_SUBSCRIBERS = 100


def tls_rows(rounds: int, say: Say) -> Iterator[Row]:
    """The fan-out over TLS beside that without."""
    with certificate() as files:
        for shape in (one(TLS_SUBSCRIBERS), mix(TLS_SUBSCRIBERS)):
            say(f"fan-out over TLS, {shape.name}, {shape.subscribers:,} subscribers")
            with contest([kernel(), zenithd()], shape) as plain:
                encrypted = TlsContestant(shape, *files)
                try:
                    for found in saturated([*plain, encrypted], rounds):
                        yield _full_load(shape, found)
                finally:
                    encrypted.close()


def put_latency(row: Row, latencies: Sequence[Latency]) -> None:
    """Fill in the medians of the rounds."""
    row.p50_us = statistics.median(latency.p50 for latency in latencies)
    row.p99_us = statistics.median(latency.p99 for latency in latencies)
    row.p999_us = statistics.median(latency.p999 for latency in latencies)


@contextlib.contextmanager
def recording(files: Sequence[Path], messages: int) -> Iterator[whole.Recording]:
    """The given files, or payloads made from a seed for as long as they are needed."""
    if files:
        yield whole.Recording(" ".join(file.name for file in files), tuple(files))
        return
    with tempfile.TemporaryDirectory(prefix="zenithd-bench-") as folder:
        yield whole.made(Path(folder), messages)


def whole_rows(effort: Effort, files: Sequence[Path], limits: dict[str, float], say: Say) -> Iterator[Row]:
    """The whole daemon. `limits`: the kernel's deliveries per CPU second, by shape."""
    with recording(files, effort.messages) as played:
        say(f"whole daemon: looking through {played.payload}")
        topics = whole.topics_of(whole.survey(played))
        say("whole daemon: CPU per update, one JSON and one MessagePack subscriber to everything")
        cost = whole.measure(played, [topics, topics]).cpu_us_per_update
        for shape in effort.whole_shapes:
            subscribers = effort.subscribers[0]
            say(f"whole daemon, {shape}, {subscribers:,} subscribers")
            row = _whole_row(played, topics, shape, subscribers)
            row.cpu_us_per_update = cost
            if shape in limits and row.deliveries_per_cpu_s is not None:
                row.ratio_to_kernel = row.deliveries_per_cpu_s / limits[shape]
            yield row


def _whole_row(played: whole.Recording, topics: Sequence[str], shape: str, subscribers: int) -> Row:
    offered = topics[:1] if shape == "one" else topics[:WHOLE_TOPICS]
    choices = whole.spread(offered, subscribers)
    full_load = whole.measure(played, choices)
    steady = whole.measure(played, choices, WHOLE_UPDATES_PER_S, 4.0)
    row = Row(
        stage="whole",
        shape=shape,
        subscribers=subscribers,
        topics=len(offered),
        sender="zenithd",
        payload=played.payload,
        deliveries_per_cpu_s=full_load.deliveries_per_cpu_s,
        offered_per_s=steady.received / steady.played.seconds,
        rss_per_subscriber_b=full_load.rss_per_subscriber,
    )
    if steady.latency is not None:
        put_latency(row, [steady.latency])
    return row
