"""Joining snapshots and deltas of a venue's book, and keeping its trades in order. Pure.

A venue that sends only changes gives the whole book by another way: by REST (Binance) or as the first
message of the stream (Kraken, Coinbase). `SnapshotJoin` brings the two together: it holds the deltas back
until a snapshot is there, drops those that the snapshot contains, and notices when one is missing. What
differs between venues is only how two neighbours are judged: that is a `JoinRules`, of which three are
ready: `CONSECUTIVE`, `CHAINED` and `UNNUMBERED`.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import msgspec

from zenithd.domain.events import BookCleared, GapDetected, MarketEvent, Stream, TradeReported
from zenithd.domain.identifiers import InstrumentId


class BookDelta(msgspec.Struct, frozen=True, kw_only=True):
    """One message of changes of one instrument's book, with the venue's numbers of them."""

    instrument: InstrumentId
    events: Sequence[MarketEvent]
    """The changes as book events, to be applied as one batch."""
    first: int = 0
    """Number of the oldest change in the message (Binance `U`); 0 where the venue numbers nothing."""
    last: int = 0
    """Number of the newest change in the message (Binance `u`)."""
    previous: int | None = None
    """`last` of the message before, where the venue says it (Binance futures `pu`)."""


class BookSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The whole book of one instrument. `events` holds its orders or levels, without a BookCleared."""

    instrument: InstrumentId
    events: Sequence[MarketEvent]
    last: int = 0
    """Number of the newest change that it contains (Binance `lastUpdateId`); 0 if unnumbered."""


class Resynchronise(msgspec.Struct, frozen=True):
    """The book cannot be trusted (a wrong checksum, a gap that only the parser sees): ask for it anew."""

    instrument: InstrumentId
    reason: str


Item = MarketEvent | BookDelta | BookSnapshot | Resynchronise
"""What a venue's frame is read into: plain events, or parts of a book that is to be joined."""


class Verdict(enum.Enum):
    """What a delta is to the book that it would change."""

    APPLY = "apply"
    STALE = "stale"
    """Contained in the book already: dropped in silence."""
    GAP = "gap"
    """Changes between the book and the delta are missing: a new snapshot is needed."""


class JoinRules(msgspec.Struct, frozen=True):
    """A venue's sequence rules."""

    first: Callable[[BookSnapshot, BookDelta], Verdict]
    """Judges a delta while none has been applied since the snapshot."""
    following: Callable[[BookDelta, BookDelta], Verdict]
    """Judges a delta (second) by the one applied before it (first)."""
    holds_deltas: bool = True
    """False where the snapshot comes in the stream unnumbered: what came before it is older than it."""


def _consecutive_first(snapshot: BookSnapshot, delta: BookDelta) -> Verdict:
    return _consecutive(snapshot.last, delta)


def _consecutive_following(before: BookDelta, delta: BookDelta) -> Verdict:
    return _consecutive(before.last, delta)


def _consecutive(position: int, delta: BookDelta) -> Verdict:
    if delta.last <= position:
        return Verdict.STALE
    return Verdict.APPLY if delta.first <= position + 1 else Verdict.GAP


def _chained_first(snapshot: BookSnapshot, delta: BookDelta) -> Verdict:
    if delta.last <= snapshot.last:
        return Verdict.STALE
    # Numbers are shared with other instruments, so that `first` may skip some; if the message before ended
    # within the snapshot then nothing of this instrument lies between the two.
    contained = delta.previous if delta.previous is not None else delta.first - 1
    return Verdict.APPLY if contained <= snapshot.last else Verdict.GAP


def _chained_following(before: BookDelta, delta: BookDelta) -> Verdict:
    if delta.last <= before.last:
        return Verdict.STALE
    return Verdict.APPLY if delta.previous == before.last else Verdict.GAP


def _always(before: BookSnapshot | BookDelta, delta: BookDelta) -> Verdict:
    return Verdict.APPLY


CONSECUTIVE = JoinRules(_consecutive_first, _consecutive_following)
"""Each delta begins at most one above where the book stands (Binance spot: `U`, `u`, `lastUpdateId`)."""

CHAINED = JoinRules(_chained_first, _chained_following)
"""Each delta names the end of the one before it (Binance futures: `pu` equals the last `u`)."""

