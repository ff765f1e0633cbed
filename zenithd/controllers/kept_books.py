"""Answers with whole books, made once for all who ask between two changes.

A book of thousands of orders takes milliseconds to be made into an answer, in one step: it must stand where
it belongs among the updates of the same connection. Whoever asks again and again pays for it once.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import msgspec

from zenithd.authority.access import View
from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.instrument import Instrument
from zenithd.market.changes import BookOrder
from zenithd.market.view import InstrumentView, MarketView
from zenithd.wire import translate

ORDERS_MIN = 200
"""Smaller books are made in no time."""

BOOKS_KEPT = 16


class _Kept(msgspec.Struct, frozen=True):
    instrument: Instrument
    orders: list[BookOrder]
    answer: list[Any]


class KeptBooks:
    """The newest answers, by instrument and by who may see what."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[InstrumentId, View], _Kept] = OrderedDict()

    def depth(self, market: MarketView, instrument: InstrumentView, view: View) -> Any:
        """The whole order book."""
        orders = instrument.orders()
        if len(orders) < ORDERS_MIN:
            return translate.depth_snapshot(instrument, view)
        definition = instrument.instrument
        key = (definition.id, view)
        kept = self._kept.get(key)
        # Orders are never changed but replaced: comparing books is comparing pointers.
        if kept is None or kept.instrument is not definition or kept.orders != orders:
            answer = translate.depth_snapshot(instrument, view)
            kept = self._kept[key] = _Kept(definition, orders, answer)
            if len(self._kept) > BOOKS_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return kept.answer
