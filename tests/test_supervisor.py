"""Supervision: whatever a source does ends as a status with a reason, and touches nobody else."""

from __future__ import annotations

import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import msgspec
import pytest
import structlog.testing
import trio

from zenithd.plugin.loaded import PluginState, SourceStatus
from zenithd.supervisor import Attempt, Supervised, SupervisionSettings, supervise

SETTINGS = SupervisionSettings(restarts_max=3, restart_window_seconds=1000.0, stop_seconds_max=5.0)
HERE = {__name__: "example"}
PLACE = "/".join([*__name__.split(".")[:-1], "test_supervisor.py"])
"""How this file is shown, imported by itself or as part of a package."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Tracebacks of failures that are meant to happen are not rendered."""
    with structlog.testing.capture_logs():
        yield


Behaviour = Callable[[Attempt], Awaitable[None]]


class Record:
    """Runs a behaviour as a source, and notes every status with the time it came."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.attempts: list[Attempt] = []
        self.statuses: list[tuple[float, SourceStatus]] = []

    def build(self, attempt: Attempt) -> Record:
        self.attempts.append(attempt)
        return self

    async def run(self) -> None:
        await self.behaviour(self.attempts[-1])

    def report(self, status: SourceStatus) -> None:
        self.statuses.append((trio.current_time(), status))

    @property
    def last(self) -> SourceStatus:
        return self.statuses[-1][1]

    def states(self) -> list[PluginState]:
        return [status.state for _, status in self.statuses]

    def supervised(self) -> Supervised:
        return Supervised(name="example", build=self.build, report=self.report, packages=HERE)


async def run_to_the_end(behaviour: Behaviour, settings: SupervisionSettings = SETTINGS) -> Record:
    record = Record(behaviour)
    async with trio.open_nursery() as host:
        await supervise(record.supervised(), settings, random.Random(1), host)
        host.cancel_scope.cancel()
    return record


@asynccontextmanager
async def supervised_beside(record: Record) -> AsyncIterator[trio.CancelScope]:
    """Supervise beside the block; yields the scope that cancels the supervision, not the host."""
    async with trio.open_nursery() as host, trio.open_nursery() as supervision:
        supervision.start_soon(supervise, record.supervised(), SETTINGS, random.Random(1), host)
        yield supervision.cancel_scope
        supervision.cancel_scope.cancel()
        host.cancel_scope.cancel()


async def declare_and_wait(attempt: Attempt) -> None:
    attempt.declared()
    await trio.sleep_forever()


async def test_source_that_returns_is_finished(autojump_clock: trio.testing.MockClock) -> None:
    async def declare_and_return(attempt: Attempt) -> None:
        attempt.declared()

    record = await run_to_the_end(declare_and_return)
    assert record.last == SourceStatus(PluginState.FINISHED)
    assert len(record.attempts) == 1


async def test_source_that_returns_without_a_market_is_finished_and_it_is_said(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def return_at_once(attempt: Attempt) -> None:
        await trio.lowlevel.checkpoint()

    record = await run_to_the_end(return_at_once)
    assert record.last == SourceStatus(PluginState.FINISHED, "it returned without declaring a market")


async def test_exception_becomes_impaired_with_cause_and_place(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fail(attempt: Attempt) -> None:
        attempt.declared()
        raise ValueError("bad\nprice")

    record = await run_to_the_end(fail)
    impaired = [status for _, status in record.statuses if status.state is PluginState.IMPAIRED]
    assert impaired[0].reason.startswith(f"ValueError: bad price ({PLACE}:")
    assert record.last.reason.startswith("given up after 3 restarts within 1000 s: ValueError: bad price")
    assert record.last.restarts == 3
    assert len(record.attempts) == 4
    assert all(attempt.is_over for attempt in record.attempts)


@pytest.mark.parametrize("problem", [SystemExit(3), GeneratorExit(), BaseException("odd")])
async def test_even_exits_are_failures(
    problem: BaseException, autojump_clock: trio.testing.MockClock
) -> None:
    async def leave(attempt: Attempt) -> None:
        raise problem

    record = await run_to_the_end(leave)
    assert type(problem).__name__ in record.last.reason


async def test_exception_of_the_constructor_is_a_failure(
    autojump_clock: trio.testing.MockClock,
) -> None:
    record = Record(declare_and_wait)

    def build(attempt: Attempt) -> Record:
        raise OSError("no such device")

    source = Supervised(name="example", build=build, report=record.report, packages=HERE)
    async with trio.open_nursery() as host:
        await supervise(source, SETTINGS, random.Random(1), host)
    assert "OSError: no such device" in record.last.reason


async def test_groups_from_nurseries_are_described_by_their_first_member(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fail(text: str) -> None:
        raise RuntimeError(text)

    async def fail_twice(attempt: Attempt) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail, "one of two")
            nursery.start_soon(fail, "one of two")

    record = await run_to_the_end(fail_twice)
    assert f"RuntimeError: one of two ({PLACE}:" in record.last.reason
    assert record.last.reason.endswith(", and 1 more")


async def test_keyboard_interrupt_raised_by_a_source_is_its_failure(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def interrupted(attempt: Attempt) -> None:
        raise KeyboardInterrupt

    record = await run_to_the_end(interrupted)
    assert "KeyboardInterrupt" in record.last.reason
    assert len(record.attempts) == 4


async def test_source_that_cancels_the_nursery_above_it_harms_nobody_else(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def cancel_parent(attempt: Attempt) -> None:
        attempt.declared()
        nursery = trio.lowlevel.current_task().parent_nursery
        assert nursery is not None
        nursery.cancel_scope.cancel()
        await trio.sleep_forever()

    record, sound = Record(cancel_parent), Record(declare_and_wait)
    async with trio.open_nursery() as host, trio.open_nursery() as supervision:
        for each in (record, sound):
            supervision.start_soon(supervise, each.supervised(), SETTINGS, random.Random(1), host)
        await trio.sleep(1000)
        assert record.last.reason.endswith("it cancelled the nursery in which it ran")
        assert len(record.attempts) == 4
        assert len(sound.attempts) == 1
        assert not host.cancel_scope.cancel_called
        supervision.cancel_scope.cancel()
        host.cancel_scope.cancel()


async def test_stray_cancellation_stays_with_the_source_that_raises_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def raise_an_old_one(attempt: Attempt) -> None:
        kept: list[BaseException] = []
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                await trio.sleep_forever()
            except trio.Cancelled as cancelled:
                kept.append(cancelled)
        raise kept[0]

    record = await run_to_the_end(raise_an_old_one)
    assert record.last.state is PluginState.IMPAIRED
    assert len(record.attempts) == 4


async def test_pauses_double_with_jitter_up_to_the_maximum(autojump_clock: trio.testing.MockClock) -> None:
    began: list[float] = []

    async def fail(attempt: Attempt) -> None:
        began.append(trio.current_time())
        raise ValueError

    settings = SupervisionSettings(backoff_seconds_min=1.0, backoff_seconds_max=4.0, restarts_max=5)
    await run_to_the_end(fail, settings)
    pauses = [later - earlier for earlier, later in itertools.pairwise(began)]
    for pause, whole in zip(pauses, [1, 2, 4, 4, 4], strict=True):
        assert whole / 2 <= pause <= whole
    assert len(set(pauses)) == len(pauses)


async def test_stable_run_makes_the_next_pause_short_and_old_restarts_do_not_count(
    autojump_clock: trio.testing.MockClock,
) -> None:
    began: list[float] = []

    async def fail_after_a_day(attempt: Attempt) -> None:
        began.append(trio.current_time())
        attempt.declared()
        if attempt.number > 20:
            return
        await trio.sleep(86_400)
        raise ConnectionError

    record = await run_to_the_end(fail_after_a_day)
    assert record.last == SourceStatus(PluginState.FINISHED, "", 20)
    assert began[-1] - began[-2] - 86_400 <= SETTINGS.backoff_seconds_min


async def test_source_that_does_not_start_is_impaired_and_its_line_is_named(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def hang(attempt: Attempt) -> None:
        await trio.sleep_forever()

    record = await run_to_the_end(hang)
    times = [time for time, status in record.statuses if status.state is PluginState.IMPAIRED]
    assert times[0] - record.statuses[0][0] == SETTINGS.start_seconds_max
    assert f"did not start within 10 s; it waits in {PLACE}:" in record.last.reason
    assert len(record.attempts) == 4


async def test_line_of_the_innermost_task_is_named(autojump_clock: trio.testing.MockClock) -> None:
    async def wait_within() -> None:
        await trio.sleep_forever()  # this line

    async def hang(attempt: Attempt) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_within)

    record = await run_to_the_end(hang)
    line = wait_within.__code__.co_firstlineno + 1
    assert f"it waits in {PLACE}:{line}" in record.last.reason


async def test_start_deadline_is_told_before_the_source_has_stopped(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def stop_slowly(attempt: Attempt) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(4)

    record = Record(stop_slowly)
    async with supervised_beside(record):
        await trio.sleep(SETTINGS.start_seconds_max + 0.1)
        assert record.last.state is PluginState.IMPAIRED
        assert "did not start within 10 s; it waits in" in record.last.reason


async def test_silent_source_is_told_named_and_started_again(autojump_clock: trio.testing.MockClock) -> None:
    async def fall_silent(attempt: Attempt) -> None:
        attempt.declared()
        for _ in range(10):
            attempt.activity += 1
            await trio.sleep(2)
        await trio.sleep_forever()

    record = Record(fall_silent)
    settings = msgspec.structs.replace(SETTINGS, silence_seconds_max=3.0)
    async with trio.open_nursery() as host:
        host.start_soon(supervise, record.supervised(), settings, random.Random(1), host)
        await trio.sleep(20.9)
        assert record.states()[-1] is PluginState.INITIALISING
        await trio.sleep(0.2)
        assert record.states()[-1] is PluginState.IMPAIRED
        assert f"brought nothing for 3 s; it waits in {PLACE}:" in record.last.reason
        await trio.sleep(5)
        assert len(record.attempts) == 2
        host.cancel_scope.cancel()


async def test_silence_is_no_fault_where_nothing_is_expected(autojump_clock: trio.testing.MockClock) -> None:
    record, expected = Record(declare_and_wait), False
    source = msgspec.structs.replace(record.supervised(), expects_events=lambda: expected)
    settings = msgspec.structs.replace(SETTINGS, silence_seconds_max=3.0)
    async with trio.open_nursery() as host:
        host.start_soon(supervise, source, settings, random.Random(1), host)
        await trio.sleep(1000)
        expected = True
        await trio.sleep(2.9)
        assert record.states()[-1] is PluginState.INITIALISING
        await trio.sleep(0.2)
        assert record.states()[-1] is PluginState.IMPAIRED
        host.cancel_scope.cancel()


async def test_declared_source_may_take_its_time(autojump_clock: trio.testing.MockClock) -> None:
    record = Record(declare_and_wait)
    async with supervised_beside(record):
        await trio.sleep(10_000)
        assert record.states() == [PluginState.INITIALISING, PluginState.INITIALISING]
    assert record.last == SourceStatus(PluginState.STOPPED)


async def test_restart_clears_the_old_cause_once_it_has_declared(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fail_once(attempt: Attempt) -> None:
        if attempt.number == 1:
            raise ValueError
        await declare_and_wait(attempt)

    record = Record(fail_once)
    async with supervised_beside(record):
        await trio.sleep(100)
        assert record.last == SourceStatus(PluginState.INITIALISING, "", 1)


async def test_stop_during_a_pause_is_stopped(autojump_clock: trio.testing.MockClock) -> None:
    async def fail(attempt: Attempt) -> None:
        raise ValueError

    record = Record(fail)
    async with supervised_beside(record):
        await trio.testing.wait_all_tasks_blocked()
        assert record.last.state is PluginState.IMPAIRED
    assert record.last == SourceStatus(PluginState.STOPPED)


async def test_failure_while_being_stopped_is_no_impairment(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fail_when_cancelled(attempt: Attempt) -> None:
        attempt.declared()
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("while leaving")

    record = Record(fail_when_cancelled)
    async with supervised_beside(record):
        await trio.testing.wait_all_tasks_blocked()
    assert record.last == SourceStatus(PluginState.STOPPED)


async def test_source_that_swallows_its_cancellation_is_left_behind_and_named(
    autojump_clock: trio.testing.MockClock,
) -> None:
    release = trio.Event()

    async def ignore_cancellation(attempt: Attempt) -> None:
        attempt.declared()
        with trio.CancelScope(shield=True):
            await release.wait()

    record = Record(ignore_cancellation)
    with structlog.testing.capture_logs() as logs:
        async with trio.open_nursery() as host:
            try:
                async with trio.open_nursery() as supervision:
                    supervision.start_soon(supervise, record.supervised(), SETTINGS, random.Random(1), host)
                    await trio.testing.wait_all_tasks_blocked()
                    began = trio.current_time()
                    supervision.cancel_scope.cancel()
                assert trio.current_time() - began == SETTINGS.stop_seconds_max
                assert record.last.state is PluginState.STOPPED
                assert record.last.reason.startswith(f"did not stop within 5 s; it waits in {PLACE}:")
                assert record.attempts[0].is_over
            finally:
                release.set()
    (named,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert named["plugin"] == "example"


async def test_source_that_neither_starts_nor_stops_is_given_up_and_not_doubled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    release = trio.Event()

    async def hang_shielded(attempt: Attempt) -> None:
        with trio.CancelScope(shield=True):
            await release.wait()

    record = Record(hang_shielded)
    async with trio.open_nursery() as host:
        try:
            await supervise(record.supervised(), SETTINGS, random.Random(1), host)
            assert len(record.attempts) == 1
            assert record.last.state is PluginState.IMPAIRED
            assert "not restarted: did not stop within 5 s" in record.last.reason
            record.attempts[0].declared()
            assert record.last.state is PluginState.IMPAIRED
        finally:
            release.set()


async def test_cancelled_host_stops_the_source(autojump_clock: trio.testing.MockClock) -> None:
    record = Record(declare_and_wait)
    async with trio.open_nursery() as supervision:
        async with trio.open_nursery() as host:
            supervision.start_soon(supervise, record.supervised(), SETTINGS, random.Random(1), host)
            await trio.testing.wait_all_tasks_blocked()
            host.cancel_scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert record.last == SourceStatus(PluginState.STOPPED)


async def test_one_source_does_not_disturb_another(autojump_clock: trio.testing.MockClock) -> None:
    async def fail(attempt: Attempt) -> None:
        raise ValueError

    broken, sound = Record(fail), Record(declare_and_wait)
    async with supervised_beside(sound), supervised_beside(broken):
        await trio.sleep(500)
        assert broken.last.state is PluginState.IMPAIRED
        assert len(sound.attempts) == 1
        assert sound.last.state is PluginState.INITIALISING


async def test_another_attempt_waits_until_it_makes_sense_and_that_costs_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A source that fails as long as the disk is full, for longer than its restarts would last."""
    mended = 10 * SETTINGS.restart_window_seconds

    async def fail_until_mended(attempt: Attempt) -> None:
        attempt.declared()
        if trio.current_time() < mended:
            raise OSError("the disk is full")
        await trio.sleep_forever()

    record = Record(fail_until_mended)
    supervised = msgspec.structs.replace(
        record.supervised(), wait_possible=lambda: trio.sleep_until(max(mended, trio.current_time()))
    )
    async with trio.open_nursery() as host, trio.open_nursery() as supervision:
        supervision.start_soon(supervise, supervised, SETTINGS, random.Random(1), host)
        await trio.sleep(mended - 1)
        assert record.last == SourceStatus(PluginState.IMPAIRED, record.last.reason, 0)
        await trio.sleep(2)
        assert (len(record.attempts), record.last.state) == (2, PluginState.INITIALISING)
        supervision.cancel_scope.cancel()
        host.cancel_scope.cancel()