UNNUMBERED = JoinRules(_always, _always, holds_deltas=False)
"""The stream begins with a snapshot and is trusted to be whole (Kraken, Coinbase)."""


class SnapshotJoin:
    """Joins snapshots and deltas of one instrument. Feed it in the order received; publish what it returns.

    Waiting (from the start, and after a gap) it holds back at most `deltas_max` deltas, the newest ones: if
    older ones fell out, a snapshot that does not contain them is recognised as too old by the rules.
    """

    def __init__(self, instrument: InstrumentId, rules: JoinRules, deltas_max: int = 10_000) -> None:
        self.instrument = instrument
        self._rules = rules
        self._waiting: deque[BookDelta] = deque(maxlen=deltas_max if rules.holds_deltas else 0)
        self._snapshot: BookSnapshot | None = None
        self._applied: BookDelta | None = None

    @property
    def joined(self) -> bool:
        """True while the book is known; False while a snapshot is needed."""
        return self._snapshot is not None

    @property
    def held(self) -> int:
        """Deltas that wait for a snapshot."""
        return len(self._waiting)

    @property
    def position(self) -> int:
        """Number of the newest change in the book; 0 while waiting or where the venue numbers nothing."""
        if self._applied is not None:
            return self._applied.last
        return self._snapshot.last if self._snapshot is not None else 0

    def delta(self, delta: BookDelta) -> Sequence[MarketEvent]:
        """Take a delta; return what is to be published: its events, a GapDetected, or nothing."""
        if self._snapshot is None:
            self._waiting.append(delta)
            return ()
        verdict = self._judge(self._snapshot, self._applied, delta)
        if verdict is Verdict.APPLY:
            self._applied = delta
            return delta.events
        if verdict is Verdict.STALE:
            return ()
        reason = f"update {delta.first} does not follow {self.position}"
        gap = self.reset(reason)
        self._waiting.append(delta)
        return gap

    def snapshot(self, snapshot: BookSnapshot) -> Sequence[MarketEvent]:
        """Take a snapshot; return BookCleared, its events and those of the deltas that continue it.

        A snapshot older than a joined book is ignored. One that the held deltas do not continue is too old:
        nothing is returned, `joined` stays False, and another one is needed.
        """
        if self._snapshot is not None and snapshot.last < self.position:
            return ()
        events: list[MarketEvent] = [BookCleared(self.instrument), *snapshot.events]
        applied: BookDelta | None = None
        while self._waiting:
            delta = self._waiting[0]
            verdict = self._judge(snapshot, applied, delta)
            if verdict is Verdict.GAP:
                return ()
            self._waiting.popleft()
            if verdict is Verdict.APPLY:
                applied = delta
                events.extend(delta.events)
        self._snapshot, self._applied = snapshot, applied
        return events

    def reset(self, reason: str) -> Sequence[MarketEvent]:
        """Forget everything, as when the connection was lost; return a GapDetected if a book was shown."""
        was_joined = self.joined
        self._snapshot = self._applied = None
        self._waiting.clear()
        return (GapDetected(self.instrument, Stream.BOOK, reason),) if was_joined else ()

    def _judge(self, snapshot: BookSnapshot, applied: BookDelta | None, delta: BookDelta) -> Verdict:
        if applied is None:
            return self._rules.first(snapshot, delta)
        return self._rules.following(applied, delta)


class TradeSequence:
    """Keeps one instrument's trades ascending: drops repeats, and reports what is missing.

    Args:
        instrument: whose trades.
        gapless: the venue numbers the instrument's trades without gaps, so that a jump is a loss.
        newest: id of the newest trade that is known from before, 0 if none.
    """

    def __init__(self, instrument: InstrumentId, gapless: bool, newest: int = 0) -> None:
        self.instrument = instrument
        self.newest = newest
        self._gapless = gapless
        self._continuous = False
        """A trade of this run was seen: before it, trades may be missing because nobody listened."""

    def trade(self, trade: TradeReported) -> Sequence[MarketEvent]:
        """Return what is to be published: the trade, a GapDetected before it, or nothing for a repeat."""
        expected = self.newest + 1
        if trade.trade_id < expected:
            return ()
        missing = self._gapless and self._continuous and trade.trade_id > expected
        self.newest = trade.trade_id
        self._continuous = True
        if not missing:
            return (trade,)
        reason = f"trades {expected} to {trade.trade_id - 1} are missing"
        return (GapDetected(self.instrument, Stream.TRADES, reason), trade)

    def interrupted(self, reason: str) -> Sequence[MarketEvent]:
        """The connection was lost. Without gapless ids a loss cannot be seen later: it is reported now."""
        if self._gapless or not self._continuous:
            return ()
        self._continuous = False
        return (GapDetected(self.instrument, Stream.TRADES, reason),)


