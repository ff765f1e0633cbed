"""The structs behind the plugins' sections, for what explains or writes a configuration file."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

from zenithd.config.reference import DEMONSTRATION
from zenithd.plugin.interfaces import PluginConfig
from zenithd.plugin.manager import ENTRY_POINT_GROUP, PluginManager


def section_structs(manager: PluginManager) -> dict[str, type[PluginConfig]]:
    """By plugin: the struct of its section. Imports every plugin of the manager, which must be fresh.

    Of a plugin with several structs the first counts; one that cannot be imported is left out.
    """
    structs: dict[str, type[PluginConfig]] = {}

    def remember(name: str, struct: type[Any], /) -> Any:
        structs.setdefault(name, struct)
        return struct()

    manager.load(remember)
    return structs


def bundled_structs() -> dict[str, type[PluginConfig]]:
    """The structs of the plugins that come with zenithd, in the order of the shipped file."""
    names = DEMONSTRATION.plugins
    entry_points = [EntryPoint(name, f"zenithd_{name}", ENTRY_POINT_GROUP) for name in names]
    structs = section_structs(PluginManager.discover(entry_points))
    return {name: structs[name] for name in names if name in structs}
