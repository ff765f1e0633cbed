"""The standard data model: a market that is what its events made it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from zenithd_prodigy.model import events as e
from zenithd_prodigy.model import market_changes, order_changes
from zenithd_prodigy.model.checkpoint import decode_checkpoint, encode_pieces, restore_into
from zenithd_prodigy.model.state import MarketState

_CHANGES: dict[type, Callable[[Any, Any], None]] = {
    e.OrderPlaced: order_changes.order_placed,
    e.OrderAmended: order_changes.order_amended,
    e.OrderRested: order_changes.order_rested,
    e.OrderClosed: order_changes.order_closed,
    e.Traded: order_changes.traded,
    e.TradeChanged: order_changes.trade_changed,
    e.IndicativeChanged: order_changes.indicative_changed,
    e.StatusChanged: market_changes.status_changed,
    e.PhaseReached: market_changes.phase_reached,
    e.TimetableSet: market_changes.timetable_set,
    e.TradingDayStarted: market_changes.trading_day_started,
    e.TradingDayEnded: market_changes.trading_day_ended,
    e.MarketCreated: market_changes.market_created,
    e.MarketChanged: market_changes.market_changed,
    e.MarketRemoved: market_changes.market_removed,
    e.SymbolListed: market_changes.symbol_listed,
    e.SymbolChanged: market_changes.symbol_changed,
    e.SymbolUnlisted: market_changes.symbol_unlisted,
    e.TickTableSet: market_changes.tick_table_set,
    e.TickTableRemoved: market_changes.tick_table_removed,
    e.ReferenceSet: market_changes.reference_set,
    e.PriceLimitsSet: market_changes.price_limits_set,
    e.EntitySet: market_changes.entity_set,
    e.EntityRenamed: market_changes.entity_renamed,
    e.EntityRemoved: market_changes.entity_removed,
}


class StandardModel(MarketState):
    """State that only `apply` changes: the same events from nothing give the same state and digest."""

    def apply(self, event: e.Event) -> None:
        """Let one event have happened. It must be the one that follows; a KeyError shows that it is not."""
        _CHANGES[event.__class__](self, event)
        self.sequence += 1
        self.time = event.time

    def checkpoint(self) -> bytes:
        """The whole state, to be kept; `from_checkpoint` makes it again."""
        return b"".join(encode_pieces(self))

    def checkpoint_pieces(self) -> Iterator[bytes]:
        """What `checkpoint` gives, piece by piece; the state must not change until the last one."""
        return encode_pieces(self)

    @classmethod
    def from_checkpoint(cls, encoded: bytes) -> StandardModel:
        """The state that `checkpoint` kept.

        Raises:
            ValueError: it is none, or one of a newer version.
        """
        model = cls()
        restore_into(model, decode_checkpoint(encoded))
        return model

    def digest(self) -> str:
        """32 hexadecimal digits that are the same for the same state, on every machine."""
        digest = hashlib.blake2b(digest_size=16)
        for piece in encode_pieces(self):
            digest.update(piece)
        return digest.hexdigest()
