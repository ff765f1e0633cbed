"""Runs one plugin's source under supervision: start deadline, restarts with back-off, a budget, an end.

Whatever a source does (raise, exit, return, never start, never stop) ends as a status with a reason, and
touches neither another source nor the daemon. This is one of the two places where everything is caught.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import FrameType
from typing import Protocol

import msgspec
import structlog
import trio

from zenithd.plugin.backoff import Backoff
from zenithd.plugin.cause import Place, describe, innermost_place
from zenithd.plugin.loaded import PluginState, SourceStatus

SILENCE_CHECK_SECONDS = 0.05
"""How often a source that must not be silent is looked at: so late its silence may be noticed."""


class SupervisionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How patient the supervisor is. Seconds of trio's clock."""

    start_seconds_max: float = 10.0
    """A source must declare a market so soon."""
    silence_seconds_max: float = 0.0
    """A source of which events are expected must bring something so often; 0: it may be silent."""
    backoff_seconds_min: float = 0.5
    backoff_seconds_max: float = 60.0
    restarts_max: int = 20
    """More restarts than this within the window below, and the source is given up."""
    restart_window_seconds: float = 600.0
    stable_seconds: float = 60.0
    """A run that lasted so long was good: the back-off begins small again."""
    stop_seconds_max: float = 5.0
    """How long a cancelled source may take to end before it is left behind."""


class Runnable(Protocol):
    """What is supervised: a MarketSource, or anything else that runs."""

    def run(self) -> Awaitable[None]:
        """Run until cancelled; may raise anything; returning means finished."""
        ...


class Attempt:
    """One run of one fresh object. The context that is made for it tells it when a market is declared, and
    refuses to publish once it `is_over`, so that a source left behind cannot disturb its successor."""

    def __init__(self, number: int, on_declared: Callable[[], None]) -> None:
        self.number = number
        """1 for the first run since the daemon started."""
        self.is_over = False
        self.has_declared = False
        self.activity = 0
        """Goes up with everything that the source brings."""
        self._on_declared = on_declared
        self._news = trio.Event()

    def declared(self) -> None:
        """The source declared a market: its start succeeded. Further calls change nothing."""
        if not self.has_declared and not self.is_over:
            self.has_declared = True
            self._on_declared()
            self._news.set()

    def finish(self) -> None:
        """The run ended or was given up."""
        self.is_over = True
        self._news.set()

    async def wait_declared_or_over(self) -> None:
        """Return when the source has declared a market or ended without."""
        await self._news.wait()


class Supervised(msgspec.Struct, frozen=True, kw_only=True):
    """What to supervise and whom to tell."""

    name: str
    """Name of the source (`Brought.name`); also the name of its task."""
    build: Callable[[Attempt], Runnable]
    """Makes a fresh object, with a fresh context, for each attempt; may raise."""
    report: Callable[[SourceStatus], None]
    """Called at every change; the daemon passes it on to feeds, metrics and `plugins list`."""
    expects_events: Callable[[], bool] = lambda: True
    """Whether silence would be odd now: it says it is Active, somebody listens, it is not kept waiting."""
    wait_possible: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
    """Returns when another attempt makes sense; waiting for it costs nothing of the budget."""
    packages: Mapping[str, str] = {}
    """Plugin name by package (`PluginManager.packages`), so that causes name the plugin's own line."""


async def supervise(
    source: Supervised, settings: SupervisionSettings, randomness: random.Random, host: trio.Nursery
) -> None:
    """Run `source` again and again until it finishes, is given up, or this task is cancelled.

    Args:
        source: what to run.
        settings: deadlines, back-off and budget.
        randomness: for the jitter of the back-off.
        host: nursery in which the source's own task runs. Trio cannot abandon a task, so a source that
            swallows its cancellation stays in this nursery; it should therefore be the outermost one,
            and whoever leaves it ends the process if it does not close. `supervise` itself always returns
            within `stop_seconds_max` of its cancellation.
    """
    await _Supervision(source, settings, randomness, host).run()


