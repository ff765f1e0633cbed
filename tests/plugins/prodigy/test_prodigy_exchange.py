from __future__ import annotations

from datetime import date

import msgspec
import pytest

from zenithd.domain.events import MarketStateChanged, SecurityChanged, TradingDayStarted
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.market_data import Allows, Side
from zenithd_prodigy.exchange import Exchange, Listing, MarketListing, order_id_text
from zenithd_prodigy.listings import COMPANIES, TRADING_STATES, instrument_of, market_definition
from zenithd_prodigy.orders import (
    Accepted,
    AmendOrder,
    CancelOrder,
    Command,
    ExchangeEvent,
    Finished,
    FinishReason,
    PlaceOrder,
    Rejected,
    RejectReason,
    Restated,
    Rested,
    SetTradingState,
    StartTradingDay,
    TimeInForce,
    TradingDayBegan,
    TradingStateChanged,
)
from zenithd_prodigy.translator import Translator

XSX = MarketId("XSX")
XS01, XS02 = InstrumentId("XS01.XSX"), InstrumentId("XS02.XSX")
MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)


def listing(state: str = "Open") -> MarketListing:
    definition = market_definition(XSX, "test", "UTC")
    listings = tuple(Listing(instrument_of(company, XSX)) for company in COMPANIES[:2])
    return MarketListing(definition, listings, state)


@pytest.fixture
def exchange() -> Exchange:
    return Exchange([listing()])


def order(price: int = 8_450, instrument: InstrumentId = XS01, **changes: object) -> PlaceOrder:
    values = {"instrument": instrument, "side": Side.BID, "quantity": 100, "price": price} | changes
    return PlaceOrder(**values)  # type: ignore[arg-type]


def amend(order_id: str, price: int) -> AmendOrder:
    return AmendOrder(instrument=XS01, order_id=order_id, price=price)


def rejection(events: list[ExchangeEvent]) -> RejectReason:
    (event,) = events
    assert isinstance(event, Rejected)
    return event.reason


def test_the_exchange_gives_order_ids_that_ascend() -> None:
    exchange = Exchange([listing()], first_order_number=34**3)
    events = exchange.handle(order()) + exchange.handle(order(instrument=XS02, price=1_450))
    assert [event.order_id for event in events if isinstance(event, Rested)] == ["1000", "1001"]


def test_order_ids_avoid_letters_that_are_read_as_digits() -> None:
    texts = [order_id_text(number) for number in range(34)]
    assert len(set(texts)) == 34
    assert not {"I", "O"} & set(texts)
    assert order_id_text(34) == "10"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (order(instrument=InstrumentId("NO.XSX")), RejectReason.UNKNOWN_INSTRUMENT),
        (CancelOrder(InstrumentId("NO.XSX"), "1"), RejectReason.UNKNOWN_INSTRUMENT),
        (AmendOrder(instrument=InstrumentId("NO.XSX"), order_id="1"), RejectReason.UNKNOWN_INSTRUMENT),
        (order(price=8_455), RejectReason.PRICE_STEP),
        (order(price=-10), RejectReason.PRICE_STEP),
        (order(price=0), RejectReason.PRICE),
        (amend("1", 8_455), RejectReason.PRICE_STEP),
        (amend("1", 8_450), RejectReason.UNKNOWN_ORDER),
        (CancelOrder(XS01, "1"), RejectReason.UNKNOWN_ORDER),
        (StartTradingDay(MarketId("NO"), MONDAY), RejectReason.UNKNOWN_MARKET),
        (SetTradingState(MarketId("NO"), "Open"), RejectReason.UNKNOWN_MARKET),
        (SetTradingState(XSX, "Opne"), RejectReason.TRADING_STATE_UNKNOWN),
        (SetTradingState(XSX, None), RejectReason.TRADING_STATE_UNKNOWN),
        (SetTradingState(XSX, "Closed", InstrumentId("NO.XSX")), RejectReason.UNKNOWN_INSTRUMENT),
        (SetTradingState(XSX, "PreOpen"), RejectReason.TRADING_STATE_NEEDS_AUCTION),
        (SetTradingState(XSX, "TradingHalt", XS01), RejectReason.TRADING_STATE_NEEDS_AUCTION),
    ],
)
def test_refusals(exchange: Exchange, command: Command, reason: RejectReason) -> None:
    assert rejection(exchange.handle(command)) is reason


def test_a_refused_order_uses_no_number(exchange: Exchange) -> None:
    exchange.handle(order(price=8_455))
    assert exchange.handle(order())[0] == Accepted(XS01, "1")


