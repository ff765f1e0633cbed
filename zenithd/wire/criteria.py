"""The scan language (spec zenith-websocket 4.J2) as far as it asks about symbols: parse and evaluate.

A node is `[Type, …parameters]`, or a bare string where it has no parameters. `parse_criteria` turns the
tree into nested closures once; evaluating one symbol is then a call. Depth and size of a tree are limited,
and no text of a peer ever becomes a regular expression. A criterion about a value that the symbol does not
have is false, so that `Not` of it is true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from zenithd.wire.criteria_parameters import InvalidCriteria
from zenithd.wire.criteria_types import ASSET_TYPES, SYMBOL_TYPES
from zenithd.wire.symbol_keys import Predicate

CRITERIA_NESTING_MAX = 32
"""Deepest nesting of nodes."""

CRITERIA_NODES_MAX = 300
"""Most nodes of one tree: parsing does not give way, and evaluating is bounded by nodes times symbols."""


class AssetCriterion(InvalidCriteria):
    """A criterion about prices and states, which only scans evaluate, not searches for symbols."""


class Criteria(msgspec.Struct, frozen=True):
    """A parsed tree."""

    holds: Predicate
    nodes: int
    """Size of the tree: what evaluating one symbol costs at most."""


def parse_criteria(data: Any) -> Criteria:
    """Parse the tree that a peer sent.

    Raises:
        AssetCriterion: it asks about more than symbols.
        InvalidCriteria: unknown type, wrong parameters, too deep or too large.
    """
    parser = _Parser()
    predicate = parser.parse(data, depth=1)
    return Criteria(predicate, parser.nodes)


class _Parser:
    """Walks one tree and counts its nodes."""

    def __init__(self) -> None:
        self.nodes = 0

    def parse(self, node: Any, depth: int) -> Predicate:
        self.nodes += 1
        if depth > CRITERIA_NESTING_MAX:
            raise InvalidCriteria("nested too deeply")
        if self.nodes > CRITERIA_NODES_MAX:
            raise InvalidCriteria("too many nodes")
        kind, parameters = _take_apart(node)
        combine = _LOGICAL.get(kind)
        if combine is not None:
            _check_children(kind, len(parameters))
            return combine([self.parse(child, depth + 1) for child in parameters])
        build = SYMBOL_TYPES.get(kind)
        if build is not None:
            return build(parameters)
        if kind in ASSET_TYPES:
            raise AssetCriterion(f"{kind} is not about symbols")
        raise InvalidCriteria(f"unknown type {kind[:40]!r}")


def _take_apart(node: Any) -> tuple[str, Sequence[Any]]:
    if isinstance(node, str):
        return node, ()
    if isinstance(node, list | tuple) and node and isinstance(node[0], str):
        return node[0], node[1:]
    raise InvalidCriteria("a node is a list that begins with its type")


def _check_children(kind: str, children: int) -> None:
    if kind == "Not" and children != 1:
        raise InvalidCriteria("Not has exactly one child")
    if kind == "Xor" and children != 2:
        raise InvalidCriteria("Xor has exactly two children")


def _both(children: list[Predicate]) -> Predicate:
    return lambda keys: all(child(keys) for child in children)


def _either(children: list[Predicate]) -> Predicate:
    return lambda keys: any(child(keys) for child in children)


def _not(children: list[Predicate]) -> Predicate:
    (child,) = children
    return lambda keys: not child(keys)


def _one_of_two(children: list[Predicate]) -> Predicate:
    first, second = children
    return lambda keys: first(keys) is not second(keys)


_LOGICAL: Final[Mapping[str, Callable[[list[Predicate]], Predicate]]] = {
    "And": _both,
    "Or": _either,
    "Not": _not,
    "Xor": _one_of_two,
}
