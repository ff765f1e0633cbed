"""A sample of `python -m tests.reliability.vetting`; the comparison must notice a rule read otherwise."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest

from tests.reliability import lib_vetting, vetting
from tests.reliability.lib_vetting import Generator, run_rules


def test_two_thousand_rules() -> None:
    run = run_rules(2_000, 7)
    assert run.rules >= 2_000
    assert min(run.levels[level] for level in range(3)) > 50
    assert set(run.faults) == {"Vetting.Missing", "Vetting.Arithmetic"}
    assert min(run.faults.values()) > 50


def test_generated_rules_are_the_same_for_a_seed() -> None:
    first, second = Generator(3), Generator(3)
    assert first.written(first.block(5)) == second.written(second.block(5))


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("compare", lambda sign, left, right: left != right),
        ("arithmetic", lambda sign, left, right: left - right),
        ("run_block", lambda block, world: []),
    ],
)
def test_a_difference_is_found(monkeypatch: pytest.MonkeyPatch, name: str, other: Callable[..., Any]) -> None:
    monkeypatch.setattr(lib_vetting, name, other)
    with pytest.raises(AssertionError):
        run_rules(500, 1)


def test_the_script_tells_a_difference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vetting.main(["--rules", "50"]) == 0
    assert "no difference" in capsys.readouterr().out
    monkeypatch.setattr(lib_vetting, "compare", lambda sign, left, right: operator.is_(left, right))
    assert vetting.main(["--rules", "500"]) == 1
    assert "DIFFERENCE" in capsys.readouterr().out