class _Supervision:
    def __init__(
        self,
        source: Supervised,
        settings: SupervisionSettings,
        randomness: random.Random,
        host: trio.Nursery,
    ) -> None:
        self._source = source
        self._settings = settings
        self._host = host
        self._backoff = Backoff(settings.backoff_seconds_min, settings.backoff_seconds_max, randomness)
        self._restarts: deque[float] = deque()
        self._restart_count = 0
        self._log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__).bind(
            plugin=source.name
        )

    async def run(self) -> None:
        number = 1
        self._report(PluginState.INITIALISING)
        while True:
            began = trio.current_time()
            attempt = Attempt(number, self._on_declared)
            run = _Run(self._source, attempt, self._settings, partial(self._report, PluginState.IMPAIRED))
            try:
                end = await run.complete(self._host)
            except trio.Cancelled:
                self._report(PluginState.STOPPED, run.stubbornness)
                raise
            if end.state is not PluginState.IMPAIRED:
                self._log.info("source ended", state=end.state.value, reason=end.reason)
                self._report(end.state, end.reason)
                return
            if trio.current_time() - began >= self._settings.stable_seconds:
                self._backoff.reset()
            if run.stubbornness or self._budget_is_spent():
                self._give_up(end.reason, run.stubbornness)
                return
            await self._pause(end.reason)
            number += 1

    def _on_declared(self) -> None:
        self._report(PluginState.INITIALISING)

    def _budget_is_spent(self) -> bool:
        now = trio.current_time()
        while self._restarts and self._restarts[0] <= now - self._settings.restart_window_seconds:
            self._restarts.popleft()
        return len(self._restarts) >= self._settings.restarts_max

    def _give_up(self, cause: str, stubbornness: str) -> None:
        if stubbornness:
            reason = f"{cause}; not restarted: {stubbornness}"
        else:
            window = f"{self._settings.restart_window_seconds:g} s"
            reason = f"given up after {len(self._restarts)} restarts within {window}: {cause}"
        self._log.error("source given up", reason=reason)
        self._report(PluginState.IMPAIRED, reason)

    async def _pause(self, cause: str) -> None:
        seconds = self._backoff.next_seconds()
        self._log.warning("source failed, will restart", reason=cause, seconds=round(seconds, 3))
        self._report(PluginState.IMPAIRED, cause)
        try:
            await trio.sleep(seconds)
            await self._source.wait_possible()
        except trio.Cancelled:
            self._report(PluginState.STOPPED)
            raise
        self._restarts.append(trio.current_time())
        self._restart_count += 1

    def _report(self, state: PluginState, reason: str = "") -> None:
        self._source.report(SourceStatus(state, reason, self._restart_count))


