"""The stream handed to trio-websocket: its bytes and the fan-out's share one ordered outbox."""

from __future__ import annotations

import os
from collections.abc import Callable

import trio

from zenithd.bus import Outbox
from zenithd.bus.frames import close_frame, is_close
from zenithd.server.announced import AnnouncedLengths
from zenithd.server.arrivals import Arrival
from zenithd.turns import pay

RECEIVE_BYTES = 4_096
"""Read at once if the reader does not say how much."""

GOODBYE_READ_BYTES = 65_536

FRAMES_PER_PART = 4
"""Frames that trio-websocket is handed at once; it takes them apart without giving way."""

FRAME_SECONDS = 0.00005
PART_SECONDS = 0.00003
"""What taking apart a frame, and a part of the stream, costs about: what a client pays with its turns."""


class OutboxStream(trio.abc.Stream):
    """Writes through the connection's outbox, reads from its transport.

    Control frames never stand between the bytes of another frame, and after a close frame nothing
    follows. A peer that makes us answer (pings, requests) without reading is not read from either.

    Nothing is read behind the request before the handshake is done: trio-websocket would take it for more of
    the request, and lose it.
    """

    __slots__ = (
        "_announced",
        "_arrival",
        "_closed",
        "_early",
        "_handed",
        "_more",
        "_outbox",
        "_part",
        "_part_frames",
        "_received",
        "_request",
        "_room",
        "_transport",
        "_upgraded",
        "close_frame_sent",
        "last_received",
        "on_close_frame",
        "too_large",
    )

    def __init__(
        self,
        transport: trio.abc.Stream,
        arrival: Arrival | None,
        outbox: Outbox,
        request: bytes,
        early: bytes,
        message_bytes_max: int,
    ) -> None:
        self._transport = transport
        self._arrival = arrival
        """Of the outbox's descriptor, where there is one and it can be watched."""
        self._outbox = outbox
        self._request = request
        """What trio-websocket reads first: the request to upgrade."""
        self._early = early
        """What the peer sent without waiting for its answer."""
        self.on_close_frame: Callable[[], None] | None = None
        """Called before a close frame is queued: nothing may be queued behind it."""
        self.close_frame_sent = False
        self._announced = AnnouncedLengths(message_bytes_max)
        self.too_large = False
        """True once the peer has announced more than any message may have; nothing behind that is read."""
        self._upgraded: trio.Event | None = trio.Event()
        """Set once the handshake is done, and None from then on: before, no bytes are WebSocket frames."""
        self._more = False
        """Whether the last read brought all that it could: then there is probably more."""
        self._received: bytes | bytearray = b""
        """Read, and not handed over yet."""
        self._handed = bytearray()
        """Handed over last. The reader has copied it and still keeps it; cleared, it keeps nothing."""
        self._part = 1
        self._part_frames = 0.0
        """Bytes that are handed over at once, and frames in them."""
        self._closed = False
        self.last_received = trio.current_time()
        self._room: trio.Event | None = None
        outbox.on_room = self._found_room

    def upgrade(self) -> None:
        """The handshake is done."""
        if self._upgraded is not None:
            self._upgraded.set()
            self._upgraded = None

    def _found_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None

    async def wait_room(self) -> None:
        """Return when the peer has read enough of what waits for it."""
        while self._outbox.congested and not self._outbox.closed and not self._closed:
            await self._taken()

    async def wait_written(self) -> None:
        """Write what is queued; return when the kernel has all of it, or the peer is gone.

        The last thing that is done with a connection, so there is nothing else to cancel if it breaks.
        """
        self._outbox.on_broken = self._found_room
        self._outbox.flush()
        while self._outbox.bytes_waiting and not self._outbox.closed:
            await self._taken()

    async def _taken(self) -> None:
        if self._room is None:
            self._room = trio.Event()
        await self._room.wait()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Queue bytes in order and write what can be written."""
        await trio.lowlevel.checkpoint()
        await self.wait_room()
        if self._outbox.closed or self._closed:
            raise trio.BrokenResourceError("the peer is gone")
        closing = self._upgraded is None and is_close(data)
        if closing and self.on_close_frame is not None:
            self.on_close_frame()
        self._outbox.put(bytes(data))
        self._outbox.flush()
        if closing:
            self._seal()

    def queue_close(self, code: int, reason: str) -> None:
        """Queue a close frame behind all that is queued already."""
        self._outbox.put(close_frame(code, reason))
        self._seal()

    def _seal(self) -> None:
        self.close_frame_sent = True
        self._outbox.seal()

    async def wait_send_all_might_not_block(self) -> None:
        """Return when there is room."""
        await trio.lowlevel.checkpoint()
        await self.wait_room()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Hand the request over, then read from the transport."""
        if self._request:
            await trio.lowlevel.checkpoint()
            request, self._request = self._request, b""
            return request
        self._handed.clear()
        if self._upgraded is not None:
            await self._upgraded.wait()
        if self._outbox.closed or self._closed:
            raise trio.ClosedResourceError
        if not self._received and not self.too_large:
            received: bytes | bytearray | None = None
            descriptor = self._outbox.descriptor
            if self._early:
                received, self._early = self._early, b""
            elif descriptor is None:
                received = await self._transport.receive_some(max_bytes)
            else:
                # A socket is read here and not through trio's stream: that has five layers, whose frames each
                # idle connection would keep, and it reads in vain before it waits.
                while received is None:
                    if self._more or (self._arrival is not None and self._arrival.news()):
                        await trio.lowlevel.checkpoint()
                    elif self._arrival is not None:
                        await trio.lowlevel.wait_task_rescheduled(self._arrival.expect())
                    else:
                        await trio.lowlevel.wait_readable(descriptor)
                    received = self._read(descriptor, max_bytes or RECEIVE_BYTES)
            self._take(received)
        part, self._received = self._received[: self._part], self._received[self._part :]
        await pay(PART_SECONDS + self._part_frames * FRAME_SECONDS)
        self._handed = bytearray(part)
        return self._handed

    def _read(self, descriptor: int, bytes_max: int) -> bytes | None:
        """Read what is there; None if nothing is."""
        self._more = False
        try:
            received = os.read(descriptor, bytes_max)
        except BlockingIOError:
            return None
        except OSError as error:
            raise trio.BrokenResourceError from error
        self._more = len(received) == bytes_max
        return received

    def _take(self, received: bytes | bytearray) -> None:
        """Take the next bytes in, and divide them so that few frames are handed over at once.

        Only a new frame is a sign of life: one that never ends, a byte now and then, is none.
        """
        before = self._announced.frames
        fitting = self._announced.fitting(received)
        frames = self._announced.frames - before
        if frames or not received:
            self.last_received = trio.current_time()
        if fitting < len(received):
            self.too_large = True
        self._received = received[:fitting]
        parts = max(1, frames // FRAMES_PER_PART)
        self._part, self._part_frames = max(1, fitting // parts), frames / parts

    async def read_goodbye(self) -> None:
        """Read without looking at it what the peer still sends, up to its close frame or its end."""
        while not self._announced.closing:
            received = await self._transport.receive_some(GOODBYE_READ_BYTES)
            if not received or self._announced.fitting(received) < len(received):
                return

    def let_go(self) -> None:
        """Stop watching the socket, and break the cycles that a connection consists of: its memory is free.

        A full garbage collection would find them too, one day; it holds the loop for longer the more
        connections there are.
        """
        if self._arrival is not None:
            self._arrival.forget()
        self.on_close_frame = None
        self._outbox.on_room = self._outbox.on_broken = self._outbox.on_waiting = None

    async def aclose(self) -> None:
        """Read no more. Its owner writes what is queued, has a last word to say, and closes the transport."""
        await trio.lowlevel.checkpoint()
        self._closed = True
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
