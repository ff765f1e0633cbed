"""Owners, exchanges, statuses and feeds (platform A.3, Annex P)."""

from __future__ import annotations

from zenithd.oms.model.entity import Entity, Word


class TransferDestination(Entity, frozen=True, kw_only=True):
    """Where cash transfers of an owner's accounts go. No route: the feed of the owner's own name."""

    ex_destination: str
    route: str = ""


class OwnerDetails(Entity, frozen=True, kw_only=True):
    """A namespace of account codes."""

    owner_id: str
    name: str = ""
    destinations: tuple[TransferDestination, ...] = ()
    metadata: dict[str, str] = {}


class ExchangeDestination(Entity, frozen=True, kw_only=True):
    """A trading market. No route: the feed of the exchange's own code."""

    ex_destination: str
    route: str = ""
    metadata: dict[str, str] = {}
    is_lit: bool = False
    lit_source: str = ""


class OrderStatusDetails(Entity, frozen=True, kw_only=True):
    """What an order status of an exchange means and allows."""

    code: str
    name: str = ""
    is_normal: bool = False
    is_manual: bool = False
    is_transition: bool = False
    is_completed: bool = False
    can_amend: bool = False
    can_cancel: bool = False
    can_move: bool = False
    can_trade: bool = False


class ExchangeDetails(Entity, frozen=True, kw_only=True):
    """An exchange as its adapter, or an operator, describes it."""

    exchange: str
    destinations: tuple[ExchangeDestination, ...] = ()
    metadata: dict[str, str] = {}
    order_statuses: tuple[OrderStatusDetails, ...] = ()


class RequestStatusDetails(Entity, frozen=True, kw_only=True):
    """What a request status means and allows; system-wide."""

    code: str
    name: str = ""
    is_normal: bool = False
    is_manual: bool = False
    is_transition: bool = False
    is_completed: bool = False
    can_amend: bool = False
    can_cancel: bool = False


class ConnectionStatus(Word):
    """Of a feed: gone unexpectedly, by its schedule, or there."""

    DISCONNECTED = "Disconnected"
    CLOSED = "Closed"
    ONLINE = "Online"


class FeedDetails(Entity, frozen=True, kw_only=True):
    """A feed's status; after `expire_after` it falls to Disconnected."""

    feed_id: str
    status: ConnectionStatus = ConnectionStatus.DISCONNECTED
    timestamp: int = 0
    expire_after: int | None = None


class FeedConfiguration(Entity, frozen=True, kw_only=True):
    """What an adapter says of itself."""

    name: str
    agent: str = ""
    timestamp: int = 0
    settings: dict[str, str] = {}
