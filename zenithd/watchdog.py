"""Notices when the event loop does not turn, and names the plugin, file and line that hold it.

Code that blocks the interpreter stops every task of a one-process daemon. It cannot be isolated, so it is
made visible: a task beats in the loop, and a thread looks at the loop's stack when the beat stays out.
Foreign code that keeps the interpreter's lock stops that thread too; then `faulthandler`, which needs none,
writes the stack as it is.
"""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import FrameType
from typing import TextIO

import msgspec
import trio

from zenithd.plugin.cause import Place, innermost_place, stack_frames

BEATS_PER_PERIOD = 4
"""The loop beats, and the thread looks, so many times in the period after which a stall is reported."""


TRACE_PERIODS = 1.375
"""Periods without a beat after which the stack is written without the thread: half a look after it should
have reported, whatever the moment of its last look."""


class Stall(msgspec.Struct, frozen=True):
    """The loop did not turn. Reported once when it is noticed, and again, with `ended`, when it is over."""

    seconds: float
    """How long it has lasted; the whole duration when it has ended."""
    place: Place | None
    """The plugin's innermost line at the time it was noticed, else the innermost line; None if the
    interpreter itself was held, by foreign code that keeps its lock, so that nobody could look."""
    ended: bool = False

    def __str__(self) -> str:
        whose = f"plugin {self.place.plugin}" if self.place is not None and self.place.plugin else "zenithd"
        where = f" in {self.place}" if self.place is not None else ""
        if self.ended:
            return f"the loop turns again after {self.seconds:.3f} s; it was held by {whose}{where}"
        return f"the loop has not turned for {self.seconds:.3f} s; it is held by {whose}{where}"


class Watchdog:
    """Watches one trio loop.

    Args:
        seconds: report when the loop has not turned for so long.
        packages: plugin name by package (`PluginManager.packages`).
        report: called in the watchdog's thread with each stall; must be safe there.
        late: called in the loop with each beat's delay in seconds: how long the loop was busy elsewhere.
        trace: a file with a descriptor that takes the stack when the thread cannot run; None: nowhere.
        monotonic: seconds that never go back.
        look: returns the innermost frame of a thread; tests give their own.
    """

    def __init__(
        self,
        seconds: float,
        packages: Mapping[str, str],
        report: Callable[[Stall], None],
        *,
        late: Callable[[float], None] = lambda _seconds: None,
        trace: TextIO | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        look: Callable[[int], FrameType | None] = lambda thread: sys._current_frames().get(thread),
    ) -> None:
        self._seconds = seconds
        self._packages = packages
        self._report = report
        self._late = late
        self._trace = trace
        self._monotonic = monotonic
        self._look = look
        self._thread_watched = 0
        self._beaten = 0.0
        self._pauses: deque[float] = deque()
        """Pauses between beats that were too long; the loop appends, the thread takes."""
        self._stall: Stall | None = None
        self._stopped = threading.Event()

    async def run(self) -> None:
        """Beat in the loop that is to be watched, with the watching thread beside it; until cancelled."""
        self.start_watching(threading.get_ident())
        thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        thread.start()
        try:
            pause = self._seconds / BEATS_PER_PERIOD
            while True:
                self._arm()
                await trio.sleep(pause)
                due = self._beaten + pause
                self.beat()
                self._late(max(0.0, self._beaten - due))
        finally:
            self._disarm()
            self.beat()
            self._stopped.set()

    def start_watching(self, thread: int) -> None:
        """Set whose stack is looked at (`threading.get_ident()`) and begin with a beat."""
        self._thread_watched = thread
        self._beaten = self._monotonic()

    def beat(self) -> None:
        """The loop turned; called in its thread."""
        now = self._monotonic()
        pause, self._beaten = now - self._beaten, now
        if pause >= self._seconds:
            self._pauses.append(pause)

    def _arm(self) -> None:
        """Have the stack written unless this is called again, or the thread gets to report, in time."""
        if self._trace is not None:
            faulthandler.dump_traceback_later(self._seconds * TRACE_PERIODS, file=self._trace)

    def _disarm(self) -> None:
        if self._trace is not None:
            faulthandler.cancel_dump_traceback_later()

    def check(self) -> None:
        """Look once; called in the watchdog's thread."""
        late = self._monotonic() - self._beaten
        if self._pauses:
            self._end(self._pauses.popleft())
        elif self._stall is None and late >= self._seconds:
            self._disarm()
            frames = stack_frames(self._look(self._thread_watched))
            self._stall = Stall(late, innermost_place(frames, self._packages))
            self._report(self._stall)

    def _end(self, seconds: float) -> None:
        if self._stall is None:
            # It began and ended between two looks: this thread could not run either.
            self._stall = Stall(seconds, None)
            self._report(self._stall)
        self._report(Stall(seconds, self._stall.place, ended=True))
        self._stall = None

    def _watch(self) -> None:
        while not self._stopped.wait(self._seconds / BEATS_PER_PERIOD):
            self.check()
        self.check()
