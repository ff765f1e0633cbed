"""A sample of `python -m tests.reliability.hostile_orders`; it must find what it looks for."""

from __future__ import annotations

import pytest

from tests.reliability import hostile_orders
from tests.reliability.hostile_orders import Hostile, Surprise, run_hostile
from zenithd.wire.numbers import parse_decimal


def test_three_thousand_requests() -> None:
    found = run_hostile(3_000, seed=5)
    assert min(found.kinds.values()) > 20
    assert set(found.results) == {"Success", "Incomplete", "Invalid", "Rejected"}
    assert "Error" not in found.codes
    assert found.results["Invalid"] > found.results["Rejected"] > 100
    for code in ("Account", "Symbol.Status", "LimitPrice", "TotalQuantity", "Route.Market", "Order.Status"):
        assert found.codes[code] > 0, code


@pytest.mark.parametrize(
    ("result", "errors", "what"),
    [
        ("Error", ["Side"], "not"),
        ("Success", ["Side"], "not"),
        ("Invalid", [], "not"),
        ("Invalid", ["Nonsense"], "no code of the protocol"),
        ("Invalid", ["Style"], "and not"),
    ],
)
def test_another_answer_is_found(result: str, errors: list[str], what: str) -> None:
    answer = {"Result": result, "Errors": errors}
    with pytest.raises(Surprise, match=what):
        Hostile(1)._look("PlaceOrder", answer, ("Invalid", "Success"), ("Side",))


def test_an_exception_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(hostile_orders.World, "ask", fail)
    with pytest.RaisesGroup(pytest.RaisesExc(ZeroDivisionError), flatten_subgroups=True):
        run_hostile(1, 1)


@pytest.mark.parametrize("text", ["\uff11", "1_0", "\u0661", "1,5", "--1", "1 0"])
def test_only_plain_digits_are_a_number(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        parse_decimal(text)
