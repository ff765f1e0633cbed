"""What a book's snapshot covers, and renewing a book before the market leaves that. Pure.

A snapshot holds a limited number of levels. An order that rests beyond them stays unknown until its level
changes, so that a book which only follows updates would be missing levels once the market has moved there.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from zenithd.domain.events import LevelChanged, MarketEvent
from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.market_data import Side
from zenithd.plugin import BookDelta, BookSnapshot, JoinRules, SnapshotJoin

_MARGIN_DIVISOR = 4
"""The book is renewed when a quarter of the way to the last known level is left."""


class Coverage(msgspec.Struct, frozen=True, gc=False):
    """Best prices for which the book is known well. In ticks."""

    bid_min: int
    ask_max: int

    def holds(self, bid: int, ask: int) -> bool:
        """True while both best prices are well inside."""
        return bid >= self.bid_min and ask <= self.ask_max


def coverage_of(levels: Sequence[LevelChanged], levels_max: int) -> Coverage | None:
    """Coverage of a snapshot of at most `levels_max` levels per side; None if it is the whole book."""
    bids = [level.price for level in levels if level.side is Side.BID]
    asks = [level.price for level in levels if level.side is Side.ASK]
    if len(bids) < levels_max and len(asks) < levels_max:
        return None
    bid_min, ask_max = 0, 2**63
    if len(bids) >= levels_max:
        bid_min = min(bids) + (max(bids) - min(bids)) // _MARGIN_DIVISOR
    if len(asks) >= levels_max:
        ask_max = max(asks) - (max(asks) - min(asks)) // _MARGIN_DIVISOR
    return Coverage(bid_min, ask_max)


class Renewal:
    """Brings a second snapshot up to the updates that went by while it was on its way.

    Args:
        instrument: whose book.
        rules: the venue's sequence rules.
    """

    def __init__(self, instrument: InstrumentId, rules: JoinRules) -> None:
        self.instrument = instrument
        self._join = SnapshotJoin(instrument, rules)

    def hold(self, delta: BookDelta) -> None:
        """Keep an update that is being applied to the book."""
        self._join.delta(delta)

    def finish(self, snapshot: BookSnapshot) -> BookSnapshot | None:
        """The book as it is after the newest update held; None if the snapshot does not reach the oldest."""
        events: Sequence[MarketEvent] = self._join.snapshot(snapshot)
        if not self._join.joined:
            return None
        # The first event empties the book; whoever takes a BookSnapshot does that anyway.
        return BookSnapshot(instrument=self.instrument, events=events[1:], last=self._join.position)
