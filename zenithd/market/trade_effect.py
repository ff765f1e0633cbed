"""Which statistics a trade counts in, worked out from its `affects` and flags."""

from __future__ import annotations

from typing import Final

import msgspec

from zenithd.domain.events import TradeReported
from zenithd.domain.market_data import Affects, TradeFlag


class Effect(msgspec.Struct, frozen=True, gc=False):
    """What a trade counts in."""

    price: bool
    """Open, high, low, last and the prices of the chart."""
    volume: bool
    """Volume, value, number of trades."""
    vwap: bool


_AFFECTS_ALL: Final = Affects.ALL
_ALL: Final = Effect(True, True, True)
_NONE: Final = Effect(False, False, False)
_UNCOUNTED: Final = frozenset((TradeFlag.CANCEL, TradeFlag.PLACE_HOLDER))


def trade_effect(trade: TradeReported) -> Effect:
    """What the trade counts in. Cancelled trades and place holders count in nothing."""
    if trade.flags and not _UNCOUNTED.isdisjoint(trade.flags):
        return _NONE
    affects = trade.affects
    if affects is _AFFECTS_ALL:
        return _ALL
    return Effect(Affects.PRICE in affects, Affects.VOLUME in affects, Affects.VWAP in affects)
