"""A reader that has seen enough (`head`) ends every verb quietly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from zenithd.cli import EXIT_PIPE_CLOSED, is_closed_pipe

CLOSED_PIPE = """
import os, sys
reader, writer = os.pipe()
os.close(reader)
os.dup2(writer, 1)
from zenithd.cli import main
sys.exit(main())
"""

WATCH = """
import os, sys
import trio
reader, writer = os.pipe()
os.close(reader)
os.dup2(writer, 1)
import zenithd.cli.watch as watch
async def print_in_a_task(settings, watched, printer):
    async def chat():
        printer.message("{}")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(chat)
        await trio.sleep_forever()
watch.watch_instruments = print_in_a_task
from zenithd.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    "verb",
    [
        ("--help",),
        ("--version",),
        ("init",),
        ("check", "--json"),
        ("plugins", "list"),
        ("plugins", "list", "--json"),
        ("plugins", "show", "replay"),
        ("user", "list"),
    ],
    ids=" ".join,
)
def test_nobody_reads(tmp_path: Path, verb: tuple[str, ...]) -> None:
    if verb != ("init",):
        (tmp_path / "config.toml").write_text('server.listen = "127.0.0.1:0"')
    ended = subprocess.run(
        [sys.executable, "-c", CLOSED_PIPE, *verb], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (EXIT_PIPE_CLOSED, "")


def test_nobody_reads_what_is_watched(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WATCH, "watch", "XS01.XSX", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (EXIT_PIPE_CLOSED, "")


def test_other_ends_are_not_taken_for_it() -> None:
    assert is_closed_pipe(BaseExceptionGroup("", [BrokenPipeError()]))
    assert not is_closed_pipe(BaseExceptionGroup("", [BrokenPipeError(), ValueError()]))
    assert not is_closed_pipe(SystemExit(1))
