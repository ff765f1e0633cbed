"""What a rule set would have done to requests of the past."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from zenithd.vetting.facts import Facts
from zenithd.vetting.rule_sets import RuleSets
from zenithd.vetting.syntax import Level
from zenithd.vetting.verdict import Verdict

DIFFERENCES_MAX = 1_000
"""Differences that a report names; the others are counted."""


@dataclass(frozen=True, slots=True)
class Past:
    """A request that was vetted, and what was decided then. `position` is that of its record."""

    position: int
    facts: Facts
    level: Level
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A request of the past of which these rules say something else."""

    position: int
    request_id: str
    time: datetime
    account_id: str | None
    before: Level
    codes_before: tuple[str, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What came of it.

    Attributes:
        requests: how many were vetted again.
        changed: how many went from one level to another, by both.
        recoded: how many kept their level, with other codes.
        codes: how often each code (without arguments) came up, at the level that won.
        differences: the first `DIFFERENCES_MAX`.
    """

    requests: int
    changed: dict[tuple[Level, Level], int]
    recoded: int
    codes: dict[str, int]
    differences: tuple[Difference, ...]


def replay(rules: RuleSets, past: Iterable[Past]) -> ReplayReport:
    """Vet requests of the past with these rules."""
    requests = recoded = 0
    changed: dict[tuple[Level, Level], int] = {}
    codes: dict[str, int] = {}
    differences: list[Difference] = []
    for one in past:
        requests += 1
        verdict = rules.vet(one.facts)
        for code in dict.fromkeys(found.code for found in verdict.findings if found.code):
            codes[code] = codes.get(code, 0) + 1
        if verdict.level is not one.level:
            step = (one.level, verdict.level)
            changed[step] = changed.get(step, 0) + 1
        elif verdict.codes != one.codes:
            recoded += 1
        else:
            continue
        if len(differences) < DIFFERENCES_MAX:
            account = one.facts.account()
            request = one.facts.request
            differences.append(
                Difference(
                    one.position,
                    request.id,
                    request.time,
                    None if account is None else account.id,
                    one.level,
                    one.codes,
                    verdict,
                )
            )
    return ReplayReport(requests, changed, recoded, codes, tuple(differences))
