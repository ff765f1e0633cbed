"""The newest commits in memory: what follows closely, and what has to be read."""

from __future__ import annotations

from zenithd.journal.chain import Run
from zenithd.journal.recent import Recent


def run(first: int, number: int, size: int = 1) -> Run:
    return "feed", first, 0, [("kind", b"x" * size)] * number


def spans(recent: Recent, first: int) -> list[tuple[int, int]] | None:
    found = recent.since(first)
    return None if found is None else [(commit.first, commit.last) for commit in found]


def test_all_commits_from_the_one_that_begins_there() -> None:
    recent = Recent()
    recent.add(1, [run(1, 2)])
    recent.add(3, [run(3, 1), run(1, 2)])
    recent.add(6, [run(4, 1)])
    assert spans(recent, 1) == [(1, 2), (3, 5), (6, 6)]
    assert spans(recent, 3) == [(3, 5), (6, 6)]
    assert spans(recent, 6) == [(6, 6)]


def test_what_does_not_begin_there_is_read_from_the_store() -> None:
    recent = Recent()
    assert recent.since(1) is None
    recent.add(4, [run(1, 3)])
    assert recent.since(3) is None  # from before
    assert recent.since(5) is None  # amid a commit
    assert recent.since(7) is None  # nothing yet


def test_a_hole_is_never_passed_over() -> None:
    recent = Recent()
    recent.add(1, [run(1, 2)])
    recent.add(5, [run(5, 1)])  # 3 and 4 were written, and not acknowledged
    assert recent.since(1) is None
    assert spans(recent, 5) == [(5, 5)]


def test_it_is_bounded_by_records_and_by_bytes() -> None:
    recent = Recent(records_max=10, bytes_max=100)
    for number in range(30):
        recent.add(number + 1, [run(number + 1, 1)])
    assert recent.since(20) is None
    assert spans(recent, 21) == [(each, each) for each in range(21, 31)]
    recent.add(31, [run(31, 1, size=98)])
    assert recent.since(28) is None
    assert spans(recent, 29) == [(29, 29), (30, 30), (31, 31)]
    recent.add(32, [run(32, 1, size=1_000)])  # the newest is kept whatever its size
    assert recent.since(31) is None
    assert spans(recent, 32) == [(32, 32)]
