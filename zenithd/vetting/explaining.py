"""Which statements had a say, and what each of them read: the same closures, over a list that remembers."""

from __future__ import annotations

import decimal
import enum
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zenithd.vetting.arithmetic import CONTEXT
from zenithd.vetting.facts import Facts
from zenithd.vetting.rule_sets import RuleSets, worst
from zenithd.vetting.slots import SlotTable
from zenithd.vetting.statements import FAULTS, Hit, Step, finding
from zenithd.vetting.verdict import Finding, ShadowVerdict, Value, Verdict


class Outcome(enum.Enum):
    """What a statement came to."""

    MATCHED = "matched"
    NOT_MATCHED = "not matched"
    RAN_BLOCK = "ran its block"
    RAN_ELSE = "ran its ELSE block"
    RAN_NOTHING = "ran nothing"
    FAULT = "could not be evaluated"


@dataclass(frozen=True, slots=True)
class StatementTrace:
    """One statement that was reached.

    Attributes:
        finding: what it says of the order; None if nothing.
        depth: in how many RUN blocks it lies.
        read: the properties that it read, in their order, None for those without value.
    """

    set_name: str
    is_shadow: bool
    step: Step
    outcome: Outcome
    finding: Finding | None
    depth: int
    read: Mapping[str, Value | None]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A verdict and how it came about.

    Attributes:
        statements: every statement that was reached, in order.
        skipped: the sets that did not apply.
    """

    verdict: Verdict
    statements: tuple[StatementTrace, ...]
    skipped: tuple[str, ...]


class _Remembering(list[Any]):
    """A list of values that remembers which places were read."""

    def __init__(self, values: Sequence[Any]) -> None:
        super().__init__(values)
        self.places: dict[int, None] = {}

    def __getitem__(self, place: Any) -> Any:
        if place:
            self.places[place] = None
        return super().__getitem__(place)

    def take(self, slots: SlotTable) -> dict[str, Value | None]:
        """What was read since the last call."""
        read = {slots.path(place): super(_Remembering, self).__getitem__(place) for place in self.places}
        self.places.clear()
        return read


def explain(rules: RuleSets, facts: Facts) -> Explanation:
    """As `RuleSets.vet`, with every step of the way."""
    statements: list[StatementTrace] = []
    skipped = []
    with decimal.localcontext(CONTEXT):
        values = rules.slots.values(facts, _Remembering)
        assert isinstance(values, _Remembering)
        for one in rules.sets:
            if not one.applies(values):
                skipped.append(one.name)
                continue
            values.take(rules.slots)
            for trace in _trace(one.steps, values, rules.slots, 0):
                step, outcome, hit, depth, read = trace
                said = None if hit is None else finding(hit, one.name)
                statements.append(StatementTrace(one.name, one.is_shadow, step, outcome, said, depth, read))
    return Explanation(_verdict(rules, statements, skipped), tuple(statements), tuple(skipped))


def _verdict(rules: RuleSets, statements: Sequence[StatementTrace], skipped: Container[str]) -> Verdict:
    """What `RuleSets.vet` says, from the trace alone."""
    said = [one for one in statements if one.finding is not None]
    level, findings = worst([one.finding for one in said if one.finding is not None and not one.is_shadow])
    shadows = []
    for one in rules.sets:
        if one.is_shadow and one.name not in skipped:
            of_set = [it.finding for it in said if it.finding is not None and it.set_name == one.name]
            shadows.append(ShadowVerdict(one.name, *worst(of_set)))
    return Verdict(level, findings, tuple(shadows))


_Trace = tuple[Step, Outcome, Hit | None, int, dict[str, Value | None]]


def _trace(steps: Sequence[Step], values: _Remembering, slots: SlotTable, depth: int) -> Iterator[_Trace]:
    for step in steps:
        blocks: Sequence[Step] = ()
        hit = None
        try:
            matched = step.test(values)
            if step.block is None:
                outcome = Outcome.MATCHED if matched else Outcome.NOT_MATCHED
                if matched:
                    hit = Hit(step, tuple([one(values) for one in step.values]))
            else:
                blocks = step.block if matched else step.otherwise
                outcome = (
                    Outcome.RAN_BLOCK if matched else Outcome.RAN_ELSE if blocks else Outcome.RAN_NOTHING
                )
        except FAULTS as fault:
            outcome, hit = Outcome.FAULT, Hit(step, (), fault)
        yield step, outcome, hit, depth, values.take(slots)
        yield from _trace(blocks, values, slots, depth + 1)
