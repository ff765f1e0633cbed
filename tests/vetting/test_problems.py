"""What a rule writer reads: line, column, what was expected; and the limits."""

from __future__ import annotations

import pytest

from tests.vetting.lib_facts import STOCK, facts, rules
from zenithd.vetting import InvalidRules, Level, Problem, Source, VettingLimits, load


def problems(text: str, limits: VettingLimits | None = None) -> tuple[Problem, ...]:
    with pytest.raises(InvalidRules) as caught:
        load([STOCK, Source("test.vortex", text)], limits)
    return caught.value.problems


CASES = [
    ("FAIL IF", 1, 8, "expected a condition; found the end of the file"),
    ("FAIL IF order.side IS", 1, 22, "expected a value or NOT; found the end of the file"),
    ("FAIL WITH IF true", 1, 11, "expected [ or a result code"),
    ("FAIL WITH 5 IF true", 1, 11, "letters, digits and periods, such as OrderValue.Exceed); found 5"),
    ("RUN IF true FAIL", 1, 13, "AND, OR or XOR"),
    ("RUN IF true FAIL", 1, 13, "or {; found FAIL"),
    ("RUN IF true {\n  FAIL\n", 3, 1, "expected a statement (PASS, AUTH, FAIL or RUN), IF, WITH or }"),
    ("\n\n  BLOCK", 3, 3, "expected a statement (PASS, AUTH, FAIL or RUN), LIBRARY or SET"),
    ("FAIL IF 1 < 2 < 3", 1, 15, "found <"),
    ("FAIL IF 2 ^ 2 ^ 2 > 1", 1, 15, "found ^"),
    ("FAIL IF true OR true XOR true", 1, 22, "found XOR"),
    ("FAIL IF order.side is 'Bid", 1, 23, "ends with ' on the same line"),
    ("FAIL IF order.side is §", 1, 23, "found §"),
    ("FAIL IF order.value in []", 1, 25, "expected a value; found ]"),
    ("FAIL IF 1.2.3 > 1", 1, 9, "found 1.2.3"),
    ("FAIL IF " + "1" * 35 + " > 1", 1, 9, "a number has at most 34 digits"),
    ("SET A { FAIL }", 1, 9, "expected USE, WHEN or }; found FAIL"),
    ("LIBRARY A { FAIL }", 1, 13, "expected RULE or }; found FAIL"),
    ("FAIL IF order.sid is Bid", 1, 9, "there is no property order.sid; did you mean order.side?"),
    ("FAIL IF balance.Currency is AUD", 1, 9, "case-sensitive: write balance.currency"),
    ("FAIL IF balance.zzz > 5", 1, 9, "balance has amount, currency, trading"),
    ("FAIL IF wallet.id is x", 1, 9, "the objects are account, balance, details"),
    ("FAIL IF limit > 5", 1, 9, "limit is no property: write object.property, or 'limit'"),
    ("FAIL IF balance > 5", 1, 9, "balance is an object"),
    ("FAIL IF account has activ", 1, 21, "did you mean account.active?"),
    ("FAIL IF account has account.id", 1, 21, "HAS and MISSING stand between an object and a name"),
    ("FAIL IF order.side is bid", 1, 23, "order.side is Bid, Ask (or Buy, Sell), never 'bid'"),
    (
        "FAIL IF 'limit' = details.type",
        1,
        9,
        "details.type is Limit, Best, Market, MarketToLimit, never 'limit'",
    ),
    ("FAIL IF request.type in [Place, Amended]", 1, 33, "never 'Amended'"),
    ("FAIL IF order.side > 5", 1, 20, "here the left is a text, the right a number"),
    ("FAIL IF symbol.code > account.id", 1, 21, "> compares numbers and times; this is a text"),
    ("FAIL IF account.active > true", 1, 24, "> compares numbers and times; this is true or false"),
    ("FAIL IF balance.amount", 1, 9, "a condition is true or false; this is a number"),
    ("FAIL IF true and balance.amount", 1, 18, "what AND joins is true or false; this is a number"),
    ("FAIL IF not order.side", 1, 13, "what NOT turns round is true or false; this is a text"),
    ("FAIL IF -order.side is x", 1, 10, "what a minus sign stands before is a number; this is a text"),
    ("FAIL IF order.side + 1 > 2", 1, 9, "what + computes with is a number; this is a text"),
    ("FAIL IF order.value in ['a']", 1, 25, "the list holds a text, and the left is a number"),
    ("FAIL IF order.value in balance.currency", 1, 21, "IN looks for a text in a text"),
    ("FAIL IF balance.amount / 0 > 1 + 1 / 0", 1, 36, "this cannot be computed"),
    ("FAIL IF request.time > '25:00'", 1, 24, "expected a time such as"),
    ("FAIL WITH [A, order]", 1, 15, "order is an object"),
    (
        "SET A { WHEN lunch IS x }",
        1,
        14,
        "a set applies by user, account, advisor, branch, broker, market, type",
    ),
    ("SET A { WHEN type IS Limited }", 1, 22, "order.type is Limit, Best"),
    ("SET A { WHEN user IS 5 }", 1, 22, "a set's condition names texts"),
    ("SET A { USE Stock.Fund }", 1, 13, "there is no rule Stock.Fund; did you mean Stock.Funds?"),
    ("SET Stock.General { }", 1, 5, "there is already a set Stock.General"),
    ("LIBRARY A { RULE Stock.Funds { } }", 1, 18, "there is already a rule Stock.Funds"),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), CASES)
