"""What one source market brings into a blended instrument, in the terms of the blend."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from zenithd.domain.events import TradeReported
from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import Instrument
from zenithd.market.changes import BookOrder, PriceLevel, TapeTrade
from zenithd.market.chart import Minute
from zenithd.market.security import SecurityRecord
from zenithd.market.trade_order import MixedTradeIds
from zenithd.market.view import InstrumentView, MarketView


class Contribution:
    """Translates orders, levels, trades and prices of a source (zenith-websocket 1.7).

    Prices and quantities are brought to the scales of the blend. With several sources, ids of orders get
    the source market in front, and a position becomes `position * sources + place of the source`, so that
    both stay unique. A source that is alone is passed through with its own ids and positions.
    """

    __slots__ = (
        "_ids",
        "_own_ids",
        "_place",
        "_prefix",
        "_stride",
        "instrument",
        "is_alone",
        "market",
        "price_factor",
        "quantity_factor",
        "source",
        "view",
    )

    def __init__(
        self, market: MarketView, view: InstrumentView, instrument: Instrument, place: int, sources: int
    ) -> None:
        self.market = market
        self.view = view
        self.instrument = instrument
        self.source: MarketId = market.definition.id
        self.price_factor: int = 10 ** (instrument.price_scale - view.instrument.price_scale)
        self.quantity_factor: int = 10 ** (instrument.quantity_scale - view.instrument.quantity_scale)
        self.is_alone = sources == 1
        self._place = place
        self._stride = sources
        self._prefix = "" if self.is_alone else f"{self.source}:"
        self._own_ids = MixedTradeIds(place, sources)
        self._ids: dict[int, int] = {}
        """Ids of the blend by ids of the source, for trades on the blend's tape."""

    @property
    def security(self) -> SecurityRecord:
        """The source's record, in the source's scales."""
        return self.view.security

    def order(self, order: BookOrder) -> BookOrder:
        """The order as it stands in the blend."""
        quantity = order.quantity
        return BookOrder(
            self._prefix + order.order_id,
            order.side,
            order.price * self.price_factor,
            None if quantity is None else quantity * self.quantity_factor,
            order.position * self._stride + self._place,
            order.has_undisclosed,
            order.broker,
            order.cross_reference,
            order.attributes,
            self.source,
        )

    def level_id(self, level: PriceLevel) -> str:
        """Id of the level of the blend that a level of the source is part of."""
        if self.price_factor == 1 or level.price is None:
            return level.id
        return f"{level.id[0]}{level.price * self.price_factor}"

    def next_id(self, taped: TapeTrade) -> int:
        """The id that the source's next trade should have in the blend: its own if the source is alone."""
        return taped.trade.trade_id if self.is_alone else self._own_ids.next(taped.trade.time)

    def trade(self, taped: TapeTrade, trade_id: int) -> TapeTrade:
        """The trade as it stands on the blend's tape, with the id that it has there."""
        trade = taped.trade
        if not self.is_alone:
            self._ids[trade.trade_id] = trade_id
        return TapeTrade(self._translate(trade, trade_id), taped.trend, self.source)

    def amended(self, taped: TapeTrade) -> TapeTrade | None:
        """The same for a trade that was amended; None if it never came to the blend's tape."""
        trade_id = self._blend_id(taped.trade.trade_id)
        if trade_id is None:
            return None
        return TapeTrade(self._translate(taped.trade, trade_id), taped.trend, self.source)

    def _blend_id(self, trade_id: int | None) -> int | None:
        if trade_id is None or self.is_alone:
            return trade_id
        return self._ids.get(trade_id)

    def _translate(self, trade: TradeReported, trade_id: int) -> TradeReported:
        return msgspec.structs.replace(
            trade,
            instrument=self.instrument.id,
            trade_id=trade_id,
            price=trade.price * self.price_factor,
            quantity=trade.quantity * self.quantity_factor,
            buy_order_id=self._order_id(trade.buy_order_id),
            sell_order_id=self._order_id(trade.sell_order_id),
            related_id=self._blend_id(trade.related_id),
        )

    def _order_id(self, order_id: str | None) -> str | None:
        return None if order_id is None else self._prefix + order_id

    def forget_trades(self) -> None:
        """Let go all ids of trades: the tape of the blend, or of the source, begins anew."""
        self._ids.clear()
        self._own_ids.restart()

    def trim_trades(self, below: int) -> None:
        """Let go the ids of trades that are no longer on the blend's tape: those below `below`."""
        if len(self._ids) > 2 * self.view.tape.trades_max:
            self._ids = {source: blend for source, blend in self._ids.items() if blend >= below}

    def minutes(self) -> list[Minute]:
        """The minutes of the source's chart in the scales of the blend."""
        price, quantity = self.price_factor, self.quantity_factor
        minutes = self.view.chart.minutes()
        if price == 1 and quantity == 1:
            return minutes
        return [
            msgspec.structs.replace(
                minute,
                open=scaled(minute.open, price),
                high=scaled(minute.high, price),
                low=scaled(minute.low, price),
                close=scaled(minute.close, price),
                volume=minute.volume * quantity,
            )
            for minute in minutes
        ]


def in_day(contributions: Sequence[Contribution], trading_date: date | None) -> list[Contribution]:
    """Those whose market is in a trading day, or knows of no days."""
    return [
        part
        for part in contributions
        if part.market.trading_date is None or part.market.trading_date == trading_date
    ]


def scaled(value: int | None, factor: int) -> int | None:
    """A value in the scale of the blend; None stays None."""
    return None if value is None else value * factor
