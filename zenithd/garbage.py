"""Garbage collection that does not hold the loop for long.

A full collection looks at every object there is, at about half a microsecond each: half a second with 5,000
connections, and CPython makes one whenever the objects have grown by a quarter. What it looks at are
connections, books and tapes, which their reference counts free when their time has come. So what survives a
full collection is set aside (`gc.freeze`), and the next one looks only at what has come since.

Cycles that die after they were set aside are not found so. When what is set aside has doubled since all of
it was looked at, it is all looked at again; but only while that is a matter of a tenth of a second at most.
Beyond that what is old is left to its reference counts: connections break their cycles when they end, and the
soak script watches that nothing stays.
"""

from __future__ import annotations

import gc
from typing import Any

COUNT_PASSES = 16
"""Full collections between two counts of what is set aside; counting walks through all of it."""

GROWTH_MAX = 2.0
"""So many times what was set aside before may be set aside until all of it is looked at again."""

OBJECTS_MAX = 200_000
"""Objects set aside beyond which they are not looked at again: looking holds the loop for half a microsecond
each."""


class SetAside:
    """Sets aside what survives full collections, from `start` to the end of the process."""

    def __init__(
        self,
        count_passes: int = COUNT_PASSES,
        growth_max: float = GROWTH_MAX,
        objects_max: int = OBJECTS_MAX,
    ) -> None:
        self._count_passes = count_passes
        self._growth_max = growth_max
        self._objects_max = objects_max
        self._passes = 0
        self._before = 0
        """Set aside when all of it had been looked at."""
        self._looks_at_all = False
        """True if the next full collection looks at everything."""
        self._counts = True
        """False once there is too much: counting walks through all of it too."""

    def start(self) -> None:
        """Look at everything once, and set it aside."""
        gc.collect()
        gc.freeze()
        self._before = gc.get_freeze_count()
        gc.callbacks.append(self)

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        """Called by the collector, before and after each collection."""
        if phase != "stop" or info["generation"] < 2:
            return
        gc.freeze()
        self._passes += 1
        if self._looks_at_all:
            self._looks_at_all = False
            self._before = gc.get_freeze_count()
        elif self._counts and self._passes % self._count_passes == 0:
            count = gc.get_freeze_count()
            self._counts = count <= self._objects_max
            if self._counts and count > self._growth_max * self._before:
                gc.unfreeze()
                self._looks_at_all = True
