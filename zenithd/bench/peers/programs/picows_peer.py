"""The `picows` library: its core interface, on uvloop; a loop of sends, as in its example of a broadcast.

Every message is a system call of its own: the library sends at once whatever it is given, and has no way to
gather (tarasko/picows, issue 73).
"""

from __future__ import annotations

import asyncio

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server
from publisher import TOPICS, Publisher, listening, next_turn, numbers_in, obey, raise_file_limit

TEXT = WSMsgType.TEXT

subscribers: list[list[WSTransport]] = [[] for _ in range(TOPICS)]


class Subscriber(WSListener):
    """One connection."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take the topics that a client wants."""
        if frame.msg_type == TEXT:
            for topic in numbers_in(frame.get_payload_as_ascii_text()):
                subscribers[topic].append(transport)


def publish(topic: int, message: bytes) -> None:
    """Write to everybody."""
    for transport in subscribers[topic]:
        transport.send(TEXT, message)


async def main() -> None:
    """Serve and obey."""
    server = await ws_create_server(
        lambda _: Subscriber(),
        "127.0.0.1",
        0,
        websocket_handshake_timeout=None,
        backlog=4096,
    )
    listening(server.sockets[0].getsockname()[1])
    await obey(Publisher(publish, next_turn, next_turn, asyncio.sleep))


raise_file_limit()
uvloop.run(main())
