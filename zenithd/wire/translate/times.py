"""Times on the clock of a market; one formatter per zone serves all of its markets."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from zenithd.wire.dates import DateTimeFormatter, InvalidDate

NANOSECONDS_A_DAY = 86_400_000_000_000
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


@cache
def formatter(zone: str) -> DateTimeFormatter:
    """Give the formatter of an IANA zone."""
    return DateTimeFormatter(ZoneInfo(zone))


def time_text(time: int, zone: str) -> str | None:
    """Write a time with the offset of a zone; None for one that no calendar has."""
    try:
        return formatter(zone).format(time)
    except InvalidDate:
        return None


def trading_date_text(day: date, zone: str) -> str:
    """Write the date of a daily record with the offset of its midnight: `2016-01-20+10:00`.

    The offset is in figures also for UTC: clients do not read a date that ends in `Z`.
    """
    offset = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).utcoffset() or timedelta()
    minutes = round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    hours, minutes = divmod(abs(minutes), 60)
    return f"{day.isoformat()}{sign}{hours:02}:{minutes:02}"
