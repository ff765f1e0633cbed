"""Orders while their venue is away, their clock jumps, or their store fails.

    python -m tests.reliability.order_faults [--orders 400] [--seed 1] [--only away|clock|store]

The scenario of `order_crash_points` goes on meanwhile, and is compared as there.

- away: the venue is gone for an hour, with requests on the line, and trades without being heard. What is
  placed then waits, and is rejected with `Timeout` after its 30 seconds; nothing goes out twice.
- clock: the wall clock jumps both ways, by up to hours, between any two steps. The time of updates never goes
  back, and nothing that was decided is decided again.
- store: a real journal in SQLite whose store fails once, after it wrote, or for a while. Who is told that
  nobody knows asks again, and has one order.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random

import trio
from structlog.testing import capture_logs

from tests.oms.desk import START, D, new
from tests.reliability.lib_naive_ledger import NaiveLedger
from tests.reliability.lib_order_checks import Different, check, check_settled, require
from tests.reliability.lib_order_process import ACCOUNTS, Outside, Process, run_repeatably
from tests.reliability.lib_stores import FaultStore, LoopThread, failing
from tests.reliability.order_crash_points import Scenario, ask_again, settle
from zenithd.journal import Journal, JournalSettings
from zenithd.journal.sqlite import SqliteStore
from zenithd.journal_feeds import PluginFeed
from zenithd.oms.model.requests import OrderNew
from zenithd.oms.model.updates import decode_updates
from zenithd.oms.rules import NANOSECONDS
from zenithd.oms.state import OmsState

AWAY_SECONDS = 3_600
STEP_SECONDS = 60
JUMPS: tuple[float, ...] = (-7_200.0, -60.0, -1.0, 0.5, 45.0, 3_600.0)
DRIFT_MAX = 8 * 3_600 * NANOSECONDS
"""Within the trading day: later, completed orders are rightly forgotten."""
FAULT_EVERY = 12
"""Steps of the scenario from one fault of the store to the next, on average."""
OUTAGE_SECONDS_MAX = 6.0
BETWEEN_SECONDS_MAX = 1.0
"""Between two steps, in which the journal and the orders come back."""
PATIENCE_SECONDS = 120.0

Told = dict[str, object]


async def away(orders: int, seed: int) -> Told:
    """A venue that is away for an hour."""
    outside = Outside()
    process = Process(outside, seed)
    draw = Random(seed)
    async with process.run():
        await process.prepare()
        await Scenario(outside, process, seed).play(orders)  # leaves with requests on the line
        on_the_line, sends = len(outside.venue.line), sum(outside.venue.sent.values())
        placed: list[str] = []
        for number in range(AWAY_SECONDS // STEP_SECONDS):
            request = new(
                request_id=f"away {number}",
                account=draw.choice(ACCOUNTS),
                quantity=D(10),
                price=D("1.50"),
            )
            await process.ask(request)
            placed.append(outside.acknowledged[request.account, request.request_id][0])
            outside.venue.fill(draw.randrange(1_000), draw.randrange(1_000))
            await process.pass_time(STEP_SECONDS)
            check(outside, process.state)
        require(sum(outside.venue.sent.values()) == sends, "something was sent to a venue that is away")
        _require_timed_out(process.state, placed)
        unknown = sum(
            request.status.value == "Unknown"
            for held in process.state.requests.values()
            for request in held.values()
        )
        async with process.connected():
            await settle(process)
            check_settled(outside, process.state)
    return {
        "seconds": AWAY_SECONDS,
        "timed out": len(placed),
        "on the line": on_the_line,
        "unknown at the end of the hour": unknown,
        "trades": len(outside.venue.trades),
    }


def _require_timed_out(state: OmsState, placed: Sequence[str]) -> None:
    for held in state.orders.values():
        for order in held.values():
            if order.order_id in placed:
                told = (order.status, order.errors)
                require(told == ("Rejected", ("Timeout",)), f"{order.order_id}, of the hour, is {told}")


async def clock(orders: int, seed: int) -> Told:
    """A clock that jumps both ways."""
    outside = Outside()
    process = Process(outside, seed)
    draw = Random(seed)
    jumps: Counter[str] = Counter()
    times = [0]

    async def jump() -> None:
        await trio.lowlevel.checkpoint()
        if draw.random() < 0.15:
            there = outside.now + int(draw.choice(JUMPS) * draw.random() * NANOSECONDS)
            there = min(max(there, START - DRIFT_MAX), START + DRIFT_MAX)
            jumps["forward" if there > outside.now else "back"] += 1
            outside.now = there
        require(process.state.time >= times[-1], "the time of updates went back")
        times.append(process.state.time)
        if len(times) % 20 == 0:
            check(outside, process.state)

    async with process.run():
        await process.prepare()
        scenario = Scenario(outside, process, seed)
        scenario.between = jump
        await scenario.play(orders)
    outside.now = max(outside.now, process.state.time)  # the clock is right again
    process = Process(outside, seed)
    async with process.run(), process.connected():
        await settle(process)
        check_settled(outside, process.state)
    return {"jumps": dict(jumps), "orders": scenario.placed, "sends": sum(outside.venue.sent.values())}


async def store(orders: int, seed: int) -> Told:
    """A store that fails under the order path."""
    with tempfile.TemporaryDirectory(prefix="zenithd-order-faults-") as folder, capture_logs():
        return await _store(Path(folder), orders, seed)


class StoreFaults:
    """Breaks a store now and then, and mends it a few seconds later."""

    def __init__(self, store: FaultStore, seed: int) -> None:
        self.caused: Counter[str] = Counter()
        self._store = store
        self._random = Random(seed)
        self._mended_at = 0.0

    async def step(self) -> None:
        """Between two steps of the scenario."""
        await trio.sleep(self._random.random() * BETWEEN_SECONDS_MAX)
        if trio.current_time() > self._mended_at and self._random.random() < 1 / FAULT_EVERY:
            self._break()

    def mend(self) -> None:
        """All is well again."""
        store = self._store
        store.before_commit = store.after_commit = store.on_open = lambda: None

    def _break(self) -> None:
        store = self._store
        kind = self._random.choice(("before it wrote", "after it wrote", "for a while"))
        self.caused[kind] += 1
        if kind == "for a while":
            self._mended_at = trio.current_time() + self._random.uniform(0.5, OUTAGE_SECONDS_MAX)
            store.before_commit = store.on_open = self._for_a_while
        elif kind == "after it wrote":
            store.after_commit = self._once
        else:
            store.before_commit = self._once

    def _for_a_while(self) -> None:
        if trio.current_time() < self._mended_at:
            failing("the disk is gone")()

    def _once(self) -> None:
        self.mend()
        failing("the disk failed once")()


async def _store(folder: Path, orders: int, seed: int) -> Told:
    outside = Outside()
    faulty = FaultStore(SqliteStore(folder / "journal.db"))
    journal = Journal(faulty, JournalSettings(), LoopThread(), LoopThread())
    await journal.open()
    feed = PluginFeed(journal, "oms", lambda: outside.now)
    process = Process(outside, seed, feed)
    faults = StoreFaults(faulty, seed)
    unknown = 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        async with process.run():
            await process.prepare()
            scenario = Scenario(outside, process, seed)
            scenario.between = faults.step
            await scenario.play(orders)
            faults.mend()
            with trio.fail_after(PATIENCE_SECONDS):
                while process.desk.refusal:  # noqa: ASYNC110 - of a state that tells nobody
                    await trio.sleep(0.1)
            unknown = len(outside.pending)
            async with process.connected():
                await ask_again(process, Random(seed))
                await settle(process)
                outside.journal.ledger = await ledger_of(feed)
                check_settled(outside, process.state)
        again = Process(outside, seed, feed)
        async with again.run():
            outside.journal.ledger = await ledger_of(feed)
            check(outside, again.state)
        nursery.cancel_scope.cancel()
    return {
        "faults": dict(faults.caused),
        "store opened": faulty.opened,
        "told that nobody knows": unknown,
        "orders": sum(isinstance(request.body, OrderNew) for _, request in outside.acknowledged.values()),
        "sends": sum(outside.venue.sent.values()),
        "never arrived": sum(outside.venue.given_back.values()),
    }


async def ledger_of(feed: PluginFeed) -> NaiveLedger:
    """The naive ledger of all that a journal holds."""
    ledger = NaiveLedger()
    async for _, body in feed.read():
        for kept in decode_updates(body):
            ledger.apply(kept)
    return ledger


PROOFS: dict[str, Callable[[int, int], Awaitable[Told]]] = {"away": away, "clock": clock, "store": store}


def run(name: str, orders: int, seed: int) -> Told:
    """One of the proofs. Raises Different."""
    return run_repeatably(seed, PROOFS[name], orders, seed)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 1 if something was lost or doubled."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--orders", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=PROOFS)
    asked = parser.parse_args(arguments)
    failed = False
    for name in PROOFS if asked.only is None else [asked.only]:
        began = time.monotonic()
        try:
            told = run(name, asked.orders, asked.seed)
            print(f"{name}: {json.dumps(told)} {time.monotonic() - began:.0f} s")
        except* Different as differences:
            failed = True
            found: BaseException = differences
            while isinstance(found, BaseExceptionGroup):
                found = found.exceptions[0]
            print(f"{name}: DIFFERENCE: {found}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