class Joined(msgspec.Struct, frozen=True):
    """What came of a batch of items."""

    events: list[MarketEvent]
    """To be published as one batch."""
    snapshots_needed: list[InstrumentId]
    """Instruments whose book was lost, or whose snapshot was too old: ask for a new one."""


class StreamJoin:
    """All books and tapes of a feed: turns what the parser gives into what may be published.

    Args:
        rules: the venue's sequence rules of books.
        deltas_max: deltas of one instrument that are held back for its snapshot.
        trade_ids_gapless: a jump of trade ids is a loss.
    """

    def __init__(self, rules: JoinRules, deltas_max: int, trade_ids_gapless: bool) -> None:
        self._rules = rules
        self._deltas_max = deltas_max
        self._trade_ids_gapless = trade_ids_gapless
        self._books: dict[InstrumentId, SnapshotJoin] = {}
        self._tapes: dict[InstrumentId, TradeSequence] = {}

    def begin(self, instrument: InstrumentId, newest_trade_id: int) -> None:
        """Follow an instrument from now on; its book is waiting."""
        self._books[instrument] = SnapshotJoin(instrument, self._rules, self._deltas_max)
        self._tapes[instrument] = TradeSequence(instrument, self._trade_ids_gapless, newest_trade_id)

    def end(self, instrument: InstrumentId) -> list[MarketEvent]:
        """Follow it no longer: its book is empty, so that nobody takes an old one for the present."""
        book = self._books.pop(instrument, None)
        self._tapes.pop(instrument, None)
        return [BookCleared(instrument)] if book is not None and book.joined else []

    def waits(self, instrument: InstrumentId) -> bool:
        """True if the instrument's book needs a snapshot."""
        book = self._books.get(instrument)
        return book is not None and not book.joined

    def take(self, items: Iterable[Item]) -> Joined:
        """Take the items of one frame, or a snapshot. Books that are not followed are ignored."""
        joined = Joined([], [])
        for item in items:
            if isinstance(item, TradeReported):
                joined.events.extend(self._tape(item.instrument).trade(item))
            elif isinstance(item, BookDelta | BookSnapshot | Resynchronise):
                book = self._books.get(item.instrument)
                if book is not None:
                    self._take_book(book, item, joined)
            else:
                joined.events.append(item)
        return joined

    def interrupted(self, instruments: Iterable[InstrumentId], reason: str) -> list[MarketEvent]:
        """The connection that carried these was lost."""
        events: list[MarketEvent] = []
        for instrument in sorted(instruments):
            if instrument in self._books:
                events.extend(self._books[instrument].reset(reason))
                events.extend(self._tapes[instrument].interrupted(reason))
        return events

    def _tape(self, instrument: InstrumentId) -> TradeSequence:
        """Streams of all symbols bring trades of instruments that were not begun."""
        tape = self._tapes.get(instrument)
        if tape is None:
            tape = self._tapes[instrument] = TradeSequence(instrument, self._trade_ids_gapless)
        return tape

    def _take_book(
        self, book: SnapshotJoin, item: BookDelta | BookSnapshot | Resynchronise, joined: Joined
    ) -> None:
        was_joined = book.joined
        if isinstance(item, BookDelta):
            joined.events.extend(book.delta(item))
            needed = was_joined and not book.joined
        elif isinstance(item, BookSnapshot):
            joined.events.extend(book.snapshot(item))
            needed = not book.joined
        else:
            joined.events.extend(book.reset(item.reason))
            needed = True
        if needed:
            joined.snapshots_needed.append(item.instrument)
