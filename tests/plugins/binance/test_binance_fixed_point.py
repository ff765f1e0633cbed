"""Decimal texts to integers: exact, or refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenithd_binance.fixed_point import FixedPoint, NumberFault, cut_off, decimals_of


@pytest.mark.parametrize(
    ("text", "ticks"),
    [
        ("61837.63000000", 61_837_630),
        ("0.00000000", 0),
        ("0.00100000", 1),
        ("61837.630", 61_837_630),
        ("61837", 61_837_000),
        ("1E+2", 100_000),
        ("100000000000.00000000", 100_000_000_000_000),
    ],
)
def test_text_to_ticks(text: str, ticks: int) -> None:
    assert FixedPoint("price", 3, 8)[text] == ticks


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "1.2.3",
        "-1.00000000",
        "NaN",
        "Infinity",
        "1_0",
        "1,5",
        "0x10",
        "٣",
        "1.0000000٣",
        "9" * 5000,
        "1e99",
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(NumberFault, match="price"):
        FixedPoint("price", 3, 8)[text]


def test_number_finer_than_the_scale_is_refused_and_named() -> None:
    with pytest.raises(NumberFault, match=r"price 1\.00010000 has more than 3 decimals"):
        FixedPoint("price", 3, 8)["1.00010000"]


@given(
    units=st.integers(0, 10**14),
    scale=st.integers(0, 8),
    wire_decimals=st.integers(0, 8),
    written_decimals=st.integers(0, 10),
)
def test_equals_decimal_arithmetic(units: int, scale: int, wire_decimals: int, written_decimals: int) -> None:
    text = f"{Decimal(units).scaleb(-scale):.{written_decimals}f}"
    numbers = FixedPoint("price", scale, wire_decimals)
    exact = Decimal(text).scaleb(scale)
    if exact == exact.to_integral_value():
        assert numbers[text] == numbers[text] == int(exact)
    else:
        with pytest.raises(NumberFault):
            numbers[text]


def test_texts_kept_are_bounded() -> None:
    numbers = FixedPoint("price", 2, 2, size_max=10)
    for value in range(100):
        assert numbers[f"{value}.00"] == value * 100
    assert len(numbers) <= 10


@pytest.mark.parametrize(
    ("step", "decimals"), [("0.01000000", 2), ("0.10", 1), ("5", 0), ("10.00", 0), ("0", 0), ("1E-7", 7)]
)
def test_decimals_of_a_step(step: str, decimals: int) -> None:
    assert decimals_of(step) == decimals


def test_cut_off_drops_what_is_finer() -> None:
    assert cut_off("value", "12.3456789", 2) == 1234
    with pytest.raises(NumberFault, match="value"):
        cut_off("value", "-1", 2)
