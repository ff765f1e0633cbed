"""The pure decisions: sequences, index entries, states."""

from __future__ import annotations

import pytest

from zenithd.journal.anchor import FeedEnd, needs_entry
from zenithd.journal.chain import INDEX_EVERY
from zenithd.journal.record import Conflict, Gap, InvalidEntry, check_name
from zenithd.journal.sequencing import Accepted, Known, compare, decide
from zenithd.journal.states import TRANSITIONS, Happening, State


@pytest.mark.parametrize(
    ("last", "first", "number", "decision"),
    [
        (0, None, 2, Accepted(1, 0)),
        (7, None, 2, Accepted(8, 0)),
        (7, 8, 2, Accepted(8, 0)),
        (7, 7, 1, Accepted(7, 1)),
        (7, 6, 4, Accepted(6, 2)),
        (7, 1, 3, Accepted(1, 3)),
        (7, 9, 1, Gap("a", 8, 9)),
        (0, 2, 1, Gap("a", 1, 2)),
    ],
)
def test_which_entries_are_new(last: int, first: int | None, number: int, decision: object) -> None:
    assert decide("a", last, first, number) == decision


@pytest.mark.parametrize(
    ("known", "result"),
    [
        ([Known(4, "k", b"1"), Known(9, "k", b"2")], None),
        ([Known(4, "k", b"1")], None),
        ([Known(4, "k", b"1"), Known(9, "k", b"x")], Conflict("a", 6, 9)),
        ([Known(4, "j", b"1"), Known(9, "k", b"2")], Conflict("a", 5, 4)),
        ([Known(0, "k", b"")], Conflict("a", 5, 0)),
    ],
)
def test_entries_with_a_sequence_that_is_taken_must_be_the_same(
    known: list[Known], result: Conflict | None
) -> None:
    assert compare("a", 5, [("k", b"1"), ("k", b"2"), ("k", b"3")], known) == result


def test_a_feed_has_an_index_entry_at_least_so_often() -> None:
    assert needs_entry(FeedEnd(), 1)
    assert not needs_entry(FeedEnd(5, 10), 10 + INDEX_EVERY - 1)
    assert needs_entry(FeedEnd(5, 10), 10 + INDEX_EVERY)


@pytest.mark.parametrize("name", ["", " \n", "a\0", "x" * 65, "é" * 33, "\ud800"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(InvalidEntry):
        check_name("feed", name)


def test_every_state_is_left_by_closing_and_damage_stays() -> None:
    assert {before for before, happening in TRANSITIONS if happening is Happening.CLOSED} == set(State)
    assert {TRANSITIONS[state, Happening.FOUND_DAMAGE] for state in State} == {State.DAMAGED}
    assert (State.DAMAGED, Happening.OPENED) not in TRANSITIONS
    assert TRANSITIONS[State.SERVING, Happening.FAILED] is State.REFUSING
    assert TRANSITIONS[State.REFUSING, Happening.OPENED] is State.SERVING
