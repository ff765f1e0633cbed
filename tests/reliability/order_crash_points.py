"""End the process at every point of an order's way, and see whether what was acknowledged is there, once.

    python -m tests.reliability.order_crash_points [--orders 2000] [--every 1] [--first 0] [--seed 1]

Clients place, amend, cancel, move, hold and release orders on four accounts, several at once; a simulated
venue loses, repeats and delays what goes over its line. After every write of the journal (a commit, or a kept
state) and before and after every send to the venue the process ends: a fork of it, whose order task, feeds
and adapter are left where they stand, starts anew from the journal alone. What was on the line is lost,
arrives before anything else, or later. Then

- before the venue is there: every acknowledged request and order is known, whatever may have been sent is
  `Unknown`, and three recomputations agree: the views, a naive ledger of the journal's records, and the
  venue's own trades as far as they were heard of;
- clients who had no answer ask again and get one, others get the one that they had;
- when everything was delivered: nothing was sent again without evidence or arrived twice, every fill is
  booked once, nobody is in doubt, and the venue has the same orders.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from random import Random

import msgspec
import trio
from trio.testing import wait_all_tasks_blocked

from tests.oms.desk import D, X, amendment, new
from tests.reliability.lib_order_checks import Different, check_after_start, check_settled
from tests.reliability.lib_order_process import (
    ACCOUNTS,
    AUTHORISED_QUANTITY,
    Outside,
    Process,
    run_repeatably,
)
from zenithd.oms.commands import Prices
from zenithd.oms.model.orders import OrderState, Side
from zenithd.oms.model.requests import (
    ClientQueue,
    ClientQueueUpdate,
    ClientRequest,
    ClientRequestUpdate,
    OrderCancel,
    OrderMove,
    RequestStatus,
)

SETTLE_ROUNDS = 8
TOLD_MAX = 20_000
"""Characters of a traceback that are told."""
RECENT = 60
"""Of so many orders one is amended, cancelled or moved."""


class Scenario:
    """Clients and a venue, drawn from a seed."""

    def __init__(self, outside: Outside, process: Process, seed: int) -> None:
        self.outside = outside
        self.process = process
        self.random = Random(seed)
        self.placed = 0
        self.asked: Counter[str] = Counter()
        self.between: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
        """Called between two steps."""
        self._number = 0
        self._connection = AsyncExitStack()

    async def play(self, orders: int) -> None:
        """Until so many orders were asked for."""
        await self._connect()
        while self.placed < orders:
            await self.between()
            await self._step()
        await self._connection.aclose()

    async def _step(self) -> None:
        draw, venue, process = self.random, self.outside.venue, self.process
        kind = draw.random()
        if kind < 0.34:
            async with trio.open_nursery() as nursery:
                for _ in range(draw.choice((1, 1, 2, 4))):
                    nursery.start_soon(process.ask, self._request())
        elif kind < 0.60:
            for _ in range(min(len(venue.line), draw.randint(1, 4))):
                venue.arrive(draw.randrange(min(len(venue.line), 3)), draw.randrange(1_000))
        elif kind < 0.63:
            if venue.line:
                venue.line.pop(draw.randrange(len(venue.line)))
        elif kind < 0.76:
            for _ in range(draw.randint(1, 3)):
                venue.fill(draw.randrange(1_000), draw.randrange(1_000))
        elif kind < 0.93:
            process.release(draw.randint(1, 6))
        elif kind < 0.95:
            await process.repeat(draw.randrange(10**6))
        elif kind < 0.97:
            process.desk.post(Prices("XSX", "XS01", X, D(draw.randint(100, 400)) / 100))
        elif kind < 0.98:
            venue.end(draw.randrange(1_000))
        elif kind < 0.992:
            await process.pass_time(draw.choice((0.5, 2.0, 31.0)))
        else:
            await self._connection.aclose()
            await process.pass_time(draw.choice((0.0, 5.0)))
            await self._connect()
        await wait_all_tasks_blocked()

    async def _connect(self) -> None:
        self._connection = AsyncExitStack()
        await self._connection.enter_async_context(self.process.connected())

    # Requests

    def _request(self) -> ClientRequest:
        draw = self.random
        self._number += 1
        order = self._pick()
        kind = draw.random()
        if kind < 0.03 and self.outside.acknowledged:
            self.asked["again"] += 1
            return draw.choice(list(self.outside.acknowledged.values()))[1]
        if order is None or kind < 0.58:
            self.placed += 1
            self.asked["place"] += 1
            return self._placement()
        if order.status == "Queued":
            self.asked["authorise"] += 1
            return self._release(order)
        if kind < 0.75:
            self.asked["amend"] += 1
            quantity, price = D(10 * draw.randint(1, 30)), D(draw.randint(150, 250)) / 100
            return amendment(order, f"A{self._number}", quantity=quantity, price=price)
        if kind < 0.92:
            self.asked["cancel"] += 1
            body = OrderCancel(
                order_id=order.order_id, code="XS01", exchange="XSX", side=order.side, quantity=D(0)
            )
            return ClientRequest(request_id=f"C{self._number}", account=order.account, body=body)
        self.asked["move"] += 1
        target = draw.choice([account for account in ACCOUNTS if account != order.account])
        move = OrderMove(
            order_id=order.order_id,
            prev_account=order.account,
            code="XS01",
            exchange="XSX",
            side=order.side,
        )
        return ClientRequest(request_id=f"M{self._number}", account=target, body=move)

    def _placement(self) -> ClientRequest:
        draw = self.random
        properties = {}
        if draw.random() < 0.06:
            self.asked["condition"] += 1
            properties = {"Condition": "StopLoss", "Condition.Stop": str(D(draw.randint(100, 400)) / 100)}
        return new(
            request_id=f"P{self._number}",
            account=draw.choice(ACCOUNTS),
            side=draw.choice((Side.BUY, Side.SELL)),
            price=D(draw.randint(150, 250)) / 100,
            quantity=AUTHORISED_QUANTITY if draw.random() < 0.05 else D(10 * draw.randint(1, 30)),
            properties=properties,
        )

    def _release(self, order: OrderState) -> ClientRequest:
        refuses = self.random.random() < 0.3
        update = ClientRequestUpdate(
            request_id="",
            order_id=order.order_id,
            account=order.account,
            status=RequestStatus.REJECTED if refuses else None,
            target=None if refuses else ClientQueue(),
        )
        body = ClientQueueUpdate(update=update)
        return ClientRequest(request_id=f"Q{self._number}", account=order.account, body=body)

    def _pick(self) -> OrderState | None:
        account = self.random.choice(ACCOUNTS)
        orders = list(self.process.state.orders.get(account, {}).values())[-RECENT:]
        return self.random.choice(orders) if orders else None


class Found(msgspec.Struct):
    """What a start found, and what went wrong after it (empty: nothing)."""

    difference: str = ""
    unknown: int = 0
    """Requests of which nobody knew what became."""
    unanswered: int = 0
    """Requests that had no answer when the process ended,"""
    kept: int = 0
    """and of these those that had been kept."""


async def go_on(outside: Outside, point: int) -> Found:
    """Start from what a process left, and come to an end.

    Raises:
        Different: something is not as it was acknowledged.
    """
    draw, venue = Random(point), outside.venue
    outside.journal.written = outside.before_send = outside.after_send = lambda: None
    fate = draw.randrange(3)
    if fate == 0:
        venue.line.clear()
    elif fate == 1:
        venue.arrive_all(draw.randrange(1_000))
    outside.now += draw.choice((0, 1, 45)) * 10**9
    process = Process(outside, point)
    async with process.run():
        state = process.state
        check_after_start(outside, state)
        statuses = [each.status for held in state.requests.values() for each in held.values()]
        found = Found(
            unknown=statuses.count(RequestStatus.UNKNOWN),
            unanswered=len(outside.pending),
            kept=sum(state.digest_of(*key) is not None for key in outside.pending),
        )
        if draw.random() < 0.5:
            await ask_again(process, draw)
        async with process.connected():
            await ask_again(process, draw)
            venue.fill(draw.randrange(1_000), draw.randrange(1_000))
            await settle(process)
            check_settled(outside, process.state)
    return found


async def ask_again(process: Process, draw: Random) -> None:
    """Clients without an answer ask again, and a few who had one."""
    outside = process.outside
    for request in list(outside.pending.values()):
        await process.ask(request)
    for _, request in draw.sample(list(outside.acknowledged.values()), min(5, len(outside.acknowledged))):
        await process.ask(request)


async def settle(process: Process) -> None:
    """Everything is delivered and said."""
    venue = process.outside.venue
    for _ in range(SETTLE_ROUNDS):
        venue.arrive_all()
        process.release(len(venue.said))
        await wait_all_tasks_blocked()
        await process.pass_time(31)


class Crashes:
    """Ends the process at every so many points.

    Attributes:
        points: so many of each kind were tried.
        passed: so many there were.
        found: what the starts found, added up.
    """

    def __init__(self, outside: Outside, every: int, first: int) -> None:
        self.points: Counter[str] = Counter()
        self.passed = 0
        self.found = Found()
        self._outside = outside
        self._every = every
        self._first = first
        outside.journal.written = lambda: self._here("write")
        outside.before_send = lambda: self._here("before a send")
        outside.after_send = lambda: self._here("after a send")

    def _here(self, kind: str) -> None:
        self.passed += 1
        if self.passed >= self._first and self.passed % self._every == 0:
            self.points[kind] += 1
            found = in_a_fork(self._outside, self.passed)
            if found.difference:
                raise Different(f"point {self.passed} ({kind}): {found.difference}")
            self.found.unknown += found.unknown
            self.found.unanswered += found.unanswered
            self.found.kept += found.kept
            if sum(self.points.values()) % 100 == 0:
                print(f"\r{sum(self.points.values()):,} points", end="", file=sys.stderr, flush=True)


def in_a_fork(outside: Outside, point: int) -> Found:
    """What came of it when the process ended here."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        found = [Found("it did not come to an end")]
        thread = threading.Thread(target=_run_there, args=(outside, point, found))
        thread.start()
        thread.join()
        os.write(writing, msgspec.json.encode(found[0]))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    return msgspec.json.decode(told, type=Found) if told else Found(f"the process ended with {status}")


