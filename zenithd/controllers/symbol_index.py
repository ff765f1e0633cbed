"""The symbols of each market with their texts folded, kept as long as their definitions stay."""

from __future__ import annotations

from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.market.view import MarketView
from zenithd.wire.symbol_keys import SymbolKeys


class SymbolIndex:
    """Remembers the keys of symbols; an entry is right while it is of the very definition that is listed."""

    def __init__(self) -> None:
        self._markets: dict[MarketId, dict[InstrumentId, SymbolKeys]] = {}

    def keys(self, market: MarketView) -> list[SymbolKeys]:
        """Give the keys of everything a market lists now."""
        known = self._markets.get(market.definition.id, {})
        listed = market.instruments
        keys = []
        is_changed = len(known) != len(listed)
        for identifier, view in listed.items():
            entry = known.get(identifier)
            instrument = view.instrument
            if entry is None or entry.instrument is not instrument:
                entry = SymbolKeys.of(instrument)
                is_changed = True
            keys.append(entry)
        if is_changed:
            self._markets[market.definition.id] = {entry.instrument.id: entry for entry in keys}
        return keys
