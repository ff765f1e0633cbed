"""The daemon as a process: signals that stop or reload it, and an end that nothing can hold up."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager

import structlog
import trio

EXIT_LEFT_BEHIND = 70
"""Exit code when a plugin's task would not end."""

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


def receive_signals() -> AbstractContextManager[AsyncIterator[int]]:
    """Catch signals from here on; those that come before somebody waits for them are kept."""
    return trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


async def wait_stop_signal(signals: AsyncIterator[int], reload: Callable[[], bool]) -> None:
    """Return at the first SIGTERM or SIGINT; a second one ends the process at once. SIGHUP reloads."""
    async for number in signals:
        if number == signal.SIGHUP:
            reload()
            continue
        log.info("stop signal", signal=signal.Signals(number).name)
        break
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end_at_once)


def _end_at_once(number: int, _frame: object) -> None:
    os._exit(128 + number)


async def leave_behind(host: trio.Nursery, deadline: float) -> None:
    """Wait for plugin tasks that end late; one that ignores its cancellation cannot keep the process.

    `deadline`, of trio's clock, is that which they were given when they were cancelled.
    """
    host.cancel_scope.cancel()
    with trio.CancelScope(deadline=deadline, shield=True):
        while host.child_tasks:  # noqa: ASYNC110  (trio tells nobody when a nursery empties)
            await trio.sleep(0.01)
    if host.child_tasks:
        log.error("left behind", tasks=[task.name for task in host.child_tasks])
        sys.stderr.flush()
        os._exit(EXIT_LEFT_BEHIND)
