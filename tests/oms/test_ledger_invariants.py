"""Named invariants of the accounting, over random updates of every kind."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reliability.lib_ledger_updates import Drawing
from tests.reliability.lib_naive_ledger import NaiveLedger
from zenithd.oms.model import updates as u
from zenithd.oms.state import InvalidUpdate, Limits, OmsState, check

STEPS = st.integers(1, 80)
CHANCE = st.randoms(use_true_random=False)


def story(random: Random, steps: int, limits: Limits | None = None) -> tuple[OmsState, list[u.Kept]]:
    """A state, and the updates that made it; what the rules refused left no trace."""
    state = OmsState(limits)
    drawing = Drawing(random, state)
    kept: list[u.Kept] = []
    for time in range(1, steps + 1):
        one = u.Kept(time=time, update=drawing.next(), feed=random.choice(("oms", "ex")), sequence=time)
        if check(one.update, state) is None:
            state.apply(one)
            kept.append(one)
        else:
            before = state.digest()
            with pytest.raises(InvalidUpdate):
                state.apply(one)
            assert state.digest() == before
    return state, kept


@settings(max_examples=300, deadline=None)
@given(CHANCE, STEPS)
def test_a_ledger_that_scans_everything_agrees(random: Random, steps: int) -> None:
    state = OmsState()
    drawing, naive = Drawing(random, state), NaiveLedger()
    for time in range(1, steps + 1):
        one = u.Kept(time=time, update=drawing.next())
        if check(one.update, state) is None:
            state.apply(one)
            naive.apply(one)
            assert naive.differences(state) == [], f"after {one.update}"
