"""Snapshots and deltas: whatever the order and the losses, a shown book is the venue's book."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenithd.domain.events import (
    BestPricesChanged,
    BookCleared,
    GapDetected,
    LevelChanged,
    MarketEvent,
    Stream,
    TradeReported,
)
from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.market_data import Side
from zenithd.plugin import (
    CHAINED,
    CONSECUTIVE,
    UNNUMBERED,
    BookDelta,
    BookSnapshot,
    JoinRules,
    Resynchronise,
    SnapshotJoin,
    TradeSequence,
)
from zenithd.plugin.joining import StreamJoin

ABC = InstrumentId("ABC.XEX")


def level(price: int, quantity: int) -> LevelChanged:
    return LevelChanged(ABC, Side.BID, price, quantity)


def delta(first: int, last: int, previous: int | None = None) -> BookDelta:
    return BookDelta(instrument=ABC, events=[level(last, 1)], first=first, last=last, previous=previous)


def snapshot(last: int) -> BookSnapshot:
    return BookSnapshot(instrument=ABC, events=[level(last, 1)], last=last)


def prices(events: Sequence[MarketEvent]) -> list[int]:
    return [event.price for event in events if isinstance(event, LevelChanged)]


def test_deltas_are_held_until_the_snapshot() -> None:
    join = SnapshotJoin(ABC, CONSECUTIVE)
    for each in (delta(8, 9), delta(10, 12), delta(13, 13)):
        assert join.delta(each) == ()
    assert (join.joined, join.held) == (False, 3)
    events = join.snapshot(snapshot(11))
    assert events[0] == BookCleared(ABC)
    assert prices(events) == [11, 12, 13]
    assert (join.joined, join.held, join.position) == (True, 0, 13)
    assert prices(join.delta(delta(14, 15))) == [15]


@pytest.mark.parametrize(
    ("rules", "after", "verdicts"),
    [
        # (delta, prices shown afterwards; None: a gap)
        (
            CONSECUTIVE,
            10,
            [(delta(9, 10), []), (delta(10, 11), [11]), (delta(12, 13), [13]), (delta(15, 15), None)],
        ),
        (CONSECUTIVE, 10, [(delta(12, 13), None)]),
        (CONSECUTIVE, 10, [(delta(11, 11), [11]), (delta(11, 11), [])]),
        # Binance futures: numbers are shared between symbols, so that they skip; `pu` is the chain.
        (CHAINED, 10, [(delta(5, 10, 4), []), (delta(13, 15, 10), [15]), (delta(17, 20, 15), [20])]),
        (CHAINED, 10, [(delta(8, 12, 7), [12]), (delta(14, 15, 13), None)]),
        (CHAINED, 10, [(delta(13, 15, 12), None)]),
        (CHAINED, 10, [(delta(11, 15), [15])]),
        (UNNUMBERED, 0, [(delta(0, 0), [0]), (delta(0, 0), [0])]),
    ],
)
def test_rules(rules: JoinRules, after: int, verdicts: list[tuple[BookDelta, list[int] | None]]) -> None:
    join = SnapshotJoin(ABC, rules)
    join.snapshot(snapshot(after))
    for each, expected in verdicts:
        events = join.delta(each)
        if expected is None:
            assert isinstance(events[0], GapDetected)
            assert (join.joined, join.held) == (False, 1)
        else:
            assert prices(events) == expected


def test_gap_says_what_is_missing_and_keeps_the_delta_for_the_next_snapshot() -> None:
    join = SnapshotJoin(ABC, CONSECUTIVE)
    join.snapshot(snapshot(10))
    (gap,) = join.delta(delta(13, 14))
    assert gap == GapDetected(ABC, Stream.BOOK, "update 13 does not follow 10")
    assert prices(join.snapshot(snapshot(12))) == [12, 14]


def test_snapshot_that_is_too_old_shows_nothing() -> None:
    join = SnapshotJoin(ABC, CONSECUTIVE)
    join.delta(delta(20, 21))
    assert join.snapshot(snapshot(18)) == ()
    assert not join.joined
    assert prices(join.snapshot(snapshot(19))) == [19, 21]


def test_gap_among_held_deltas_needs_a_snapshot_behind_it() -> None:
    join = SnapshotJoin(ABC, CONSECUTIVE)
    for each in (delta(11, 11), delta(12, 12), delta(15, 15)):
        join.delta(each)
    assert join.snapshot(snapshot(10)) == ()
    assert join.held == 1
    assert prices(join.snapshot(snapshot(15))) == [15]


def test_late_answer_to_an_older_request_is_ignored() -> None:
    join = SnapshotJoin(ABC, CONSECUTIVE)
    join.snapshot(snapshot(10))
    join.delta(delta(11, 20))
    assert join.snapshot(snapshot(12)) == ()
    assert join.position == 20


def test_held_deltas_are_bounded_and_the_loss_is_noticed() -> None:
    join = SnapshotJoin(ABC, CONSECUTIVE, deltas_max=3)
    for number in range(1, 11):
        join.delta(delta(number, number))
    assert join.held == 3
    assert join.snapshot(snapshot(5)) == ()
    assert prices(join.snapshot(snapshot(7))) == [7, 8, 9, 10]


def test_deltas_before_an_unnumbered_snapshot_are_older_than_it() -> None:
    join = SnapshotJoin(ABC, UNNUMBERED)
    join.delta(delta(0, 0))
    assert join.held == 0
    assert len(join.snapshot(snapshot(0))) == 2
    assert len(join.snapshot(snapshot(0))) == 2


def test_reset_reports_a_gap_only_for_a_shown_book() -> None:
    join = SnapshotJoin(ABC, CONSECUTIVE)
    join.delta(delta(1, 1))
    assert join.reset("cut") == ()
    assert join.held == 0
    join.snapshot(snapshot(10))
    assert join.reset("cut") == (GapDetected(ABC, Stream.BOOK, "cut"),)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[BookDelta], list[object]]:
    """A venue's deltas, and what a client receives of them: with losses, repeats and snapshots."""
    count = draw(st.integers(1, 30))
    deltas: list[BookDelta] = []
    number = 1
    for _ in range(count):
        size = draw(st.integers(1, 3))
        change = level(draw(st.integers(1, 5)), draw(st.integers(0, 9)))
        deltas.append(
            BookDelta(
                instrument=ABC, events=[change], first=number, last=number + size - 1, previous=number - 1
            )
        )
        number += size
    received: list[object] = []
    for index in range(count):
        received.extend([index] * draw(st.sampled_from([0, 1, 1, 1, 1, 2])))
        if draw(st.booleans()):
            received.append(("snapshot", draw(st.integers(0, index))))
    return deltas, received


