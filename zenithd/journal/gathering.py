"""What gathers for a commit, the limits of that, and how it is told that nothing was acknowledged."""

from __future__ import annotations

import msgspec
import trio

from zenithd.journal.writer import Append


class JournalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the journal works."""

    commit_records_max: int = 4_096
    """Most records of one commit, and so of one append."""
    commit_bytes_max: int = 4_194_304
    """Most bytes of bodies of one commit, and so of one append."""
    commit_seconds_max: float = 30.0
    """A commit that lasts longer counts as failed."""
    retry_seconds: float = 1.0
    """Between attempts to open a store that failed."""
    snapshots_kept: int = 3
    """Of each name."""
    snapshot_bytes_max: int = 268_435_456
    """Most bytes of a snapshot's state."""


class JournalRefuses(Exception):
    """Nothing was acknowledged. The text says why; `may_be_written` whether it can be there all the same.

    Blame: the disk, the server or the operator. Nobody may act on such an append as if it were written.
    """

    def __init__(self, reason: str, *, may_be_written: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.may_be_written = may_be_written


class JournalStatistics(msgspec.Struct):
    """Plain counters, for whoever looks."""

    records: int = 0
    """Appended since the start."""
    commits: int = 0
    duplicates: int = 0
    gaps: int = 0
    conflicts: int = 0
    refused: int = 0
    """Appends that the store was at fault of."""
    failures: int = 0
    """Commits and attempts to open that failed."""
    waits: int = 0
    """Appends that waited for room."""
    snapshots_refused: int = 0
    """States that were too large."""


class Gathering:
    """What will be the next commit."""

    __slots__ = ("appends", "bytes", "may_be_written", "reason", "records", "taken")

    def __init__(self) -> None:
        self.appends: list[Append] = []
        self.records = 0
        self.bytes = 0
        self.taken = trio.Event()
        """No more can be added."""
        self.reason = ""
        """Why nothing of it is acknowledged."""
        self.may_be_written = False

    def wake(self) -> None:
        """Let all producers go on, in one go: what an event for each would do takes a third longer."""
        for append in self.appends:
            task, append.task = append.task, None
            if task is not None:
                trio.lowlevel.reschedule(task)