class _Run:
    """One attempt: its task in the host nursery, and the waiting for it."""

    def __init__(
        self,
        source: Supervised,
        attempt: Attempt,
        settings: SupervisionSettings,
        tell: Callable[[str], None],
    ) -> None:
        self.stubbornness = ""
        """Not empty: the task did not end when it was cancelled; says where it waits."""
        self._source = source
        self._attempt = attempt
        self._settings = settings
        self._tell = tell
        """Say why the source is given up; subscribers need not wait for its end."""
        self._scope = trio.CancelScope()
        self._ended = trio.Event()
        self._host_was_cancelled = False
        self._left_its_cell = False
        """Its nursery was cancelled, and not by us: the source did that itself."""
        self._failure: BaseException | None = None
        self._task: trio.lowlevel.Task | None = None
        self._log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__).bind(
            plugin=source.name, attempt=attempt.number
        )

    async def complete(self, host: trio.Nursery) -> SourceStatus:
        """Run to the end: finished, impaired with the cause, or stopped because `host` was cancelled."""
        self._log.info("source starting")
        host.start_soon(self._work, name=f"plugin {self._source.name}")
        try:
            return await self._watch()
        except trio.Cancelled:
            await self._stop()
            raise
        finally:
            self._attempt.finish()

    async def _watch(self) -> SourceStatus:
        with trio.move_on_after(self._settings.start_seconds_max):
            await self._attempt.wait_declared_or_over()
        if not self._attempt.has_declared and not self._ended.is_set():
            return await self._give_up(f"did not start within {self._settings.start_seconds_max:g} s")
        await self._wait_silent_or_ended()
        if not self._ended.is_set():
            return await self._give_up(f"brought nothing for {self._settings.silence_seconds_max:g} s")
        return self._end()

    async def _wait_silent_or_ended(self) -> None:
        limit = self._settings.silence_seconds_max or math.inf
        activity, since = self._attempt.activity, trio.current_time()
        while not self._ended.is_set() and trio.current_time() - since < limit:
            with trio.move_on_after(min(limit, SILENCE_CHECK_SECONDS) if limit < math.inf else math.inf):
                await self._ended.wait()
            if self._attempt.activity != activity or not self._source.expects_events():
                activity, since = self._attempt.activity, trio.current_time()

    async def _give_up(self, what: str) -> SourceStatus:
        """Stop a source that does not do what it should; say where it waits."""
        place = self._where()
        reason = f"{what}; it waits in {place}" if place else what
        self._tell(reason)
        await self._stop()
        return SourceStatus(PluginState.IMPAIRED, reason)

    def _end(self) -> SourceStatus:
        if self._failure is not None:
            return SourceStatus(PluginState.IMPAIRED, describe(self._failure, self._source.packages))
        if self._host_was_cancelled:
            return SourceStatus(PluginState.STOPPED)
        if self._left_its_cell:
            return SourceStatus(PluginState.IMPAIRED, "it cancelled the nursery in which it ran")
        reason = "" if self._attempt.has_declared else "it returned without declaring a market"
        return SourceStatus(PluginState.FINISHED, reason)

    async def _work(self) -> None:
        try:
            with self._scope:
                await self._run_in_cell()
        except BaseException:
            self._host_was_cancelled = True
            raise
        finally:
            self._attempt.finish()
            self._ended.set()

    async def _run_in_cell(self) -> None:
        """Run the source in a nursery of its own: the one above a task is within its reach."""
        async with trio.open_nursery() as cell:
            self._left_its_cell = False
            cell.start_soon(self._run_guarded, name=f"plugin {self._source.name}")
        self._left_its_cell = cell.cancel_scope.cancelled_caught

    async def _run_guarded(self) -> None:
        """Run a fresh object; remember what it raised; let only cancellation through."""
        self._task = trio.lowlevel.current_task()
        try:
            await self._source.build(self._attempt).run()
        except BaseException as problem:  # foreign code may raise anything, SystemExit too
            ours, failure = _split(problem)
            if failure is not None:
                self._failure = failure
                self._log.warning("source raised", exc_info=failure)
            if ours is not None:
                raise ours from None

    async def _stop(self) -> None:
        """Cancel the task and wait a bounded time for its end."""
        self._attempt.finish()
        self._scope.cancel()
        with trio.move_on_after(self._settings.stop_seconds_max, shield=True):
            await self._ended.wait()
        if not self._ended.is_set():
            place = self._where()
            waits = f"; it waits in {place}" if place else ""
            self.stubbornness = f"did not stop within {self._settings.stop_seconds_max:g} s{waits}"
            self._log.error("source ignores its cancellation", reason=self.stubbornness)

    def _where(self) -> Place | None:
        """The line of the plugin at which its task, or the innermost of its tasks, waits."""
        found: Place | None = None
        waiting = [self._task] if self._task is not None else []
        while waiting:
            task = waiting.pop()
            place = innermost_place(_frames(task), self._source.packages)
            if place is not None and (found is None or place.plugin is not None):
                found = place
            waiting.extend(child for nursery in task.child_nurseries for child in nursery.child_tasks)
        return found


def _frames(task: trio.lowlevel.Task) -> list[tuple[FrameType, int]]:
    # Trio types the frames as objects, since other coroutine types may have others.
    return [(frame, line) for frame, line in task.iter_await_frames() if isinstance(frame, FrameType)]


def _split(problem: BaseException) -> tuple[BaseException | None, BaseException | None]:
    """Divide into cancellation, which must go on outwards, and the source's failure.

    KeyboardInterrupt is a failure too: the daemon takes Ctrl-C as a signal, so only the source raised it.
    """
    if isinstance(problem, BaseExceptionGroup):
        return problem.split(trio.Cancelled)
    if isinstance(problem, trio.Cancelled):
        return problem, None
    return None, problem
