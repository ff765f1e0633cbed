"""How a vetting ends: a level, and what led to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from zenithd.vetting.errors import Position
from zenithd.vetting.syntax import Level

MISSING = "Vetting.Missing"
"""Code of a rule that read a property without value; its argument is the property."""
ARITHMETIC = "Vetting.Arithmetic"
"""Code of a rule that divided by zero, or left the bounds of arithmetic."""

Value = Decimal | str | bool | datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where a statement stands: its rule, the source's name, and the position in it."""

    rule: str
    source: str
    position: Position

    def __str__(self) -> str:
        return f"{self.source}:{self.position.line} ({self.rule})"


class Finding(NamedTuple):
    """One statement that had a say.

    Attributes:
        set_name: the set that ran the rule.
        is_fault: True if the statement could not be evaluated; it then fails the order.
    """

    level: Level
    code: str
    arguments: tuple[Value, ...]
    set_name: str
    place: Place
    is_fault: bool = False

    @property
    def text(self) -> str:
        """The code and its arguments with one blank between, as order errors are written; blanks inside an
        argument are underscores. Empty for a statement without a code."""
        return " ".join((self.code, *map(value_text, self.arguments)))


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What the rules say of a request.

    Attributes:
        level: PASS sends it on, AUTH puts it into the queue, FAIL refuses it.
        findings: the statements of that level, in the order of sets, rules and statements.
        shadows: what each shadow set would have said; for the log only.
    """

    level: Level
    findings: tuple[Finding, ...] = ()
    shadows: tuple[ShadowVerdict, ...] = ()

    @property
    def codes(self) -> tuple[str, ...]:
        """The texts of all findings, each once. Empty if no statement of the level has a code."""
        return tuple(dict.fromkeys(finding.text for finding in self.findings if finding.code))


class ShadowVerdict(msgspec.Struct, frozen=True, gc=False):
    """What one shadow set would have said."""

    set_name: str
    level: Level
    findings: tuple[Finding, ...]


def value_text(value: Value) -> str:
    """A value as order errors and explanations write it: one word."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return plain_number(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return "_".join(value.split())


def plain_number(number: Decimal) -> str:
    """A number without exponent and without zeros at the end: `9500`, `0.25`."""
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
