"""Topics: who gets which frame.

A topic's subscribers are grouped by (spelling, entitlement, encoding). An update is rendered once per
entitlement, encoded and framed once per group, and appended to each member's outbox. A field that a
subscriber may not see never reaches an encoder it shares, since the entitlement is part of the key.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import msgspec

from zenithd.bus.flusher import Flusher
from zenithd.bus.frames import BINARY, TEXT, frame
from zenithd.bus.outbox import Outbox
from zenithd.wire.codec import Codec

Snapshot = Callable[[Hashable], list[Any]]
Sink = Callable[[bytes], None]
Ended = Callable[["Subscription", str], None]
"""Told that a topic is gone, with an error code as the reason; must end the subscription."""


class BusStatistics(msgspec.Struct):
    """Counters of the whole bus."""

    published: int = 0
    """Frames made."""
    deliveries: int = 0
    """Frames times members."""
    subscriptions: int = 0


class Group:
    """The subscribers of a topic for whom the very same bytes are right."""

    __slots__ = (
        "codec",
        "entitlement",
        "members",
        "outboxes",
        "sinks",
        "snapshot_frames",
        "topic",
        "wire_topic",
    )

    def __init__(self, topic: Topic, wire_topic: str, entitlement: Hashable, codec: Codec) -> None:
        self.topic = topic
        self.wire_topic = wire_topic
        self.entitlement = entitlement
        self.codec = codec
        self.members: list[Subscription] = []
        self.sinks: list[Sink] = []
        self.outboxes: dict[Outbox, int] = {}
        """Outbox -> number of members here (one, unless a connection spells a topic in two ways)."""
        self.snapshot_frames: list[bytes] | None = None
        """Kept until the next update, so that many who arrive at once share one encoding."""

    def encode(self, payload: Any) -> bytes:
        """Make the frame of one data message (container rules: zenith-websocket 6.3)."""
        message = self.codec.encode(
            {"Controller": self.topic.controller, "Topic": self.wire_topic, "Data": payload}
        )
        return frame(TEXT if self.codec.is_text else BINARY, message)

    def snapshot(self) -> list[bytes]:
        """Frames of the full state now, encoded at most once between two updates."""
        frames = self.snapshot_frames
        if frames is None:
            frames = [self.encode(payload) for payload in self.topic.snapshot(self.entitlement)]
            self.snapshot_frames = frames
        return frames

    def add(self, subscription: Subscription) -> None:
        """Register a member."""
        subscription.index = len(self.members)
        self.members.append(subscription)
        self.sinks.append(subscription.outbox.append)
        self.outboxes[subscription.outbox] = self.outboxes.get(subscription.outbox, 0) + 1
        if subscription.outbox.lagging:
            subscription.divert()

    def remove(self, subscription: Subscription) -> None:
        """Take a member out; the last one takes its place."""
        last = self.members.pop()
        sink = self.sinks.pop()
        if last is not subscription:
            self.members[subscription.index] = last
            self.sinks[subscription.index] = sink
            last.index = subscription.index
        outbox = subscription.outbox
        if self.outboxes[outbox] == 1:
            del self.outboxes[outbox]
        else:
            self.outboxes[outbox] -= 1


class Subscription:
    """One connection's membership of a group."""

    __slots__ = ("closed", "ended", "group", "index", "outbox")

    def __init__(
        self, outbox: Outbox, group: Group, closed: Callable[[], None] | None, ended: Ended | None
    ) -> None:
        self.outbox = outbox
        self.group = group
        self.index = 0
        self.closed = closed
        self.ended = ended

    def divert(self) -> None:
        """From now on only mark as stale what is published (the outbox lags)."""
        self.group.sinks[self.index] = self._mark

    def undivert(self) -> None:
        """Deliver to the outbox again."""
        self.group.sinks[self.index] = self.outbox.append

    def _mark(self, _frame: bytes) -> None:
        outbox = self.outbox
        outbox.stale[self] = None
        outbox.statistics.conflations += 1

    def restart(self) -> list[bytes]:
        """Resume delivery with the full state: the frames to send before anything published later."""
        self.undivert()
        return self.group.snapshot()


