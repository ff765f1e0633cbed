"""What operators do: definitions, money and assets, transforms (platform C.5, D.2); and what falls due. Pure.

Everything is idempotent: a definition that is so already is not kept again, nor a transaction whose id is
known in its account. Trying a command without effect is to decide it and not to apply the outcome.
"""

from __future__ import annotations

from decimal import Decimal

from zenithd.oms.commands import (
    Accepted,
    Apply,
    Define,
    DueKind,
    FallDue,
    FeedStatus,
    Only,
    Outcome,
    Refused,
    Transact,
)
from zenithd.oms.following import change_feed, expire, lose_one, order_of, submit
from zenithd.oms.lifecycle import ORDER_HELD
from zenithd.oms.model import updates as u
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.directory import ConnectionStatus
from zenithd.oms.model.entity import ZERO
from zenithd.oms.model.requests import RequestStatus
from zenithd.oms.model.transactions import SettlementStatus
from zenithd.oms.refusals import Result
from zenithd.oms.state import check
from zenithd.oms.turn import Turn, replace


def define(turn: Turn, command: Define) -> Outcome:
    """Define or undefine an owner, account, exchange or request status; nothing if it is so already."""
    update = command.update
    wrong = check(update, turn.state)
    if wrong is not None:
        return Refused(Result.INVALID, (wrong,))
    if not _is_so(turn, update):
        turn.emit(update)
    return turn.accepted()


def apply(turn: Turn, command: Apply) -> Outcome:
    """Replace an order, or transform many entities."""
    update = command.update
    if isinstance(update, u.OrderReplaced):
        order = update.order
        if turn.order(order.account, order.order_id) is None:
            return Refused(Result.REJECTED, ("Order",))
        if order.is_completed and order.remove_after is None:
            removal = turn.reference.next_day_end(order.exchange, turn.now)
            update = replace(update, order=replace(order, remove_after=removal))
    wrong = check(update, turn.state)
    if wrong is not None:
        return Refused(Result.INVALID, (wrong,))
    turn.emit(update)
    return turn.accepted()


def transact(turn: Turn, command: Transact) -> Outcome:
    """Deposit, withdraw, issue, reclaim, settle, adjust.

    Refused are a transaction id that stands for something else, and taking more than is there: cash that may
    be traded with, assets that are not reserved. Adjustments take what they say: they correct.
    """
    update = command.update
    wrong = check(update, turn.state)
    if wrong is not None:
        return Refused(Result.INVALID, (wrong,))
    account, transaction_id = update.transaction.account, update.transaction.transaction_id
    known = turn.state.transfers.get(account, {}).get(transaction_id)
    if known is not None:
        same = _told(known.cash_transfer, known.asset_transfer, known.cash_adjustment, known.asset_adjustment)
        if same == _content(update):
            return Accepted()
        return Refused(Result.INVALID, ("Transaction.TransactionID",))
    if account not in turn.state.accounts:
        return Refused(Result.REJECTED, ("Account",))
    if command.only is not Only.ALWAYS and (_there(turn, update) == 0) is not (command.only is Only.IF_ZERO):
        return Accepted()
    refusal = _refuse_taking(turn, command)
    if refusal is not None:
        return Refused(Result.REJECTED, (refusal,))
    details = replace(update.transaction, timestamp=turn.now)
    turn.emit(replace(update, transaction=details))
    return turn.accepted()


def fall_due(turn: Turn, command: FallDue, waiting: list[tuple[Account, str]]) -> Outcome:
    """Do what is due, if it still is.

    Args:
        waiting: of a feed, the requests that it has.
    """
    if command.kind is DueKind.FEED:
        return _expire_feed(turn, command.key, waiting)
    assert command.account is not None
    if command.kind is DueKind.ORDER:
        order = turn.order(command.account, command.key)
        if order is not None and order.remove_after is not None and order.remove_after <= turn.now:
            turn.emit(u.OrderExpired(account=command.account, order_id=command.key))
        return turn.accepted()
    _request_due(turn, command.account, command.key)
    return turn.accepted()


