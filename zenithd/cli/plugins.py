"""`zenithd plugins …`: what is installed, in which state, and why; and a start for a new one."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Annotated, Any

import httpx2
import msgspec
import typer

from zenithd.cli.common import (
    DEFAULT_CONFIG,
    EXIT_FAULT,
    ConfigOption,
    JsonOption,
    OperatorFault,
    examples,
    print_json,
    print_table,
)
from zenithd.config import Config, SectionReader, load
from zenithd.config.reference import plugin_text
from zenithd.daemon_file import find_daemon
from zenithd.plugin.loaded import LoadedPlugin
from zenithd.plugin.manager import ENTRY_POINT_GROUP, PluginManager
from zenithd.plugin.scaffold import ScaffoldError, check_plugin, write_plugin
from zenithd.plugin_loading import load_plugins, section_structs, silent_output

LIVE_SECONDS_MAX = 2.0

app = typer.Typer(
    help="The installed plugins.",
    epilog=examples(
        "zenithd plugins list", "zenithd plugins show prodigy", "zenithd plugins new my-exchange"
    ),
    no_args_is_help=True,
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the plugin.", show_default=False)]


@app.command("list", epilog=examples("zenithd plugins list", "zenithd plugins list --json"))
def list_plugins(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """List all plugins with their states; a broken one is listed with its reason."""
    rows = plugin_rows(read_or_default(config))
    if json:
        print_json(rows)
        return
    columns = ("name", "package", "version", "kinds", "state", "reason")
    print_table(
        ("Name", "Package", "Version", "Kinds", "State", "Reason"),
        [[_cell(row[column]) for column in columns] for row in rows],
        empty="No plugins are installed.",
    )


@app.command(epilog=examples("zenithd plugins show binance"))
def show(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Show one plugin: its state, and its section of the configuration with every setting explained."""
    settings = read_or_default(config)
    rows = plugin_rows(settings)
    _refuse_unknown(name, [str(row["name"]) for row in rows])
    row = next(row for row in rows if row["name"] == name)
    structs = section_structs(_only(name))
    section = (
        plugin_text(name, structs[name], name not in settings.disabled_plugins) if name in structs else ""
    )
    if json:
        print_json(row | {"section": section})
        return
    for key, value in row.items():
        typer.echo(f"{key:8} {_cell(value)}")
    if section:
        typer.echo(f"\nIts section with every setting and its default:\n\n{section}")


@app.command(epilog=examples("zenithd plugins check", "zenithd plugins check my-exchange"))
def check(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]", help="Plugins to check; all by default.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Import plugins, disabled ones too, and check them, their code and their sections; exit code 2 if a
    plugin has a problem."""
    settings = read_or_default(config)
    installed = [plugin.name for plugin in PluginManager.discover().plugins]
    for name in names or ():
        _refuse_unknown(name, installed)
    with silent_output():
        results = {name: check_plugin(name, SectionReader(settings)) for name in names or installed}
    if json:
        print_json([{"name": name, "problems": problems} for name, problems in results.items()])
    else:
        print_table(
            ("Name", "Result"),
            [[name, "; ".join(problems) or "good"] for name, problems in results.items()],
            empty="No plugins are installed.",
        )
    if any(results.values()):
        raise typer.Exit(EXIT_FAULT)


@app.command(epilog=examples("zenithd plugins new my-exchange --directory plugins"))
def new(
    name: NameArgument,
    directory: Annotated[Path, typer.Option(help="Where to put the new folder.")] = Path(),
) -> None:
    """Write a package with a working market source and a passing test."""
    try:
        folder = write_plugin(name, directory)
    except ScaffoldError as error:
        raise OperatorFault(str(error)) from None
    typer.echo(f"Wrote {folder}. Next:  pip install -e {folder};  pytest {folder};  zenithd plugins list")


def read_or_default(path: Path) -> Config:
    """The configuration; the defaults where the default file does not exist, so that listing always works.

    Raises:
        ConfigError: the file is wrong, or a file that was named does not exist.
    """
    return Config() if path == DEFAULT_CONFIG and not path.exists() else load(path)


def plugin_rows(config: Config) -> list[dict[str, Any]]:
    """Every installed plugin; with its present state where the daemon of this configuration runs."""
    manager, _ = load_plugins(config)
    live = {row["name"]: row for row in _live_rows(config)}
    return [_describe(plugin) | live.get(plugin.name, {}) for plugin in manager.plugins]


def _describe(plugin: LoadedPlugin) -> dict[str, Any]:
    from zenithd.status import describe_plugin  # brings much that the other verbs do not need

    return describe_plugin(plugin)


class _LiveRow(msgspec.Struct):
    """What a running daemon says of a plugin."""

    name: str
    state: str
    reason: str
    kinds: list[str] = []


class _Health(msgspec.Struct):
    """The part of the health page that is read here."""

    plugins: list[_LiveRow] = []


def _live_rows(config: Config) -> list[dict[str, Any]]:
    """The states in the daemon that runs beside the configuration; [] if none answers."""
    daemon = find_daemon(config.state_directory)
    if daemon is None:
        return []
    try:
        # The certificate is for the public name, and this connection does not leave the machine.
        answer = httpx2.get(
            f"{daemon.http_url}/health/ready", timeout=LIVE_SECONDS_MAX, verify=False, trust_env=False
        )
        rows = msgspec.json.decode(answer.content, type=_Health).plugins
    except (httpx2.HTTPError, msgspec.DecodeError):
        return []
    return [msgspec.to_builtins(row) for row in rows]


def _only(name: str) -> PluginManager:
    return PluginManager.discover(importlib.metadata.entry_points(group=ENTRY_POINT_GROUP, name=name))


def _refuse_unknown(name: str, installed: list[str]) -> None:
    if name not in installed:
        known = ", ".join(installed) or "none"
        raise OperatorFault(f"there is no plugin {name}; installed: {known}")


def _cell(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
