"""The `websockets` library: `broadcast()`, for which its documentation says that nothing is faster.

Also as its pages on performance say: on uvloop, messages already encoded (`text=True`), no compression. Every
message is a system call of its own: the library has no way to gather.
"""

from __future__ import annotations

import asyncio
import contextlib

import uvloop
from publisher import TOPICS, Publisher, listening, next_turn, numbers_in, obey, raise_file_limit
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

subscribers: list[list[ServerConnection]] = [[] for _ in range(TOPICS)]


async def subscribe(connection: ServerConnection) -> None:
    """Take the topics that a client wants."""
    with contextlib.suppress(ConnectionClosed):  # the bench's clients end without a closing handshake
        async for message in connection:
            for topic in numbers_in(message):
                subscribers[topic].append(connection)


def publish(topic: int, message: bytes) -> None:
    """Write to everybody."""
    broadcast(subscribers[topic], message, text=True)


async def main() -> None:
    """Serve and obey."""
    async with serve(
        subscribe,
        "127.0.0.1",
        0,
        compression=None,
        ping_interval=None,
        open_timeout=None,
        backlog=4096,
    ) as server:
        listening(next(iter(server.sockets)).getsockname()[1])
        await obey(Publisher(publish, next_turn, next_turn, asyncio.sleep))


raise_file_limit()
uvloop.run(main())
