"""Messages that wait while a login is checked."""

from __future__ import annotations

from collections import deque


class Waiting:
    """A queue of messages as they came, bounded in number and in bytes."""

    __slots__ = (
        "_bytes",
        "_bytes_max",
        "_messages",
        "_messages_max",
    )

    def __init__(self, messages_max: int, bytes_max: int) -> None:
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._bytes = 0
        self._messages: deque[bytes | str] | None = None
        """Made when the first message waits: even an empty one takes much room."""

    def __len__(self) -> int:
        return 0 if self._messages is None else len(self._messages)

    def put(self, message: bytes | str) -> bool:
        """Keep a message; False if there is no room for it."""
        if len(self) >= self._messages_max or self._bytes + len(message) > self._bytes_max:
            return False
        if self._messages is None:
            self._messages = deque()
        self._messages.append(message)
        self._bytes += len(message)
        return True

    def take(self) -> bytes | str:
        """The oldest message. There must be one."""
        assert self._messages is not None
        message = self._messages.popleft()
        self._bytes -= len(message)
        if not self._messages:
            self._messages = None
        return message

    def clear(self) -> None:
        """Forget them all."""
        self._messages = None
        self._bytes = 0
