"""Trading days of a market that is open round the clock: calendar days of its time zone. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

NANOSECONDS = 1_000_000_000


def trading_date_at(now: int, zone: ZoneInfo) -> date:
    """The date in the zone at `now` (nanoseconds since the Unix epoch)."""
    return datetime.fromtimestamp(now // NANOSECONDS, zone).date()


def day_start(trading_date: date, zone: ZoneInfo) -> int:
    """The first instant of the day, nanoseconds since the Unix epoch."""
    midnight = datetime(trading_date.year, trading_date.month, trading_date.day, tzinfo=zone)
    return round(midnight.timestamp()) * NANOSECONDS


def day_end(trading_date: date, zone: ZoneInfo) -> int:
    """The first instant of the next day."""
    return day_start(trading_date + timedelta(days=1), zone)
