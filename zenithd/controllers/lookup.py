"""Finding what a request names, as far as the user may see it: the invisible is the same as the unknown."""

from __future__ import annotations

import msgspec

from zenithd.authority.access import Access, View
from zenithd.controllers.directory import MarketDirectory
from zenithd.domain.identifiers import (
    InstrumentId,
    InvalidIdentifier,
    MarketId,
    instrument_id,
    parse_instrument,
    parse_market,
    split_instrument,
)
from zenithd.domain.market_data import DataKind, FeedStatus
from zenithd.market.view import InstrumentView, MarketView
from zenithd.wire import errors, translate
from zenithd.wire.answer import Refusal

UNANSWERABLE = frozenset((FeedStatus.INITIALISING, FeedStatus.EXPIRED))
"""States of a feed in which there is no state to answer a query from. What an impaired feed told last is
answered, as its subscribers have it too; subscriptions are taken in every state and are filled later."""


class FoundMarket(msgspec.Struct, frozen=True):
    """A market that the user sees."""

    market: MarketView
    view: View

    @property
    def id(self) -> MarketId:
        """Canonical code of the market."""
        return self.market.definition.id


class FoundSymbol(msgspec.Struct, frozen=True):
    """An instrument that the user sees."""

    market: MarketView
    view: View
    instrument: InstrumentView

    @property
    def id(self) -> InstrumentId:
        """Canonical identifier."""
        return self.instrument.instrument.id


class Lookup:
    """Resolves the names that clients send."""

    def __init__(self, directory: MarketDirectory) -> None:
        self._directory = directory

    def market(self, text: str, access: Access) -> FoundMarket | Refusal:
        """Find a market by its code: `Market <m>` if that is none, `Market.NotFound <m>` if nobody has it."""
        try:
            identifier = parse_market(text).id
        except InvalidIdentifier:
            return refuse(errors.MARKET, text)
        return self._visible_market(identifier, access) or refuse(errors.MARKET_NOT_FOUND, text)

    def _visible_market(self, market: MarketId, access: Access) -> FoundMarket | None:
        view = access.view(market)
        found = None if view is None else self._directory.find(market)
        return None if found is None or view is None else FoundMarket(found, view)

    def symbol(self, code: str, market: str, access: Access, data: DataKind) -> FoundSymbol | Refusal:
        """Find a symbol by code and market for a use that needs the data types `data` of it."""
        found = self.market(market, access)
        if isinstance(found, Refusal):
            return found
        identifier = instrument_id(code, found.id)
        instrument = found.market.instruments.get(identifier)
        if instrument is None:
            return refuse(errors.SYMBOL_NOT_FOUND, identifier)
        return _permitted(FoundSymbol(found.market, found.view, instrument), data)

    def topic_symbol(self, argument: str, access: Access, data: DataKind) -> FoundSymbol | Refusal:
        """Find the symbol that stands after `!` in a topic."""
        try:
            code, market = split_instrument(parse_instrument(argument))
        except InvalidIdentifier:
            return refuse(errors.SYMBOL, argument)
        return self.symbol(code, market, access, data)


def _permitted(found: FoundSymbol, data: DataKind) -> FoundSymbol | Refusal:
    """Check the symbol's SubscriptionData (any of `data` will do), then what the user's level shows of it."""
    instrument = found.instrument.instrument
    if not instrument.subscription_data & data:
        return refuse(errors.SYMBOL_UNAVAILABLE, found.id)
    if not translate.visible_data(instrument, found.view) & data:
        return refuse(errors.SYMBOL_AUTHORITY, found.id)
    return found


def answerable(found: FoundMarket | FoundSymbol) -> Refusal | None:
    """Refuse a query of a market that has nothing to answer from."""
    if found.market.feed_status in UNANSWERABLE:
        return refuse(errors.MARKET_UNAVAILABLE, found.market.definition.id)
    return None


def refuse(code: str, suffix: str) -> Refusal:
    """Refuse with a code about something that was named."""
    return Refusal((errors.with_suffix(code, suffix) if suffix else code,))
