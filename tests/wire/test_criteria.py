"""The scan language: every form, an evaluator written a second time, and hostile trees."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire import symbol_samples as samples
from tests.wire.symbol_samples import INDEX, OPTION, PLAIN
from zenithd.domain.instrument import Instrument
from zenithd.domain.market_data import DataKind
from zenithd.wire.criteria import (
    CRITERIA_NESTING_MAX,
    CRITERIA_NODES_MAX,
    AssetCriterion,
    parse_criteria,
)
from zenithd.wire.criteria_parameters import InvalidCriteria
from zenithd.wire.criteria_types import ASSET_TYPES
from zenithd.wire.symbol_keys import SymbolKeys


def holds(criteria: Any, instrument: Instrument) -> bool:
    return parse_criteria(criteria).holds(SymbolKeys.of(instrument))


@pytest.mark.parametrize(
    "criteria",
    [
        ["CallOrPut"],
        ["CallOrPut", "Call"],
        ["ExerciseType"],
        ["ExerciseType", "American"],
        ["ExpiryDate"],
        ["ExpiryDate", "2026-06-15"],
        ["ExpiryDate", "2026-06-15", None],
        ["ExpiryDate", None, "2026-06-15"],
        ["ExpiryDate", None, None],
        ["ExpiryDate", "2026-06-01", "2026-06-30"],
        ["ExpiryDate", {"At": "2026-06-15"}],
        ["ExpiryDate", {"Min": "2026-06-15"}],
        ["ExpiryDate", {"Max": "2026-06-15"}],
        ["ExpiryDate", {"Min": "2026-06-01", "Max": "2026-06-30"}],
        ["ExpiryDate", {}],
        ["ContractSize", 100],
        ["ContractSize", 100.0],
        ["ContractSize", "100"],
        ["LotSize", 0.5, 1.5],
        ["Code", "PT"],
        ["Code", "OPT", "FromStart"],
        ["Code", "1", "FromEnd"],
        ["Code", "OPT1", "Exact"],
        ["Code", "opt1", "Exact", True],
        ["Code", "opt", True],
        ["Code", "opt", {"As": "FromStart", "IgnoreCase": True}],
        ["Code", "PT", {"As": "None", "IgnoreCase": False}],
        ["Code", "PT", {}],
        ["Name", "Example", "FromEnd"],
        ["AltCode", "ISIN"],
        ["AltCode", "ISIN", "000"],
        ["AltCode", "ISIN", "au", "FromStart", True],
        ["AltCode", "ISIN", "au", {"As": "FromStart", "IgnoreCase": True}],
        ["Attribute", "Sector", "1234", "Exact"],
        ["Category", "Sharia"],
        ["Category", "Foreign", "Sharia"],
        ["CFI", "OC"],
        ["CFI", "O_A PS"],
        ["Class", "Market"],
        ["Data", "Asset"],
        ["Data", "DepthFull"],
        ["Exchange", "xis"],
        ["Market", "XSY", "xsx"],
        ["TradingMarket", "xsx::a"],
        ["IsIndex", False],
        ["Leg", "XS01"],
        ["All"],
        "All",
        "ExpiryDate",
        ["And", "ExpiryDate", ["CFI", "O"], "CallOrPut"],
        ["And"],
        ["Or", "IsIndex", "ExerciseType"],
        ["Not", "IsIndex"],
        ["Xor", "IsIndex", "CallOrPut"],
        ["Not", ["Xor", "All", "All"]],
    ],
)
def test_what_holds_for_an_option(criteria: Any) -> None:
    assert holds(criteria, OPTION)
    assert not holds(["Not", criteria], OPTION)


@pytest.mark.parametrize(
    "criteria",
    [
        ["CallOrPut", "Put"],
        ["ExpiryDate", "2026-06-16", None],
        ["ExpiryDate", None, "2026-06-14"],
        ["ContractSize", 100.5],
        ["Code", "opt"],
        ["Code", "PT", "FromStart"],
        ["Category", "sharia"],
        ["CFI", "OCASPSX"],
        ["Class", "ManagedFund"],
        ["Data", "Trades"],
        ["Data", "Depth"],
        ["Data", "All"],
        ["Date", "Dividend"],
        ["Date", "Dividend", "2026-01-01", None],
        "IsIndex",
        ["None"],
        ["Or"],
        ["Leg", "xs01"],
        ["AltCode", "RIC"],
        ["AltCode", "RIC", ""],
    ],
)
def test_what_does_not_hold_for_an_option(criteria: Any) -> None:
    assert not holds(criteria, OPTION)


@pytest.mark.parametrize(
    "criteria",
    [["ExpiryDate", None, "9999-12-31"], ["LotSize", 0, None], ["LotSize"], ["Attribute", "X", ""]],
)
def test_a_missing_value_makes_false_and_its_negation_true(criteria: Any) -> None:
    assert not holds(criteria, PLAIN)
    assert holds(["Not", criteria], PLAIN)


def test_index_without_parameter_means_true() -> None:
    assert holds(["IsIndex"], INDEX)
    assert not holds(["IsIndex"], PLAIN)


@pytest.mark.parametrize(
    "criteria",
    [
        None,
        5,
        True,
        {},
        {"Type": "And"},
        [],
        [[]],
        [5],
        [None],
        "",
        "and",
        ["Unknown"],
        ["Not"],
        ["Not", "All", "All"],
        ["Xor", "All"],
        ["Xor", "All", "All", "All"],
        ["All", 1],
        ["Code"],
        ["Code", 5],
        ["Code", "a", "Somewhere"],
        ["Code", "a", 5],
        ["Code", "a", "Exact", "yes"],
        ["Code", "a", "Exact", True, 1],
        ["Code", "a", {"as": "Exact"}],
        ["Code", "a", {"IgnoreCase": 1}],
        ["AltCode"],
        ["AltCode", 5],
        ["Category"],
        ["Category", 5],
        ["LotSize", "x"],
        ["LotSize", True],
        ["LotSize", None],
        ["LotSize", 1, 2, 3],
        ["LotSize", {"At": None}],
        ["LotSize", {"At": 1, "Min": 1}],
        ["LotSize", {"Minimum": 1}],
        ["LotSize", float("nan")],
        ["LotSize", float("inf")],
        ["LotSize", "NaN"],
        ["LotSize", "9" * 5000],
        ["LotSize", 10**100],
        ["LotSize", []],
        ["ExpiryDate", "20260615"],
        ["ExpiryDate", "2026-13-01"],
        ["ExpiryDate", "2026-W01-1"],
        ["ExpiryDate", 20260615],
        ["Date"],
        ["Date", 5],
        ["Date", "Dividend", 5],
        ["CallOrPut", "call"],
        ["CallOrPut", "Call", "Put"],
        ["Class"],
        ["Class", "Equity"],
        ["IsIndex", "true"],
        ["IsIndex", 1],
        ["Data"],
        ["Data", "asset"],
        ["Leg"],
        ["CFI"],
        ["And", ["And", ["And", ["Bad"]]]],
    ],
)
def test_what_is_not_of_the_language_is_refused(criteria: Any) -> None:
    with pytest.raises(InvalidCriteria):
        parse_criteria(criteria)


@pytest.mark.parametrize("kind", sorted(ASSET_TYPES))
def test_criteria_about_prices_and_states_are_told_apart(kind: str) -> None:
    with pytest.raises(AssetCriterion):
        parse_criteria(["And", [kind, 1, 2]])


def nested(depth: int) -> Any:
    tree: Any = ["All"]
    for _ in range(depth - 1):
        tree = ["Not", tree]
    return tree


def test_nesting_is_limited() -> None:
    parse_criteria(nested(CRITERIA_NESTING_MAX))
    for depth in (CRITERIA_NESTING_MAX + 1, 20_000):
        with pytest.raises(InvalidCriteria):
            parse_criteria(nested(depth))


def test_size_is_limited() -> None:
    assert parse_criteria(["Or", *["All"] * (CRITERIA_NODES_MAX - 1)]).nodes == CRITERIA_NODES_MAX
    with pytest.raises(InvalidCriteria):
        parse_criteria(["Or", *["All"] * CRITERIA_NODES_MAX])


# --- a second evaluator, which interprets the tree as it stands -----------------------------------------


def naive(node: Any, one: Instrument) -> bool:
    kind, parameters = (node, []) if isinstance(node, str) else (node[0], node[1:])
    if kind == "And":
        return all(naive(child, one) for child in parameters)
    if kind == "Or":
        return any(naive(child, one) for child in parameters)
    if kind == "Not":
        return not naive(parameters[0], one)
    if kind == "Xor":
        return naive(parameters[0], one) != naive(parameters[1], one)
    if kind in ("AltCode", "Attribute"):
        entries = one.alternates if kind == "AltCode" else one.attributes
        value = entries.get(parameters[0])
        return value is not None and (len(parameters) == 1 or naive_text(value, parameters[1:]))
    if kind in ("Code", "Name"):
        return naive_text(one.code if kind == "Code" else one.name, parameters)
    if kind in ("LotSize", "ContractSize", "ExpiryDate"):
        value = {"LotSize": one.lot_size, "ContractSize": one.contract_size, "ExpiryDate": one.expiry_date}[
            kind
        ]
        return naive_range(value, parameters)
    return naive_single(kind, parameters, one)


def naive_single(kind: str, parameters: list[Any], one: Instrument) -> bool:
    if kind == "CallOrPut":
        value = None if one.call_or_put is None else one.call_or_put.value
        return value == parameters[0] if parameters else value is not None
    if kind == "Category":
        return bool(set(parameters) & set(one.categories))
    if kind == "CFI":
        mask = parameters[0]
        return len(mask) <= len(one.cfi) and all(
            m in " _" or m == c for m, c in zip(mask, one.cfi, strict=False)
        )
    if kind == "IsIndex":
        return one.is_index == (parameters[0] if parameters else True)
    if kind == "Leg":
        return parameters[0] in [leg.code for leg in one.legs or ()]
    if kind == "Exchange":
        return (one.exchange or one.market).casefold() in [value.casefold() for value in parameters]
    if kind == "TradingMarket":
        wanted = {value.casefold() for value in parameters}
        return bool(wanted & {market.casefold() for market in one.trading_markets})
    if kind == "Data":
        kinds = {"Asset": DataKind.ASSET, "Trades": DataKind.TRADES, "DepthShort": DataKind.DEPTH_SHORT}
        return bool(kinds[parameters[0]] & one.subscription_data)
    raise AssertionError(kind)


def naive_text(value: str, parameters: list[Any]) -> bool:
    text, *options = parameters
    placement, ignore_case = "None", False
    for option in options:
        if isinstance(option, dict):
            placement, ignore_case = option.get("As", "None"), option.get("IgnoreCase", False)
        elif isinstance(option, bool):
            ignore_case = option
        else:
            placement = option
    if ignore_case:
        value, text = value.casefold(), text.casefold()
    return {
        "None": text in value,
        "FromStart": value[: len(text)] == text,
        "FromEnd": value[max(0, len(value) - len(text)) :] == text,
        "Exact": value == text,
    }[placement]


def naive_range(value: Any, parameters: list[Any]) -> bool:
    if value is None:
        return False

    def read(given: Any) -> Any:
        return date.fromisoformat(given) if isinstance(value, date) else Decimal(str(given))

    if not parameters:
        return True
    if len(parameters) == 2:
        low, high = parameters
    elif isinstance(parameters[0], dict):
        given = parameters[0]
        low, high = given.get("At", given.get("Min")), given.get("At", given.get("Max"))
    else:
        low = high = parameters[0]
    return (low is None or value >= read(low)) and (high is None or value <= read(high))


placements = st.sampled_from(("None", "FromStart", "FromEnd", "Exact"))
text_parameters = st.one_of(
    st.tuples(samples.texts),
    st.tuples(samples.texts, placements),
    st.tuples(samples.texts, st.booleans()),
    st.tuples(samples.texts, placements, st.booleans()),
    st.tuples(
        samples.texts,
        st.fixed_dictionaries({}, optional={"As": placements, "IgnoreCase": st.booleans()}),
    ),
).map(list)


def range_parameters(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.one_of(
        st.just(()),
        st.tuples(values),
        st.tuples(st.none() | values, st.none() | values),
        st.tuples(st.fixed_dictionaries({"At": values})),
        st.tuples(st.fixed_dictionaries({}, optional={"Min": values, "Max": values})),
    ).map(list)


numbers = st.sampled_from((0, 0.5, 1, 1.5, 100, "1.5"))
dates = st.sampled_from([day.isoformat() for day in samples.DATES])
leaves = st.one_of(
    st.tuples(st.sampled_from(("Code", "Name")), text_parameters).map(lambda pair: [pair[0], *pair[1]]),
    st.tuples(st.sampled_from(("AltCode", "Attribute")), st.sampled_from(samples.KEYS), text_parameters).map(
        lambda given: [given[0], given[1], *given[2]]
    ),
    st.tuples(st.sampled_from(("AltCode", "Attribute")), st.sampled_from(samples.KEYS)).map(list),
    st.tuples(st.sampled_from(("LotSize", "ContractSize")), range_parameters(numbers)).map(
        lambda pair: [pair[0], *pair[1]]
    ),
    range_parameters(dates).map(lambda parameters: ["ExpiryDate", *parameters]),
    st.sampled_from(("CallOrPut", "IsIndex", "ExpiryDate", "LotSize")),
    st.sampled_from(("Call", "Put")).map(lambda value: ["CallOrPut", value]),
    st.booleans().map(lambda value: ["IsIndex", value]),
    st.lists(st.sampled_from(("Foreign", "foreign", "Sharia")), min_size=1).map(lambda v: ["Category", *v]),
    st.sampled_from(("O", "_C", " XXXXX", "ESXXXX", "ESXXXXX", "")).map(lambda mask: ["CFI", mask]),
    st.sampled_from(("a", "Ab", "ab")).map(lambda code: ["Leg", code]),
    st.lists(st.sampled_from(("XSX", "xis", "XSY", "XSX:PM")), min_size=1).map(lambda v: ["Exchange", *v]),
    st.lists(st.sampled_from(("XSX::B", "xsx::a")), min_size=1).map(lambda v: ["TradingMarket", *v]),
    st.sampled_from(("Asset", "Trades", "DepthShort")).map(lambda value: ["Data", value]),
)
trees = st.recursive(
    leaves,
    lambda children: st.one_of(
        st.lists(children, max_size=4).map(lambda nodes: ["And", *nodes]),
        st.lists(children, max_size=4).map(lambda nodes: ["Or", *nodes]),
        children.map(lambda node: ["Not", node]),
        st.tuples(children, children).map(lambda nodes: ["Xor", *nodes]),
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(trees, samples.instruments)
def test_two_evaluators_agree(tree: Any, instrument: Instrument) -> None:
    assert holds(tree, instrument) is naive(tree, instrument)


@settings(max_examples=300, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=5)
        | st.sampled_from(sorted(ASSET_TYPES)),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=20,
    )
)
def test_nothing_but_a_refusal_comes_of_nonsense(data: Any) -> None:
    try:
        parse_criteria(data)
    except InvalidCriteria:
        return
