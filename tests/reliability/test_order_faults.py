"""A sample of `python -m tests.reliability.order_faults`."""

from __future__ import annotations

from typing import Any

from tests.reliability import order_faults


def test_a_venue_that_is_away_for_an_hour() -> None:
    told: Any = order_faults.run("away", 80, seed=1)
    assert told["seconds"] == 3_600
    assert told["timed out"] == 60
    assert told["unknown at the end of the hour"] > 0


def test_a_clock_that_jumps_both_ways() -> None:
    told: Any = order_faults.run("clock", 100, seed=2)
    assert min(told["jumps"]["forward"], told["jumps"]["back"]) > 5


def test_a_store_that_fails() -> None:
    told: Any = order_faults.run("store", 100, seed=3)
    assert set(told["faults"]) == {"before it wrote", "after it wrote", "for a while"}
    assert told["told that nobody knows"] > 5
    assert told["store opened"] > 5
    assert told["orders"] > 60
