from __future__ import annotations

import random
from collections import Counter

from zenithd.domain.identifiers import InstrumentId
from zenithd_prodigy.schedule import Schedule

INTERVALS = {InstrumentId(f"{letter}.X"): 0.2 for letter in "ABCDE"} | {InstrumentId("F.X"): 1.0}


def schedule(now: float = 0.0) -> Schedule:
    return Schedule(INTERVALS, now, random.Random(1))


def test_nobody_moves_before_the_time() -> None:
    one = schedule(5.0)
    assert one.next_due > 5.0
    assert one.take(5.0) is None
    assert one.take(one.next_due) in INTERVALS


def test_each_moves_at_its_own_pace() -> None:
    one = schedule()
    moved: Counter[str] = Counter()
    while one.next_due < 100.0:
        instrument = one.take(one.next_due)
        assert instrument is not None
        moved[instrument] += 1
    assert all(480 <= moved[instrument] <= 520 for instrument in INTERVALS if instrument != "F.X")
    assert 95 <= moved["F.X"] <= 105


def test_they_move_one_after_the_other_and_not_together() -> None:
    one = schedule()
    times = []
    while one.next_due < 60.0:
        times.append(one.next_due)
        one.take(one.next_due)
    in_a_fortieth = Counter(int(time * 40) for time in times)
    assert max(in_a_fortieth.values()) <= 5


def test_nothing_is_made_up_for_after_a_stall() -> None:
    one = schedule()
    now = 50.0
    while one.next_due <= now:
        assert one.take(now) is None
    moved = 0
    while one.next_due <= now + 1.0:
        moved += one.take(one.next_due) is not None
    assert 20 <= moved <= 32


def test_a_small_delay_is_no_stall() -> None:
    one = schedule()
    assert one.take(one.next_due + 0.04) is not None
