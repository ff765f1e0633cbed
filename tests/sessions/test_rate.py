"""The request limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zenithd.sessions.rate import Rate


def test_a_burst_and_then_the_rate() -> None:
    rate = Rate(per_second=10, burst=5)
    assert [rate.admit(100.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert not rate.admit(100.04)
    assert rate.admit(100.1)
    assert not rate.admit(100.1)
    assert not rate.is_full(100.1)
    assert rate.is_full(101.0)
    assert [rate.admit(200.0) for _ in range(6)] == [True] * 5 + [False]


def test_looking_counts_nothing() -> None:
    rate = Rate(1, 1)
    assert all(rate.has_room(0.0) for _ in range(5))
    assert rate.admit(0.0)
    assert not rate.has_room(0.0)


def test_a_burst_below_one_still_lets_the_rate_through() -> None:
    rate = Rate(2, 0)
    assert [rate.admit(now / 2) for now in range(10)] == [True] * 10


def test_5000_a_second_for_a_minute_are_never_too_many() -> None:
    rate = Rate(5_000, 1_000)
    assert all(rate.admit(number / 5_000) for number in range(300_000))


@given(
    per_second=st.integers(1, 100),
    burst=st.integers(1, 50),
    gaps=st.lists(st.floats(0, 0.5), max_size=200),
)
def test_never_more_than_burst_and_rate_together(per_second: int, burst: int, gaps: list[float]) -> None:
    rate = Rate(per_second, burst)
    now, admitted = 0.0, 0
    for gap in gaps:
        now += gap
        admitted += rate.admit(now)
        assert admitted <= burst + now * per_second + 1
