"""What the daemon knows of one plugin: its record in `plugins list`, in metrics and in the logs."""

from __future__ import annotations

import enum
from typing import Generic, TypeVar

import msgspec

from zenithd.plugin.interfaces import Kind, PluginConfig


class PluginState(enum.Enum):
    """Where a plugin stands; the value is what people read."""

    FOUND = "found"
    """Its entry point was seen; nothing of it has been imported."""
    DISABLED = "disabled"
    """By configuration, environment or command line; not imported."""
    BROKEN = "broken"
    """It cannot be loaded; `reason` says why."""
    LOADED = "loaded"
    """Imported and checked; not started, or of a kind that is not started."""
    INITIALISING = "initialising"
    ACTIVE = "active"
    IMPAIRED = "impaired"
    FINISHED = "finished"
    """Its source returned: a recording at its end."""
    STOPPED = "stopped"


_WORST_FIRST = (
    PluginState.IMPAIRED,
    PluginState.INITIALISING,
    PluginState.ACTIVE,
    PluginState.FINISHED,
    PluginState.STOPPED,
)


class SourceStatus(msgspec.Struct, frozen=True):
    """How one part of a plugin is."""

    state: PluginState
    reason: str = ""
    restarts: int = 0
    """How often it was started again since the daemon began."""


class LoadedPlugin:
    """One entry point. Its state is that of the worst of its running parts."""

    def __init__(self, name: str, package: str, version: str, module: str) -> None:
        self.name = name
        """Name of the entry point; names its section `[plugins.<name>]` too."""
        self.package = package
        """The distribution that brought it, "" if unknown."""
        self.version = version
        """Version of that distribution, "" if unknown."""
        self.module = module
        """The module that the entry point names."""
        self.kinds: tuple[Kind, ...] = ()
        """What it brings; known once it is loaded."""
        self._status = SourceStatus(PluginState.FOUND)
        self._parts: dict[str, SourceStatus] = {}

    @property
    def state(self) -> PluginState:
        """The worst state of its running parts, or how far loading came."""
        return self._worst().state

    @property
    def reason(self) -> str:
        """One line that explains the state; "" where there is nothing to explain."""
        return self._worst().reason

    @property
    def parts(self) -> dict[str, SourceStatus]:
        """The status of each running part by its name; a copy."""
        return dict(self._parts)

    def settle(self, state: PluginState, reason: str = "") -> None:
        """Record how far loading came; `reason` becomes one line."""
        self._status = SourceStatus(state, " ".join(reason.split()))

    def report(self, part: str, status: SourceStatus) -> None:
        """Record how a running part is (a source's name, as in `Brought.name`).

        Whoever does not know the number of restarts (a source that became Active) leaves it 0.
        """
        known = self._parts.get(part)
        if known is not None and known.restarts > status.restarts:
            status = msgspec.structs.replace(status, restarts=known.restarts)
        self._parts[part] = status

    def _worst(self) -> SourceStatus:
        if not self._parts:
            return self._status
        return min(self._parts.values(), key=lambda status: _WORST_FIRST.index(status.state))


T = TypeVar("T")


class Brought(msgspec.Struct, Generic[T], frozen=True):
    """A class that a plugin brought, with what is needed to make its objects."""

    name: str
    """The plugin's name; with the class's name after a dot where it brings several of a kind."""
    plugin: LoadedPlugin
    implementation: type[T]
    config: PluginConfig
    """The plugin's section, parsed into `implementation.Config`."""