class Topic:
    """A stream of updates under one name, with its subscribers."""

    __slots__ = ("bus", "controller", "groups", "name", "snapshot")

    def __init__(self, bus: Bus, controller: str, name: str, snapshot: Snapshot) -> None:
        self.bus = bus
        self.controller = controller
        self.name = name
        self.snapshot = snapshot
        self.groups: dict[tuple[str, Hashable, Codec], Group] = {}

    def publish(self, render: Callable[[Any], Any]) -> None:
        """Deliver `render(entitlement)` to everybody; None means nothing for that entitlement.

        Makes no system call and cannot block: the frames are appended, the flusher is told who has some.
        """
        statistics = self.bus.statistics
        mark = self.bus.flusher.dirty.update
        rendered: dict[Hashable, Any] = {}
        for group in self.groups.values():
            group.snapshot_frames = None
            entitlement = group.entitlement
            if entitlement in rendered:
                payload = rendered[entitlement]
            else:
                payload = rendered[entitlement] = render(entitlement)
            if payload is None:
                continue
            data = group.encode(payload)
            for sink in group.sinks:
                sink(data)
            mark(group.outboxes)
            statistics.published += 1
            statistics.deliveries += len(group.sinks)

    def changed(self) -> None:
        """The state changed without anything to deliver: cached snapshots are no longer right."""
        for group in self.groups.values():
            group.snapshot_frames = None


class Bus:
    """All topics that have subscribers, by (controller, canonical name)."""

    def __init__(self, flusher: Flusher) -> None:
        self.flusher = flusher
        self.statistics = BusStatistics()
        self.topics: dict[tuple[str, str], Topic] = {}

    def find(self, controller: str, name: str) -> Topic | None:
        """The topic, if anybody listens."""
        return self.topics.get((controller, name))

    def topics_of(self, controller: str) -> Iterable[Topic]:
        """The controller's topics that have subscribers."""
        return [topic for (owner, _), topic in self.topics.items() if owner == controller]

    def subscribe(
        self,
        outbox: Outbox,
        codec: Codec,
        *,
        controller: str,
        name: str,
        wire_topic: str,
        entitlement: Hashable,
        snapshot: Snapshot,
        closed: Callable[[], None] | None = None,
        ended: Ended | None = None,
    ) -> Subscription:
        """Register a subscriber and queue its snapshot, in one step: no update falls between."""
        topic = self.topics.get((controller, name))
        if topic is None:
            topic = self.topics[controller, name] = Topic(self, controller, name, snapshot)
        key = (wire_topic, entitlement, codec)
        group = topic.groups.get(key)
        if group is None:
            group = topic.groups[key] = Group(topic, wire_topic, entitlement, codec)
        subscription = Subscription(outbox, group, closed, ended)
        self.send_snapshot(subscription)
        group.add(subscription)
        outbox.subscriptions.add(subscription)
        self.statistics.subscriptions += 1
        return subscription

    def send_snapshot(self, subscription: Subscription) -> None:
        """Queue the full state, once more for a further reference to a held subscription.

        A lagging outbox gets it as well: it is the answer to a request, and requests are not read while
        too much waits. It supersedes a stale mark.
        """
        outbox = subscription.outbox
        for data in subscription.group.snapshot():
            outbox.append(data)
        if subscription in outbox.stale:
            del outbox.stale[subscription]
            subscription.undivert()
        self.flusher.dirty[outbox] = 1

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; a topic without subscribers is forgotten."""
        group = subscription.group
        topic = group.topic
        group.remove(subscription)
        subscription.outbox.subscriptions.discard(subscription)
        subscription.outbox.stale.pop(subscription, None)
        self.statistics.subscriptions -= 1
        if not group.members:
            del topic.groups[group.wire_topic, group.entitlement, group.codec]
            if not topic.groups:
                del self.topics[topic.controller, topic.name]
        if subscription.closed is not None:
            subscription.closed()

    def end(self, controller: str, name: str, reason: str) -> None:
        """The topic is gone: everybody who holds it is told, and ends it."""
        topic = self.topics.get((controller, name))
        if topic is None:
            return
        for group in list(topic.groups.values()):
            for subscription in list(group.members):
                if subscription.ended is not None:
                    subscription.ended(subscription, reason)

    def leave(self, outbox: Outbox) -> None:
        """End every subscription of a connection."""
        for subscription in list(outbox.subscriptions):
            self.unsubscribe(subscription)
