"""zenithd's reference exchange, and the simulated markets of its demonstration.

Read in this order: `model` (what a market is), `engine` (what may be done to it), `timetable`,
`tick_ladder`, `translator` (what subscribers see), `design` and `exchange` (all of it together): the
exchange. Then `listings`, `reference_price`, `participants`, `demonstration`, `seats`: who trades on it. Then
`history`, `backfill`, `kept`: its past. `keeper` (one market and its feed of the journal), `floor` (all
markets), `control` (REST for operators), `crowd`, `schedule` and `plugin` set it in motion. `oms` and
`adapter` let the orders of clients in. All but `backfill`, `kept`, `keeper`, `floor`, `crowd`,
`control.routes`, `plugin` and `adapter` are pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from zenithd.plugin import Adapter, MarketSource, hookimpl
from zenithd_prodigy.adapter import ProdigyAdapter
from zenithd_prodigy.config import ProdigyConfig
from zenithd_prodigy.plugin import Prodigy

__all__ = [
    "API_VERSION",
    "Prodigy",
    "ProdigyAdapter",
    "ProdigyConfig",
    "zenithd_adapters",
    "zenithd_market_sources",
]

API_VERSION = 1


@hookimpl
def zenithd_market_sources() -> Sequence[type[MarketSource[ProdigyConfig]]]:
    """The one market source of this package."""
    return [Prodigy]


@hookimpl
def zenithd_adapters() -> Sequence[type[Adapter[ProdigyConfig]]]:
    """The way for orders of clients to its markets."""
    return [ProdigyAdapter]
