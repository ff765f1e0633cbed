"""A memory of the newest entries that is bounded and cheap. Pure."""

from __future__ import annotations

from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Keeps at least the newest `kept` entries, and fewer than twice as many.

    Two generations: when the current one is full it becomes the previous one, which is forgotten. What is
    forgotten when depends on nothing but the order of the entries.
    """

    __slots__ = ("current", "kept", "previous")

    def __init__(self, kept: int) -> None:
        self.kept = kept
        self.current: dict[Key, Value] = {}
        self.previous: dict[Key, Value] = {}

    def add(self, key: Key, value: Value) -> None:
        """Remember a new entry."""
        if len(self.current) >= self.kept:
            self.previous = self.current
            self.current = {}
        self.current[key] = value

    def replace(self, key: Key, value: Value) -> None:
        """Another value for an entry that is remembered, wherever it is."""
        holder = self.current if key in self.current else self.previous
        holder[key] = value

    def get(self, key: Key) -> Value | None:
        """The value; None if it is not, or no longer, remembered."""
        found = self.current.get(key)
        return self.previous.get(key) if found is None else found
