"""Requests of the order management system as commands of the exchange. Pure.

Whatever a request says, it becomes a command or a refusal with codes of zenith-websocket 4.E.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from zenithd.domain.market_data import Side as MarketSide
from zenithd.oms.model.orders import Lifetime, OrderType, Side
from zenithd.oms.model.requests import ClientRequest, OrderAmend, OrderCancel, OrderNew
from zenithd_prodigy.engine.commands import AmendOrder, CancelOrder, PlaceOrder
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.model import orders as exchange
from zenithd_prodigy.model.decimals import in_units
from zenithd_prodigy.model.definitions import SymbolDefinition
from zenithd_prodigy.oms.codes import ERROR_CODES

HIDDEN: Final = "HiddenQuantity"
MINIMUM: Final = "MinimumQuantity"
VALIDITY: Final = "Validity"
ALL_OR_NONE: Final = "AllOrNone"
ORDER_TYPE: Final = "OrderType"
INSTRUCTIONS: Final = "Instructions"

_NANOSECONDS: Final = 1_000_000_000
_TYPES: Final = {
    OrderType.LIMIT: exchange.OrderType.LIMIT,
    OrderType.MARKET: exchange.OrderType.MARKET,
    OrderType.MARKET_TO_LIMIT: exchange.OrderType.MARKET_TO_LIMIT,
}
_LIFETIMES: Final = {
    Lifetime.DAY: exchange.TimeInForce.DAY,
    Lifetime.GOOD_TILL_CANCEL: exchange.TimeInForce.GTC,
    Lifetime.GOOD_TILL_DATE: exchange.TimeInForce.GTD,
    Lifetime.IMMEDIATE_OR_CANCEL: exchange.TimeInForce.IOC,
    Lifetime.FILL_OR_KILL: exchange.TimeInForce.FOK,
}


class Refusal(msgspec.Struct, frozen=True):
    """Why a request is not carried out."""

    errors: tuple[str, ...]
    text: str = ""


class Place(msgspec.Struct, frozen=True):
    """Where an order is, or goes."""

    market: str
    entity: str
    symbol: SymbolDefinition


class Standing(msgspec.Struct, frozen=True):
    """An order that is in the market, as far as a request about it must know."""

    number: int
    order_type: OrderType
    lifetime: Lifetime
    expiry_date: int | None
    side: Side
    has_display: bool
    minimum: Decimal


def market_of(ex_destination: str, exchange_code: str) -> str:
    """The market that a trading market such as `XSX::XSX` belongs to."""
    return (ex_destination or exchange_code).partition("::")[0]


def refused(refusal: Refused) -> Refusal:
    """The exchange's refusal in the words of the order management system."""
    return Refusal((ERROR_CODES[refusal.reason],), str(refusal))


def placement(
    request: ClientRequest, body: OrderNew, order_id: str, place: Place, command_id: str
) -> PlaceOrder | Refusal:
    """The command of a new order."""
    terms = _terms(request, body, place)
    if isinstance(terms, Refusal):
        return terms
    order_type, price, quantity, hidden = terms
    minimum = _units(request.values.get(MINIMUM, Decimal(0)), place.symbol.quantity_scale)
    if minimum is None:
        return Refusal(("MinimumQuantity",))
    expiry = None
    if body.expiry_date is not None:
        expiry = datetime.fromtimestamp(body.expiry_date // _NANOSECONDS, UTC).date()
    return PlaceOrder(
        market=place.market,
        entity=place.entity,
        command_id=command_id,
        symbol=place.symbol.code,
        side=MarketSide.BID if body.side is Side.BUY else MarketSide.ASK,
        quantity=quantity,
        order_type=order_type,
        price=price,
        display_quantity=quantity - hidden if hidden else None,
        minimum_quantity=minimum,
        all_or_none=request.properties.get(VALIDITY) == ALL_OR_NONE,
        time_in_force=_LIFETIMES[body.lifetime],
        expiry=expiry,
        account=str(request.account),
        context=order_id,
    )


def amendment(
    request: ClientRequest, body: OrderAmend, standing: Standing, place: Place, command_id: str
) -> AmendOrder | Refusal:
    """The command of an amendment, which says all values again; the exchange changes price and quantities."""
    if (body.side is Side.BUY) is not (standing.side is Side.BUY):
        return Refusal(("Side",), "an order's side cannot be amended")
    if body.order_type is not standing.order_type:
        return Refusal(("OrderType",), "an order's type cannot be amended")
    if body.lifetime is not standing.lifetime:
        return Refusal(("Validity",), "an order's validity cannot be amended")
    if body.expiry_date != standing.expiry_date:
        return Refusal(("ExpiryDate",), "an order's last day cannot be amended")
    if request.values.get(MINIMUM, Decimal(0)) != standing.minimum:
        return Refusal(("MinimumQuantity",), "an order's minimum quantity cannot be amended")
    terms = _terms(request, body, place)
    if isinstance(terms, Refusal):
        return terms
    _, price, quantity, hidden = terms
    display = quantity - hidden if hidden or standing.has_display else None
    return AmendOrder(
        market=place.market,
        entity=place.entity,
        command_id=command_id,
        symbol=place.symbol.code,
        order=standing.number,
        price=price,
        quantity=quantity,
        display_quantity=display,
    )


def cancellation(body: OrderCancel, standing: Standing, place: Place, command_id: str) -> CancelOrder:
    """The command that takes an order out."""
    return CancelOrder(
        market=place.market,
        entity=place.entity,
        command_id=command_id,
        symbol=place.symbol.code,
        order=standing.number,
    )


def _terms(
    request: ClientRequest, body: OrderNew | OrderAmend, place: Place
) -> tuple[exchange.OrderType, int | None, int, int] | Refusal:
    """Type, price, whole and hidden quantity in the symbol's units."""
    symbol = place.symbol
    if request.properties.get(INSTRUCTIONS):
        return Refusal(("Details Instructions",), "the market has no order instructions")
    order_type = _TYPES.get(body.order_type)
    if order_type is None or ORDER_TYPE in request.properties:
        return Refusal(("OrderType.Market",), "the market takes Limit, Market and MarketToLimit")
    is_limit = body.order_type is OrderType.LIMIT
    if is_limit and body.price is None:
        return Refusal(("LimitPrice.Missing",))
    if not is_limit and body.price is not None and isinstance(body, OrderNew):
        return Refusal(("LimitPrice.Given",))
    price = None if body.price is None else _units(body.price, symbol.price_scale)
    if body.price is not None and price is None:
        return Refusal((ERROR_CODES[Reason.PRICE_PRECISION],), Reason.PRICE_PRECISION.value)
    quantity = _units(body.quantity, symbol.quantity_scale)
    if quantity is None:
        return Refusal((ERROR_CODES[Reason.QUANTITY_PRECISION],), Reason.QUANTITY_PRECISION.value)
    hidden = _units(request.values.get(HIDDEN, Decimal(0)), symbol.quantity_scale)
    if hidden is None or hidden < 0:
        return Refusal((HIDDEN,))
    return order_type, price, quantity, hidden


def _units(value: Decimal, scale: int) -> int | None:
    """In units of the scale; None where the exchange has no such number."""
    try:
        return in_units(value, scale)
    except ValueError:
        return None
