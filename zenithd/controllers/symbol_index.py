"""The symbols of each market with their texts folded, kept as long as their definitions stay."""

from __future__ import annotations

from operator import attrgetter, is_

import msgspec

from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import Instrument
from zenithd.market.view import MarketView
from zenithd.wire.symbol_keys import SymbolKeys

_definition = attrgetter("instrument")
_order = attrgetter("order")


class _Listing(msgspec.Struct, frozen=True):
    """What a market listed when it was looked at last."""

    definitions: list[Instrument]
    """In the market's own order."""
    keys: list[SymbolKeys]
    """In alphabetical order."""


class SymbolIndex:
    """Remembers the keys of symbols; a listing is right while it has the very definitions of the market."""

    def __init__(self) -> None:
        self._listings: dict[MarketId, _Listing] = {}

    def keys(self, market: MarketView) -> list[SymbolKeys]:
        """Give the keys of everything a market lists now, in alphabetical order."""
        known = self._listings.get(market.definition.id)
        listed = market.instruments
        if (
            known is not None
            and len(known.definitions) == len(listed)
            and all(map(is_, map(_definition, listed.values()), known.definitions))
        ):
            return known.keys
        definitions = [view.instrument for view in listed.values()]
        unchanged = {} if known is None else {id(keys.instrument): keys for keys in known.keys}
        keys = [unchanged.get(id(one)) or SymbolKeys.of(one) for one in definitions]
        keys.sort(key=_order)
        self._listings[market.definition.id] = _Listing(definitions, keys)
        return keys
