"""What a subscriber costs that is merely there, and how fast subscribers can come."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from zenithd.bench import whole
from zenithd.bench.fanout import cores
from zenithd.bench.native import CannotMeasure
from zenithd.bench.probe import BOOK, BOOK_ORDERS, PROBE
from zenithd.bench.reader import Latency, Mode, Reader
from zenithd.bench.senders import cpu_seconds

SETTLE_SECONDS = 1.0
PHASE_SECONDS = 4.0
UPDATES_PER_S = 5_000.0


class Arrived(NamedTuple):
    """Subscribers that connected, logged in with a token and got three snapshots each."""

    subscribers: int
    offered_per_s: int
    """0: as fast as they were taken."""
    seconds: float
    """Until the last one had its last snapshot."""
    cpu_us_each: float
    """CPU of the daemon for each of them."""
    rss_each: float
    """Bytes of resident memory that each added."""

    @property
    def per_second(self) -> float:
        """Subscribers served a second."""
        return self.subscribers / self.seconds


def arrive(recording: whole.Recording, subscribers: int, per_second: int) -> Arrived:
    """Let subscribers come, each to depth, security and trades of one instrument."""
    with whole.WholeDaemon(recording) as daemon:
        instruments = daemon.survey()  # which also fills books and tapes
        choices = [
            [f"{kind}!{instruments[index % len(instruments)]}" for kind in ("Depth", "Security", "Trades")]
            for index in range(subscribers)
        ]
        _warm_up(daemon, choices[:100])
        clients = whole.clients(daemon.token, choices)
        memory, cpu = daemon.resident_bytes(), cpu_seconds(daemon.process.pid)
        with Reader(
            daemon.port, Mode.ZENITH, clients, per_second=per_second, core=cores()[1], held=True
        ) as reader:
            began = time.monotonic()
            reader.release_connections()
            reader.release_subscriptions()
            reader.wait_frames(3 * subscribers, 60 + subscribers / 50)
            seconds = time.monotonic() - began
            cpu = cpu_seconds(daemon.process.pid) - cpu
            time.sleep(SETTLE_SECONDS)
            memory = daemon.resident_bytes() - memory
            if reader.counters().errors:
                raise CannotMeasure("errors at the reader; what it said stands above")
    return Arrived(subscribers, per_second, seconds, cpu / subscribers * 1e6, memory / subscribers)


def _warm_up(daemon: whole.WholeDaemon, choices: Sequence[Sequence[str]]) -> None:
    """Let some come and go: what the first of all need once is not theirs."""
    with Reader(daemon.port, Mode.ZENITH, whole.clients(daemon.token, choices)) as reader:
        reader.wait_frames(3 * len(choices))
    time.sleep(SETTLE_SECONDS)


class Storm(NamedTuple):
    """Subscribers that come at once to a large book, and what others felt of it."""

    subscribers: int
    orders: int
    snapshots_encoded: int
    """Of that book, for both encodings together."""
    seconds: float
    """Until the last one had the book."""
    quiet: Latency
    """Of the others, before."""
    meanwhile: Latency


def storm(recording: whole.Recording, subscribers: int, others: int, *, connected: bool) -> Storm:
    """A snapshot storm beside a steady load.

    Args:
        recording: what the others listen to.
        subscribers: that come at once.
        others: that were there before.
        connected: True: they were connected and logged in before, and subscribe at once.
    """
    topics = whole.topics_of(whole.survey(recording))
    with whole.WholeDaemon(recording) as daemon:
        before = whole.clients(
            daemon.token, [[*some, f"Trades!{PROBE}"] for some in whole.spread(topics, others)]
        )
        newcomers = whole.clients(daemon.token, [[f"Depth!{BOOK}"]] * subscribers)
        with (
            Reader(daemon.port, Mode.ZENITH, before, core=cores()[1]) as reader,
            Reader(daemon.port, Mode.ZENITH, newcomers, core=cores()[1], held=True) as arriving,
        ):
            reader.wait_upgraded()
            if connected:
                arriving.release_connections()
                arriving.wait_upgraded()
            reader.wait_quiet()
            daemon.begin(UPDATES_PER_S, 4 * PHASE_SECONDS)
            time.sleep(PHASE_SECONDS)
            reader.reset()
            time.sleep(PHASE_SECONDS)
            quiet = reader.latency()
            reader.reset()
            began = time.monotonic()
            if not connected:
                arriving.release_connections()
            arriving.release_subscriptions()
            arriving.wait_frames(subscribers)
            seconds = time.monotonic() - began
            meanwhile = reader.latency()
            played = daemon.end()
    return Storm(subscribers, BOOK_ORDERS, played.snapshots, seconds, quiet, meanwhile)
