"""The command `zenithd`: one module per family of verbs.

An operator's mistake ends in one line on standard error and exit code 2; a traceback is always our bug.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from zenithd.cli import (
    account,
    bench,
    check,
    init,
    journal,
    market,
    order,
    plugins,
    record,
    run,
    symbol,
    top,
    user,
    vet,
    watch,
)
from zenithd.cli.common import EXIT_FAULT, OperatorFault, examples, fault_lines
from zenithd.config import ConfigError, LoggingSettings
from zenithd.logs import configure_logs

EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141
"""What a shell reports of a program that SIGPIPE ended."""

STDOUT, STDERR = 1, 2
"""File descriptors."""

_UsageError: Any = typer.BadParameter.__bases__[
    0
]  # typer brings its own click and does not export this class

app = typer.Typer(
    name="zenithd",
    help="A market-data daemon that speaks the public Zenith protocol.",
    epilog=examples("zenithd init", "zenithd run", "zenithd watch XS01.XSX"),
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command("run", epilog=run.EPILOG)(run.run)
app.command("init", epilog=init.EPILOG)(init.init)
app.command("check", epilog=check.EPILOG)(check.check)
app.command("watch", epilog=watch.EPILOG)(watch.watch)
app.command("top", epilog=top.EPILOG)(top.top)
app.command("record", epilog=record.RECORD_EPILOG)(record.record)
app.command("replay", epilog=record.REPLAY_EPILOG)(record.replay)
app.add_typer(account.app, name="account")
app.add_typer(bench.app, name="bench")
app.add_typer(journal.app, name="journal")
app.add_typer(market.app, name="market")
app.add_typer(order.app, name="order")
app.add_typer(plugins.app, name="plugins")
app.add_typer(symbol.app, name="symbol")
app.add_typer(user.app, name="user")
app.add_typer(vet.app, name="vet")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"zenithd {importlib.metadata.version('zenithd')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """A market-data daemon that speaks the public Zenith protocol."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; `arguments` are those of the process by default."""
    try:
        code = _execute(arguments)
        sys.stdout.flush()  # what is still buffered may be what nobody reads
        sys.stderr.flush()
    except (BrokenPipeError, SystemExit, BaseExceptionGroup) as error:
        if not is_closed_pipe(error):
            raise
        null = os.open(os.devnull, os.O_WRONLY)  # the interpreter flushes once more at its end
        os.dup2(null, STDOUT)
        try:
            sys.stderr.flush()
        except BrokenPipeError:
            os.dup2(null, STDERR)
        return EXIT_PIPE_CLOSED
    return code


def is_closed_pipe(error: BaseException) -> bool:
    """True if nothing happened but that the reader of our output (`head`) has seen enough."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_closed_pipe, error.exceptions))
    if isinstance(error, SystemExit):  # typer and rich turn it into this
        return isinstance(error.__context__, BrokenPipeError)
    return isinstance(error, BrokenPipeError)


def _execute(arguments: Sequence[str] | None) -> int:
    command = typer.main.get_command(app)
    configure_logs(LoggingSettings(level="warning"))  # until a verb has read what is configured
    try:
        result = command.main(args=arguments, prog_name="zenithd", standalone_mode=False)
    except _UsageError as error:
        context = error.ctx
        hint = f'; see "{context.command_path} --help"' if context is not None else ""
        message = " ".join(error.format_message().split()).rstrip(".")
        return _fail([f"zenithd: {message}{hint}"] if message else [])  # empty: the help page was the answer
    except (ConfigError, OperatorFault, BaseExceptionGroup) as error:
        if isinstance(error, BaseExceptionGroup) and error.subgroup(KeyboardInterrupt) is not None:
            return EXIT_INTERRUPTED
        lines = fault_lines(error)
        if lines is None:
            raise
        return _fail(lines)
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED
    return result if isinstance(result, int) else 0


def _fail(lines: Sequence[str]) -> int:
    for line in lines:
        print(line, file=sys.stderr)
    return EXIT_FAULT
