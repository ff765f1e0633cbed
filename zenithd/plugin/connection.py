"""One WebSocket connection to a venue: kept up, subscribed in the venue's pace, replaced before its cut."""

from __future__ import annotations

import enum
import math
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

import msgspec
import structlog
import trio
import trio_websocket

from zenithd.domain.identifiers import InstrumentId
from zenithd.plugin.backoff import Backoff
from zenithd.plugin.policy import VENUE_FAULTS, VenueFault, VenuePolicy, venue_fault

_CLOSE_SECONDS_MAX = 2.0
"""For the closing handshake of a connection that has been replaced already."""


class Frames(Protocol):
    """What a connection needs to know of the venue; `VenueSource` has it."""

    def endpoint(self) -> str:
        """The address to connect to."""
        ...

    def opening_frames(self) -> Sequence[str | bytes]:
        """Sent once on each new connection."""
        ...

    def subscribe_frames(self, instruments: Sequence[InstrumentId]) -> Sequence[str | bytes]:
        """Frames that subscribe."""
        ...

    def unsubscribe_frames(self, instruments: Sequence[InstrumentId]) -> Sequence[str | bytes]:
        """Frames that unsubscribe."""
        ...


class Listener(msgspec.Struct, frozen=True):
    """Whom a connection tells. `received` and `lost` may wait; both are called by one task at a time."""

    received: Callable[[str | bytes], Awaitable[None]]
    """A frame arrived; it is taken completely before the next one is read."""
    subscribed: Callable[[Sequence[InstrumentId]], None]
    """The frames that subscribe these have left."""
    ready: Callable[[], None]
    """Connected, and everything wanted has been subscribed."""
    lost: Callable[[str, float], Awaitable[None]]
    """The connection was lost: why, and how many seconds until it is tried again."""


class ConnectionState(enum.Enum):
    """How a connection is."""

    CONNECTING = "connecting"
    READY = "ready"
    LOST = "lost"


