"""Tables for mixed markets: what is blended with what, and how (zenith-websocket 1.7)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from strict_client import StrictClient

from zenithd.domain.events import (
    BookCleared,
    InstrumentListed,
    InstrumentUnlisted,
    MarketEvent,
    MarketStateChanged,
    OrderAdded,
    SecurityChanged,
    TradeAmended,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId, MixedMarketCode, parse_market
from zenithd.domain.instrument import Instrument, MarketDefinition, SecurityClass
from zenithd.domain.market_data import DataKind, FeedStatus, Side, TradeFlag, TradingState
from zenithd.market.changes import Changes, Op
from zenithd.market.mixed_market import MixedMarket
from zenithd.market.venue import VenueMarket

MONDAY, TUESDAY = date(2026, 11, 16), date(2026, 11, 17)
SECOND = 1_000_000_000
XSX, XSY = MarketId("XSX"), MarketId("XSY")
MIXED = InstrumentId("XS01.XSX+XSY")


def listing(market: MarketId, code: str = "XS01", **values: Any) -> Instrument:
    return Instrument(code=code, market=market, exchange="XSX", **values)


def venue(market: MarketId, *instruments: Instrument, **values: Any) -> VenueMarket:
    definition = MarketDefinition(id=market, **values)
    made = VenueMarket(definition)
    made.redefine(definition, instruments or [listing(market)])
    return made


def mix(*venues: VenueMarket) -> MixedMarket:
    code = parse_market("+".join(each.definition.id for each in venues))
    assert isinstance(code, MixedMarketCode)
    return MixedMarket(code, venues)


def apply(mixed: MixedMarket, source: VenueMarket, *events: MarketEvent) -> Changes:
    return mixed.apply(source.definition.id, source.apply(events, 0))


def order(market: MarketId, order_id: str, price: int, quantity: int, position: int = 1) -> OrderAdded:
    return OrderAdded(InstrumentId(f"XS01.{market}"), order_id, Side.BID, price, quantity, position)


def trade(market: MarketId, trade_id: int, seconds: int, price: int = 100, **values: Any) -> TradeReported:
    return TradeReported(InstrumentId(f"XS01.{market}"), trade_id, price, 1, seconds * SECOND, **values)


def test_what_the_mix_is() -> None:
    states = (TradingState("Open"), TradingState("Closed"))
    one = venue(XSX, name="One", currency="AUD", trading_states=states[:1], boards=("XSX::A",))
    other = venue(XSY, name="Two", currency="AUD", trading_states=states, simulated=True)
    mixed = mix(one, other)
    definition = mixed.definition
    assert (definition.id, definition.name, definition.currency) == ("XSX+XSY", "One + Two", "AUD")
    assert definition.trading_states == states
    assert definition.simulated
    assert (mixed.delay_ns, mixed.trading_date, mixed.trading_state) == (0, None, None)


def test_the_same_code_is_blended_and_another_passed_through() -> None:
    one = venue(XSX, listing(XSX, price_scale=2, trading_markets=("XSX",)), listing(XSX, "XS02"))
    other = venue(XSY, listing(XSY, price_scale=3, trading_markets=("XSY",)), listing(XSY, "XS03"))
    mixed = mix(one, other)
    assert set(mixed.instruments) == {"XS01.XSX+XSY", "XS02.XSX+XSY", "XS03.XSX+XSY"}
    blended = mixed.instruments[MIXED].instrument
    assert (blended.market, blended.exchange, blended.price_scale) == ("XSX+XSY", "XSX", 3)
    assert blended.trading_markets == ("XSX", "XSY")
    assert [len(blend.contributions) for blend in mixed.instruments.values()] == [2, 1, 1]


@pytest.mark.parametrize(
    "values", [{"security_class": SecurityClass.MANAGED_FUND}, {"is_index": True}, {"price_scale": 2}]
)
def test_a_different_thing_with_the_same_code_stays_out(values: dict[str, Any]) -> None:
    other = listing(XSY, **values)
    if "price_scale" in values:
        other = Instrument(code="XS01", market=XSY)
    mixed = mix(venue(XSX), venue(XSY, other))
    assert [part.source for part in mixed.instruments[MIXED].contributions] == [XSX]


def test_half_a_book_is_not_offered() -> None:
    levels_only = DataKind.ASSET | DataKind.DEPTH_SHORT
    mixed = mix(venue(XSX), venue(XSY, listing(XSY, subscription_data=levels_only)))
    assert mixed.instruments[MIXED].instrument.subscription_data == levels_only


def test_orders_levels_and_best_prices() -> None:
    one, other = venue(XSX), venue(XSY)
    mixed = mix(one, other)
    view = mixed.instruments[MIXED]
    client = StrictClient(view)
    client.follow(view, apply(mixed, one, order(XSX, "a", 100, 5), order(XSX, "b", 99, 1)))
    client.follow(view, apply(mixed, other, order(XSY, "a", 100, 7)))
    client.agrees_with(view)
    assert {(each.order_id, each.position, each.market) for each in view.orders()} == {
        ("XSX:a", 2, XSX),
        ("XSX:b", 2, XSX),
        ("XSY:a", 3, XSY),
    }
    assert {(each.id, each.volume, each.count, each.market) for each in view.levels()} == {
        ("B100", 12, 2, None),
        ("B99", 1, 1, XSX),
    }
    assert (view.security.best_bid, view.security.bid_quantity, view.security.bid_count) == (100, 12, 2)


def test_a_source_that_clears_its_book_leaves_the_others() -> None:
    one, other = venue(XSX), venue(XSY)
    mixed = mix(one, other)
    view = mixed.instruments[MIXED]
    client = StrictClient(view)
    client.follow(view, apply(mixed, one, order(XSX, "a", 100, 5), order(XSX, "b", 99, 1)))
    client.follow(view, apply(mixed, other, order(XSY, "a", 100, 7)))
    changes = apply(mixed, one, BookCleared(InstrumentId("XS01.XSX")), order(XSX, "c", 98, 2))
    client.follow(view, changes)
    client.agrees_with(view)
    assert {each.order_id for each in view.orders()} == {"XSY:a", "XSX:c"}
    assert {(each.id, each.volume, each.market) for each in view.levels()} == {
        ("B100", 7, XSY),
        ("B98", 2, XSX),
    }
    told = [(each.op.value, each.level and each.level.id) for each in changes.instruments[MIXED].levels]
    assert sorted(told) == [("A", "B98"), ("R", "B99"), ("U", "B100")]


def test_a_lone_source_keeps_its_ids_and_positions() -> None:
    one, other = venue(XSX), venue(XSY, listing(XSY, "XS02"))
    mixed = mix(one, other)
    view = mixed.instruments[MIXED]
    client = StrictClient(view)
    client.follow(view, apply(mixed, one, order(XSX, "a", 100, 5, 9), trade(XSX, 4, 1, buy_order_id="a")))
    client.agrees_with(view)
    (alone,) = view.orders()
    assert (alone.order_id, alone.position, alone.market) == ("a", 9, XSX)
    (taped,) = view.tape
    assert (taped.trade.trade_id, taped.trade.buy_order_id, taped.market) == (4, "a", XSX)
    assert taped.trade.instrument == MIXED


def test_trades_of_both_sources_in_one_sequence() -> None:
    one, other = venue(XSX), venue(XSY)
    mixed = mix(one, other)
    apply(mixed, one, trade(XSX, 1, 10, 100))
    apply(mixed, other, trade(XSY, 900, 5, 105, sell_order_id="s"))
    view = mixed.instruments[MIXED]
    # Made from the tapes, by time.
    assert [(each.trade.trade_id, each.market) for each in view.tape] == [
        (10_000_001, XSY),
        (20_000_000, XSX),
    ]
    apply(mixed, other, trade(XSY, 901, 7, 106, related_id=900))
    changes = apply(mixed, other, TradeAmended(trade(XSY, 900, 5, 105, flags=(TradeFlag.CANCEL,))))
    # A late one goes to the end, and an amendment finds its trade.
    assert [each.trade.trade_id for each in view.tape] == [10_000_001, 20_000_000, 20_000_001]
    assert view.tape.select(1, None, None)[0].trade.related_id == 10_000_001
    updated = {change.trade.trade.trade_id for change in changes.instruments[MIXED].trades if change.trade}
    assert updated == {10_000_001, 20_000_001}, "the trend of the one after it changed too"
    assert view.tape.select(None, None, 10_000_001)[0].trade.flags == (TradeFlag.CANCEL,)


def test_statistics() -> None:
    one, other = venue(XSX), venue(XSY)
    mixed = mix(one, other)
    record = mixed.instruments[MIXED].security
    apply(
        mixed,
        one,
        trade(XSX, 1, 10, 100),
        trade(XSX, 2, 20, 104),
        SecurityChanged(
            instrument=InstrumentId("XS01.XSX"), open_interest=3, extended={"High52": 9.0, "Low52": 1.0}
        ),
    )
    apply(
        mixed,
        other,
        trade(XSY, 1, 15, 96),
        SecurityChanged(instrument=InstrumentId("XS01.XSY"), close=97, extended={"High52": 8.0}),
    )
    assert (record.open, record.high, record.low, record.last) == (100, 104, 96, 104)
    assert (record.number_of_trades, record.volume, record.value_traded) == (3, 3, 300)
    assert record.vwap == pytest.approx(1.0)
    assert (record.close, record.open_interest) == (97, 3)
    assert record.extended == {"High52": 9.0, "Low52": 1.0}
    assert mixed.instruments[MIXED].last_traded == 20 * SECOND
    # At the same time, the first market's price counts; later, that of whoever traded, also if unchanged.
    apply(mixed, other, trade(XSY, 2, 20, 96))
    assert record.last == 104
    apply(mixed, other, trade(XSY, 3, 21, 96))
    assert record.last == 96


def test_states_and_statuses() -> None:
    one, other = venue(XSX), venue(XSY)
    mixed = mix(one, other)
    apply(mixed, one, MarketStateChanged(XSX, "Open", {"XSX::A": "Auction"}))
    apply(mixed, other, MarketStateChanged(XSY, "Closed"))
    assert (mixed.trading_state, mixed.board_states) == ("Open", {"XSX::A": "Auction"})
    assert mixed.instruments[MIXED].security.trading_state == "Open"
    assert mixed.feed_status is FeedStatus.INITIALISING
    table = [
        ("ACTIVE", "ACTIVE", "ACTIVE"),
        ("ACTIVE", "CLOSED", "ACTIVE"),
        ("CLOSED", "CLOSED", "CLOSED"),
        ("ACTIVE", "IMPAIRED", "IMPAIRED"),
        ("INACTIVE", "ACTIVE", "INACTIVE"),
        ("EXPIRED", "IMPAIRED", "EXPIRED"),
    ]
    for first, second, both in table:
        one.set_status(FeedStatus[first])
        changes = mixed.apply(XSY, other.set_status(FeedStatus[second]))
        assert mixed.feed_status is FeedStatus[both]
        assert changes.instruments == {}


def test_only_what_was_read_is_worked_out() -> None:
    one, other = venue(XSX, listing(XSX), listing(XSX, "XS02")), venue(XSY)
    mixed = mix(one, other)
    assert not mixed.instruments[MIXED].is_active
    assert apply(mixed, one, order(XSX, "a", 100, 5)).instruments == {}
    assert len(mixed.instruments[MIXED].levels()) == 1
    assert set(apply(mixed, one, order(XSX, "b", 99, 5)).instruments) == {MIXED}


def test_the_day_of_the_mix_is_the_newest_of_its_sources() -> None:
    one, other = venue(XSX), venue(XSY)
    for each, market in ((one, XSX), (other, XSY)):
        each.apply([TradingDayStarted(market, MONDAY), trade(market, 1, 10)], 0)
    mixed = mix(one, other)
    view = mixed.instruments[MIXED]
    client = StrictClient(view)
    assert view.security.volume == 2
    changes = apply(mixed, one, TradingDayStarted(XSX, TUESDAY))
    client.follow(view, changes)
    client.agrees_with(view)
    assert changes.new_day
    assert (mixed.trading_date, view.security.volume, len(view.tape)) == (TUESDAY, 0, 0)
    # What still happens in the old day does not leak.
    client.follow(view, apply(mixed, other, trade(XSY, 2, 20)))
    assert (view.security.volume, len(view.tape), view.chart.bars()) == (0, 0, [])
    changes = apply(mixed, other, TradingDayStarted(XSY, TUESDAY), trade(XSY, 1, 86_400))
    client.follow(view, changes)
    client.agrees_with(view)
    assert not changes.new_day
    assert (view.security.volume, len(view.tape)) == (1, 1)


def test_a_source_that_rolls_later_tells_only_what_changes() -> None:
    one, other = venue(XSX), venue(XSY)
    mixed = mix(one, other)
    view = mixed.instruments[MIXED]
    client = StrictClient(view)
    for each, market in ((one, XSX), (other, XSY)):
        client.follow(view, apply(mixed, each, TradingDayStarted(market, MONDAY), trade(market, 1, 10)))
    first = apply(mixed, one, TradingDayStarted(XSX, TUESDAY), trade(XSX, 1, 86_400)).instruments[MIXED]
    assert first.security_full
    client.apply(view, first)
    # The other closed at the same price: nothing of the blend changes.
    changes = apply(mixed, other, TradingDayStarted(XSY, TUESDAY))
    assert changes.instruments == {}
    changes = apply(mixed, other, trade(XSY, 1, 86_401, 105))
    client.follow(view, changes)
    client.agrees_with(view)
    assert [change.op for change in changes.instruments[MIXED].trades] == [Op.ADD]


def test_a_source_that_rolls_with_a_trade_joins_and_one_that_had_trades_begins_the_tape_anew() -> None:
    one, other = venue(XSX), venue(XSY)
    mixed = mix(one, other)
    view = mixed.instruments[MIXED]
    client = StrictClient(view)
    client.follow(view, apply(mixed, other, TradingDayStarted(XSY, MONDAY), trade(XSY, 1, 10, 98)))
    client.follow(view, apply(mixed, one, TradingDayStarted(XSX, TUESDAY), trade(XSX, 1, 86_400)))
    joined = apply(mixed, other, TradingDayStarted(XSY, TUESDAY), trade(XSY, 1, 86_401, 105))
    changed = joined.instruments[MIXED]
    assert [change.op for change in changed.trades] == [Op.ADD]
    assert not changed.security_full
    assert {"close", "last", "volume"} <= changed.security
    client.follow(view, joined)
    client.agrees_with(view)
    reset = mixed.apply(XSY, other.reset())
    assert [change.op for change in reset.instruments[MIXED].trades] == [Op.INITIALISE]
    client.follow(view, reset)
    client.agrees_with(view)


def ids(mixed: MixedMarket) -> list[int]:
    return [taped.trade.trade_id for taped in mixed.instruments[MIXED].tape]


def test_trades_of_one_microsecond_keep_their_ids_when_the_tape_is_made_anew() -> None:
    one, other = venue(XSX), venue(XSY)
    mixed = mix(one, other)
    assert ids(mixed) == []
    apply(mixed, one, trade(XSX, 1, 5))
    apply(mixed, other, trade(XSY, 1, 5))
    apply(mixed, one, trade(XSX, 2, 5), trade(XSX, 3, 5))
    apply(mixed, other, trade(XSY, 2, 6))
    assert ids(mixed) == [10_000_000, 10_000_001, 10_000_002, 10_000_004, 12_000_001]
    assert ids(mix(one, other)) == ids(mixed)


def test_a_trade_that_arrives_after_its_turn_alone_has_another_id_anew() -> None:
    one, other = venue(XSX), venue(XSY)
    mixed = mix(one, other)
    assert ids(mixed) == []
    apply(mixed, other, trade(XSY, 1, 5))
    apply(mixed, one, trade(XSX, 1, 5))
    apply(mixed, other, trade(XSY, 2, 6))
    assert ids(mixed) == [10_000_001, 10_000_002, 12_000_001]
    assert ids(mix(one, other)) == [10_000_000, 10_000_001, 12_000_001]


def test_states_of_boards_are_sorted() -> None:
    one, other = venue(XSX), venue(XSY)
    mixed = mix(one, other)
    apply(mixed, other, MarketStateChanged(XSY, "Open", {"XSY::B": "Open", "XSY::A": "Open"}))
    apply(mixed, one, MarketStateChanged(XSX, "Open", {"XSX::A": "Open"}))
    assert list(mixed.board_states) == ["XSX::A", "XSY::A", "XSY::B"]


def test_a_second_listing_joins_and_leaves() -> None:
    one, other = venue(XSX), venue(XSY, listing(XSY, "XS09"))
    mixed = mix(one, other)
    view = mixed.instruments[MIXED]
    client = StrictClient(view)
    client.follow(view, apply(mixed, one, order(XSX, "a", 100, 5), trade(XSX, 1, 1)))
    changes = apply(mixed, other, InstrumentListed(listing(XSY, price_scale=3)), order(XSY, "a", 1000, 5))
    assert [(each.op, each.instrument.price_scale) for each in changes.symbols] == [(Op.UPDATE, 3)]
    view = mixed.instruments[MIXED]
    client.follow(view, changes)
    client.agrees_with(view)
    assert len(view.orders()) == 2
    changes = apply(mixed, other, InstrumentUnlisted(InstrumentId("XS01.XSY")))
    view = mixed.instruments[MIXED]
    client.follow(view, changes)
    client.agrees_with(view)
    assert [each.order_id for each in view.orders()] == ["a"]
    changes = apply(mixed, one, InstrumentUnlisted(InstrumentId("XS01.XSX")))
    assert [each.op for each in changes.symbols] == [Op.REMOVE]
    assert set(mixed.instruments) == {"XS09.XSX+XSY"}


def test_a_symbol_new_to_both() -> None:
    one, other = venue(XSX), venue(XSY)
    mixed = mix(one, other)
    changes = apply(mixed, other, InstrumentListed(listing(XSY, "XS05")))
    assert [(each.op, each.instrument.id) for each in changes.symbols] == [(Op.ADD, "XS05.XSX+XSY")]
    assert changes.instruments == {}


def test_stored_trades_of_a_source_begin_the_tape_anew() -> None:
    one, other = venue(XSX), venue(XSY)
    mixed = mix(one, other)
    view = mixed.instruments[MIXED]
    client = StrictClient(view)
    changes = mixed.apply(XSX, one.restore_day(MONDAY, {InstrumentId("XS01.XSX"): [trade(XSX, 1, 5)]}))
    client.follow(view, changes)
    client.agrees_with(view)
    assert len(view.tape) == 1


def test_a_source_that_is_reset() -> None:
    one, other = venue(XSX), venue(XSY)
    mixed = mix(one, other)
    view = mixed.instruments[MIXED]
    client = StrictClient(view)
    client.follow(view, apply(mixed, one, order(XSX, "a", 100, 5), trade(XSX, 1, 1)))
    client.follow(view, apply(mixed, other, order(XSY, "a", 100, 5), trade(XSY, 1, 1)))
    client.follow(view, mixed.apply(XSX, one.reset()))
    client.agrees_with(view)
    assert [each.order_id for each in view.orders()] == ["XSY:a"]
    client.follow(view, apply(mixed, one, order(XSX, "b", 100, 5)))
    client.agrees_with(view)
