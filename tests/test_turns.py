"""Turns: how much is done between two looks at the markets, and who is next."""

from __future__ import annotations

from collections.abc import Generator

import pytest
import trio
import trio.testing

from zenithd.turns import Turns, belong_to, in_a_turn, in_turns

ROOM = 1.0


class Time:
    """A clock that moves only when work says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Passes(trio.abc.Instrument):
    """Counts the passes of the event loop."""

    def __init__(self) -> None:
        self.count = 0

    def before_io_wait(self, timeout: float) -> None:
        self.count += 1


class Desk:
    """Turns with a clock, and a diary of who did what in which pass."""

    def __init__(self) -> None:
        self.time = Time()
        self.passes = Passes()
        self.turns = Turns(ROOM, self.time)
        self.diary: list[tuple[int, str]] = []

    def steps(self, name: str, count: int, seconds: float) -> Generator[None, None, str]:
        for number in range(count):
            self.do(name, seconds)
            if number < count - 1:
                yield
        return name

    def do(self, name: str, seconds: float) -> None:
        self.time.now += seconds
        self.diary.append((self.passes.count, name))

    def most_in_a_pass(self) -> int:
        passes = [number for number, _ in self.diary]
        return max(passes.count(number) for number in passes)


@pytest.fixture
async def desk(nursery: trio.Nursery) -> Desk:
    desk = Desk()
    trio.lowlevel.add_instrument(desk.passes)
    nursery.start_soon(desk.turns.serve)
    await trio.testing.wait_all_tasks_blocked()
    return desk


async def test_what_has_room_is_done_at_once(desk: Desk) -> None:
    before = desk.passes.count
    assert await desk.turns.call("a", lambda: 7) == 7
    assert desk.passes.count == before


async def test_a_pass_has_room_for_so_much_and_no_more(desk: Desk) -> None:
    async with trio.open_nursery() as nursery:
        for name in "abcdefghij":
            nursery.start_soon(desk.turns.run, name, desk.steps(name, 10, ROOM / 4))
    assert len(desk.diary) == 100
    assert desk.most_in_a_pass() == 4
    assert desk.turns.statistics.postponed > 0
    assert desk.turns.waiting == 0


async def test_calls_wait_behind_those_that_wait_already(desk: Desk) -> None:
    async with trio.open_nursery() as nursery:
        for name in "abcdefgh":
            nursery.start_soon(desk.turns.call, name, lambda name=name: desk.do(name, ROOM))
    assert desk.most_in_a_pass() == 1


async def test_a_thousand_things_of_one_owner_hold_another_up_once(desk: Desk) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(1_000):
            nursery.start_soon(desk.turns.run, "greedy", desk.steps("greedy", 3, ROOM))
        await trio.lowlevel.checkpoint()
        nursery.start_soon(desk.turns.run, "modest", desk.steps("modest", 1, ROOM))
        while "modest" not in [name for _, name in desk.diary]:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert [name for _, name in desk.diary].index("modest") <= 3


async def test_a_step_that_takes_too_long_is_paid_back(desk: Desk) -> None:
    await desk.turns.run("a", desk.steps("long", 1, 5 * ROOM))
    await desk.turns.run("a", desk.steps("next", 1, 0.0))
    (first, _), (second, _) = desk.diary
    assert second - first >= 5


async def test_a_charge_counts_like_time(desk: Desk) -> None:
    await desk.turns.call("a", lambda: desk.do("parsed", 0.0), charge=5 * ROOM)
    await desk.turns.call("a", lambda: desk.do("next", 0.0))
    (first, _), (second, _) = desk.diary
    assert second - first >= 5


async def test_what_is_raised_is_raised_where_it_belongs(desk: Desk) -> None:
    def fail() -> Generator[None, None, None]:
        yield
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await desk.turns.run("a", fail())
    assert await desk.turns.run("b", desk.steps("b", 2, 0.0)) == "b"


async def test_cancelled_work_is_done_no_further(desk: Desk) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.turns.run, "a", desk.steps("a", 1_000, ROOM))
        while not desk.diary:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    done = len(desk.diary)
    await trio.testing.wait_all_tasks_blocked()
    assert len(desk.diary) == done
    assert desk.turns.waiting == 0


async def test_a_step_may_cancel_the_task_that_waits_for_it(desk: Desk) -> None:
    scope = trio.CancelScope()

    def steps() -> Generator[None, None, None]:
        yield
        scope.cancel()
        yield

    with scope:
        await desk.turns.run("a", steps())
    assert scope.cancelled_caught
    assert await desk.turns.run("a", desk.steps("a", 2, 0.0)) == "a"


@pytest.mark.parametrize("goes_on", [False, True])
async def test_a_step_may_cancel_what_else_its_owner_waits_for(desk: Desk, goes_on: bool) -> None:
    others = trio.CancelScope()

    def steps() -> Generator[None, None, str]:
        others.cancel()
        if goes_on:
            yield
        return "a"

    async def wait_as_well() -> None:
        with others:
            await desk.turns.run("a", desk.steps("other", 2, 0.0))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.turns.run, "a", desk.steps("first", 1, 5 * ROOM))
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(wait_as_well)
        assert await desk.turns.run("a", steps()) == "a"
    assert others.cancelled_caught
    assert await desk.turns.run("a", desk.steps("a", 2, 0.0)) == "a"


async def test_without_anybody_who_gives_turns_work_gives_way_all_the_same() -> None:
    desk = Desk()
    trio.lowlevel.add_instrument(desk.passes)
    assert await in_turns(desk.steps("a", 3, 0.0)) == "a"
    assert await in_a_turn(lambda: 7) == 7
    assert desk.most_in_a_pass() == 1


async def test_tasks_work_in_turns_of_whom_they_belong_to(desk: Desk) -> None:
    async def belonging(name: str) -> None:
        belong_to(desk.turns, name)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(in_turns, desk.steps(name, 2, ROOM))
            nursery.start_soon(in_turns, desk.steps(name, 2, ROOM))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(belonging, "a")
        nursery.start_soon(belonging, "b")
    assert sorted(name for _, name in desk.diary) == ["a"] * 4 + ["b"] * 4
    assert desk.most_in_a_pass() == 1
