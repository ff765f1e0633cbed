"""What is kept: updates, in one order; applied in that order they make the state (platform A.4, A.5)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from zenithd.oms.model.accounts import Account, AccountDetails
from zenithd.oms.model.directory import ExchangeDetails, FeedDetails, OwnerDetails, RequestStatusDetails
from zenithd.oms.model.entity import Entity
from zenithd.oms.model.orders import OrderState, OrderTrade, OrderUpdate
from zenithd.oms.model.requests import ClientRequest, ClientRequestUpdate
from zenithd.oms.model.transactions import (
    AssetAdjustment,
    AssetTransfer,
    CashAdjustment,
    CashTransfer,
    TransactionDetails,
)
from zenithd.oms.model.transforms import Transform

OMS: str = "oms"
"""The sequence of the hub's own updates."""


class Update(Entity, frozen=True, kw_only=True, tag_field="Kind"):
    """The base of all updates."""


class OwnerDefined(Update, frozen=True, kw_only=True, tag=200):
    """Operation DefineOwner."""

    details: OwnerDetails


class OwnerUndefined(Update, frozen=True, kw_only=True, tag=201):
    """Operation UndefineOwner: also drops the details of the owner's accounts, never what they hold."""

    owner_id: str


class AccountDefined(Update, frozen=True, kw_only=True, tag=250):
    """Operation DefineAccount."""

    details: AccountDetails


class AccountUndefined(Update, frozen=True, kw_only=True, tag=251):
    """Operation UndefineAccount: what it holds, and its orders, stay."""

    account: Account


class ExchangeDefined(Update, frozen=True, kw_only=True, tag=300):
    """Operation DefineExchange."""

    details: ExchangeDetails


class ExchangeUndefined(Update, frozen=True, kw_only=True, tag=301):
    """Operation UndefineExchange."""

    exchange: str


class RequestStatusDefined(Update, frozen=True, kw_only=True, tag=310):
    """Operation DefineRequestStatus."""

    details: RequestStatusDetails


class RequestStatusUndefined(Update, frozen=True, kw_only=True, tag=311):
    """Operation UndefineRequestStatus."""

    code: str


class Transformed(Update, frozen=True, kw_only=True, tag=100):
    """Operations Transform, TransformAccount and TransformOwner."""

    transform: Transform


class OrderUpdated(Update, frozen=True, kw_only=True, tag=1110):
    """Action Update: the order is so now, because of this."""

    order: OrderState
    update: OrderUpdate


class OrderReplaced(Update, frozen=True, kw_only=True, tag=1111):
    """Action Replace: the order is so now; an operator said so."""

    order: OrderState


class OrderTraded(Update, frozen=True, kw_only=True, tag=1120):
    """Action Trade: the order is so after this trade, correction or cancellation."""

    order: OrderState
    update: OrderUpdate
    trade: OrderTrade


class CashTransferred(Update, frozen=True, kw_only=True, tag=1200):
    """Action CashTransfer."""

    transaction: TransactionDetails
    transfer: CashTransfer


class AssetTransferred(Update, frozen=True, kw_only=True, tag=1210):
    """Action AssetTransfer."""

    transaction: TransactionDetails
    transfer: AssetTransfer


class Adjusted(Update, frozen=True, kw_only=True, tag=1300):
    """A once-off correction of cash, assets or both (A.5; which update brings it is ours, D.2)."""

    transaction: TransactionDetails
    cash: CashAdjustment | None = None
    asset: AssetAdjustment | None = None


class Requested(Update, frozen=True, kw_only=True, tag=1400):
    """A ClientRequest was taken; with the order that keeps this id for life.

    What an amendment would reserve is the hub's estimate, no part of what the client asked for.
    """

    request: ClientRequest
    order_id: str = ""
    reserve_price: Decimal | None = None
    """Of an amendment without a price; None: the order's own."""
    additional_funds: dict[str, Decimal] = {}
    """Of an amendment, estimated for the whole amended order; empty: those of the order."""
    send_before: int | None = None
    """As `ClientRequestState.send_before`."""
    vetting: bytes = b""
    """What vetting saw and said, encoded by who judged; for operators, no part of the state."""


class RequestUpdated(Update, frozen=True, kw_only=True, tag=1500):
    """A ClientRequestUpdate."""

    update: ClientRequestUpdate


class OrderExpired(Update, frozen=True, kw_only=True, tag=1600):
    """The time after which a completed order is removed has come."""

    account: Account
    order_id: str


class FeedChanged(Update, frozen=True, kw_only=True, tag=1900):
    """A feed's status."""

    details: FeedDetails


class FeedRefused(Update, frozen=True, kw_only=True, tag=1910):
    """A feed's update that the rules refuse: its sequence is used all the same (A.9), and it is told."""

    reason: str
    refused: bytes


AnyUpdate = (
    OwnerDefined
    | OwnerUndefined
    | AccountDefined
    | AccountUndefined
    | ExchangeDefined
    | ExchangeUndefined
    | RequestStatusDefined
    | RequestStatusUndefined
    | Transformed
    | OrderUpdated
    | OrderReplaced
    | OrderTraded
    | CashTransferred
    | AssetTransferred
    | Adjusted
    | Requested
    | RequestUpdated
    | OrderExpired
    | FeedChanged
    | FeedRefused
)


class Kept(Entity, frozen=True, kw_only=True):
    """An update as the journal keeps it; the journal's own sequence is the hub's UpdateID (A.6)."""

    time: int
    """EventDate: never before that of the update before."""
    update: AnyUpdate
    feed: str = OMS
    sequence: int = 0
    """Within the feed; 0 for the hub's own, which are numbered by the UpdateID."""


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[Kept])


def encode_updates(kept: list[Kept]) -> bytes:
    """Updates that are kept together or not at all."""
    return _ENCODER.encode(kept)


def decode_updates(encoded: bytes) -> list[Kept]:
    """The updates again. Raises msgspec.DecodeError if they are none of this or an older version."""
    kept: list[Kept] = _DECODER.decode(encoded)
    return kept
