from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from replay_samples import NOON, SECOND, nanoseconds

from zenithd.domain.events import (
    BestPricesChanged,
    BookCleared,
    LevelChanged,
    MarketEvent,
    SecurityChanged,
    TradeAmended,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.market_data import Side
from zenithd.plugin import LastKnown
from zenithd_replay.editing import Editor
from zenithd_replay.timeline import Timeline

XSX = MarketId("XSX")
ABC = InstrumentId("ABC.XSX")
RECORDED_DAY, NEXT_DAY = date(2017, 4, 25), date(2017, 4, 26)
NOW = nanoseconds("2026-11-21T12:00:00+00:00")
DAY = TradingDayStarted(XSX, RECORDED_DAY)


def trade(trade_id: int, time: int = NOON, related_id: int | None = None) -> TradeReported:
    return TradeReported(ABC, trade_id, 100, 5, time, related_id=related_id)


def editor(*, renumber: bool = False, loops: bool = False, shifted: bool = False) -> Editor:
    made = Editor({XSX: ZoneInfo("UTC")}, renumber=renumber, loops=loops)
    begin(made, shifted=shifted)
    return made


def begin(editor: Editor, *, shifted: bool = False) -> None:
    editor.begin(Timeline(recorded=NOON, shown=NOW, speed=1.0, shifted=shifted))


def edit(editor: Editor, *events: MarketEvent) -> Sequence[MarketEvent]:
    return editor.edit(NOON, events)


def test_what_needs_no_change_stays_the_same_object() -> None:
    plain = editor()
    events: list[MarketEvent] = [DAY, LevelChanged(ABC, Side.BID, 1, 2), trade(5)]
    edited = edit(plain, *events)
    assert list(edited) == events
    assert edited[2] is events[2]


def test_a_market_without_a_day_gets_one_before_its_first_event() -> None:
    plain = editor()
    assert edit(plain, trade(5)) == [DAY, trade(5)]
    assert edit(plain, trade(6)) == [trade(6)]


def test_shifted_times_and_dates() -> None:
    moved = editor(shifted=True)
    events = edit(moved, DAY, trade(5, NOON + SECOND), TradeAmended(trade(5, NOON + SECOND)))
    today = TradingDayStarted(XSX, date(2026, 11, 21))
    assert events == [today, trade(5, NOW + SECOND), TradeAmended(trade(5, NOW + SECOND))]
    assert edit(moved, TradingDayStarted(XSX, NEXT_DAY)) == [TradingDayStarted(XSX, date(2026, 11, 22))]


def test_trades_that_are_stored_already_are_left_out_on_their_day() -> None:
    plain = editor()
    assert plain.newcomers([DAY, trade(5), trade(6)]) == [ABC]
    plain.learn(ABC, LastKnown(RECORDED_DAY, 6, 100))
    assert plain.newcomers([trade(7)]) == []
    assert edit(plain, DAY, trade(5), trade(6), trade(7)) == [DAY, trade(7)]


def test_trades_of_another_day_than_the_stored_ones_are_played() -> None:
    plain = editor()
    plain.learn(ABC, LastKnown(NEXT_DAY, 6, 100))
    assert edit(plain, DAY, trade(5)) == [DAY, trade(5)]
    roll = TradingDayStarted(XSX, NEXT_DAY)
    assert edit(plain, roll, trade(6)) == [roll, trade(6)]  # the tape has begun anew


def test_renumbered_trades_go_on_above_what_is_known() -> None:
    loop = editor(renumber=True, loops=True)
    loop.learn(ABC, LastKnown(RECORDED_DAY, 100, 7))
    assert edit(loop, DAY, trade(5), trade(9, related_id=5))[1:] == [trade(101), trade(105, related_id=101)]
    assert edit(loop, TradeAmended(trade(9))) == [TradeAmended(trade(105))]
    begin(loop)
    assert edit(loop, DAY, trade(5))[1:] == [trade(106)]


def test_renumbered_trades_go_on_above_what_may_have_been_sent() -> None:
    loop = Editor({XSX: ZoneInfo("UTC")}, renumber=True, loops=False, first_id=1_000)
    begin(loop)
    loop.learn(ABC, LastKnown(RECORDED_DAY, 100, 7))
    assert edit(loop, DAY, trade(5), trade(9))[1:] == [trade(1_000), trade(1_004)]


def test_renumbering_changes_nothing_that_ascends_anyway() -> None:
    loop = editor(renumber=True)
    loop.learn(ABC, None)
    assert edit(loop, DAY, trade(5)) == [DAY, trade(5)]


def test_reset_empties_what_was_filled() -> None:
    loop = editor(loops=True)
    edit(
        loop,
        LevelChanged(ABC, Side.BID, 1, 2),
        BestPricesChanged(ABC, 1, 2, 3, 4),
        SecurityChanged(instrument=ABC, trading_state="Halted"),
    )
    cleared, prices, blank = loop.reset()
    assert cleared == BookCleared(ABC)
    assert prices == BestPricesChanged(ABC, None, 0, None, 0)
    assert isinstance(blank, SecurityChanged)
    assert (blank.trading_state, blank.status_note, blank.auction_price) == (None, (), None)
