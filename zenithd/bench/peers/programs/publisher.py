"""What the peers written in Python share: the messages and the commands of `zenithd bench`.

These programs run in an environment of their own (`zenithd.bench.peers.install`), where zenithd is not
installed: the messages are taken from the file itself.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
from messages import Messages

TOPICS = int(sys.argv[-1])


class Publisher:
    """Executes the commands of the bench with a library and an event loop.

    Args:
        publish: sends a message (200 bytes, of a text frame) to the subscribers of a topic, or to a buffer.
        flush: returns when what was published is with the kernel, or as near as the library can tell.
        breathe: lets the event loop do its work between two publications at a rate.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        publish: Callable[[int, bytes], object],
        flush: Callable[[], Awaitable[object]],
        breathe: Callable[[], Awaitable[object]],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._publish = publish
        self._flush = flush
        self._breathe = breathe
        self._sleep = sleep
        self._messages = Messages(TOPICS)
        self._prepared: Iterator[tuple[int, bytes]] = iter(())

    async def execute(self, line: str) -> None:
        """Execute one line."""
        verb, *numbers = line.split()
        if verb == "prepare":
            self._prepared = iter(list(self._messages.take(int(numbers[0]))))
            gc.collect()
            gc.freeze()  # as zenithd does: connections are no garbage, and need not be looked at again
        elif verb == "batch":
            for topic, message in itertools.islice(self._prepared, int(numbers[0])):
                self._publish(topic, message)
            await self._flush()
        elif verb == "pace":
            await self._pace(float(numbers[0]), float(numbers[1]))

    async def _pace(self, rate: float, seconds: float) -> None:
        """Publish as messages become due, with the times intended whatever the delay."""
        started, total, sent = time.monotonic_ns(), int(rate * seconds), 0
        while sent < total:
            due = min(total, int((time.monotonic_ns() - started) * rate / 1e9) + 1)
            if due == sent:
                await self._sleep(max(0.0, sent / rate - (time.monotonic_ns() - started) / 1e9))
                continue
            for index in range(sent, due):
                topic = self._messages.next_topic()
                self._publish(topic, self._messages.make(topic, started + int(index * 1e9 / rate)))
            sent = due
            await self._breathe()
        await self._flush()


def numbers_in(message: str | bytes) -> list[int]:
    """The topics of `sub 1 2 3`."""
    return [int(word) for word in message.split()[1:]]


def listening(port: int) -> None:
    """Tell the bench where we are."""
    print("listening", port, flush=True)


def done() -> None:
    """Tell the bench that a command was executed."""
    print("done", flush=True)


def raise_file_limit() -> None:
    """Allow as many connections as this user may have."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


async def obey(publisher: Publisher) -> None:
    """Execute what comes on standard input until it ends, on asyncio."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async for line in lines:
        await publisher.execute(line.decode())
        done()


async def next_turn() -> None:
    """Give way to asyncio once: what its transports have gathered is written."""
    await asyncio.sleep(0)
