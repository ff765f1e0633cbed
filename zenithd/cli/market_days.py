"""Calendars of markets: timetable files, days set apart, and the tables that show them."""

from __future__ import annotations

import csv
import json
import sys
import tomllib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from zenithd.cli.common import OperatorFault, print_json
from zenithd.cli.control import Call, Desk, Refused, path_of

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Day(msgspec.Struct, frozen=True):
    """A day set apart: without trading, or with another plan."""

    date: str
    name: str = ""
    plan: str = ""


def day_of(text: str, name: str, plan: str, place: str = "") -> Day:
    """A day from what an operator wrote.

    Args:
        text: the date.
        name: what the day is called.
        plan: the plan that it follows; empty means no trading.
        place: file and line for the error.

    Raises:
        OperatorFault: it is no date, or name and plan are both given.
    """
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise OperatorFault(f"{place}{text!r} is not a date; write for example 2026-12-25") from None
    if name and plan:
        raise OperatorFault(f"{place}a day has a name (no trading) or a plan (another day), not both")
    return Day(day.isoformat(), name, plan)


def read_days(file: Path) -> list[Day]:
    """Days of a CSV file: date, name, plan; a first line that begins with `date` is a heading.

    Raises:
        OperatorFault: the file cannot be read, or one of its lines.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as content:
            rows = [(number, row) for number, row in enumerate(csv.reader(content), 1) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OperatorFault(f"{file}: {error}") from None
    days = []
    for number, row in rows:
        if number == 1 and row[0].strip().lower() == "date":
            continue
        if len(row) > len(Day.__struct_fields__):
            raise OperatorFault(f"{file}:{number}: expected date, name, plan; found {len(row)} columns")
        name, plan = (each.strip() for each in [*row, "", ""][1:3])
        days.append(day_of(row[0], name, plan, f"{file}:{number}: "))
    return days


def set_days(desk: Desk, market: str, days: Sequence[Day], *, remove: bool) -> None:
    """Set days apart, or make them usual ones, one after the other.

    Raises:
        Refused: with how many were done before.
    """
    calls = [_call(market, day, remove) for day in days]
    if desk.dry_run:
        for call in calls:
            desk.print_request(call)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(f"Days of {market}", total=len(calls))
        for done, (day, call) in enumerate(zip(days, calls, strict=True)):
            try:
                desk.exchange.ask(call)
            except Refused as refused:
                raise Refused(f"{day.date}: {refused}; {done} of {len(days)} days were done") from None
            progress.advance(task)
    if desk.json:
        print_json({"result": "Changed", "days": [day.date for day in days]})
    else:
        typer.echo(f"{len(days)} {'day' if len(days) == 1 else 'days'} of {market}: changed")


def _call(market: str, day: Day, remove: bool) -> Call:
    path = path_of("market", market, "holiday", day.date)
    if remove:
        return Call("DELETE", path)
    return Call("PUT", path, {"Plan": day.plan} if day.plan else {"Name": day.name})


def read_timetable(file: Path) -> dict[str, Any]:
    """A timetable from TOML, in which an empty weekday means no trading, or JSON.

    Raises:
        OperatorFault: the file cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
        content = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:  # also what is wrong with JSON, TOML or UTF-8
        raise OperatorFault(f"{file}: {error}") from None
    if not isinstance(content, dict):
        raise OperatorFault(f"{file}: expected a table with time_zone, plans and weekdays")
    weekdays = content.get("weekdays")
    if isinstance(weekdays, list):
        content["weekdays"] = [None if plan == "" else plan for plan in weekdays]
    return content


def timetable_rows(timetable: dict[str, Any] | None) -> list[list[str]]:
    """The plans of a timetable and the days that follow them."""
    if timetable is None:
        return []
    rows = []
    for name, phases in timetable["plans"].items():
        days = [day for day, plan in zip(WEEKDAYS, timetable["weekdays"], strict=True) if plan == name]
        days += [day for day, plan in sorted(timetable["special_days"].items()) if plan == name]
        shown = ", ".join(f"{at} {kind}" for at, kind in phases)
        rows.append([", ".join(days) or "no day", name, shown])
    none = [day for day, plan in zip(WEEKDAYS, timetable["weekdays"], strict=True) if plan is None]
    none += sorted(timetable["holidays"])
    if none:
        rows.append([", ".join(none), "", "no trading"])
    rows.append(["", "", f"local time in {timetable['time_zone']}"])
    return rows


def special_rows(timetable: dict[str, Any]) -> list[list[str]]:
    """The days set apart, by date."""
    rows = [[day, name, "no trading"] for day, name in timetable.get("holidays", {}).items()]
    rows += [[day, "", plan] for day, plan in timetable.get("special_days", {}).items()]
    return sorted(rows)
