from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from replay_samples import SECOND, nanoseconds

from zenithd_replay.timeline import Timeline, find_start, parse_start

NEW_YORK = ZoneInfo("America/New_York")
RECORDED = nanoseconds("2017-04-25T23:59:00+00:00")
NOW = nanoseconds("2026-11-21T12:00:00+00:00")


def timeline(*, speed: float = 1.0, shifted: bool = True) -> Timeline:
    return Timeline(recorded=RECORDED, shown=NOW, speed=speed, shifted=shifted)


@pytest.mark.parametrize(
    ("speed", "seconds", "until"), [(1.0, 30, 30), (10.0, 30, 3), (0.5, 30, 60), (0.0, 30, 0), (1.0, -30, 0)]
)
def test_seconds_until(speed: float, seconds: int, until: float) -> None:
    assert timeline(speed=speed).seconds_until(RECORDED + seconds * SECOND) == until


def test_original_times_stay() -> None:
    assert timeline(shifted=False).show(RECORDED + 7) == RECORDED + 7
    assert timeline(shifted=False).show_date(date(2017, 4, 25), NEW_YORK) == date(2017, 4, 25)


@pytest.mark.parametrize(("speed", "after"), [(1.0, 60), (0.0, 60), (4.0, 15), (0.5, 120)])
def test_shifted_times_begin_now_and_follow_the_speed(speed: float, after: int) -> None:
    moved = timeline(speed=speed)
    assert moved.show(RECORDED) == NOW
    assert moved.show(RECORDED + 60 * SECOND) == NOW + after * SECOND
    assert moved.show(RECORDED - 60 * SECOND) == NOW - 60 * SECOND
    assert moved.show(RECORDED + 1) - NOW in (0, 1, 2)


def test_nanoseconds_are_kept() -> None:
    assert timeline().show(RECORDED + 123_456_789) == NOW + 123_456_789


def test_trading_dates_move_by_whole_days() -> None:
    assert timeline().show_date(date(2017, 4, 25), ZoneInfo("UTC")) == date(2026, 11, 21)
    assert timeline().show_date(date(2017, 4, 26), ZoneInfo("UTC")) == date(2026, 11, 22)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "2017-04-25T23:59:00+00:00"),
        ("19:59", "2017-04-25T23:59:00+00:00"),
        ("20:30:15", "2017-04-26T00:30:15+00:00"),
        ("09:30", "2017-04-26T13:30:00+00:00"),
        ("2017-04-26T00:02:00", "2017-04-26T00:02:00+00:00"),
        ("2017-04-26T00:02:00-04:00", "2017-04-26T04:02:00+00:00"),
        ("2001-01-01T00:00:00", "2017-04-25T23:59:00+00:00"),
    ],
)
def test_find_start(text: str, found: str) -> None:
    assert find_start(text, RECORDED, NEW_YORK) == nanoseconds(found)


@pytest.mark.parametrize("text", ["noon", "25:00", "2017-04-26", "2017-04-26T25:00:00"])
def test_wrong_starts(text: str) -> None:
    with pytest.raises(ValueError, match="neither a time of day nor a date and time"):
        parse_start(text)
