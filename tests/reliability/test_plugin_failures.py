"""A few failures of each kind: nobody is disconnected, everybody is told. How soon is for the script."""

from __future__ import annotations

import msgspec
import pytest

from tests.reliability.plugin_failures import KINDS, Kind, run_kind


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.name))
def test_failures_of_a_plugin_touch_nobody_else(kind: Kind) -> None:
    count = 1 if kind.name == "block" else 2
    short = msgspec.structs.replace(kind, phase_seconds=min(kind.phase_seconds, 2.5 if count == 1 else 1.0))
    result = run_kind(short, count)
    assert result.failures >= count
    assert result.faults == []
