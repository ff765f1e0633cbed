"""What every format gives to the player."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol

from zenithd.recording import Declared, Record

Note = Callable[[str], None]
"""Takes a sentence for the operator: damage, gaps, what is not shown and why."""


class Playable(Protocol):
    """A recording, opened. Everything here blocks on files: for worker threads."""

    @property
    def format(self) -> str:
        """Name of the format, for the log."""
        ...

    @property
    def declarations(self) -> tuple[Declared, ...]:
        """The markets and what they list, as far as known before playing; codes are those to play under."""
        ...

    @property
    def first_time(self) -> int:
        """When the recording begins, nanoseconds since the Unix epoch."""
        ...

    def records(self, note: Note) -> Generator[Record, None, None]:
        """Play from the beginning: records in the order of their times; can be called again.

        Ends early where a file is damaged, which is noted.
        """
        ...