def book_after(deltas: list[BookDelta], count: int) -> dict[int, int]:
    book: dict[int, int] = {}
    for each in deltas[:count]:
        apply(book, each.events)
    return book


def apply(book: dict[int, int], events: Sequence[MarketEvent]) -> None:
    for event in events:
        if isinstance(event, LevelChanged):
            book.pop(event.price, None)
            if event.quantity:
                book[event.price] = event.quantity
        else:
            book.clear()


@pytest.mark.parametrize("rules", [CONSECUTIVE, CHAINED])
@given(history=histories())
def test_shown_book_is_always_the_venues_book(
    rules: JoinRules, history: tuple[list[BookDelta], list[object]]
) -> None:
    deltas, received = history
    join = SnapshotJoin(ABC, rules)
    shown: dict[int, int] = {}
    for each in received:
        if isinstance(each, int):
            apply(shown, join.delta(deltas[each]))
        else:
            count = each[1]  # type: ignore[index]
            whole = [level(*item) for item in book_after(deltas, count).items()]
            last = deltas[count - 1].last if count else 0
            apply(shown, join.snapshot(BookSnapshot(instrument=ABC, events=whole, last=last)))
        if join.joined:
            lasts = [0, *(one.last for one in deltas)]
            assert shown == book_after(deltas, lasts.index(join.position))
        else:
            assert shown == {}


def trade(number: int) -> TradeReported:
    return TradeReported(ABC, number, 100, 1, 0)


def test_repeated_trades_are_dropped() -> None:
    tape = TradeSequence(ABC, gapless=False, newest=5)
    assert [bool(tape.trade(trade(n))) for n in (4, 5, 6, 6, 9)] == [False, False, True, False, True]
    assert tape.newest == 9


def test_gapless_ids_show_what_is_missing() -> None:
    tape = TradeSequence(ABC, gapless=True, newest=5)
    assert tape.trade(trade(9)) == (trade(9),)
    assert tape.interrupted("cut") == ()
    assert tape.trade(trade(12)) == (
        GapDetected(ABC, Stream.TRADES, "trades 10 to 11 are missing"),
        trade(12),
    )


def test_without_gapless_ids_an_interruption_is_reported_once() -> None:
    tape = TradeSequence(ABC, gapless=False)
    assert tape.interrupted("cut") == ()
    tape.trade(trade(1))
    assert tape.interrupted("cut") == (GapDetected(ABC, Stream.TRADES, "cut"),)
    assert tape.interrupted("cut") == ()


def test_stream_join_passes_on_what_is_no_book_and_ignores_books_that_nobody_follows() -> None:
    streams = StreamJoin(CONSECUTIVE, 10, trade_ids_gapless=False)
    best = BestPricesChanged(ABC, 1, 1, 2, 1)
    joined = streams.take([best, delta(1, 1), snapshot(1), trade(1), trade(1)])
    assert joined.events == [best, trade(1)]
    assert joined.snapshots_needed == []
    assert not streams.waits(ABC)
    assert streams.interrupted([ABC], "cut") == []
    assert streams.end(ABC) == []


def test_stream_join_says_when_a_snapshot_is_needed() -> None:
    streams = StreamJoin(CONSECUTIVE, 10, trade_ids_gapless=False)
    streams.begin(ABC, newest_trade_id=0)
    assert streams.waits(ABC)
    assert streams.take([delta(5, 5), snapshot(1)]).snapshots_needed == [ABC]
    assert streams.take([snapshot(5)]).snapshots_needed == []
    assert not streams.waits(ABC)
    assert streams.take([delta(9, 9), delta(10, 10)]).snapshots_needed == [ABC]
    streams.take([snapshot(10)])
    resynchronised = streams.take([Resynchronise(ABC, "wrong checksum")])
    assert resynchronised.snapshots_needed == [ABC]
    assert resynchronised.events == [GapDetected(ABC, Stream.BOOK, "wrong checksum")]
    streams.take([snapshot(20)])
    assert streams.end(ABC) == [BookCleared(ABC)]
