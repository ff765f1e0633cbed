"""Libraries, sets, shadow sets; explanations, records, replays; what generated code may be."""

from __future__ import annotations

import re
from types import FunctionType

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.vetting.lib_facts import FACTS, STOCK, details, facts, rules
from zenithd.vetting import (
    AccountFacts,
    InvalidRules,
    Level,
    OrderFacts,
    Outcome,
    Past,
    RequestFacts,
    Source,
    SymbolFacts,
    decode_facts,
    encode_facts,
    explain,
    known,
    load,
    replay,
)

LIBRARY = """LIBRARY Site { RULE Site.Ask { FAIL WITH No.Asks IF order.side is Ask }
RULE Site.All { AUTH WITH All } }"""


def codes(conditions: str, **changes: object) -> tuple[str, ...]:
    return rules(f"{LIBRARY} SET A {{ {conditions} USE Site.All }}").vet(facts(**changes)).codes


ACCOUNT = AccountFacts("XS:0002", advisor="A1", branch="Sydney", broker="B9")


@pytest.mark.parametrize(
    "condition",
    ["user is demo", "user in [demo, other]", "account is 'XS:0002'", "advisor is A1", "branch is not Perth",
     "broker in ['B8', 'B9']", "market is 'XSX::XSX'", "market not in [a, b]", "type is Limit",
     "type is not Market"],
)  # fmt: skip
def test_conditions_of_sets(condition: str) -> None:
    assert codes(f"WHEN {condition}", account=ACCOUNT) == ("All",)
    other = condition.replace(" is not ", " ~ ").replace(" not in ", " ! ")
    other = (
        other.replace(" is ", " is not ")
        .replace(" in ", " not in ")
        .replace(" ~ ", " is ")
        .replace(" ! ", " in ")
    )
    assert codes(f"WHEN {other}", account=ACCOUNT) == ()
    assert codes(f"WHEN {condition} WHEN {other}", account=ACCOUNT) == ()


def test_a_topic_without_value_is_none_of_the_values() -> None:
    assert codes("WHEN advisor is A1") == ()
    assert codes("WHEN advisor is not A1") == ("All",)


def test_rules_of_all_sources_can_be_used() -> None:
    first = Source("first", "SET First { USE Site.Ask USE Stock.Limits }")
    compiled = load([first, Source("second", LIBRARY), STOCK], without_sets_of=(STOCK.name,))
    assert [one.name for one in compiled.sets] == ["First"]
    asked = facts(order=OrderFacts("Ask", "Limit"), details=details("201"), holding=None)
    assert compiled.vet(asked).codes == ("No.Asks", "OrderPrice.Exceed 200")


def test_several_sets_and_loose_statements_are_one_vetting() -> None:
    compiled = rules(f"{LIBRARY} SET A {{ USE Site.All }} AUTH WITH Loose SET B {{ USE Site.All }}")
    verdict = compiled.vet(facts())
    assert [finding.set_name for finding in verdict.findings] == ["A", "B", "test.vortex:statements"]
    assert verdict.codes == ("All", "Loose")
    assert str(verdict.findings[0].place) == "test.vortex:2 (Site.All)"


def test_shadow_sets_only_record() -> None:
    compiled = rules(
        f"{LIBRARY} SHADOW SET Try {{ WHEN user is demo USE Site.All }} FAIL WITH Real IF order.value > 1"
    )
    verdict = compiled.vet(facts())
    assert (verdict.level, verdict.codes) == (Level.PASS, ())
    assert [(one.set_name, one.level, one.findings[0].text) for one in verdict.shadows] == [
        ("Try", Level.AUTH, "All")
    ]
    assert compiled.vet(facts(user=replace(FACTS.user, id="x"))).shadows == ()


def test_an_explanation_names_every_statement_and_what_it_read() -> None:
    text = """RUN IF order.side is Bid {
  FAIL WITH [High, 1] IF details.price > 5 and market.last > 5
  AUTH IF order has limit or order.limit > 5
} ELSE { PASS }
RUN IF details.price > 500 { FAIL }
LIBRARY L { RULE Ask { PASS WITH Ask } } SET OfOthers { WHEN user is other USE Ask }"""
    compiled = rules(text)
    explanation = explain(compiled, facts())
    assert explanation.verdict == compiled.vet(facts())
    assert explanation.skipped == ("OfOthers",)
    found = [
        (one.step.place.position.line, one.depth, one.outcome, one.finding and one.finding.text)
        for one in explanation.statements
    ]
    assert found == [
        (1, 0, Outcome.RAN_BLOCK, None),
        (2, 1, Outcome.MATCHED, "High 1"),
        (3, 1, Outcome.FAULT, "Vetting.Missing order.limit"),
        (5, 0, Outcome.RAN_NOTHING, None),
    ]
    assert [
        {path: value if value is None else str(value) for path, value in one.read.items()}
        for one in explanation.statements
    ] == [
        {"order.side": "Bid"},
        {"details.price": "10", "market.last": "10"},
        {"order.limit": None},
        {"details.price": "10"},
    ]


