"""A sample of `python -m tests.reliability.ledger`; it must find what it looks for."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.reliability import ledger
from tests.reliability.lib_naive_ledger import NaiveLedger


def test_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert ledger.main(["--seeds", "30", "--updates", "80", "--first", "1000"]) == 0
    assert "updates agree" in capsys.readouterr().out


class Careless(NaiveLedger):
    """A ledger that forgets additional funds of trades."""

    def _book(self, fill: Any, sign: int) -> None:
        fill.extras = Fraction(0)
        super()._book(fill, sign)


class Unreserved(NaiveLedger):
    """A ledger that knows of no amendments in flight."""

    def reserve(self, order: Any) -> Fraction:
        self.wishes, wishes = {}, self.wishes
        try:
            return super().reserve(order)
        finally:
            self.wishes = wishes


class Unmoved(NaiveLedger):
    """A ledger that knows of no moves in flight."""

    def _coming(self) -> list[Any]:
        return []


@pytest.mark.parametrize("other", [Careless, Unreserved, Unmoved])
def test_a_difference_is_found(
    other: type[NaiveLedger], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ledger, "NaiveLedger", other)
    assert ledger.main(["--seeds", "30"]) == 1
    assert "DIFFERENCE: seed" in capsys.readouterr().out
