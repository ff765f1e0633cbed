"""Bodies of the operators' REST become commands (platform A.8)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from zenithd.oms.commands import Define, Only, Transact
from zenithd.oms.model.accounts import Account, AccountDetails
from zenithd.oms.model.directory import ExchangeDetails, OwnerDetails, RequestStatusDetails
from zenithd.oms.model.entity import Entity
from zenithd.oms.model.requests import ClientAuthority
from zenithd.oms.model.transactions import (
    AssetTransfer,
    CashTransfer,
    SettlementStatus,
    TransactionDetails,
)
from zenithd.oms.model.updates import (
    AccountDefined,
    AssetTransferred,
    CashTransferred,
    ExchangeDefined,
    OwnerDefined,
    RequestStatusDefined,
)
from zenithd.trading.operators.forms import BadField, read

OPERATOR: Final = "Operator"
"""Role of the authority that an operator's transaction bears (platform D.2)."""

_CODE: Final = re.compile(r"[^\s:/!,\x00-\x1f\x7f]+")
"""What owners and accounts may be called: `OWNER:ACCOUNT`, topics and paths are made of it."""

_CURRENCY: Final = re.compile(r"[A-Z0-9]{3,8}")
"""ISO 4217, and what crypto venues call theirs. Money in "aud" would be none that anybody can spend."""


class CashTransferRequest(Entity, frozen=True, kw_only=True):
    """Money to (positive) or from an account."""

    transaction: TransactionDetails
    transfer: CashTransfer


class AssetTransferRequest(Entity, frozen=True, kw_only=True):
    """Assets to (positive) or from an account."""

    transaction: TransactionDetails
    transfer: AssetTransfer


class CashSettlementRecord(Entity, frozen=True, kw_only=True):
    """So much of what is unsettled is settled now, if it is what is expected."""

    owner: str = ""
    account: str
    currency: str
    expected_balance: Decimal | None = None
    """What is unsettled before; another figure refuses it."""
    settle: Decimal


def define_owner(form: Any) -> Define:
    """Define an owner."""
    details = read(form, OwnerDetails)
    _check_code("OwnerID", details.owner_id)
    return Define(OwnerDefined(details=details))


def define_account(form: Any) -> Define:
    """Define an account."""
    details = read(form, AccountDetails)
    if details.account.owner_id:
        _check_code("Account.OwnerID", details.account.owner_id)
    _check_code("Account.AccountID", details.account.account_id)
    return Define(AccountDefined(details=details))


def define_exchange(form: Any) -> Define:
    """Define an exchange."""
    details = read(form, ExchangeDetails)
    _check_code("Exchange", details.exchange)
    return Define(ExchangeDefined(details=details))


def define_status(form: Any) -> Define:
    """Define a request status."""
    details = read(form, RequestStatusDetails)
    _check_code("Code", details.code)
    return Define(RequestStatusDefined(details=details))


def transfer_cash(form: Any, user: str, only: Only) -> Transact:
    """Move money."""
    request = read(form, CashTransferRequest)
    currency = request.transfer.currency
    if currency and not _CURRENCY.fullmatch(currency):
        raise BadField("Transfer.Currency")
    update = CashTransferred(transaction=_signed(request.transaction, user), transfer=request.transfer)
    return Transact(update, only)


def transfer_assets(form: Any, user: str, only: Only) -> Transact:
    """Move assets."""
    request = read(form, AssetTransferRequest)
    update = AssetTransferred(transaction=_signed(request.transaction, user), transfer=request.transfer)
    return Transact(update, only)


def settle(forms: Sequence[Any], user: str, batch: str) -> Iterator[Transact]:
    """Settle what is unsettled: the same batch again does nothing."""
    for place, form in enumerate(forms):
        record = read(form, CashSettlementRecord)
        account = Account(owner_id=record.owner, account_id=record.account)
        details = TransactionDetails(transaction_id=f"{batch}:{place}", account=account)
        transfer = CashTransfer(
            currency=record.currency, value=record.settle, settlement=SettlementStatus.SETTLE
        )
        update = CashTransferred(transaction=_signed(details, user), transfer=transfer)
        yield Transact(update, expected=record.expected_balance)


def _signed(details: TransactionDetails, user: str) -> TransactionDetails:
    """With whoever logged in as the operator, whatever the body says."""
    authorities = {**details.authorities, OPERATOR: ClientAuthority(identity=user)}
    return msgspec.structs.replace(details, authorities=authorities)


def _check_code(field: str, code: str) -> None:
    if not _CODE.fullmatch(code):
        raise BadField(field)
