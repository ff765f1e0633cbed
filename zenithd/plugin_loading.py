"""Loads what the configuration and the environment enable: one way for the daemon and its tools."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

from zenithd.config import Config, SectionReader
from zenithd.config.reference import DEMONSTRATION
from zenithd.plugin.interfaces import PluginConfig
from zenithd.plugin.manager import ENTRY_POINT_GROUP, PluginManager, disabled_by_environment


@contextlib.contextmanager
def silent_output() -> Iterator[None]:
    """Send to standard error what foreign code prints, so that standard output holds our answer alone."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def load_plugins(config: Config) -> tuple[PluginManager, SectionReader]:
    """Load what the configuration and the environment enable; the reader tells mistakes in the sections."""
    manager = PluginManager.discover()
    reader = SectionReader(config)
    by_environment = dict.fromkeys(disabled_by_environment(os.environ), "by the environment")
    with silent_output():
        manager.load(reader, config.disabled_plugins | by_environment)
    return manager, reader


def section_structs(manager: PluginManager) -> dict[str, type[PluginConfig]]:
    """By plugin: the struct of its section. Imports every plugin of the manager, which must be fresh.

    Of a plugin with several structs the first counts; one that cannot be imported is left out.
    """
    structs: dict[str, type[PluginConfig]] = {}

    def remember(name: str, struct: type[Any], /) -> Any:
        structs.setdefault(name, struct)
        return struct()

    with silent_output():
        manager.load(remember)
    return structs


def bundled_structs() -> dict[str, type[PluginConfig]]:
    """The structs of the plugins that come with zenithd, in the order of the shipped file."""
    names = DEMONSTRATION.plugins
    entry_points = [EntryPoint(name, f"zenithd_{name}", ENTRY_POINT_GROUP) for name in names]
    structs = section_structs(PluginManager.discover(entry_points))
    return {name: structs[name] for name in names if name in structs}
