"""Reading rule sources into sets that vet: everything is checked and compiled here, once."""

from __future__ import annotations

import decimal
import difflib
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from zenithd.vetting import syntax
from zenithd.vetting.arithmetic import CONTEXT
from zenithd.vetting.compiling import STATEMENT_COST, compile_expression, cost
from zenithd.vetting.errors import InvalidRules, Position, Problem, Source
from zenithd.vetting.facts import Facts
from zenithd.vetting.generating import generate
from zenithd.vetting.limits import VettingLimits
from zenithd.vetting.parsing import parse
from zenithd.vetting.properties import TOPICS
from zenithd.vetting.resolving import Resolver, Wrong
from zenithd.vetting.slots import SlotTable, Values, find
from zenithd.vetting.statements import Hit, Step, finding
from zenithd.vetting.syntax import Level
from zenithd.vetting.verdict import Finding, Place, ShadowVerdict, Verdict

LOOSE = "statements"
"""Name of the rule, and of the set, that the statements outside of libraries and sets of a source make up."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One WHEN of a set."""

    topic: str
    slot: int
    values: frozenset[str]
    is_negated: bool

    def holds(self, values: Values) -> bool:
        """Whether it does; a topic without value is none of the values."""
        value = values[self.slot]
        if value is None:
            value = find(values, self.slot)
        return (value in self.values) is not self.is_negated


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A named rule, ready to run; `cost` in steps."""

    name: str
    source: str
    steps: tuple[Step, ...]
    cost: int


@dataclass(frozen=True, slots=True)
class CompiledSet:
    """A set, ready to run; `steps` are those of all its rules."""

    name: str
    source: str
    is_shadow: bool
    conditions: tuple[Condition, ...]
    rules: tuple[CompiledRule, ...]
    steps: tuple[Step, ...]

    def applies(self, values: Values) -> bool:
        """Whether all its conditions hold."""
        return all(condition.holds(values) for condition in self.conditions)


class RuleSets:
    """The rules of a site, compiled. Immutable; `vet` may be called from anywhere.

    Attributes:
        sets: all of them, shadow sets too, in the order of the sources.
        rules: every named rule, also those that no set uses, by name.
        cost: the most steps that one vetting takes.
    """

    def __init__(self, sets: Sequence[CompiledSet], rules: Iterable[CompiledRule], slots: SlotTable) -> None:
        self.sets = tuple(sets)
        self.rules = {rule.name: rule for rule in rules}
        self.slots = slots
        self.cost = sum(rule.cost for one in sets for rule in one.rules)
        self._runs = [(one, generate(one.steps, slots)) for one in self.sets]

    def vet(self, facts: Facts) -> Verdict:
        """The verdict of every set that applies; the worst level wins (platform C.9).

        Raises:
            TypeError: `facts` has a number that is no Decimal. Nothing that rules do raises.
        """
        found: list[Finding] = []
        shadows = []
        with decimal.localcontext(CONTEXT):
            values = self.slots.values(facts)
            for one, run in self._runs:
                if one.conditions and not one.applies(values):
                    continue
                hits: list[Hit] = []
                run(values, hits.append)
                if one.is_shadow:
                    shadows.append(ShadowVerdict(one.name, *worst([finding(hit, one.name) for hit in hits])))
                elif hits:
                    found += [finding(hit, one.name) for hit in hits]
        return Verdict(*worst(found), tuple(shadows))


def worst(found: Sequence[Finding]) -> tuple[Level, tuple[Finding, ...]]:
    """The highest level, PASS if there is none, and the findings of that level."""
    level = max((one.level for one in found), default=Level.PASS)
    return level, tuple(one for one in found if one.level is level)


def load(
    sources: Sequence[Source], limits: VettingLimits | None = None, *, without_sets_of: Container[str] = ()
) -> RuleSets:
    """Read, check and compile rule sources; rules of all of them may be used by the sets of all.

    `without_sets_of` names sources of which only the libraries count.

    Raises:
        InvalidRules: with every mistake that was found.
    """
    return _Loading(limits or VettingLimits()).load(sources, without_sets_of)


class _Loading:
    def __init__(self, limits: VettingLimits) -> None:
        self._limits = limits
        self._slots = SlotTable()
        self._resolver = Resolver(self._slots)
        self._problems: list[Problem] = []
        self._rules: dict[str, CompiledRule] = {}
        self._sets: dict[str, CompiledSet] = {}

    def load(self, sources: Sequence[Source], without_sets_of: Container[str]) -> RuleSets:
        documents = []
        for source in sources:
            try:
                documents.append((source, parse(source, self._limits)))
            except InvalidRules as error:
                self._problems += error.problems
        for source, document in documents:
            self._compile_rules(source, document)
        for source, document in documents:
            if source.name not in without_sets_of:
                self._compile_sets(source, document)
        loaded = RuleSets(tuple(self._sets.values()), self._rules.values(), self._slots)
        if not self._problems and loaded.cost > self._limits.cost_max:
            message = (
                f"all rules together take up to {loaded.cost:,} steps for one order, and"
                f" vetting.cost_max is {self._limits.cost_max:,}: use fewer rules, or raise it"
            )
            self._problems.append(sources[-1].problem(Position(1, 1), message))
        if self._problems:
            raise InvalidRules(tuple(self._problems))
        return loaded

    def _compile_rules(self, source: Source, document: syntax.Document) -> None:
        for rule in document.rules:
            if rule.name in self._rules:
                self._wrong(source, rule.position, f"there is already a rule {rule.name}")
                continue
            self._rules[rule.name] = self._rule(source, rule.name, rule.statements)

    def _compile_sets(self, source: Source, document: syntax.Document) -> None:
        for one in document.sets:
            rules = [self._used(source, name) for name in one.rules]
            conditions = [self._condition(source, when) for when in one.conditions]
            self._add_set(
                source,
                one.position,
                CompiledSet(
                    one.name,
                    source.name,
                    one.is_shadow,
                    tuple(condition for condition in conditions if condition is not None),
                    tuple(rule for rule in rules if rule is not None),
                    tuple(step for rule in rules if rule is not None for step in rule.steps),
                ),
            )
        if document.statements:
            rule = self._rule(source, LOOSE, document.statements)
            name = f"{source.name}:{LOOSE}"
            self._add_set(
                source,
                document.statements[0].position,
                CompiledSet(name, source.name, False, (), (rule,), rule.steps),
            )

    def _add_set(self, source: Source, position: Position, one: CompiledSet) -> None:
        if one.name in self._sets:
            self._wrong(source, position, f"there is already a set {one.name}")
        self._sets[one.name] = one

    def _used(self, source: Source, name: syntax.Name) -> CompiledRule | None:
        rule = self._rules.get(name.text)
        if rule is None:
            near = difflib.get_close_matches(name.text, self._rules, n=1)
            hint = f"did you mean {near[0]}?" if near else "define it in a LIBRARY"
            self._wrong(source, name.position, f"there is no rule {name.text}; {hint}")
        return rule

    def _condition(self, source: Source, when: syntax.When) -> Condition | None:
        path = TOPICS.get(when.topic.text)
        if path is None:
            self._wrong(
                source, when.topic.position, f"a set applies by {', '.join(TOPICS)}, not by {when.topic.text}"
            )
            return None
        topic = self._resolver.topic(path)
        try:
            values = frozenset(self._resolver.topic_value(topic, value) for value in when.values)
        except Wrong as error:
            self._wrong(source, *error.args)
            return None
        return Condition(when.topic.text, topic.slot, values, when.is_negated)

    def _rule(self, source: Source, name: str, statements: Sequence[syntax.Statement]) -> CompiledRule:
        steps, total = self._block(source, name, statements)
        return CompiledRule(name, source.name, steps, total)

    def _block(
        self, source: Source, rule: str, statements: Sequence[syntax.Statement]
    ) -> tuple[tuple[Step, ...], int]:
        steps = []
        total = 0
        for statement in statements:
            try:
                step, step_cost = self._step(source, rule, statement)
            except Wrong as error:
                self._wrong(source, *error.args)
                continue
            steps.append(step)
            total += step_cost
        return tuple(steps), total

    def _step(self, source: Source, rule: str, statement: syntax.Statement) -> tuple[Step, int]:
        place = Place(rule, source.name, statement.position)
        condition = None
        try:
            condition = self._resolver.condition(statement.condition)
        finally:  # mistakes inside the blocks are told also where the condition is wrong
            if isinstance(statement, syntax.Run):
                block, block_cost = self._block(source, rule, statement.block)
                otherwise, other_cost = self._block(source, rule, statement.otherwise)
        test = compile_expression(condition)
        if isinstance(statement, syntax.Run):
            step = Step(condition, test, block, otherwise, Level.PASS, "", (), (), place)
            return step, STATEMENT_COST + cost(condition) + block_cost + other_cost
        arguments = [self._resolver.value(argument) for argument in statement.arguments]
        step = Step(
            condition,
            test,
            None,
            (),
            statement.level,
            statement.code,
            tuple(arguments),
            tuple(map(compile_expression, arguments)),
            place,
        )
        return step, STATEMENT_COST + cost(condition) + sum(map(cost, arguments))

    def _wrong(self, source: Source, position: Position, message: str) -> None:
        self._problems.append(source.problem(position, message))
