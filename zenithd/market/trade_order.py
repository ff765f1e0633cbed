"""The order in which trades that were kept are told again, and the ids that a mix gives to trades."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from zenithd.domain.events import TradeReported
from zenithd.domain.identifiers import InstrumentId

STEP_MAX: Final = 4
"""Ids of a mix per microsecond: exact in a JSON number (2**53) until the year 2041."""


def in_order_of_time(trades: Iterable[TradeReported]) -> list[tuple[int, TradeReported]]:
    """Trades of any instruments by time, those of an instrument in ascending order of ids.

    Each comes with the time that was reached when it was made: its own, or that of a trade before it in
    its instrument, for one that was reported late.
    """
    reached: dict[InstrumentId, int] = {}
    ranked: list[tuple[int, TradeReported]] = []
    for trade in sorted(trades, key=lambda trade: trade.trade_id):
        time = max(trade.time, reached.get(trade.instrument, trade.time))
        reached[trade.instrument] = time
        ranked.append((time, trade))
    ranked.sort(key=lambda entry: entry[0])
    return ranked


class MixedTradeIds:
    """Ids for the trades of one source of a mix that follow from that source's trades alone.

    An id is the microsecond of the trade times the number of sources, plus the place of the source, so
    that trades of several sources never want the same id; further trades of a source in a microsecond, and
    late ones, follow in its sequence. Between sources, nothing finer than a microsecond counts. A mix whose
    trades arrive in the order of these ids gives the same ids whenever it makes its tape. From the fifth
    source on, places coincide.
    """

    __slots__ = ("_newest", "_place", "_step")

    def __init__(self, place: int, sources: int) -> None:
        self._step = min(sources, STEP_MAX)
        self._place = min(place, self._step - 1)
        self._newest = self._place

    def next(self, time: int) -> int:
        """The id of the source's next trade, made at `time` (nanoseconds); above all before."""
        self._newest = max(self._newest + self._step, time // 1000 * self._step + self._place)
        return self._newest

    def restart(self) -> None:
        """Begin with the source's first trade again."""
        self._newest = self._place
