"""The order bench: what it asks for, how its rows are made, and that it measures a daemon."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from zenithd.bench import orders
from zenithd.bench.orders import OrderEffort, OrderReport, OrderRow
from zenithd.cli import main


def row(rate: int, achieved: float, **changes: Any) -> OrderRow:
    values: dict[str, Any] = {
        "orders_per_s": rate,
        "achieved_per_s": achieved,
        "p50_us": 1_500.0,
        "p99_us": 4_000.0,
        "refused": 0,
        "cpu_us": 300.0,
        "market_p99_us": 9_000.0,
        "stages_us": {"socket": 700.0, "waiting": 100.0, "exchange": 5_000.0},
    }
    return OrderRow(**{**values, **changes})


def test_the_quick_one_holds_the_row_at_2000_a_second() -> None:
    assert 2_000 in orders.QUICK.rates


def test_kept_up_with_is_the_highest_rate_that_was_answered_in_time() -> None:
    rows = [row(0, 0.0), row(500, 499.9), row(1_000, 985.0), row(2_000, 1_900.0)]
    assert orders.sustained(rows) == 1_000
    assert orders.sustained([row(500, 400.0)]) == 0


def test_a_row_has_the_medians_of_its_rounds() -> None:
    rounds = [
        row(500, 500.0, p99_us=9.0, market_p99_us=None),
        row(500, 490.0, p99_us=7.0, stages_us={"socket": 1.0, "waiting": 2.0, "exchange": 3.0}),
        row(500, 495.0, p99_us=8.0),
    ]
    found = orders._median(rounds)
    assert (found.achieved_per_s, found.p99_us, found.market_p99_us) == (495.0, 8.0, 9_000.0)
    assert found.stages_us == {"socket": 700.0, "waiting": 100.0, "exchange": 5_000.0}


def test_stages_are_means_and_the_socket_has_what_the_others_leave() -> None:
    before = {"waiting": 1.0, "keeping": 0.0, "exchange": 0.0, "requests": 100.0}
    after = {"waiting": 1.2, "keeping": 0.4, "exchange": 1.0, "requests": 300.0}
    found = orders._stages_of([0.004] * 200, before, after)
    assert found == pytest.approx({"socket": 1_000, "waiting": 1_000, "keeping": 2_000, "exchange": 5_000})
    assert orders._stages_of([], before, before) == {}


def test_people_see_milliseconds() -> None:
    assert orders.cells(row(500, 499.9)) == ["500", "500", "1.50", "4.00", "0", "300", "9.00"]
    assert orders.cells(row(0, 0.0)) == ["none", "", "", "", "", "", "9.00"]
    assert orders.stage_cells(row(500, 500.0))[2] == ["500", "exchange", "5.00", "after the answer"]


def test_only_orders_that_rest_for_a_while_are_amended_or_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    flow = orders._Flow(1)
    asked: dict[str, float] = {}
    gone: set[str] = set()
    topics: list[str] = []
    for number in range(2_000):
        now += 0.01
        topic, body, then = flow.next()
        topics.append(topic)
        if topic == "PlaceOrder":
            if then is not None:
                order = f"order {number}"
                asked[order] = now
                then({"Result": "Success", "Order": {"ID": order}})
            continue
        order = body["OrderID"]
        assert order not in gone
        assert now - asked[order] >= orders.RESTING_SECONDS
        if topic == "CancelOrder":
            gone.add(order)
    assert {"PlaceOrder", "AmendOrder", "CancelOrder"} == set(topics)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "QUICK", OrderEffort((40,), 2.0, 1))
    monkeypatch.setattr(orders, "SUBSCRIBERS", 20)
    file = tmp_path / "orders.json"
    assert main(["bench", "orders", "--quick", "--json", str(file)]) == 0
    report = msgspec.json.decode(file.read_bytes(), type=OrderReport)
    idle, loaded = report.runs
    assert (idle.orders_per_s, idle.stages_us) == (0, {})
    assert loaded.orders_per_s == 40
    assert 0 < loaded.achieved_per_s <= 45
    assert 0 < loaded.p50_us <= loaded.p99_us
    assert set(loaded.stages_us) == {"socket", "waiting", "deciding", "keeping", "telling", "exchange"}
    assert all(spent > 0 for spent in loaded.stages_us.values())
    assert report.sustained_per_s in (0, 40)
