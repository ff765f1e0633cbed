"""The watchdog: a loop that does not turn is noticed, and the code that holds it is named."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType, ModuleType

import pytest
import trio
import trio.testing

from zenithd.watchdog import Stall, Watchdog

PLACE = "/".join([*__name__.split(".")[:-1], "test_watchdog.py"])
"""How this file is shown, imported by itself or as part of a package."""


class Times:
    """A fake clock, and the reports that came."""

    def __init__(self) -> None:
        self.now = 100.0
        self.reports: list[Stall] = []
        self.frame: FrameType | None = sys._getframe()

    def monotonic(self) -> float:
        return self.now

    def watchdog(self, packages: dict[str, str] | None = None) -> Watchdog:
        watchdog = Watchdog(
            1.0, packages or {}, self.reports.append, monotonic=self.monotonic, look=lambda thread: self.frame
        )
        watchdog.start_watching(1)
        return watchdog


def test_loop_that_turns_is_not_reported() -> None:
    times = Times()
    watchdog = times.watchdog()
    for _ in range(100):
        times.now += 0.25
        watchdog.beat()
        watchdog.check()
    assert times.reports == []


def test_stall_is_reported_once_and_when_it_ends() -> None:
    times = Times()
    watchdog = times.watchdog({__name__: "example"})
    for _ in range(6):
        times.now += 0.5
        watchdog.check()
    assert [(stall.seconds, stall.ended) for stall in times.reports] == [(1.0, False)]
    watchdog.beat()
    watchdog.check()
    watchdog.check()
    begun, ended = times.reports
    assert (ended.seconds, ended.ended) == (3.0, True)
    assert begun.place is not None
    assert (begun.place.plugin, begun.place.file) == ("example", PLACE)
    assert ended.place == begun.place
    where = f"held by plugin example in {PLACE}:"
    assert str(begun).startswith(f"the loop has not turned for 1.000 s; it is {where}")
    assert str(ended).startswith(f"the loop turns again after 3.000 s; it was {where}")


def test_next_stall_is_reported_again() -> None:
    times = Times()
    watchdog = times.watchdog()
    for _ in range(2):
        times.now += 2
        watchdog.check()
        watchdog.beat()
        watchdog.check()
    assert [stall.ended for stall in times.reports] == [False, True, False, True]


def test_stall_that_nobody_could_look_into_is_reported_afterwards() -> None:
    times = Times()
    watchdog = times.watchdog()
    times.now += 5
    watchdog.beat()
    watchdog.check()
    assert [(stall.seconds, stall.place, stall.ended) for stall in times.reports] == [
        (5.0, None, False),
        (5.0, None, True),
    ]
    assert str(times.reports[0]) == "the loop has not turned for 5.000 s; it is held by zenithd"


def test_without_a_frame_the_place_is_unknown() -> None:
    times = Times()
    times.frame = None
    watchdog = times.watchdog()
    times.now += 1
    watchdog.check()
    assert times.reports[0].place is None


@pytest.fixture
def blocking_plugin() -> ModuleType:
    """A module of a plugin whose call blocks its thread in code that is not the plugin's own."""
    module = ModuleType("blocking_plugin")
    source = "def block(until):\n    until.wait(10)\n"
    exec(compile(source, "/somewhere/blocking_plugin/work.py", "exec"), vars(module))
    return module


async def test_really_blocked_loop_is_noticed_with_plugin_file_and_line(blocking_plugin: ModuleType) -> None:
    noticed = threading.Event()
    ended = trio.Event()
    token = trio.lowlevel.current_trio_token()
    reports: list[Stall] = []

    def report(stall: Stall) -> None:
        reports.append(stall)
        noticed.set()
        if stall.ended and any(each.place and each.place.plugin for each in reports):
            token.run_sync_soon(ended.set)

    watchdog = Watchdog(0.05, {"blocking_plugin": "blocker"}, report)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.run)
        await trio.testing.wait_all_tasks_blocked()
        while not any(each.place and each.place.plugin for each in reports):
            # A busy machine may stall the loop before the plugin does.
            noticed.clear()
            blocking_plugin.block(noticed)
            await trio.lowlevel.checkpoint()
        with trio.fail_after(30):
            await ended.wait()
        nursery.cancel_scope.cancel()
    stall = next(each for each in reports if each.place and each.place.plugin)
    assert stall.place is not None
    assert (stall.place.plugin, stall.place.file, stall.place.line) == (
        "blocker",
        "blocking_plugin/work.py",
        2,
    )


async def test_thread_ends_with_the_task() -> None:
    watchdog = Watchdog(0.01, {}, lambda stall: None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.run)
        await trio.testing.wait_all_tasks_blocked()
        (thread,) = [each for each in threading.enumerate() if each.name == "watchdog"]
        nursery.cancel_scope.cancel()
    await trio.to_thread.run_sync(thread.join, 10)
    assert not thread.is_alive()


async def test_the_loop_tells_how_late_it_turns(autojump_clock: trio.testing.MockClock) -> None:
    """A beat is as late as the loop was held when it was due."""
    late: list[float] = []
    held = [0.0]
    now = autojump_clock.current_time  # the watching thread asks too, outside of trio
    watchdog = Watchdog(1.0, {}, lambda _stall: None, late=late.append, monotonic=lambda: now() + held[0])
    with trio.move_on_after(1.1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watchdog.run)
            await trio.sleep(0.6)
            held[0] = 0.2
    assert late == pytest.approx([0.0, 0.0, 0.2, 0.0])


HELD = """
import sys, time, trio
from zenithd.watchdog import Watchdog

async def main():
    watchdog = Watchdog(0.2, {}, lambda stall: None, trace=sys.stderr)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.run)
        await trio.sleep(0.5)
        await hold_the_lock()
        await trio.sleep(0.5)
        nursery.cancel_scope.cancel()

async def hold_the_lock():
    size, lasted = 10**6, 0.0
    while lasted < 1.0:  # one call of foreign code that lasts long enough, each with the loop turning before
        size, began = size * 2, time.monotonic()
        sum(range(size))
        lasted = time.monotonic() - began
        await trio.sleep(0.3)

trio.run(main)
"""


def test_code_that_keeps_the_interpreters_lock_is_named_too(tmp_path: Path) -> None:
    program = tmp_path / "holder.py"
    program.write_text(HELD)
    ran = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=120, check=True)
    assert "Timeout (0:00:00.275" in ran.stderr
    assert re.search(r'holder.py", line \d+ in hold_the_lock', ran.stderr)
