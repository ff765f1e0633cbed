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
from zenithd.plugin.joining import (
    CHAINED,
    CONSECUTIVE,
    UNNUMBERED,
    BookDelta,
    BookSnapshot,
    Item,
    JoinRules,
    Resynchronise,
    SnapshotJoin,
    TradeSequence,
    Verdict,
)
from zenithd.plugin.policy import VenueFault, VenuePolicy, VenueUnavailable
from zenithd.plugin.venue import VenueSource

__all__ = [
    "API_VERSION",
    "CHAINED",
    "CONSECUTIVE",
    "UNNUMBERED",
    "Authenticator",
    "AuthenticatorContext",
    "BookDelta",
    "BookSnapshot",
    "Clock",
    "Credentials",
    "HistorySource",
    "HistorySourceContext",
    "Identity",
    "Item",
    "JoinRules",
    "Kind",
    "LastKnown",
    "MarketSource",
    "MarketSourceContext",
    "PluginConfig",
    "Resynchronise",
    "SnapshotJoin",
    "TradeSequence",
    "VenueFault",
    "VenuePolicy",
    "VenueSource",
    "VenueUnavailable",
    "Verdict",
    "hookimpl",
]
