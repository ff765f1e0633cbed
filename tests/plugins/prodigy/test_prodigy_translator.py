"""What subscribers see of the exchange's events, and what owners see."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from prodigy_support import ASK, BID, MONDAY, Playground

from tests.reliability.lib_matching import Pair
from zenithd.authority.access import View
from zenithd.domain import events as public
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import MarketDefinition
from zenithd.domain.market_data import Affects, Side, TickStep, TickTable, TradeFlag
from zenithd.market.venue import VenueMarket
from zenithd.wire.translate.trades import trade_changes
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.exchange import Market
from zenithd_prodigy.model.definitions import SymbolDefinition
from zenithd_prodigy.model.events import OrderPlaced, TickTableSet, Traded, decode_events
from zenithd_prodigy.model.orders import OrderType, order_id_text
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.translator import for_owner, redefines

S = InstrumentId("S.M")
DAY_NS = 86_400_000_000_000


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
    assert (cancelled.trade.flags, cancelled.trade.affects) == ((TradeFlag.CANCEL,), Affects.NONE)
    assert cancelled.trade.codes == ()
    [corrected] = seen(play, c.CorrectTrade(market="M", symbol="S", trade_id=2, quantity=1))
    assert isinstance(corrected, public.TradeAmended)
    assert (corrected.trade.quantity, corrected.trade.flags) == (1, ())
    assert (corrected.trade.codes, corrected.trade.affects) == (("CO",), Affects.ALL)


def test_trades_of_an_auction_bear_its_code() -> None:
    play = Playground(Status.PRE_AUCTION)
    seen(play, place(BID, 5, 100), place(ASK, 5, 100, "B"))
    [trade] = [
        event
        for event in seen(play, c.SetStatus(market="M", status=Status.AUCTION))
        if isinstance(event, public.TradeReported)
    ]
    assert (trade.codes, trade.aggressor_side, trade.flags) == (("AU",), None, ())
    [corrected] = seen(play, c.CorrectTrade(market="M", symbol="S", trade_id=trade.trade_id, price=99))
    assert isinstance(corrected, public.TradeAmended)
    assert corrected.trade.codes == ("AU", "CO")


def test_a_change_of_an_earlier_day_s_trade_goes_to_the_history_only() -> None:
    play = Playground()
    play.now = DAY_NS * MONDAY.toordinal() - DAY_NS * date(1970, 1, 1).toordinal()
    seen(play, place(BID, 5, 100), place(ASK, 5, 100, "B"))
    play.now += DAY_NS
    play.do(c.StartTradingDay(market="M", trading_date=MONDAY + timedelta(days=1)))
    seen(play, place(BID, 5, 100), place(ASK, 5, 100, "B"))
    since = len(play.events)
    assert seen(play, c.CancelTrade(market="M", symbol="S", trade_id=1)) == []
    [earlier] = play.market.translator.earlier_trades(play.events[since:])
    assert (earlier.trading_date, earlier.trade.trade_id) == (MONDAY, 1)
    assert earlier.trade.flags == (TradeFlag.CANCEL,)
    assert len(seen(play, c.CancelTrade(market="M", symbol="S", trade_id=2))) == 1
    today, before = play.market.translator.changed_trades("S", 2)
    assert [each.trade.trade_id for each in today] == [2]
    assert before == [earlier]
    assert play.market.translator.changed_trades("S", 0) == ([], [])
    play.check_replay()


def test_ids_of_trades_are_not_used_again_for_a_code() -> None:
    play = Playground()

    def trade(symbol: str) -> int:
        since = len(play.events)
        for side in (BID, ASK):
            play.do(msgspec.structs.replace(place(side, 1, 100), symbol=symbol))
        return next(e.trade_id for e in play.events[since:] if isinstance(e, Traded))

    def renamed(old: str, new: str) -> list[int]:
        told = seen(play, c.RenameSymbol(market="M", symbol=old, new_code=new))
        return [event.trade_id for event in told if isinstance(event, public.TradeReported)]

    assert [trade("S"), trade("S")] == [1, 2]
    play.do(c.UnlistSymbol(market="M", symbol="S"))
    play.do(*(c.ListSymbol(market="M", definition=SymbolDefinition(code=code)) for code in "ST"))
    assert [trade("S"), trade("T")] == [3, 1]
    play.do(c.UnlistSymbol(market="M", symbol="S"))
    assert renamed("T", "S") == []  # what was stored under the code is not written over
    assert trade("S") == 4
    assert renamed("S", "T") == [4]
    assert [trade("T"), trade("T")] == [5, 6]
    assert renamed("T", "U") == [4, 5, 6]
    [amended] = seen(play, c.CancelTrade(market="M", symbol="U", trade_id=5))
    assert isinstance(amended, public.TradeAmended)
    assert amended.instrument == "U.M"
    play.check_replay()


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


def test_subscribers_see_changes_of_trades_by_their_marks() -> None:
    """From the operator's command to the messages of the protocol (zenith-websocket 3.1.5)."""
    play = Playground(Status.PRE_AUCTION)
    definition = play.market.translator.definition()
    venue = VenueMarket(definition)
    venue.redefine(definition, play.market.translator.instruments())
    venue.apply(play.market.translator.snapshot(), 0)
    messages: list[dict[str, Any]] = []
    for command in (
        place(BID, 5, 100),
        place(ASK, 5, 100, "B"),
        c.SetStatus(market="M", status=Status.AUCTION),
        c.CorrectTrade(market="M", symbol="S", trade_id=1, quantity=3),
        c.CancelTrade(market="M", symbol="S", trade_id=1),
    ):
        changes = venue.apply(seen(play, command), 0)
        assert changes.faults == []
        for change in changes.instruments.values():
            several = trade_changes(change.trades, venue.instruments[S].instrument, "UTC", View())
            messages += [each for each in several if "Trade" in each]
    added, corrected, cancelled = messages
    assert (added["O"], added["Trade"]["Codes"], added["Trade"].get("Side")) == ("A", "AU", None)
    assert (corrected["O"], corrected["Trade"]["Quantity"]) == ("U", 3)
    assert corrected["Trade"]["Codes"] == "AU CO"
    assert (cancelled["O"], cancelled["Trade"]["ID"], cancelled["Trade"]["Flags"]) == ("U", 1, "Cancel")
    assert cancelled["Trade"]["Affects"] == "None"
    assert venue.instruments[S].security.volume == 0
