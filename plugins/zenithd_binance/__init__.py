"""Binance spot and USD-M futures: a market source for each, and charts of past days. See README.md.

Read in this order: `payloads` (what the venue sends), `fixed_point`, `listing`, `day_statistics`,
`coverage`, `symbol_state`, `parse` (frames to events), `capture`: all pure, as is `weight_limit`.
Then `client` (requests), `source` and `plugin` (the sources), and `history`.
"""

from __future__ import annotations

from collections.abc import Sequence

from zenithd.plugin import HistorySource, MarketSource, hookimpl
from zenithd_binance.config import BinanceConfig
from zenithd_binance.history import BinanceHistory
from zenithd_binance.plugin import SpotSource, UsdmSource

__all__ = [
    "API_VERSION",
    "BinanceConfig",
    "BinanceHistory",
    "SpotSource",
    "UsdmSource",
    "zenithd_history_sources",
    "zenithd_market_sources",
]

API_VERSION = 1


@hookimpl
def zenithd_market_sources() -> Sequence[type[MarketSource[BinanceConfig]]]:
    """A source for each market, so that each has a feed status and a supervisor of its own."""
    return [SpotSource, UsdmSource]


@hookimpl
def zenithd_history_sources() -> Sequence[type[HistorySource[BinanceConfig]]]:
    """Charts of both markets."""
    return [BinanceHistory]
