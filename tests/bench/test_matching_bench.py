"""The bench of matching engines measures the same work of all of them."""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from zenithd.bench import matching, matching_engines
from zenithd.bench.matching_engines import Recipe, ZenithdMatching, available
from zenithd.bench.matching_flow import PRICE_LEVELS, Flow, make_flow
from zenithd.cli import main

TINY = matching.MatchingEffort((50, 200), 400, 2)


def test_the_flow_is_what_it_says() -> None:
    flow = make_flow(1_000, 20_000)
    assert len(flow.filling) == 1_000
    kinds = Counter(
        "cancel"
        if one.cancels
        else "marketable"
        if one.price in (1, PRICE_LEVELS) and one.quantity > 99
        else "limit"
        for one in flow.measured
    )
    assert 0.68 < kinds["limit"] / 20_000 < 0.72
    assert 0.18 < kinds["cancel"] / 20_000 < 0.22
    assert 0.08 < kinds["marketable"] / 20_000 < 0.12
    assert make_flow(50, 100) == make_flow(50, 100)
    assert make_flow(50, 100, seed=2) != make_flow(50, 100)


def test_the_book_keeps_its_size() -> None:
    flow = make_flow(300, 5_000)
    contestant = ZenithdMatching(flow)
    contestant.run()
    assert 200 < len(contestant._market.model.symbols["S"].orders) < 400
    assert contestant.left() > 0


class Forgetful(ZenithdMatching):
    """Leaves out the last operation."""

    def __init__(self, flow: Flow) -> None:
        super().__init__(Flow(flow.filling, flow.measured[:-1]))


def test_an_engine_that_does_other_work_is_found() -> None:
    engines: dict[str, Recipe] = {"zenithd": ZenithdMatching, "forgetful": Forgetful}
    with pytest.raises(AssertionError, match="same book"):
        list(matching.matching_rows(TINY, engines, lambda line: None))


def test_what_is_not_installed_is_left_out_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "pyorderbook":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(matching_engines.importlib, "metadata", SimpleNamespace(
        version=version, PackageNotFoundError=importlib.metadata.PackageNotFoundError
    ))  # fmt: skip
    found, absent = available()
    assert list(found) == ["zenithd", "lightmatchingengine 1.0"]
    assert [line.split()[0] for line in absent] == ["pyorderbook"]


def test_the_command_writes_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(matching, "QUICK", TINY)
    path = tmp_path / "rows.json"
    assert main(["bench", "matching", "--quick", "--json", str(path)]) == 0
    report = msgspec.json.decode(path.read_bytes(), type=matching.MatchingReport)
    own = [row for row in report.runs if row.engine == "zenithd"]
    assert [row.orders_resting for row in own] == [50, 200]
    assert all(row.operations_per_cpu_s > 0 and row.ratio_to_zenithd == 1 for row in own)
    assert "operations/CPU s" in capsys.readouterr().out
    rows = [
        row.ratio_to_zenithd
        for row in report.runs
        if row.engine != "zenithd" and row.orders_resting in TINY.orders_resting
    ]
    assert all(ratio > 0 for ratio in rows)