class VenueConnection:
    """Keeps one connection up until cancelled, with the instruments of `wanted` subscribed on it."""

    def __init__(
        self,
        number: int,
        frames: Frames,
        policy: VenuePolicy,
        listener: Listener,
        randomness: random.Random,
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        self.number = number
        self.frames = frames
        self.policy = policy
        self.listener = listener
        self.log = log.bind(connection=number)
        self.wanted: frozenset[InstrumentId] = frozenset()
        self.state = ConnectionState.CONNECTING
        self.reason = ""
        """Why the connection was lost; "" while it is not."""
        self.cancel_scope = trio.CancelScope()
        self._backoff = Backoff(policy.backoff_seconds_min, policy.backoff_seconds_max, randomness)
        self._sessions: list[_Session] = []

    def want(self, instruments: Iterable[InstrumentId]) -> None:
        """Have exactly these subscribed."""
        self.wanted = frozenset(instruments)
        for session in self._sessions:
            session.subscriptions_changed()

    def subscribe_again(self, instrument: InstrumentId) -> None:
        """Unsubscribe and subscribe one instrument, so that the venue sends its snapshot."""
        for session in self._sessions:
            session.renew(instrument)

    async def run(self) -> None:
        """Connect, follow, reconnect; until `cancel_scope` is cancelled.

        Raises:
            Exception: only what is not the venue's fault (`policy.VENUE_FAULTS`): the plugin's bugs.
        """
        with self.cancel_scope:
            while True:
                began = trio.current_time()
                try:
                    await self._hold()
                except (*VENUE_FAULTS, ExceptionGroup) as problem:
                    reason = venue_fault(problem)
                    if reason is None:
                        raise
                    if trio.current_time() - began >= self.policy.stable_seconds:
                        self._backoff.reset()
                    await self._pause(reason)

    async def _pause(self, reason: str) -> None:
        seconds = self._backoff.next_seconds()
        self.state, self.reason = ConnectionState.LOST, reason
        self.log.warning("venue connection lost", reason=reason, seconds=round(seconds, 3))
        await self.listener.lost(reason, seconds)
        await trio.sleep(seconds)

    async def _hold(self) -> None:
        """Hold a connection, through planned reconnects, until it fails."""
        async with trio.open_nursery() as nursery:
            session = await self._begin(nursery)
            session.follow()
            while True:
                await trio.sleep(self.policy.reconnect_after_seconds or math.inf)
                successor = await self._successor(nursery)
                # The old one ends between two frames, so that no half-taken frame is lost.
                await session.retire()
                self.log.info("planned reconnect done")
                successor.follow()
                session = successor

    async def _successor(self, nursery: trio.Nursery) -> _Session:
        """Make the next connection beside the present one, which is followed meanwhile."""
        backoff_seconds = self.policy.backoff_seconds_max
        while True:
            self.log.info("planned reconnect begins")
            try:
                session = await self._begin(nursery)
                await session.wait_subscribed()
            except (*VENUE_FAULTS, ExceptionGroup) as problem:
                reason = venue_fault(problem)
                if reason is None:
                    raise
                self.log.warning("planned reconnect failed", reason=reason, seconds=backoff_seconds)
                await trio.sleep(backoff_seconds)
            else:
                await trio.sleep(self.policy.overlap_seconds)
                return session

    async def _begin(self, nursery: trio.Nursery) -> _Session:
        session = _Session(self)
        await nursery.start(session.run, name=f"venue connection {self.number}")
        return session

    def session_began(self, session: _Session) -> None:
        """A session is connected."""
        self._sessions.append(session)

    def session_ended(self, session: _Session) -> None:
        """A session is over."""
        self._sessions.remove(session)

    def became_ready(self) -> None:
        """Everything wanted is subscribed."""
        self.state, self.reason = ConnectionState.READY, ""
        self.listener.ready()


class _Session:
    """One WebSocket from its handshake to its end."""

    def __init__(self, connection: VenueConnection) -> None:
        self._connection = connection
        self._policy = connection.policy
        self._subscribed: set[InstrumentId] = set()
        self._renewing: set[InstrumentId] = set()
        self._changed = trio.Event()
        self._all_subscribed = trio.Event()
        self._may_follow = trio.Event()
        self._retired = False
        self._ended = trio.Event()
        self._waiting: trio.CancelScope | None = None
        """Around the wait for the next frame only."""
        self._heard = -math.inf
        """When the last frame had been taken."""
        self._quiet_since = trio.current_time()
        """Since when a frame is waited for."""
        self._send_not_before = trio.current_time()
        self._taking = False
        """A frame is being taken: the daemon, not the venue, is slow, and pongs may be held up behind it."""

    def follow(self) -> None:
        """Begin to read; what the venue has sent since the subscription waits in order."""
        self._may_follow.set()

    async def retire(self) -> None:
        """Stop reading after the frame that is being taken; return when that is so."""
        self._retired = True
        if self._waiting is not None:
            self._waiting.cancel()
        await self._ended.wait()

    def subscriptions_changed(self) -> None:
        """Compare what is subscribed with what is wanted again."""
        self._changed.set()

    def renew(self, instrument: InstrumentId) -> None:
        """Subscribe an instrument anew."""
        if instrument in self._subscribed:
            self._renewing.add(instrument)
            self._changed.set()

    async def wait_subscribed(self) -> None:
        """Return when everything that was wanted at the connection has been subscribed."""
        await self._all_subscribed.wait()

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        """Connect, report started, subscribe, and read once `follow` was called, until retired.

        Raises:
            Exception: one of VENUE_FAULTS, mostly in groups; or whatever taking a frame raised.
        """
        async with trio.open_nursery() as nursery:
            with trio.fail_after(self._policy.connect_seconds_max):
                socket = await trio_websocket.connect_websocket_url(
                    nursery,
                    self._connection.frames.endpoint(),
                    message_queue_size=self._policy.frames_waiting_max,
                    max_message_size=self._policy.frame_bytes_max,
                )
            self._connection.session_began(self)
            try:
                task_status.started()
                nursery.start_soon(self._subscribe, socket)
                nursery.start_soon(self._ping, socket)
                await self._read(socket)
                self._ended.set()
            finally:
                self._connection.session_ended(self)
                # Closes at once where this task is cancelled, as it is after a failure.
                with trio.move_on_after(_CLOSE_SECONDS_MAX):
                    await socket.aclose()
            nursery.cancel_scope.cancel()

    async def _read(self, socket: trio_websocket.WebSocketConnection) -> None:
        await self._may_follow.wait()
        self._quiet_since = trio.current_time()
        while not self._retired:
            frame = await self._next_frame(socket)
            if frame is None:
                continue
            self._taking = True
            await self._connection.listener.received(frame)
            self._taking = False
            self._heard = self._quiet_since = trio.current_time()

    async def _next_frame(self, socket: trio_websocket.WebSocketConnection) -> str | bytes | None:
        """The next frame; None when it is time to look whether to go on."""
        limit = self._policy.stall_seconds_max
        with trio.CancelScope(deadline=self._quiet_since + limit if limit else math.inf) as self._waiting:
            return await socket.get_message()
        self._waiting = None
        if not self._retired and limit is not None:
            if self._subscribed and trio.current_time() >= self._quiet_since + limit:
                raise VenueFault(f"no message for {limit:g} s")
            self._quiet_since = trio.current_time()
        return None

    async def _subscribe(self, socket: trio_websocket.WebSocketConnection) -> None:
        """Send the opening frames, then keep what is subscribed equal to what is wanted."""
        for frame in self._connection.frames.opening_frames():
            await self._send(socket, frame)
        while True:
            self._changed = trio.Event()
            renewing, self._renewing = self._renewing, set()
            wanted = self._connection.wanted
            await self._unsubscribe(socket, (self._subscribed - wanted) | (renewing & self._subscribed))
            await self._subscribe_batches(socket, wanted - self._subscribed)
            if not self._changed.is_set():
                self._all_subscribed.set()
                self._connection.became_ready()
            await self._changed.wait()

    async def _unsubscribe(
        self, socket: trio_websocket.WebSocketConnection, instruments: set[InstrumentId]
    ) -> None:
        for batch in _batches(instruments, self._policy.instruments_per_frame_max):
            self._subscribed.difference_update(batch)
            for frame in self._connection.frames.unsubscribe_frames(batch):
                await self._send(socket, frame)

    async def _subscribe_batches(
        self, socket: trio_websocket.WebSocketConnection, instruments: Iterable[InstrumentId]
    ) -> None:
        for batch in _batches(instruments, self._policy.instruments_per_frame_max):
            for frame in self._connection.frames.subscribe_frames(batch):
                await self._send(socket, frame)
            if not self._subscribed:
                self._quiet_since = trio.current_time()
            self._subscribed.update(batch)
            self._connection.listener.subscribed(batch)

    async def _send(self, socket: trio_websocket.WebSocketConnection, frame: str | bytes) -> None:
        await trio.sleep_until(self._send_not_before)
        self._send_not_before = trio.current_time() + 1 / self._policy.frames_per_second_max
        with trio.fail_after(self._policy.send_seconds_max):
            await socket.send_message(frame)

    async def _ping(self, socket: trio_websocket.WebSocketConnection) -> None:
        if self._policy.ping_seconds is None:
            return
        await self._may_follow.wait()
        while True:
            await trio.sleep(self._policy.ping_seconds)
            sent = trio.current_time()
            with trio.move_on_after(self._policy.pong_seconds_max) as scope:
                await socket.ping()
            if scope.cancelled_caught and not self._taking and self._heard < sent:
                raise VenueFault(f"no answer to a ping for {self._policy.pong_seconds_max:g} s")


def _batches(instruments: Iterable[InstrumentId], size: int) -> list[list[InstrumentId]]:
    ordered = sorted(instruments)
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]
