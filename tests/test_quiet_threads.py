"""Threads that let everything else go first."""

from __future__ import annotations

import os
import sys
import threading

import pytest
import trio

from zenithd.quiet_threads import NICENESS, QuietThreads


async def test_results_and_failures_come_back() -> None:
    threads = QuietThreads(2, "test")
    assert await threads.run(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
async def test_they_have_a_lower_priority_than_the_loop() -> None:
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert await QuietThreads(1, "test").run(priority) == max(before, NICENESS)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


async def test_a_cancelled_call_is_left_behind() -> None:
    threads = QuietThreads(1, "test")
    released, begun = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        released.wait(30)

    with trio.move_on_after(0.05) as scope:
        await threads.run(wait)
    assert scope.cancelled_caught
    assert begun.is_set()
    released.set()
    assert await threads.run(lambda: 7) == 7
