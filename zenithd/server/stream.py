"""The stream handed to trio-websocket: its bytes and the fan-out's share one ordered outbox."""

from __future__ import annotations

from collections.abc import Callable

import trio

from zenithd.bus import Flusher, Outbox
from zenithd.bus.frames import is_close
from zenithd.server.announced import AnnouncedLengths


class OutboxStream(trio.abc.Stream):
    """Writes through the connection's outbox, reads from its transport.

    Control frames never stand between the bytes of another frame, and after a close frame nothing
    follows. A peer that makes us answer (pings, requests) without reading is not read from either.
    """

    def __init__(
        self,
        transport: trio.abc.Stream,
        outbox: Outbox,
        flusher: Flusher,
        head: bytes,
        message_bytes_max: int,
    ) -> None:
        self._transport = transport
        self._outbox = outbox
        self._flusher = flusher
        self._head = head
        self.on_close_frame: Callable[[], None] | None = None
        """Called before a close frame is queued: nothing may be queued behind it."""
        self.close_frame_sent = False
        self._announced = AnnouncedLengths(message_bytes_max)
        self.on_too_large: Callable[[], None] | None = None
        """Called when the peer announces a frame that is larger than any message may be."""
        self.upgraded = False
        """Set once the handshake is done: before, no bytes are WebSocket frames."""
        self.last_received = trio.current_time()
        self._room: trio.Event | None = None
        outbox.on_room = self._found_room

    def _found_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None

    async def wait_room(self) -> None:
        """Return when the peer has read enough of what waits for it."""
        while self._outbox.congested and not self._outbox.closed:
            if self._room is None:
                self._room = trio.Event()
            await self._room.wait()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Queue bytes in order and write what can be written."""
        await trio.lowlevel.checkpoint()
        await self.wait_room()
        if self._outbox.closed:
            raise trio.BrokenResourceError("the peer is gone")
        closing = self.upgraded and is_close(data)
        if closing and self.on_close_frame is not None:
            self.on_close_frame()
        self._outbox.append(bytes(data))
        self._outbox.flush()
        if closing:
            self.close_frame_sent = True
            self._outbox.seal()

    async def wait_send_all_might_not_block(self) -> None:
        """Return when there is room."""
        await trio.lowlevel.checkpoint()
        await self.wait_room()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Replay the head, then read from the transport."""
        if self._head:
            await trio.lowlevel.checkpoint()
            data, self._head = self._head, b""
            return data
        if self._outbox.closed:
            raise trio.ClosedResourceError
        received = await self._transport.receive_some(max_bytes)
        self.last_received = trio.current_time()
        if self.upgraded and self._announced.exceeds(received) and self.on_too_large is not None:
            self.on_too_large()
        return received

    async def aclose(self) -> None:
        """Stop writing. The transport is closed by its owner, who may have a last word to say on it."""
        await trio.lowlevel.checkpoint()
        self._flusher.forget(self._outbox)
        self._outbox.close()
        self._found_room()


async def write_waiting(outbox: Outbox, transport: trio.abc.SendStream) -> None:
    """Write what waits in an outbox without descriptor (TLS), until cancelled or the peer is gone."""
    arrived = trio.Event()

    def wake() -> None:
        arrived.set()

    outbox.on_waiting = wake
    while True:
        while outbox.waiting:
            data = outbox.take()
            try:
                await transport.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                outbox.fail()
                return
            outbox.took(len(data))
            if not outbox.waiting:
                outbox.drained()
        arrived = trio.Event()
        await arrived.wait()
