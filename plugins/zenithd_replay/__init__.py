"""Recordings played as live exchanges.

Read in this order: `playable` (what every format gives); the formats: `own_recording`, `binance_recording`
(with `binance_sample`), `iex_recording` (with `pcap`, `iex_transport`, `iex_messages`, `iex_market`,
`iex_scan`, `iex_state` and `iex`); `opening` (which format it is); then `timeline`, `relabelling`, `editing`
(what makes the past look like now), and `player` and `plugin`, which set it in motion. Files are read in
`files`, `opening` and the three formats only, always in worker threads.
"""

from __future__ import annotations

from collections.abc import Sequence

from zenithd.plugin import MarketSource, hookimpl
from zenithd_replay.config import ReplayConfig
from zenithd_replay.plugin import Replay

__all__ = ["API_VERSION", "Replay", "ReplayConfig", "zenithd_market_sources"]

API_VERSION = 1


@hookimpl
def zenithd_market_sources() -> Sequence[type[MarketSource[ReplayConfig]]]:
    """The one market source of this package."""
    return [Replay]
