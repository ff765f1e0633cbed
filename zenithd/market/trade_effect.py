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
_BY_BITS: Final = [
    Effect(Affects.PRICE in affects, Affects.VOLUME in affects, Affects.VWAP in affects)
    for affects in map(Affects, range(Affects.ALL.value + 1))
]
"""By the bits of `Affects`: looking at each of them every time would cost more than counting the trade."""
_UNCOUNTED: Final = frozenset((TradeFlag.CANCEL, TradeFlag.PLACE_HOLDER))


def trade_effect(trade: TradeReported) -> Effect:
    """What the trade counts in. Cancelled trades and place holders count in nothing."""
    if trade.flags and not _UNCOUNTED.isdisjoint(trade.flags):
        return _NONE
    affects = trade.affects
    return _ALL if affects is _AFFECTS_ALL else _BY_BITS[affects._value_]
