"""Help, mistakes on the command line, init, and that the shipped files are what init writes."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from cli_support import Result, Run

from zenithd.cli import app, main
from zenithd.cli.common import OperatorFault
from zenithd.cli.reference import reference_files
from zenithd.cli.run import parse_settings
from zenithd.config import Config, load
from zenithd.config.reference import DEMONSTRATION, SECTIONS

ROOT = Path(__file__).parents[2]
VERBS = [
    ["run"], ["init"], ["check"], ["watch"], ["top"], ["record"], ["replay"],
    ["account", "list"], ["account", "show"], ["account", "create"], ["account", "deposit"],
    ["account", "withdraw"], ["account", "issue"], ["account", "reclaim"],
    ["order", "place"], ["order", "amend"], ["order", "cancel"], ["order", "list"], ["order", "watch"],
    ["bench", "fanout"], ["bench", "matching"], ["bench", "scaling"], ["bench", "tls"],
    ["bench", "connections"], ["bench", "storm"], ["bench", "deflate"], ["bench", "journal"],
    ["bench", "orders"], ["bench", "vetting"],
    ["journal", "info"], ["journal", "verify"], ["journal", "digest"], ["journal", "export"],
    ["journal", "snapshot"], ["journal", "backup"], ["journal", "restore"], ["journal", "prune"],
    ["market", "entity", "list"], ["market", "entity", "add"], ["market", "entity", "change"],
    ["market", "entity", "rename"], ["market", "entity", "remove"],
    ["market", "list"], ["market", "show"], ["market", "create"], ["market", "change"],
    ["market", "status"], ["market", "timetable"], ["market", "holiday"], ["market", "rename"],
    ["market", "remove"], ["market", "start-day"], ["market", "end-day"],
    ["plugins", "list"], ["plugins", "show"], ["plugins", "check"], ["plugins", "new"],
    ["symbol", "list"], ["symbol", "show"], ["symbol", "add"], ["symbol", "change"], ["symbol", "rename"],
    ["symbol", "unlist"], ["symbol", "status"], ["symbol", "ticks"], ["symbol", "reference"],
    ["symbol", "limits"], ["symbol", "bulk-cancel"], ["symbol", "cancel-trade"], ["symbol", "correct-trade"],
    ["user", "add"], ["user", "list"], ["user", "remove"], ["user", "password"], ["user", "token"],
    ["vet", "check"], ["vet", "explain"], ["vet", "replay"],
]  # fmt: skip


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_has_help_with_examples(zenithd: Run, verb: list[str]) -> None:
    result = zenithd(*verb, "--help")
    assert result.code == 0
    assert "Examples" in result.out
    assert f"zenithd {' '.join(verb)}" in result.out


def test_every_verb_is_tested_here() -> None:
    assert sorted(verbs_of(typer.main.get_command(app))) == sorted(VERBS)


def verbs_of(command: Any) -> list[list[str]]:
    """The verbs of a command, those of its groups included."""
    if not hasattr(command, "commands"):
        return [[]]
    return [[name, *rest] for name, inner in command.commands.items() for rest in verbs_of(inner)]


def test_examples_use_options_that_exist(zenithd: Run) -> None:
    for verb in VERBS:
        text = zenithd(*verb, "--help").out
        options = set(re.findall(r"--[a-z-]+", text.partition("Examples")[2]))
        known = set(re.findall(r"--[a-z-]+", text.partition("Examples")[0]))
        assert options <= known, verb


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["foo"], "zenithd: No such command 'foo'; see \"zenithd --help\"\n"),
        (["run", "--foo"], 'zenithd: No such option: --foo; see "zenithd run --help"\n'),
        (["watch"], "zenithd: Missing argument 'SYMBOL'; see \"zenithd watch --help\"\n"),
        (["run", "--set", "x"], "--set x: expected KEY=VALUE, such as limits.connections_max=100\n"),
        (
            ["run", "--config", "no.toml"],
            'no.toml: expected a configuration file; write one with "zenithd init" or name it with'
            " --config\n",
        ),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(zenithd: Run, arguments: list[str], line: str) -> None:
    assert zenithd(*arguments) == Result(2, "", line)


def test_mistake_in_a_real_process(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[server]\nlisten = 5\n")
    command = [sys.executable, "-m", "zenithd", "run"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert process.returncode == 2
    assert process.stdout == ""
    assert process.stderr == (
        'config.toml:2: server.listen: expected HOST:PORT, found 5; write for example "127.0.0.1:8640" or'
        ' "[::1]:8640"\n'
    )


def test_version(zenithd: Run) -> None:
    assert re.fullmatch(r"zenithd \d+\.\d+\.\d+\n", zenithd("--version").out)


def test_completion_is_offered(zenithd: Run) -> None:
    assert "--install-completion" in zenithd("--help").out


def test_operator_faults_in_groups_are_lines_and_bugs_are_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = ExceptionGroup("", [OperatorFault("one"), ExceptionGroup("", [OperatorFault("two")])])
    bug = ExceptionGroup("", [OperatorFault("one"), ZeroDivisionError()])

    def fail(error: Exception) -> int:
        monkeypatch.setattr("zenithd.cli.init.config_text", lambda _: (_ for _ in ()).throw(error))
        return main(["init", "--force", "--config", "x.toml"])

    assert fail(faults) == 2
    with pytest.raises(ExceptionGroup):
        fail(bug)


def test_settings_on_the_command_line() -> None:
    assert parse_settings(
        ["a.b=1", "c=true", 'd="x"', "e=plain text", "f=127.0.0.1:1", "g=", "h=[1, 2]"]
    ) == {
        "a.b": 1,
        "c": True,
        "d": "x",
        "e": "plain text",
        "f": "127.0.0.1:1",
        "g": "",
        "h": [1, 2],
    }


def test_init_writes_a_file_that_loads(zenithd: Run, folder: Path) -> None:
    result = zenithd("init")
    assert result == Result(0, 'Wrote config.toml. Start the daemon with "zenithd run".\n', "")
    config = load("config.toml")
    assert config.users == DEMONSTRATION.users
    assert config.markets == DEMONSTRATION.markets
    assert config.limits == Config().limits
    assert config.disabled_plugins == {"binance": "by the configuration", "replay": "by the configuration"}


def test_init_does_not_overwrite(zenithd: Run, folder: Path) -> None:
    (folder / "config.toml").write_text("mine")
    assert zenithd("init") == Result(2, "", "config.toml exists; use --force to overwrite it\n")
    assert (folder / "config.toml").read_text() == "mine"
    assert zenithd("init", "--force").code == 0
    assert zenithd("init", "--config", "deep/er/c.toml").out.endswith(
        '"zenithd run --config deep/er/c.toml".\n'
    )


@pytest.mark.parametrize("name", ["config.toml", "docs/configuration.md", "docs/operating.md"])
def test_generated_files_are_up_to_date(name: str) -> None:
    """Else run `python -m zenithd.cli.reference` in the root of the repository."""
    assert (ROOT / name).read_text() == reference_files(ROOT)[name]


def test_the_shipped_file_names_every_setting() -> None:
    text = (ROOT / "config.toml").read_text()
    for section in set(SECTIONS) - {"users", "plugins"}:
        for key in getattr(DEMONSTRATION, section).__struct_fields__:
            assert f"\n{key} = " in text or f"[[{section}.{key}]]" in text


def commands_in(page: Path) -> list[list[str]]:
    """The zenithd command lines in the console blocks of a page."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("zenithd ")]


@pytest.mark.parametrize("arguments", commands_in(ROOT / "docs" / "operating.md"), ids=" ".join)
def test_commands_of_the_operating_page_exist(arguments: list[str]) -> None:
    command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[arguments[0]]
        arguments = arguments[1:]
    command.make_context("zenithd", list(arguments))  # parses, and does nothing


def test_operating_page_names_real_settings_and_messages() -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    for section, key in re.findall(r"`(server|limits|history|logging|authentication)\.([a-z_]+)`", page):
        assert key in ("db", "sent") or key in getattr(Config(), section).__struct_fields__
    sources = "".join(path.read_text() for path in (ROOT / "zenithd").rglob("*.py"))
    for message in (
        "login limited",
        "settings that need a restart",
        "configuration not taken over",
        "the loop has not turned",
        "source broke a rule",
        "source failed, will restart",
        "closing connection",
        "connection refused",
        "login rejected",
    ):
        assert f"`{message}`" in page
        assert message in sources