def test_the_place_and_what_was_expected(text: str, line: int, column: int, message: str) -> None:
    problem = problems(text)[0]
    assert message in problem.message
    assert problem.position == (line, column)
    assert str(problem).startswith(f"test.vortex:{line}:{column}: ")
    assert "_" not in problem.message.replace("cost_max", "")


def test_all_mistakes_of_meaning_are_told_at_once() -> None:
    found = problems(
        "RUN IF a.b > 1 { FAIL IF c.d > 1 } ELSE { FAIL IF order.x > 1 }\nFAIL WITH [A, y] IF true"
    )
    assert [problem.position for problem in found] == [(1, 26), (1, 51), (1, 8), (2, 15)]


def test_the_caret_stands_under_the_mistake() -> None:
    problem = problems("# first\n\tFAIL IF\torder.sid is Bid\r\nPASS")[0]
    assert problem.excerpt == "\tFAIL IF\torder.sid is Bid\n\t       \t^"


LIMITS = VettingLimits(400, 5, 3, 8, 30)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("FAIL " * 90, "text_characters_max"),
        ("FAIL " * 6, "statements_max"),
        ("FAIL IF 1 in [1, 2, 3, 4]", "list_items_max"),
        ("FAIL IF " + "-" * 9 + "1 > 1", "depth_max"),
        ("FAIL IF " + "not " * 9 + "true", "depth_max"),
        ("RUN IF true {" * 5 + "RUN IF not not not not true {" + "}" * 6, "statements_max"),
        ("RUN IF true {" * 4 + "FAIL IF not not not not not true " + "}" * 4, "depth_max"),
        ("FAIL IF 1" + "+1" * 9 + " > 1", "depth_max"),
        ("FAIL IF order.value ^ 2 > 1", "cost_max"),
        ("FAIL IF " + " or ".join(["order.value > 1"] * 11), "cost_max"),
    ],
)
def test_limits(text: str, name: str) -> None:
    with pytest.raises(InvalidRules) as caught:
        load([Source("test.vortex", text)], LIMITS)
    assert name in str(caught.value)


def test_long_chains_are_not_deep() -> None:
    assert rules("FAIL IF " + " and ".join(["order.value = 0"] * 1_000)).vet(facts()).level is Level.FAIL


def test_as_deep_as_the_configuration_lets_it() -> None:
    limits = VettingLimits(depth_max=80)
    deep = "FAIL IF " + "not (" * 76 + "order.value = 0" + ")" * 76
    assert load([Source("x", deep)], limits).vet(facts()).level is Level.FAIL
    blocks = "RUN IF order.value = 0 {" * 76 + "FAIL" + "}" * 76
    assert load([Source("x", blocks)], limits).vet(facts()).level is Level.FAIL
    sums = "FAIL IF 0 = " + "order.value + (" * 38 + "0" + ")" * 38
    assert load([Source("x", sums)], limits).vet(facts()).level is Level.FAIL


@pytest.mark.parametrize(
    "text", ["(" * 5_000, "-" * 5_000, "FAIL IF " + "(" * 2_000 + "true" + ")" * 2_000, "{" * 9_999]
)
def test_hostile_nesting_ends_in_an_answer(text: str) -> None:
    try:
        load([Source("x", text)])
    except InvalidRules as error:
        assert error.problems
