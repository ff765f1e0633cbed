"""A market's timetable as data: phases of a day, which days have which, holidays and half days. Pure."""

from __future__ import annotations

import enum
import re
from datetime import date
from zoneinfo import ZoneInfo

import msgspec

from zenithd_prodigy.model.statuses import Status

PHASES_MAX = 100
"""Most phases of one day plan."""

PLANS_MAX = 100
"""Most day plans of a timetable."""

DAYS_MAX = 10_000
"""Most days set apart of each kind."""

NAME_LENGTH_MAX = 200
"""Longest name of a day plan or a holiday."""

_OF_MACHINES = ("localtime", "posixrules", "posix/", "right/")
"""What machines have beside the IANA names; what they mean differs from machine to machine."""

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)


def is_time_zone(name: str) -> bool:
    """True for the IANA name of a time zone."""
    if name.startswith(_OF_MACHINES):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


class PhaseKind(enum.Enum):
    """What a market does at a time of its timetable."""

    START_OF_DAY = "StartOfDay"
    """A new trading day begins; statistics and tapes start anew. The status stays."""
    PRE_OPEN = "PreOpen"
    PRE_AUCTION = "PreAuction"
    AUCTION = "Auction"
    """What was gathered is matched at one price."""
    OPEN = "Open"
    PRE_CLOSE = "PreClose"
    CLOSED = "Closed"
    END_OF_DAY = "EndOfDay"
    """Day orders and dated orders whose date has come expire. The status stays."""

    @property
    def status(self) -> Status | None:
        """The status that begins; None for the start and the end of the day."""
        if self in (PhaseKind.START_OF_DAY, PhaseKind.END_OF_DAY):
            return None
        return Status(self.value)


class Phase(msgspec.Struct, frozen=True, array_like=True):
    """One change; `at` is the local time `HH:MM` or `HH:MM:SS`."""

    at: str
    kind: PhaseKind

    @property
    def second(self) -> int:
        """Seconds of the local clock since midnight. Raises ValueError if `at` is not a time."""
        found = _TIME.fullmatch(self.at)
        if found is None:
            raise ValueError(f"{self.at[:20]!r} is not a time HH:MM or HH:MM:SS")
        hours, minutes, seconds = found.groups()
        return int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)


DayPlan = tuple[Phase, ...]
"""The phases of a day in their order; several may have the same time."""


class Timetable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Phases of every day.

    Raises:
        ValueError: an unknown time zone, a time that is none, phases that are not in order, a weekday or a
            plan that does not exist.
    """

    time_zone: str
    plans: dict[str, DayPlan]
    """Day plans by their name."""
    weekdays: tuple[str | None, ...]
    """The plan of each day, Monday first; None: no trading."""
    holidays: dict[date, str] = {}
    """Days without trading and what they are called. They win over everything."""
    special_days: dict[date, str] = {}
    """Days with another plan than their weekday's, such as half days."""

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{self.time_zone[:60]!r} is not an IANA time zone") from error
        if len(self.weekdays) != 7:
            raise ValueError(f"seven weekdays are needed, not {len(self.weekdays)}")
        for name in (*self.weekdays, *self.special_days.values()):
            if name is not None and name not in self.plans:
                raise ValueError(f"there is no day plan {name[:60]!r}")
        for name, plan in self.plans.items():
            seconds = [phase.second for phase in plan]
            if seconds != sorted(seconds):
                raise ValueError(f"the phases of day plan {name[:60]!r} are not in the order of their times")
            if len(plan) > PHASES_MAX:
                raise ValueError(f"day plan {name[:60]!r} has more than {PHASES_MAX} phases")

    def plan_of(self, day: date) -> DayPlan:
        """The phases of a date; none on days without trading."""
        if day in self.holidays:
            return ()
        name = self.special_days.get(day, self.weekdays[day.weekday()])
        return () if name is None else self.plans[name]


def excess(timetable: Timetable) -> str | None:
    """Why nobody should follow a timetable although it could be followed; None if nothing is against it."""
    if not is_time_zone(timetable.time_zone):
        return f"{timetable.time_zone[:60]!r} is not an IANA time zone"
    if len(timetable.plans) > PLANS_MAX:
        return f"more than {PLANS_MAX} day plans"
    if max(len(timetable.holidays), len(timetable.special_days)) > DAYS_MAX:
        return f"more than {DAYS_MAX} days set apart"
    if any(len(name) > NAME_LENGTH_MAX for name in (*timetable.plans, *timetable.holidays.values())):
        return f"names of more than {NAME_LENGTH_MAX} characters"
    return None


def round_the_clock(time_zone: str, auction_at: str, gather_seconds: int = 60) -> Timetable:
    """Open at all hours with one auction a day, for which orders are gathered so many seconds before.

    Raises:
        ValueError: not a time, or gathering would begin on the day before.
    """
    uncross = Phase(auction_at, PhaseKind.AUCTION).second
    gather = uncross - gather_seconds
    if gather <= 0:
        raise ValueError(f"the auction at {auction_at} leaves no {gather_seconds} seconds to gather orders")
    plan = (
        Phase("00:00", PhaseKind.END_OF_DAY),
        Phase("00:00", PhaseKind.START_OF_DAY),
        Phase(_time_text(gather), PhaseKind.PRE_AUCTION),
        Phase(_time_text(uncross), PhaseKind.AUCTION),
        Phase(_time_text(uncross), PhaseKind.OPEN),
    )
    return Timetable(time_zone=time_zone, plans={"all day": plan}, weekdays=("all day",) * 7)


EXCHANGE_DAY: DayPlan = (
    Phase("07:00", PhaseKind.START_OF_DAY),
    Phase("07:00", PhaseKind.PRE_OPEN),
    Phase("09:45", PhaseKind.PRE_AUCTION),
    Phase("10:00", PhaseKind.AUCTION),
    Phase("10:00", PhaseKind.OPEN),
    Phase("16:00", PhaseKind.PRE_AUCTION),
    Phase("16:10", PhaseKind.AUCTION),
    Phase("16:10", PhaseKind.PRE_CLOSE),
    Phase("16:20", PhaseKind.CLOSED),
    Phase("17:00", PhaseKind.END_OF_DAY),
)
"""The usual day of an exchange, with an opening and a closing auction."""

HALF_DAY: DayPlan = (
    *EXCHANGE_DAY[:5],
    Phase("14:00", PhaseKind.PRE_AUCTION),
    Phase("14:10", PhaseKind.AUCTION),
    Phase("14:10", PhaseKind.PRE_CLOSE),
    Phase("14:20", PhaseKind.CLOSED),
    Phase("15:00", PhaseKind.END_OF_DAY),
)
"""A day that ends early."""


def _time_text(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
