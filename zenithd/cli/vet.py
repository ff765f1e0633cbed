"""`zenithd vet …`: the rules that orders must pass."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zenithd.cli import vet_past
from zenithd.cli.common import (
    EXIT_FAULT,
    JsonOption,
    examples,
    print_json,
    print_table,
)
from zenithd.cli.vet_past import FilesArgument, read_rules
from zenithd.vetting import InvalidRules, Problem, RuleSets
from zenithd.vetting_files import STOCK

app = typer.Typer(
    help="Vetting: the rules that every order must pass (docs/vetting.md).",
    epilog=examples(
        "zenithd vet check rules.vortex",
        "zenithd vet explain 0Kb3p7Zk2sVtq8Lw1nYx4R",
        "zenithd vet replay rules.vortex --since 2026-11-20",
    ),
    no_args_is_help=True,
)
app.add_typer(vet_past.app)


@app.callback()
def _family() -> None:
    """Vetting: the rules that every order must pass (docs/vetting.md)."""


@app.command(epilog=examples("zenithd vet check", "zenithd vet check rules.vortex other.vortex --json"))
def check(
    files: FilesArgument = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="Whose limits hold; by default config.toml without files, the defaults with files.",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Tell every mistake in files of rules, with its line and a caret; exit code 2 if there is one."""
    try:
        rules = read_rules(files or [], config, "check")
    except InvalidRules as error:
        if json:
            print_json({"good": False, "problems": list(map(_problem, error.problems))})
        else:
            for problem in error.problems:
                typer.echo(f"{problem}\n{problem.excerpt}", err=True)
        raise typer.Exit(EXIT_FAULT) from None
    notes = list(_notes(rules))
    if json:
        print_json({"good": True, "problems": [], "sets": list(map(_set, rules.sets)), "notes": notes})
        return
    rows = [
        [
            one["name"],
            "shadow" if one["shadow"] else "",
            "; ".join(one["conditions"]),
            ", ".join(one["rules"]),
        ]
        for one in map(_set, rules.sets)
    ]
    print_table(("set", "", "applies", "rules"), rows, "no set applies: every order passes")
    for note in notes:
        typer.echo(f"note: {note}")
    typer.echo(f"good: vetting an order takes {rules.cost:,} steps at most")


def _problem(problem: Problem) -> dict[str, Any]:
    line, column = problem.position
    return {
        "file": problem.source,
        "line": line,
        "column": column,
        "message": problem.message,
        "text": problem.text,
    }


def _set(one: Any) -> dict[str, Any]:
    conditions = [
        f"{it.topic} {'not in' if it.is_negated else 'in'} {', '.join(sorted(it.values))}"
        for it in one.conditions
    ]
    return {
        "name": one.name,
        "file": one.source,
        "shadow": one.is_shadow,
        "conditions": conditions,
        "rules": [rule.name for rule in one.rules],
    }


def _notes(rules: RuleSets) -> list[str]:
    used = {rule.name for one in rules.sets for rule in one.rules}
    return [
        f"no set uses the rule {rule.name} of {rule.source}"
        for rule in rules.rules.values()
        if rule.name not in used and rule.source != STOCK
    ]
