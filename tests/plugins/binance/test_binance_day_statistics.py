"""Statistics of the day: the venue's bar, carried on by the trades above it."""

from __future__ import annotations

import msgspec
import pytest
from binance_samples import MIDNIGHT, NaiveSymbol, frame
from hypothesis import given
from hypothesis import strategies as st
from test_binance_parse import BTC, NOW, new_parser, read

from zenithd.domain.events import SecurityChanged, TradeReported
from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.market_data import Affects
from zenithd_binance.day_statistics import DayStatistics, DayTotals


def trade(number: int, price: int, quantity: int, affects: Affects = Affects.ALL) -> TradeReported:
    return TradeReported(InstrumentId(BTC), number, price, quantity, NOW, affects=affects)


def totals_of(trades: list[TradeReported]) -> DayTotals:
    """The bar that a venue makes of these, written down plainly."""
    prices = [each.price for each in trades] or [0]
    return DayTotals(
        begin=0,
        last_id=trades[-1].trade_id if trades else -1,
        open=prices[0],
        high=max(prices),
        low=min(prices),
        last=prices[-1],
        volume=sum(each.quantity for each in trades),
        value=sum(each.price * each.quantity for each in trades),
        trades=len(trades),
    )


def as_published(totals: DayTotals, statistics: DayStatistics) -> SecurityChanged | None:
    """What a fresh reader publishes of a bar."""
    return DayStatistics(statistics.instrument, 2, 4).apply_bar(totals)


@given(st.data())
def test_bars_that_lag_give_the_same_as_counting_all_trades(data: st.DataObject) -> None:
    pairs = data.draw(st.lists(st.tuples(st.integers(1, 500), st.integers(1, 50)), min_size=1, max_size=20))
    trades = [trade(number, *pair) for number, pair in enumerate(pairs, start=1)]
    statistics = DayStatistics(InstrumentId(BTC), 2, 4)
    seen: SecurityChanged | None = None
    barred = 0
    for index, each in enumerate(trades):
        seen = statistics.apply_trade(each, each.trade_id, 1) or seen
        if data.draw(st.booleans()):
            barred = data.draw(st.integers(barred, index + 1))
            seen = statistics.apply_bar(totals_of(trades[:barred])) or seen
            assert seen == as_published(totals_of(trades[: index + 1]), statistics)
    statistics.apply_bar(totals_of(trades))


def test_nothing_is_published_before_the_first_bar() -> None:
    statistics = DayStatistics(InstrumentId(BTC), 2, 4)
    assert statistics.apply_trade(trade(1, 100, 5), 1, 1) is None
    changed = statistics.apply_bar(totals_of([]))
    assert changed is not None
    assert (changed.volume, changed.number_of_trades, changed.open, changed.high) == (5, 1, 100, 100)


def test_day_without_trades_has_no_prices() -> None:
    changed = DayStatistics(InstrumentId(BTC), 2, 4).apply_bar(
        msgspec.structs.replace(totals_of([]), open=99, high=99, low=99, last=99)
    )
    assert changed == SecurityChanged(
        instrument=InstrumentId(BTC), volume=0, value_traded=0.0, number_of_trades=0
    )


def test_repeated_and_off_market_trades_do_not_count() -> None:
    statistics = DayStatistics(InstrumentId(BTC), 2, 4)
    statistics.apply_bar(totals_of([trade(1, 100, 5)]))
    assert statistics.apply_trade(trade(1, 100, 5), 1, 1) is None
    assert statistics.apply_trade(trade(2, 100, 5, Affects.NONE), 2, 1) is None
    changed = statistics.apply_trade(trade(3, 100, 5), 3, 1)
    assert changed is not None
    assert changed.number_of_trades == 2
    assert statistics.apply_trade(trade(3, 100, 5), 3, 1) is None


def test_bar_older_than_the_last_one_is_dropped() -> None:
    statistics = DayStatistics(InstrumentId(BTC), 2, 4)
    trades = [trade(1, 100, 5), trade(2, 101, 5)]
    assert statistics.apply_bar(totals_of(trades)) is not None
    assert statistics.apply_bar(totals_of(trades)) is None
    assert statistics.apply_bar(totals_of(trades[:1])) is None


def test_bar_makes_good_what_was_missed() -> None:
    statistics = DayStatistics(InstrumentId(BTC), 2, 4)
    trades = [trade(number, 100 + number, 1) for number in range(1, 8)]
    statistics.apply_bar(totals_of(trades[:2]))
    statistics.apply_trade(trades[6], 7, 1)  # 3 to 6 were lost
    assert statistics.apply_bar(totals_of(trades)) == as_published(totals_of(trades), statistics)


def test_frames_of_a_day() -> None:
    parser, symbol = new_parser(), NaiveSymbol()
    (changed,) = read(symbol.day_bar(), parser)
    assert (changed.open, changed.high, changed.low, changed.last) == (9500, 10_300, 9400, 10_000)
    assert (changed.volume, changed.number_of_trades) == (10_005_000, 700)
    assert changed.value_traded == pytest.approx(98049.0)
    assert changed.vwap == pytest.approx(98.0)
    _, changed = read(symbol.trade("104.00", "0.5"), parser)
    assert (changed.high, changed.last, changed.volume) == (10_400, 10_400, 10_010_000)
    assert changed.number_of_trades == 701


def test_bar_of_another_day_is_ignored_and_a_new_one_begins_its_day() -> None:
    parser, symbol = new_parser(), NaiveSymbol()
    assert not read(symbol.day_bar(t=MIDNIGHT - 86_400_000), parser)
    midnight = MIDNIGHT + 86_400_000
    symbol.time = midnight
    items = list(parser.parse(symbol.day_bar(t=midnight, n=0, L=-1, v="0", q="0"), midnight * 1_000_000))
    assert [type(item).__name__ for item in items] == ["TradingDayStarted", "SecurityChanged"]
    assert not read(symbol.day_bar(), parser)


def test_aggregate_trades_are_counted_by_their_fills() -> None:
    parser, symbol = new_parser(), NaiveSymbol()
    read(symbol.day_bar(L=905), parser)
    data = {"a": 77, "p": "100.5", "q": "2", "f": 906, "l": 910, "T": symbol.time, "m": False}
    _, changed = read(frame("btcusdt@aggTrade", data), parser)
    assert changed.number_of_trades == 705
