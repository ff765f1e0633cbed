"""Orders that wait for a price: StopLoss and TrailingStopLoss (zenith-websocket 4.B). Pure.

The hub holds them: no exchange sees an order before its condition is met. What the protocol leaves open:

- a stop is met when the reference price reaches it: falling for a sale, rising for a purchase, unless
  `Direction` says `Up` or `Down`; `None` is as if it were absent. `Reference` absent: the last price;
- `Stop` absent: the reference price now;
- `Value` of a trailing stop is its distance from the best reference price since then, `Limit` the distance of
  the order's limit price beyond the stop, both in money (`Price`) or in percent of what they are distant from
  (`Percent`). So the limit price of a trailing order follows its stop, whatever `LimitPrice` said.

The stop as it is now is a value of the order, and with it durable: each time it trails the order is updated.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import msgspec

from zenithd.oms.commands import Prices
from zenithd.oms.model.orders import OrderState, OrderType, Side
from zenithd.oms.numbers import EXACT, is_sound
from zenithd.oms.reference import MarketView, Symbol
from zenithd.oms.refusals import Faults
from zenithd.oms.words import (
    CONDITION,
    CONDITION_DIRECTION,
    CONDITION_LIMIT,
    CONDITION_REFERENCE,
    CONDITION_STOP,
    CONDITION_TYPE,
    CONDITION_VALUE,
)

STOP_LOSS = "StopLoss"
TRAILING_STOP_LOSS = "TrailingStopLoss"
LAST, BEST_BID, BEST_ASK = "Last", "BestBid", "BestAsk"
UP, DOWN = "Up", "Down"
PRICE, PERCENT = "Price", "Percent"

replace = msgspec.structs.replace


class Condition(msgspec.Struct, frozen=True):
    """What an order waits for."""

    reference: str
    is_rising: bool
    """Met when the reference price rises to the stop; else when it falls to it."""
    stop: Decimal | None = None
    """As it was given; where it is now stands in the order."""
    trails: bool = False
    in_percent: bool = False
    distance: Decimal = Decimal(0)
    limit: Decimal = Decimal(0)

    def price_of(self, prices: Prices | MarketView) -> Decimal | None:
        """The price that counts."""
        if self.reference == LAST:
            return prices.last
        return prices.best_bid if self.reference == BEST_BID else prices.best_ask

    def is_met(self, stop: Decimal, price: Decimal) -> bool:
        """Whether the price has reached the stop."""
        return price >= stop if self.is_rising else price <= stop

    def trailed(self, stop: Decimal | None, price: Decimal) -> Decimal:
        """Where the stop is after this price: it only ever comes nearer."""
        distance = self._share(self.distance, price)
        if self.is_rising:
            candidate = price + distance
            return candidate if stop is None else min(stop, candidate)
        candidate = price - distance
        return candidate if stop is None else max(stop, candidate)

    def limit_price(self, stop: Decimal, symbol: Symbol) -> Decimal:
        """The limit price that goes with a stop: never worse than `Limit` allows, and a step of the table."""
        distance = self._share(self.limit, stop)
        price = stop + distance if self.is_rising else stop - distance
        step = next((each.size for each in symbol.tick_steps if each.low <= price < each.high), None)
        if step is None:
            return price
        beyond = price % step
        return price - beyond if self.is_rising or not beyond else price - beyond + step

    def _share(self, amount: Decimal, price: Decimal) -> Decimal:
        return EXACT.multiply(price, amount).scaleb(-2) if self.in_percent else amount


def check_condition(properties: Mapping[str, str], order_type: OrderType, faults: Faults) -> None:
    """Find what is wrong with the condition of a request."""
    name = properties[CONDITION]
    if name not in (STOP_LOSS, TRAILING_STOP_LOSS):
        faults.invalid("Condition")
        return
    if properties.get(CONDITION_REFERENCE, LAST) not in (LAST, BEST_BID, BEST_ASK):
        faults.invalid(CONDITION_REFERENCE)
    if properties.get(CONDITION_DIRECTION, "None") not in ("None", UP, DOWN):
        faults.invalid(CONDITION_DIRECTION)
    if CONDITION_STOP in properties and not _is_positive(properties[CONDITION_STOP]):
        faults.invalid(CONDITION_STOP)
    if name == STOP_LOSS:
        return
    if CONDITION_TYPE not in properties:
        faults.absent(CONDITION_TYPE)
    elif properties[CONDITION_TYPE] not in (PRICE, PERCENT):
        faults.invalid(CONDITION_TYPE)
    for field, smallest in ((CONDITION_VALUE, False), (CONDITION_LIMIT, True)):
        if field not in properties:
            faults.absent(field)
        elif not _is_positive(properties[field], or_zero=smallest):
            faults.invalid(field)
    in_percent = properties.get(CONDITION_TYPE) == PERCENT
    if in_percent and any(
        (number(properties.get(field, "")) or 0) >= 100 for field in (CONDITION_VALUE, CONDITION_LIMIT)
    ):
        faults.invalid(CONDITION_VALUE)
    if order_type is OrderType.MARKET_TO_LIMIT:
        faults.invalid("OrderType")


def condition_of(order: OrderState) -> Condition | None:
    """What the order waits for; None for an order without a condition."""
    properties = order.properties
    name = properties.get(CONDITION)
    if name is None:
        return None
    direction = properties.get(CONDITION_DIRECTION)
    is_rising = direction == UP if direction in (UP, DOWN) else order.side is Side.BUY
    reference = properties.get(CONDITION_REFERENCE, LAST)
    stop = number(properties.get(CONDITION_STOP, ""))
    if name == STOP_LOSS:
        return Condition(reference, is_rising, stop)
    return Condition(
        reference,
        is_rising,
        stop,
        trails=True,
        in_percent=properties[CONDITION_TYPE] == PERCENT,
        distance=number(properties[CONDITION_VALUE]) or Decimal(0),
        limit=number(properties[CONDITION_LIMIT]) or Decimal(0),
    )


def arm(order: OrderState, condition: Condition, symbol: Symbol, market: MarketView) -> OrderState | None:
    """The order with its stop as it begins; None if no price tells where that is, or it comes below zero."""
    price = condition.price_of(market)
    stop = condition.stop
    if stop is None:
        if price is None:
            return None
        stop = condition.trailed(None, price) if condition.trails else price
    return with_stop(order, condition, stop, symbol)


def with_stop(order: OrderState, condition: Condition, stop: Decimal, symbol: Symbol) -> OrderState | None:
    """The order with its stop there, and its limit price where that follows; None if below zero."""
    if stop <= 0:
        return None
    order = replace(order, values=order.values | {CONDITION_STOP: stop})
    if not condition.trails or order.order_type is not OrderType.LIMIT:
        return order
    price = condition.limit_price(stop, symbol)
    return replace(order, price=price) if price > 0 else None


def number(text: str) -> Decimal | None:
    """The number that a property spells; None if it is none of a usual size."""
    try:
        value = Decimal(text)
    except (InvalidOperation, ValueError):
        return None
    return value if is_sound(value) else None


def _is_positive(text: str, *, or_zero: bool = False) -> bool:
    value = number(text)
    return value is not None and (value > 0 or (or_zero and value == 0))
