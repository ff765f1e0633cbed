"""Commands to a market. Pure.

`entity` is who gives the command: the code of an executing firm, or empty for the operator; the door
through which a command comes sets it, never the sender. `command_id` makes a command recognisable when it
comes again; empty for one that is not to be recognised. Prices and quantities are integers in the symbol's
scales.
"""

from __future__ import annotations

from datetime import date

import msgspec
from msgspec import UNSET, UnsetType

from zenithd.domain.market_data import Side, TickTable
from zenithd_prodigy.model.definitions import Entity, MarketSettings, PriceLimits, SymbolDefinition
from zenithd_prodigy.model.orders import CloseReason, OrderType, TimeInForce
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.timetable.plan import Timetable

COMMAND_ID_LENGTH_MAX = 64
TEXT_LENGTH_MAX = 200
"""Longest account, context, name or code of a command."""


class _Command(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False
):
    market: str
    entity: str = ""
    command_id: str = ""


class PlaceOrder(_Command, frozen=True, kw_only=True, gc=False, tag="PlaceOrder"):
    """Enter an order. The exchange numbers it."""

    symbol: str
    side: Side
    quantity: int
    """Visible and hidden together."""
    order_type: OrderType = OrderType.LIMIT
    price: int | None = None
    display_quantity: int | None = None
    """Most that the book shows at a time; None shows all."""
    minimum_quantity: int = 0
    """Least that its first execution must be."""
    all_or_none: bool = False
    """It executes in full, in one go, or not at all, and waits for that."""
    time_in_force: TimeInForce = TimeInForce.DAY
    expiry: date | None = None
    """Last trading day of a GTD order."""
    account: str | None = None
    context: str | None = None


class AmendOrder(_Command, frozen=True, kw_only=True, gc=False, tag="AmendOrder"):
    """Change an order; None leaves a value as it is.

    A smaller quantity alone keeps the priority, every other change loses it. `quantity` is the new whole
    quantity, what is executed included. An amended price may match at once.
    """

    symbol: str
    order: int
    price: int | None = None
    quantity: int | None = None
    display_quantity: int | None = None


class CancelOrder(_Command, frozen=True, kw_only=True, gc=False, tag="CancelOrder"):
    """Take an order out of the market."""

    symbol: str
    order: int


class BulkCancel(_Command, frozen=True, kw_only=True, gc=False, tag="BulkCancel"):
    """Take all orders of a symbol out: those of the entity that asks; or, for the operator, those of `of`,
    or everybody's. `reason` is BULK_CANCELLED or MANUAL."""

    symbol: str
    reason: CloseReason = CloseReason.BULK_CANCELLED
    of: str | None = None


class CancelTrade(_Command, frozen=True, kw_only=True, gc=False, tag="CancelTrade"):
    """Take back a trade; the orders stay as they are."""

    symbol: str
    trade_id: int


class CorrectTrade(_Command, frozen=True, kw_only=True, gc=False, tag="CorrectTrade"):
    """Give a trade another price, another quantity or both; the orders stay as they are."""

    symbol: str
    trade_id: int
    price: int | None = None
    quantity: int | None = None


class SetStatus(_Command, frozen=True, kw_only=True, gc=False, tag="SetStatus"):
    """Change the status of the market or, with `symbol`, of one symbol (None: that of the market again)."""

    status: Status | None
    symbol: str | None = None


class RunPhase(_Command, frozen=True, kw_only=True, gc=False, tag="RunPhase"):
    """Do what the timetable says next: it must be this phase of this day."""

    day: date
    index: int


class SetTimetable(_Command, frozen=True, kw_only=True, gc=False, tag="SetTimetable"):
    """Give the market a timetable, from now on; None: operators change its phases.

    What the old one has due is done first. If by the new one today's trading day has begun and not ended, the
    market is in it.
    """

    timetable: Timetable | None


class StartTradingDay(_Command, frozen=True, kw_only=True, gc=False, tag="StartTradingDay"):
    """Begin a trading day; one that was not ended ends before it."""

    trading_date: date


class EndTradingDay(_Command, frozen=True, kw_only=True, gc=False, tag="EndTradingDay"):
    """End the trading day: what was valid for it expires."""


