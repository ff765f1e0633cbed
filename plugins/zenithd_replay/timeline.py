"""When a recorded moment is played, and which time is shown for it. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

SECOND = 1_000_000_000
"""Nanoseconds."""


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """Ties a recorded moment to a moment of now. All times are nanoseconds since the Unix epoch."""

    recorded: int
    """The recorded moment at which playing at `speed` begins."""
    shown: int
    """When that is, by the daemon's clock."""
    speed: float
    """Recorded seconds per second; 0 means as fast as possible."""
    shifted: bool
    """Whether times are moved, or shown as recorded."""

    def seconds_until(self, time: int) -> float:
        """Seconds from the anchor to a recorded time; 0 if it is played at once."""
        if not self.speed or time <= self.recorded:
            return 0.0
        return (time - self.recorded) / SECOND / self.speed

    def show(self, time: int) -> int:
        """The time to show for a recorded one.

        What is played faster is also shown closer together, so that nothing seems to happen in the future.
        """
        if not self.shifted:
            return time
        distance = time - self.recorded
        if self.speed and self.speed != 1 and distance > 0:
            distance = round(distance / self.speed)
        return self.shown + distance

    def show_date(self, day: date, zone: ZoneInfo) -> date:
        """The trading date to show: moved by as many days as the anchor is."""
        if not self.shifted:
            return day
        return day + (local_date(self.shown, zone) - local_date(self.recorded, zone))


def local_date(time: int, zone: ZoneInfo) -> date:
    """The date at a place at a time."""
    return datetime.fromtimestamp(time // SECOND, UTC).astimezone(zone).date()


def parse_start(text: str) -> time | datetime:
    """Parse the setting `start`: a time of day, or a date and time (UTC if it names no zone).

    Raises:
        ValueError: it is neither.
    """
    try:
        moment = (
            datetime.fromisoformat(text) if len(text) > len("10:30:15.123456") else time.fromisoformat(text)
        )
    except ValueError:
        raise ValueError(f'start: "{text}" is neither a time of day nor a date and time') from None
    if isinstance(moment, datetime):
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.replace(tzinfo=None)


def find_start(text: str, first_time: int, zone: ZoneInfo) -> int:
    """The recorded time at which to begin.

    A time of day is the first such one in the recording; `first_time` is when the recording begins.
    """
    if not text:
        return first_time
    moment = parse_start(text)
    if isinstance(moment, time):
        day = local_date(first_time, zone)
        found = datetime.combine(day, moment, zone)
        if _nanoseconds(found) < first_time:
            found = datetime.combine(day + timedelta(days=1), moment, zone)
        return _nanoseconds(found)
    return max(_nanoseconds(moment), first_time)


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND + moment.microsecond * 1000
