"""What is kept, told and answered, and in which order; and that nothing else is after a crash."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from zenithd.domain.events import TradingDayStarted
from zenithd.domain.market_data import Side
from zenithd.plugin import JournalUnavailable, KeptState
from zenithd.testing.memory_feed import MemoryFeed
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.keeper import Declared, Keeper, KeeperSettings, KeeperStopped, Told
from zenithd_prodigy.model.checkpoint import PIECE_ENTRIES
from zenithd_prodigy.model.definitions import Entity, SymbolDefinition
from zenithd_prodigy.model.events import Event, OrderPlaced, Traded
from zenithd_prodigy.model.orders import TimeInForce
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.timetable.plan import EXCHANGE_DAY, Timetable

SECOND_NS = 1_000_000_000
BID, ASK = Side.BID, Side.ASK
DAYS = Timetable(time_zone="UTC", plans={"day": EXCHANGE_DAY}, weekdays=("day",) * 7)
FOUNDING = (
    c.CreateMarket(market="M", status=Status.OPEN),
    c.ListSymbol(market="M", definition=SymbolDefinition(code="S")),
    c.ListSymbol(market="M", definition=SymbolDefinition(code="T")),
    c.AddEntity(market="M", definition=Entity("A")),
    c.StartTradingDay(market="M", trading_date=date(2026, 1, 4)),
)


def at(text: str) -> int:
    """Nanoseconds of a time of UTC."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_NS


class HeldFeed(MemoryFeed):
    """A feed whose appends can be held, and which counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.appends: list[int] = []
        self.released = trio.Event()
        self.released.set()
        self.keeps: list[int] = []

    def hold(self) -> None:
        self.released = trio.Event()

    async def append(self, bodies: Sequence[bytes]) -> int:
        await self.released.wait()
        sequence = await super().append(bodies)
        self.appends.append(len(bodies))
        return sequence

    async def keep_state(self, sequence: int, pieces: Sequence[bytes]) -> None:
        self.keeps.append(sequence)
        await super().keep_state(sequence, pieces)


class World:
    """A keeper with its feed, and what it told."""

    def __init__(self, feed: MemoryFeed | None = None, **settings: int) -> None:
        self.feed = HeldFeed() if feed is None else feed
        self.now = at("2026-01-04T12:00:00")
        self.told: list[Told] = []
        self.keeper = Keeper(self.feed, self.tell, lambda: self.now, KeeperSettings(**settings))

    async def tell(self, told: Sequence[Told]) -> None:
        self.told += told
        await trio.lowlevel.checkpoint()

    @property
    def digest(self) -> str:
        digest: str = self.keeper.market.model.digest()
        return digest

    async def restored(self, **settings: int) -> World:
        """A new keeper of the same feed, as after a crash now."""
        other = World(self.feed, **settings)
        other.now = self.now
        await other.keeper.restore()
        return other

    @asynccontextmanager
    async def running(self) -> AsyncIterator[trio.Nursery]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.keeper.run)
            yield nursery
            nursery.cancel_scope.cancel()


@pytest.fixture
async def world(autojump_clock: trio.testing.MockClock) -> World:
    one = World()
    await one.keeper.prepare(FOUNDING)
    assert isinstance(one.feed, HeldFeed)
    one.feed.appends.clear()
    return one


def order(side: Side, quantity: int, price: int, symbol: str = "S", **terms: Any) -> c.PlaceOrder:
    return c.PlaceOrder(
        market="M", symbol=symbol, entity="A", side=side, quantity=quantity, price=price, **terms
    )


class Asked:
    """Commands on their way, each with its answer once there is one."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.answers: list[Any] = []

    async def ask(self, command: Any) -> None:
        try:
            self.answers.append(await self.keeper.execute(command))
        except KeeperStopped as stopped:
            self.answers.append(stopped)


def held(world: World) -> HeldFeed:
    assert isinstance(world.feed, HeldFeed)
    return world.feed


