"""A memory of the newest entries that knows since when it is whole. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

Key = TypeVar("Key")
Value = TypeVar("Value")


class Memory(msgspec.Struct, Generic[Key, Value]):
    """Keeps at least the newest `kept` entries, and fewer than twice as many; see `model.recent.Recent`."""

    kept: int
    current: dict[Key, Value] = {}
    previous: dict[Key, Value] = {}
    newest: int = 0
    """Time of the newest entry."""
    previous_newest: int = 0
    """Time of the newest entry of the older generation."""
    forgotten: int = 0
    """Time of the newest entry that was forgotten; 0: none was."""

    def add(self, key: Key, value: Value, now: int) -> None:
        """Remember an entry."""
        if len(self.current) >= self.kept:
            if self.previous:
                self.forgotten = self.previous_newest
            self.previous, self.previous_newest = self.current, self.newest
            self.current = {}
        self.current[key] = value
        self.newest = now

    def values(self) -> Iterator[Value]:
        """All that is remembered, the older generation first."""
        yield from self.previous.values()
        yield from self.current.values()

    def get(self, key: Key) -> Value | None:
        """The value; None if it is not, or no longer, remembered."""
        found = self.current.get(key)
        return self.previous.get(key) if found is None else found
