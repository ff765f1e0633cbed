"""Finds the plugins that are installed and loads each by itself, so that one cannot hurt another."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, Protocol, TypeVar, cast

import structlog

from zenithd.plugin.cause import describe
from zenithd.plugin.interfaces import (
    Adapter,
    Authenticator,
    HistorySource,
    Kind,
    MarketSource,
    PluginConfig,
)
from zenithd.plugin.loaded import Brought, LoadedPlugin, PluginState
from zenithd.plugin.validation import InvalidPlugin, check_api_version, check_hook_functions, collect

ENTRY_POINT_GROUP = "zenithd.plugins"
"""The group in which a package names its plugin module."""

DISABLED_VARIABLE = "ZENITHD_DISABLED_PLUGINS"
"""Environment variable: names of plugins, separated by commas, that are not even imported."""

_NAME = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_OWN_PACKAGE = "zenithd"

log = structlog.stdlib.get_logger(__name__)

S = TypeVar("S", bound=PluginConfig)


class ParseSection(Protocol):
    """The configuration layer as the manager sees it."""

    def __call__(self, name: str, struct: type[S], /) -> S:
        """Parse `[plugins.<name>]` into `struct`; raises with one clear line if it does not fit."""
        ...


def disabled_by_environment(environment: Mapping[str, str]) -> frozenset[str]:
    """The names in ZENITHD_DISABLED_PLUGINS."""
    names = environment.get(DISABLED_VARIABLE, "").split(",")
    return frozenset(name.strip() for name in names if name.strip())


class PluginManager:
    """All plugins of one daemon. `discover` makes one; `load` imports what is not disabled.

    Attributes:
        plugins: one record per entry point, in the order of their names; broken and disabled ones too.
    """

    def __init__(self, entry_points: Sequence[importlib.metadata.EntryPoint]) -> None:
        self.plugins: list[LoadedPlugin] = []
        self._brought: dict[Kind, list[Brought[Any]]] = {}
        self._entry_points: list[tuple[LoadedPlugin, importlib.metadata.EntryPoint]] = []
        for entry_point in sorted(entry_points, key=_by_name_own_first):
            plugin = _record(entry_point)
            self.plugins.append(plugin)
            self._entry_points.append((plugin, entry_point))
        self._refuse_bad_names()

    @classmethod
    def discover(cls, entry_points: Iterable[importlib.metadata.EntryPoint] | None = None) -> PluginManager:
        """Find the installed plugins without importing any of them.

        Args:
            entry_points: those to use instead of what is installed, for tests.
        """
        if entry_points is None:
            entry_points = importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)
        return cls(list(entry_points))

    def find(self, name: str) -> LoadedPlugin | None:
        """The record of a plugin; with a name taken twice, the one that may use it."""
        return next((plugin for plugin in self.plugins if plugin.name == name), None)

    @property
    def packages(self) -> dict[str, str]:
        """Name of the plugin by its module, and by its top package where that is not shared: whose a line
        of code is (`zenithd.plugin.cause`)."""
        owners: dict[str, str] = {}
        tops = [plugin.module.partition(".")[0] for plugin in self.plugins]
        for plugin, top in zip(self.plugins, tops, strict=True):
            if tops.count(top) == 1:
                owners[top] = plugin.name
        owners.update({plugin.module: plugin.name for plugin in reversed(self.plugins)})
        return owners

    def load(self, parse: ParseSection, disabled: Mapping[str, str] | None = None) -> None:
        """Import and check every plugin that is not disabled. Never raises for what a plugin does.

        Args:
            parse: gives a plugin's section as its own struct.
            disabled: name of each disabled plugin and by what, e.g. "by the configuration"; those are
                not imported at all.
        """
        disabled = disabled or {}
        for plugin, entry_point in self._entry_points:
            if plugin.state is not PluginState.FOUND:
                continue
            if plugin.name in disabled:
                plugin.settle(PluginState.DISABLED, f"disabled {disabled[plugin.name]}".strip())
                continue
            self._load_one(plugin, entry_point, parse)

    def market_sources(self) -> list[Brought[MarketSource[Any]]]:
        """The market sources of all loaded plugins."""
        return list(self._brought.get(Kind.MARKET_SOURCE, []))

    def history_sources(self) -> list[Brought[HistorySource[Any]]]:
        """The history sources of all loaded plugins."""
        return list(self._brought.get(Kind.HISTORY_SOURCE, []))

    def authenticators(self) -> list[Brought[Authenticator[Any]]]:
        """The authenticators of all loaded plugins."""
        return list(self._brought.get(Kind.AUTHENTICATOR, []))

    def adapters(self) -> list[Brought[Adapter[Any]]]:
        """The adapters of all loaded plugins."""
        return list(self._brought.get(Kind.ADAPTER, []))

    def _refuse_bad_names(self) -> None:
        seen: dict[str, LoadedPlugin] = {}
        for plugin in self.plugins:
            if _NAME.fullmatch(plugin.name) is None:
                plugin.settle(PluginState.BROKEN, "its name has characters other than A-Z a-z 0-9 _ -")
            elif plugin.name in seen:
                owner = seen[plugin.name].package or "another package"
                plugin.settle(PluginState.BROKEN, f"its name is taken by the plugin of {owner}")
            else:
                seen[plugin.name] = plugin

    def _load_one(
        self, plugin: LoadedPlugin, entry_point: importlib.metadata.EntryPoint, parse: ParseSection
    ) -> None:
        try:
            classes = _import_classes(plugin, entry_point)
        except InvalidPlugin as problem:
            plugin.settle(PluginState.BROKEN, str(problem))
        except KeyboardInterrupt:
            raise
        except BaseException as problem:  # importing runs foreign code, which may even exit
            plugin.settle(PluginState.BROKEN, describe(problem, self.packages))
            log.debug("plugin import failed", plugin=plugin.name, exc_info=problem)
        else:
            self._settle_loaded(plugin, classes, parse)

    def _settle_loaded(
        self, plugin: LoadedPlugin, classes: dict[Kind, list[type]], parse: ParseSection
    ) -> None:
        plugin.kinds = tuple(classes)
        taken = {brought.implementation.provider for brought in self.authenticators()}
        for authenticator in classes.get(Kind.AUTHENTICATOR, []):
            provider = cast("type[Authenticator[Any]]", authenticator).provider
            if provider in taken:
                plugin.settle(PluginState.BROKEN, f"the Provider {provider} is served by another plugin")
                return
        try:
            configs = _parse_configs(plugin.name, classes, parse)
        except Exception as problem:  # the parser's error is one line for the operator
            plugin.settle(PluginState.BROKEN, f"configuration: {problem}")
            return
        plugin.settle(PluginState.LOADED)
        for kind, implementations in classes.items():
            several = len(implementations) > 1
            for implementation in implementations:
                name = f"{plugin.name}.{implementation.__name__}" if several else plugin.name
                config = configs.get(implementation, PluginConfig())
                self._brought.setdefault(kind, []).append(Brought(name, plugin, implementation, config))


def _by_name_own_first(entry_point: importlib.metadata.EntryPoint) -> tuple[str, bool, str]:
    """Of two packages that use one name, zenithd's own keeps it, else the first by package name."""
    package = _package_name(entry_point)
    return entry_point.name, package != _OWN_PACKAGE, package


