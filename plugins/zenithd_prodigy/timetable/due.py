"""Which phases are due by a given time. Pure.

A place in the timetable is a local date and the number of a phase in that day's plan. Places are compared,
not instants: whatever the clock or the time zone's offset does, no phase comes twice and none is left out.
Where local clocks skip an hour, a phase of that hour comes as long after the skip as it lies in the hour;
where they repeat one, it comes the first time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from zenithd_prodigy.timetable.plan import Phase, Timetable

NANOSECONDS = 1_000_000_000

SEARCH_DAYS = 400
"""How far ahead the next phase is looked for: a timetable without one for so long has none."""


class Place(msgspec.Struct, frozen=True, order=True, array_like=True):
    """A phase of a date: everything up to it, and itself, has been done."""

    day: date
    index: int


class Transition(msgspec.Struct, frozen=True, array_like=True):
    """A phase of a date and the instant at which it is due."""

    at: int
    place: Place
    phase: Phase


@lru_cache(maxsize=4096)
def instant(time_zone: str, day: date, second: int) -> int:
    """Nanoseconds since the Unix epoch at which local clocks show `second` of a day."""
    zone = ZoneInfo(time_zone)
    local = datetime(day.year, day.month, day.day, second // 3600, second // 60 % 60, second % 60)
    # fold=0 takes the first of two, and in a gap the offset from before it: the instant lies as far behind
    # the change as the clock time lies in the gap.
    moment = local.replace(tzinfo=zone, fold=0)
    return (
        int((moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)) * NANOSECONDS
    )


def local_date(time_zone: str, now: int) -> date:
    """The date in a time zone."""
    return datetime.fromtimestamp(now // NANOSECONDS, ZoneInfo(time_zone)).date()


def place_at(timetable: Timetable, now: int) -> Place:
    """Where a timetable that is introduced at `now` stands: what was due before is not made up."""
    day = local_date(timetable.time_zone, now)
    passed = [t for t in _of_day(timetable, day) if t.at <= now]
    return passed[-1].place if passed else Place(day, -1)


def phases_after(timetable: Timetable, place: Place) -> Iterator[Transition]:
    """All that follow a place, without end as long as the timetable has days with phases."""
    day, first, empty_days = place.day, place.index + 1, 0
    while empty_days < SEARCH_DAYS:
        transitions = _of_day(timetable, day)[first:]
        yield from transitions
        empty_days = 0 if transitions else empty_days + 1
        try:
            day, first = day + timedelta(days=1), 0
        except OverflowError:
            return


def due(timetable: Timetable, place: Place, now: int) -> list[Transition]:
    """What is due by `now` and not done yet, in the order in which it must be done."""
    found = []
    for transition in phases_after(timetable, place):
        if transition.at > now:
            break
        found.append(transition)
    return found


def next_due(timetable: Timetable, place: Place) -> Transition | None:
    """What comes next, be it due or not; None if nothing ever does."""
    return next(phases_after(timetable, place), None)


def _of_day(timetable: Timetable, day: date) -> list[Transition]:
    transitions: list[Transition] = []
    at = 0
    for index, phase in enumerate(timetable.plan_of(day)):
        # Never before the phase before it, also where that one fell into a skipped hour.
        at = max(at, instant(timetable.time_zone, day, phase.second))
        transitions.append(Transition(at, Place(day, index), phase))
    return transitions
