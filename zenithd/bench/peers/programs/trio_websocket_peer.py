"""The `trio-websocket` library as shipped: a task for each subscriber, fed through a memory channel.

Its documentation knows one way to send, `send_message`, which sends one message when it returns; a publisher
that must not wait for the slowest subscriber needs a task and a channel for each.
"""

from __future__ import annotations

import math
from functools import partial

import trio
from publisher import TOPICS, Publisher, done, listening, numbers_in, raise_file_limit
from trio_websocket import ConnectionClosed, WebSocketRequest, WebSocketServer, serve_websocket

subscribers: list[list[trio.MemorySendChannel[str]]] = [[] for _ in range(TOPICS)]


class Outstanding:
    """Counts what was published and not yet sent."""

    count = 0
    none = trio.Event()


async def subscribe(request: WebSocketRequest) -> None:
    """Take the topics that a client wants, then send what is published."""
    connection = await request.accept()
    message = await connection.get_message()
    send, receive = trio.open_memory_channel[str](math.inf)
    for topic in numbers_in(message):
        subscribers[topic].append(send)
    try:
        async for text in receive:
            await connection.send_message(text)
            Outstanding.count -= 1
            if not Outstanding.count:
                Outstanding.none.set()
    except ConnectionClosed:
        for topic in numbers_in(message):
            subscribers[topic].remove(send)


def publish(topic: int, message: bytes) -> None:
    """Hand it to everybody's task."""
    text = message.decode()
    Outstanding.count += len(subscribers[topic])
    for channel in subscribers[topic]:
        channel.send_nowait(text)


async def flush() -> None:
    """Wait until everybody's task has sent everything."""
    Outstanding.none = trio.Event()
    if Outstanding.count:
        await Outstanding.none.wait()


async def main() -> None:
    """Serve and obey."""
    publisher = Publisher(publish, flush, trio.lowlevel.checkpoint, trio.sleep)
    async with trio.open_nursery() as nursery:
        server: WebSocketServer = await nursery.start(
            partial(serve_websocket, subscribe, "127.0.0.1", 0, ssl_context=None)
        )
        listening(server.port)
        received = b""
        async with trio.lowlevel.FdStream(0) as stream:
            async for data in stream:
                *lines, received = (received + data).split(b"\n")
                for line in lines:
                    await publisher.execute(line.decode())
                    done()
        nursery.cancel_scope.cancel()


raise_file_limit()
trio.run(main)
