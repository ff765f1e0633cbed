"""The configuration: one file, read into frozen typed structs, every mistake told with file and line.

The `…_settings` modules hold the structs of the sections, `toml_lines` finds the line of a key, `convert`
checks and builds, `load` reads the file, `reload` compares two configurations, `reference` writes config.toml
and its documentation.
"""

from __future__ import annotations

from zenithd.config.errors import ConfigError
from zenithd.config.forms import parse_host_port
from zenithd.config.host_settings import LoggingSettings, PluginHostSettings, PluginSettings
from zenithd.config.journal_settings import JournalSettings
from zenithd.config.load import Config, inspect, inspect_readable, is_user_name, load, parse_values
from zenithd.config.market_settings import DelayedMarketSettings, HistorySettings, MarketSettings
from zenithd.config.order_settings import FeeSettings, OrderSettings
from zenithd.config.reload import LiveDifference, diff_live, with_live
from zenithd.config.sections import SectionReader, unknown_sections
from zenithd.config.server_settings import FanoutSettings, LimitSettings, ServerSettings
from zenithd.config.user_settings import AuthenticationSettings, UserSettings
from zenithd.config.vetting_settings import VettingSettings

__all__ = [
    "AuthenticationSettings",
    "Config",
    "ConfigError",
    "DelayedMarketSettings",
    "FanoutSettings",
    "FeeSettings",
    "HistorySettings",
    "JournalSettings",
    "LimitSettings",
    "LiveDifference",
    "LoggingSettings",
    "MarketSettings",
    "OrderSettings",
    "PluginHostSettings",
    "PluginSettings",
    "SectionReader",
    "ServerSettings",
    "UserSettings",
    "VettingSettings",
    "diff_live",
    "inspect",
    "inspect_readable",
    "is_user_name",
    "load",
    "parse_host_port",
    "parse_values",
    "unknown_sections",
    "with_live",
]
