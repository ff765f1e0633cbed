"""Kept inputs of market codes, patterns and dates."""

from __future__ import annotations

from typing import Any

MARKET: dict[str, tuple[Any, str]] = {
    "all that may be left out": ("ASX:[]", "market"),
    "the older notation": ("XS01!XSX", "market"),
    "the older notation of nothing": ("XSX!", "invalid"),
    "an empty alternative in a mix": ("ASX:+CXA", "mixed market"),
    "a market beside its own alternative": ("A+A:B", "mixed market"),
    "in order by code, not by alternative": ("A:B+A", "invalid"),
    "a market with itself": ("XSX+XSX", "invalid"),
    "a market with another spelling of itself": ("XSX+XSX:", "invalid"),
    "a tag inside of a mix": ("XSX[D]+XSY[D]", "invalid"),
    "a strategy without a mix": ("XSX#Default", "invalid"),
    "two strategies": ("XSX+XSY#A#B", "invalid"),
    "letters that only look right": ("\uff21SX", "invalid"),
    "digits of another script": ("A\u0661", "invalid"),
    "a line break at the end, which `$` would pass": ("XSX\n", "invalid"),
    "as long as may be": ("X" * 200, "market"),
    "one longer": ("X" * 201, "invalid"),
    "a hundred markets": ("+".join(f"{n:03}" for n in range(50)), "mixed market"),
    "a code of one blank": (" .XSX", "instrument"),
    "a code and the older notation, which is a market too": ("XS01.A!XSX", "market"),
    "a code with a line break": ("XS\n01.XSX", "invalid"),
    "dots alone": ("...", "invalid"),
}

PATTERN: dict[str, tuple[Any, str]] = {
    "texts around the stars overlap": (["A[*", "*[A"], "2 patterns"),
    "they overlap in two ways": (["AAA*", "*AAA"], "2 patterns"),
    "a bracket is no class of characters": (["[A*", "*"], "2 patterns"),
    "nothing but a star, and nothing": (["*", ""], "2 patterns"),
    "a chain of meets": (["A*", "*A", "AA*", "*AA"], "4 patterns"),
}

DATE: dict[str, tuple[Any, str]] = {
    "before the first year by its offset": ("0001-01-01T00:00:00+14:00", "date-time"),
    "behind the last year by its offset": ("9999-12-31T23:59:59-14:00", "date-time"),
    "the year nought": ("0000-01-01", "invalid"),
    "a leap second": ("2016-12-31T23:59:60Z", "date"),
    "midnight at the end of a day": ("2026-11-20T24:00:00Z", "date"),
    "an hour that there is not": ("2026-10-04T02:30:00", "date-time"),
    "an offset of a day": ("2026-11-20T10:00:00+24:00", "date"),
    "one colon of two": ("2026-11-20T10:0000", "invalid"),
    "one dash of two": ("2026-1120", "invalid"),
    "a comma before the fraction": ("20261120T101010,5Z", "date-time"),
    "finer than a nanosecond": ("2026-11-20T10:10:10.999999999999Z", "date-time"),
    "digits of another script": ("\u0662\u0660\u0662\u0666-11-20", "invalid"),
    "the longest span": ("9999999.23:59:59.999999999", "span"),
    "one part alone": ("5", "invalid"),
    "65 characters": ("2026-11-20T10:10:10" + "0" * 46, "invalid"),
}

CASES = {"market": MARKET, "pattern": PATTERN, "date": DATE}
