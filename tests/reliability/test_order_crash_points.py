"""A sample of `python -m tests.reliability.order_crash_points`; each part must find what it looks for.

In processes of their own: the script ends by forks of itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.oms.desk import new
from tests.reliability.lib_order_checks import Different, check, check_after_start, check_settled
from tests.reliability.lib_order_process import Outside, Process
from tests.reliability.order_crash_points import Scenario, settle
from zenithd.oms.model.orders import OrderState
from zenithd.oms.model.updates import OrderTraded
from zenithd.oms.oms import Oms

ROOT = Path(__file__).parents[2]


def test_a_sample_of_all_points() -> None:
    command = [sys.executable, "-m", "tests.reliability.order_crash_points"]
    command += ["--orders", "80", "--every", "5", "--seed", "3"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    result = json.loads(found.stdout.strip().partition("\n")[0].rpartition(" ")[0].rpartition(" ")[0])
    assert result["of"] > 200
    assert min(result["points"].values()) > 5
    assert result["unknown after starts"] > 0
    assert result["unanswered at ends"] > result["of these kept"] > 0
    assert result["trades"] > 20
    assert set(result["asked"]) >= {"place", "amend", "cancel", "move", "condition", "again"}


class Ended:
    """A short scenario up to its end, and a state of the journal to be looked at."""

    def __init__(self, orders: int = 30) -> None:
        self.outside = Outside()
        trio.run(self._play, orders, clock=MockClock(autojump_threshold=0))

    async def _play(self, orders: int) -> None:
        process = Process(self.outside)
        async with process.run():
            await process.prepare()
            await Scenario(self.outside, process, 1).play(orders)
            async with process.connected():
                await settle(process)
                check_settled(self.outside, process.state)

    def differs(self, what: str) -> None:
        """The next process must find it."""
        with pytest.RaisesGroup(pytest.RaisesExc(Different, match=what), flatten_subgroups=True):
            trio.run(self._look, clock=MockClock(autojump_threshold=0))

    async def _look(self) -> None:
        process = Process(self.outside)
        async with process.run():
            check_after_start(self.outside, process.state)
            check(self.outside, process.state)


@pytest.fixture
def ended() -> Ended:
    return Ended()


def test_an_acknowledged_order_that_is_not_in_the_journal_is_found(ended: Ended) -> None:
    key, (_, request) = next(iter(ended.outside.acknowledged.items()))
    ended.outside.acknowledged[key] = "an order that never was", request
    ended.differs("its order is lost")


def test_a_record_that_is_lost_is_found(ended: Ended) -> None:
    del ended.outside.journal.records[-1]
    ended.outside.journal._state = None
    ended.differs("differs|lost|otherwise|other")


def test_an_order_that_nobody_placed_is_found(ended: Ended) -> None:
    acknowledged = ended.outside.acknowledged
    key = next(key for key in acknowledged if key[1].startswith("P"))
    del acknowledged[key]
    ended.differs("nobody placed")


def test_a_request_that_was_sent_twice_is_found(ended: Ended) -> None:
    key = next(iter(ended.outside.venue.sent))
    ended.outside.venue.sent[key] += 1
    ended.differs("without evidence")


def test_a_request_that_arrived_twice_is_found(ended: Ended) -> None:
    key = next(iter(ended.outside.venue.received))
    ended.outside.venue.received[key] += 1
    ended.differs("arrived twice")


def test_a_fill_that_is_booked_otherwise_is_found(ended: Ended) -> None:
    said = ended.outside.venue.said
    place, update = next((n, each) for n, each in enumerate(said) if isinstance(each, OrderTraded))
    assert isinstance(update.order, OrderState)
    said[place] = OrderTraded(
        order=update.order,
        update=update.update,
        trade=type(update.trade)(
            trade_id=update.trade.trade_id, price=update.trade.price + 1, quantity=update.trade.quantity
        ),
    )
    ended.differs("other money")


def test_a_ledger_that_differs_is_found(ended: Ended) -> None:
    ended.outside.journal.ledger.movements[0].amount += 1
    ended.differs("naive ledger differs")


def test_a_system_that_forgets_that_it_sent_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    outside = Outside()

    async def play() -> None:
        process = Process(outside)
        async with process.run():
            await process.prepare()
            async with process.connected():
                await process.ask(new())
                monkeypatch.setattr(Oms, "_restarted", lambda self, turn, command: turn.accepted())
                await look()

    async def look() -> None:
        process = Process(outside)
        async with process.run():
            check_after_start(outside, process.state)

    with pytest.RaisesGroup(pytest.RaisesExc(Different, match="it says sent"), flatten_subgroups=True):
        trio.run(play, clock=MockClock(autojump_threshold=0))
