"""The newest commits as they were gathered: who follows closely need read nothing back. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from zenithd.journal.chain import Run

RECENT_RECORDS_MAX: Final = 2_048
RECENT_BYTES_MAX: Final = 4_194_304
"""Of bodies; the newest commit is kept whatever its size."""


class RecentCommit(NamedTuple):
    """What one commit has written."""

    first: int
    """Position of its first record."""
    last: int
    runs: Sequence[Run]
    """In the order of their positions."""
    bytes: int


class Recent:
    """The newest commits, without holes between them."""

    def __init__(self, records_max: int = RECENT_RECORDS_MAX, bytes_max: int = RECENT_BYTES_MAX) -> None:
        self._commits: deque[RecentCommit] = deque()
        self._records_max = records_max
        self._bytes_max = bytes_max
        self._bytes = 0

    def add(self, first: int, runs: Sequence[Run]) -> None:
        """A commit was acknowledged. What does not follow the one before takes its place."""
        number = size = 0
        for _, _, _, entries in runs:
            number += len(entries)
            for _, body in entries:
                size += len(body)
        commits = self._commits
        if commits and commits[-1].last != first - 1:
            self.clear()
        commits.append(RecentCommit(first, first + number - 1, runs, size))
        self._bytes += size
        while len(commits) > 1 and (
            commits[-1].last - commits[0].first >= self._records_max or self._bytes > self._bytes_max
        ):
            self._bytes -= commits.popleft().bytes

    def clear(self) -> None:
        """Know nothing."""
        self._commits.clear()
        self._bytes = 0

    def since(self, first: int) -> list[RecentCommit] | None:
        """All commits from the one that begins at a position; None if none that is known does."""
        found: list[RecentCommit] = []
        for commit in reversed(self._commits):
            if commit.first < first:
                return None
            found.append(commit)
            if commit.first == first:
                found.reverse()
                return found
        return None
