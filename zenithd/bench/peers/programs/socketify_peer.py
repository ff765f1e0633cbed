"""uWebSockets, through `socketify`: its own publish and subscribe.

`App.publish` puts a message beside those that each subscriber of the topic is to get; they are written, 32 to
a system call, when the turn of uWebSockets' loop ends. So all messages that are due are published before one
turn. The loop is libuv's, which socketify's own `run` polls without a pause; here it gets its turn after
what was published, and a thousand times a second.
"""

from __future__ import annotations

import asyncio

from publisher import TOPICS, Publisher, listening, numbers_in, obey, raise_file_limit
from socketify import App, AppListenOptions, OpCode, WebSocket

IDLE_SECONDS = 0.005

ports: list[int] = []


def subscribe(client: WebSocket, message: str | bytes, code: OpCode) -> None:
    """Take the topics that a client wants."""
    for topic in numbers_in(message):
        client.subscribe(f"{topic:05d}")


async def main() -> None:
    """Serve and obey."""
    app = App()
    app.ws(
        "/*",
        {"message": subscribe, "idle_timeout": 0, "max_backpressure": 1 << 30},
    )
    app.listen(AppListenOptions(port=0, host="127.0.0.1"), lambda config: ports.append(config.port))
    turn = app.loop.uv_loop.run_nowait
    names = [b"%05d" % topic for topic in range(TOPICS)]

    def publish(topic: int, message: bytes) -> None:
        app.publish(names[topic], message, OpCode.TEXT)

    async def breathe() -> None:
        turn()
        await asyncio.sleep(0)

    async def idle() -> None:
        while True:
            turn()
            await asyncio.sleep(IDLE_SECONDS)

    background = asyncio.create_task(idle())
    listening(ports[0])
    await obey(Publisher(publish, breathe, breathe, asyncio.sleep))
    background.cancel()


raise_file_limit()
asyncio.run(main())