async def test_commands_that_wait_share_one_append(world: World) -> None:
    asked = Asked(world.keeper)
    held(world).hold()
    async with world.running() as nursery:
        nursery.start_soon(asked.ask, order(BID, 1, 100))
        await wait_all_tasks_blocked()
        for price in range(90, 97):
            nursery.start_soon(asked.ask, order(BID, 1, price))
        await wait_all_tasks_blocked()
        held(world).released.set()
        await wait_all_tasks_blocked()
        assert held(world).appends == [1, 7]
        assert len(asked.answers) == 8


async def test_no_more_are_carried_out_together_than_the_setting_says(world: World) -> None:
    world = await world.restored(commands_together_max=3)
    asked = Asked(world.keeper)
    async with world.running() as nursery:
        await wait_all_tasks_blocked()
        held(world).hold()
        nursery.start_soon(asked.ask, order(BID, 1, 100))
        await wait_all_tasks_blocked()
        for price in range(90, 97):
            nursery.start_soon(asked.ask, order(BID, 1, price))
        await wait_all_tasks_blocked()
        held(world).released.set()
        await wait_all_tasks_blocked()
        assert held(world).appends == [1, 3, 3, 1]


async def test_nothing_is_told_or_answered_before_it_is_kept(world: World) -> None:
    asked = Asked(world.keeper)
    observed: list[list[Event]] = []
    world.keeper.observers.append(observed.append)
    held(world).hold()
    async with world.running() as nursery:
        nursery.start_soon(asked.ask, order(ASK, 5, 100))
        nursery.start_soon(asked.ask, order(ASK, 5, 101))
        await wait_all_tasks_blocked()
        assert (world.told, asked.answers) == ([], [])
        assert len(observed) >= 1  # participants within may know
        held(world).released.set()
        await wait_all_tasks_blocked()
        assert len(world.told) == 2
        assert [type(answer[0]) for answer in asked.answers] == [OrderPlaced, OrderPlaced]


async def test_a_refusal_is_answered_and_leaves_no_record(world: World) -> None:
    records = len(world.feed.records)
    async with world.running():
        outcome = await world.keeper.execute(c.CancelOrder(market="M", symbol="S", entity="A", order=99))
        assert isinstance(outcome, Refused)
        assert outcome.reason is Reason.UNKNOWN_ORDER
        assert len(world.feed.records) == records
        assert held(world).appends == []
        assert world.told == []


async def test_refusals_and_events_of_one_commit_go_to_who_asked(world: World) -> None:
    asked = Asked(world.keeper)
    held(world).hold()
    answers: dict[int, Any] = {}

    async def ask(place: int, command: Any) -> None:
        answers[place] = await world.keeper.execute(command)

    async with world.running() as nursery:
        nursery.start_soon(asked.ask, order(BID, 1, 100))
        await wait_all_tasks_blocked()
        for place in range(6):
            price = 0 if place % 2 else 90 + place
            nursery.start_soon(ask, place, order(BID, 1, price))
        await wait_all_tasks_blocked()
        held(world).released.set()
        await wait_all_tasks_blocked()
    assert [isinstance(answers[place], Refused) for place in range(6)] == [False, True] * 3
    assert [answers[place][0].price for place in (0, 2, 4)] == [90, 92, 94]


async def test_when_the_journal_refuses_nobody_gets_an_answer(world: World) -> None:
    asked = Asked(world.keeper)
    before, records = world.digest, list(world.feed.records)
    held(world).hold()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asked.ask, order(BID, 1, 100))
        with pytest.RaisesGroup(JournalUnavailable):
            async with trio.open_nursery() as inner:
                inner.start_soon(run_bare, world.keeper)
                await wait_all_tasks_blocked()
                nursery.start_soon(asked.ask, order(BID, 1, 101))  # comes behind
                nursery.start_soon(asked.ask, order(BID, 1, 0))  # would be refused
                await wait_all_tasks_blocked()
                world.feed.refuses = "the disk is full"
                held(world).released.set()
    assert [type(answer) for answer in asked.answers] == [KeeperStopped] * 3
    assert world.told == []
    with pytest.raises(KeeperStopped):
        await world.keeper.execute(order(BID, 1, 100))
    assert held(world).keeps == []
    world.feed.refuses = ""
    again = await world.restored()
    assert (again.digest, world.feed.records) == (before, records)


