"""A sample of `python -m tests.reliability.matching`; each part must find what it looks for."""

from __future__ import annotations

import pytest

from tests.reliability import lib_matching, matching
from tests.reliability.lib_hostile_commands import run_hostile
from tests.reliability.lib_matching import run_auctions, run_operations
from tests.reliability.lib_naive_market import NaiveMarket, NaiveOrder
from zenithd_prodigy.engine.refusals import Reason


def test_twenty_thousand_operations() -> None:
    assert run_operations(20_000, 7) > 3_000


def test_a_thousand_auctions() -> None:
    assert 300 < run_auctions(1_000, 7) < 900


def test_hostile_commands() -> None:
    run = run_hostile(800, 7)
    assert {Reason.MALFORMED, Reason.PRICE, Reason.QUANTITY, Reason.PRICE_PRECISION} <= set(run.reasons)
    assert run.accepted > 10


class LastInFirstOut(NaiveMarket):
    """A market of other rules: the newest order trades first."""

    def queue(self, side: lib_matching.Side) -> list[NaiveOrder]:
        sign = -1 if side is lib_matching.Side.BID else 1
        return sorted(
            (o for o in self.orders if o.side is side and o.in_book),
            key=lambda o: (sign * (o.price or 0), -o.queued_at),
        )


class LowestPrice(NaiveMarket):
    """A market of other rules: an auction whose surplus is of buyers takes the lowest price."""

    def auction(self) -> tuple[int | None, int, int]:
        price, quantity, surplus = super().auction()
        return (price, quantity, surplus) if price is None or surplus <= 0 else (price - 1, quantity, surplus)


def test_a_difference_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(lib_matching, "NaiveMarket", LastInFirstOut)
    with pytest.raises(AssertionError, match="seed 1, operation"):
        run_operations(2_000, 1)
    assert matching.main(["--operations", "2000", "--auctions", "0", "--commands", "0"]) == 1
    assert "DIFFERENCE" in capsys.readouterr().out
    monkeypatch.setattr(lib_matching, "NaiveMarket", LowestPrice)
    with pytest.raises(AssertionError, match="auction with seed"):
        run_auctions(100, 1)


def test_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert matching.main(["--operations", "500", "--auctions", "50", "--commands", "50"]) == 0
    assert "500 operations" in capsys.readouterr().out
