"""StopLoss and TrailingStopLoss: held by the hub, sent once."""

from __future__ import annotations

import pytest

from tests.oms.desk import XS1, D, Desk, X, Y, accepted, refused
from zenithd.oms.commands import Accepted, Define, Prices
from zenithd.oms.model.orders import Lifetime, OrderType, Side
from zenithd.oms.model.requests import OrderNew, RequestStatus
from zenithd.oms.model.updates import ExchangeUndefined

STOP = {"Condition": "StopLoss", "Condition.Stop": "1.90"}
TRAILING = {
    "Condition": "TrailingStopLoss",
    "Condition.Type": "Price",
    "Condition.Value": "0.10",
    "Condition.Limit": "0.05",
}


def sell(desk: Desk, properties: dict[str, str], **changes: object) -> str:
    changes = {"side": Side.SELL, "price": D("1.80"), **changes}
    return desk.placed(properties=properties, **changes)


def price(desk: Desk, last: str, **others: str) -> Accepted:
    changes = {name: D(value) for name, value in others.items()}
    return accepted(desk.do(Prices("XSX", "XS01", X, D(last), **changes)))


def test_a_stop_is_held_until_its_price_comes_and_sent_once() -> None:
    desk = Desk()
    order_id = sell(desk, STOP)
    assert desk.order(order_id).status == "Held" and not desk.sends
    assert desk.available() == D(900) and desk.status("P1") is RequestStatus.PENDING
    assert not price(desk, "1.91").kept
    assert price(desk, "1.90").kept
    [sent] = desk.sends
    assert isinstance(sent.request.body, OrderNew)
    assert not any(name.startswith("Condition") for name in sent.request.properties)
    assert desk.order(order_id).status == "Pending"
    assert not price(desk, "1.80").kept and len(desk.sends) == 1


@pytest.mark.parametrize("after", ["nothing", "restart"])
def test_a_held_order_outlives_a_restart(after: str) -> None:
    desk = Desk()
    sell(desk, STOP)
    if after == "restart":
        desk.restart()
    desk.wait(120)
    price(desk, "1.90")
    if after == "restart":
        desk.restart()
    price(desk, "1.70")
    assert len(desk.sends) == 1


def test_a_triggered_order_waits_for_its_feed_as_any_other() -> None:
    desk = Desk()
    order_id = sell(desk, STOP)
    desk.away()
    price(desk, "1.90")
    assert desk.status("P1") is RequestStatus.PENDING and not desk.sends
    desk.online()
    assert len(desk.sends) == 1 and desk.order(order_id).status == "Pending"


def test_a_triggered_order_whose_feed_does_not_come_is_rejected() -> None:
    desk = Desk()
    order_id = sell(desk, STOP)
    desk.away()
    desk.wait(600)
    price(desk, "1.90")
    desk.wait(31)
    assert desk.order(order_id).errors == ("Timeout",)


def test_a_held_order_is_not_sent_when_its_feed_comes() -> None:
    desk = Desk()
    desk.away()
    order_id = sell(desk, STOP)
    desk.online()
    desk.wait(5)
    assert not desk.sends and desk.order(order_id).status == "Held"


def test_a_stop_that_is_met_already_goes_at_once() -> None:
    desk = Desk()
    sell(desk, STOP | {"Condition.Stop": "2.00"})
    assert len(desk.sends) == 1


def test_a_stop_without_a_price_begins_at_the_price_now() -> None:
    desk = Desk()
    order_id = sell(desk, {"Condition": "StopLoss"})
    assert desk.order(order_id).values["Condition.Stop"] == 2
    assert desk.order(order_id).status == "Held"


def test_a_stop_without_any_price_is_refused() -> None:
    desk = Desk()
    desk.listing.markets["XS01", X] = type(desk.listing.markets["XS01", X])(last_or_close=D(2))
    outcome = refused(desk.place(side=Side.SELL, properties={"Condition": "StopLoss"}))
    assert outcome.errors == ("Condition.Stop",)


@pytest.mark.parametrize(
    ("side", "properties", "quiet", "met"),
    [
        (Side.SELL, {}, ("1.91", "1.80", "1.80"), ("1.90", "1.95", "1.95")),
        (Side.BUY, {"Condition.Stop": "2.10"}, ("2.09", "2.50", "2.50"), ("2.10", "1", "1")),
        (Side.SELL, {"Condition.Direction": "Up", "Condition.Stop": "3"}, ("2.9", "4", "4"), ("3", "1", "1")),
        (Side.BUY, {"Condition.Direction": "Down"}, ("1.91", "1.8", "1.8"), ("1.90", "2", "2")),
        (Side.SELL, {"Condition.Direction": "None"}, ("1.91", "1.8", "1.8"), ("1.90", "2", "2")),
        (Side.SELL, {"Condition.Reference": "BestBid"}, ("1.5", "1.91", "1.5"), ("3", "1.90", "3")),
        (Side.SELL, {"Condition.Reference": "BestAsk"}, ("1.5", "1.5", "1.91"), ("3", "3", "1.90")),
    ],
)  # fmt: skip
def test_which_price_counts_and_where_it_must_go(
    side: Side, properties: dict[str, str], quiet: tuple[str, ...], met: tuple[str, ...]
) -> None:
    desk = Desk()
    desk.placed(side=side, properties=STOP | properties)
    desk.do(Prices("XSX", "XS01", X, *map(D, quiet)))
    assert not desk.sends
    desk.do(Prices("XSX", "XS01", X, *map(D, met)))
    assert len(desk.sends) == 1