def test_trading_states_allow_what_the_table_says() -> None:
    allowed = {
        state.name: tuple(
            flag in state.allows
            for flag in (Allows.ORDER_PLACE, Allows.ORDER_AMEND, Allows.ORDER_CANCEL, Allows.MATCH)
        )
        for state in TRADING_STATES
    }
    assert allowed == {
        "PreOpen": (True, True, True, False),
        "Open": (True, True, True, True),
        "PreAuction": (True, True, True, False),
        "Auction": (False, False, False, True),
        "PreClose": (False, False, True, False),
        "Closed": (False, False, False, False),
        "Inquiry": (False, False, False, False),
        "TradingHalt": (True, True, True, False),
        "Suspend": (False, False, False, False),
    }


@pytest.mark.parametrize("state", ["Open", "Auction", "PreClose", "Closed", "Inquiry", "Suspend"])
def test_a_state_lets_through_what_it_allows(exchange: Exchange, state: str) -> None:
    exchange.handle(order())
    allows = {each.name: each.allows for each in TRADING_STATES}[state]
    assert exchange.handle(SetTradingState(XSX, state)) == [TradingStateChanged(XSX, state)]
    for command, needed in (
        (order(), Allows.ORDER_PLACE),
        (amend("1", 8_440), Allows.ORDER_AMEND),
        (CancelOrder(XS01, "1"), Allows.ORDER_CANCEL),
    ):
        first = exchange.handle(command)[0]
        refused = isinstance(first, Rejected) and first.reason is RejectReason.TRADING_STATE
        assert refused is (needed not in allows)


def test_an_instrument_has_its_own_state_or_that_of_its_market(exchange: Exchange) -> None:
    exchange.handle(SetTradingState(XSX, "Suspend", XS01))
    assert exchange.trading_state(XS01).name == "Suspend"
    assert exchange.trading_state(XS02).name == "Open"
    exchange.handle(SetTradingState(XSX, "Closed"))
    assert exchange.trading_state(XS02).name == "Closed"
    exchange.handle(SetTradingState(XSX, None, XS01))
    assert exchange.trading_state(XS01).name == "Closed"


def test_a_market_cannot_begin_in_a_state_that_needs_an_auction() -> None:
    with pytest.raises(ValueError, match="PreOpen"):
        Exchange([listing("PreOpen")])


def test_an_instrument_needs_a_tick_table() -> None:
    bare = msgspec.structs.replace(instrument_of(COMPANIES[0], XSX), tick_table=None)
    market = msgspec.structs.replace(listing(), listings=(Listing(bare),))
    with pytest.raises(ValueError, match="tick table"):
        Exchange([market])


def test_day_orders_expire_when_the_next_day_starts(exchange: Exchange) -> None:
    assert exchange.handle(StartTradingDay(XSX, MONDAY)) == [TradingDayBegan(XSX, MONDAY)]
    exchange.handle(order(time_in_force=TimeInForce.DAY))
    exchange.handle(order())
    exchange.handle(order(instrument=XS02, price=1_450, time_in_force=TimeInForce.DAY))
    assert exchange.handle(StartTradingDay(XSX, TUESDAY)) == [
        TradingDayBegan(XSX, TUESDAY),
        Finished(XS01, "1", FinishReason.EXPIRED, 100, rested=True),
        Finished(XS02, "3", FinishReason.EXPIRED, 100, rested=True),
    ]
    assert [each.order_id for each in exchange.engine(XS01).orders(Side.BID)] == ["2"]
    assert exchange.trading_date(XSX) == TUESDAY


@pytest.mark.parametrize("trading_date", [MONDAY, TUESDAY])
def test_days_go_forward(exchange: Exchange, trading_date: date) -> None:
    exchange.handle(StartTradingDay(XSX, TUESDAY))
    assert rejection(exchange.handle(StartTradingDay(XSX, trading_date))) is RejectReason.TRADING_DATE


def test_what_subscribers_see_of_states_and_days() -> None:
    translator = Translator({XSX: ("XSX::XSX",)})
    seen = translator.translate(
        [
            TradingDayBegan(XSX, MONDAY),
            TradingStateChanged(XSX, "Closed"),
            TradingStateChanged(XSX, "Suspend", XS01),
            TradingStateChanged(XSX, None, XS01),
            Accepted(XS01, "1"),
            Rejected(RejectReason.PRICE, XS01),
            Finished(XS01, "1", FinishReason.UNFILLED, 5, rested=False),
        ],
        0,
    )
    assert seen == [
        TradingDayStarted(XSX, MONDAY),
        MarketStateChanged(XSX, "Closed", {"XSX::XSX": "Closed"}),
        SecurityChanged(instrument=XS01, trading_state="Suspend"),
        SecurityChanged(instrument=XS01, trading_state=None),
    ]


def test_an_amendment_on_a_step_reaches_the_book(exchange: Exchange) -> None:
    exchange.handle(order())
    assert exchange.handle(amend("1", 8_440))[-1] == Restated(XS01, "1", 8_440, 100, 100, 2)
