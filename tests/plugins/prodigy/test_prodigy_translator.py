"""What subscribers see of the exchange's events, and what owners see."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from prodigy_support import ASK, BID, Playground

from tests.reliability.lib_matching import Pair
from zenithd.domain import events as public
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import MarketDefinition
from zenithd.domain.market_data import Side, TickStep, TickTable, TradeFlag
from zenithd.market.venue import VenueMarket
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.exchange import Market
from zenithd_prodigy.model.events import OrderPlaced, TickTableSet, Traded, decode_events
from zenithd_prodigy.model.orders import OrderType, order_id_text
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.translator import for_owner, redefines

S = InstrumentId("S.M")


def seen(play: Playground, *commands: c.Command) -> list[public.MarketEvent]:
    """What subscribers are told of some commands."""
    since = len(play.events)
    play.do(*commands)
    return play.market.translator.translate(play.events[since:])


def place(side: Side, quantity: int, price: int | None, entity: str = "A", **terms: Any) -> c.PlaceOrder:
    return c.PlaceOrder(
        market="M",
        symbol="S",
        entity=entity,
        side=side,
        quantity=quantity,
        price=price,
        account="acc",
        **terms,
    )


def test_depth_is_anonymous_unless_the_market_says_otherwise() -> None:
    added = public.OrderAdded(S, "1", BID, 100, 3, 1, has_undisclosed=True)
    hidden = place(BID, 5, 100, display_quantity=3)
    assert seen(Playground(), hidden) == [added]
    [shown] = seen(Playground(shows_parties=True), hidden)
    assert isinstance(shown, public.OrderAdded)
    assert (shown.broker, shown.cross_reference) == ("A", "acc")


def test_a_trade_and_what_it_leaves() -> None:
    play = Playground()
    seen(play, place(BID, 5, 100), place(BID, 5, 100))
    got = seen(play, place(ASK, 7, 99, "B"))
    assert got == [
        public.TradeReported(S, 1, 100, 5, 1, ASK, buy_order_id="1", sell_order_id="3"),
        public.OrderRemoved(S, "1"),
        public.TradeReported(S, 2, 100, 2, 1, ASK, buy_order_id="2", sell_order_id="3"),
        public.OrderChanged(S, "2", 100, 3, 2),
    ]
    [cancelled] = seen(play, c.CancelTrade(market="M", symbol="S", trade_id=1))
    assert isinstance(cancelled, public.TradeAmended)
    assert cancelled.trade.flags == (TradeFlag.CANCEL,)
    [corrected] = seen(play, c.CorrectTrade(market="M", symbol="S", trade_id=2, quantity=1))
    assert isinstance(corrected, public.TradeAmended)
    assert (corrected.trade.quantity, corrected.trade.flags) == (1, ())


def test_statuses_indicative_values_and_references() -> None:
    play = Playground()
    assert seen(play, c.SetStatus(market="M", status=Status.PRE_AUCTION)) == [
        public.MarketStateChanged(MarketId("M"), "PreAuction", {"M::M": "PreAuction"})
    ]
    assert seen(play, c.SetStatus(market="M", symbol="S", status=Status.TRADING_HALT)) == [
        public.SecurityChanged(instrument=S, trading_state="TradingHalt")
    ]
    unpriced = place(BID, 5, None, order_type=OrderType.MARKET)
    assert seen(play, unpriced) == []
    assert seen(play, place(ASK, 3, 100, "B"))[1:] == [
        public.SecurityChanged(instrument=S, auction_price=100, auction_quantity=3, auction_remainder=2)
    ]
    got = seen(play, c.SetStatus(market="M", symbol="S", status=None))
    assert got == [public.SecurityChanged(instrument=S, trading_state=None)]
    got = seen(play, c.SetStatus(market="M", status=Status.AUCTION))
    assert got[-1] == public.SecurityChanged(
        instrument=S, auction_price=None, auction_quantity=None, auction_remainder=None
    )
    assert seen(play, c.SetReference(market="M", symbol="S", name="Base", price=125)) == [
        public.SecurityChanged(instrument=S, extended={"Base": 1.25})
    ]


def test_a_renamed_symbol_comes_with_its_book() -> None:
    play = Playground()
    seen(play, place(BID, 5, 100))
    unlisted, listed, cleared, values, added = seen(
        play, c.RenameSymbol(market="M", symbol="S", new_code="T")
    )
    assert unlisted == public.InstrumentUnlisted(S)
    assert isinstance(listed, public.InstrumentListed)
    assert listed.instrument == "T.M"
    assert cleared == public.BookCleared(InstrumentId("T.M"))
    assert isinstance(values, public.SecurityChanged)
    assert added == public.OrderAdded(InstrumentId("T.M"), "1", BID, 100, 5, 1)


def test_the_market_is_declared_from_its_state() -> None:
    play = Playground()
    table = TickTable("T", (TickStep(Decimal(0), Decimal(9), Decimal("0.01")),))
    play.do(c.SetTickTable(market="M", table=table), c.ChangeSymbol(market="M", symbol="S", tick_table="T"))
    assert redefines(play.events[-2])
    assert isinstance(play.events[-2], TickTableSet)
    assert not redefines(play.events[-1])
    definition = play.market.translator.definition()
    assert (definition.id, definition.tick_tables, len(definition.trading_states)) == ("M", (table,), 9)
    [instrument] = play.market.translator.instruments()
    assert (instrument.tick_table, instrument.lot_size, instrument.board) == ("T", Decimal(1), "M::M")


def test_owners_see_their_own_side_only() -> None:
    play = Playground()
    play.do(place(BID, 5, 100, "A"), place(ASK, 5, 100, "B"))
    trade = next(event for event in play.events if isinstance(event, Traded))
    placed = [event for event in play.events if isinstance(event, OrderPlaced)]
    assert [for_owner(event, "A") for event in placed] == [placed[0], None]
    mine = for_owner(trade, "A")
    assert isinstance(mine, Traded)
    assert (mine.buy, mine.sell.order, mine.sell.party.entity) == (trade.buy, 0, "")
    assert for_owner(trade, "C") is None


def test_subscribers_books_are_the_exchange_s() -> None:
    """Random operations, as the daemon's own market sees them."""
    for seed in range(4):
        pair = Pair(seed)
        definition = MarketDefinition(
            id=MarketId("T"),
            trading_states=pair.market.translator.definition().trading_states,
            boards=("T::T",),
        )
        venue = VenueMarket(definition)
        venue.redefine(definition, pair.market.translator.instruments())
        assert venue.apply(pair.market.translator.snapshot(), 0).faults == []
        replica = Market(checkpoint=pair.start)
        for _ in range(400):
            pair.step()
        for record in pair.records:
            events = decode_events(record)
            replica.replay(events)
            batch = replica.translator.translate(events)
            assert venue.apply(batch, 0).faults == []
            view = venue.instruments[InstrumentId("S.T")]
            for side in Side:
                got = [
                    (o.order_id, o.price, o.quantity)
                    for o in sorted(view.orders(), key=lambda o: o.position)
                    if o.side is side
                ]
                expected = sorted(replica.model.symbols["S"].in_book(side), key=lambda o: o.priority)
                assert got == [(order_id_text(o.number), o.price, o.visible) for o in expected]
        fresh = VenueMarket(definition)
        fresh.redefine(definition, pair.market.translator.instruments())
        assert fresh.apply(pair.market.translator.snapshot(), 0).faults == []
        assert len(list(fresh.instruments[InstrumentId("S.T")].orders())) == sum(
            1 for side in Side for _ in pair.symbol.in_book(side)
        )
