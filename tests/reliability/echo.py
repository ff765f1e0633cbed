"""The daemon's real listener with a session that sends every message back, for tests of WebSocket itself.

Listener, connection, outbox and flusher are those of the daemon; only the protocol inside of the messages is
replaced. Run with `python -m tests.reliability.echo --port 9001`, then connect to ws://127.0.0.1:9001/Zenith.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from tempfile import TemporaryDirectory

import trio

from zenithd.app import Daemon
from zenithd.authority.access import Access
from zenithd.bus.frames import BINARY, TEXT, frame
from zenithd.clock import SystemClock
from zenithd.config import Config, LimitSettings, LoggingSettings, ServerSettings
from zenithd.logs import configure_logs
from zenithd.plugin.manager import PluginManager
from zenithd.server.connection import Connection
from zenithd.server.listener import Listener
from zenithd.testing.beside import nursery_beside
from zenithd.wire.commands import Command
from zenithd.wire.errors import CloseCode
from zenithd.wire.settings import SessionSettings

MESSAGE_BYTES_MAX = 16 * 2**20
"""As large as the largest message of the usual test suites."""


class EchoSession:
    """Stands where the protocol's session stands; answers each message with itself, as text or binary."""

    access = Access()
    access_token = ""
    ready = False
    subscriptions_held = 0

    def __init__(self, listener: Listener, daemon: Daemon) -> None:
        self._listener = listener
        self._daemon = daemon
        self._connection: Connection | None = None

    def receive(self, message: str | bytes, now: float) -> tuple[Command, ...]:
        data = frame(TEXT, message.encode()) if isinstance(message, str) else frame(BINARY, message)
        connection = self._find_connection()
        connection.outbox.put(data)
        self._daemon.flusher.soon(connection.outbox)
        return ()

    def _find_connection(self) -> Connection:
        """A session does not know its connection, the listener knows them all."""
        if self._connection is None:
            self._connection = next(one for one in self._listener.connections if one.session is self)
        return self._connection

    def close(self, code: CloseCode, reason: str) -> tuple[Command, ...]:
        return ()

    def next_deadline(self) -> float | None:
        return None

    def use(self, settings: SessionSettings) -> None:
        """There is nothing here that settings change."""


@asynccontextmanager
async def serve_echo(
    port: int = 0, message_bytes_max: int = MESSAGE_BYTES_MAX, tls: tuple[str, str] = ("", "")
) -> AsyncIterator[tuple[int, Listener]]:
    """Serve echoes on this machine during the block; yields the port and the listener.

    `tls` are the files of certificate and key.
    """
    with TemporaryDirectory() as folder:
        config = Config(
            server=ServerSettings(state_directory=folder, tls_certificate=tls[0], tls_key=tls[1]),
            limits=LimitSettings(message_bytes_max=message_bytes_max),
            logging=LoggingSettings(level="error"),
        )
        configure_logs(config.logging)
        daemon = Daemon(config, PluginManager([]), SystemClock())
        listener = Listener(
            daemon.services,
            lambda *_: EchoSession(listener, daemon),
            daemon.status.routes(),
            daemon.address_limits,
            daemon.tls,
        )
        sockets = await trio.open_tcp_listeners(port, host="127.0.0.1")
        async with daemon.http, nursery_beside() as nursery:
            nursery.start_soon(daemon.flusher.run)
            nursery.start_soon(listener.run_housekeeping)
            nursery.start_soon(trio.serve_listeners, listener.serve, sockets)
            yield sockets[0].socket.getsockname()[1], listener


async def run(port: int) -> None:
    async with serve_echo(port) as (bound, _):
        print(f"ws://127.0.0.1:{bound}/Zenith", flush=True)
        await trio.sleep_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description="Echo every WebSocket message through zenithd's listener.")
    parser.add_argument("--port", type=int, default=9001)
    with suppress(KeyboardInterrupt):
        trio.run(run, parser.parse_args().port)


if __name__ == "__main__":
    main()
