from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from zenithd.domain.events import TradeReported
from zenithd.domain.identifiers import InstrumentId
from zenithd_prodigy.history import TRADE_IDS_PER_DAY, PastOrigin, SimulatedPast, past_trade_ids
from zenithd_prodigy.listings import COMPANIES, PRICE_SCALE, TICK_TABLE
from zenithd_prodigy.tick_ladder import TickLadder
from zenithd_prodigy.trading_day import day_end, day_start, trading_date_at

SYDNEY = ZoneInfo("Australia/Sydney")
LADDER = TickLadder(TICK_TABLE, PRICE_SCALE)
COMPANY = COMPANIES[0]
FIRST, SECOND = InstrumentId("XS01.XSX"), InstrumentId("XS01.XSY")
SECOND_NS = 1_000_000_000


def at(text: str) -> int:
    """Nanoseconds of a local time in Sydney."""
    return int(datetime.fromisoformat(text).replace(tzinfo=SYDNEY).astimezone(UTC).timestamp()) * SECOND_NS


NOON = at("2026-11-21T12:00:00")


def past(end: int = NOON, days: int = 3, seed: int = 1, first_trade_id: int = 1) -> SimulatedPast:
    return SimulatedPast(COMPANY, PastOrigin(end, COMPANY.price, days, seed, first_trade_id), SYDNEY)


def trades_of(one: SimulatedPast, trading_date: date, share: float = 1.0) -> list[TradeReported]:
    instrument = FIRST if share == 1.0 else SECOND
    return one.trades(instrument, LADDER, trading_date, one.walk(trading_date), share)


def test_days_of_the_zone() -> None:
    assert trading_date_at(at("2026-11-21T00:00:00"), SYDNEY) == date(2026, 11, 21)
    assert trading_date_at(at("2026-11-21T00:00:00") - 1, SYDNEY) == date(2026, 11, 20)
    lengths = [
        (day_end(day, SYDNEY) - day_start(day, SYDNEY)) // (3600 * SECOND_NS)
        for day in (date(2026, 4, 5), date(2026, 10, 4), date(2026, 11, 21))
    ]
    assert lengths == [25, 23, 24]


def test_the_days_are_consecutive_weekends_included() -> None:
    one = past(days=20)
    assert len(one.dates) == 21
    assert one.dates[-1] == one.today == date(2026, 11, 21)
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(one.dates))


def test_every_trade_belongs_to_its_trading_date() -> None:
    one = past()
    for trading_date in one.dates:
        times = [trade.time for trade in trades_of(one, trading_date)]
        assert times == sorted(times)
        assert times[0] >= day_start(trading_date, SYDNEY)
        assert times[-1] < min(day_end(trading_date, SYDNEY), NOON)


def test_ids_ascend_over_all_days_and_end_before_live_trading() -> None:
    one = past()
    ids = [trade.trade_id for day in one.dates for trade in trades_of(one, day)]
    assert ids[0] == 1
    assert all(earlier < later for earlier, later in pairwise(ids))
    assert ids[-1] <= past_trade_ids(3)
    later = past(first_trade_id=ids[-1] + 1)
    assert [t.trade_id - ids[-1] for day in later.dates for t in trades_of(later, day)] == ids


@pytest.mark.parametrize("end", ["2026-11-21T12:00:00", "2026-11-21T01:00:00", "2026-10-04T23:59:59"])
def test_a_day_never_has_more_trades_than_ids(end: str) -> None:
    one = past(at(end))
    assert all(300 * 23 // 24 <= len(trades_of(one, day)) < TRADE_IDS_PER_DAY for day in one.dates[:-1])
    assert len(trades_of(one, one.today)) < TRADE_IDS_PER_DAY


def test_the_last_two_hours_are_dense() -> None:
    one = past()
    recent = [trade for trade in trades_of(one, one.today) if trade.time >= NOON - 7200 * SECOND_NS]
    assert len(recent) == 1440
    assert max(later.time - earlier.time for earlier, later in pairwise(recent)) < 90 * SECOND_NS


def test_the_last_two_hours_may_begin_yesterday() -> None:
    one = past(at("2026-11-21T00:30:00"))
    yesterday, today = trades_of(one, date(2026, 11, 20)), trades_of(one, date(2026, 11, 21))
    assert len(today) == 360
    midnight = at("2026-11-21T00:00:00")
    assert sum(trade.time >= midnight - 5400 * SECOND_NS for trade in yesterday) == 1080


def test_at_midnight_there_is_no_today_yet() -> None:
    one = past(at("2026-11-21T00:00:00"))
    assert trades_of(one, one.today) == []
    assert len(trades_of(one, date(2026, 11, 20))) >= 1440


def test_the_past_ends_at_the_price_of_the_present() -> None:
    one = past()
    assert trades_of(one, one.today)[-1].price == COMPANY.price
    elsewhere = SimulatedPast(COMPANY, PastOrigin(NOON, 9_000, 3, 1), SYDNEY)
    assert elsewhere.walk(one.today)[-1].price == pytest.approx(9_000)


def test_a_day_goes_on_where_the_day_before_ended() -> None:
    one = past()
    for before, after in pairwise(one.dates):
        close = trades_of(one, before)[-1].price
        assert close == one.close_before(after, LADDER)
        assert trades_of(one, after)[0].price == pytest.approx(close, rel=0.01)
        assert trades_of(one, before, share=0.3)[-1].price == close


def test_prices_are_steps_and_stay_within_reason() -> None:
    for company in COMPANIES:
        one = SimulatedPast(company, PastOrigin(NOON, company.price, 20, 1), SYDNEY)
        for day in one.dates:
            for trade in one.trades(FIRST, LADDER, day, one.walk(day), 1.0):
                assert LADDER.allows(trade.price)
                assert 0.6 * company.price < trade.price < 1.6 * company.price
                assert trade.quantity > 0


def test_the_same_seed_makes_the_same_past_a_day_at_a_time() -> None:
    one, other = past(), past()
    backwards = [trades_of(other, day) for day in reversed(other.dates)]
    assert [trades_of(one, day) for day in one.dates] == backwards[::-1]
    assert trades_of(past(seed=2), one.today) != trades_of(one, one.today)


def test_the_second_market_trades_along_less_often() -> None:
    one = past()
    first, second = trades_of(one, one.dates[0]), trades_of(one, one.dates[0], share=0.3)
    assert 0.2 < len(second) / len(first) < 0.4
    assert {trade.time for trade in second} <= {trade.time for trade in first}
    assert {trade.instrument for trade in second} == {SECOND}
