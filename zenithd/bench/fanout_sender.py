"""zenithd's fan-out stage as a sender of the bench: ready frames to sockets.

Listener, connections, bus, outboxes and flusher are the daemon's own; in the place of the protocol's session
stands one that understands `sub 1 2 3`, in the place of the markets a task that publishes on command.

Run as `python -m zenithd.bench.fanout_sender TOPICS [--slice SECONDS] [--certificate FILE --key FILE]`.
"""

from __future__ import annotations

import argparse
import gc
import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import trio
from argon2 import PasswordHasher

from zenithd.accounts import Accounts
from zenithd.authentication import Authentication, AuthenticationSettings
from zenithd.authority.access import NOBODY, Access
from zenithd.bench.commands import lines, written
from zenithd.bench.messages import Messages
from zenithd.bus import Bus, Flusher, Group
from zenithd.bus.frames import TEXT, frame
from zenithd.clock import SystemClock
from zenithd.config import Config, FanoutSettings, LimitSettings, LoggingSettings
from zenithd.controllers.interface import Answer, Opened
from zenithd.logs import configure_logs
from zenithd.metrics import Metrics
from zenithd.server.listener import Listener
from zenithd.server.services import Services
from zenithd.server.tls import Certificate, Tls
from zenithd.sessions.limits import AddressLimits
from zenithd.sessions.limits import LimitSettings as AddressLimitSettings
from zenithd.tokens import TokenSigner
from zenithd.wire.commands import Command, Subscribe
from zenithd.wire.topics import TOPICS, Kind

MANY = 1_000_000
"""Of what must not bound a measurement."""


class BenchSession:
    """In the place of the protocol's session: takes one message, `sub` and topics."""

    ready = False
    access = NOBODY
    access_token = ""

    def receive(self, message: bytes | str, now: float) -> list[Command]:
        """Subscribe to the numbers after the first word."""
        found = TOPICS.find("Market", "Depth!0", Kind.SUBSCRIPTION)
        assert found is not None and isinstance(message, str)
        return [
            Subscribe(0, found[0], f"Depth!{int(number):05d}", number, NOBODY, False, 60.0)
            for number in message.split()[1:]
        ]

    def subscribed(self, *_: Any) -> list[Command]:
        """Say nothing."""
        return []

    def close(self, *_: Any) -> list[Command]:
        """Say nothing."""
        return []

    def next_deadline(self) -> None:
        """Wait for nothing."""


class BenchController:
    """Opens every topic; there is no snapshot."""

    name = "Market"

    def open(self, topic: str, argument: str | None, access: Access) -> Opened:
        """The topic of a number."""
        return Opened(f"Depth!{argument}", None, lambda _: [])

    def query(self, topic: str, data: Any, access: Access) -> Answer:
        """Answer nothing."""
        return Answer()


def make_listener(slice_seconds: float, certificate: Certificate | None) -> tuple[Bus, Listener]:
    """The daemon's own parts, with limits out of the way."""
    config = Config(
        limits=LimitSettings(ping_seconds=3600.0, idle_seconds=7200.0),
        fanout=FanoutSettings(slice_seconds=slice_seconds, outbox_bytes_max=1 << 30),
    )
    metrics = Metrics()
    bus = Bus(Flusher(slice_seconds, time.perf_counter))
    limits = AddressLimits(AddressLimitSettings(connections_max=MANY, connections_per_address_max=MANY))
    authentication = Authentication(
        Accounts({}, {}, PasswordHasher()),
        TokenSigner(b"x" * 32, 60),
        limits,
        SystemClock(),
        metrics,
        AuthenticationSettings(1, 5.0),
    )
    services = Services(config, bus, {"Market": BenchController()}, authentication, metrics)
    tls = Tls(certificate) if certificate else None
    make_session: Callable[..., Any] = lambda *_: BenchSession()  # noqa: E731
    return bus, Listener(services, make_session, {}, limits, tls)


class Publisher:
    """Executes the commands of the bench (see `senders`)."""

    def __init__(self, bus: Bus, topics: int) -> None:
        self._bus = bus
        self._flusher = bus.flusher
        self._topics = topics
        self._groups: list[list[Group]] = []
        self._messages = Messages(topics)
        self._prepared: list[tuple[int, bytes]] = []
        self._next = 0

    async def run(self, arguments: list[str]) -> None:
        """Execute one command."""
        verb, *numbers = arguments
        if not self._groups:
            self._find_groups()
        if verb == "prepare":
            made = self._messages.take(int(numbers[0]))
            self._prepared = [(topic, frame(TEXT, message)) for topic, message in made]
            self._next = 0
        elif verb == "batch":
            await self._batch(int(numbers[0]))
        elif verb == "pace":
            await self._pace(float(numbers[0]), float(numbers[1]))

    def _find_groups(self) -> None:
        """Everybody has subscribed by now: what `Topic.publish` goes through once a frame is ready."""
        found = [self._bus.find("Market", f"Depth!{topic}") for topic in range(self._topics)]
        self._groups = [[] if topic is None else list(topic.groups()) for topic in found]

    def _deliver(self, topic: int, data: bytes) -> None:
        for group in self._groups[topic]:
            group.deliver(data)

    async def _batch(self, count: int) -> None:
        for topic, data in self._prepared[self._next : self._next + count]:
            self._deliver(topic, data)
        self._next += count
        self._flusher.flush()
        await written(self._flusher)

    async def _pace(self, rate: float, seconds: float) -> None:
        """Publish as messages become due, at the times intended whatever the delay."""
        started, total, sent = time.monotonic_ns(), int(rate * seconds), 0
        while sent < total:
            due = min(total, int((time.monotonic_ns() - started) * rate / 1e9) + 1)
            if due == sent:
                wait = sent / rate - (time.monotonic_ns() - started) / 1e9
                await trio.sleep(max(wait, 0.0))
                continue
            for index in range(sent, due):
                topic = self._messages.next_topic()
                intended = started + int(index * 1e9 / rate)
                self._deliver(topic, frame(TEXT, self._messages.make(topic, intended)))
            sent = due
            self._flusher.flush()
            await trio.lowlevel.checkpoint()
        await written(self._flusher)


async def run(topics: int, slice_seconds: float, certificate: Certificate | None) -> None:
    """Serve subscribers and commands until standard input ends."""
    bus, listener = make_listener(slice_seconds, certificate)
    sockets = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=4096)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.flusher.run)
        nursery.start_soon(partial(trio.serve_listeners, listener.serve, sockets))
        print("listening", sockets[0].socket.getsockname()[1], flush=True)
        publisher = Publisher(bus, topics)
        async for line in lines():
            if line.startswith("prepare"):
                gc.collect()
                gc.freeze()
            await publisher.run(line.split())
            print("done", flush=True)
        nursery.cancel_scope.cancel()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("topics", type=int)
    parser.add_argument("--slice", type=float, default=FanoutSettings().slice_seconds)
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    given = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    configure_logs(LoggingSettings(level="warning"))
    certificate = Certificate(given.certificate, given.key) if given.certificate else None
    trio.run(run, given.topics, given.slice, certificate)


if __name__ == "__main__":
    main()
