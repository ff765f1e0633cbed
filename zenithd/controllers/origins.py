"""Where the past of a symbol is stored: under its own market, or under those it is made from."""

from __future__ import annotations

import msgspec

from zenithd.controllers.directory import MarketDirectory
from zenithd.controllers.lookup import FoundSymbol
from zenithd.domain.identifiers import MarketId, MixedMarketCode, instrument_id, parse_market
from zenithd.domain.instrument import Instrument
from zenithd.market.blended_definition import are_same


class Origin(msgspec.Struct, frozen=True):
    """One stored series of a symbol."""

    instrument: Instrument
    """What to ask the store for: the code on the stored market, in the scales of the symbol asked about."""
    market: MarketId | None
    """The source market that records name; None for a market that is no mix."""


def origins(directory: MarketDirectory, found: FoundSymbol) -> list[Origin]:
    """Give the stored series of a symbol: one, or for a mix those of every source that is blended into it."""
    instrument = found.instrument.instrument
    code = parse_market(instrument.market)
    if not isinstance(code, MixedMarketCode):
        return [Origin(_on(instrument, directory.origin(instrument.market)), None)]
    listings: list[Instrument] = []
    for source in code.sources:
        market = directory.find(source.id)
        view = None if market is None else market.instruments.get(instrument_id(instrument.code, source.id))
        if view is not None and (not listings or are_same(listings[0], view.instrument)):
            listings.append(view.instrument)
    return [Origin(_on(instrument, directory.origin(listing.market)), listing.market) for listing in listings]


def _on(instrument: Instrument, market: MarketId) -> Instrument:
    return msgspec.structs.replace(instrument, market=market)
