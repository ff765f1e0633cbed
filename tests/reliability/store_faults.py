"""Put a store that fails under the whole exchange: its markets, participants and supervisor.

    python -m tests.reliability.store_faults [--store sqlite|postgresql] [--rounds 3] [--seed 1]

The demonstration trades over a real journal while its store is slow, fails once (before it wrote, or after),
fails for a while, is full, or says that it wrote and did not. An operator's client keeps giving commands.
While it fails nothing is told or confirmed that the journal has not acknowledged; the caller, the source's
status and the log say why; when the store is well again the market comes back with all that was confirmed,
and no trade id stands for two trades. A store that lied is found out at the next failure: the market stays
closed.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.reliability.crash_points import require, require_trade_ids_once
from tests.reliability.lib_exchange import JournalDaemon
from tests.reliability.lib_stores import FaultStore, LoopThread, failing
from zenithd.bench.postgresql import own_server
from zenithd.domain.identifiers import MarketId
from zenithd.domain.market_data import FeedStatus
from zenithd.journal import Journal, JournalSettings, State
from zenithd.journal.postgresql import PostgresqlStore
from zenithd.journal.sqlite import SqliteStore
from zenithd.journal.store import Store
from zenithd.plugin.loaded import PluginState, SourceStatus
from zenithd.supervisor import Attempt, Supervised, SupervisionSettings, supervise
from zenithd.testing.clock import FakeClock
from zenithd_prodigy import Prodigy, ProdigyConfig
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.refusals import Refused
from zenithd_prodigy.keeper import KeeperStopped
from zenithd_prodigy.model.events import ReferenceSet

MARKET, SYMBOL, NAME = "XSX", "XS01", "Proof"
CONFIG = ProdigyConfig(history_days=0, second_market=False, rate=0.5)
WORK_SECONDS = 2.0
"""Trading between two faults."""
PATIENCE_SECONDS = 300.0
COMMIT_SECONDS_MAX = 5.0
OUTAGE_SECONDS = 6.0


class Site:
    """An exchange under supervision over a store that can fail.

    Attributes:
        confirmed: numbers that the client was told are kept.
        unknown: numbers of which the client was told that nothing is known.
        statuses: of the source, in their order.
    """

    def __init__(self, store: FaultStore) -> None:
        self.store = store
        self.thread = LoopThread()
        settings = JournalSettings(commit_seconds_max=COMMIT_SECONDS_MAX)
        self.journal = Journal(store, settings, self.thread, LoopThread())
        self.daemon = JournalDaemon(self.journal, FakeClock("2026-01-05T12:00:00+11:00"), False)
        self.confirmed: list[int] = []
        self.unknown: list[int] = []
        self.statuses: list[SourceStatus] = []
        self._number = 0

    def build(self, attempt: Attempt) -> Site:
        """What the supervisor runs next."""
        attempt.declared()  # how long a start may take is not the question here
        return self

    def report(self, status: SourceStatus) -> None:
        """As the daemon does it: subscribers are told that the source does not work."""
        self.statuses.append(status)
        if status.state is PluginState.IMPAIRED and MARKET in self.daemon.markets:
            self.daemon.set_status(MarketId(MARKET), FeedStatus.IMPAIRED, status.reason)

    async def run(self) -> None:
        """Run the source, after looking at what the journal holds."""
        await self.daemon.read_replicas()
        source = Prodigy(CONFIG, self.daemon)
        self.daemon.floor = source._floor
        await source.run()

    async def give_commands(self) -> None:
        """An operator's client, who never stops."""
        while True:
            await trio.sleep(0.25)
            keeper = None if self.daemon.floor is None else self.daemon.floor.find(MARKET)
            if keeper is None or self.daemon.status(MARKET) is not FeedStatus.ACTIVE:
                continue
            self._number += 1
            command = c.SetReference(market=MARKET, symbol=SYMBOL, name=NAME, price=self._number)
            try:
                outcome = await keeper.execute(command)
                require(not isinstance(outcome, Refused), f"refused: {outcome}")
                self.confirmed.append(self._number)
            except KeeperStopped:
                self.unknown.append(self._number)

    def recorded(self) -> list[int]:
        """The client's numbers in the journal."""
        return [
            event.price or 0
            for replica in self.daemon.replicas.values()
            for body in replica.bodies
            for event in replica.market.design.decode_events(body)
            if isinstance(event, ReferenceSet) and event.name == NAME
        ]

    async def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait in trio's time.

        Raises:
            Different: it did not come.
        """
        until = trio.current_time() + PATIENCE_SECONDS
        while not condition():
            require(trio.current_time() < until, f"{what} did not come: {self.journal.reason}")
            await trio.sleep(0.05)

    async def trades_on(self) -> None:
        """The market is at work: confirms and publishes."""
        confirmed, batches = len(self.confirmed) + 3, len(self.daemon.batches) + 10
        await self.wait(
            lambda: len(self.confirmed) >= confirmed and len(self.daemon.batches) >= batches, "trading"
        )
        require(self.daemon.status(MARKET) is FeedStatus.ACTIVE, "the market is not active")


# Faults


async def fails_once(site: Site) -> str:
    """Nothing is written."""

    def fail() -> None:
        site.store.before_commit = lambda: None
        failing("the disk failed once")()

    site.store.before_commit = fail
    return "the disk failed once"


async def fails_after_writing(site: Site) -> str:
    """It is written, and the store says that it failed."""

    def fail() -> None:
        site.store.after_commit = lambda: None
        failing("fsync failed")()

    site.store.after_commit = fail
    return "fsync failed"


async def fails_for_a_while(site: Site) -> str:
    """Neither writes nor opens."""
    site.store.before_commit = site.store.on_open = failing("the disk is gone")
    await site.wait(lambda: site.journal.state is State.REFUSING, "the refusal")
    await silent(site, OUTAGE_SECONDS)
    require("the disk is gone" in site.journal.reason, f"the journal says {site.journal.reason!r}")
    site.store.before_commit = site.store.on_open = lambda: None
    return "the disk is gone"


async def is_full(site: Site) -> str:
    """Refuses to write, and can be read and opened."""
    site.store.before_commit = failing("database or disk is full")
    await site.wait(lambda: bool(site.statuses) and "full" in site.statuses[-1].reason, "the status")
    await trio.sleep(OUTAGE_SECONDS)
    site.store.before_commit = lambda: None
    return "database or disk is full"


async def is_slow(site: Site) -> str:
    """Takes longer than the limit, and ends all the same."""
    site.thread.held = True
    await site.wait(lambda: bool(site.thread.waiting), "a commit")
    await silent(site, COMMIT_SECONDS_MAX + OUTAGE_SECONDS)
    site.thread.release()
    return "a commit takes longer"


async def is_late(site: Site) -> str:
    """Takes long, within the limit: nothing fails, and nothing is told meanwhile."""
    site.thread.held = True
    await site.wait(lambda: bool(site.thread.waiting), "a commit")
    await silent(site, COMMIT_SECONDS_MAX / 2)
    site.thread.release()
    return ""


async def silent(site: Site, seconds: float) -> None:
    """Nothing new is confirmed while no commit succeeds; what is told is checked by the daemon."""
    await trio.testing.wait_all_tasks_blocked()
    confirmed, position = list(site.confirmed), site.journal.head.position
    await trio.sleep(seconds)
    require(site.confirmed == confirmed, "something was confirmed that is not written")
    require(site.journal.head.position == position, "the journal acknowledged what is not written")


FAULTS: tuple[Callable[[Site], Awaitable[str]], ...] = (
    fails_once,
    fails_after_writing,
    fails_for_a_while,
    is_full,
    is_slow,
    is_late,
)


class Result(msgspec.Struct):
    """What was seen."""

    faults: int = 0
    confirmed: int = 0
    unknown: int = 0
    written_unconfirmed: int = 0
    """Of the unknown ones, those that the journal holds."""
    starts: int = 0
    damage: str = ""


async def trouble(store: Store, rounds: int, seed: int, result: Result) -> None:
    """Every fault, so many times, in any order; then a store that lied."""
    site = Site(FaultStore(store))
    order = [fault for _ in range(rounds) for fault in FAULTS]
    random.Random(seed).shuffle(order)
    await site.journal.open()
    async with site.daemon.http, trio.open_nursery() as nursery:
        nursery.start_soon(site.journal.run)
        settings = SupervisionSettings(backoff_seconds_max=2.0, restarts_max=1_000)
        source = Supervised(name="prodigy", build=site.build, report=site.report)
        nursery.start_soon(supervise, source, settings, random.Random(seed), nursery)
        nursery.start_soon(site.give_commands)
        for fault in order:
            await site.trades_on()
            await trio.sleep(WORK_SECONDS)
            await cause(site, fault)
            result.faults += 1
        await site.trades_on()
        compare(site, result)
        await lie(site, result)
        nursery.cancel_scope.cancel()


async def cause(site: Site, fault: Callable[[Site], Awaitable[str]]) -> None:
    """A fault, which everybody must have been told of."""
    said, unknown = len(site.statuses), len(site.unknown)
    with capture_logs() as logs:
        reason = await fault(site)
        await site.trades_on()
    impaired = [one.reason for one in site.statuses[said:] if one.state is PluginState.IMPAIRED]
    logged = [str(line.get("reason")) for line in logs if line["event"] == "journal refuses"]
    name = fault.__name__
    if reason:
        require(any(reason in one for one in impaired), f"{name}: the status says {impaired}")
        require(any(reason in one for one in logged), f"{name}: the log says {logged}")
    else:
        require(not impaired and not logged, f"{name}: {impaired}, {logged}")
        require(len(site.unknown) == unknown, f"{name}: somebody was told that nothing is known")


def compare(site: Site, result: Result) -> None:
    """All that was confirmed is there once, in its order, and nothing that nobody brought."""
    recorded = site.recorded()
    require(recorded == sorted(set(recorded)), "a command was carried out twice, or out of order")
    require(set(site.confirmed) <= set(recorded), "something confirmed is lost")
    beyond = set(recorded) - set(site.confirmed)
    under_way = {max([*site.confirmed, *site.unknown]) + 1}
    require(beyond <= set(site.unknown) | under_way, "something is recorded that was said to be refused")
    require_trade_ids_once(site.daemon.replicas)
    result.confirmed, result.unknown = len(site.confirmed), len(site.unknown)
    result.written_unconfirmed = len(beyond & set(site.unknown))
    result.starts = 1 + site.statuses[-1].restarts


async def lie(site: Site, result: Result) -> None:
    """The store says that it wrote and did not; at the next failure that is found, and nothing goes on."""
    site.store.lies = True
    await site.trades_on()
    site.store.lies = False
    site.store.before_commit = failing("power cut")
    await site.wait(lambda: site.journal.state is State.DAMAGED, "the damage")
    site.store.before_commit = lambda: None
    require("acknowledged and is missing" in site.journal.reason, site.journal.reason)
    await trio.sleep(OUTAGE_SECONDS)
    confirmed, batches = len(site.confirmed), len(site.daemon.batches)
    await trio.sleep(OUTAGE_SECONDS)
    require(len(site.confirmed) == confirmed, "a damaged journal confirms")
    require(site.statuses[-1].state is PluginState.IMPAIRED, f"the source is {site.statuses[-1]}")
    require("is missing" in site.statuses[-1].reason, f"the status says {site.statuses[-1].reason!r}")
    require(len(site.daemon.batches) == batches, "a market without its journal tells subscribers something")
    result.damage = site.journal.reason


def run(store: str = "sqlite", rounds: int = 3, seed: int = 1) -> Result:
    """All faults under one exchange.

    Raises:
        Different: something was told that is not kept, or lost, or a fault could not be seen.
    """
    result = Result()
    with ExitStack() as made:
        if store == "postgresql":
            place: Store = PostgresqlStore(made.enter_context(own_server()).url)
        else:
            folder = made.enter_context(tempfile.TemporaryDirectory(prefix="zenithd-faults-"))
            place = SqliteStore(Path(folder) / "journal.db")
        trio.run(trouble, place, rounds, seed, result, clock=MockClock(autojump_threshold=0))
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    print(msgspec.json.encode(run(asked.store, asked.rounds, asked.seed)).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
