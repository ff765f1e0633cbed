"""Where simulated participants act: a seat for each company, whatever its symbol is called. Pure.

A symbol keeps its number when it is renamed, so that is what a seat looks for. If that symbol is unlisted the
seat is empty, until a symbol is listed anew under the company's own code.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping

from zenithd.domain.identifiers import InstrumentId
from zenithd_prodigy.demonstration import FOLLOWER_DIFFERENCE_TICKS, DemonstrationMarket
from zenithd_prodigy.listings import PRICE_SCALE, TICK_TABLE
from zenithd_prodigy.model.state import MarketState
from zenithd_prodigy.model.symbol import SymbolState
from zenithd_prodigy.participants import InstrumentFlow
from zenithd_prodigy.reference_price import FollowingPrice, ReferencePrice, WanderingPrice
from zenithd_prodigy.tick_ladder import TickLadder


class Seat:
    """One company of one market of the demonstration.

    Attributes:
        instrument: as it was founded; a name for the seat.
        step_seconds: between two steps of its participants.
    """

    def __init__(
        self, market: DemonstrationMarket, place: int, reference: ReferencePrice, source: random.Random
    ) -> None:
        company = market.companies[place]
        self.instrument: InstrumentId = market.instruments[place].id
        self.step_seconds = market.style.step_seconds / company.activity
        self._market = market
        self._place = place
        self._reference = reference
        self._source = source

    def symbol(self, model: MarketState) -> SymbolState | None:
        """The symbol of the company; None if it is not listed, or the market is gone."""
        return symbol_of(self._market, self._place, model)

    def take(self, model: MarketState, symbol: SymbolState) -> InstrumentFlow:
        """Participants for the symbol as it is now; what they have in its book is theirs again."""
        company = self._market.companies[self._place]
        flow = InstrumentFlow(
            model, symbol, self._market.style, company.activity, self._reference, self._source
        )
        flow.adopt()
        return flow


def symbol_of(market: DemonstrationMarket, place: int, model: MarketState) -> SymbolState | None:
    """The symbol of the company at a place: the one it was founded with, else one listed under its code."""
    if not model.exists:
        return None
    code = market.companies[place].code
    named = model.symbols.get(code)
    if named is not None and named.number == place + 1:
        return named
    for symbol in model.symbols.values():
        if symbol.number == place + 1:
            return symbol
    # The symbol of another company may have been given the code: it is that company's.
    return named if named is not None and named.number > len(market.companies) else None


def make_seats(
    markets: Iterable[DemonstrationMarket], price: Callable[[InstrumentId], int], seed: str
) -> dict[InstrumentId, Seat]:
    """A seat for every company.

    Args:
        markets: the leading one first.
        price: where an instrument's price stands, in thousandths.
        seed: start of all randomness.
    """
    seats: dict[InstrumentId, Seat] = {}
    leaders: dict[str, ReferencePrice] = {}
    ladder = TickLadder(TICK_TABLE, PRICE_SCALE)
    for market in markets:
        for place, (company, instrument) in enumerate(zip(market.companies, market.instruments, strict=True)):
            source = random.Random(f"{seed}/{instrument.id}")
            reference: ReferencePrice
            if company.code in leaders:
                difference = FOLLOWER_DIFFERENCE_TICKS * ladder.size_at(company.price)
                reference = FollowingPrice(leaders[company.code], difference, source)
            else:
                reference = WanderingPrice(company.price, price(instrument.id), source)
                leaders[company.code] = reference
            seats[instrument.id] = Seat(market, place, reference, source)
    return seats


def taken(
    seats: Mapping[InstrumentId, Seat], models: Mapping[InstrumentId, MarketState]
) -> dict[InstrumentId, InstrumentFlow]:
    """The participants of all seats whose company is listed."""
    flows: dict[InstrumentId, InstrumentFlow] = {}
    for instrument, seat in seats.items():
        symbol = seat.symbol(models[instrument])
        if symbol is not None:
            flows[instrument] = seat.take(models[instrument], symbol)
    return flows
