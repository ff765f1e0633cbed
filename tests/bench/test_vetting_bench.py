"""The bench of vetting measures what it says."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from zenithd.bench import vetting
from zenithd.cli import main
from zenithd.vetting import Level, Source, load

TINY = vetting.VettingEffort((5, 12), 2, 40)


def test_rules_and_orders() -> None:
    compiled = load([Source("bench", vetting.rules_text(200))])
    assert len(compiled.sets[0].rules) == 200
    verdicts = [compiled.vet(facts) for facts in vetting.make_orders(100)]
    failed = [one for one in verdicts if one.level is Level.FAIL]
    assert 0 < len(failed) < 10
    assert all(one.codes == ("Balance.Exceed 990",) for one in failed)


def test_the_quick_one_holds_the_row_at_200_rules() -> None:
    assert 200 in vetting.QUICK.rules
    assert 200 in vetting.FULL.rules


@pytest.mark.parametrize("options", [[], ["--quick"]])
def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]) -> None:
    monkeypatch.setattr(vetting, "QUICK", TINY)
    monkeypatch.setattr(vetting, "FULL", TINY)
    file = tmp_path / "vetting.json"
    assert main(["bench", "vetting", "--json", str(file), *options]) == 0
    report = msgspec.json.decode(file.read_bytes(), type=vetting.VettingReport)
    assert [row.rules for row in report.runs] == [5, 12]
    assert all(0 < row.p50_us <= row.p99_us <= row.p999_us for row in report.runs)
