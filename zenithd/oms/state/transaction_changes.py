"""What transfers and adjustments do to the state. Pure."""

from __future__ import annotations

from zenithd.oms.ledger import (
    TRANSFER_CURRENCY,
    TRANSFER_PRICE,
    adjustment_change,
    assets_transferred,
    replace,
    transfer_change,
)
from zenithd.oms.model.events import ActionTaken
from zenithd.oms.model.transactions import ClientTransaction, TransactionDetails, TransactionType
from zenithd.oms.model.updates import Adjusted, AssetTransferred, CashTransferred
from zenithd.oms.state.effects import Effects


def cash_transferred(effects: Effects, update: CashTransferred) -> None:
    """Money comes, goes, is settled or reversed, or a pool changes."""
    transfer = update.transfer
    effects.change_cash(update.transaction.account, transfer.currency, transfer_change(transfer))
    effects.events.append(ActionTaken(update))
    details = _dated(effects, update.transaction)
    effects.tell_transaction(
        ClientTransaction(type=TransactionType.CASH_TRANSFER, details=details, cash_transfer=transfer)
    )


def asset_transferred(effects: Effects, update: AssetTransferred) -> None:
    """Assets come or go; at a price only if the transaction says one."""
    transfer, details = update.transfer, _dated(effects, update.transaction)
    position = effects.state.holding(details.account, transfer.exchange, transfer.code)
    price, currency = details.values.get(TRANSFER_PRICE), details.properties.get(TRANSFER_CURRENCY, "")
    effects.put_assets(assets_transferred(position, transfer.value, price, currency))
    effects.events.append(ActionTaken(update))
    effects.tell_transaction(
        ClientTransaction(type=TransactionType.ASSET_TRANSFER, details=details, asset_transfer=transfer)
    )


def adjusted(effects: Effects, update: Adjusted) -> None:
    """Cash, assets or both are corrected."""
    details, cash, asset = _dated(effects, update.transaction), update.cash, update.asset
    type = TransactionType.ADJUSTMENT
    if cash is not None:
        effects.change_cash(details.account, cash.currency, adjustment_change(cash))
        if asset is None:
            type = TransactionType.CASH_ADJUSTMENT
    if asset is not None:
        position = effects.state.holding(details.account, asset.exchange, asset.code)
        effects.put_assets(assets_transferred(position, asset.value))
        if cash is None:
            type = TransactionType.ASSET_ADJUSTMENT
    effects.tell_transaction(
        ClientTransaction(type=type, details=details, asset_adjustment=asset, cash_adjustment=cash)
    )


def _dated(effects: Effects, details: TransactionDetails) -> TransactionDetails:
    return details if details.timestamp else replace(details, timestamp=effects.time)
