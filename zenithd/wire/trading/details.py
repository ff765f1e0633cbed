"""An order's details, route and condition, from the wire and back (zenith-websocket 3.5.5, 4.B, 4.C).

What the OMS has no field for stands in an order's values and properties under the names here (platform D.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from zenithd.oms.model.entity import ZERO
from zenithd.oms.model.orders import Lifetime, OrderState, OrderType, Side
from zenithd.oms.words import (
    ALGORITHM,
    ALL_OR_NONE,
    BEST,
    BROKERAGE_SCHEDULE,
    CONDITION,
    CONDITION_DIRECTION,
    CONDITION_LIMIT,
    CONDITION_REFERENCE,
    CONDITION_STOP,
    CONDITION_TYPE,
    CONDITION_VALUE,
    FLAGS,
    HIDDEN_QUANTITY,
    INSTRUCTIONS,
    MINIMUM_QUANTITY,
    ORDER_TYPE,
    VALIDITY,
)
from zenithd.wire.dates import NANOSECONDS
from zenithd.wire.numbers import number
from zenithd.wire.trading.fields import Fields

ORDER_TYPES: Final = {
    "Limit": OrderType.LIMIT,
    "Market": OrderType.MARKET,
    "MarketToLimit": OrderType.MARKET_TO_LIMIT,
}
ORDER_TYPE_WORDS: Final = {value: word for word, value in ORDER_TYPES.items()}
UNTIL_DAY, UNTIL_CANCEL = "UntilDay", "UntilCancel"
LIFETIMES: Final = {
    UNTIL_CANCEL: Lifetime.GOOD_TILL_CANCEL,
    UNTIL_DAY: Lifetime.DAY,
    "FillAndKill": Lifetime.IMMEDIATE_OR_CANCEL,
    "FillOrKill": Lifetime.FILL_OR_KILL,
    ALL_OR_NONE: Lifetime.DAY,
}
LIFETIME_WORDS: Final = {
    Lifetime.DAY: UNTIL_DAY,
    Lifetime.GOOD_TILL_CANCEL: UNTIL_CANCEL,
    Lifetime.GOOD_TILL_DATE: UNTIL_CANCEL,
    Lifetime.IMMEDIATE_OR_CANCEL: "FillAndKill",
    Lifetime.FILL_OR_KILL: "FillOrKill",
}
SHORT_TYPES: Final = {"ShortSell": Side.SHORTSELL, "ShortSellExempt": Side.SHORTSELL_EXEMPT}
SHORT_TYPE_WORDS: Final = {side: word for word, side in SHORT_TYPES.items()}

ALGORITHMS: Final = ("Market", "BestMarket")

REFERENCES: Final = {word: word for word in ("Last", "BestBid", "BestAsk")}
DIRECTIONS: Final = {word: word for word in ("None", "Up", "Down")}
TRAILING_TYPES: Final = {word: word for word in ("Price", "Percent")}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """What an order is to be, in the OMS's terms."""

    exchange: str
    code: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    """Total: visible and hidden."""
    price: Decimal | None
    lifetime: Lifetime
    expiry_date: int | None
    """Midnight UTC of the last day, nanoseconds since the Unix epoch."""
    values: dict[str, Decimal]
    properties: dict[str, str]


def read_details(fields: Fields, flags: tuple[str, ...]) -> Details | None:
    """Read OrderDetails; None if something is wrong, which is noted."""
    style = fields.text("Style", "Style", required=True)
    if style and style != "Market":
        fields.faults.invalid("Style")
    if style == "ManagedFund":
        _check_fund(fields, flags)
        return None
    validity = _validity(fields)
    side = _side(fields)
    order_type, is_best = _order_type(fields)
    visible = fields.number("Quantity", "VisibleQuantity", required=True)
    hidden = fields.number("HiddenQuantity", "HiddenQuantity")
    minimum = fields.number("MinimumQuantity", "MinimumQuantity")
    expiry = fields.day("ExpiryDate", "ExpiryDate")
    exchange = fields.market("Exchange", "Exchange", required=True)
    code = fields.text("Code", "Symbol", required=True)
    price = fields.number("LimitPrice", "LimitPrice")
    lifetime = LIFETIMES.get(validity, Lifetime.DAY)
    if expiry is not None and lifetime is Lifetime.GOOD_TILL_CANCEL:
        lifetime = Lifetime.GOOD_TILL_DATE
    return Details(
        exchange=exchange,
        code=code,
        side=side,
        order_type=order_type,
        quantity=(visible or ZERO) + (hidden or ZERO),
        price=price,
        lifetime=lifetime,
        expiry_date=None if expiry is None else _midnight(expiry),
        values=_given({HIDDEN_QUANTITY: hidden, MINIMUM_QUANTITY: minimum}),
        properties=_properties(fields, validity, flags) | ({ORDER_TYPE: BEST} if is_best else {}),
    )


def _given(values: Mapping[str, Decimal | None]) -> dict[str, Decimal]:
    return {name: value for name, value in values.items() if value}


def _validity(fields: Fields) -> str:
    return fields.choice("Validity", {word: word for word in LIFETIMES}, "Validity", "", required=True)


def _order_type(fields: Fields) -> tuple[OrderType, bool]:
    """The type, and whether it is `Best`: a market order that names its wish (platform D.4)."""
    words: Mapping[str, OrderType | None] = {**ORDER_TYPES, "Best": None}
    read = fields.choice("Type", words, "OrderType", OrderType.LIMIT, required=True)
    return (OrderType.MARKET, True) if read is None else (read, False)


