"""Raw captures of the venue: lines `<receive time, ns since the epoch> <JSON>`, of one symbol each. Pure.

A line is a message of a combined stream as it was received, or the body of a REST depth answer. What
comes out are the events that the live source would have published.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from zenithd.domain.events import MarketEvent, TradeReported
from zenithd.domain.identifiers import MarketId
from zenithd.plugin import BookDelta, BookSnapshot, Item, Resynchronise, SnapshotJoin, TradeSequence
from zenithd_binance.listing import Listed
from zenithd_binance.parse import FUTURES_RULES, SPOT_RULES, FrameFault, FrameParser


class CaptureFault(Exception):
    """A line that is none of a capture. Blame: whoever made the file."""


class CaptureLine(msgspec.Struct, frozen=True):
    """A line taken apart."""

    received: int
    """Ns since the epoch."""
    body: bytes


def read_line(line: bytes) -> CaptureLine:
    """Take a line apart.

    Raises:
        CaptureFault: it does not begin with a time and a blank.
    """
    time, _, body = line.partition(b" ")
    if not (time.isdigit() and len(time) <= 19 and body):
        raise CaptureFault(f"no capture line: {line[:40]!r}")
    return CaptureLine(int(time), body)


class SymbolCapture:
    """Turns the lines of one symbol into what would have been published. Feed it in the order received.

    Args:
        listed: the instrument that the capture is of.
        is_spot: which sequence rules hold.
        begin: time of the first line; the UTC day that it lies in is the first trading day.
    """

    def __init__(self, listed: Listed, is_spot: bool, begin: int) -> None:
        instrument = listed.instrument
        self.code = instrument.code
        rules = SPOT_RULES if is_spot else FUTURES_RULES
        self.parser = FrameParser(MarketId(instrument.market), rules, begin)
        self.parser.relist([listed])
        self.book = SnapshotJoin(instrument.id, rules)
        self.trades = TradeSequence(instrument.id, gapless=True)

    def events(self, line: CaptureLine) -> list[MarketEvent]:
        """What the line brings, as one batch; a frame that cannot be read brings what it lost.

        Raises:
            ConnectionFault: a line that is no message of the venue.
        """
        try:
            if line.body.startswith(b'{"lastUpdateId"'):
                items: Sequence[Item] = (self.parser.snapshot(self.code, line.body),)
            else:
                items = self.parser.parse(line.body, line.received)
        except FrameFault as fault:
            items = fault.remedy
        return [event for item in items for event in self._joined(item)]

    def _joined(self, item: Item) -> Iterable[MarketEvent]:
        if isinstance(item, BookDelta):
            return self.book.delta(item)
        if isinstance(item, BookSnapshot):
            return self.book.snapshot(item)
        if isinstance(item, Resynchronise):
            return self.book.reset(item.reason)
        if isinstance(item, TradeReported):
            return self.trades.trade(item)
        return (item,)
