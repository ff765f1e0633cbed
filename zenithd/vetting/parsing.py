"""From the text of a rule source to its tree; the first mistake ends it, told in people's words.

lark's LALR parser needs no recursion; this module's own is bounded by `VettingLimits.depth_max`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, NoReturn

import lark

from zenithd.vetting.errors import InvalidRules, Position, Problem, Source
from zenithd.vetting.grammar import GRAMMAR, GROUPS, WORDS
from zenithd.vetting.limits import VettingLimits
from zenithd.vetting.syntax import (
    Binary,
    Document,
    Expression,
    Has,
    Items,
    Junction,
    Level,
    Literal,
    Membership,
    Name,
    Negate,
    Not,
    Operator,
    Outcome,
    Rule,
    Run,
    Set,
    Statement,
    When,
)

DIGITS_MAX = 34
"""Of a number: more could not be computed with exactly (the arithmetic is IEEE 754's decimal128)."""

SHOWN_MAX = 40
"""Characters of what was found that an error repeats."""

Tree = Any
"""lark's trees are not typed: a `lark.Tree`."""

_AFTER_IS = re.compile(r"\bis\s*\Z", re.IGNORECASE)
_SPELLINGS = {"!=": Operator.NOT_EQUAL}


def parse(source: Source, limits: VettingLimits) -> Document:
    """The tree of a source.

    Raises:
        InvalidRules: with the first mistake.
    """
    if len(source.text) > limits.text_characters_max:
        message = (
            f"a rule file has at most {limits.text_characters_max:,} characters, this one"
            f" {len(source.text):,}; raise vetting.text_characters_max or split the file"
        )
        raise InvalidRules((source.problem(Position(1, 1), message),))
    try:
        tree = _parser().parse(source.text)
    except lark.exceptions.UnexpectedInput as error:
        raise InvalidRules((_syntax_problem(source, error),)) from None
    return _Reading(source, limits).document(tree)


@functools.cache
def _parser() -> Any:  # what we call of lark's parser has no types
    return lark.Lark(GRAMMAR, parser="lalr", lexer="contextual", g_regex_flags=re.ASCII)


def _syntax_problem(source: Source, error: Any) -> Problem:
    """The error of lark as a sentence: what was expected and what was found."""
    if isinstance(error, lark.exceptions.UnexpectedToken) and error.token.type == "$END":
        accepted = _accepted(source.text, len(source.text))
        lines = source.text.split("\n")
        position = Position(len(lines), len(lines[-1]) + 1)
        return source.problem(position, f"expected {expectation(accepted)}; found {WORDS['$END']}")
    position = Position(error.line, error.column)
    accepted = _accepted(source.text, error.pos_in_stream)
    rest = source.text[error.pos_in_stream :]
    if rest.startswith("'"):
        return source.problem(position, "a text in single quotes ends with ' on the same line; it does not")
    matched = re.match(r"[\w.]+|.", rest)
    shown = matched.group() if matched else rest[:1]
    if len(shown) > SHOWN_MAX:
        shown = shown[:SHOWN_MAX] + "…"
    return source.problem(position, f"expected {expectation(accepted)}; found {shown}")


def _accepted(text: str, wrong_at: int) -> set[str]:
    """The terminals that could stand where the text goes wrong.

    lark's own answer comes after it has put together what the wrong token ended, and leaves out what could
    have gone on; so the text is read again up to there.
    """
    reader = _parser().parse_interactive(text)
    tokens = reader.lexer_thread.lex(reader.parser_state)
    try:
        for token in tokens:
            if token.start_pos >= wrong_at:
                break
            reader.feed_token(token)
    except lark.exceptions.UnexpectedInput:
        pass  # no token at all, or one that the parser cannot use: the text is wrong here
    accepted: set[str] = reader.accepts()
    if _AFTER_IS.search(text[:wrong_at]):
        accepted = {"IS NOT" if one == "NOT" else one for one in accepted}  # no condition can stand here
    return accepted


def expectation(terminals: Iterable[str]) -> str:
    """What could have stood there, in people's words: `IF, a property or }`."""
    left = set(terminals) - {"COMMENT", "__IGNORE_0"}
    words = []
    for group, word in GROUPS:
        if group <= left:
            left -= group
            words.append(word)
    words += sorted(WORDS.get(terminal, terminal) for terminal in left)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


class _Reading:
    """Builds our tree from lark's, with every limit held."""

    def __init__(self, source: Source, limits: VettingLimits) -> None:
        self._source = source
        self._limits = limits
        self._statements = 0

    def document(self, tree: Tree) -> Document:
        rules: list[Rule] = []
        sets: list[Set] = []
        statements: list[Statement] = []
        for item in tree.children:
            if item.data == "library":
                rules += self._library(item)
            elif item.data == "rule_set":
                sets.append(self._set(item))
            else:
                statements.append(self._statement(item, 1))
        return Document(tuple(rules), tuple(sets), tuple(statements))

    def _library(self, tree: Tree) -> Iterable[Rule]:
        _, label, *rules = tree.children
        for rule in rules:
            _, name, block = rule.children
            yield Rule(_position(name), str(name), str(label), self._block(block, 1))

    def _set(self, tree: Tree) -> Set:
        shadow, _, label, *items = tree.children
        conditions = tuple(self._when(item) for item in items if item.data != "use")
        rules = tuple(_name(item.children[1]) for item in items if item.data == "use")
        return Set(_position(label), str(label), shadow is not None, conditions, rules)

    def _when(self, tree: Tree) -> When:
        topic, last = tree.children[1], tree.children[-1]
        if tree.data in ("when_in", "when_not_in"):
            values = self._items(last, 1).items
        else:
            values = (self._expression(last, 1),)
        return When(_position(topic), _name(topic), values, tree.data in ("when_is_not", "when_not_in"))

    def _block(self, tree: Tree, depth: int) -> tuple[Statement, ...]:
        return tuple(self._statement(child, depth) for child in tree.children)

    def _statement(self, tree: Tree, depth: int) -> Statement:
        first = _position(tree.children[0])
        self._statements += 1
        if self._statements > self._limits.statements_max:
            self._refuse(
                first,
                f"a rule file has at most {self._limits.statements_max:,} statements; raise"
                " vetting.statements_max or split the file",
            )
        if tree.data == "run":
            self._check_depth(first, depth)
            _, _, condition, block, _, otherwise = tree.children
            return Run(
                first,
                self._expression(condition, depth),
                self._block(block, depth + 1),
                () if otherwise is None else self._block(otherwise, depth + 1),
            )
        level, _, result, _, condition = tree.children
        code, *arguments = result.children if result is not None else ("",)
        return Outcome(
            first,
            Level[level.type],
            str(code),
            tuple(self._expression(argument, depth) for argument in arguments),
            None if condition is None else self._expression(condition, depth),
        )

    def _items(self, tree: Tree, depth: int) -> Items:
        position = _position(tree)
        if len(tree.children) > self._limits.list_items_max:
            self._refuse(
                position,
                f"a list has at most {self._limits.list_items_max:,} items, this one"
                f" {len(tree.children):,}; raise vetting.list_items_max",
            )
        return Items(position, tuple(self._expression(child, depth + 1) for child in tree.children))

    def _expression(self, tree: Tree, depth: int) -> Expression:
        position = _position(tree)
        self._check_depth(position, depth)
        return _BUILDERS[tree.data](self, tree, position, depth + 1)

    def _literal(self, tree: Tree, position: Position, depth: int) -> Expression:
        token = tree.children[0]
        if token.type == "STRING":
            return Literal(position, token[1:-1].replace("''", "'"))
        if token.type == "NUMBER":
            if len(token.replace(".", "").lstrip("0")) > DIGITS_MAX:
                self._refuse(position, f"a number has at most {DIGITS_MAX} digits")
            return Literal(position, Decimal(token))
        return Literal(position, token.type == "TRUE")

    def _property(self, tree: Tree, position: Position, depth: int) -> Expression:
        return _name(tree.children[0])

    def _negation(self, tree: Tree, position: Position, depth: int) -> Expression:
        operand = self._expression(tree.children[-1], depth)
        return Not(position, operand) if tree.data == "negation" else Negate(position, operand)

    def _junction(self, tree: Tree, position: Position, depth: int) -> Expression:
        sign = tree.children[1]
        operands = tuple(self._expression(child, depth) for child in tree.children[::2])
        return Junction(_position(sign), Operator[sign.type], operands)

    def _binary(self, tree: Tree, position: Position, depth: int) -> Expression:
        left, sign, *_, right = tree.children
        is_shorthand = sign.type == "IS"
        if is_shorthand:
            operator = Operator.EQUAL if tree.data == "is_equal" else Operator.NOT_EQUAL
        elif sign.type == "XOR":
            operator = Operator.XOR
        else:
            operator = _SPELLINGS.get(str(sign)) or Operator(str(sign))
        return Binary(
            _position(sign),
            operator,
            self._expression(left, depth),
            self._expression(right, depth),
            is_shorthand,
        )

    def _membership(self, tree: Tree, position: Position, depth: int) -> Expression:
        left, right = tree.children[0], tree.children[-1]
        values = self._items(right, depth) if right.data == "items" else self._expression(right, depth)
        return Membership(
            _position(tree.children[1]), self._expression(left, depth), values, tree.data == "is_not_in"
        )

    def _has(self, tree: Tree, position: Position, depth: int) -> Expression:
        holder, sign, name = tree.children
        return Has(_position(holder), _name(holder), _name(name), sign.type == "MISSING")

    def _check_depth(self, position: Position, depth: int) -> None:
        if depth > self._limits.depth_max:
            self._refuse(
                position,
                f"blocks and expressions lie at most {self._limits.depth_max} deep inside each other; raise"
                " vetting.depth_max or write it flatter",
            )

    def _refuse(self, position: Position, message: str) -> NoReturn:
        raise InvalidRules((self._source.problem(position, message),))


_Builder = Callable[[_Reading, Tree, Position, int], Expression]

_BUILDERS: dict[str, _Builder] = {
    "number": _Reading._literal,
    "text": _Reading._literal,
    "flag": _Reading._literal,
    "name": _Reading._property,
    "negation": _Reading._negation,
    "negate": _Reading._negation,
    "either": _Reading._junction,
    "all": _Reading._junction,
    "exclusive": _Reading._binary,
    "comparison": _Reading._binary,
    "is_equal": _Reading._binary,
    "is_not_equal": _Reading._binary,
    "sum": _Reading._binary,
    "product": _Reading._binary,
    "power": _Reading._binary,
    "is_in": _Reading._membership,
    "is_not_in": _Reading._membership,
    "has": _Reading._has,
    "missing": _Reading._has,
}
"""By the name of a rule of the grammar."""


def _position(tree: Tree) -> Position:
    """Where the first token of a tree stands."""
    while isinstance(tree, lark.Tree):
        tree = next(child for child in tree.children if child is not None)
    return Position(tree.line, tree.column)


def _name(token: Any) -> Name:
    return Name(_position(token), str(token))
