"""A few kills of `journal_kills` in each store."""

from __future__ import annotations

import pytest

from tests.reliability import journal_kills


@pytest.mark.parametrize(("store", "count"), [("sqlite", 12), ("postgresql", 8)])
def test_nothing_acknowledged_is_lost(store: str, count: int) -> None:
    result = journal_kills.kill(count, store)
    assert result.kills == count
    assert result.records >= result.acknowledged > 0