def _request_due(turn: Turn, account: Account, request_id: str) -> None:
    state = turn.request(account, request_id)
    if state is None:
        return
    order = order_of(turn, state)
    is_held = order is not None and order.status == ORDER_HELD
    if state.status is RequestStatus.SUBMITTED:
        is_late = turn.now >= turn.rules.after(state.timestamp, turn.rules.answer_seconds)
        if is_late or not turn.is_online(state.route):
            lose_one(turn, state)
    elif state.status is RequestStatus.QUEUED:
        queue = state.request.queue
        if queue is not None and queue.expire_after is not None and turn.now >= queue.expire_after:
            expire(turn, state, order)
    elif state.status is RequestStatus.PENDING:
        if state.send_before is not None and turn.now >= state.send_before:
            expire(turn, state, order, "ExpiryDate" if is_held else "Timeout")
        elif not is_held and state.route and turn.is_online(state.route):
            submit(turn, state, order)


def _expire_feed(turn: Turn, feed: str, waiting: list[tuple[Account, str]]) -> Outcome:
    details = turn.state.feeds.get(feed)
    if details is None or details.expire_after is None or turn.now < details.expire_after:
        return Accepted()
    gone = replace(details, status=ConnectionStatus.DISCONNECTED, timestamp=turn.now, expire_after=None)
    return change_feed(turn, FeedStatus(gone), waiting)


def _is_so(turn: Turn, update: u.AnyUpdate) -> bool:
    state = turn.state
    match update:
        case u.OwnerDefined():
            return state.owners.get(update.details.owner_id) == update.details
        case u.OwnerUndefined():
            return update.owner_id not in state.owners and not any(
                account.owner_id == update.owner_id for account in state.accounts
            )
        case u.AccountDefined():
            return state.accounts.get(update.details.account) == update.details
        case u.AccountUndefined():
            return update.account not in state.accounts
        case u.ExchangeDefined():
            return state.exchanges.get(update.details.exchange) == update.details
        case u.ExchangeUndefined():
            return update.exchange not in state.exchanges
        case u.RequestStatusDefined():
            return state.request_statuses.get(update.details.code) == update.details
        case u.RequestStatusUndefined():
            return update.code not in state.request_statuses
        case _:
            return False


def _content(update: u.CashTransferred | u.AssetTransferred | u.Adjusted) -> tuple[object, ...]:
    match update:
        case u.CashTransferred():
            return _told(update.transfer, None, None, None)
        case u.AssetTransferred():
            return _told(None, update.transfer, None, None)
        case u.Adjusted():
            return _told(None, None, update.cash, update.asset)


def _told(*parts: object) -> tuple[object, ...]:
    return parts


def _there(turn: Turn, update: u.CashTransferred | u.AssetTransferred | u.Adjusted) -> Decimal:
    """What `Only` looks at: money booked and unbooked, or assets (platform C.5)."""
    account = update.transaction.account
    if isinstance(update, u.CashTransferred):
        cash = turn.state.balance(account, update.transfer.currency)
        return cash.balance + cash.unbooked_transactions
    if isinstance(update, u.AssetTransferred):
        return turn.state.holding(account, update.transfer.exchange, update.transfer.code).quantity
    if update.asset is not None:
        return turn.state.holding(account, update.asset.exchange, update.asset.code).quantity
    assert update.cash is not None
    cash = turn.state.balance(account, update.cash.currency)
    return cash.balance + cash.unbooked_transactions


def _refuse_taking(turn: Turn, command: Transact) -> str | None:
    update = command.update
    account = update.transaction.account
    if isinstance(update, u.AssetTransferred):
        transfer = update.transfer
        available = turn.state.holding(account, transfer.exchange, transfer.code).available
        return "TotalQuantity.Holdings" if transfer.value < 0 and -transfer.value > available else None
    if not isinstance(update, u.CashTransferred) or update.transfer.pool is not None:
        return None
    cash = turn.state.balance(account, update.transfer.currency)
    if command.expected is not None and cash.unbooked_transactions != command.expected:
        return "ExpectedBalance"
    if update.transfer.settlement in (SettlementStatus.SETTLE, SettlementStatus.REVERSE):
        return None
    change = update.transfer.value - sum(update.transfer.additional_funds.values(), ZERO)
    return "TotalValue.Balance" if change < 0 and -change > cash.trading else None
