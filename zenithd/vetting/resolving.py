"""From the tree as written to a tree with every name looked up and every kind of value checked."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

from zenithd.vetting import syntax
from zenithd.vetting.arithmetic import CONTEXT, compute, negate
from zenithd.vetting.errors import Position
from zenithd.vetting.properties import OBJECTS, Kind, Property, find_property
from zenithd.vetting.slots import SlotTable
from zenithd.vetting.syntax import Operator

EQUALITY = (Operator.EQUAL, Operator.NOT_EQUAL)
ORDERING = (Operator.GREATER, Operator.GREATER_OR_EQUAL, Operator.LESS, Operator.LESS_OR_EQUAL)


class Wrong(Exception):
    """An expression that means nothing; `args` are position and message."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that the rule itself has."""

    kind: Kind
    value: Any


@dataclass(frozen=True, slots=True)
class Read:
    """A property."""

    kind: Kind
    slot: int
    source: Property = field(compare=False)


@dataclass(frozen=True, slots=True)
class Present:
    """HAS, or MISSING."""

    slot: int
    is_negated: bool
    kind: Kind = Kind.FLAG


@dataclass(frozen=True, slots=True)
class Negation:
    """NOT."""

    operand: Resolved
    kind: Kind = Kind.FLAG


@dataclass(frozen=True, slots=True)
class Minus:
    """The negative of a number."""

    operand: Resolved
    kind: Kind = Kind.NUMBER


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two numbers and an operator."""

    operator: Operator
    left: Resolved
    right: Resolved
    kind: Kind = Kind.NUMBER


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values of one kind; XOR is the comparison of two conditions that wants them different."""

    operator: Operator
    left: Resolved
    right: Resolved
    kind: Kind = Kind.FLAG


@dataclass(frozen=True, slots=True)
class Junction:
    """AND or OR, from left to right, no further than needed."""

    operator: Operator
    operands: tuple[Resolved, ...]
    kind: Kind = Kind.FLAG


@dataclass(frozen=True, slots=True)
class OneOf:
    """IN a list: the values that are known, and those to compute."""

    needle: Resolved
    constants: frozenset[Any]
    others: tuple[Resolved, ...]
    is_negated: bool
    kind: Kind = Kind.FLAG


@dataclass(frozen=True, slots=True)
class PartOf:
    """IN a text."""

    needle: Resolved
    text: Resolved
    is_negated: bool
    kind: Kind = Kind.FLAG


Resolved = Constant | Read | Present | Negation | Minus | Arithmetic | Comparison | Junction | OneOf | PartOf


def parts(expression: Resolved) -> Iterator[Resolved]:
    """An expression and everything inside it."""
    yield expression
    match expression:
        case Negation(operand=inner) | Minus(operand=inner):
            yield from parts(inner)
        case Arithmetic(left=left, right=right) | Comparison(left=left, right=right):
            yield from parts(left)
            yield from parts(right)
        case Junction(operands=operands):
            for operand in operands:
                yield from parts(operand)
        case OneOf(needle=needle, others=others):
            for inner in (needle, *others):
                yield from parts(inner)
        case PartOf(needle=needle, text=text):
            yield from parts(needle)
            yield from parts(text)


TRUE = Constant(Kind.FLAG, True)


