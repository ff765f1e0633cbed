"""`zenithd vet explain` and `zenithd vet replay`: rules and the orders that are in the journal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from zenithd.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    OperatorFault,
    examples,
    print_json,
    print_table,
)
from zenithd.config import Config
from zenithd.config import load as load_config
from zenithd.journal import Damaged, StoreFault, StoreRefused, reading
from zenithd.journaling import journal_reader
from zenithd.trading.judged import Judged, judged
from zenithd.trading.service import FEED
from zenithd.vetting import (
    Explanation,
    Finding,
    InvalidRules,
    ReplayReport,
    RuleSets,
    StatementTrace,
    explain,
    load,
    replay,
    value_text,
)
from zenithd.vetting_files import STOCK, configured_rules, limits_of, read_source, stock_source

DIFFERENCES_SHOWN = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

app = typer.Typer()

FilesArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FILE]…",
        help="Files of rules; by default those of the configuration. They may use the stock rules.",
        show_default=False,
    ),
]


def read_rules(files: list[Path], config: Path | None, verb: str) -> RuleSets:
    """The rules of files alone, or of the configuration.

    Raises:
        OperatorFault, ConfigError: a file cannot be read.
        InvalidRules: they cannot be used.
    """
    if not files:
        return configured_rules(load_config(config or DEFAULT_CONFIG))
    limits = limits_of((Config() if config is None else load_config(config)).vetting)
    sources = [stock_source()]
    for path in files:
        try:
            sources.append(read_source(path))
        except OSError as error:
            raise OperatorFault(f"zenithd vet {verb}: {path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise OperatorFault(f"zenithd vet {verb}: {path}: expected UTF-8; save it as such") from None
    return load(sources, limits, without_sets_of=(STOCK,))


@app.command("explain", epilog=examples("zenithd vet explain 0Kb3p7Zk2sVtq8Lw1nYx4R"))
def explain_order(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="ID of an order, or of a request.")],
    files: FilesArgument = None,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Which rules had a say in an order's requests, and the values they read; from the journal."""
    rules = _rules(files, config, "explain")
    found = [one for one in _taken(config) if order in (one.order_id, one.request.request_id)]
    if not found:
        raise OperatorFault(
            f"zenithd vet explain: {order}: expected the id of an order or request that was vetted and taken;"
            " what is refused is not kept"
        )
    explained = [(one, explain(rules, one.past.facts)) for one in found]
    if json:
        print_json([_explained(*one) for one in explained])
        return
    for one, explanation in explained:
        _print_explanation(one, explanation)


