"""Statements as they are once resolved, and what comes of evaluating them.

A statement that cannot be evaluated fails the order with a code that says why; a RUN that cannot runs neither
of its blocks. The statements after it are evaluated all the same.
"""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from typing import NamedTuple

from zenithd.vetting.compiling import Closure
from zenithd.vetting.resolving import Resolved
from zenithd.vetting.slots import Missing
from zenithd.vetting.syntax import Level
from zenithd.vetting.verdict import ARITHMETIC, MISSING, Finding, Place, Value

FAULTS = (Missing, decimal.DecimalException)
"""What evaluating can raise. Anything else is our bug, or that of who filled the facts."""


class Step(NamedTuple):
    """One statement. A RUN has blocks, the others have a level and perhaps a code."""

    condition: Resolved
    test: Closure
    """Of the condition."""
    block: Sequence[Step] | None
    """None for a statement that is no RUN."""
    otherwise: Sequence[Step]
    level: Level
    code: str
    arguments: tuple[Resolved, ...]
    values: tuple[Closure, ...]
    """Of the arguments."""
    place: Place


class Hit(NamedTuple):
    """A step that had a say: its arguments, or the fault that stopped it."""

    step: Step
    arguments: tuple[Value, ...]
    fault: Exception | None = None


def finding(hit: Hit, set_name: str) -> Finding:
    """What a hit means for the order."""
    step = hit.step
    if hit.fault is None:
        return Finding(step.level, step.code, hit.arguments, set_name, step.place)
    if isinstance(hit.fault, Missing):
        return Finding(Level.FAIL, MISSING, hit.fault.args, set_name, step.place, is_fault=True)
    return Finding(Level.FAIL, ARITHMETIC, (), set_name, step.place, is_fault=True)