class Resolver:
    """Looks names up and gives each property its place.

    Raises, from every method:
        Wrong: the expression means nothing.
    """

    def __init__(self, slots: SlotTable) -> None:
        self._slots = slots

    def condition(self, expression: syntax.Expression | None) -> Resolved:
        """An expression that is true or false; no expression is true."""
        return TRUE if expression is None else self._of_kind(expression, Kind.FLAG, "a condition")

    def value(self, expression: syntax.Expression) -> Resolved:
        """An expression of any kind."""
        match expression:
            case syntax.Literal():
                return Constant(_KINDS[type(expression.value)], expression.value)
            case syntax.Name():
                return self._read(expression)
            case syntax.Not():
                return Negation(self._of_kind(expression.operand, Kind.FLAG, "what NOT turns round"))
            case syntax.Negate():
                operand = self._of_kind(expression.operand, Kind.NUMBER, "what a minus sign stands before")
                return (
                    Constant(Kind.NUMBER, negate(operand.value))
                    if isinstance(operand, Constant)
                    else Minus(operand)
                )
            case syntax.Junction():
                return self._junction(expression)
            case syntax.Membership():
                return self._membership(expression)
            case syntax.Has():
                return self._present(expression)
            case syntax.Binary():
                return self._binary(expression)

    def topic(self, path: str) -> Read:
        """The property that a set's condition asks."""
        found = find_property(path)
        assert isinstance(found, Property), path
        return Read(found.kind, self._slots.slot(found), found)

    def topic_value(self, topic: Read, expression: syntax.Expression) -> str:
        """A value in a set's condition: a text or a bare word."""
        found = self._word(expression)
        if found.kind is not Kind.TEXT or not isinstance(found, Constant):
            _wrong(expression.position, "a set's condition names texts, such as 'XSX'")
        value: str = self._listed(topic, found, expression.position).value
        return value

    def _read(self, name: syntax.Name) -> Read:
        if "." not in name.text:
            if name.text in OBJECTS:
                _wrong(
                    name.position, f"{name.text} is an object: name a property of it, as in {name.text}.id"
                )
            _wrong(
                name.position,
                f"{name.text} is no property: write object.property, or '{name.text}' if a text is meant",
            )
        found = find_property(name.text)
        if isinstance(found, str):
            _wrong(name.position, found)
        return Read(found.kind, self._slots.slot(found), found)

    def _present(self, expression: syntax.Has) -> Present:
        holder, name = expression.holder, expression.name
        if "." in name.text:
            _wrong(
                name.position,
                f"HAS and MISSING stand between an object and a name, as in {holder.text} HAS id",
            )
        found = find_property(f"{holder.text}.{name.text}")
        if isinstance(found, str):
            _wrong(name.position, found)
        return Present(self._slots.slot(found), expression.is_negated)

    def _word(self, expression: syntax.Expression) -> Resolved:
        """A value where a bare word stands for a text."""
        if isinstance(expression, syntax.Name) and "." not in expression.text:
            return Constant(Kind.TEXT, expression.text)
        return self.value(expression)

    def _of_kind(self, expression: syntax.Expression, kind: Kind, what: str) -> Resolved:
        found = self.value(expression)
        if found.kind is not kind:
            _wrong(expression.position, f"{what} is {kind.value}; this is {found.kind.value}")
        return found

    def _junction(self, expression: syntax.Junction) -> Resolved:
        word = f"what {expression.operator.value} joins"
        operands = tuple(self._of_kind(operand, Kind.FLAG, word) for operand in expression.operands)
        return Junction(expression.operator, operands)

    def _binary(self, expression: syntax.Binary) -> Resolved:
        if expression.operator is Operator.XOR:
            left = self._of_kind(expression.left, Kind.FLAG, "what XOR joins")
            right = self._of_kind(expression.right, Kind.FLAG, "what XOR joins")
            return Comparison(Operator.NOT_EQUAL, left, right)
        if expression.operator in (*EQUALITY, *ORDERING):
            return self._comparison(expression)
        what = f"what {expression.operator.value} computes with"
        left = self._of_kind(expression.left, Kind.NUMBER, what)
        right = self._of_kind(expression.right, Kind.NUMBER, what)
        if not (isinstance(left, Constant) and isinstance(right, Constant)):
            return Arithmetic(expression.operator, left, right)
        try:
            with decimal.localcontext(CONTEXT):
                return Constant(Kind.NUMBER, compute(expression.operator)(left.value, right.value))
        except decimal.DecimalException:
            _wrong(expression.position, "this cannot be computed: it divides by zero, or leaves all bounds")

    def _comparison(self, expression: syntax.Binary) -> Resolved:
        left = self.value(expression.left)
        right = self._word(expression.right) if expression.is_shorthand else self.value(expression.right)
        left, right = (
            self._fitting(right, left, expression.left.position),
            self._fitting(left, right, expression.right.position),
        )
        sign = expression.operator.value
        if left.kind is not right.kind:
            _wrong(
                expression.position,
                f"{sign} compares values of one kind; here the left is {left.kind.value}, the right"
                f" {right.kind.value}",
            )
        if expression.operator in ORDERING and left.kind not in (Kind.NUMBER, Kind.TIME):
            _wrong(expression.position, f"{sign} compares numbers and times; this is {left.kind.value}")
        return Comparison(expression.operator, left, right)

    def _membership(self, expression: syntax.Membership) -> Resolved:
        needle = self.value(expression.left)
        if not isinstance(expression.right, syntax.Items):
            text = self.value(expression.right)
            if needle.kind is not Kind.TEXT or text.kind is not Kind.TEXT:
                _wrong(
                    expression.position,
                    f"IN looks for a text in a text, or for a value in a list; here the left is"
                    f" {needle.kind.value}, the right {text.kind.value}",
                )
            return PartOf(needle, text, expression.is_negated)
        constants, others = [], []
        for item in expression.right.items:
            found = self._fitting(needle, self._word(item), item.position)
            if found.kind is not needle.kind:
                _wrong(
                    item.position, f"the list holds {found.kind.value}, and the left is {needle.kind.value}"
                )
            if isinstance(found, Constant):
                constants.append(found.value)
            else:
                others.append(found)
        return OneOf(needle, frozenset(constants), tuple(others), expression.is_negated)

    def _fitting(self, other: Resolved, value: Resolved, position: Position) -> Resolved:
        """A text as what it is compared with wants it: a time, or one of the property's known values."""
        if not isinstance(value, Constant) or value.kind is not Kind.TEXT:
            return value
        if other.kind is Kind.TIME:
            return Constant(Kind.TIME, _time(value.value, position))
        return self._listed(other, value, position) if isinstance(other, Read) else value

    def _listed(self, other: Read, value: Constant, position: Position) -> Constant:
        known = other.source.values
        spellings = other.source.spellings or {}
        text = spellings.get(value.value, value.value)
        if known and text not in known:
            also = f" (or {', '.join(spellings)})" if spellings else ""
            _wrong(position, f"{other.source.path} is {', '.join(known)}{also}, never '{value.value}'")
        return Constant(Kind.TEXT, text)


_KINDS: dict[type, Kind] = {bool: Kind.FLAG, Decimal: Kind.NUMBER, str: Kind.TEXT}


def _time(text: str, position: Position) -> datetime:
    """A date and time of ISO 8601; without a zone it is UTC."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        _wrong(
            position,
            f"expected a time such as '2026-11-21T10:30:00+11:00' (without a zone: UTC), not '{text}'",
        )
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _wrong(position: Position, message: str) -> NoReturn:
    raise Wrong(position, message)
