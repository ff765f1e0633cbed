"""What a scripted venue does on a connection, step by step, and how recorded frames are spoilt.

A script is a list of steps. `frames(...)` makes one from recorded frames; the other functions return a copy
with one thing wrong: a gap, a repeat, a cut, a stall, a delay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec


class Send(msgspec.Struct, frozen=True):
    """Send a frame: text or binary."""

    frame: str | bytes


class Pause(msgspec.Struct, frozen=True):
    """Send nothing for so many seconds."""

    seconds: float


class Expect(msgspec.Struct, frozen=True):
    """Wait until the client has sent a frame, after those that earlier steps expected, that fits."""

    fits: Callable[[str | bytes], bool]


class Cut(msgspec.Struct, frozen=True):
    """End the connection: with a close frame of this code, or without a word (None)."""

    code: int | None = None


class Stall(msgspec.Struct, frozen=True):
    """Send nothing more and leave the connection open."""


Step = Send | Pause | Expect | Cut | Stall


def expect_text(part: str) -> Expect:
    """Wait for a frame of the client that contains `part`."""
    return Expect(lambda frame: part in (frame if isinstance(frame, str) else frame.decode(errors="replace")))


def frames(recorded: Iterable[str | bytes], pause_seconds: float = 0.0) -> list[Step]:
    """Send all frames in order, with a pause after each."""
    steps: list[Step] = []
    for frame in recorded:
        steps.append(Send(frame))
        if pause_seconds:
            steps.append(Pause(pause_seconds))
    return steps


def with_gap(script: Sequence[Step], at: int, count: int = 1) -> list[Step]:
    """Without the `count` steps from index `at` on: the client misses them."""
    return [*script[:at], *script[at + count :]]


def with_repeat(script: Sequence[Step], at: int, count: int = 1) -> list[Step]:
    """With the `count` steps from index `at` on played twice."""
    return [*script[: at + count], *script[at:]]


def with_cut(script: Sequence[Step], at: int, code: int | None = None) -> list[Step]:
    """Cut before the step of index `at`; the rest is never played."""
    return [*script[:at], Cut(code)]


def with_stall(script: Sequence[Step], at: int) -> list[Step]:
    """Silent before the step of index `at`; the rest is never played."""
    return [*script[:at], Stall()]


def with_delay(script: Sequence[Step], at: int, seconds: float) -> list[Step]:
    """With a pause before the step of index `at`."""
    return [*script[:at], Pause(seconds), *script[at:]]