class CreateMarket(_Command, frozen=True, kw_only=True, tag="CreateMarket"):
    """Create the market.

    `first_order` and `first_trade` are above every number of an order or trade of an earlier life of it.
    """

    name: str = ""
    time_zone: str = "UTC"
    currency: str | None = None
    status: Status = Status.CLOSED
    settings: MarketSettings = MarketSettings()
    first_order: int = 1
    first_trade: int = 1


class ChangeMarket(_Command, frozen=True, kw_only=True, tag="ChangeMarket"):
    """Change values of the market; what is left out stays."""

    name: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    currency: str | UnsetType | None = UNSET
    settings: MarketSettings | UnsetType = UNSET


class RenameMarket(_Command, frozen=True, kw_only=True, gc=False, tag="RenameMarket"):
    """Give the market another code; its symbols and their orders go with it."""

    new_code: str


class RemoveMarket(_Command, frozen=True, kw_only=True, gc=False, tag="RemoveMarket"):
    """Close all orders and remove the market."""


class ListSymbol(_Command, frozen=True, kw_only=True, tag="ListSymbol"):
    """List a new symbol."""

    definition: SymbolDefinition
    status: Status | None = None
    first_trade_id: int = 1


class ChangeSymbol(_Command, frozen=True, kw_only=True, tag="ChangeSymbol"):
    """Change values of a symbol; what is left out stays. Orders stay, also at prices that no longer fit."""

    symbol: str
    name: str | UnsetType = UNSET
    currency: str | UnsetType | None = UNSET
    cfi: str | UnsetType = UNSET
    tick_table: str | UnsetType = UNSET
    lot_size: int | UnsetType = UNSET
    attributes: dict[str, str] | UnsetType = UNSET
    alternates: dict[str, str] | UnsetType = UNSET


class RenameSymbol(_Command, frozen=True, kw_only=True, gc=False, tag="RenameSymbol"):
    """Give a symbol another code; its orders, trades and statuses go with it."""

    symbol: str
    new_code: str


class UnlistSymbol(_Command, frozen=True, kw_only=True, gc=False, tag="UnlistSymbol"):
    """Close all orders of a symbol and take it off the market."""

    symbol: str


class SetTickTable(_Command, frozen=True, kw_only=True, tag="SetTickTable"):
    """Add a tick table, or with `replaces` change the one of this code."""

    table: TickTable
    replaces: bool = False


class RemoveTickTable(_Command, frozen=True, kw_only=True, gc=False, tag="RemoveTickTable"):
    """Remove a tick table that no symbol uses."""

    code: str


class SetReference(_Command, frozen=True, kw_only=True, gc=False, tag="SetReference"):
    """Set a named reference price of a symbol; price None removes it."""

    symbol: str
    name: str
    price: int | None = None


class SetPriceLimits(_Command, frozen=True, kw_only=True, gc=False, tag="SetPriceLimits"):
    """Limit the prices of a symbol's orders; None: no limits."""

    symbol: str
    limits: PriceLimits | None


class AddEntity(_Command, frozen=True, kw_only=True, gc=False, tag="AddEntity"):
    """Add an executing firm, or with `replaces` change the one of this code."""

    definition: Entity
    replaces: bool = False


class RenameEntity(_Command, frozen=True, kw_only=True, gc=False, tag="RenameEntity"):
    """Give an entity another code; its orders go with it."""

    code: str
    new_code: str


class RemoveEntity(_Command, frozen=True, kw_only=True, gc=False, tag="RemoveEntity"):
    """Remove an entity that has no orders."""

    code: str


OrderCommand = PlaceOrder | AmendOrder | CancelOrder | BulkCancel
"""What executing firms may do; everything else is the operator's."""

Command = (
    PlaceOrder
    | AmendOrder
    | CancelOrder
    | BulkCancel
    | CancelTrade
    | CorrectTrade
    | SetStatus
    | RunPhase
    | SetTimetable
    | StartTradingDay
    | EndTradingDay
    | CreateMarket
    | ChangeMarket
    | RenameMarket
    | RemoveMarket
    | ListSymbol
    | ChangeSymbol
    | RenameSymbol
    | UnlistSymbol
    | SetTickTable
    | RemoveTickTable
    | SetReference
    | SetPriceLimits
    | AddEntity
    | RenameEntity
    | RemoveEntity
)
"""Any command to a standard market."""
