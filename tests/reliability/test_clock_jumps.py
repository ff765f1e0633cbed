"""A sample of `python -m tests.reliability.clock_jumps`; what it looks for is found."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from tests.reliability import clock_jumps
from tests.reliability.clock_jumps import Result
from tests.reliability.lib_exchange import Replica
from tests.reliability.lib_trading_days import two_trading_days
from zenithd_prodigy.model import events as e


def test_a_sample_of_clocks() -> None:
    result = clock_jumps.run(5, 40, 11)
    assert result.runs == 5
    assert min(result.forward, result.back, result.restarts) > 20
    assert min(result.phases, result.expired) > 40
    assert result.days > 10


def recorded() -> list[list[e.Event]]:
    """A sound market's events by their records."""
    author = two_trading_days(1, 4)
    founded = author.founded[0].model.definition.code
    replica = Replica()
    assert founded == "M"
    return [
        replica.market.design.decode_events(replica.market.design.encode_events(outcome))
        for command in (one for step in author.steps for one in step.commands if one.market == "M")
        if isinstance(outcome := author.outcomes[command.command_id], list)
    ]


def replica_of(records: list[list[e.Event]]) -> Replica:
    replica = Replica()
    replica.bodies = [replica.market.design.encode_events(record) for record in records]
    return replica


def test_a_time_that_goes_back_is_found() -> None:
    records = recorded()[:9]
    clock_jumps.inspect(replica_of(records), Result())
    records[5] = [msgspec.structs.replace(event, time=1) for event in records[5]]
    with pytest.raises(AssertionError, match="time went back"):
        clock_jumps.inspect(replica_of(records), Result())


def test_a_phase_that_is_left_out_and_an_early_expiry_are_found() -> None:
    author = two_trading_days(1, 4)
    market = author.founded[0]
    place = market.model.place
    assert place is not None
    later = msgspec.structs.replace(place, day=date(2026, 4, 8), index=3)
    with pytest.raises(AssertionError, match="after"):
        clock_jumps.inspect_phase(market, place, e.PhaseReached(author.now, later))
    placed = next(
        event
        for record in recorded()
        for event in record
        if isinstance(event, e.OrderPlaced) and event.expiry
    )
    early = msgspec.structs.replace(placed, expiry=date(2026, 4, 9))
    with pytest.raises(AssertionError, match="expired on"):
        clock_jumps.inspect_expiry(market, early, (None, False))
