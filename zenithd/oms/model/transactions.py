"""What moves money and assets other than a fill (platform A.3, A.5, Annex P)."""

from __future__ import annotations

import enum
from decimal import Decimal

from zenithd.oms.model.accounts import Account
from zenithd.oms.model.entity import Entity, Id
from zenithd.oms.model.requests import ClientAuthority


class SettlementStatus(enum.Enum):
    """To which part of a balance money goes."""

    BOOKED = "Booked"
    UNBOOKED = "Unbooked"
    SETTLE = "Settle"
    """From unbooked to booked."""
    REVERSE = "Reverse"
    """From booked to unbooked."""


class TransactionDetails(Entity, frozen=True, kw_only=True):
    """What all transactions have."""

    transaction_id: str
    account: Account
    authorities: dict[str, ClientAuthority] = {}
    values: dict[str, Decimal] = {}
    properties: dict[str, str] = {}
    ids: tuple[Id, ...] = ()
    timestamp: int = 0


class CashTransfer(Entity, frozen=True, kw_only=True):
    """Money to (positive) or from an account; `value` excludes the additional funds."""

    currency: str
    value: Decimal
    pool: str | None = None
    external_account: str | None = None
    additional_funds: dict[str, Decimal] = {}
    settlement: SettlementStatus = SettlementStatus.BOOKED


class AssetTransfer(Entity, frozen=True, kw_only=True):
    """Assets to (positive) or from an account."""

    code: str
    exchange: str
    value: Decimal
    order_id: str | None = None
    ex_destination: str = ""


class CashAdjustment(Entity, frozen=True, kw_only=True):
    """A correction of money, with its reason."""

    currency: str
    value: Decimal
    reason: str
    pool: str | None = None
    settlement: SettlementStatus = SettlementStatus.BOOKED


class AssetAdjustment(Entity, frozen=True, kw_only=True):
    """A correction of assets, with its reason."""

    code: str
    exchange: str
    value: Decimal
    reason: str


class TransactionType(enum.Enum):
    """Annex P, ClientTransactionType."""

    TRADE = "Trade"
    ADJUSTMENT = "Adjustment"
    ASSET_TRANSFER = "AssetTransfer"
    CASH_TRANSFER = "CashTransfer"
    ASSET_ADJUSTMENT = "AssetAdjustment"
    CASH_ADJUSTMENT = "CashAdjustment"


class ClientTransaction(Entity, frozen=True, kw_only=True):
    """As the Transactions view tells it. A trade is a cash and an asset transfer on one account."""

    type: TransactionType
    details: TransactionDetails
    cash_transfer: CashTransfer | None = None
    asset_transfer: AssetTransfer | None = None
    asset_adjustment: AssetAdjustment | None = None
    cash_adjustment: CashAdjustment | None = None
