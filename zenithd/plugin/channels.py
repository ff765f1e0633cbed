"""Memory channels without a pass of the event loop for every value.

trio gives way at every `send` and `receive`. A pass of the loop takes milliseconds while much is going on, so
a chain of tasks that hand on one value in each pass carries out a few hundred a second, however fast each of
them is. These give way only when they have to wait, and after every `STEP` values.
"""

from __future__ import annotations

from typing import Final, TypeVar

import trio

T = TypeVar("T")

STEP: Final = 64
"""Values that one task may hand on before others have their turn."""


class Receiver:
    """Takes values out of a channel for one task.

    Not every `receive` is a checkpoint: who takes values in a loop gives way through it often enough.
    """

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken = 0

    async def receive(self, channel: trio.MemoryReceiveChannel[T]) -> T:
        """The next value.

        Raises:
            trio.EndOfChannel, trio.ClosedResourceError: as the channel.
        """
        self._taken += 1
        if self._taken % STEP == 0:
            await trio.lowlevel.checkpoint()
        try:
            return channel.receive_nowait()
        except trio.WouldBlock:
            return await channel.receive()


async def send(channel: trio.MemorySendChannel[T], value: T) -> None:
    """Put a value in; waits while there is no room. No checkpoint where there is.

    Raises:
        trio.BrokenResourceError, trio.ClosedResourceError: as the channel.
    """
    try:
        channel.send_nowait(value)
    except trio.WouldBlock:
        await channel.send(value)
