"""Everything that a plugin author imports."""

from __future__ import annotations

from zenithd.plugin.hookspecs import hookimpl
from zenithd.plugin.interfaces import (
    API_VERSION,
    Authenticator,
    AuthenticatorContext,
    Clock,
    Credentials,
    HistorySource,
    HistorySourceContext,
    Identity,
    Kind,
    LastKnown,
    MarketSource,
    MarketSourceContext,
    PluginConfig,
)

__all__ = [
    "API_VERSION",
    "Authenticator",
    "AuthenticatorContext",
    "Clock",
    "Credentials",
    "HistorySource",
    "HistorySourceContext",
    "Identity",
    "Kind",
    "LastKnown",
    "MarketSource",
    "MarketSourceContext",
    "PluginConfig",
    "hookimpl",
]
