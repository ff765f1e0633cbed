"""What holds for a blend of two markets whatever their sources send."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from strict_client import StrictClient
from venue_simulator import (
    LEVEL_MOVES,
    ORDER_MOVES,
    SECURITY_MOVES,
    TRADE_MOVES,
    Move,
    VenueSimulator,
    moves,
)

from zenithd.domain.identifiers import InstrumentId, MixedMarketCode, parse_market
from zenithd.market.mixed_market import MixedMarket
from zenithd.market.venue import VenueMarket

MIX = "XSX+XSY"
XS01 = InstrumentId(f"XS01.{MIX}")
Turn = tuple[int, list[Move]]


def turns(kinds: Sequence[str]) -> SearchStrategy[list[Turn]]:
    """Batches, each of the first or of the second market."""
    return st.lists(
        st.tuples(st.integers(0, 1), st.lists(moves(kinds), min_size=1, max_size=4)), min_size=5, max_size=25
    )


EVERYTHING = (*ORDER_MOVES, *TRADE_MOVES, *SECURITY_MOVES)
streams = st.one_of(turns(EVERYTHING), turns((*LEVEL_MOVES, "gap", *TRADE_MOVES)))


class Pair:
    """Two venues that list the same instrument in different scales, and their mix."""

    def __init__(self) -> None:
        self.simulators = (VenueSimulator("XSX", 2, 0), VenueSimulator("XSY", 3, 1))
        self.venues = [simulator.venue() for simulator in self.simulators]
        self.mixed = mix(self.venues)

    def play(self, turn: Turn) -> None:
        place, batch = turn
        simulator, venue = self.simulators[place], self.venues[place]
        simulator.clock = max(each.clock for each in self.simulators)
        changes = venue.apply(simulator.play(batch), simulator.clock)
        self.changes = self.mixed.apply(simulator.market, changes)


def mix(venues: Sequence[VenueMarket]) -> MixedMarket:
    code = parse_market(MIX)
    assert isinstance(code, MixedMarketCode)
    return MixedMarket(code, venues)


@given(streams, st.integers(0, 10))
def test_a_strict_client_reproduces_the_blend(stream: list[Turn], late: int) -> None:
    pair = Pair()
    for turn in stream[:late]:
        pair.play(turn)
    view = pair.mixed.instruments[XS01]
    client = StrictClient(view)
    for turn in stream[late:]:
        pair.play(turn)
        client.follow(view, pair.changes)
        client.agrees_with(view)


@given(streams)
def test_the_blend_equals_a_full_recomputation(stream: list[Turn]) -> None:
    pair = Pair()
    view = pair.mixed.instruments[XS01]
    assert view.levels() == []
    for turn in stream:
        pair.play(turn)
        again = mix(pair.venues).instruments[XS01]
        assert {order.order_id: order for order in view.orders()} == {
            order.order_id: order for order in again.orders()
        }
        assert set(view.levels()) == set(again.levels())
        assert view.security == again.security
        assert view.last_traded == again.last_traded
        assert view.chart.bars() == again.chart.bars()
        assert list(view.tape) == list(again.tape)
        assert (view.tape.complete, view.tape.trading_date) == (again.tape.complete, again.tape.trading_date)


@given(streams)
def test_levels_of_the_blend_add_up_those_of_the_sources(stream: list[Turn]) -> None:
    pair = Pair()
    view = pair.mixed.instruments[XS01]
    for turn in stream:
        pair.play(turn)
    sums: dict[tuple[str, int], list[int]] = {}
    for venue, factor, quantity_factor in zip(pair.venues, (10, 1), (10, 1), strict=True):
        for level in venue.instruments[InstrumentId(f"XS01.{venue.definition.id}")].levels():
            assert level.price is not None
            assert level.volume is not None
            parts = sums.setdefault((level.side.value, level.price * factor), [])
            parts.append(level.volume * quantity_factor)
    found = {(level.side.value, level.price): level for level in view.levels()}
    assert {key: level.volume for key, level in found.items()} == {
        key: sum(parts) for key, parts in sums.items()
    }
    assert all((found[key].market is None) == (len(parts) > 1) for key, parts in sums.items())


@given(turns(EVERYTHING))
def test_trades_of_the_blend_are_those_of_the_sources_in_ascending_order(stream: list[Turn]) -> None:
    pair = Pair()
    view = pair.mixed.instruments[XS01]
    for turn in stream:
        pair.play(turn)
    ids = [taped.trade.trade_id for taped in view.tape]
    assert ids == sorted(set(ids))
    for simulator, venue in zip(pair.simulators, pair.venues, strict=True):
        source = [taped for taped in view.tape if taped.market == simulator.market]
        if venue.trading_date == pair.mixed.trading_date:
            assert [taped.trade.time for taped in source] == [trade.time for trade in simulator.trades]
            assert [taped.trade.flags for taped in source] == [trade.flags for trade in simulator.trades]
        else:
            assert source == []
    security = view.security
    today = [venue for venue in pair.venues if venue.trading_date == pair.mixed.trading_date]
    assert security.number_of_trades == sum(
        instrument.security.number_of_trades for venue in today for instrument in venue.instruments.values()
    )
