"""`zenithd vet …`: the rules that orders must pass."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zenithd.cli.common import (
    DEFAULT_CONFIG,
    EXIT_FAULT,
    JsonOption,
    OperatorFault,
    examples,
    print_json,
    print_table,
)
from zenithd.config import Config
from zenithd.config import load as load_config
from zenithd.vetting import InvalidRules, Problem, RuleSets, load
from zenithd.vetting_files import STOCK, configured_rules, limits_of, read_source, stock_source

app = typer.Typer(
    help="Vetting: the rules that every order must pass (docs/vetting.md).",
    epilog=examples(
        "zenithd vet check", "zenithd vet check rules.vortex", "zenithd vet check rules.vortex --json"
    ),
    no_args_is_help=True,
)


@app.callback()
def _family() -> None:
    """Vetting: the rules that every order must pass (docs/vetting.md)."""


@app.command(epilog=examples("zenithd vet check", "zenithd vet check rules.vortex other.vortex --json"))
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]…",
            help="Files of rules; by default those of the configuration. They may use the stock rules.",
            show_default=False,
        ),
    ] = None,
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
        rules = _read(files or [], config)
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


def _read(files: list[Path], config: Path | None) -> RuleSets:
    if not files:
        return configured_rules(load_config(config or DEFAULT_CONFIG))
    limits = limits_of((Config() if config is None else load_config(config)).vetting)
    sources = [stock_source()]
    for path in files:
        try:
            sources.append(read_source(path))
        except OSError as error:
            raise OperatorFault(f"zenithd vet check: {path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise OperatorFault(f"zenithd vet check: {path}: expected UTF-8; save it as such") from None
    return load(sources, limits, without_sets_of=(STOCK,))


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
