"""What requests of Market Control carry and what they are answered with; names as platform C.8 has them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from zenithd_prodigy.engine.commands import TEXT_LENGTH_MAX
from zenithd_prodigy.model.definitions import EntityType, MarketSettings
from zenithd_prodigy.model.orders import SelfTrade
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.timetable.plan import Timetable

Text = Annotated[str, Meta(max_length=TEXT_LENGTH_MAX)]
"""Every subscriber is sent it: none may be of any length."""
Texts = Annotated[dict[Text, Text], Meta(max_length=100)]
Cfi = Annotated[str, Meta(pattern="^[A-Z]{6}$", description="CFI code, ISO 10962")]
Limit = Annotated[int, Meta(ge=1, le=10**15)]


class _Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """Unknown fields are refused: a misspelt one would do nothing in silence."""


class MarketConfig(_Body, frozen=True, kw_only=True):
    """Long-term configuration of a market."""

    time_zone: str = "UTC"
    settings: MarketSettings = MarketSettings()


class MarketData(_Body, frozen=True, kw_only=True):
    """What describes a market."""

    status: Status = Status.CLOSED
    name: Text = ""
    currency: Text | None = None


class CreateMarketBody(_Body, frozen=True, kw_only=True):
    """A market to be created. The three types name the parts of its design."""

    config: MarketConfig = MarketConfig()
    data: MarketData = MarketData()
    market_type: str = "Standard"
    engine_type: str = "Standard"
    translator_type: str = "Standard"


class ChangedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the market trades, see `MarketSettings`. What is left out stays."""

    self_trade: SelfTrade | UnsetType = UNSET
    shows_parties: bool | UnsetType = UNSET
    orders_max: Limit | UnsetType = UNSET
    quantity_max: Limit | UnsetType = UNSET
    price_max: Limit | UnsetType = UNSET
    command_ids_kept: Limit | UnsetType = UNSET
    trades_kept: Limit | UnsetType = UNSET


class ChangedConfig(_Body, frozen=True, kw_only=True):
    """What is left out stays."""

    time_zone: str | UnsetType = UNSET
    settings: ChangedSettings | UnsetType = UNSET


class ChangedData(_Body, frozen=True, kw_only=True):
    """What is left out stays."""

    status: Status | UnsetType = UNSET
    name: Text | UnsetType = UNSET
    currency: Text | UnsetType | None = UNSET


class ChangeMarketBody(_Body, frozen=True, kw_only=True):
    """Changes of a market."""

    config: ChangedConfig = ChangedConfig()
    data: ChangedData = ChangedData()


class SymbolData(_Body, frozen=True, kw_only=True):
    """A symbol to be listed. Scales are numbers of decimals and never change."""

    name: Text = ""
    currency: Text | None = None
    class_: Cfi = msgspec.field(default="EXXXXX", name="Class")
    attributes: Texts = {}
    alternates: Texts = {}
    status: Status | None = None
    tick_table: str = ""
    price_scale: Annotated[int, Meta(ge=0, le=9)] = 2
    quantity_scale: Annotated[int, Meta(ge=0, le=9)] = 0
    lot_size: Decimal = Decimal(1)


class SymbolBody(_Body, frozen=True, kw_only=True):
    """A symbol to be listed."""

    data: SymbolData = msgspec.field(default_factory=SymbolData)


class ChangedSymbolData(_Body, frozen=True, kw_only=True):
    """What is left out stays."""

    name: Text | UnsetType = UNSET
    currency: Text | UnsetType | None = UNSET
    class_: Cfi | UnsetType = msgspec.field(default=UNSET, name="Class")
    attributes: Texts | UnsetType = UNSET
    alternates: Texts | UnsetType = UNSET
    status: Status | UnsetType | None = UNSET
    """None: that of the market again."""
    tick_table: str | UnsetType = UNSET
    lot_size: Decimal | UnsetType = UNSET


class ChangeSymbolBody(_Body, frozen=True, kw_only=True):
    """Changes of a symbol."""

    data: ChangedSymbolData = ChangedSymbolData()


class TickRate(_Body, frozen=True, kw_only=True):
    """From `low` on, up to the next one, prices are multiples of `tick`."""

    low: Decimal
    high: Decimal
    tick: Decimal


class ActionBody(_Body, frozen=True, kw_only=True):
    """Parameters of an action; each takes those that the path's action names, and no others.

    Status: Status (without it a symbol inherits its market's).
    StartOfDay: TradingDate. EndOfDay: none. TickTable.Add, .Update, .Remove: Name,
    TickTable. BulkCancel: Reason. Reference: Name, Price (without it the reference price goes). CancelTrade:
    TradeID. CorrectTrade: TradeID, Price, Quantity. PriceLimits: Low, High (without both: no limits).
    """

    status: Status | None = None
    name: str | None = None
    tick_table: Annotated[tuple[TickRate, ...], Meta(max_length=100)] | None = None
    trading_date: date | None = None
    reason: Literal["Cancel", "Manual"] | None = None
    price: Decimal | None = None
    quantity: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    trade_id: int | None = msgspec.field(default=None, name="TradeID")


class EntityBody(_Body, frozen=True, kw_only=True):
    """An executing firm."""

    name: Text = ""
    type_: EntityType = msgspec.field(default=EntityType.ORGANISATION, name="Type")
    can_trade: bool = True


class HolidayBody(_Body, frozen=True, kw_only=True):
    """A day without trading or, with `plan`, one that follows another day plan, such as a half day."""

    name: Text = ""
    plan: str | None = None


class EntityAnswer(EntityBody, frozen=True, kw_only=True):
    """An executing firm."""

    code: str


class MarketState(_Body, frozen=True, kw_only=True):
    """How a market stands."""

    trading_date: date | None
    orders: int
    sequence: int
    """Events so far."""
    next_phase: str | None
    """What the timetable has next, and when: `Auction at 2026-11-22T05:00:00+00:00`."""


class MarketAnswer(_Body, frozen=True, kw_only=True):
    """A market."""

    code: str
    config: MarketConfig
    data: MarketData
    symbols: tuple[str, ...]
    tick_tables: dict[str, tuple[TickRate, ...]]
    market_type: str = "Standard"
    engine_type: str = "Standard"
    translator_type: str = "Standard"
    timetable: Timetable | None = None
    state: MarketState | None = None


class PriceLimits(_Body, frozen=True, kw_only=True):
    """Between which prices orders are taken; None: no limit on that side."""

    low: Decimal | None
    high: Decimal | None


class SymbolState(_Body, frozen=True, kw_only=True):
    """How a symbol stands."""

    status: Status
    """Its own or its market's."""
    orders: int
    best_bid: Decimal | None
    best_ask: Decimal | None
    last_price: Decimal | None
    references: dict[str, Decimal]
    price_limits: PriceLimits | None
    """None: any price is taken."""


class SymbolAnswer(_Body, frozen=True, kw_only=True):
    """A symbol."""

    code: str
    market: str
    data: SymbolData
    state: SymbolState | None = None
