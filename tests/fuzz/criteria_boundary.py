"""The scan language: trees of criteria become bounded predicates, or are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.fuzz import draw as d
from tests.fuzz.boundary import Boundary
from tests.fuzz.draw import Draw
from tests.wire.symbol_samples import INDEX, OPTION, PLAIN
from tests.wire.test_criteria import naive
from zenithd.wire.criteria import CRITERIA_NESTING_MAX, CRITERIA_NODES_MAX, Criteria, parse_criteria
from zenithd.wire.criteria_parameters import InvalidCriteria
from zenithd.wire.criteria_types import ASSET_TYPES, DATA_KINDS, SYMBOL_TYPES
from zenithd.wire.symbol_keys import SymbolKeys

SYMBOLS = [SymbolKeys.of(one) for one in (OPTION, PLAIN, INDEX)]

LOOKS_PER_COMPARISON_MAX = 12
"""Values of a symbol that one comparison may look at: four fields, each plain or folded."""


class Counting:
    """A symbol that counts how often anything of it is looked at."""

    def __init__(self, keys: SymbolKeys) -> None:
        self.keys = keys
        self.looks = 0

    def __getattr__(self, name: str) -> Any:
        self.looks += 1
        return getattr(self.keys, name)


TEXTS = ("a", "OPT", "opt1", "Example", "1", "", "ISIN", "AU000000OPT1", "Straße", "STRASSE", "İ")
NAMES = ("ISIN", "RIC", "Sector", "Dividend", "")
PLACEMENTS = ("None", "FromStart", "FromEnd", "Exact", "fromstart", None)
DATES = (
    "2026-06-15",
    "2026-06-01",
    "9999-12-31",
    "0001-01-01",
    "2026-W01-1",
    "20260615",
    "2026-6-15",
    "2026-02-30",
)
NUMBERS = (
    0,
    1,
    100,
    42.05,
    "100",
    "1e999",
    "1e400",
    "-0",
    "nan",
    "sNaN",
    "inf",
    " 1 ",
    "1_0",
    10**39,
    2**128,
    1e308,
)
CRITERIA_TYPES = (*SYMBOL_TYPES, *("And", "Or", "Not", "Xor") * 6)


def criteria(draw: Draw, depth: int = 1) -> Any:
    """A tree of the scan language."""
    kind = draw.choice(CRITERIA_TYPES if depth < 5 else tuple(SYMBOL_TYPES))
    if kind in ("And", "Or", "Not", "Xor"):
        count = {"Not": 1, "Xor": 2}.get(kind, draw.randrange(4))
        return [kind, *(criteria(draw, depth + 1) for _ in range(count))]
    parameters = _parameters(draw, kind)
    return kind if not parameters and draw.random() < 0.5 else [kind, *parameters]


def _parameters(draw: Draw, kind: str) -> list[Any]:
    if kind in ("Code", "Name"):
        return _text_parameters(draw)
    if kind in ("AltCode", "Attribute"):
        return [draw.choice(NAMES), *(_text_parameters(draw) if draw.random() < 0.7 else ())]
    if kind in ("LotSize", "ContractSize"):
        return _range_parameters(draw, NUMBERS)
    if kind == "ExpiryDate":
        return _range_parameters(draw, DATES)
    if kind == "Date":
        return [draw.choice(NAMES), *_range_parameters(draw, DATES)]
    if kind in ("All", "None"):
        return []
    values = SINGLES[kind]
    if kind in ("CallOrPut", "ExerciseType", "IsIndex") and draw.random() < 0.3:
        return []
    if kind in ("Category", "Exchange", "Market", "TradingMarket"):
        return [draw.choice(values) for _ in range(draw.choice((1, 1, 2, 3, 300, 1001)))]
    return [draw.choice(values)]


SINGLES: dict[str, tuple[Any, ...]] = {
    "CallOrPut": ("Call", "Put", "call"),
    "ExerciseType": ("American", "European", "?"),
    "Class": ("Market", "ManagedFund", "x"),
    "Category": ("Sharia", "Foreign", ""),
    "CFI": ("O", "OC", "_C", "O A", "ESXXXX", "ESXXXXX", ""),
    "Data": (*DATA_KINDS, "asset"),
    "Exchange": ("XSX", "xis", "ß"),
    "Market": ("XSX", "xsy", "XSX:PM"),
    "TradingMarket": ("XSX::A", "xsx::a"),
    "IsIndex": (True, False, 1, "true"),
    "Leg": ("XS01", ""),
}


def _text_parameters(draw: Draw) -> list[Any]:
    text = draw.choice(TEXTS)
    match draw.randrange(5):
        case 0:
            return [text]
        case 1:
            return [text, draw.choice((*PLACEMENTS, True, False))]
        case 2:
            return [text, draw.choice(PLACEMENTS), draw.choice((True, False, None))]
        case 3:
            return [text, {"As": draw.choice(PLACEMENTS), "IgnoreCase": draw.choice((True, False, None))}]
        case _:
            return [text, {draw.choice(("As", "IgnoreCase", "Other")): draw.choice((True, "Exact"))}]


def _range_parameters(draw: Draw, values: Sequence[Any]) -> list[Any]:
    one, other = draw.choice((*values, None)), draw.choice((*values, None))
    return draw.choice(
        ([], [one], [one, other], [{"At": one}], [{"Min": one, "Max": other}], [{"Max": one}], [{}])
    )


SIZES = (*range(CRITERIA_NODES_MAX - 3, CRITERIA_NODES_MAX + 3), 5 * CRITERIA_NODES_MAX)


def any_tree(draw: Draw) -> Any:
    """Trees of the language, damaged ones, and ones that are too much."""
    match draw.randrange(60):
        case 0:
            return [draw.choice(("And", "Or")), *[criteria(draw)] * draw.choice(SIZES)]
        case 1 | 2:
            tree = criteria(draw)
            for _ in range(draw.randrange(CRITERIA_NESTING_MAX - 5, CRITERIA_NESTING_MAX + 3)):
                tree = [draw.choice(("Not", "And", "Or")), tree]
            return tree
        case 3:
            return ["Or", *[["And", *[criteria(draw, 5)] * 9]] * draw.choice([size // 10 for size in SIZES])]
        case 4 | 5 | 6:
            return d.value(draw, (*CRITERIA_TYPES, *sorted(ASSET_TYPES)), NAMES)
        case 7:
            return [draw.choice(sorted(ASSET_TYPES)), 1, 2]
        case pick if pick < 28:
            return d.damage_value(draw, criteria(draw))
        case _:
            return criteria(draw)


class CriteriaBoundary(Boundary):
    """`parse_criteria` and what it makes: bounded; a boolean for every symbol, as a second evaluator has."""

    name = "criteria"
    reaches = frozenset({"parsed", "refused"})

    def make(self, draw: Draw) -> Any:
        return any_tree(draw)

    def check(self, given: Any) -> str:
        try:
            parsed = parse_criteria(given)
        except InvalidCriteria as refusal:
            assert len(str(refusal)) < 500
            return "refused"
        assert 1 <= parsed.nodes <= CRITERIA_NODES_MAX
        negated = self._negated(given, parsed)
        for keys in SYMBOLS:
            self._evaluate(given, parsed, negated, keys)
        return "parsed"

    @staticmethod
    def _negated(given: Any, parsed: Criteria) -> Criteria | None:
        try:
            return parse_criteria(["Not", given])
        except InvalidCriteria:
            assert parsed.nodes == CRITERIA_NODES_MAX or _depth(given) == CRITERIA_NESTING_MAX
            return None

    @staticmethod
    def _evaluate(given: Any, parsed: Criteria, negated: Criteria | None, keys: SymbolKeys) -> None:
        counting = Counting(keys)
        holds = parsed.holds(counting)  # type: ignore[arg-type]
        assert isinstance(holds, bool)
        assert counting.looks <= LOOKS_PER_COMPARISON_MAX * parsed.nodes
        assert negated is None or negated.holds(keys) is not holds
        try:
            expected = naive(given, keys.instrument)
        except (KeyError, AssertionError):
            return  # a form that the second evaluator does not know
        assert holds is expected


def _depth(tree: Any) -> int:
    return 1 + max(map(_depth, tree[1:]), default=0) if isinstance(tree, list) and tree[0] in LOGICAL else 1


LOGICAL = ("And", "Or", "Not", "Xor")


BOUNDARIES: list[type[Boundary]] = [CriteriaBoundary]
