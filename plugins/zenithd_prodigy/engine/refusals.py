"""Why a command was refused: one documented reason each. A refused command has changed nothing. Pure."""

from __future__ import annotations

import enum

import msgspec


class Reason(enum.Enum):
    """The name is for programs, the value for people."""

    MALFORMED = "the command is not well formed"
    UNKNOWN_COMMAND = "there is no such command"
    UNKNOWN_MARKET = "the exchange has no such market"
    UNKNOWN_SYMBOL = "the market does not list this symbol"
    UNKNOWN_ORDER = "no such order is in the market"
    UNKNOWN_TRADE = "no such trade is remembered"
    UNKNOWN_ENTITY = "the market knows no such entity"
    UNKNOWN_TICK_TABLE = "the market has no such tick table"
    DUPLICATE_COMMAND = "a command with this id has been carried out"
    NOT_PERMITTED = "this entity may not do this in the market"
    STATUS = "the trading status does not allow this"
    STATUS_PLACE = "only a symbol can have this status, and only a symbol can be without one"
    PRICE = "a limit order needs a price above zero and within the market's maximum, other orders have none"
    PRICE_STEP = "the price is no step of the tick table"
    PRICE_LIMIT = "the price is outside the symbol's limits"
    PRICE_PRECISION = "the price has more decimals than the symbol"
    QUANTITY = "the quantity must be above zero, above what is executed, and within the market's maximum"
    QUANTITY_LOT = "the quantity is not a multiple of the lot size"
    QUANTITY_PRECISION = "the quantity has more decimals than the symbol"
    DISPLAY_QUANTITY = "the display quantity must be above zero and at most the quantity, of a limit order"
    MINIMUM_QUANTITY = "the minimum quantity must be from zero to the quantity"
    CONDITION = (
        "all-or-none or a minimum quantity goes only with a limit order that hides nothing, or at once"
    )
    TIME_IN_FORCE = "this time in force is not possible now: orders are gathered for an auction"
    EXPIRY = "a GTD order, and no other, needs an expiry date that is not over"
    NOTHING_TO_CHANGE = "the command changes nothing"
    ORDERS_MAX = "the market has as many orders as it may have"
    TRADE_CANCELLED = "the trade was cancelled before"
    TRADING_DATE = "the trading date must be later than the current one; only a day that has begun can end"
    PHASE = "this is not the phase that the timetable has next, or it is not due"
    TIMETABLE = "the timetable cannot be followed"
    MARKET_EXISTS = "there is a market with this code"
    SYMBOL_EXISTS = "the market lists a symbol with this code"
    ENTITY_EXISTS = "the market knows an entity with this code"
    TICK_TABLE_EXISTS = "the market has a tick table with this code"
    TICK_TABLE = "a tick table needs ascending steps without gaps that fit the symbols which use it"
    TICK_TABLE_IN_USE = "a symbol uses the tick table"
    ENTITY_IN_USE = "the entity has orders in the market"
    CODE = "codes are 1 to 16 letters, digits, - and _"
    TIME_ZONE = "the time zone is no IANA name"
    DEFINITION = "the definition is not possible"


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The command was not carried out."""

    reason: Reason
    detail: str = ""
    """What exactly, where the reason alone does not say."""
    order: int | None = None
    """Of DUPLICATE_COMMAND: the order that the command brought or concerned the first time."""

    def __str__(self) -> str:
        return f"{self.reason.value} ({self.detail})" if self.detail else self.reason.value
