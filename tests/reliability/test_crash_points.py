"""A sample of `python -m tests.reliability.crash_points`; each part must find what it looks for."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.reliability import crash_points
from tests.reliability.crash_points import Different, Point, Whole
from tests.reliability.lib_trading_days import two_trading_days
from zenithd_prodigy.engine.refusals import Refused
from zenithd_prodigy.model.events import Event, OrderClosed, StatusChanged
from zenithd_prodigy.model.model import _CHANGES
from zenithd_prodigy.model.orders import CloseReason
from zenithd_prodigy.model.statuses import Status


def played(folder: Path, every: int) -> Whole:
    whole = Whole(two_trading_days(3, 4))
    trio.run(crash_points.play, whole, folder, every, clock=MockClock(autojump_threshold=0))
    return whole


def test_a_sample_of_all_points(tmp_path: Path) -> None:
    *_, result = crash_points.run(tmp_path, every=17, traffic=4, seed=2)
    assert result.points >= 10
    assert result.starts == 2 * result.points
    assert result.unconfirmed >= result.points - 3, "all but those whose write was a kept state"
    assert result.from_kept_state > 5


def test_everything_happens_on_these_days(tmp_path: Path) -> None:
    whole = played(tmp_path, 10_000)
    events: list[Event] = [
        event
        for replica in whole.replicas.values()
        for body in replica.bodies
        for event in replica.market.design.decode_events(body)
    ]
    assert {type(event) for event in events} == set(_CHANGES)
    assert {event.reason for event in events if isinstance(event, OrderClosed)} == set(CloseReason)
    assert {event.status for event in events if isinstance(event, StatusChanged)} >= set(Status)
    assert sum(isinstance(outcome, Refused) for outcome in whole.answered.values()) > 10


def test_a_lost_record_is_found(tmp_path: Path) -> None:
    whole = played(tmp_path, 60)
    before, after = whole.points[:2]
    lying = Point(before.folder, before.step, before.confirmed, after.acknowledged)
    lost = pytest.RaisesExc(Different, match="has lost records")
    with pytest.RaisesGroup(lost, flatten_subgroups=True):
        trio.run(
            crash_points.crash, whole, lying, crash_points.Result(), clock=MockClock(autojump_threshold=0)
        )


def test_a_trade_id_that_stands_for_two_trades_is_found(tmp_path: Path) -> None:
    whole = played(tmp_path, 10_000)
    with pytest.raises(Different, match="stands for two trades"):
        crash_points.require_trade_ids_once(whole.replicas | {"again": next(iter(whole.replicas.values()))})
