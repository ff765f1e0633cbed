"""Dates, date-times and spans as text."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenithd.wire.dates import (
    UTC_FORMATTER,
    DateTimeFormatter,
    InvalidDate,
    format_expires_in,
    format_span,
    parse_date,
    parse_date_time,
    parse_span,
)

SECOND = 1_000_000_000
# The client's expressions (6.6).
EXTENDED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
EXPIRES_IN = re.compile(r"\d\d:\d\d:\d\d\.\d{7}")


def ns(*parts: int, zone: str = "UTC") -> int:
    return round(datetime(*parts, tzinfo=ZoneInfo(zone)).timestamp()) * SECOND  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("time", "zone", "text"),
    [
        (0, "UTC", "1970-01-01T00:00:00Z"),
        (-1, "UTC", "1969-12-31T23:59:59.999999Z"),
        (ns(2014, 2, 11, 1, 44, 2), "Australia/Sydney", "2014-02-11T12:44:02+11:00"),
        (ns(2014, 7, 11, 1, 44, 2) + 120_000_000, "Australia/Sydney", "2014-07-11T11:44:02.120+10:00"),
        (ns(2014, 7, 11, 1, 44, 2) + 123_456_789, "UTC", "2014-07-11T01:44:02.123456Z"),
        (ns(2014, 7, 11, 1, 44, 2) + 999, "UTC", "2014-07-11T01:44:02.000Z"),
        (ns(2020, 1, 1), "America/New_York", "2019-12-31T19:00:00-05:00"),
        (ns(2020, 1, 1), "America/St_Johns", "2019-12-31T20:30:00-03:30"),
        (ns(2020, 1, 1), "Europe/London", "2020-01-01T00:00:00+00:00"),
        (ns(33, 1, 1), "UTC", "0033-01-01T00:00:00Z"),
    ],
)
def test_format(time: int, zone: str, text: str) -> None:
    assert DateTimeFormatter(ZoneInfo(zone)).format(time) == text
    assert EXTENDED.fullmatch(text)


def test_the_cache_of_one_second_does_not_leak_into_the_next() -> None:
    formatter = DateTimeFormatter(ZoneInfo("Australia/Sydney"))
    times = [0, 1, SECOND - 1, SECOND, SECOND // 2, 10**18, 10**18 + 5, 0]
    assert [formatter.format(time) for time in times] == [
        DateTimeFormatter(ZoneInfo("Australia/Sydney")).format(time) for time in times
    ]


@given(
    time=st.integers(-(10**18), 4 * 10**18), zone=st.sampled_from(["UTC", "Australia/Sydney", "Asia/Kolkata"])
)
def test_what_is_formatted_can_be_read(time: int, zone: str) -> None:
    text = DateTimeFormatter(ZoneInfo(zone)).format(time)
    assert EXTENDED.fullmatch(text)
    assert parse_date_time(text) == time // 1000 * 1000


@pytest.mark.parametrize("time", [10**30, -(10**30), 10**21])
def test_times_without_a_year(time: int) -> None:
    with pytest.raises(InvalidDate):
        UTC_FORMATTER.format(time)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2012-06-30T10:02:30Z", ns(2012, 6, 30, 10, 2, 30)),
        ("20120630T100230Z", ns(2012, 6, 30, 10, 2, 30)),
        ("20120630T1002Z", ns(2012, 6, 30, 10, 2)),
        ("20160501T09:30:55.047", ns(2016, 5, 1, 9, 30, 55) + 47_000_000),
        ("2026-11-17T00:00:00.000Z", ns(2026, 11, 17)),
        ("2014-02-11T12:44:02+10:00", ns(2014, 2, 11, 2, 44, 2)),
        ("2014-02-11T12:44:02-0330", ns(2014, 2, 11, 16, 14, 2)),
        ("2014-02-11T12:44:02+10", ns(2014, 2, 11, 2, 44, 2)),
        ("2014-02-11t12:44z", ns(2014, 2, 11, 12, 44)),
        ("2014-02-11 12:44:02", ns(2014, 2, 11, 12, 44, 2)),
        ("2014-02-11T12:44:02.123456789123Z", ns(2014, 2, 11, 12, 44, 2) + 123_456_789),
        ("2014-02-11T12:44:02,5Z", ns(2014, 2, 11, 12, 44, 2) + 500_000_000),
        ("2014-02-11", ns(2014, 2, 11)),
        ("20140211", ns(2014, 2, 11)),
        ("2016-01-20+10:00", ns(2016, 1, 19, 14)),
    ],
)
def test_parse_date_time(text: str, time: int) -> None:
    assert parse_date_time(text) == time


def test_a_date_time_without_offset_is_in_the_given_zone() -> None:
    assert parse_date_time("2014-07-11T12:00:00", ZoneInfo("Australia/Sydney")) == ns(2014, 7, 11, 2)
    assert parse_date_time("2014-07-11T12:00:00Z", ZoneInfo("Australia/Sydney")) == ns(2014, 7, 11, 12)


NONSENSE = [
    "",
    "now",
    "2014",
    "2014-2-1",
    "2014-02-30",
    "2014-13-01",
    "0000-01-01",
    "2014-0211",
    "201402-11",
    "2014-02-11T24:00:00Z",
    "2014-02-11T12:60:00Z",
    "2014-02-11T12:00:60Z",
    "2014-02-11T12:0000Z",
    "2014-02-11T",
    "2014-02-11T12Z",
    "2014-02-11T12:00:00+25:00",
    "2014-02-11T12:00:00+10:60",
    "2014-02-11T12:00:00Zulu",
    "2014-02-11T12:00:00.Z",
    " 2014-02-11",
    "2014-02-11\n",
    "\u0662\u0660\u0661\u0664-02-11",  # digits, but not ours
    "-2014-02-11",
    "2" * 5_000,
]


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_is_no_date_time(text: str) -> None:
    with pytest.raises(InvalidDate):
        parse_date_time(text)


@given(st.text(alphabet="0123456789-:T.Z+ ", max_size=40))
def test_any_text_is_a_date_or_invalid(text: str) -> None:
    for parse in (parse_date_time, parse_date, parse_span):
        try:
            parse(text)
        except InvalidDate:
            continue


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00"])
def test_the_ends_of_time(text: str) -> None:
    parse_date_time(text)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2014-02-11", date(2014, 2, 11)),
        ("20140211", date(2014, 2, 11)),
        ("2026-11-17T00:00:00.000Z", date(2026, 11, 17)),
        ("2026-11-17T23:00:00-11:00", date(2026, 11, 17)),
        ("2016-01-20+10:00", date(2016, 1, 20)),
    ],
)
def test_parse_date(text: str, day: date) -> None:
    assert parse_date(text) == day


@pytest.mark.parametrize("text", ["", "2014-02-30", "tomorrow", "2014-02", "0000-01-01"])
def test_nonsense_is_no_date(text: str) -> None:
    with pytest.raises(InvalidDate):
        parse_date(text)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("00:00:35", 35 * SECOND),
        ("00:01", 60 * SECOND),
        ("1.00:00:00", 86_400 * SECOND),
        ("1.12:20:5", (36 * 3600 + 20 * 60 + 5) * SECOND),
        ("0:0:0.5", SECOND // 2),
        ("00:00:00.0000001", 100),
        ("9999999.23:59:59.999999999", (9_999_999 * 86_400 + 86_399) * SECOND + 999_999_999),
    ],
)
def test_parse_span(text: str, span: int) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize(
    "text",
    ["", "35", "24:00:00", "00:60", "00:00:60", "-00:00:35", "1:2:3:4", "00:00:35.", "1.", "12345678.00:00",
     "00:00:00.0000000001", "00:00:35 ", "1d", "x" * 5_000],
)  # fmt: skip
def test_nonsense_is_no_span(text: str) -> None:
    with pytest.raises(InvalidDate):
        parse_span(text)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (35 * SECOND, "00:00:35"),
        (60 * SECOND, "00:01:00"),
        (86_400 * SECOND, "1.00:00:00"),
        (SECOND + SECOND // 2, "00:00:01.5000000"),
        (99, "00:00:00"),
    ],
)
def test_format_span(span: int, text: str) -> None:
    assert format_span(span) == text


@given(st.integers(0, 10**18).map(lambda ticks: ticks * 100 % (10**7 * 86_400 * SECOND)))
def test_spans_round_trip(span: int) -> None:
    assert parse_span(format_span(span)) == span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00:00.0000000"),
        (-5, "00:00:00.0000000"),
        (59.5, "00:00:59.5000000"),
        (86_400, "24:00:00.0000000"),
        (10**9, "99:59:59.9999999"),
    ],
)
def test_expires_in(seconds: float, text: str) -> None:
    assert format_expires_in(seconds) == text
    assert EXPIRES_IN.fullmatch(text)


def test_utc() -> None:
    assert UTC_FORMATTER.format(0) == datetime(1970, 1, 1, tzinfo=UTC).isoformat().replace("+00:00", "Z")
