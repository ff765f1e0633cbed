"""What vetting saw is kept with the request, and the journal tells it again."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.trading.world import A1, Journal, World, place, replace
from zenithd.oms.model.updates import Requested, decode_updates, encode_updates
from zenithd.trading.judged import Judged, judged
from zenithd.trading.vetting import RuleVetting
from zenithd.vetting import Level, RuleSets, Source, explain, load, replay

RULES = """
AUTH WITH [Order.Large, details.value] IF details HAS value AND details.value > 400
FAIL WITH Never IF order.side IS Ask AND details HAS quantity AND details.quantity > 900
"""
STRICTER = "FAIL WITH [Order.Large, details.quantity] IF details HAS quantity AND details.quantity > 50"


def rules(text: str) -> RuleSets:
    return load([Source("site.vortex", text)])


def kept(journal: Journal) -> list[Judged]:
    return list(judged(enumerate(journal.records, 1)))


async def test_requests_are_kept_with_what_vetting_saw(autojump_clock: Any) -> None:
    vetting = RuleVetting(rules(RULES))
    async with World(vetting=vetting).run() as world:
        small = await world.placed(RequestID="small", Quantity=10)
        large = await world.placed(RequestID="large", Quantity=300)
        await world.result("CancelOrder", {"Account": str(A1), "OrderID": small, "RequestID": "end"})
        refused = await world.result("PlaceOrder", place(RequestID="no", Side="Ask", Quantity=950))
        assert refused["Errors"] == ["Never"]
        await world.ask("CalculateOrder", place(RequestID="dry"))
    first, second, third = kept(world.journal)
    assert [one.request.request_id for one in (first, second, third)] == ["small", "large", "end"]
    assert [one.order_id for one in (first, second, third)] == [small, large, small]
    assert (first.past.level, first.past.codes) == (Level.PASS, ())
    assert (second.past.level, second.past.codes) == (Level.AUTH, ("Order.Large 450",))
    assert (third.past.facts.request.type, third.past.facts.details) == ("Cancel", None)
    facts = second.past.facts
    assert facts.user.id == "demo"
    assert facts.details is not None
    assert facts.details.quantity == 300
    balance, market = facts.balance(), facts.market()
    assert balance is not None
    assert balance.trading == Decimal(10_000) - 15  # what the small order reserves
    assert market is not None
    assert market.best_ask == Decimal("2.01")
    for one in (first, second, third):  # it can be judged again, to the same end
        assert explain(rules(RULES), one.past.facts).verdict == rules(RULES).vet(one.past.facts)
    assert replay(rules(RULES), (one.past for one in kept(world.journal))).changed == {}
    report = replay(rules(STRICTER), (one.past for one in kept(world.journal)))
    assert (report.requests, report.changed) == (3, {(Level.AUTH, Level.FAIL): 1})


async def test_other_rules_hold_from_the_next_request_on(autojump_clock: Any) -> None:
    vetting = RuleVetting(rules(RULES))
    async with World(vetting=vetting).run() as world:
        await world.placed(Quantity=60)
        vetting.use(rules(STRICTER))
        result = await world.result("PlaceOrder", place(Quantity=60))
        assert result["Errors"] == ["Order.Large 60"]


async def test_a_state_has_nothing_of_it(autojump_clock: Any) -> None:
    states = []
    for strip in (False, True):
        journal = Journal()
        async with World(journal, vetting=RuleVetting(rules(RULES))).run() as world:
            await world.placed(RequestID="one")
        if strip:
            journal.records = [_changed(body, lambda _: b"") for body in journal.records]
            assert not kept(journal)
        async with World(journal).run(with_exchange=False) as again:
            states.append(again.state.digest())
    assert states[0] == states[1]


async def test_what_cannot_be_read_is_told_with_its_place(autojump_clock: Any) -> None:
    async with World(vetting=RuleVetting(rules(RULES))).run() as world:
        await world.placed()
    records = [_changed(body, lambda vetting: vetting[:-1]) for body in world.journal.records]
    position = next(place for place, body in enumerate(records) if body != world.journal.records[place])
    with pytest.raises(ValueError, match=f"position {position}: "):
        list(judged(enumerate(records)))


def _changed(body: bytes, change: Callable[[bytes], bytes]) -> bytes:
    updates = []
    for one in decode_updates(body):
        update = one.update
        if isinstance(update, Requested) and update.vetting:
            one = replace(one, update=replace(update, vetting=change(update.vetting)))
        updates.append(one)
    return encode_updates(updates)