def _package_name(entry_point: importlib.metadata.EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist is not None else ""


def _record(entry_point: importlib.metadata.EntryPoint) -> LoadedPlugin:
    version = entry_point.dist.version if entry_point.dist is not None else ""
    module = entry_point.value.partition(":")[0].strip()
    return LoadedPlugin(entry_point.name, _package_name(entry_point), version, module)


def _import_classes(
    plugin: LoadedPlugin, entry_point: importlib.metadata.EntryPoint
) -> dict[Kind, list[type]]:
    if ":" in entry_point.value:
        raise InvalidPlugin(f"its entry point {entry_point.value!r} must name a module, without ':'")
    module = importlib.import_module(plugin.module)
    if not isinstance(module, ModuleType):
        raise InvalidPlugin(f"{plugin.module} replaced itself by something that is not a module")
    check_api_version(module)
    check_hook_functions(module)
    return collect(module, plugin.name)


def _parse_configs(
    name: str, classes: dict[Kind, list[type]], parse: ParseSection
) -> dict[type, PluginConfig]:
    """The section as each class wants it, parsed once for each different `Config`."""
    parsed: dict[type[PluginConfig], PluginConfig] = {}
    configs: dict[type, PluginConfig] = {}
    for implementation in (each for of_kind in classes.values() for each in of_kind):
        struct: type[PluginConfig] | None = getattr(implementation, "Config", None)
        if struct is None:
            continue
        if struct not in parsed:
            parsed[struct] = parse(name, struct)
        configs[implementation] = parsed[struct]
    return configs
