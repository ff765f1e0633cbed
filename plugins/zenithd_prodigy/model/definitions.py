"""What a market consists of beside orders: its settings, symbols, entities. Pure."""

from __future__ import annotations

import enum

import msgspec

from zenithd_prodigy.model.orders import SelfTrade

CODE_LENGTH_MAX = 16
"""Longest code of an entity (platform C.8)."""

AUCTION_REFERENCE = "Auction"
"""Name of the reference price that auctions prefer to the last trade's."""

CLOSE_REFERENCE = "Close"
"""Name of the reference price that auctions use where there was no trade yet."""

NO_TICK_TABLE = ""
"""A symbol that names it may have any price above zero."""


class EntityType(enum.Enum):
    """Kind of an executing firm."""

    ORGANISATION = "OR"
    PERSON = "PE"


class Entity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An executing firm and its rights in the market."""

    code: str
    entity_type: EntityType = EntityType.ORGANISATION
    name: str = ""
    can_trade: bool = True
    """False: it may look, and cancel what it has."""


class MarketSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a market trades; every limit of it."""

    self_trade: SelfTrade = SelfTrade.OFF
    shows_parties: bool = False
    """Whether brokers and their references are published with orders and trades; else depth is anonymous."""
    orders_max: int = 1_000_000
    """Most orders in the market at a time; more are refused."""
    quantity_max: int = 10**15
    """Largest quantity of an order, in units of the symbol's quantity scale."""
    price_max: int = 10**15
    """Largest price, in units of the symbol's price scale: what a JSON number holds exactly."""
    command_ids_kept: int = 100_000
    """At least so many of the newest commands are recognised when they come again; older ones would be
    carried out a second time."""
    trades_kept: int = 2_000
    """At least so many of the newest trades of each symbol can be cancelled and corrected."""

    def __post_init__(self) -> None:
        for name in ("orders_max", "quantity_max", "price_max", "command_ids_kept", "trades_kept"):
            if not 0 < getattr(self, name) <= 10**15:
                raise ValueError(f"{name} must be from 1 to 10**15")


class MarketDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A market as its operator defined it."""

    code: str
    name: str = ""
    time_zone: str = "UTC"
    currency: str | None = None
    settings: MarketSettings = MarketSettings()


class SymbolDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A symbol as its operator defined it."""

    code: str
    name: str = ""
    currency: str | None = None
    cfi: str = "EXXXXX"
    price_scale: int = 2
    quantity_scale: int = 0
    tick_table: str = NO_TICK_TABLE
    exchange: str | None = None
    """Issuing exchange; None means the market itself."""
    lot_size: int = 1
    """Quantities of orders are multiples of it."""
    attributes: dict[str, str] = {}
    alternates: dict[str, str] = {}


class PriceLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Between which prices orders are taken; None: no limit on that side.

    With `reference` and `basis_points` the limits also follow a named reference price: at most so far from
    it, in hundredths of a percent; without effect while that reference price is not set.
    """

    low: int | None = None
    high: int | None = None
    reference: str | None = None
    basis_points: int | None = None
