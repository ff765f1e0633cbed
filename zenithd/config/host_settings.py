"""`[plugin_host]`, `[plugins.<name>]`, `[logging]`: the daemon behind the scenes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from zenithd.config.about import Section, about


class PluginHostSettings(Section, frozen=True):
    """How plugins are watched and restarted."""

    start_seconds_max: Annotated[
        float,
        about(
            "Time a plugin has to declare its markets; raise it for venues with very large lists.",
            ge=0.1,
            le=3600,
        ),
    ] = 10.0
    silence_seconds_max: Annotated[
        float,
        about(
            "Time a plugin that says it is Active, and of which somebody wants an instrument, may bring"
            " nothing before its feed is Impaired and it is started again; set it where no market is ever"
            " quiet for so long. 0: for ever.",
            ge=0,
            le=86_400,
        ),
    ] = 0.0
    call_seconds_max: Annotated[
        float,
        about("Time a plugin has to answer one call (history, login).", ge=0.1, le=3600),
    ] = 10.0
    backoff_seconds_min: Annotated[
        float,
        about(
            "Wait before the first restart of a failed plugin; it doubles with each further failure.",
            ge=0.01,
            le=3600,
        ),
    ] = 0.5
    backoff_seconds_max: Annotated[
        float, about("Longest wait between restarts of a failing plugin.", ge=0.01, le=86_400)
    ] = 60.0
    restarts_max: Annotated[
        int,
        about(
            "Restarts within restart_window_seconds after which a plugin is given up and its feed stays"
            " Impaired; raise it for venues with long outages.",
            ge=0,
            le=1_000_000,
        ),
    ] = 20
    restart_window_seconds: Annotated[
        float, about("Time over which restarts_max counts.", ge=1, le=2_592_000)
    ] = 3600.0
    inbound_events_max: Annotated[
        int,
        about(
            "Events of one plugin that wait to be applied; then the plugin waits too and slows its venue.",
            ge=100,
            le=10_000_000,
        ),
    ] = 10_000
    backpressure_seconds_max: Annotated[
        float,
        about("Time a plugin may be kept waiting before the log warns of it.", ge=0.1, le=3600),
    ] = 5.0
    watchdog_seconds: Annotated[
        float,
        about(
            "Time the daemon's loop may stand still before the log names the code that blocks it.",
            ge=0.05,
            le=60,
        ),
    ] = 1.0


class PluginSettings(msgspec.Struct, frozen=True):
    """The section of one plugin: read here only as far as `enabled`."""

    enabled: bool = True
    table: dict[str, Any] = {}
    """The plugin's own keys as TOML gave them, for `Config.parse_section`."""


class LoggingSettings(Section, frozen=True):
    """What is written to standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        about("Least important message that is written; choose debug to follow single requests.", live=True),
    ] = "info"
    format: Annotated[
        Literal["auto", "console", "json"],
        about("Shape of the messages: auto is readable on a terminal and JSON elsewhere."),
    ] = "auto"
