"""What an exchange says of an order, laid over what only the hub knows of it."""

from __future__ import annotations

import pytest

from tests.oms.desk import CENT, FEED, XS1, D, Desk, replace
from zenithd.oms.model.orders import OrderState, OrderTrade, OrderUpdate, Side
from zenithd.oms.model.orders import OrderUpdateReason as R
from zenithd.oms.model.transforms import SymbolRename
from zenithd.oms.model.updates import FeedRefused, OrderTraded, OrderUpdated, Transformed

NEW = OrderUpdate(reason=R.NEW)


def short(desk: Desk, side: Side) -> OrderState:
    """A short sale of more than the account holds, on its way to the exchange."""
    desk.listing.symbols["XSX", "XS01"] = replace(CENT, allows_short_sale=True)
    return desk.order(desk.placed(side=side, quantity=D(2_000)))


@pytest.mark.parametrize("side", [Side.SHORTSELL, Side.SHORTSELL_EXEMPT])
def test_a_short_sale_stays_one_where_its_exchange_knows_only_sellers(side: Side) -> None:
    desk = Desk()
    order = short(desk, side)
    said = replace(order, side=Side.SELL, status="OnMarket")
    desk.tell(OrderUpdated(order=said, update=NEW))
    known = desk.order(order.order_id)
    assert (known.side, known.status) == (side, "OnMarket")
    filled = replace(
        said, status="Filled", executed_quantity=D(2_000), executed_value=D(3_000), is_completed=True
    )
    trade = OrderTrade(trade_id="T1", price=D("1.50"), quantity=D(2_000))
    desk.tell(OrderTraded(order=filled, update=OrderUpdate(reason=R.TRADE), trade=trade))
    assert desk.order(order.order_id).side is side
    assert desk.state.holding(XS1, "XSX", "XS01").quantity == -1_000
    assert FEED not in desk.state.refusals


def test_a_side_that_is_another_one_is_refused_and_not_taken_over() -> None:
    desk = Desk()
    order = short(desk, Side.SHORTSELL)
    desk.tell(OrderUpdated(order=replace(order, side=Side.BUY), update=NEW))
    assert desk.order(order.order_id) == order
    assert _refusal(desk) == "Order.Side: it was SHORTSELL"


def test_the_currency_stays_where_its_exchange_does_not_say_it() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.reported(order_id, currency="")
    assert (desk.order(order_id).currency, desk.order(order_id).status) == ("AUD", "OnMarket")
    desk.reported(order_id, currency="USD")
    assert desk.order(order_id).currency == "AUD"
    assert _refusal(desk) == "Order.Currency: it was AUD"


def test_an_order_that_only_its_exchange_knew_has_the_currency_of_its_symbol() -> None:
    desk = Desk()
    known = desk.order(desk.placed())
    elsewhere = replace(known, order_id="theirs", currency="", request_id="", status="OnMarket")
    desk.tell(OrderUpdated(order=elsewhere, update=NEW))
    assert desk.order("theirs").currency == "AUD"
    desk.tell(OrderUpdated(order=replace(elsewhere, order_id="other", code="XS99"), update=NEW))
    assert desk.state.order(XS1, "other") is None
    assert _refusal(desk) == "Order.Currency: required"


def _refusal(desk: Desk) -> str:
    """Why the newest update was refused."""
    update = desk.log[-1][-1].update
    assert isinstance(update, FeedRefused)
    return update.reason


def rename(desk: Desk) -> None:
    transform = SymbolRename(transform_id="t", exchange="XSX", code="XS01", new_code="NEW")
    desk.tell(Transformed(transform=transform))


def test_an_order_keeps_its_code_until_its_symbol_is_renamed() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.reported(order_id, code="NEW")
    assert desk.order(order_id).code == "XS01"
    rename(desk)
    desk.reported(order_id, code="XS01", status="PartialFill")
    order = desk.order(order_id)
    assert (order.code, order.status) == ("NEW", "PartialFill")


def test_a_request_that_waits_is_sent_under_the_code_that_its_symbol_has_then() -> None:
    desk = Desk()
    resting = desk.placed()
    desk.reported(resting)
    desk.away()
    desk.placed(request_id="P2")
    desk.cancel(resting)
    rename(desk)
    desk.online()
    assert [send.request.body.code for send in desk.sends[-2:]] == ["NEW", "NEW"]  # type: ignore[union-attr]
