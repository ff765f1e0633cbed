"""End the exchange after every write of two trading days, and see whether it goes on as if nothing happened.

    python -m tests.reliability.crash_points [--every 1] [--traffic 10] [--seed 1]

The days are played once over a journal in SQLite. After every write (a commit, or a kept state), before
anybody is told of it, the files are copied as they are: that is what a process leaves that ends there. From
each copy, and again from the copy with a torn end, the exchange is started and looked at: every market is in
the state that the uninterrupted run had at that record, from its kept state as from the records alone, and
nothing confirmed is missing. Then everybody brings again what was not confirmed, and the days go on: in the
end the journal must hold, byte for byte, the records of the uninterrupted run.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import trio
from trio.testing import MockClock

from tests.reliability.lib_exchange import Exchange, Replica, at_work
from tests.reliability.lib_stores import FaultStore
from tests.reliability.lib_trading_days import Author, two_trading_days
from zenithd.journal.sqlite import SqliteStore
from zenithd_prodigy.design import STANDARD
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.model.events import Event, Traded

TORN_BYTES = 100
"""Of the last page that was written: too few arrived."""

FILE = "journal.db"


class Point(msgspec.Struct, frozen=True):
    """The end of a process."""

    folder: Path
    step: int
    """Place of the step that was under way."""
    confirmed: frozenset[str]
    """Ids of the commands that had been answered."""
    acknowledged: dict[str, int]
    """Records of each market that had been acknowledged."""


class Whole(msgspec.Struct):
    """The uninterrupted run."""

    author: Author
    points: list[Point] = []
    writes: int = 0
    replicas: dict[str, Replica] = {}
    states: dict[str, str] = {}
    records: dict[str, list[bytes]] = {}
    seen: dict[str, object] = {}
    answered: dict[str, list[Event] | Refused] = {}


class Result(msgspec.Struct):
    """What all crashes came to."""

    points: int = 0
    starts: int = 0
    records: int = 0
    unconfirmed: int = 0
    """Starts that found records of which nobody had been told; after a torn end they are gone."""
    from_kept_state: int = 0
    """Markets that began with a kept state."""


class Different(AssertionError):
    """An interrupted run is not as the uninterrupted one."""


async def play(whole: Whole, folder: Path, every: int) -> None:
    """Play the days, and copy the journal after every so many writes."""
    store = FaultStore(SqliteStore(folder / "whole" / FILE))
    under_way = [0]
    at_present: list[Exchange] = []

    def written() -> None:
        whole.writes += 1
        if at_present and whole.writes % every == 0:
            exchange = at_present[0]
            target = folder / f"point {whole.writes}"
            target.mkdir()
            for file in (folder / "whole").glob(f"{FILE}*"):
                if not file.name.endswith(("-shm", ".lock")):
                    shutil.copy(file, target)
            acknowledged = {feed: len(one.bodies) for feed, one in exchange.daemon.replicas.items()}
            answered = frozenset(exchange.answered)
            whole.points.append(Point(target, under_way[0], answered, acknowledged))

    store.after_commit = written
    async with at_work(store, whole.author.steps[0].at) as exchange:
        at_present.append(exchange)
        for place, step in enumerate(whole.author.steps):
            under_way[0] = place
            await exchange.carry_out(step)
            exchange.check()
        store.after_commit = lambda: None
        whole.states, whole.records = exchange.states(), exchange.records()
        whole.replicas, whole.seen, whole.answered = (
            exchange.daemon.replicas,
            exchange.seen(),
            exchange.answered,
        )
    expected = {code: market.model.digest() for code, market in whole.author.markets.items()}
    require(whole.states == expected, "the exchange does otherwise than the markets alone")
    require(whole.answered == whole.author.outcomes, "the exchange answers otherwise than the markets alone")
    require_trade_ids_once(whole.replicas)


async def crash(whole: Whole, point: Point, result: Result) -> None:
    """Start from what a process left, look, and go on to the end."""
    steps = whole.author.steps
    async with at_work(SqliteStore(point.folder / FILE), steps[point.step].at) as exchange:
        await look(whole, point, exchange, result)
        for step in steps[point.step :]:
            await exchange.carry_out(step)
            exchange.check()
        require(exchange.states() == whole.states, f"{point.folder.name}: another end")
        require(exchange.records() == whole.records, f"{point.folder.name}: other records")
        require(exchange.seen() == whole.seen, f"{point.folder.name}: subscribers see something else")
        compare_answers(whole, point, exchange)
    result.starts += 1


async def look(whole: Whole, point: Point, exchange: Exchange, result: Result) -> None:
    """What the journal holds is a beginning of the uninterrupted run, with all that was confirmed.

    The timetable has been followed since: what it did is in the journal as well.
    """
    daemon, name = exchange.daemon, point.folder.name
    for feed, replica in daemon.replicas.items():
        there, number = whole.replicas.get(feed, Replica()), len(replica.bodies)
        require(daemon.found[feed] >= point.acknowledged.get(feed, 0), f"{name}: {feed} has lost records")
        require(there.bodies[:number] == replica.bodies, f"{name}: {feed} has other records")
        require(there.digests[number] == replica.digest, f"{name}: {feed} is in another state than it was")
        result.from_kept_state += await daemon.bare_feed(feed).kept_state() is not None
    result.unconfirmed += daemon.found != point.acknowledged
    exchange.check()


def compare_answers(whole: Whole, point: Point, exchange: Exchange) -> None:
    """Each command is answered as it was, or as one that was carried out already."""
    for command_id, answer in exchange.answered.items():
        before = whole.answered[command_id]
        if answer == before:
            continue
        known = isinstance(answer, Refused) and answer.reason in (
            Reason.DUPLICATE_COMMAND,
            Reason.MARKET_EXISTS,
            Reason.UNKNOWN_MARKET,
        )
        require(known and not isinstance(before, Refused), f"{point.folder.name}: {command_id}: {answer}")
    answered = point.confirmed | exchange.answered.keys()
    require(answered == whole.answered.keys(), f"{point.folder.name}: not everybody has an answer")


def require_trade_ids_once(replicas: dict[str, Replica]) -> None:
    """No id stands for two trades of one instrument, whatever codes markets and symbols had."""
    used: set[tuple[str, str, int]] = set()
    for replica in replicas.values():
        again = Replica()
        for body in replica.bodies:
            again.market.replay_encoded([body])
            code = again.market.model.definition.code
            for event in STANDARD.decode_events(body):
                if isinstance(event, Traded):
                    key = (code, event.symbol, event.trade_id)
                    require(key not in used, f"trade id {key} stands for two trades")
                    used.add(key)


def tear(folder: Path) -> None:
    """The end of the newest write did not arrive."""
    log = folder / f"{FILE}-wal"
    log.write_bytes(log.read_bytes()[:-TORN_BYTES])


def run(folder: Path, every: int = 1, traffic: int = 10, seed: int = 1) -> Iterator[Result]:
    """Play the days and crash at every so many writes; yields what it came to so far.

    Raises:
        Different: an interrupted run was not as the uninterrupted one.
    """
    whole, result = Whole(two_trading_days(seed, traffic)), Result()
    trio.run(play, whole, folder, every, clock=MockClock(autojump_threshold=0))
    result.records = sum(len(replica.bodies) for replica in whole.replicas.values())
    for point in whole.points:
        torn = Path(shutil.copytree(point.folder, point.folder.with_name(f"{point.folder.name}, torn")))
        tear(torn)
        for folder_of in (point.folder, torn):
            there = msgspec.structs.replace(point, folder=folder_of)
            trio.run(crash, whole, there, result, clock=MockClock(autojump_threshold=0))
            shutil.rmtree(folder_of)
        result.points += 1
        yield result


def require(holds: bool, difference: str) -> None:
    """Raises Different unless it holds."""
    if not holds:
        raise Different(difference)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 1 if a run was different."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--every", type=int, default=1, help="crash after every so many writes")
    parser.add_argument("--traffic", type=int, default=10, help="commands of each piece of random traffic")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    began, result = time.monotonic(), Result()
    with tempfile.TemporaryDirectory(prefix="zenithd-crashes-") as folder:
        try:
            for result in run(Path(folder), asked.every, asked.traffic, asked.seed):
                print(f"\r{result.points:,} points", end="", file=sys.stderr)
        except AssertionError as error:
            print(f"\nDIFFERENCE: {error}")
            return 1
    print(f"\n{msgspec.json.encode(result).decode()} {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