async def run_bare(keeper: Keeper) -> None:
    """Run, and let the cause alone pass."""
    with pytest.RaisesGroup(JournalUnavailable) as caught:
        await keeper.run()
    raise caught.value.exceptions[0]


async def test_a_refusal_in_the_commit_that_failed_is_not_answered_either(world: World) -> None:
    """It was judged by a state that is of no use any more."""
    asked = Asked(world.keeper)
    world.feed.refuses = "the disk is full"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asked.ask, order(BID, 1, 100))
        nursery.start_soon(asked.ask, order(BID, 1, 0))
        await wait_all_tasks_blocked()  # both wait for the market to be at work
        with pytest.RaisesGroup(JournalUnavailable):
            await world.keeper.run()
    assert [type(answer) for answer in asked.answers] == [KeeperStopped] * 2


async def test_what_is_prepared_is_kept_in_one_go_or_not_at_all(world: World) -> None:
    records = list(world.feed.records)
    with pytest.raises(ValueError, match="lists a symbol with this code"):
        await world.keeper.prepare([order(BID, 1, 100), FOUNDING[1]])
    assert world.feed.records == records
    other = await world.restored()
    await other.keeper.prepare([order(BID, 1, 100), order(BID, 1, 101)])
    await other.keeper.prepare([])
    assert held(world).appends == [2]
    assert other.told == []


async def test_kept_state_and_records_give_the_same_market(world: World) -> None:
    world = await world.restored(checkpoint_records=10)
    async with world.running():
        for number in range(93):
            await world.keeper.execute(order(BID if number % 3 else ASK, 1 + number, 100 + number % 7))
        assert len(held(world).keeps) >= 8
        crashed = await world.restored()
        assert crashed.digest == world.digest
        newest = await world.feed.kept_state()
        assert newest is not None
        assert newest.sequence < len(world.feed.records)
        all_again = MemoryFeed()
        all_again.records = list(world.feed.records)
        assert (await World(all_again).restored()).digest == world.digest
    assert held(world).keeps[-1] == len(world.feed.records)  # also at the end
    assert (await world.restored()).digest == world.digest


async def test_a_market_that_is_stopped_while_it_commits_keeps_no_state_that_is_ahead(world: World) -> None:
    """The commit may come true or not; the records alone say so."""
    async with world.running():
        await world.keeper.execute(order(BID, 1, 99))
    keeps = list(held(world).keeps)
    world = await world.restored()
    asked, before = Asked(world.keeper), world.digest
    async with world.running() as nursery:
        await world.keeper.execute(order(BID, 1, 98))
        after = world.digest
        held(world).hold()
        nursery.start_soon(asked.ask, order(BID, 1, 100))
        await wait_all_tasks_blocked()
    assert before != after != world.digest
    assert held(world).keeps == keeps
    assert (await world.restored()).digest == after


async def test_a_state_that_is_too_large_stops_nothing(world: World) -> None:
    world.feed.state_bytes_max = 10
    world = await world.restored(checkpoint_records=10)
    async with world.running():
        for number in range(25):
            await world.keeper.execute(order(BID, 1 + number, 100))
        assert len(held(world).keeps) == 2  # tried again, but not with every record
        world.feed.state_bytes_max = 1_000_000
        for number in range(10):
            await world.keeper.execute(order(BID, 1 + number, 100))
        assert await world.feed.kept_state() is not None
    assert (await world.restored()).digest == world.digest


