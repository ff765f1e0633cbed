"""Let the wall clock jump both ways under the exchange, at work and over restarts.

    python -m tests.reliability.clock_jumps [--runs 100] [--jumps 60] [--seed 1]

A market with the usual day of an exchange, holidays and half days, and one that is open round the clock,
trade in Sydney about the end of summer time. The clock jumps by up to a day and a half forward and back, also
between two looks at it within one command, and more often forward than back, so that days pass. Then every
record is looked at: times never go back, every phase came once and none was left out, no order expired before
its time or twice, and none is there whose time is over. What a jump forward made happen stays: the market
goes by the clock that it sees, and waits where the clock goes back.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.reliability.lib_exchange import Exchange, Replica, ScriptClock, at_work
from tests.reliability.lib_trading_days import ASK, BID, FRIDAY, MONDAY, THURSDAY, TIMETABLE, ZONE, instant
from zenithd.journal.sqlite import SqliteStore
from zenithd.journal.verification import verify
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.exchange import Market
from zenithd_prodigy.keeper import LOOK_SECONDS
from zenithd_prodigy.model import events as e
from zenithd_prodigy.model.definitions import Entity, SymbolDefinition
from zenithd_prodigy.model.orders import CloseReason, TimeInForce
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.timetable.due import Place, phases_after
from zenithd_prodigy.timetable.plan import round_the_clock

HOUR = 3_600 * 1_000_000_000
RESTARTS = 0.15
"""Share of the jumps over which the exchange is started anew."""


class JumpingClock(ScriptClock):
    """Jumps when it is told, and now and then between two looks."""

    def __init__(self, now: int, source: random.Random) -> None:
        super().__init__(now)
        self._random = source
        self.jumps = {"forward": 0, "back": 0}

    def now(self) -> int:
        """Nanoseconds since the Unix epoch."""
        if self._random.random() < 0.03:
            self.jump()
        return self.wall

    def jump(self) -> None:
        """By up to a day and a half forward, or a day back."""
        hours = self._random.choice((0.1, 1, 1, 2, 4, 8, 36)) * self._random.random()
        back = self._random.random() < 0.4
        self.wall += round((-min(hours, 24) if back else hours) * HOUR)
        self.jumps["back" if back else "forward"] += 1


class Result(msgspec.Struct):
    """What was seen."""

    runs: int = 0
    forward: int = 0
    back: int = 0
    restarts: int = 0
    phases: int = 0
    expired: int = 0
    days: int = 0


async def live(folder: Path, seed: int, jumps: int, result: Result) -> None:
    """Let one clock jump so many times, and look at what was recorded."""
    source = random.Random(seed)
    clock = JumpingClock(instant("2026-04-02 06:00"), source)
    left = jumps
    while left > 0:
        async with at_work(SqliteStore(folder / "journal.db"), clock) as exchange:
            if not list(exchange.floor):
                await found(exchange)
            while left > 0:
                left -= 1
                clock.jump()
                if source.random() < RESTARTS:
                    result.restarts += 1
                    break
                await trio.sleep(3 * LOOK_SECONDS)
                await trade(exchange, source)
            await wait_all_tasks_blocked()  # a commit may be under way
            exchange.check()
            replicas = exchange.daemon.replicas
    reader = SqliteStore(folder / "journal.db").reader()
    try:
        verify(reader)  # also that the dates of records do not go back
    finally:
        reader.close()
    for replica in replicas.values():
        inspect(replica, result)
    result.runs += 1
    result.forward += clock.jumps["forward"]
    result.back += clock.jumps["back"]


async def found(exchange: Exchange) -> None:
    """Two markets, each with a timetable."""
    timetables = {"M": TIMETABLE, "N": round_the_clock(ZONE, "02:30")}
    for market, timetable in timetables.items():
        await exchange.give(c.CreateMarket(market=market, time_zone=ZONE, status=Status.OPEN))
        for command in (
            c.ListSymbol(market=market, definition=SymbolDefinition(code="S")),
            c.AddEntity(market=market, definition=Entity("A")),
            c.SetTimetable(market=market, timetable=timetable),
        ):
            await exchange.give(command)


async def trade(exchange: Exchange, source: random.Random) -> None:
    """Orders of every lasting, some of which meet."""
    for _ in range(source.randint(1, 5)):
        lasting = source.choice((TimeInForce.DAY, TimeInForce.DAY, TimeInForce.GTD, TimeInForce.GTC))
        expiry = source.choice((THURSDAY, FRIDAY, MONDAY)) if lasting is TimeInForce.GTD else None
        side, market = source.choice((BID, ASK)), source.choice("MN")
        price = source.randint(95, 104) - (3 if side is BID else -3)
        await exchange.give(
            c.PlaceOrder(
                market=market, symbol="S", entity="A", side=side, quantity=source.randint(1, 9), price=price,
                time_in_force=lasting, expiry=expiry,
            )
        )  # fmt: skip


def inspect(replica: Replica, result: Result) -> None:
    """Raises AssertionError if a rule of time was broken."""
    market, orders = Market(), dict[int, e.OrderPlaced]()
    entered: dict[int, tuple[object, bool]] = {}
    time, place = 0, None
    for body in replica.bodies:
        for event in market.design.decode_events(body):
            model = market.model
            assert event.time >= time, f"time went back from {time} to {event.time}"
            time = event.time
            if isinstance(event, e.TimetableSet):
                place = event.place
            elif isinstance(event, e.PhaseReached):
                assert place is not None
                inspect_phase(market, place, event)
                place = event.place
                result.phases += 1
            elif isinstance(event, e.OrderPlaced):
                orders[event.order] = event
                entered[event.order] = (model.trading_date, model.day_ended)
            elif isinstance(event, e.OrderClosed) and event.reason is CloseReason.EXPIRED:
                inspect_expiry(market, orders.pop(event.order), entered[event.order])
                result.expired += 1
            result.days += isinstance(event, e.TradingDayStarted)
            model.apply(event)
        inspect_rest(market)


def inspect_phase(market: Market, place: Place, event: e.PhaseReached) -> None:
    """The one that follows, and not before its time."""
    following = next(phases_after(market.model.timetable, place))
    assert event.place == following.place, f"{event.place} after {place}"
    assert event.time >= following.at, f"{event.place} came before its time"


def inspect_expiry(market: Market, order: e.OrderPlaced, entered: tuple[object, bool]) -> None:
    """Called once for an order; its day has ended, or a later one has begun."""
    model = market.model
    if order.expiry is None:
        assert order.time_in_force is TimeInForce.DAY
        assert model.day_ended, "a day order expired on its day"
        same = entered[0] in (None, model.trading_date)
        assert same or entered[1], "a day order expired on another day"
    else:
        over = model.trading_date > order.expiry or (model.trading_date == order.expiry and model.day_ended)
        assert over, f"an order for {order.expiry} expired on {model.trading_date}"


def inspect_rest(market: Market) -> None:
    """After a command no order is left whose date is over."""
    model = market.model
    for symbol in model.symbols.values():
        for order in symbol.orders.values():
            if order.expiry is not None and model.trading_date is not None:
                assert order.expiry >= model.trading_date, f"an order for {order.expiry} is left"


def run(runs: int, jumps: int, seed: int) -> Result:
    """So many clocks.

    Raises:
        AssertionError: a rule of time was broken.
    """
    result = Result()
    for number in range(seed, seed + runs):
        with tempfile.TemporaryDirectory(prefix="zenithd-clocks-") as folder:
            trio.run(live, Path(folder), number, jumps, result, clock=MockClock(autojump_threshold=0))
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--jumps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    print(msgspec.json.encode(run(asked.runs, asked.jumps, asked.seed)).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
