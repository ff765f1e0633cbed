"""What subscribers get to see of the exchange's events. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from zenithd.domain.events import (
    MarketEvent,
    MarketStateChanged,
    OrderAdded,
    OrderChanged,
    OrderRemoved,
    SecurityChanged,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import MarketId
from zenithd_prodigy.orders import (
    Accepted,
    ExchangeEvent,
    Finished,
    Rejected,
    Restated,
    Rested,
    Traded,
    TradingDayBegan,
    TradingStateChanged,
)


class Translator:
    """Turns exchange events into market events; what concerns only an order's owner is left out.

    `boards` names the boards of each market, which always have the state of their market.
    """

    def __init__(self, boards: dict[MarketId, tuple[str, ...]]) -> None:
        self._boards = boards

    def translate(self, events: Iterable[ExchangeEvent], now: int) -> list[MarketEvent]:
        """The market events of what happened at `now` (nanoseconds since the Unix epoch)."""
        translated: list[MarketEvent] = []
        for event in events:
            public = self._translate(event, now)
            if public is not None:
                translated.append(public)
        return translated

    def market_state(self, market: MarketId, state: str) -> MarketStateChanged:
        """The state of a market and of all its boards."""
        return MarketStateChanged(market, state, dict.fromkeys(self._boards[market], state))

    def _translate(self, event: ExchangeEvent, now: int) -> MarketEvent | None:
        match event:
            case Rested():
                return _order_added(event)
            case Restated():
                return _order_changed(event)
            case Finished():
                return OrderRemoved(event.instrument, event.order_id) if event.rested else None
            case Traded():
                return _trade_reported(event, now)
            case Accepted() | Rejected():
                return None
            case TradingDayBegan():
                return TradingDayStarted(event.market, event.trading_date)
            case TradingStateChanged():
                return self._state_changed(event)

    def _state_changed(self, event: TradingStateChanged) -> MarketEvent:
        if event.instrument is not None:
            return SecurityChanged(instrument=event.instrument, trading_state=event.state)
        assert event.state is not None  # only an instrument can be without a state
        return self.market_state(event.market, event.state)


def _order_added(event: Rested) -> OrderAdded:
    return OrderAdded(
        event.instrument,
        event.order_id,
        event.side,
        event.price,
        event.visible_quantity,
        event.priority,
        event.leaves_quantity > event.visible_quantity,
        event.party.broker,
        event.party.cross_reference,
    )


def _order_changed(event: Restated) -> OrderChanged:
    return OrderChanged(
        event.instrument,
        event.order_id,
        event.price,
        event.visible_quantity,
        event.priority,
        event.leaves_quantity > event.visible_quantity,
    )


def _trade_reported(event: Traded, now: int) -> TradeReported:
    return TradeReported(
        event.instrument,
        event.trade_id,
        event.price,
        event.quantity,
        now,
        event.aggressor_side,
        buy_order_id=event.buy_order_id,
        sell_order_id=event.sell_order_id,
        buy_broker=event.buy_party.broker,
        sell_broker=event.sell_party.broker,
        buy_cross_reference=event.buy_party.cross_reference,
        sell_cross_reference=event.sell_party.cross_reference,
    )
