"""Vetting: what a site's rules say of an order, in the rule language Vortex (platform C.9). Pure.

`load` reads sources once into `RuleSets`; `RuleSets.vet(facts)` gives a `Verdict`. The way of a rule:
`parsing` (text to `syntax`, by `grammar`), `resolving` (names of `properties`, kinds), `compiling` (closures
that read `slots`), `statements` (running them), `rule_sets` (libraries, sets, the whole). `facts` is what
rules see. `explaining` says which statement read what, `records` keeps facts for later, `replaying` compares
rules with what was decided.
"""

from __future__ import annotations

from zenithd.vetting.errors import InvalidRules, Position, Problem, Source
from zenithd.vetting.explaining import Explanation, Outcome, StatementTrace, explain
from zenithd.vetting.facts import (
    AccountFacts,
    BalanceFacts,
    DetailsFacts,
    Facts,
    HoldingFacts,
    MarketFacts,
    OrderFacts,
    RequestFacts,
    SymbolFacts,
    UserFacts,
    known,
)
from zenithd.vetting.limits import VettingLimits
from zenithd.vetting.records import decode_facts, encode_facts
from zenithd.vetting.replaying import Difference, Past, ReplayReport, replay
from zenithd.vetting.rule_sets import CompiledSet, RuleSets, load
from zenithd.vetting.syntax import Level
from zenithd.vetting.verdict import ARITHMETIC, MISSING, Finding, Place, ShadowVerdict, Verdict, value_text

__all__ = [
    "ARITHMETIC",
    "MISSING",
    "AccountFacts",
    "BalanceFacts",
    "CompiledSet",
    "DetailsFacts",
    "Difference",
    "Explanation",
    "Facts",
    "Finding",
    "HoldingFacts",
    "InvalidRules",
    "Level",
    "MarketFacts",
    "OrderFacts",
    "Outcome",
    "Past",
    "Place",
    "Position",
    "Problem",
    "ReplayReport",
    "RequestFacts",
    "RuleSets",
    "ShadowVerdict",
    "Source",
    "StatementTrace",
    "SymbolFacts",
    "UserFacts",
    "Verdict",
    "VettingLimits",
    "decode_facts",
    "encode_facts",
    "explain",
    "known",
    "load",
    "replay",
    "value_text",
]
