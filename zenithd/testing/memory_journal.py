"""A journal in memory: all feeds of one plugin, in one order."""

from __future__ import annotations

from collections.abc import AsyncIterator

import trio

from zenithd.plugin.journal import Followed, FollowedRecord
from zenithd.testing.memory_feed import MemoryFeed

FOLLOWED_MAX = 64
"""Records of one piece of what is followed."""


class MemoryJournal:
    """What a source and an adapter of one plugin keep; a second run gets it after a “crash” of the first.

    Attributes:
        feeds: every feed that was asked for, by its name.
        records: of all feeds, in the order in which they were kept.
    """

    def __init__(self) -> None:
        self.feeds: dict[str, MemoryFeed] = {}
        self.records: list[FollowedRecord] = []
        self._kept = trio.Event()

    def feed(self, name: str) -> MemoryFeed:
        """A feed, the same one whenever it is asked for."""
        if name not in self.feeds:
            self.feeds[name] = MemoryFeed(lambda sequence, body: self._note(name, sequence, body))
        return self.feeds[name]

    @property
    def position(self) -> int:
        """The end of what is kept."""
        return len(self.records)

    async def follow(self, after: int = 0) -> AsyncIterator[Followed]:
        """What is kept after a position, and what will be."""
        while True:
            await trio.lowlevel.checkpoint()
            part = self.records[after : after + FOLLOWED_MAX]
            if not part:
                await self._kept.wait()
                continue
            after += len(part)
            yield Followed(after, part)

    def cut_off(self, position: int) -> MemoryJournal:
        """A copy as a crash leaves it that came when no more than this was kept; without kept states."""
        copy = MemoryJournal()
        for record in self.records[:position]:
            copy.feed(record.feed).records.append(record.body)
            copy.records.append(record)
        return copy

    def _note(self, name: str, sequence: int, body: bytes) -> None:
        self.records.append(FollowedRecord(name, sequence, body))
        self._kept.set()
        self._kept = trio.Event()
