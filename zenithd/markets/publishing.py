"""Turns the changes of a market into frames for those who listen.

Every lookup comes before every rendering: what nobody subscribed to costs one dictionary miss.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from zenithd.bus import Bus
from zenithd.domain.identifiers import InstrumentId
from zenithd.market.changes import Changes, InstrumentChanges, SymbolChange
from zenithd.market.view import InstrumentView, MarketView
from zenithd.wire import translate

MARKET = "Market"


class Publisher:
    """Publishes on the topics of the Market and Zenith controllers."""

    def __init__(self, bus: Bus, now: Callable[[], int]) -> None:
        self._bus = bus
        self._now = now

    def publish(self, market: MarketView, changes: Changes) -> None:
        """Publish everything that one batch changed in one market."""
        instruments = market.instruments
        for instrument, change in changes.instruments.items():
            view = instruments.get(instrument)
            if view is not None:
                self._instrument(instrument, market, view, change)
        if changes.symbols:
            self._symbols(market, changes.symbols)
        if changes.market:
            self.market_state(market)

    def _instrument(
        self, instrument: InstrumentId, market: MarketView, view: InstrumentView, change: InstrumentChanges
    ) -> None:
        find = self._bus.topics.get
        if change.depth and (topic := find((MARKET, "Depth!" + instrument))) is not None:
            topic.publish(lambda entitled: translate.depth_changes(change.depth, view.instrument, entitled))
        if change.levels and (topic := find((MARKET, "Levels!" + instrument))) is not None:
            topic.publish(lambda entitled: translate.level_changes(change.levels, view.instrument, entitled))
        if change.trades and (topic := find((MARKET, "Trades!" + instrument))) is not None:
            definition, zone = view.instrument, market.definition.time_zone
            topic.publish(lambda entitled: translate.trade_changes(change.trades, definition, zone, entitled))
        if (change.security or change.security_full) and (
            topic := find((MARKET, "Security!" + instrument))
        ) is not None:
            render: Callable[[Any], Any]
            if change.security_full:
                render = lambda entitled: translate.security_full(view, market, entitled)  # noqa: E731
            else:
                render = lambda entitled: (  # noqa: E731
                    translate.security_diff(view, market, change.security, entitled) or None
                )
            topic.publish(render)

    def _symbols(self, market: MarketView, symbols: list[SymbolChange]) -> None:
        for name in ("Market", "ManagedFund"):
            topic = self._bus.find(MARKET, f"Symbols!{name}.{market.definition.id}")
            if topic is None:
                continue
            matching = [change for change in symbols if change.instrument.security_class.value == name]
            if matching:
                topic.publish(partial(translate.symbol_changes, matching))

    def market_state(self, market: MarketView) -> None:
        """Publish the whole state of a market and its feed to those who see it."""
        identifier = market.definition.id
        if (topic := self._bus.find(MARKET, "Markets")) is not None:
            state = translate.market_state(market, self._now())
            topic.publish(lambda visible: [state] if identifier in visible else None)
        if (topic := self._bus.find("Zenith", "Feeds")) is not None:
            entry = translate.feed_entry(market)
            topic.publish(lambda visible: [entry] if identifier in visible else None)
