"""Trading days of venues that trade round the clock: dates in a time zone. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_NANOSECONDS = 1_000_000_000


def date_in(time_zone: str, now: int) -> date:
    """The date in a time zone (IANA name) at `now`, nanoseconds since the Unix epoch."""
    return datetime.fromtimestamp(now // _NANOSECONDS, ZoneInfo(time_zone)).date()


def seconds_to_midnight(time_zone: str, now: int) -> float:
    """Seconds from `now` until the next date begins there: never 0, also where clocks are changed."""
    zone = ZoneInfo(time_zone)
    tomorrow = datetime.combine(date_in(time_zone, now) + timedelta(days=1), time(), zone)
    midnight = int(tomorrow.astimezone(UTC).timestamp()) * _NANOSECONDS
    return (midnight - now) / _NANOSECONDS
