"""Tickets and their deadlines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zenithd.wire.tickets import SLACK, Tickets


def test_due_in_the_order_of_deadlines() -> None:
    tickets = Tickets()
    late, early, middle = tickets.issue(30), tickets.issue(10), tickets.issue(20)
    assert tickets.next_deadline() == 10
    assert tickets.due(9.999) == []
    assert tickets.due(20) == [early, middle]
    assert tickets.next_deadline() == 30
    tickets.close(late)
    assert tickets.next_deadline() is None
    assert tickets.due(99) == []
    tickets.close(late)
    tickets.close(12345)


def test_numbers_are_never_repeated() -> None:
    tickets = Tickets()
    numbers = [tickets.number(), tickets.issue(1), tickets.number(), tickets.issue(0)]
    assert len(set(numbers)) == 4
    assert len(tickets) == 2


def test_closed_tickets_leave_no_heap_behind() -> None:
    tickets = Tickets()
    kept = tickets.issue(10**9)
    for second in range(10_000):
        tickets.close(tickets.issue(second + 35))
    assert len(tickets._heap) <= SLACK + 4
    assert tickets.due(10**9) == [kept]


@given(
    st.lists(
        st.tuples(st.sampled_from(["issue", "close", "due"]), st.integers(0, 60)),
        max_size=200,
    )
)
def test_against_a_simple_model(steps: list[tuple[str, int]]) -> None:
    tickets = Tickets()
    model: dict[int, int] = {}
    for step, number in steps:
        if step == "issue":
            model[tickets.issue(number)] = number
        elif step == "close":
            tickets.close(number)
            model.pop(number, None)
        else:
            due = sorted((deadline, ticket) for ticket, deadline in model.items() if deadline <= number)
            assert tickets.due(number) == [ticket for _, ticket in due]
            for _, ticket in due:
                del model[ticket]
        assert tickets.next_deadline() == min(model.values(), default=None)
        assert len(tickets) == len(model)
