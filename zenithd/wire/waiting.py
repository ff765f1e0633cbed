"""Messages that wait while a login is checked."""

from __future__ import annotations

from collections import deque


class Waiting:
    """A queue of messages as they came, bounded in number and in bytes."""

    def __init__(self, messages_max: int, bytes_max: int) -> None:
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._bytes = 0
        self._messages: deque[bytes | str] = deque()

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: bytes | str) -> bool:
        """Keep a message; False if there is no room for it."""
        if len(self._messages) >= self._messages_max or self._bytes + len(message) > self._bytes_max:
            return False
        self._messages.append(message)
        self._bytes += len(message)
        return True

    def take(self) -> bytes | str:
        """The oldest message. There must be one."""
        message = self._messages.popleft()
        self._bytes -= len(message)
        return message

    def clear(self) -> None:
        """Forget them all."""
        self._messages.clear()
        self._bytes = 0
