"""The fan-out stage, measured by turns: every sender gets the same messages, subscribers and rounds."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from zenithd.bench.messages import Messages, topics_of
from zenithd.bench.reader import Client, Latency, Mode, Reader, client_frame, upgrade_request
from zenithd.bench.senders import Recipe, Sender

FRAMES_PER_WRITE = 100
"""Messages that a subscriber finds in one batch: what gathers under full load."""
ROUND_SECONDS = 1.0
WARM_UP_SECONDS = 0.5


class Shape(NamedTuple):
    """Who listens to what."""

    name: str
    """`one`: everybody to the same topic; `mix`: everybody to some of many."""
    subscribers: int
    topics: int
    each: int
    """Topics of one subscriber."""

    @property
    def batch(self) -> int:
        """Messages published between two writes."""
        return FRAMES_PER_WRITE * self.topics // self.each

    @property
    def fan_out(self) -> float:
        """Deliveries of one message."""
        return self.subscribers * self.each / self.topics


def one(subscribers: int) -> Shape:
    """One topic for all."""
    return Shape("one", subscribers, 1, 1)


def mix(subscribers: int, topics: int = 200, each: int = 20) -> Shape:
    """Twenty of two hundred topics each."""
    return Shape("mix", subscribers, topics, min(each, topics))


class Round(NamedTuple):
    """One sender's turn at full load."""

    deliveries: int
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Deliveries per CPU second."""
        return self.deliveries / self.cpu_seconds


class Saturated(NamedTuple):
    """Medians of all rounds of one sender."""

    name: str
    deliveries_per_cpu_s: float
    ratio: float
    """To the first sender, the kernel: median of the rounds' ratios."""
    ratios: tuple[float, ...]
    """Of all rounds, ascending: their spread."""


def cores() -> tuple[int | None, int | None]:
    """Processors for the sender and for the reader; None where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else (None, None)


class TakesTurns(Protocol):
    """What a contest needs of a contestant."""

    name: str

    def saturate(self, seconds: float = ROUND_SECONDS) -> Round:
        """Publish as fast as subscribers take it."""
        ...


class Contestant:
    """A sender with its subscribers, ready to take turns."""

    def __init__(self, recipe: Recipe, shape: Shape) -> None:
        self.name = recipe.name
        self.shape = shape
        self._stack = contextlib.ExitStack()
        sender_core, reader_core = cores()
        self.sender = self._stack.enter_context(Sender(recipe, shape.topics, sender_core))
        choices = [
            topics_of(index, shape.name, shape.topics, shape.each) for index in range(shape.subscribers)
        ]
        clients = [_client(recipe, topics) for topics in choices]
        self.reader = self._stack.enter_context(
            Reader(self.sender.port, recipe.mode, clients, topics=shape.topics, core=reader_core)
        )
        self.reader.wait_upgraded()
        time.sleep(0.5)  # the subscriptions, which nobody confirms, are on their way
        self._subscribers = [0] * shape.topics
        for topics in choices:
            for topic in topics:
                self._subscribers[topic] += 1
        self._messages = Messages(shape.topics)
        self._expected = 0

    def close(self) -> None:
        """End both programs."""
        self._stack.close()

    def saturate(self, seconds: float = ROUND_SECONDS) -> Round:
        """Publish batches as fast as the reader takes them."""
        batch, batches = self.shape.batch, 1
        deliveries, cpu, used = 0, 0.0, 0.0
        began = time.monotonic()
        while used < seconds and time.monotonic() - began < 10 * seconds:
            self.sender.say("prepare", batches * batch)
            before = self.sender.cpu_seconds()
            for _ in range(batches):
                count = sum(self._subscribers[self._messages.next_topic()] for _ in range(batch))
                started = time.monotonic()
                self.sender.say("batch", batch)
                used += time.monotonic() - started
                deliveries += count
                self._expected += count
                self.reader.wait_frames(self._expected)
            cpu += self.sender.cpu_seconds() - before  # some senders are still at work when they say "done"
            if used < seconds / 10:
                batches = 10  # a slow sender would take minutes over so many
        return Round(deliveries, cpu)

    def pace(self, deliveries_per_second: float, seconds: float) -> Latency:
        """Publish at a steady rate."""
        rate = deliveries_per_second / self.shape.fan_out
        for duration in (WARM_UP_SECONDS, seconds):
            self.reader.reset()
            self.sender.say("pace", rate, duration)
            self._expected += sum(
                self._subscribers[self._messages.next_topic()] for _ in range(int(rate * duration))
            )
            self.reader.wait_frames(self._expected)
        return self.reader.latency()


def _client(recipe: Recipe, topics: Sequence[int]) -> Client:
    if recipe.mode is Mode.NATS:
        wanted = "".join(f"SUB {topic:05d} {topic + 1}\r\n" for topic in topics)
        return Client(
            upgrade_request("/"), client_frame(f'CONNECT {{"verbose":false}}\r\n{wanted}'.encode(), 2)
        )
    return Client(upgrade_request(recipe.path), client_frame(f"sub {' '.join(map(str, topics))}".encode()))


@contextlib.contextmanager
def contest(recipes: Sequence[Recipe], shape: Shape) -> Iterator[list[Contestant]]:
    """Start all senders, each with its own subscribers."""
    with contextlib.ExitStack() as stack:
        contestants = []
        for recipe in recipes:
            contestant = Contestant(recipe, shape)
            stack.callback(contestant.close)
            contestants.append(contestant)
        yield contestants


def saturated(contestants: Sequence[TakesTurns], rounds: int) -> list[Saturated]:
    """All senders by turns, `rounds` times; the first is the yardstick."""
    for contestant in contestants:
        contestant.saturate(ROUND_SECONDS / 4)  # buffers and caches are cold
    turns = [[contestant.saturate() for contestant in contestants] for _ in range(rounds)]
    results = []
    for index, contestant in enumerate(contestants):
        ratios = sorted(turn[index].rate / turn[0].rate for turn in turns)
        rate = statistics.median(turn[index].rate for turn in turns)
        results.append(Saturated(contestant.name, rate, statistics.median(ratios), tuple(ratios)))
    return results


def paced(
    contestants: Sequence[Contestant], deliveries_per_second: float, rounds: int, seconds: float
) -> dict[str, list[Latency]]:
    """Latencies at a steady rate, by turns."""
    found: dict[str, list[Latency]] = {contestant.name: [] for contestant in contestants}
    for _ in range(rounds):
        for contestant in contestants:
            found[contestant.name].append(contestant.pace(deliveries_per_second, seconds))
    return found
