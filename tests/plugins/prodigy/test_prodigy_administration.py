"""Markets, symbols, prices, entities and past trades in the operator's hands, while orders are open."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest
from prodigy_support import ASK, BID, Playground, order

from zenithd.domain.market_data import TickStep, TickTable
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.refusals import Reason
from zenithd_prodigy.exchange import Market
from zenithd_prodigy.model.checkpoint import decode_checkpoint
from zenithd_prodigy.model.definitions import Entity, MarketSettings, PriceLimits, SymbolDefinition
from zenithd_prodigy.model.events import TradeStatus
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.timetable.plan import round_the_clock

CENTS = TickTable(
    "CENTS", (TickStep(Decimal(0), Decimal(1), Decimal("0.05")), TickStep(Decimal(1), Decimal(9), Decimal(1)))
)
GAP = TickTable(
    "GAP", (TickStep(Decimal(0), Decimal(1), Decimal("0.05")), TickStep(Decimal(2), Decimal(9), Decimal(1)))
)
FINE = TickTable("CENTS", (TickStep(Decimal(0), Decimal(1), Decimal("0.001")),))


@pytest.fixture
def play() -> Playground:
    return Playground()


def test_orders_go_with_a_symbol_that_is_renamed(play: Playground) -> None:
    play.order(BID, 5, 100)
    number = play.symbol.number
    assert play.refuses(c.RenameSymbol(market="M", symbol="S", new_code="S")) is Reason.NOTHING_TO_CHANGE
    play.do(c.RenameSymbol(market="M", symbol="S", new_code="T"))
    assert play.refuses(order(ASK, 5, 100)) is Reason.UNKNOWN_SYMBOL
    assert play.model.symbols["T"].number == number
    renamed = c.PlaceOrder(market="M", symbol="T", entity="B", side=ASK, quantity=5, price=100)
    assert play.do(renamed)[1:] == ["trade 1x2 5@100"]
    assert play.do(c.CancelTrade(market="M", symbol="T", trade_id=1)) == []
    assert play.events[-1].trade.symbol == "T"
    play.check_replay()


def test_orders_go_with_a_market_that_is_renamed(play: Playground) -> None:
    play.order(BID, 5, 100)
    play.do(c.RenameMarket(market="M", new_code="N"))
    assert play.refuses(c.EndTradingDay(market="M")) is Reason.UNKNOWN_MARKET
    assert play.do(c.CancelOrder(market="N", symbol="S", entity="A", order=1)) == ["closed 1 5 CANCELLED"]
    play.check_replay()


def test_unlisting_and_removing_close_the_orders(play: Playground) -> None:
    play.order(BID, 5, 100)
    assert play.do(c.UnlistSymbol(market="M", symbol="S")) == ["closed 1 5 UNLISTED"]
    assert play.model.order_count == 0
    play.do(c.ListSymbol(market="M", definition=SymbolDefinition(code="S")))
    assert play.symbol.number == 2
    play.order(BID, 5, 100)
    assert play.do(c.RemoveMarket(market="M")) == ["closed 2 5 UNLISTED"]
    assert play.do(c.EndTradingDay(market="M")) == ["UNKNOWN_MARKET"]
    play.check_replay()
    play.do(c.CreateMarket(market="M"), c.ListSymbol(market="M", definition=SymbolDefinition(code="S")))
    assert play.model.next_order == 3
    play.check_replay()


def test_lots(play: Playground) -> None:
    """Neither orders nor what is shown of them at a time are parts of lots: nor are trades."""
    play.do(c.ChangeSymbol(market="M", symbol="S", lot_size=10))
    for wrong in (order(BID, 15, 100), order(BID, 20, 100, display_quantity=5)):
        assert play.refuses(wrong) is Reason.QUANTITY_LOT
    assert play.order(BID, 20, 100, display_quantity=10) == ["placed 1 book"]
    for changes in ({"quantity": 25}, {"display_quantity": 5}):
        amendment = c.AmendOrder(market="M", symbol="S", entity="A", order=1, **changes)
        assert play.refuses(amendment) is Reason.QUANTITY_LOT


def test_symbols_are_changed_while_orders_are_open(play: Playground) -> None:
    play.order(BID, 5, 103)
    play.do(c.SetTickTable(market="M", table=CENTS))
    play.do(c.ChangeSymbol(market="M", symbol="S", name="New", lot_size=5, tick_table="CENTS"))
    assert play.symbol.definition.name == "New"
    assert play.book(BID) == [(1, 103, 5, 5)]
    assert play.refuses(order(BID, 4, 95)) is Reason.QUANTITY_LOT
    assert play.refuses(order(BID, 5, 94)) is Reason.PRICE_STEP
    assert play.refuses(order(BID, 5, 101)) is Reason.PRICE_STEP
    assert play.refuses(order(BID, 5, 900)) is Reason.PRICE_STEP
    amended = c.AmendOrder(market="M", symbol="S", entity="A", order=1, price=104)
    assert play.refuses(amended) is Reason.PRICE_STEP
    assert (
        play.refuses(c.AmendOrder(market="M", symbol="S", entity="A", order=1, quantity=4))
        is Reason.QUANTITY_LOT
    )
    assert play.order(ASK, 5, 95)[1:] == ["trade 1x2 5@103"]
    play.check_replay()


def test_tick_tables(play: Playground) -> None:
    assert play.refuses(c.SetTickTable(market="M", table=GAP)) is Reason.TICK_TABLE
    assert play.refuses(c.SetTickTable(market="M", table=CENTS, replaces=True)) is Reason.UNKNOWN_TICK_TABLE
    play.do(c.SetTickTable(market="M", table=CENTS))
    assert play.refuses(c.SetTickTable(market="M", table=CENTS)) is Reason.TICK_TABLE_EXISTS
    play.do(c.ChangeSymbol(market="M", symbol="S", tick_table="CENTS"))
    assert play.refuses(c.SetTickTable(market="M", table=FINE, replaces=True)) is Reason.TICK_TABLE
    assert play.refuses(c.RemoveTickTable(market="M", code="CENTS")) is Reason.TICK_TABLE_IN_USE
    assert play.refuses(c.RemoveTickTable(market="M", code="X")) is Reason.UNKNOWN_TICK_TABLE
    assert play.refuses(c.ChangeSymbol(market="M", symbol="S", tick_table="X")) is Reason.UNKNOWN_TICK_TABLE
    play.do(
        c.ChangeSymbol(market="M", symbol="S", tick_table=""), c.RemoveTickTable(market="M", code="CENTS")
    )
    assert play.model.tick_tables == {}
    play.check_replay()


def test_price_limits_are_off_until_they_are_set(play: Playground) -> None:
    assert play.order(BID, 1, 1) == ["placed 1 book"]
    play.do(c.SetPriceLimits(market="M", symbol="S", limits=PriceLimits(low=90, high=110)))
    assert play.refuses(order(BID, 1, 89)) is Reason.PRICE_LIMIT
    assert play.refuses(order(ASK, 1, 111)) is Reason.PRICE_LIMIT
    play.do(c.SetReference(market="M", symbol="S", name="Base", price=1_000))
    relative = PriceLimits(reference="Base", basis_points=500)
    play.do(c.SetPriceLimits(market="M", symbol="S", limits=relative))
    assert play.refuses(order(BID, 1, 949)) is Reason.PRICE_LIMIT
    assert play.order(BID, 1, 950) == ["placed 2 book"]
    assert play.order(ASK, 1, 1_050) == ["placed 3 book"]
    play.do(c.SetReference(market="M", symbol="S", name="Base"))
    assert play.order(BID, 1, 5) == ["placed 4 book"]
    play.do(c.SetPriceLimits(market="M", symbol="S", limits=None))
    for limits in (PriceLimits(low=2, high=1), PriceLimits(low=0), PriceLimits(basis_points=5)):
        command = c.SetPriceLimits(market="M", symbol="S", limits=limits)
        assert play.refuses(command) is Reason.DEFINITION
    play.check_replay()


def test_rights_of_entities(play: Playground) -> None:
    play.order(BID, 5, 100)
    play.do(c.AddEntity(market="M", definition=Entity("A", can_trade=False), replaces=True))
    assert play.refuses(order(BID, 1, 100)) is Reason.NOT_PERMITTED
    amended = c.AmendOrder(market="M", symbol="S", entity="A", order=1, quantity=1)
    assert play.refuses(amended) is Reason.NOT_PERMITTED
    assert play.refuses(c.RemoveEntity(market="M", code="A")) is Reason.ENTITY_IN_USE
    assert play.cancel(1) == ["closed 1 5 CANCELLED"]
    play.do(c.RemoveEntity(market="M", code="A"))
    assert play.refuses(order(BID, 1, 100)) is Reason.UNKNOWN_ENTITY
    for code in ("", "x" * 17, "a b", "ä"):
        assert play.refuses(c.AddEntity(market="M", definition=Entity(code))) is Reason.CODE
    assert play.refuses(c.AddEntity(market="M", definition=Entity("B"))) is Reason.ENTITY_EXISTS


def test_orders_go_with_an_entity_that_is_renamed(play: Playground) -> None:
    play.order(BID, 5, 100)
    assert play.refuses(c.RenameEntity(market="M", code="A", new_code="B")) is Reason.ENTITY_EXISTS
    play.do(c.RenameEntity(market="M", code="A", new_code="Z"))
    assert play.cancel(1, "A") == ["UNKNOWN_ORDER"]
    assert play.cancel(1, "Z") == ["closed 1 5 CANCELLED"]
    play.check_replay()


def test_trades_are_cancelled_and_corrected(play: Playground) -> None:
    play.order(BID, 5, 100)
    play.order(ASK, 3, 100)
    correct = c.CorrectTrade(market="M", symbol="S", trade_id=1, price=99, quantity=2)
    play.do(correct)
    changed = play.events[-1].trade
    assert (changed.price, changed.quantity, changed.status) == (99, 2, TradeStatus.CORRECTED)
    assert play.refuses(correct) is Reason.NOTHING_TO_CHANGE
    assert play.refuses(c.CorrectTrade(market="M", symbol="S", trade_id=1, price=0)) is Reason.PRICE
    assert play.refuses(c.CorrectTrade(market="M", symbol="S", trade_id=1, quantity=0)) is Reason.QUANTITY
    play.do(c.CancelTrade(market="M", symbol="S", trade_id=1))
    assert play.refuses(c.CancelTrade(market="M", symbol="S", trade_id=1)) is Reason.TRADE_CANCELLED
    assert play.refuses(c.CancelTrade(market="M", symbol="S", trade_id=2)) is Reason.UNKNOWN_TRADE
    assert play.book(BID) == [(1, 100, 2, 2)]
    play.check_replay()


def test_only_so_many_trades_can_be_changed() -> None:
    play = Playground(trades_kept=2)
    play.order(BID, 9, 100)
    for _ in range(5):
        play.order(ASK, 1, 100)
    assert play.refuses(c.CancelTrade(market="M", symbol="S", trade_id=1)) is Reason.UNKNOWN_TRADE
    assert play.do(c.CancelTrade(market="M", symbol="S", trade_id=4)) == []
    play.check_replay()


def test_what_cannot_be_created(play: Playground) -> None:
    def listing(**values: object) -> c.ListSymbol:
        return c.ListSymbol(market="M", definition=SymbolDefinition(**values))  # type: ignore[arg-type]

    assert play.refuses(c.CreateMarket(market="M")) is Reason.MARKET_EXISTS
    assert play.refuses(listing(code="S")) is Reason.SYMBOL_EXISTS
    assert play.refuses(listing(code="a.b")) is Reason.CODE
    assert play.refuses(listing(code="T", price_scale=10)) is Reason.DEFINITION
    assert play.refuses(listing(code="T", lot_size=0)) is Reason.DEFINITION
    assert play.refuses(listing(code="T", tick_table="X")) is Reason.UNKNOWN_TICK_TABLE
    fresh = Market()
    for command, reason in (
        (c.CreateMarket(market="a b"), Reason.CODE),
        (c.CreateMarket(market="M", status=Status.SUSPEND), Reason.STATUS_PLACE),
        (c.CreateMarket(market="M", time_zone="Nowhere/Land"), Reason.TIME_ZONE),
        (c.CreateMarket(market="M", first_order=0), Reason.DEFINITION),
    ):
        assert fresh.handle(command, 1).reason is reason


def test_a_market_is_changed(play: Playground) -> None:
    play.do(c.ChangeMarket(market="M", name="New", settings=MarketSettings(quantity_max=5)))
    assert play.refuses(order(BID, 6, 100)) is Reason.QUANTITY
    assert play.refuses(c.ChangeMarket(market="M", name="New")) is Reason.NOTHING_TO_CHANGE
    assert play.refuses(c.ChangeMarket(market="M", time_zone="x")) is Reason.TIME_ZONE
    assert play.refuses(c.ChangeMarket(market="M", time_zone="localtime")) is Reason.TIME_ZONE
    with pytest.raises(ValueError, match="orders_max"):
        MarketSettings(orders_max=0)
    play.check_replay()


def test_a_checkpoint_of_the_first_version_is_understood() -> None:
    """It was one piece, and knew nothing of codes that ended."""
    play = Playground()
    play.order(BID, 5, 100)
    play.order(ASK, 2, 100, "B")
    whole = decode_checkpoint(play.model.checkpoint())
    old = msgspec.to_builtins(whole, builtin_types=(bytes, date), str_keys=False)
    old["version"] = 1
    for name in ("ended", "first_trade"):
        del old[name]
    del old["symbols"][0]["day_first_trade"]
    restored = Market(checkpoint=msgspec.msgpack.encode(old))
    assert restored.model.digest() == play.model.digest()


@pytest.mark.parametrize(
    "encoded", [b"", b"\xc1PC", b"\xc1PC\xff", b"\xc1PC\x02\x00\x00\x00\x80\x80", b"\x01"]
)
def test_what_is_no_checkpoint_is_refused(encoded: bytes) -> None:
    with pytest.raises(ValueError, match="not a checkpoint"):
        Market(checkpoint=encoded)


def test_a_market_that_was_removed_follows_no_timetable(play: Playground) -> None:
    play.do(c.SetTimetable(market="M", timetable=round_the_clock("UTC", "12:00")))
    assert play.market.engine.due(10**18)
    play.do(c.RemoveMarket(market="M"))
    assert list(play.market.engine.due(10**18)) == []
    assert play.market.engine.next_due() is None
