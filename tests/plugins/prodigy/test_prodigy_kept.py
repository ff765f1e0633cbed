from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from zenithd.domain.identifiers import InstrumentId
from zenithd_prodigy import kept
from zenithd_prodigy.history import PastOrigin
from zenithd_prodigy.kept import Kept


def test_nothing_is_kept_at_first(tmp_path: Path) -> None:
    assert kept.load(tmp_path) == Kept()


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    instrument = InstrumentId("XS01.XSX")
    state = Kept(date(2026, 1, 5), {instrument: 8_450}, {instrument: PastOrigin(1, 2, 3, 4, 5)})
    kept.save(tmp_path, Kept())
    kept.save(tmp_path, state)
    assert kept.load(tmp_path) == state
    assert [path.name for path in tmp_path.iterdir()] == [kept.FILE_NAME]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"closes": 1}', b'{"trading_date": "x"}', b'{"closes": {"\xff": 1}}']
)
def test_what_is_damaged_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / kept.FILE_NAME).write_bytes(content)
    with pytest.raises(ValueError):
        kept.load(tmp_path)