def test_prices_of_another_market_or_none_do_not_count() -> None:
    desk = Desk()
    sell(desk, STOP)
    desk.do(Prices("XSX", "XS01", Y, D(1)))
    desk.do(Prices("XSX", "XS02", X, D(1)))
    desk.do(Prices("XSX", "XS01", X, None))
    assert not desk.sends


def test_a_trailing_stop_follows_the_best_price_and_never_goes_back() -> None:
    desk = Desk()
    order_id = sell(desk, TRAILING)
    assert desk.order(order_id).values["Condition.Stop"] == D("1.90")
    assert desk.order(order_id).price == D("1.85")
    assert price(desk, "2.20").kept
    assert desk.order(order_id).values["Condition.Stop"] == D("2.10")
    assert not price(desk, "2.15").kept
    desk.restart()
    price(desk, "2.10")
    [sent] = desk.sends
    assert isinstance(sent.request.body, OrderNew) and sent.request.body.price == D("2.05")


def test_a_trailing_stop_of_a_purchase_in_percent_reserves_ever_less() -> None:
    desk = Desk()
    percent = TRAILING | {"Condition.Type": "Percent", "Condition.Value": "10", "Condition.Limit": "1"}
    order_id = desk.placed(properties=percent)
    order = desk.order(order_id)
    assert order.values["Condition.Stop"] == D("2.20") and order.price == D("2.22")
    assert desk.trading() == D(10_000) - D(222)
    price(desk, "1.50")
    order = desk.order(order_id)
    assert order.values["Condition.Stop"] == D("1.65") and order.price == D("1.66")
    assert desk.trading() == D(10_000) - D(166)
    price(desk, "1.66")
    assert len(desk.sends) == 1


def test_a_market_order_trails_without_a_limit_price() -> None:
    desk = Desk()
    sell(desk, TRAILING, order_type=OrderType.MARKET, price=None)
    price(desk, "1.80")
    [sent] = desk.sends
    assert isinstance(sent.request.body, OrderNew) and sent.request.body.price is None


def test_held_orders_are_amended_and_cancelled_by_the_hub() -> None:
    desk = Desk()
    order_id = sell(desk, STOP)
    accepted(desk.amend(order_id, quantity=D(300)))
    assert desk.available() == D(700) and desk.status("A1") is RequestStatus.COMPLETED
    order = desk.order(order_id)
    assert order.status == "Held" and order.values["Condition.Stop"] == D("1.90")
    accepted(desk.cancel(order_id))
    assert desk.order(order_id).status == "Cancelled" and desk.available() == D(1_000)
    assert desk.status("P1") is RequestStatus.REJECTED and desk.status("C1") is RequestStatus.COMPLETED
    price(desk, "1.00")
    assert not desk.sends


def test_an_amended_held_order_is_sent_as_amended() -> None:
    desk = Desk()
    order_id = sell(desk, STOP)
    desk.amend(order_id, quantity=D(300), price=D("1.70"), properties=STOP | {"Condition.Stop": "1.60"})
    price(desk, "1.90")
    assert not desk.sends
    price(desk, "1.60")
    [sent] = desk.sends
    assert isinstance(sent.request.body, OrderNew)
    assert (sent.request.body.quantity, sent.request.body.price) == (300, D("1.70"))


@pytest.mark.parametrize(
    ("lifetime", "days"), [(Lifetime.DAY, 0), (Lifetime.GOOD_TILL_DATE, 2), (Lifetime.GOOD_TILL_CANCEL, None)]
)
def test_a_held_order_expires_with_its_lifetime(lifetime: Lifetime, days: int | None) -> None:
    desk = Desk()
    expiry = desk.now + 2 * 86_400_000_000_000 if lifetime is Lifetime.GOOD_TILL_DATE else None
    order_id = sell(desk, STOP, lifetime=lifetime, expiry_date=expiry)
    desk.wait(86_400 * (days or 0) + 13 * 3600)
    assert desk.order(order_id).status == "Held"
    desk.wait(3600 * 2)
    expired = days is not None
    assert desk.order(order_id).status == ("Expired" if expired else "Held")
    assert desk.available() == (D(1_000) if expired else D(900))
    if expired:
        assert desk.state.finished[XS1]["P1"].errors == ("ExpiryDate",)


def test_an_order_for_the_best_market_is_held_and_routed_when_its_price_comes() -> None:
    desk = Desk()
    order_id = sell(desk, STOP | {"Algorithm": "BestMarket"}, ex_destination="")
    assert desk.order(order_id).ex_destination == ""
    desk.listing.markets["XS01", Y] = type(desk.listing.markets["XS01", Y])(best_bid=D("1.95"))
    desk.listing.markets["XS01", X] = type(desk.listing.markets["XS01", X])(best_bid=D("1.89"))
    price(desk, "1.90")
    assert desk.order(order_id).ex_destination == Y


def test_an_order_whose_exchange_is_gone_is_not_amended_and_can_be_cancelled() -> None:
    desk = Desk()
    order_id = sell(desk, STOP)
    accepted(desk.do(Define(ExchangeUndefined(exchange="XSX"))))
    terms = {"side": Side.SELL, "price": D("1.70"), "quantity": D(100)}
    assert "Exchange" in refused(desk.amend(order_id, **terms)).errors
    assert desk.order(order_id).status == "Held"
    accepted(desk.cancel(order_id))
    assert desk.order(order_id).status == "Cancelled"