@app.command("replay", epilog=examples("zenithd vet replay site.vortex --since 2026-11-20"))
def replay_orders(
    files: FilesArgument = None,
    since: Annotated[
        str,
        typer.Option(help="From then on: 2026-11-21T10:30:00, in UTC; by default all.", show_default=False),
    ] = "",
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """What these rules would have said of the requests that were taken, compared with what was said then."""
    rules = _rules(files, config, "replay")
    report = replay(rules, (one.past for one in _taken(config, _nanoseconds(since) if since else 0)))
    if json:
        print_json(_reported(report))
    else:
        _print_report(report)


# From the journal


def _taken(config: Path, since: int = 0) -> Iterator[Judged]:
    try:
        with contextlib.closing(journal_reader(load_config(config))) as reader, reader.frozen():
            until = reading.read_head(reader).position
            steps = reading.feed_records(reader, FEED, 1, until, checked=False)
            yield from judged(
                (record.position, record.body) for step in steps for record in step if record.date >= since
            )
    except (StoreRefused, StoreFault, Damaged, ValueError) as error:
        raise OperatorFault(f"zenithd vet: {error}") from None


def _nanoseconds(text: str) -> int:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise OperatorFault(f"--since {text}: expected a date such as 2026-11-21T10:30:00") from None
    date = date.replace(tzinfo=UTC) if date.tzinfo is None else date
    return (date - _EPOCH) // timedelta(microseconds=1) * 1_000


def _rules(files: list[Path] | None, config: Path, verb: str) -> RuleSets:
    try:
        return read_rules(files or [], config, verb)
    except InvalidRules as error:
        raise OperatorFault(f"zenithd vet {verb}: {error}") from None


# What is printed


def _told(level: str, codes: tuple[str, ...]) -> str:
    return f"{level} {', '.join(codes)}".strip()


def _print_explanation(one: Judged, explanation: Explanation) -> None:
    facts, past, verdict = one.past.facts, one.past, explanation.verdict
    typer.echo(
        f"{facts.request.type} {facts.request.id} of order {one.order_id}, account {one.request.account},"
        f" user {facts.user.id}, {facts.request.time:%Y-%m-%dT%H:%M:%SZ}"
    )
    typer.echo(f"  then: {_told(past.level.name, past.codes)}")
    typer.echo(f"  by these rules: {_told(verdict.level.name, verdict.codes)}")
    rows = [
        [
            f"{trace.set_name}{' (shadow)' if trace.is_shadow else ''}",
            str(trace.step.place),
            "  " * trace.depth + trace.outcome.value,
            _finding(trace.finding),
            _read(trace),
        ]
        for trace in explanation.statements
    ]
    print_table(("set", "statement", "outcome", "says", "read"), rows, "no set applies: the order passes")
    if explanation.skipped:
        typer.echo(f"sets that do not apply: {', '.join(explanation.skipped)}")


def _finding(found: Finding | None) -> str:
    return "" if found is None else _told(found.level.name, (found.text,))


def _read(trace: StatementTrace) -> str:
    return " ".join(f"{name}={_value(value)}" for name, value in trace.read.items())


def _value(value: Any) -> str:
    return "missing" if value is None else value_text(value)


def _explained(one: Judged, explanation: Explanation) -> dict[str, Any]:
    verdict = explanation.verdict
    return {
        "position": one.past.position,
        "order": one.order_id,
        "request": one.request.request_id,
        "type": one.past.facts.request.type,
        "account": str(one.request.account),
        "user": one.past.facts.user.id,
        "time": one.past.facts.request.time.isoformat(),
        "then": {"level": one.past.level.name, "codes": list(one.past.codes)},
        "now": {"level": verdict.level.name, "codes": list(verdict.codes)},
        "statements": [
            {
                "set": trace.set_name,
                "shadow": trace.is_shadow,
                "rule": trace.step.place.rule,
                "file": trace.step.place.source,
                "line": trace.step.place.position.line,
                "outcome": trace.outcome.value,
                "says": _finding(trace.finding) or None,
                "read": {name: None if it is None else value_text(it) for name, it in trace.read.items()},
            }
            for trace in explanation.statements
        ],
        "skipped": list(explanation.skipped),
    }


def _print_report(report: ReplayReport) -> None:
    typer.echo(f"requests that were taken: {report.requests:,}")
    rows = [
        [before.name, after.name, f"{count:,}"] for (before, after), count in sorted(report.changed.items())
    ]
    print_table(("then", "by these rules", "requests"), rows, "none would have ended otherwise")
    if report.recoded:
        typer.echo(f"{report.recoded:,} with the same end and other codes")
    if report.codes:
        print_table(("code", "requests"), [[code, f"{count:,}"] for code, count in report.codes.items()], "")
    if report.differences:
        rows = [
            [
                f"{one.time:%Y-%m-%dT%H:%M:%SZ}",
                one.account_id or "",
                one.request_id,
                _told(one.before.name, one.codes_before),
                _told(one.verdict.level.name, one.verdict.codes),
            ]
            for one in report.differences[:DIFFERENCES_SHOWN]
        ]
        print_table(("time", "account", "request", "then", "by these rules"), rows, "")


def _reported(report: ReplayReport) -> dict[str, Any]:
    return {
        "requests": report.requests,
        "changed": [
            {"then": before.name, "now": after.name, "requests": count}
            for (before, after), count in sorted(report.changed.items())
        ],
        "recoded": report.recoded,
        "codes": report.codes,
        "differences": [
            {
                "position": one.position,
                "request": one.request_id,
                "account": one.account_id,
                "time": one.time.isoformat(),
                "then": {"level": one.before.name, "codes": list(one.codes_before)},
                "now": {"level": one.verdict.level.name, "codes": list(one.verdict.codes)},
            }
            for one in report.differences
        ],
    }
