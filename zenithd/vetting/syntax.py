"""The tree of a rule source as it was written, nothing looked up yet.

Positions are of the first character, those of comparisons and arithmetic of the operator.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from decimal import Decimal

from zenithd.vetting.errors import Position


class Level(enum.IntEnum):
    """How a vetting ends; the higher one wins (platform C.9)."""

    PASS = 0
    AUTH = 1
    FAIL = 2


class Operator(enum.Enum):
    """What stands between two values, in its canonical spelling."""

    EQUAL = "="
    NOT_EQUAL = "<>"
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"
    REMAINDER = "%"
    POWER = "^"
    AND = "AND"
    OR = "OR"
    XOR = "XOR"


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a text in quotes, TRUE or FALSE."""

    position: Position
    value: Decimal | str | bool


@dataclass(frozen=True, slots=True)
class Name:
    """A property (`order.side`), or a bare word that stands for a text (`Bid`)."""

    position: Position
    text: str


@dataclass(frozen=True, slots=True)
class Not:
    """NOT and a condition."""

    position: Position
    operand: Expression


@dataclass(frozen=True, slots=True)
class Negate:
    """A minus sign and a number."""

    position: Position
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """Two values and what stands between them; `position` is that of the operator."""

    position: Position
    operator: Operator
    left: Expression
    right: Expression
    is_shorthand: bool = False
    """True for IS and IS NOT, which take a bare word on the right."""


@dataclass(frozen=True, slots=True)
class Junction:
    """AND or OR of two or more conditions, from left to right."""

    position: Position
    operator: Operator
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Membership:
    """`left IN right`, or NOT IN."""

    position: Position
    left: Expression
    right: Expression | Items
    is_negated: bool


@dataclass(frozen=True, slots=True)
class Items:
    """A list in brackets."""

    position: Position
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """`holder HAS name`, or MISSING."""

    position: Position
    holder: Name
    name: Name
    is_negated: bool


Expression = Literal | Name | Not | Negate | Binary | Junction | Membership | Has


@dataclass(frozen=True, slots=True)
class Outcome:
    """`LEVEL [WITH code] [IF condition]`."""

    position: Position
    level: Level
    code: str
    """Empty without WITH."""
    arguments: tuple[Expression, ...]
    condition: Expression | None


@dataclass(frozen=True, slots=True)
class Run:
    """`RUN IF condition { … } [ELSE { … }]`."""

    position: Position
    condition: Expression
    block: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


Statement = Outcome | Run


@dataclass(frozen=True, slots=True)
class Rule:
    """A named rule of a library."""

    position: Position
    name: str
    library: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class When:
    """One condition of a set: a topic, and the values that it is or is not one of."""

    position: Position
    topic: Name
    values: tuple[Expression, ...]
    is_negated: bool


@dataclass(frozen=True, slots=True)
class Set:
    """A set: when it applies, and the names of the rules that it runs."""

    position: Position
    name: str
    is_shadow: bool
    conditions: tuple[When, ...]
    rules: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole source: named rules, sets, and statements that stand outside of both."""

    rules: tuple[Rule, ...]
    sets: tuple[Set, ...]
    statements: tuple[Statement, ...]