async def test_others_go_on_while_a_large_state_is_encoded(world: World) -> None:
    """And nothing changes the state meanwhile."""
    async with world.running() as nursery:
        for start in range(0, 10_000, 500):
            for place in range(500):
                nursery.start_soon(world.keeper.execute, order(BID, 1, 1 + start + place))
            await world.keeper.execute(order(BID, 1, 1))
        await wait_all_tasks_blocked()
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    world = await world.restored()
    await world.keeper.prepare([order(BID, 1, 1)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_turns)
        await world.keeper.keep()
        nursery.cancel_scope.cancel()
    assert turns >= 10_000 // PIECE_ENTRIES
    again = await world.restored()
    assert again.digest == world.digest
    assert again.keeper.market.model.order_count == 10_021


async def test_kept_state_of_another_design_is_told() -> None:
    world = World()
    await world.feed.keep_state(1, [b"nonsense"])
    with pytest.raises(ValueError, match="not a checkpoint"):
        await world.keeper.restore()


async def test_phases_missed_are_made_up_in_their_order(world: World) -> None:
    await world.keeper.prepare([c.SetTimetable(market="M", timetable=DAYS), order(BID, 5, 100)])
    crashed = await world.restored()
    crashed.now = at("2026-01-06T11:00:00")
    async with crashed.running():
        await wait_all_tasks_blocked()
        days = [
            event.trading_date
            for told in crashed.told
            if not isinstance(told, Declared)
            for event in told
            if isinstance(event, TradingDayStarted)
        ]
        model = crashed.keeper.market.model
        assert days == [date(2026, 1, 5), date(2026, 1, 6)]
        assert (model.status, model.trading_date) == (Status.OPEN, date(2026, 1, 6))
        assert model.order_count == 0  # the day's orders expired with their day
        again = await crashed.restored()
        assert again.digest == crashed.digest
        assert again.keeper.market.engine.due(again.now) == []


async def test_phases_missed_can_be_made_up_before_anybody_is_told(world: World) -> None:
    await world.keeper.prepare([c.SetTimetable(market="M", timetable=DAYS)])
    crashed = await world.restored(commands_together_max=4)
    crashed.now = at("2026-01-06T11:00:00")
    held(world).appends.clear()
    await crashed.keeper.catch_up()
    assert crashed.keeper.market.model.trading_date == date(2026, 1, 6)
    assert held(world).appends == [4] * 5
    assert crashed.told == []


async def test_a_clock_that_goes_back_while_phases_are_made_up(world: World) -> None:
    await world.keeper.prepare([c.SetTimetable(market="M", timetable=DAYS)])
    looks = iter([at("2026-01-06T11:00:00")])
    keeper = Keeper(world.feed, world.tell, lambda: next(looks, at("2026-01-04T13:00:00")))
    await keeper.restore()
    await keeper.catch_up()
    assert keeper.market.model.trading_date == date(2026, 1, 6)


async def test_phases_come_at_their_time(world: World) -> None:
    await world.keeper.prepare([c.SetTimetable(market="M", timetable=DAYS)])
    began, started = trio.current_time(), at("2026-01-05T06:59:30")
    keeper = Keeper(
        world.feed, world.tell, lambda: started + round((trio.current_time() - began) * SECOND_NS)
    )
    await keeper.restore()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keeper.run)
        await trio.sleep(29.9)
        assert keeper.market.model.status is Status.CLOSED
        await trio.sleep(0.1)
        await wait_all_tasks_blocked()
        assert keeper.market.model.status is Status.PRE_OPEN
        nursery.cancel_scope.cancel()


async def test_a_market_that_changes_is_declared_again_before_its_events(world: World) -> None:
    async with world.running():
        await world.keeper.execute(c.AddEntity(market="M", definition=Entity("B")))
        (told,) = world.told
        assert isinstance(told, Declared)
        assert {broker.code for broker in told.definition.brokers} == {"A", "B"}


async def play_day(world: World) -> None:
    """A short day with every phase: orders that gather, trade, stay and expire; changes by the operator."""
    keeper = world.keeper

    async def do(*commands: Any) -> None:
        for command in commands:
            await keeper.execute(command)

    for hour, minute in ((7, 0), (9, 45), (10, 0), (16, 0), (16, 10), (16, 20), (17, 0)):
        world.now = at(f"2026-01-05T{hour:02}:{minute:02}:00")
        for command in keeper.market.engine.due(world.now):
            await do(command)
        for number in range(12):
            world.now += SECOND_NS
            side = BID if (number + minute) % 2 else ASK
            symbol = "T" if number % 4 == 0 else "S"
            lasting = TimeInForce.GTC if number % 5 == 0 else TimeInForce.DAY
            await do(order(side, 3 + number, 100 + number % 3, symbol, time_in_force=lasting))
        await do(
            c.CancelOrder(market="M", symbol="S", entity="A", order=hour),
            c.AmendOrder(market="M", symbol="S", entity="A", order=hour + 4, quantity=2),
            c.SetReference(market="M", symbol="T", name="Index", price=hour * 10),
        )
    await do(
        c.CancelTrade(market="M", symbol="S", trade_id=1),
        c.RenameSymbol(market="M", symbol="T", new_code="U"),
        c.RenameEntity(market="M", code="A", new_code="Z"),
    )