def _side(fields: Fields) -> Side:
    side = fields.choice("Side", {"Bid": Side.BUY, "Ask": Side.SELL}, "Side", Side.BUY, required=True)
    short = fields.choice("ShortType", SHORT_TYPES, "Side", None)
    if short is None:
        return side
    if side is Side.BUY:
        fields.faults.invalid("Side")
    return short


def _properties(fields: Fields, validity: str, flags: tuple[str, ...]) -> dict[str, str]:
    instructions = fields.texts("Instructions", "Details Instructions")
    if any(" " in each for each in instructions):
        fields.faults.invalid("Details Instructions")
    properties = {
        BROKERAGE_SCHEDULE: fields.text("BrokerageSchedule", "Details"),
        INSTRUCTIONS: " ".join(instructions),
        FLAGS: " ".join(flags),
        VALIDITY: validity if validity == ALL_OR_NONE else "",
    }
    return {name: value for name, value in properties.items() if value}


def _check_fund(fields: Fields, flags: tuple[str, ...]) -> None:
    """Check the fields of a managed fund; that there are none to trade is said by `Style`."""
    fields.text("Exchange", "Exchange", required=True)
    fields.text("Code", "Symbol", required=True)
    _side(fields)
    unit_type = fields.choice(
        "UnitType", {"Currency": True, "Units": False}, "UnitType", False, required=True
    )
    amount = fields.number("UnitAmount", "UnitAmount", required=True)
    if amount is not None and amount <= 0:
        fields.faults.invalid("UnitAmount")
    fields.text("Currency", "Currency", required=unit_type)
    if "PDS" not in flags:
        fields.faults.absent("Flags.PDS")


def read_route(fields: Fields) -> dict[str, str]:
    """Read a Route: the algorithm as a property, and the trading market that it names."""
    algorithm = fields.text("Algorithm", "Route", required=True)
    if algorithm and algorithm not in ALGORITHMS:
        fields.faults.invalid("Route.Algorithm")
    route = {ALGORITHM: algorithm}
    if algorithm == "Market":
        route["Market"] = fields.market("Market", "Route.Market", required=True, is_trading_market=True)
    return route


def read_condition(fields: Fields) -> dict[str, str]:
    """Read a Condition: its name, and its fields as `Condition.<field>`, all as properties."""
    name = fields.text("Name", CONDITION, required=True)
    if name not in ("StopLoss", "TrailingStopLoss"):
        if name:
            fields.faults.invalid(CONDITION)
        return {}
    read = {
        "Stop": _text(fields.number("Stop", CONDITION_STOP)),
        "Reference": fields.choice("Reference", REFERENCES, CONDITION_REFERENCE, ""),
        "Direction": fields.choice("Direction", DIRECTIONS, CONDITION_DIRECTION, ""),
    }
    if name == "TrailingStopLoss":
        read["Type"] = fields.choice("Type", TRAILING_TYPES, CONDITION_TYPE, "", required=True)
        read["Value"] = _text(fields.number("Value", CONDITION_VALUE, required=True))
        read["Limit"] = _text(fields.number("Limit", CONDITION_LIMIT, required=True))
    return {CONDITION: name} | {f"{CONDITION}.{field}": value for field, value in read.items() if value}


def _text(value: Decimal | None) -> str:
    return "" if value is None else format(value, "f")


def _midnight(day: date) -> int:
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1) * NANOSECONDS


# Back to the wire

Payload = dict[str, Any]


def details_payload(order: OrderState) -> Payload:
    """OrderDetails of an order."""
    hidden = order.values.get(HIDDEN_QUANTITY, ZERO)
    payload: Payload = {
        "Exchange": order.exchange,
        "Code": order.code,
        "Side": "Bid" if order.side is Side.BUY else "Ask",
        "Style": "Market",
        "Type": order.properties.get(ORDER_TYPE) or ORDER_TYPE_WORDS[order.order_type],
        "Quantity": number(max(order.quantity - hidden, ZERO)),
        "Validity": order.properties.get(VALIDITY) or LIFETIME_WORDS[order.lifetime],
    }
    if order.price is not None:
        payload["LimitPrice"] = number(order.price)
    for name in (HIDDEN_QUANTITY, MINIMUM_QUANTITY):
        if order.values.get(name):
            payload[name] = number(order.values[name])
    if order.expiry_date is not None:
        payload["ExpiryDate"] = (
            (_EPOCH + timedelta(seconds=order.expiry_date // NANOSECONDS)).date().isoformat()
        )
    if order.side in SHORT_TYPE_WORDS:
        payload["ShortType"] = SHORT_TYPE_WORDS[order.side]
    if schedule := order.properties.get(BROKERAGE_SCHEDULE):
        payload["BrokerageSchedule"] = schedule
    if instructions := order.properties.get(INSTRUCTIONS):
        payload["Instructions"] = instructions.split(" ")
    return payload


def route_payload(order: OrderState) -> Payload:
    """Route of an order."""
    if order.properties.get(ALGORITHM) == "BestMarket":
        return {"Algorithm": "BestMarket"}
    return {"Algorithm": "Market", "Market": order.ex_destination}


def condition_payload(properties: Mapping[str, str]) -> Payload | None:
    """Condition of an order; None if it has none."""
    name = properties.get(CONDITION)
    if not name:
        return None
    payload: Payload = {"Name": name}
    for field in ("Stop", "Value", "Limit"):
        if value := properties.get(f"{CONDITION}.{field}"):
            payload[field] = number(Decimal(value))
    for field in ("Type", "Reference", "Direction"):
        if value := properties.get(f"{CONDITION}.{field}"):
            payload[field] = value
    return payload
