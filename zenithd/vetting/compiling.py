"""From resolved expressions to closures: each takes the list of one vetting's values and returns its own.

This is the form that explanations run, statement by statement; orders run what `generating` makes of a whole
set.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from zenithd.vetting.arithmetic import compute, negate
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
)
from zenithd.vetting.slots import Values, find, resolve
from zenithd.vetting.syntax import Operator

Closure = Callable[[Values], Any]

_COMPARE: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUAL: operator.eq,
    Operator.NOT_EQUAL: operator.ne,
    Operator.GREATER: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
    Operator.LESS: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
}


def compile_expression(expression: Resolved) -> Closure:
    """The closure of an expression.

    The closure raises `Missing` where a property without value is read, and `decimal`'s signals where a
    number cannot be computed.
    """
    match expression:
        case Constant(value=value):
            return lambda values: value
        case Read(slot=slot):
            return _read(slot)
        case Present(slot=slot, is_negated=is_negated):
            return lambda values: (values[slot] is None and find(values, slot) is None) is is_negated
        case Negation(operand=operand):
            inner = compile_expression(operand)
            return lambda values: not inner(values)
        case Minus(operand=operand):
            inner = compile_expression(operand)
            return lambda values: negate(inner(values))
        case Arithmetic(operator=sign, left=left, right=right):
            return _two(compute(sign), compile_expression(left), compile_expression(right))
        case Comparison(operator=sign, left=left, right=right):
            return _two(_COMPARE[sign], compile_expression(left), compile_expression(right))
        case Junction(operator=sign, operands=operands):
            return _junction(sign, tuple(map(compile_expression, operands)))
        case OneOf():
            return _one_of(expression)
        case PartOf(needle=needle, text=text, is_negated=is_negated):
            part, whole = compile_expression(needle), compile_expression(text)
            return lambda values: (part(values) in whole(values)) is not is_negated


def _read(slot: int) -> Closure:
    def read(values: Values) -> Any:
        value = values[slot]
        return resolve(values, slot) if value is None else value

    return read


def _two(function: Callable[[Any, Any], Any], left: Closure, right: Closure) -> Closure:
    return lambda values: function(left(values), right(values))


def _junction(sign: Operator, operands: tuple[Closure, ...]) -> Closure:
    if sign is Operator.AND:
        return lambda values: all(operand(values) for operand in operands)
    return lambda values: any(operand(values) for operand in operands)


def _one_of(expression: OneOf) -> Closure:
    """The constants of a list come first, for they cost nothing; then its other items from left to right."""
    constants, is_negated = expression.constants, expression.is_negated
    needle = compile_expression(expression.needle)
    others = tuple(map(compile_expression, expression.others))

    def run(values: Values) -> bool:
        value = needle(values)
        return (value in constants or any(other(values) == value for other in others)) is not is_negated

    return run


POWER_COST = 200
"""Steps that `^` counts for: it is that much slower than the others."""

TEXT_COST = 100
"""Steps of looking for a text in another, which may be long."""

STATEMENT_COST = 20
"""Steps of a statement beside its condition: what it may have to say, a fault above all."""


def cost(expression: Resolved) -> int:
    """The most steps that evaluating an expression takes."""
    match expression:
        case Constant() | Read() | Present():
            return 1
        case Negation(operand=operand) | Minus(operand=operand):
            return 1 + cost(operand)
        case Arithmetic(operator=sign, left=left, right=right):
            return (POWER_COST if sign is Operator.POWER else 1) + cost(left) + cost(right)
        case Comparison(left=left, right=right):
            return 1 + cost(left) + cost(right)
        case Junction(operands=operands):
            return sum(map(cost, operands))
        case OneOf(needle=needle, others=others):
            return 1 + cost(needle) + sum(map(cost, others))
        case PartOf(needle=needle, text=text):
            return TEXT_COST + cost(needle) + cost(text)
