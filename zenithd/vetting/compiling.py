"""From resolved expressions to closures: each takes the list of one vetting's values and returns its own.

The common shapes (a property beside a constant or another property) have closures of their own, which read
the list themselves: a call costs as much as the comparison it is for.
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
            return _present(slot, is_negated)
        case Negation(operand=operand):
            inner = compile_expression(operand)
            return lambda values: not inner(values)
        case Minus(operand=operand):
            inner = compile_expression(operand)
            return lambda values: negate(inner(values))
        case Arithmetic(operator=sign, left=left, right=right):
            return _two(compute(sign), left, right)
        case Comparison(operator=sign, left=left, right=right):
            return _two(_COMPARE[sign], left, right)
        case Junction(operator=sign, operands=operands):
            return _junction(sign, tuple(map(compile_expression, operands)))
        case OneOf():
            return _one_of(expression)
        case PartOf(needle=needle, text=text, is_negated=is_negated):
            part, whole = compile_expression(needle), compile_expression(text)
            if is_negated:
                return lambda values: part(values) not in whole(values)
            return lambda values: part(values) in whole(values)


def _read(slot: int) -> Closure:
    def read(values: Values) -> Any:
        value = values[slot]
        return resolve(values, slot) if value is None else value

    return read


def _present(slot: int, is_negated: bool) -> Closure:
    if is_negated:
        return lambda values: values[slot] is None and find(values, slot) is None
    return lambda values: values[slot] is not None or find(values, slot) is not None


def _two(function: Callable[[Any, Any], Any], left: Resolved, right: Resolved) -> Closure:
    if isinstance(left, Read) and isinstance(right, Constant):
        return _read_constant(function, left.slot, right.value)
    if isinstance(left, Read) and isinstance(right, Read):
        return _read_read(function, left.slot, right.slot)
    first = compile_expression(left)
    if isinstance(right, Constant):
        constant = right.value
        return lambda values: function(first(values), constant)
    if isinstance(right, Read):
        return _any_read(function, first, right.slot)
    second = compile_expression(right)
    return lambda values: function(first(values), second(values))


def _read_constant(function: Callable[[Any, Any], Any], slot: int, constant: Any) -> Closure:
    def run(values: Values) -> Any:
        value = values[slot]
        if value is None:
            value = resolve(values, slot)
        return function(value, constant)

    return run


def _read_read(function: Callable[[Any, Any], Any], left: int, right: int) -> Closure:
    def run(values: Values) -> Any:
        first = values[left]
        if first is None:
            first = resolve(values, left)
        second = values[right]
        if second is None:
            second = resolve(values, right)
        return function(first, second)

    return run


def _any_read(function: Callable[[Any, Any], Any], first: Closure, slot: int) -> Closure:
    def run(values: Values) -> Any:
        left = first(values)
        value = values[slot]
        if value is None:
            value = resolve(values, slot)
        return function(left, value)

    return run


def _junction(sign: Operator, operands: tuple[Closure, ...]) -> Closure:
    wanted = sign is Operator.OR
    if len(operands) == 2:
        first, second = operands
        if wanted:
            return lambda values: first(values) or second(values)
        return lambda values: first(values) and second(values)

    def run(values: Values) -> bool:
        for operand in operands:
            if operand(values) is wanted:
                return wanted
        return not wanted

    return run


def _one_of(expression: OneOf) -> Closure:
    constants, is_negated = expression.constants, expression.is_negated
    if not expression.others:
        return _among(expression.needle, constants, is_negated)
    needle = compile_expression(expression.needle)
    others = tuple(map(compile_expression, expression.others))

    def run(values: Values) -> bool:
        """As if the list were read from left to right in its computed parts; constants cost nothing."""
        value = needle(values)
        if value in constants:
            return not is_negated
        return any(other(values) == value for other in others) is not is_negated

    return run


def _among(needle: Resolved, constants: frozenset[Any], is_negated: bool) -> Closure:
    if isinstance(needle, Read):
        slot = needle.slot

        def run(values: Values) -> bool:
            value = values[slot]
            if value is None:
                value = resolve(values, slot)
            return (value in constants) is not is_negated

        return run
    inner = compile_expression(needle)
    return lambda values: (inner(values) in constants) is not is_negated


POWER_COST = 200
"""Steps that `^` counts for: it is that much slower than the others."""

TEXT_COST = 10
"""Steps of looking for a text in another."""


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
