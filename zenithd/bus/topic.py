"""Topics: who gets which frame.

A topic's subscribers are kept by entitlement, encoding and spelling. An update is rendered once per
entitlement, encoded once per encoding, framed once per spelling, and appended to each member's outbox. A
field that a subscriber may not see never reaches an encoder it shares, since the entitlement comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
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
    snapshots: int = 0
    """Full states rendered and encoded; how many got each does not count."""


class Audience:
    """The subscribers of a topic for whom the same Data is right: equal entitlement and encoding."""

    __slots__ = ("codec", "entitlement", "groups", "snapshot_data", "snapshot_version", "topic")

    def __init__(self, topic: Topic, entitlement: Hashable, codec: Codec) -> None:
        self.topic = topic
        self.entitlement = entitlement
        self.codec = codec
        self.groups: dict[str, Group] = {}
        """By the topic as they spell it."""
        self.snapshot_data: list[bytes] = []
        self.snapshot_version = -1

    def snapshot(self) -> list[bytes]:
        """Data of the full state now, encoded at most once between two updates."""
        topic = self.topic
        if self.snapshot_version != topic.version:
            encode = self.codec.encode_data
            self.snapshot_data = [encode(payload) for payload in topic.snapshot(self.entitlement)]
            self.snapshot_version = topic.version
            topic.bus.statistics.snapshots += 1
        return self.snapshot_data


class Group:
    """The subscribers of a topic for whom the very same frames are right: an audience's of one spelling."""

    __slots__ = (
        "audience",
        "head",
        "members",
        "opcode",
        "outboxes",
        "run",
        "sinks",
        "snapshot_frames",
        "snapshot_version",
        "wire_topic",
    )

    def __init__(self, audience: Audience, wire_topic: str) -> None:
        self.audience = audience
        self.wire_topic = wire_topic
        self.head = audience.codec.head(audience.topic.controller, wire_topic)
        self.opcode = TEXT if audience.codec.is_text else BINARY
        self.members: list[Subscription] = []
        self.sinks: list[Sink] = []
        self.run: list[bytes] = []
        """Frames delivered and not yet in the members' outboxes."""
        self.outboxes: dict[Outbox, int] = {}
        """Outbox -> number of members here (one, unless a connection spells a topic in two ways)."""
        self.snapshot_frames: list[bytes] = []
        self.snapshot_version = -1

    @property
    def entitlement(self) -> Hashable:
        """What the members may see."""
        return self.audience.entitlement

    def frame(self, data: bytes) -> bytes:
        """Make the frame of one data message (container rules: zenith-websocket 6.3)."""
        return frame(self.opcode, self.audience.codec.data_message(self.head, data))

    def deliver(self, data: bytes) -> None:
        """Give a frame to all members, and have their outboxes flushed.

        Makes no system call and cannot block. What is delivered to a group until the next round of the
        flusher is joined once for all of its members.
        """
        if not self.run:
            self.audience.topic.bus.flusher.runs.append(self)
        self.run.append(data)

    def hand_over(self) -> None:
        """Append the frames of the run to every member's outbox (called by the flusher).

        The loop is what a delivery costs: it has no condition, and a sink is a bound C method unless its
        reader lags.
        """
        run = self.run
        data = run[0] if len(run) == 1 else b"".join(run)
        for sink in self.sinks:
            sink(data)
        bus = self.audience.topic.bus
        bus.flusher.touch(self.outboxes)
        statistics = bus.statistics
        statistics.published += len(run)
        statistics.deliveries += len(run) * len(self.sinks)
        run.clear()

    def snapshot(self) -> list[bytes]:
        """Frames of the full state now, so that many who arrive at once share one encoding."""
        if self.snapshot_version != self.audience.topic.version:
            self.snapshot_frames = [self.frame(data) for data in self.audience.snapshot()]
            self.snapshot_version = self.audience.topic.version
        return self.snapshot_frames

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

    def _mark(self, _frames: bytes) -> None:
        outbox = self.outbox
        outbox.stale[self] = None
        count = len(self.group.run)
        outbox.conflated += count
        outbox.statistics.conflations += count

    def restart(self) -> list[bytes]:
        """Resume delivery with the full state: the frames to send before anything published later."""
        self.undivert()
        return self.group.snapshot()