async def test_wherever_it_crashes_it_goes_on_from_there(autojump_clock: trio.testing.MockClock) -> None:
    world = World(checkpoint_records=30)
    await world.keeper.prepare([*FOUNDING, c.SetTimetable(market="M", timetable=DAYS)])
    digests = {len(world.feed.records): world.digest}
    kept_at: dict[int, KeptState] = {}
    append, keep_state = world.feed.append, world.feed.keep_state

    async def append_and_note(bodies: Sequence[bytes]) -> int:
        """The keeper carries out nothing else before this returns: the state is that of the records."""
        sequence = await append(bodies)
        digests[sequence] = world.digest
        return sequence

    async def keep_and_note(sequence: int, pieces: Sequence[bytes]) -> None:
        kept_at[sequence] = KeptState(sequence, b"".join(pieces))
        await keep_state(sequence, pieces)

    world.feed.append = append_and_note  # type: ignore[method-assign]
    world.feed.keep_state = keep_and_note  # type: ignore[method-assign]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.keeper.run)
        await play_day(world)
        await world.keeper.keep()
        nursery.cancel_scope.cancel()
    total = len(world.feed.records)
    assert total > 70
    assert len(digests) > 60  # the timetable's own commands may share an append
    assert len(kept_at) >= 2
    traded = traded_in(world.feed.records)
    assert len(traded) == len(set(traded)) > 10
    for crash in sorted(digests)[::3]:
        for sequence in (0, *kept_at):
            if sequence > crash:
                continue
            feed = MemoryFeed()
            feed.records = world.feed.records[:crash]
            if sequence:
                await feed.keep_state(sequence, [kept_at[sequence].state])
            assert (await World(feed).restored()).digest == digests[crash], (crash, sequence)


@pytest.mark.parametrize("share", [0.3, 0.55, 0.8])
async def test_trade_ids_and_order_numbers_go_on_after_a_crash(
    share: float, autojump_clock: trio.testing.MockClock
) -> None:
    whole = World()
    await whole.keeper.prepare([*FOUNDING, c.SetTimetable(market="M", timetable=DAYS)])
    async with whole.running():
        await play_day(whole)
    cut = round(len(whole.feed.records) * share)
    seen_before = set(traded_in(whole.feed.records[:cut]))
    orders_before = set(placed_in(whole.feed.records[:cut]))
    feed = MemoryFeed()
    feed.records = whole.feed.records[:cut]
    again = await World(feed).restored()
    again.now = at("2026-01-06T10:00:01")
    async with again.running():
        await wait_all_tasks_blocked()
        for number in range(20):
            await again.keeper.execute(order(BID if number % 2 else ASK, 5, 100))
    traded, placed = traded_in(feed.records[cut:]), placed_in(feed.records[cut:])
    assert len(set(traded)) == len(traded) >= 10
    assert len(set(placed)) == len(placed) == 20
    assert not seen_before & set(traded)
    assert not orders_before & set(placed)


def decoded(records: Sequence[bytes]) -> list[Event]:
    design = World().keeper.market.design
    return [event for record in records for event in design.decode_events(record)]


def traded_in(records: Sequence[bytes]) -> list[tuple[str, int]]:
    return [(event.symbol, event.trade_id) for event in decoded(records) if isinstance(event, Traded)]


def placed_in(records: Sequence[bytes]) -> list[int]:
    return [event.order for event in decoded(records) if isinstance(event, OrderPlaced)]
