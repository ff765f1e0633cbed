"""What all verbs share: options, tables, JSON, and errors that are one line."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from zenithd.config import ConfigError

EXIT_FAULT = 2
"""Exit code of everything the operator can put right."""

PIPE_WIDTH = 200
"""Columns of a table that goes into a pipe or file."""


class OperatorFault(Exception):
    """Something the operator can put right, told in one line on standard error."""


ConfigOption = Annotated[
    Path,
    typer.Option("--config", "-c", metavar="FILE", help="The configuration file.", show_default=True),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

DEFAULT_CONFIG = Path("config.toml")


def examples(*commands: str) -> str:
    """The end of a help page: command lines to copy."""
    return "Examples:\n\n" + "\n".join(f"- `{command}`" for command in commands)


def console() -> Console:
    """Standard output; wide enough for tables where it is no terminal."""
    return Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH, highlight=False)


def print_json(content: Any) -> None:
    """Print one JSON document on standard output."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    sys.stdout.write(orjson.dumps(content, option=options, default=str).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
    """Print a table; what it says comes as it is, without markup."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table if table.row_count else empty)


def fault_lines(error: BaseException) -> list[str] | None:
    """The lines to print if nothing but operator faults happened; None if anything else did."""
    if isinstance(error, BaseExceptionGroup):
        lines: list[str] = []
        for inner in error.exceptions:
            inner_lines = fault_lines(inner)
            if inner_lines is None:
                return None
            lines += inner_lines
        return lines
    if isinstance(error, ConfigError | OperatorFault):
        return [str(error)]
    return None
