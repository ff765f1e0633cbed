"""Dates, date-times and time spans as text (zenith-websocket 1.6, 6.6).

Inside, a time is an integer of nanoseconds since the Unix epoch. The daemon emits extended ISO only, always
with seconds and an offset; it accepts the compact form too. A span is an integer of nanoseconds.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

NANOSECONDS = 1_000_000_000
TEXT_LENGTH_MAX = 64
"""Longer input is invalid without a look at it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_DATE_TIME = re.compile(
    r"(?P<year>\d{4})(?P<dash>-?)(?P<month>\d{2})(?P=dash)(?P<day>\d{2})"
    r"(?:[Tt ](?P<hour>\d{2})(?P<colon>:?)(?P<minute>\d{2})"
    r"(?:(?P=colon)(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,12}))?)?)?"
    r"(?P<offset>[Zz]|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)
_SPAN = re.compile(r"(?:(\d{1,7})\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))?)?", re.ASCII)
_EXPIRES_IN_MAX = 100 * 3600 * 10_000_000 - 1


class InvalidDate(ValueError):
    """The text is not a date, date-time or span of any accepted form. Blame: whoever sent it."""


class DateTimeFormatter:
    """Formats times in one time zone; what is equal within a second is made once."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._second: int | None = None
        self._prefix = ""
        self._suffix = ""

    def format(self, time: int) -> str:
        """`2014-02-11T12:44:02.123+11:00`: milli- or microseconds as needed, smaller parts cut off.

        Raises:
            InvalidDate: outside the years 1 to 9999.
        """
        second, rest = divmod(time, NANOSECONDS)
        if second != self._second:
            self._prepare(second)
        if not rest:
            return self._prefix + self._suffix
        micros = rest // 1000
        if micros % 1000:
            return f"{self._prefix}.{micros:06}{self._suffix}"
        return f"{self._prefix}.{micros // 1000:03}{self._suffix}"

    def _prepare(self, second: int) -> None:
        try:
            local = (_EPOCH + timedelta(seconds=second)).astimezone(self._zone)
        except (OverflowError, ValueError) as error:
            raise InvalidDate(f"no year for second {second}") from error
        self._prefix = local.replace(tzinfo=None).isoformat()
        self._suffix = _offset_text(local)
        self._second = second


def _offset_text(moment: datetime) -> str:
    if moment.tzinfo is UTC or getattr(moment.tzinfo, "key", "") == "UTC":
        return "Z"
    offset = moment.utcoffset() or timedelta(0)
    minutes = round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    hours, minutes = divmod(abs(minutes), 60)
    return f"{sign}{hours:02}:{minutes:02}"


UTC_FORMATTER = DateTimeFormatter(UTC)
"""For times that belong to no market."""


def parse_date_time(text: str, zone: tzinfo = UTC) -> int:
    """Read a date-time, extended or compact; a date alone means its midnight.

    `zone` is meant where the text gives no offset, usually the market's.

    Returns:
        Nanoseconds since the Unix epoch.

    Raises:
        InvalidDate: not of the grammar, or no such day or time.
    """
    found = _match(text)
    offset, fraction = found["offset"], found["fraction"] or "0"
    numbers = [int(found[part] or 0) for part in ("year", "month", "day", "hour", "minute", "second")]
    try:
        year, month, day, hour, minute, second = numbers
        local_zone = _parse_offset(offset) if offset else zone
        since = datetime(year, month, day, hour, minute, second, tzinfo=local_zone) - _EPOCH
    except (ValueError, OverflowError) as error:
        raise InvalidDate(f"{text[:40]!r}: {error}") from None
    whole = (since.days * 86_400 + since.seconds) * NANOSECONDS
    return whole + int(fraction.ljust(9, "0")[:9])


def parse_date(text: str) -> date:
    """Read a date; of a date-time, which real clients send for dates, the date as it is written.

    Raises:
        InvalidDate: not of the grammar, or no such day.
    """
    found = _match(text)
    try:
        return date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError as error:
        raise InvalidDate(f"{text[:40]!r}: {error}") from None


def _match(text: str) -> re.Match[str]:
    found = _DATE_TIME.fullmatch(text) if len(text) <= TEXT_LENGTH_MAX else None
    if found is None:
        raise InvalidDate(f"{text[:40]!r} is not a date-time")
    return found


def _parse_offset(text: str) -> timezone:
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
    if minutes > 59:
        raise ValueError("offset minutes beyond 59")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def parse_span(text: str) -> int:
    """Read a time span `[d.]hh:mm[:ss[.fff]]`; parts need not be padded with zeros.

    Returns:
        Nanoseconds, never negative.

    Raises:
        InvalidDate: not of the grammar; hours beyond 23, minutes or seconds beyond 59.
    """
    found = _SPAN.fullmatch(text) if len(text) <= TEXT_LENGTH_MAX else None
    if found is None:
        raise InvalidDate(f"{text[:40]!r} is not a time span")
    days, hours, minutes, seconds, fraction = found.groups()
    if int(hours) > 23 or int(minutes) > 59 or int(seconds or 0) > 59:
        raise InvalidDate(f"{text[:40]!r}: hours beyond 23 or minutes or seconds beyond 59")
    whole = ((int(days or 0) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds or 0)
    return whole * NANOSECONDS + int((fraction or "0").ljust(9, "0"))


def format_span(span: int) -> str:
    """`[d.]hh:mm:ss[.fffffff]` of nanoseconds, not negative; parts below 100 ns are cut off."""
    whole, rest = divmod(span, NANOSECONDS)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    day_part = f"{days}." if days else ""
    fraction = f".{rest // 100:07}" if rest // 100 else ""
    return f"{day_part}{hours:02}:{minutes:02}:{seconds:02}{fraction}"


def format_expires_in(seconds: float) -> str:
    """ExpiresIn, exactly `hh:mm:ss.fffffff`. Negative is zero; 100 hours and more is just below 100 hours.

    Clients know two digits of hours only; a client that renews its login early does no harm.
    """
    ticks = min(max(int(seconds * 10_000_000), 0), _EXPIRES_IN_MAX)
    whole, rest = divmod(ticks, 10_000_000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}.{rest:07}"