class Topic:
    """A stream of updates under one name, with its subscribers."""

    __slots__ = ("audiences", "bus", "controller", "name", "snapshot", "version")

    def __init__(self, bus: Bus, controller: str, name: str, snapshot: Snapshot) -> None:
        self.bus = bus
        self.controller = controller
        self.name = name
        self.snapshot = snapshot
        self.audiences: dict[Hashable, dict[Codec, Audience]] = {}
        """By entitlement and encoding."""
        self.version = 0
        """Counts the changes of the state, so that a snapshot can be known to be the newest."""

    def publish(self, render: Callable[[Any], Any]) -> None:
        """Deliver `render(entitlement)` to everybody; None means nothing for that entitlement.

        Rendered once per entitlement, encoded once per encoding, framed once per spelling.
        """
        self.version += 1
        for entitlement, audiences in self.audiences.items():
            payload = render(entitlement)
            if payload is None:
                continue
            for codec, audience in audiences.items():
                data = codec.encode_data(payload)
                for group in audience.groups.values():
                    group.deliver(group.frame(data))

    def changed(self) -> None:
        """The state changed without anything to deliver: kept snapshots are no longer right."""
        self.version += 1

    def renew(self) -> None:
        """The state was made anew: deliver it whole to everybody, as when they came."""
        self.version += 1
        for group in self.groups():
            for data in group.snapshot():
                group.deliver(data)

    def join(self, entitlement: Hashable, codec: Codec, wire_topic: str) -> Group:
        """The group of such subscribers, made if they are the first."""
        audiences = self.audiences.setdefault(entitlement, {})
        audience = audiences.get(codec)
        if audience is None:
            audience = audiences[codec] = Audience(self, entitlement, codec)
        group = audience.groups.get(wire_topic)
        if group is None:
            group = audience.groups[wire_topic] = Group(audience, wire_topic)
        return group

    def spellings(self, outbox: Outbox) -> int:
        """Number of spellings under which a connection holds the topic."""
        return sum(outbox in group.outboxes for group in self.groups())

    def prune(self, group: Group) -> None:
        """Forget a group without members."""
        audience = group.audience
        del audience.groups[group.wire_topic]
        if not audience.groups:
            audiences = self.audiences[audience.entitlement]
            del audiences[audience.codec]
            if not audiences:
                del self.audiences[audience.entitlement]

    def groups(self) -> Iterator[Group]:
        """All groups of all audiences."""
        for audiences in self.audiences.values():
            for audience in audiences.values():
                yield from audience.groups.values()

    def members(self) -> list[Subscription]:
        """Everybody who holds the topic."""
        return [subscription for group in self.groups() for subscription in group.members]


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
        group = topic.join(entitlement, codec, wire_topic)
        subscription = Subscription(outbox, group, closed, ended)
        self.flusher.settle()
        self.send_snapshot(subscription)
        group.add(subscription)
        outbox.subscriptions.add(subscription)
        self.flusher.members[outbox] = 1
        self.statistics.subscriptions += 1
        return subscription

    def send_snapshot(self, subscription: Subscription) -> None:
        """Queue the full state, once more for a further reference to a held subscription.

        A lagging outbox gets it as well: it is the answer to a request, and requests are not read while
        too much waits. It supersedes a stale mark.
        """
        outbox = subscription.outbox
        for data in subscription.group.snapshot():
            outbox.put(data)
        if subscription in outbox.stale:
            del outbox.stale[subscription]
            subscription.undivert()
        self.flusher.dirty[outbox] = 1

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; a topic without subscribers is forgotten."""
        group = subscription.group
        outbox = subscription.outbox
        topic = group.audience.topic
        self.flusher.settle()
        group.remove(subscription)
        outbox.subscriptions.discard(subscription)
        outbox.stale.pop(subscription, None)
        if outbox.pending:  # the group that it leaves may be what would have had it flushed
            self.flusher.dirty[outbox] = 1
        if not outbox.subscriptions:
            self.flusher.members.pop(outbox, None)
        self.statistics.subscriptions -= 1
        if not group.members:
            topic.prune(group)
            if not topic.audiences:
                del self.topics[topic.controller, topic.name]
        if subscription.closed is not None:
            subscription.closed()

    def end(self, controller: str, name: str, reason: str) -> None:
        """The topic is gone: everybody who holds it is told, and ends it."""
        topic = self.topics.get((controller, name))
        if topic is None:
            return
        for subscription in topic.members():
            if subscription.ended is not None:
                subscription.ended(subscription, reason)

    def leave(self, outbox: Outbox) -> None:
        """End every subscription of a connection."""
        for subscription in list(outbox.subscriptions):
            self.unsubscribe(subscription)
