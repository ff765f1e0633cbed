"""Tickets: numbers for pieces of work that run outside the session, and their deadlines."""

from __future__ import annotations

import heapq

SLACK = 64
"""Entries of finished work that may lie in the heap beyond those of unfinished work."""


class Tickets:
    """Issues tickets and watches their deadlines; issuing and closing cost the same however many are open.

    Most work is done long before its deadline, so closing only forgets the ticket.
    """

    __slots__ = (
        "_heap",
        "_last",
        "_open",
    )

    def __init__(self) -> None:
        self._last = 0
        self._heap: list[tuple[float, int]] = []
        self._open: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def number(self) -> int:
        """A new number without a deadline."""
        self._last += 1
        return self._last

    def issue(self, deadline: float) -> int:
        """A new ticket whose work must be done by `deadline`, in monotonic seconds."""
        ticket = self.number()
        self._open[ticket] = None
        heapq.heappush(self._heap, (deadline, ticket))
        return ticket

    def close(self, ticket: int) -> None:
        """The work is done or given up; a ticket that is not open is ignored."""
        self._open.pop(ticket, None)
        if not self._open:
            self._open, self._heap = {}, []  # used ones would keep their room, for each idle connection
            return
        # Entries of closed tickets stay in the heap until they outnumber the open ones: then one pass over
        # all of them pays for as many closings.
        if len(self._heap) > 2 * len(self._open) + SLACK:
            self._heap = [entry for entry in self._heap if entry[1] in self._open]
            heapq.heapify(self._heap)

    def next_deadline(self) -> float | None:
        """The earliest deadline of an open ticket, None without one."""
        heap = self._heap
        while heap and heap[0][1] not in self._open:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def due(self, now: float) -> list[int]:
        """Close and return the tickets whose deadline has come, earliest first."""
        found: list[int] = []
        earliest = self.next_deadline()
        while earliest is not None and earliest <= now:
            ticket = heapq.heappop(self._heap)[1]
            self._open.pop(ticket, None)
            found.append(ticket)
            earliest = self.next_deadline()
        return found
