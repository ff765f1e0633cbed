"""What the nine views tell of (platform A.4): full values that replace what was told before."""

from __future__ import annotations

import enum

import msgspec

from zenithd.oms.model.accounts import Account, AssetPosition, CashPosition
from zenithd.oms.model.directory import FeedDetails
from zenithd.oms.model.orders import OrderState
from zenithd.oms.model.requests import ClientRequestState
from zenithd.oms.model.transactions import ClientTransaction
from zenithd.oms.model.updates import AnyUpdate


class View(enum.Enum):
    """SubscriptionType of Annex P."""

    STATUS = 10
    UPDATES = 11
    TRANSACTIONS = 12
    HOLDINGS = 21
    BALANCES = 22
    REQUESTS = 23
    ORDERS = 24
    METADATA = 30
    FEED = 40


class BalanceChanged(msgspec.Struct, frozen=True, gc=False):
    """Event 21."""

    position: CashPosition
    removed: bool = False


class HoldingChanged(msgspec.Struct, frozen=True, gc=False):
    """Event 20."""

    position: AssetPosition
    removed: bool = False


class OrderChanged(msgspec.Struct, frozen=True, gc=False):
    """Event 22. `previous`: the account on which a moved order was before; it is removed there."""

    order: OrderState
    removed: bool = False
    previous: Account | None = None


class RequestChanged(msgspec.Struct, frozen=True, gc=False):
    """Event 23; a finished request is removed."""

    state: ClientRequestState
    removed: bool = False


class TransactionMade(msgspec.Struct, frozen=True, gc=False):
    """Event 24."""

    transaction: ClientTransaction


class MetadataChanged(msgspec.Struct, frozen=True, gc=False):
    """Event 10: the operation itself."""

    update: AnyUpdate


class StatusChanged(msgspec.Struct, frozen=True, gc=False):
    """Event 19."""

    details: FeedDetails


class ActionTaken(msgspec.Struct, frozen=True, gc=False):
    """Event 11 of the Updates view: the action itself."""

    update: AnyUpdate


ViewEvent = (
    BalanceChanged
    | HoldingChanged
    | OrderChanged
    | RequestChanged
    | TransactionMade
    | MetadataChanged
    | StatusChanged
    | ActionTaken
)
"""All events of one update share its position."""