def _run_there(outside: Outside, point: int, found: list[Found]) -> None:
    """In a thread: the loop of the process that ended still stands in the first one."""
    try:
        found[0] = run_repeatably(point, go_on, outside, point)
    except BaseException:  # whatever it is, it is told in the process that is not over
        found[0] = Found(traceback.format_exc()[-TOLD_MAX:])


async def play(orders: int, every: int, first: int, seed: int) -> dict[str, object]:
    """The scenario with its crashes; what it came to."""
    outside = Outside()
    process = Process(outside, seed)
    async with process.run():
        await process.prepare()
        crashes = Crashes(outside, every, first)
        scenario = Scenario(outside, process, seed)
        await scenario.play(orders)
    await go_on(outside, 0)
    return {
        "points": dict(crashes.points),
        "of": crashes.passed,
        "unknown after starts": crashes.found.unknown,
        "unanswered at ends": crashes.found.unanswered,
        "of these kept": crashes.found.kept,
        "asked": dict(scenario.asked),
        "refused": outside.refused,
        "acknowledged": len(outside.acknowledged),
        "records": len(outside.journal.records),
        "sends": sum(outside.venue.sent.values()),
        "never arrived": sum(outside.venue.given_back.values()),
        "trades": len(outside.venue.trades),
        "updates of the venue": len(outside.venue.said),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 1 if something was lost or doubled."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--orders", type=int, default=2_000)
    parser.add_argument("--every", type=int, default=1, help="end at every so many points")
    parser.add_argument("--first", type=int, default=0, help="not before this point")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    difference: BaseException | None = None
    result: dict[str, object] = {}
    try:
        result = run_repeatably(asked.seed, play, asked.orders, asked.every, asked.first, asked.seed)
    except* AssertionError as differences:
        difference = _first_of(differences)
    if difference is not None:
        print(f"\nDIFFERENCE: {difference}")
        return 1
    print(f"\n{json.dumps(result)} {time.monotonic() - began:.0f} s")
    return 0


def _first_of(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


if __name__ == "__main__":
    sys.exit(main())
