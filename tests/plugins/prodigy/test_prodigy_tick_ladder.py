from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenithd.domain.market_data import TickStep, TickTable
from zenithd_prodigy.listings import PRICE_SCALE, TICK_TABLE
from zenithd_prodigy.tick_ladder import TickLadder

LADDER = TickLadder(TICK_TABLE, PRICE_SCALE)


@pytest.mark.parametrize(
    ("price", "allowed"),
    [
        (-1, False),
        (0, True),
        (99, True),
        (100, True),
        (101, False),
        (105, True),
        (1_995, True),
        (1_998, False),
        (2_000, True),
        (2_005, False),
        (2_010, True),
        (999_999_990, True),
        (1_000_000_000, False),
    ],
)
def test_which_prices_are_steps(price: int, allowed: bool) -> None:
    assert LADDER.allows(price) is allowed


def test_steps_over_the_bands() -> None:
    first = LADDER.number_of(99)
    assert [LADDER.price(first + more) for more in range(3)] == [99, 100, 105]
    last = LADDER.number_of(1_995)
    assert [LADDER.price(last + more) for more in range(3)] == [1_995, 2_000, 2_010]


def test_a_price_between_two_steps() -> None:
    assert LADDER.number_at(102.5) == LADDER.number_of(100) + 0.5
    assert LADDER.number_at(2_000.0) == LADDER.number_of(2_000)


def test_step_sizes() -> None:
    assert [LADDER.size_at(price) for price in (99, 100, 1_999, 2_000)] == [1, 5, 5, 10]


@given(st.integers(0, len(LADDER) - 1))
def test_number_and_price_are_inverse(number: int) -> None:
    price = LADDER.price(number)
    assert LADDER.allows(price)
    assert LADDER.number_of(price) == number


@pytest.mark.parametrize(
    "steps",
    [
        (),
        (("0", "1", "0.3"),),
        (("0", "1", "0"),),
        (("1", "1", "0.1"),),
        (("0", "1", "0.1"), ("2", "3", "0.1")),
        (("0", "1", "0.0001"),),
    ],
)
def test_tables_that_are_none(steps: tuple[tuple[str, str, str], ...]) -> None:
    table = TickTable("T", tuple(TickStep(*map(Decimal, step)) for step in steps))
    with pytest.raises(ValueError, match=r"T|finer"):
        TickLadder(table, 3)
