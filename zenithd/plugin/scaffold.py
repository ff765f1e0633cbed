"""Writes the package of a new plugin, and checks an installed one."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from zenithd.plugin.loaded import PluginState
from zenithd.plugin.manager import ParseSection, PluginManager
from zenithd.plugin.source_code import forbidden_calls

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
_NAME_LENGTH_MAX = 50
_SUFFIX = ".template"


class ScaffoldError(Exception):
    """The package cannot be written. Blame: whoever asked; the text says what to do."""


def write_plugin(name: str, directory: Path) -> Path:
    """Write a package with a working market source and passing tests.

    Args:
        name: the plugin's name, as in `[plugins.<name>]`: lower-case letters, digits and hyphens.
        directory: where the new folder `zenithd-<name>` goes.

    Returns:
        The new folder.

    Raises:
        ScaffoldError: the name cannot be used, or the folder exists.
    """
    if _NAME.fullmatch(name) is None or len(name) > _NAME_LENGTH_MAX:
        raise ScaffoldError(
            f"{name!r} cannot name a plugin: use lower-case letters, digits and hyphens, a letter first"
        )
    folder = directory / f"zenithd-{name}"
    module = f"zenithd_{name.replace('-', '_')}"
    words = {
        "PLUGIN_DISTRIBUTION": folder.name,
        "PLUGIN_MODULE": module,
        "PLUGIN_CLASS": "".join(part.capitalize() for part in name.split("-")),
        "PLUGIN_MARKET": name.replace("-", "").upper(),
        "PLUGIN_NAME": name,
    }
    try:
        folder.mkdir(parents=True)
        _write(files("zenithd.plugin") / "template", folder, words)
        (folder / "package").rename(folder / module)
    except FileExistsError:
        raise ScaffoldError(f"{folder} exists already; choose another name or --directory") from None
    except OSError as problem:
        raise ScaffoldError(f"cannot write {folder}: {problem.strerror}") from problem
    return folder


def check_plugin(
    name: str,
    parse: ParseSection,
    entry_points: Iterable[importlib.metadata.EntryPoint] | None = None,
) -> list[str]:
    """Load one installed plugin and say everything that is wrong with it; [] if it is good.

    Beyond what keeps it from being loaded this looks through its source code for calls that would make it
    untestable or block the daemon. Other plugins are not imported.

    Args:
        name: the plugin's name.
        parse: gives its section of the configuration.
        entry_points: those to use instead of what is installed, for tests.
    """
    manager = PluginManager.discover(entry_points)
    others = {plugin.name: "for this check" for plugin in manager.plugins if plugin.name != name}
    manager.load(parse, others)
    found = [plugin for plugin in manager.plugins if plugin.name == name]
    if not found:
        known = ", ".join(plugin.name for plugin in manager.plugins) or "none"
        return [f"no plugin {name} is installed; installed: {known}"]
    problems = [plugin.reason for plugin in found if plugin.state is PluginState.BROKEN]
    for plugin in found:
        module = sys.modules.get(plugin.module)
        if module is not None and plugin.state is PluginState.LOADED:
            problems.extend(forbidden_calls(module))
    return problems


def _write(template: Traversable, target: Path, words: dict[str, str]) -> None:
    for entry in template.iterdir():
        if entry.is_dir():
            (target / entry.name).mkdir()
            _write(entry, target / entry.name, words)
        elif entry.name.endswith(_SUFFIX):
            name = _filled(entry.name.removesuffix(_SUFFIX), words)
            (target / name).write_text(_filled(entry.read_text("utf-8"), words), encoding="utf-8")


def _filled(text: str, words: dict[str, str]) -> str:
    for placeholder, word in words.items():
        text = text.replace(placeholder, word)
    return text
