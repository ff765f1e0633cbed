"""What `python -m tests.reliability.replay_digests` compares, here between processes of one interpreter."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.reliability import replay_digests

PYTHON = Path(sys.executable)


def test_the_same_digests_whatever_the_seed_of_hashes(tmp_path: Path) -> None:
    live = [
        replay_digests.in_process(PYTHON, "write", tmp_path / f"{seed}.db", 4, seed) for seed in ("1", "2")
    ]
    replayed = [
        replay_digests.in_process(PYTHON, "replay", tmp_path / file, 4, seed)
        for file, seed in (("1.db", "2"), ("2.db", "1"))
    ]
    assert live[0] == live[1]
    assert {"M", "N", "O", "records"} == set(live[0])
    for found in replayed:
        chain = found.pop("chain")
        assert found == live[0]
        assert len(chain) > 64


def test_a_difference_is_told(tmp_path: Path) -> None:
    first = replay_digests.write(tmp_path / "a.db", 4)
    other = replay_digests.write(tmp_path / "b.db", 5)
    assert first["records"] != other["records"]
    assert first != replay_digests.replay(tmp_path / "b.db")
