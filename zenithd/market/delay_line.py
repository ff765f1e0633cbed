"""Batches of events on their way through a delay, packed so that twenty minutes fit into memory."""

from __future__ import annotations

import zlib
from collections import deque
from datetime import date
from typing import Final

import msgspec

from zenithd.domain.events import MarketEvent
from zenithd.domain.instrument import Instrument, MarketDefinition

BLOCK_EVENTS: Final = 256
"""Events that are packed together: small enough to take well under a millisecond."""


class Declaration(msgspec.Struct, frozen=True, array_like=True):
    """A market that its source declared again."""

    definition: MarketDefinition
    instruments: tuple[Instrument, ...]


class Delayed(msgspec.Struct, frozen=True, array_like=True):
    """A batch, or a declaration, and when it is due (nanoseconds)."""

    due: int
    events: tuple[MarketEvent, ...] = ()
    declaration: Declaration | None = None
    clears_books: bool = False
    """Every book is void when this is due, before its events."""
    restores: date | None = None
    """The events are trades of this day that were not seen live."""
    resets: bool = False
    """The market begins anew."""

    @property
    def stands_alone(self) -> bool:
        """True for what cannot be applied together with the events of other batches."""
        return self.declaration is not None or self.restores is not None or self.resets


class _Block(msgspec.Struct, frozen=True):
    due: int
    events: int
    packed: bytes


class DelayLine:
    """First in, first out. A held event takes some 10 to 30 bytes."""

    def __init__(self) -> None:
        self.events_held = 0
        """Events in the batches that have not been taken."""
        self._blocks: deque[_Block] = deque()
        self._newest: list[Delayed] = []
        self._newest_events = 0
        self._oldest: deque[Delayed] = deque()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(list[Delayed])

    def add(self, delayed: Delayed) -> None:
        """Hold a batch. One that is due before its predecessor leaves with it."""
        self._newest.append(delayed)
        self._newest_events += len(delayed.events)
        self.events_held += len(delayed.events)
        if self._newest_events >= BLOCK_EVENTS:
            packed = zlib.compress(self._encoder.encode(self._newest), 1)
            self._blocks.append(_Block(self._newest[0].due, self._newest_events, packed))
            self._newest = []
            self._newest_events = 0

    def next_due(self) -> int | None:
        """When the oldest batch is due; None if nothing is held."""
        if self._oldest:
            return self._oldest[0].due
        if self._blocks:
            return self._blocks[0].due
        return self._newest[0].due if self._newest else None

    def take(self, now: int) -> Delayed | None:
        """Take the oldest batch if it is due."""
        if not self._oldest:
            self._unpack(now)
        if not self._oldest or self._oldest[0].due > now:
            return None
        taken = self._oldest.popleft()
        self.events_held -= len(taken.events)
        return taken

    def put_back(self, taken: Delayed) -> None:
        """Make a batch the oldest again."""
        self._oldest.appendleft(taken)
        self.events_held += len(taken.events)

    def _unpack(self, now: int) -> None:
        due = self.next_due()
        if due is None or due > now:
            return
        if self._blocks:
            self._oldest.extend(self._decoder.decode(zlib.decompress(self._blocks.popleft().packed)))
        else:
            self._oldest.extend(self._newest)
            self._newest = []
            self._newest_events = 0