def test_facts_are_kept_as_they_were() -> None:
    for one in (
        facts(),
        facts(details=None, holding=None, account=None),
        facts(symbol=SymbolFacts("1", "2", "3")),
    ):
        again = decode_facts(encode_facts(one))
        assert encode_facts(again) == encode_facts(one)
        assert (again.request, again.user, again.order) == (one.request, one.user, one.order)
        assert (again.details, again.account(), again.balance()) == (
            one.details,
            one.account(),
            one.balance(),
        )
        assert (again.holding(), again.symbol(), again.market()) == (
            one.holding(),
            one.symbol(),
            one.market(),
        )


def test_facts_of_an_older_and_of_a_newer_version() -> None:
    objects = msgspec.msgpack.decode(encode_facts(facts()))
    older = [objects[0], objects[1], objects[2][:3]]
    assert decode_facts(msgspec.msgpack.encode(older)).order == OrderFacts("Bid", "Limit")
    for wrong, said in (
        ([*objects, []], "facts of a newer version"),
        ([objects[0], [*objects[1], 1], *objects[2:]], "user of a newer version"),
        ([*objects[:2], None, *objects[3:]], "facts without order"),
        ([*objects[:2], ["Bid", "Limit", "ten"]], "order cannot be read"),
        ([*objects[:2], []], "order cannot be read"),
        (7, "no facts"),
    ):
        with pytest.raises(ValueError, match=said):
            decode_facts(msgspec.msgpack.encode(wrong))


def test_a_replay_tells_what_would_have_been_otherwise() -> None:
    compiled = rules(
        "FAIL WITH [Much, details.quantity] IF details.quantity > 100 AUTH WITH Some IF details.quantity > 50"
    )
    past = [
        Past(number, facts(details=details(quantity=quantity)), level, was)
        for number, (quantity, level, was) in enumerate(
            [
                (10, Level.PASS, ()),
                (60, Level.PASS, ()),
                (200, Level.FAIL, ("Much 200",)),
                (300, Level.FAIL, ("Old",)),
            ]
        )
    ]
    report = replay(compiled, past)
    assert (report.requests, report.recoded) == (4, 1)
    assert report.changed == {(Level.PASS, Level.AUTH): 1}
    assert report.codes == {"Some": 1, "Much": 2}
    assert [(one.position, one.before, one.verdict.codes) for one in report.differences] == [
        (1, Level.PASS, ("Some",)),
        (3, Level.FAIL, ("Much 300",)),
    ]
    assert report.differences[0].account_id == "XS:0001"


# What generated code may be


ALLOWED = re.compile(r"(find|resolve|negate|FAULTS|Hit|fault|loader|values|append|[kmnpt]\d+)\Z")
NAMES = st.sampled_from(
    [
        "__import__",
        "os.system",
        "__class__",
        "exec",
        "k1",
        "__builtins__",
        "x'); import os #",
        "a\\nb",
        "}{",
        "\x00",
    ]
)


@given(st.lists(NAMES, min_size=1, max_size=3), st.text(max_size=20))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_nothing_of_a_rule_becomes_a_name_or_a_constant_of_code(words: list[str], text: str) -> None:
    quoted = ", ".join(
        "'" + word.replace("'", "''") + "'" for word in [*words, text.replace("\n", "").replace("\r", "")]
    )
    rule = f"FAIL WITH [Code, {quoted}] IF symbol.code in [{quoted}] or 12345.678 > 1"
    odd = f"{rule} or symbol.attributes has {words[0]}"
    try:
        compiled = rules(odd)
    except InvalidRules:
        compiled = rules(rule)
    for _, run in compiled._runs:
        assert isinstance(run, FunctionType)
        assert run.__globals__["__builtins__"] == {}
        code = run.__code__
        for name in (*code.co_names, *code.co_varnames, *code.co_freevars):
            assert ALLOWED.match(name), name
        for constant in code.co_consts:
            assert constant in (None, True, False, ()) or (type(constant) is int and constant < 100), constant
    assert compiled.vet(facts()).level is Level.FAIL


def test_every_request_type_goes_through_the_stock_rules() -> None:
    for kind in ("Place", "Amend", "Cancel", "Move"):
        request = RequestFacts("R", kind, FACTS.request.time)
        one = replace(FACTS, request=request, account=known(None))
        assert load([STOCK]).vet(one).level is Level.PASS
