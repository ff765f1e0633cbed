from __future__ import annotations

from pathlib import Path

import pytest

from zenithd.bench import restart
from zenithd.bench.native import CannotMeasure


def test_a_restart_is_measured_from_the_process_to_readiness(tmp_path: Path) -> None:
    said: list[str] = []
    rows = list(restart.restart_rows(restart.RestartEffort(500, 1), tmp_path, said.append))
    assert [row.checkpoints for row in rows] == ["the daemon's", "none"]
    for row in rows:
        assert row.events >= row.events_behind >= 500
        assert 0 < row.records <= row.events
        assert row.seconds_to_serving > 0
        assert row.seconds_without > 0
        assert row.replay_events_per_s > 0
        assert len(restart.cells(row)) == len(restart.COLUMNS)
    assert list(tmp_path.iterdir()) == []
    assert said[:3] == [
        "restart: writing 500 events, checkpoints: the daemon's",
        "restart: replaying them",
        "restart: starting the daemon",
    ]


def test_a_daemon_that_does_not_start_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart, "CONFIGURATION", "[nonsense]\n")
    with pytest.raises(CannotMeasure, match="the daemon did not start"):
        list(restart.restart_rows(restart.RestartEffort(1, 1), tmp_path, print))
