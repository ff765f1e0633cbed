"""The command line in this process, in an empty folder, with plugins of the test's own beside the others."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from cli_support import GOOD_PLUGIN, Install, Result, Run

from zenithd.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    empty = tmp_path / "folder"
    empty.mkdir()
    monkeypatch.chdir(empty)
    return empty


@pytest.fixture
def zenithd(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """Run a command in the empty folder; `stdin` is what it reads, never a terminal."""

    def run(*arguments: str, stdin: str = "") -> Result:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = main(arguments)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    yield run
    restore_logging()


def restore_logging() -> None:
    """What the command line set up belongs to its process, which in tests is not its own."""
    logging.getLogger().handlers.clear()
    logging.getLogger().setLevel(logging.WARNING)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a package with one plugin: its name and the text of its module."""

    def add(name: str, text: str) -> None:
        site = tmp_path / f"site-{name}"
        information = site / f"package_{name}-1.2.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: package-{name}\nVersion: 1.2\n")
        (information / "entry_points.txt").write_text(f"[zenithd.plugins]\n{name} = module_of_{name}\n")
        (site / f"module_of_{name}.py").write_text(text)
        monkeypatch.syspath_prepend(site)
        monkeypatch.delitem(sys.modules, f"module_of_{name}", raising=False)

    return add


@pytest.fixture
def good_plugin(install: Install) -> str:
    """A plugin that works; returns its name."""
    install("testsource", GOOD_PLUGIN)
    return "testsource"


@pytest.fixture
def broken_plugin(install: Install) -> str:
    """A plugin that cannot be imported; returns its name."""
    install("testbroken", "raise RuntimeError('no luck today')\n")
    return "testbroken"
