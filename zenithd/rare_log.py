"""Warnings that a peer could cause by the thousand: the first at once, then their number now and then."""

from __future__ import annotations

from typing import Any

import structlog
import trio

PAUSE_SECONDS = 5.0


class RareLog:
    """Tells of a kind of event at most once in `PAUSE_SECONDS`, and how many there were since."""

    def __init__(self, log: structlog.stdlib.BoundLogger, event: str) -> None:
        self._log = log
        self._event = event
        self._told_at = -PAUSE_SECONDS
        self._untold = 0

    def warning(self, **details: Any) -> None:
        """It happened; `details` are those of the occasion that is told."""
        self._untold += 1
        now = trio.current_time()
        if now - self._told_at >= PAUSE_SECONDS:
            self._log.warning(self._event, number=self._untold, **details)
            self._told_at = now
            self._untold = 0
