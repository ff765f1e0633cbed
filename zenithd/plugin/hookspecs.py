"""The hooks of zenithd, called once when a plugin is loaded. Data never flows through hooks.

Each hook returns classes; the daemon builds the objects. The hooks of the kinds that later versions serve
exist already, so that a package can bring them without breaking on this version.
"""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from zenithd.plugin.interfaces import Adapter, Authenticator, HistorySource, MarketSource

PROJECT = "zenithd"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def zenithd_market_sources() -> Sequence[type[MarketSource]]:  # type: ignore[empty-body, type-arg]
    """Classes of market sources. One object each runs under its own supervisor."""


@hookspec
def zenithd_history_sources() -> Sequence[type[HistorySource]]:  # type: ignore[empty-body, type-arg]
    """Classes of history sources."""


@hookspec
def zenithd_authenticators() -> Sequence[type[Authenticator]]:  # type: ignore[empty-body, type-arg]
    """Classes of authenticators, each for one Provider name."""


@hookspec
def zenithd_adapters() -> Sequence[type[Adapter]]:  # type: ignore[empty-body, type-arg]
    """Classes of adapters to where orders are executed. One object each runs under its own supervisor."""


@hookspec
def zenithd_order_routers() -> Sequence[type]:  # type: ignore[empty-body]
    """Classes of order routers. Listed by this version, served by a later one."""


@hookspec
def zenithd_account_sources() -> Sequence[type]:  # type: ignore[empty-body]
    """Classes of account sources. Listed by this version, served by a later one."""


@hookspec
def zenithd_registry_feeds() -> Sequence[type]:  # type: ignore[empty-body]
    """Classes of registry feeds. Listed by this version, served by a later one."""


@hookspec
def zenithd_vetting_rules() -> Sequence[type]:  # type: ignore[empty-body]
    """Classes of vetting rule sets. Listed by this version, served by a later one."""


@hookspec
def zenithd_http_routes() -> Sequence[type]:  # type: ignore[empty-body]
    """Classes of HTTP routes. Listed by this version, served by a later one."""
