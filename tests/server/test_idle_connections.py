"""What an idle connection keeps: few tasks, little memory; and nothing of it is left when it has gone.

The figures are those of Python's own allocations in one process, which do not depend on the machine.
"""

from __future__ import annotations

import base64
import gc
import os
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing

from zenithd.app import Daemon
from zenithd.clock import SystemClock
from zenithd.config import Config, LoggingSettings, ServerSettings, UserSettings
from zenithd.plugin.manager import PluginManager
from zenithd.server.connection import Connection
from zenithd.testing.beside import nursery_beside
from zenithd.tokens import TokenSigner, load_key

CONNECTIONS = 50
BYTES_MAX = 30_000
"""Of one connection with a login and three subscriptions, and of the client's end, which is in this process
too. CPython 3.11 needs 25,200."""
TASKS = 2
"""trio-websocket's reader, and the one that executes what the session commands."""
ENDED = 10
SECONDS_MAX = 30.0

SUBSCRIPTIONS = [("Zenith", "Feeds"), ("Zenith", "ServerInfo"), ("Market", "Markets")]


class Served:
    """A daemon without plugins, and a token for it."""

    def __init__(self, daemon: Daemon, port: int) -> None:
        self.daemon = daemon
        self.port = port
        signer = TokenSigner(load_key(daemon.state), lifetime_seconds=3600)
        self.token = signer.issue("anna", ["Zenith/Market"], daemon.clock.now()).text
        self.tasks = trio.lowlevel.current_statistics().tasks_living
        """Without connections."""

    async def connect(self, count: int) -> list[trio.SocketStream]:
        """Open connections one after the other, each until its last subscription is confirmed."""
        return [await self._connect() for _ in range(count)]

    async def _connect(self) -> trio.SocketStream:
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        key = base64.b64encode(os.urandom(16)).decode()
        await stream.send_all(
            f"GET /Zenith?version=2.0 HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {self.token}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        await _read_until(stream, b"\r\n\r\n", 1)
        for controller, topic in SUBSCRIPTIONS:
            await stream.send_all(
                _masked(
                    b'{"Controller":"%b","Topic":"%b","Action":"Sub","Confirm":true}'
                    % (controller.encode(), topic.encode())
                )
            )
        await _read_until(stream, b'"Confirm":true', len(SUBSCRIPTIONS))
        return stream

    async def wait_gone(self) -> None:
        """Return when the last task of a connection has ended, also those that linger."""
        with trio.fail_after(SECONDS_MAX):
            while trio.lowlevel.current_statistics().tasks_living > self.tasks:
                await trio.lowlevel.checkpoint()


def _masked(payload: bytes, opcode: int = 0x81) -> bytes:
    return bytes((opcode, 0x80 | len(payload), 0, 0, 0, 0)) + payload


async def _read_until(stream: trio.SocketStream, wanted: bytes, count: int) -> None:
    data = b""
    with trio.fail_after(SECONDS_MAX):
        while data.count(wanted) < count:
            received = await stream.receive_some()
            assert received, data
            data += received


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    config = Config(
        server=ServerSettings(listen="127.0.0.1:0", state_directory=str(tmp_path)),
        users={"anna": UserSettings(password="anna")},
        logging=LoggingSettings(level="error"),
    )
    daemon = Daemon(config, PluginManager([]), SystemClock())
    sockets = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with daemon.http, nursery_beside() as nursery:
        nursery.start_soon(daemon.flusher.run)
        nursery.start_soon(daemon.listener.run_housekeeping)
        nursery.start_soon(trio.serve_listeners, daemon.listener.serve, sockets)
        await trio.testing.wait_all_tasks_blocked()
        yield Served(daemon, sockets[0].socket.getsockname()[1])


async def test_two_tasks_and_little_memory(served: Served) -> None:
    opened = await served.connect(5)  # what is made once is made now
    await trio.testing.wait_all_tasks_blocked()
    tasks = trio.lowlevel.current_statistics().tasks_living
    gc.collect()
    tracemalloc.start()
    try:
        opened += await served.connect(CONNECTIONS)
        await trio.testing.wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living == tasks + TASKS * CONNECTIONS
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] / CONNECTIONS < BYTES_MAX
    finally:
        tracemalloc.stop()
        for stream in opened:
            await stream.aclose()
    await served.wait_gone()


@pytest.mark.parametrize("politely", [True, False])
async def test_a_connection_that_ended_leaves_nothing_for_the_collector(
    served: Served, politely: bool
) -> None:
    gc.collect()
    gc.disable()
    try:
        for stream in await served.connect(ENDED):
            if politely:
                await stream.send_all(_masked(b"\x03\xe8", 0x88))
                await _read_until(stream, b"\x88\x02\x03\xe8", 1)
            await stream.aclose()
        await served.wait_gone()
        # A task that was cancelled may leave its traceback; a cycle of ours would leave them all.
        assert sum(isinstance(one, Connection) for one in gc.get_objects()) < ENDED / 2
    finally:
        gc.enable()
