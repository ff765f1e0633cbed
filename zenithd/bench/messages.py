"""The messages of the fan-out stage: 200 bytes each, with what is needed to check order and measure latency.

    {"Controller":"Market","Topic":"Depth!00017","Data":"000000000042 0000000000000000000 ......"}

The first number counts the messages of the topic, the second is the intended time of sending in nanoseconds
of the monotonic clock (0: not measured). `native/*.c` hold the same layout.
"""

from __future__ import annotations

from collections.abc import Iterator

PAYLOAD_BYTES = 200
TOPICS_MAX = 100_000

_HEAD = '{"Controller":"Market","Topic":"Depth!%05d","Data":"%012d %019d '
_HEAD_BYTES = len(_HEAD % (0, 0, 0))
_TEMPLATE = (_HEAD + "." * (PAYLOAD_BYTES - _HEAD_BYTES - 2) + '"}').encode()


class Messages:
    """Makes the messages of one sender, in the order that all senders share."""

    def __init__(self, topics: int) -> None:
        self._topics = topics
        self._sequences = [0] * topics
        self._state = 1

    def next_topic(self) -> int:
        """The topic of the next message: a linear congruential generator, the same in every language."""
        self._state = (self._state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self._state >> 8) % self._topics

    def make(self, topic: int, intended_ns: int = 0) -> bytes:
        """The topic's next message."""
        sequence = self._sequences[topic] = self._sequences[topic] + 1
        return _TEMPLATE % (topic, sequence, intended_ns)

    def take(self, count: int) -> Iterator[tuple[int, bytes]]:
        """The next messages, each with its topic; without an intended time."""
        for _ in range(count):
            topic = self.next_topic()
            yield topic, self.make(topic)


def topics_of(subscriber: int, shape: str, topics: int, each: int) -> list[int]:
    """What a subscriber of the shape listens to: `one`: topic 0; `mix`: `each` of all topics, ascending.

    The choice walks through the topics in uneven steps, so that no two neighbours have the same and every
    topic has about the same number of subscribers.
    """
    if shape == "one":
        return [0]
    step = 7919  # a prime that divides no number of topics here: all are reached
    start = subscriber * each
    return sorted({(start + index) * step % topics for index in range(each)})
