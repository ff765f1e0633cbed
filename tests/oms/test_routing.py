"""Destinations, the best market, and what a feed gets to see."""

from __future__ import annotations

import pytest

from tests.oms.desk import EXCHANGE, FEED, D, Desk, X, Y, accepted, replace
from zenithd.oms.commands import Define, Prices
from zenithd.oms.model.directory import ExchangeDestination
from zenithd.oms.model.orders import OrderType, Side
from zenithd.oms.model.requests import OrderNew
from zenithd.oms.model.updates import ExchangeDefined
from zenithd.oms.reference import MarketView, Verdict, VettingCase

BEST = {"Algorithm": "BestMarket"}


def view(bid: str | None = None, ask: str | None = None, **changes: object) -> MarketView:
    prices = {name: D(value) for name, value in (("best_bid", bid), ("best_ask", ask)) if value}
    return MarketView(last_or_close=D(2), **prices, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("side", "on_x", "on_y", "best"),
    [
        (Side.BUY, view(ask="2.01"), view(ask="2.00"), Y),
        (Side.BUY, view(ask="2.00"), view(ask="2.01"), X),
        (Side.SELL, view(bid="1.98"), view(bid="1.99"), Y),
        (Side.SELL, view(bid="1.99"), view(bid="1.98"), X),
        (Side.BUY, view(ask="2.00"), view(ask="2.00"), X),
        (Side.BUY, view(), view(ask="3.00"), Y),
        (Side.BUY, view(), view(), X),
        (Side.BUY, view(ask="1.00", can_place=False), view(ask="2.00"), Y),
    ],
)
def test_the_best_market(side: Side, on_x: MarketView, on_y: MarketView, best: str) -> None:
    desk = Desk()
    desk.listing.markets = {("XS01", X): on_x, ("XS01", Y): on_y}
    order_id = desk.placed(side=side, properties=BEST, ex_destination="")
    assert desk.order(order_id).ex_destination == best
    [sent] = desk.sends
    assert isinstance(sent.request.body, OrderNew) and sent.request.body.ex_destination == best


def test_the_best_of_the_markets_that_the_client_may_see() -> None:
    desk = Desk()
    desk.listing.markets = {("XS01", X): view(ask="2.01"), ("XS01", Y): view(ask="2.00")}
    seen = BEST | {"Algorithm.Markets": X}
    stop = {"Condition": "StopLoss", "Condition.Stop": "3"}
    assert desk.order(desk.placed(properties=seen, ex_destination="")).ex_destination == X
    held = desk.placed(request_id="R2", properties=seen | stop, ex_destination="")
    accepted(desk.amend(held, quantity=D(50)))  # an amendment without a route leaves this alone
    desk.do(Prices("XSX", "XS01", X, D(3), None, None))
    assert desk.order(held).ex_destination == X  # also where it is routed later


def test_rules_see_where_an_order_would_go() -> None:
    desk = Desk()
    desk.listing.markets = {("XS01", X): view(ask="2.01"), ("XS01", Y): view(ask="2.00")}
    seen: list[str] = []

    def look(case: VettingCase) -> Verdict:
        seen.append(case.order.ex_destination)
        return Verdict()

    desk.verdict = look
    stop = {"Condition": "StopLoss", "Condition.Stop": "3"}
    order_id = desk.placed(properties=BEST | stop, ex_destination="")
    accepted(desk.amend(order_id, quantity=D(50)))
    assert seen == [Y, Y]
    assert desk.order(order_id).ex_destination == ""  # where it goes is decided when it does


def test_an_order_that_is_amended_to_go_where_it_is_best_is_no_longer_bound() -> None:
    desk = Desk()
    order_id = desk.placed(properties={"Condition": "StopLoss", "Condition.Stop": "3"})
    assert desk.order(order_id).ex_destination == X
    accepted(desk.amend(order_id, properties=BEST))
    assert desk.order(order_id).ex_destination == ""
    desk.do(Prices("XSX", "XS01", Y, D(3), None, None))  # any market sets it off now
    assert len(desk.sends) == 1


def with_feeds() -> Desk:
    """Market X on the feed Prodigy, Y on the feed Other, which has been there."""
    desk = Desk()
    destinations = (
        ExchangeDestination(ex_destination=X, route=FEED, is_lit=True),
        ExchangeDestination(ex_destination=Y, route="Other", is_lit=True),
    )
    desk.do(Define(ExchangeDefined(details=replace(EXCHANGE, destinations=destinations))))
    desk.online("Other")
    return desk


@pytest.mark.parametrize(("market", "feed"), [(X, FEED), (Y, "Other")])
def test_each_market_has_its_feed(market: str, feed: str) -> None:
    desk = with_feeds()
    accepted(desk.place(ex_destination=market))
    assert [each.feed for each in desk.sends] == [feed]


def test_a_market_whose_feed_is_there_is_better_than_one_whose_is_not() -> None:
    desk = with_feeds()
    desk.away()
    order_id = desk.placed(properties=BEST, ex_destination="")
    assert desk.order(order_id).ex_destination == Y and len(desk.sends) == 1


def test_an_exchange_without_routes_is_its_own_feed() -> None:
    desk = Desk()
    destinations = (ExchangeDestination(ex_destination=X, is_lit=True),)
    desk.do(Define(ExchangeDefined(details=replace(EXCHANGE, destinations=destinations))))
    desk.online("XSX")
    accepted(desk.place())
    assert [each.feed for each in desk.sends] == ["XSX"]


def test_a_trading_market_without_an_algorithm_is_the_one_that_is_meant() -> None:
    desk = Desk()
    order_id = desk.placed(properties={"Algorithm": ""})
    assert desk.order(order_id).ex_destination == X


def test_a_feed_sees_what_an_exchange_needs() -> None:
    desk = Desk()
    desk.placed(
        order_type=OrderType.MARKET,
        price=None,
        values={"MinimumQuantity": D(10), "ReservePrice": D(1)},
        properties={"Validity": "AllOrNone"},
    )
    [sent] = desk.sends
    assert sent.request.values == {"MinimumQuantity": D(10)}
    assert sent.request.properties == {"Algorithm": "Market", "Validity": "AllOrNone"}
    assert desk.trading() == D(10_000) - D(220)  # what a client says of the reserve does not count
