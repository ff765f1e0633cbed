"""Request weights: never more than allowed in any minute, and pauses as the venue demands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenithd_binance.weight_limit import WINDOW_SECONDS, WeightLimit


@given(requests=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 40)), max_size=60))
def test_no_minute_takes_more_than_the_limit(requests: list[tuple[int, int]]) -> None:
    limit, now = WeightLimit(100), 0.0
    taken: list[tuple[float, int]] = []
    for weight, pause in requests:
        now += pause
        while seconds := limit.take(weight, now):
            assert 0 < seconds <= WINDOW_SECONDS
            now += seconds
        taken.append((now, weight))
        recent = sum(each for time, each in taken if time > now - WINDOW_SECONDS)
        assert recent <= 100


def test_room_comes_when_old_requests_leave_the_window() -> None:
    limit = WeightLimit(100)
    assert limit.take(60, now=0) == 0
    assert limit.take(40, now=10) == 0
    assert limit.take(50, now=20) == 40  # the first leaves at 60
    assert limit.take(50, now=60) == 0


def test_request_heavier_than_the_limit_goes_alone() -> None:
    limit = WeightLimit(100)
    assert limit.take(250, now=0) == 0
    assert limit.take(1, now=1) == 59


def test_venues_count_includes_neighbours() -> None:
    limit = WeightLimit(100)
    limit.take(10, now=0)
    limit.observe(95, now=1)
    assert limit.take(10, now=2) == pytest.approx(58)  # ours leave at 60
    limit.observe(20, now=3)  # less than we know of: nothing new
    assert limit.take(5, now=4) == 0


def test_demanded_pause_holds_for_every_request() -> None:
    limit = WeightLimit(100)
    limit.block(30, now=0)
    limit.block(5, now=1)  # a shorter one does not end it
    assert limit.take(1, now=10) == 20
    assert limit.blocked_seconds(10) == 20
    assert limit.take(1, now=30) == 0
    assert limit.blocked_seconds(31) == 0
