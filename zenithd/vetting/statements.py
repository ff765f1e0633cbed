"""Statements in their compiled form, and running them.

A statement that cannot be evaluated fails the order with a code that says why; a RUN that cannot runs neither
of its blocks. The statements after it are evaluated all the same.
"""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from typing import NamedTuple

from zenithd.vetting.compiling import Closure
from zenithd.vetting.slots import Missing, Values
from zenithd.vetting.syntax import Level
from zenithd.vetting.verdict import ARITHMETIC, MISSING, Finding, Place, Value

FAULTS = (Missing, decimal.DecimalException)
"""What evaluating can raise. Anything else is our bug, or that of who filled the facts."""


class Step(NamedTuple):
    """One statement. A RUN has blocks, the others have a level and perhaps a code."""

    test: Closure
    block: Sequence[Step] | None
    """None for a statement that is no RUN."""
    otherwise: Sequence[Step]
    level: Level
    code: str
    arguments: tuple[Closure, ...]
    place: Place


class Hit(NamedTuple):
    """A step that had a say: its arguments, or the fault that stopped it."""

    step: Step
    arguments: tuple[Value, ...]
    fault: Exception | None = None


def run(steps: Sequence[Step], values: Values, hits: list[Hit]) -> None:
    """Evaluate statements one after the other; call it inside `decimal.localcontext(CONTEXT)`."""
    left = iter(steps)
    while True:
        try:
            for step in left:
                if step[0](values):
                    if step[1] is None:
                        hits.append(Hit(step, tuple([one(values) for one in step.arguments])))
                    else:
                        run(step[1], values, hits)
                elif step[2]:
                    run(step[2], values, hits)
        except FAULTS as fault:
            hits.append(Hit(step, (), fault))
        else:
            return


def finding(hit: Hit, set_name: str) -> Finding:
    """What a hit means for the order."""
    step = hit.step
    if hit.fault is None:
        return Finding(step.level, step.code, hit.arguments, set_name, step.place)
    if isinstance(hit.fault, Missing):
        return Finding(Level.FAIL, MISSING, hit.fault.args, set_name, step.place, is_fault=True)
    return Finding(Level.FAIL, ARITHMETIC, (), set_name, step.place, is_fault=True)
