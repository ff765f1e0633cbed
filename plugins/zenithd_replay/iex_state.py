"""What is kept while a DEEP recording is played. Pure."""

from __future__ import annotations

from array import array

import msgspec

from zenithd.domain.events import MarketEvent
from zenithd.domain.identifiers import InstrumentId


class DeepCounts(msgspec.Struct):
    """What was seen in a recording, for the log and for tests."""

    packets: int = 0
    foreign_packets: int = 0
    """Not IEX-TP with DEEP 1.0, or cut off by the capture."""
    repeated_packets: int = 0
    messages: int = 0
    damaged_messages: int = 0
    unknown_messages: int = 0
    gaps: int = 0
    messages_missing: int = 0
    streams: int = 0
    """How often the venue's sender began at message 1."""
    levels_without_book: int = 0
    """Price-level updates left out because the book before them is unknown."""
    levels_unfinished: int = 0
    """Price-level updates left out because the stream broke off inside an event of the book."""
    trades: int = 0
    trade_breaks: int = 0
    unknown_trade_breaks: int = 0


class SecurityState:
    """What is known of one symbol."""

    __slots__ = (
        "auction_shown",
        "has_book",
        "id",
        "newest_trade",
        "operational_halt",
        "pending",
        "reason",
        "short_sale_test",
        "shown_note",
        "shown_state",
        "status",
    )

    def __init__(self, instrument: InstrumentId) -> None:
        self.id = instrument
        self.pending: list[MarketEvent] = []
        """Levels of an event of the book that is not complete."""
        self.has_book = False
        self.newest_trade = 0
        self.status = b"T"
        self.reason = ""
        self.operational_halt = False
        self.short_sale_test = False
        self.auction_shown = False
        self.shown_state: str | None = None
        self.shown_note: tuple[str, ...] = ()


class StreamTape:
    """The trades since the stream began, small enough for a day: breaks name them by the venue's id."""

    def __init__(self) -> None:
        self._venue_ids = array("q")
        self._ids = array("q")
        self._times = array("q")

    def add(self, venue_id: int, trade_id: int, time: int) -> None:
        """Keep a trade as it was published."""
        self._venue_ids.append(venue_id)
        self._ids.append(trade_id)
        self._times.append(time)

    def find(self, venue_id: int) -> tuple[int, int] | None:
        """Id under which the trade was published, and its time."""
        try:
            index = self._venue_ids.index(venue_id)
        except ValueError:
            return None
        return self._ids[index], self._times[index]
