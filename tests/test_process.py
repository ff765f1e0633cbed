"""The end of the process: nothing that a plugin leaves running can hold it up."""

from __future__ import annotations

from typing import NoReturn

import pytest
import trio
from trio.testing import MockClock

from zenithd.process import EXIT_LEFT_BEHIND, leave_behind


class Ended(Exception):
    """Stands for the end of the process."""


def end(code: int) -> NoReturn:
    raise Ended(code)


async def ignore_cancellation(release: trio.Event) -> None:
    with trio.CancelScope(shield=True):
        await release.wait()


async def left_behind_after(seconds_left: float, monkeypatch: pytest.MonkeyPatch) -> float:
    """Seconds until the process ends because of a task that ignores its cancellation."""
    monkeypatch.setattr("zenithd.process.os._exit", end)
    release, began = trio.Event(), trio.current_time()
    async with trio.open_nursery() as host:
        host.start_soon(ignore_cancellation, release)
        with pytest.raises(Ended, match=str(EXIT_LEFT_BEHIND)):
            await leave_behind(host, trio.current_time() + seconds_left)
        release.set()
    return trio.current_time() - began


async def test_a_task_is_given_the_rest_of_its_time(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await left_behind_after(3.0, monkeypatch) == pytest.approx(3.0, abs=0.02)


async def test_a_task_that_had_its_time_is_not_given_it_again(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await left_behind_after(-1.0, monkeypatch) == pytest.approx(0.0, abs=0.02)


async def test_nobody_is_waited_for_where_all_have_ended(autojump_clock: MockClock) -> None:
    began = trio.current_time()
    async with trio.open_nursery() as host:
        host.start_soon(trio.sleep_forever)
        await trio.testing.wait_all_tasks_blocked()
        await leave_behind(host, began + 100.0)
    assert trio.current_time() - began < 1
