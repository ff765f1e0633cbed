"""Ids that are never given twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zenithd.plugin import ReservedTradeIds
from zenithd.plugin.trade_ids import FILE_NAME, IDS_PER_RESERVATION


def test_the_first_id_of_all(tmp_path: Path) -> None:
    assert ReservedTradeIds(tmp_path).first == 1
    assert list(tmp_path.iterdir()) == []


@settings(deadline=None, max_examples=30)  # the disk is waited for
@given(runs=st.lists(st.lists(st.integers(1, 3 * IDS_PER_RESERVATION), max_size=5), max_size=5))
def test_each_run_begins_above_all_that_were_reserved(
    tmp_path_factory: pytest.TempPathFactory, runs: list[list[int]]
) -> None:
    directory = tmp_path_factory.mktemp("ids")
    newest = 0
    for steps in runs:
        ids = ReservedTradeIds(directory)
        assert ids.first > newest
        trade_id = ids.first
        for step in steps:
            trade_id += step
            ids.reserve(trade_id)
            newest = trade_id


def test_the_disk_is_asked_once_in_a_while(tmp_path: Path) -> None:
    ids = ReservedTradeIds(tmp_path)
    ids.reserve(1)
    (tmp_path / FILE_NAME).unlink()
    ids.reserve(1 + IDS_PER_RESERVATION)
    assert not (tmp_path / FILE_NAME).exists()
    ids.reserve(2 + IDS_PER_RESERVATION)
    assert ReservedTradeIds(tmp_path).first == 3 + 2 * IDS_PER_RESERVATION


def test_what_is_no_number_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("many")
    with pytest.raises(ValueError, match="above all used"):
        ReservedTradeIds(tmp_path)


def test_without_a_disk_no_id_is_given(tmp_path: Path) -> None:
    ids = ReservedTradeIds(tmp_path / "not there")
    with pytest.raises(OSError):
        ids.reserve(1)
    with pytest.raises(OSError):
        ids.reserve(1)
