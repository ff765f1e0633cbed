"""From a set's steps to one Python function, so that 200 rules take as long as their comparisons do.

The function is built as a syntax tree, never as text, and nothing of a rule becomes a name or a constant
of it: its names are those of `_NAMES`, `p3` for the property at place 3, `k7` for the 7th object of its
namespace (numbers, texts, steps), `m1`, `n1` and `t1` for what it keeps meanwhile. Its namespace has no
builtins. It does what `compiling` and `explaining` do step by step; tests compare them on generated rules.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import CodeType, FunctionType
from typing import Any

from zenithd.vetting.arithmetic import negate
from zenithd.vetting.compiling import cost
from zenithd.vetting.resolving import (
    Arithmetic,
    Comparison,
    Constant,
    Junction,
    Minus,
    Negation,
    OneOf,
    PartOf,
    Present,
    Read,
    Resolved,
    parts,
)
from zenithd.vetting.slots import SlotTable, Values, find, resolve
from zenithd.vetting.statements import FAULTS, Hit, Step
from zenithd.vetting.syntax import Operator

RunSet = Callable[[Values, Callable[[Hit], None]], None]
"""Runs all statements of a set and hands over the hits; call it inside `decimal.localcontext(CONTEXT)`."""

_NAMES = {"find": find, "resolve": resolve, "negate": negate, "FAULTS": FAULTS, "Hit": Hit}

_COMPARE: dict[Operator, ast.cmpop] = {
    Operator.EQUAL: ast.Eq(),
    Operator.NOT_EQUAL: ast.NotEq(),
    Operator.GREATER: ast.Gt(),
    Operator.GREATER_OR_EQUAL: ast.GtE(),
    Operator.LESS: ast.Lt(),
    Operator.LESS_OR_EQUAL: ast.LtE(),
}
_COMPUTE: dict[Operator, ast.operator] = {
    Operator.ADD: ast.Add(),
    Operator.SUBTRACT: ast.Sub(),
    Operator.MULTIPLY: ast.Mult(),
    Operator.DIVIDE: ast.Div(),
    Operator.REMAINDER: ast.Mod(),
    Operator.POWER: ast.Pow(),
}
_NONE = ast.Constant(None)

SHARED_COST_MIN = 3
"""Steps from which on keeping a value is worth it."""


def generate(steps: Sequence[Step], slots: SlotTable) -> RunSet:
    """The function that runs these steps, once all rules of all sources have their places in `slots`."""
    writer = _Writer(_shared(steps))
    body = [*_beginning(len(slots), writer.shared.values()), *writer.block(steps, 0)]
    arguments = ast.arguments([], [ast.arg("values"), ast.arg("append")], None, [], [], None, [])
    function = ast.FunctionDef("run", arguments, body, [], None)
    module = compile(ast.fix_missing_locations(ast.Module([function], [])), "<vetting>", "exec")
    code = next(constant for constant in module.co_consts if isinstance(constant, CodeType))
    return FunctionType(code, {"__builtins__": {}, **_NAMES, **writer.objects})


def _beginning(size: int, kept: Collection[str]) -> Iterator[ast.stmt]:
    """`loader, p1, p2, … = values`, and `m1 = m2 = … = None`."""
    targets: list[ast.expr] = [_stored("loader"), *(_stored(f"p{slot}") for slot in range(1, size + 1))]
    yield ast.Assign([ast.Tuple(targets, ast.Store())], _name("values"))
    if kept:
        yield ast.Assign([_stored(name) for name in kept], _NONE)


def _shared(steps: Sequence[Step]) -> dict[Resolved, str]:
    """Expressions that come up more than once, each with the name of what keeps its value.

    Rules have the same conditions and the same sums over and over. The first that needs one computes it; what
    cannot be evaluated keeps nothing, and cannot be the next time either.
    """
    found = Counter(part for whole in _expressions(steps) for part in parts(whole))
    often = (one for one, times in found.items() if times > 1 and cost(one) >= SHARED_COST_MIN)
    return {one: f"m{number}" for number, one in enumerate(often)}


def _expressions(steps: Sequence[Step]) -> Iterator[Resolved]:
    for step in steps:
        yield step.condition
        yield from step.arguments
        yield from _expressions((*(step.block or ()), *step.otherwise))


class _Writer:
    """Builds the function's body and collects what it refers to."""

    def __init__(self, shared: Mapping[Resolved, str]) -> None:
        self.shared = shared
        self.objects: dict[str, Any] = {}
        self._kept = 0

    def block(self, steps: Sequence[Step], depth: int) -> list[ast.stmt]:
        return [part for step in steps for part in self._step(step, depth)]

    def _step(self, step: Step, depth: int) -> list[ast.stmt]:
        if step.block is None:
            return [self._guarded(step, [self._when(step.condition, [_appended(self._hit(step))])], [])]
        kept = f"t{depth}"
        condition = self.expression(step.condition)
        tried = self._guarded(step, [_assigned(kept, condition)], [_assigned(kept, _NONE)])
        otherwise: list[ast.stmt] = []
        if step.otherwise:
            reached = ast.Compare(_name(kept), [ast.IsNot()], [_NONE])
            otherwise = [ast.If(reached, self.block(step.otherwise, depth + 1), [])]
        block = self.block(step.block, depth + 1) or [ast.Pass()]
        return [tried, ast.If(_name(kept), block, otherwise)]

    def _guarded(self, step: Step, body: list[ast.stmt], afterwards: list[ast.stmt]) -> ast.stmt:
        """`body`; should it be impossible to evaluate, the hit of that and `afterwards`."""
        hit = _call("Hit", self._object(step), ast.Tuple([], ast.Load()), _name("fault"))
        handler = ast.ExceptHandler(_name("FAULTS"), "fault", [_appended(hit), *afterwards])
        return ast.Try(body, [handler], [], [])

    def _when(self, condition: Resolved, body: list[ast.stmt]) -> ast.stmt:
        return ast.If(self.expression(condition), body, [])

    def _hit(self, step: Step) -> ast.expr:
        if not step.arguments:
            return self._object(Hit(step, ()))
        arguments = [self.expression(argument) for argument in step.arguments]
        return _call("Hit", self._object(step), ast.Tuple(arguments, ast.Load()))

    def _object(self, value: Any) -> ast.expr:
        name = f"k{len(self.objects)}"
        self.objects[name] = value
        return _name(name)

    def expression(self, expression: Resolved) -> ast.expr:
        kept = self.shared.get(expression)
        if kept is None:
            return self._computed(expression)
        is_known = ast.Compare(_name(kept), [ast.IsNot()], [_NONE])
        return ast.IfExp(is_known, _name(kept), ast.NamedExpr(_stored(kept), self._computed(expression)))

    def _computed(self, expression: Resolved) -> ast.expr:
        match expression:
            case Constant(value=value):
                return ast.Constant(value) if isinstance(value, bool) else self._object(value)
            case Read(slot=slot):
                return ast.IfExp(_is_there(slot), _name(f"p{slot}"), _looked_up("resolve", slot))
            case Present(slot=slot, is_negated=is_negated):
                found = ast.Compare(_looked_up("find", slot), [ast.IsNot()], [_NONE])
                return _negated(ast.BoolOp(ast.Or(), [_is_there(slot), found]), is_negated)
            case Negation(operand=operand):
                return ast.UnaryOp(ast.Not(), self.expression(operand))
            case Minus(operand=operand):
                return _call("negate", self.expression(operand))
            case Arithmetic(operator=sign, left=left, right=right):
                return ast.BinOp(self.expression(left), _COMPUTE[sign], self.expression(right))
            case Comparison(operator=sign, left=left, right=right):
                return ast.Compare(self.expression(left), [_COMPARE[sign]], [self.expression(right)])
            case Junction(operator=sign, operands=operands):
                joined = ast.And() if sign is Operator.AND else ast.Or()
                return ast.BoolOp(joined, list(map(self.expression, operands)))
            case OneOf():
                return self._one_of(expression)
            case PartOf(needle=needle, text=text, is_negated=is_negated):
                found = ast.Compare(self.expression(needle), [ast.In()], [self.expression(text)])
                return _negated(found, is_negated)

    def _one_of(self, expression: OneOf) -> ast.expr:
        self._kept += 1
        kept = f"n{self._kept}"
        needle: ast.expr = ast.NamedExpr(_stored(kept), self.expression(expression.needle))
        tests: list[ast.expr] = [ast.Compare(needle, [ast.In()], [self._object(expression.constants)])]
        for other in map(self.expression, expression.others):
            tests += [ast.Compare(other, [ast.Eq()], [_name(kept)])]
        return _negated(tests[0] if len(tests) == 1 else ast.BoolOp(ast.Or(), tests), expression.is_negated)


def _name(text: str) -> ast.Name:
    return ast.Name(text, ast.Load())


def _stored(text: str) -> ast.Name:
    return ast.Name(text, ast.Store())


def _assigned(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([_stored(name)], value)


def _call(function: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(_name(function), list(arguments), [])


def _appended(hit: ast.expr) -> ast.stmt:
    return ast.Expr(_call("append", hit))


def _negated(test: ast.expr, is_negated: bool) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test) if is_negated else test


def _is_there(slot: int) -> ast.expr:
    return ast.Compare(_name(f"p{slot}"), [ast.IsNot()], [_NONE])


def _looked_up(function: str, slot: int) -> ast.expr:
    """`(p3 := resolve(values, 3))`: the value is there from then on."""
    return ast.NamedExpr(_stored(f"p{slot}"), _call(function, _name("values"), ast.Constant(slot)))
