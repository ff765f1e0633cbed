"""The state as plain values that can be encoded, and back. Pure.

Everything lies in the order in which it is held, for that decides what is told, and forgotten, first: the
restored state behaves as the one that was kept, and has the same checkpoint.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from decimal import localcontext
from typing import TypeVar

import msgspec

from zenithd.oms.ledger import Booking
from zenithd.oms.model.accounts import Account, AccountDetails, AssetPosition, CashPosition
from zenithd.oms.model.directory import ExchangeDetails, FeedDetails, OwnerDetails, RequestStatusDetails
from zenithd.oms.model.orders import OrderState
from zenithd.oms.model.requests import ClientRequestState
from zenithd.oms.model.transactions import ClientTransaction
from zenithd.oms.model.updates import OMS
from zenithd.oms.numbers import EXACT
from zenithd.oms.reserves import Amendment
from zenithd.oms.state.effects import Effects
from zenithd.oms.state.finished import Finished
from zenithd.oms.state.held import Held
from zenithd.oms.state.moves import note_moves, reserve_for_moves
from zenithd.oms.state.retention import keep_within_limits

MOVES_RESERVE = 2
"""From this version on positions have what moves in flight reserve at their destinations."""
VERSION = 2

Key = TypeVar("Key")
Value = TypeVar("Value")


class Checkpoint(msgspec.Struct, kw_only=True):
    """The whole state; lists of what is held by account name the account where the entity does not."""

    version: int = VERSION
    positions: dict[str, int]
    update_id: int
    time: int
    owners: list[OwnerDetails]
    accounts: list[AccountDetails]
    exchanges: list[ExchangeDetails]
    request_statuses: list[RequestStatusDetails]
    feeds: list[FeedDetails]
    orders: list[OrderState]
    removed: list[tuple[Account, list[str]]]
    trades: list[tuple[Account, str, list[Booking]]]
    """By order id."""
    requests: list[tuple[ClientRequestState, str]]
    """With their digests."""
    finished: list[tuple[Account, str, Finished]]
    forgettable: list[tuple[Account, list[str]]]
    requests_of_order: list[tuple[Account, str, list[tuple[Account, str]]]]
    amendments: list[tuple[Account, str, dict[str, Amendment]]]
    cash: list[CashPosition]
    assets: list[AssetPosition]
    transactions: list[ClientTransaction]
    transfers: list[tuple[Account, list[ClientTransaction]]]
    refusals: dict[str, int]
    orders_created: int


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Checkpoint)


def encode_checkpoint(state: Held) -> bytes:
    """The same bytes for a state that the same updates made."""
    return _ENCODER.encode(_captured(state))


def restore_into(state: Held, encoded: bytes) -> None:
    """Make an empty state the one that was kept.

    Raises:
        ValueError: it is no checkpoint, or one of a newer version.
    """
    try:
        checkpoint = _DECODER.decode(encoded)
    except msgspec.DecodeError as error:
        raise ValueError(f"not a checkpoint of the order management system: {error}") from error
    if checkpoint.version > VERSION:
        raise ValueError(f"a checkpoint of version {checkpoint.version}; this program knows up to {VERSION}")
    _restore_scalars(state, checkpoint)
    _restore_orders(state, checkpoint)
    _restore_requests(state, checkpoint)
    for cash in checkpoint.cash:
        state.cash.setdefault(cash.account, {})[cash.currency] = cash
    for assets in checkpoint.assets:
        state.assets.setdefault(assets.account, {})[assets.exchange, assets.code] = assets
    for transaction in checkpoint.transactions:
        details = transaction.details
        state.transactions.setdefault(details.account, {})[details.transaction_id] = transaction
    for account, transfers in checkpoint.transfers:
        state.transfers[account] = {made.details.transaction_id: made for made in transfers}
    keep_within_limits(state)
    if checkpoint.version < MOVES_RESERVE:
        with localcontext(EXACT):
            reserve_for_moves(Effects(state, state.time))


def _captured(state: Held) -> Checkpoint:
    return Checkpoint(
        positions=state.positions,
        update_id=state.update_id,
        time=state.time,
        owners=list(state.owners.values()),
        accounts=list(state.accounts.values()),
        exchanges=list(state.exchanges.values()),
        request_statuses=list(state.request_statuses.values()),
        feeds=list(state.feeds.values()),
        orders=list(_flat(state.orders)),
        removed=[(account, list(order_ids)) for account, order_ids in state.removed.items()],
        trades=[
            (account, order_id, list(bookings.values()))
            for account, by_order in state.trades.items()
            for order_id, bookings in by_order.items()
        ],
        requests=[
            (request, state.digests[account][request_id])
            for account, requests in state.requests.items()
            for request_id, request in requests.items()
        ],
        finished=[
            (account, request_id, finished)
            for account, of_account in state.finished.items()
            for request_id, finished in of_account.items()
        ],
        forgettable=[(account, list(request_ids)) for account, request_ids in state.forgettable.items()],
        requests_of_order=[(*key, list(requests)) for key, requests in state.requests_of_order.items()],
        amendments=[(*key, amendments) for key, amendments in state.amendments.items()],
        cash=list(_flat(state.cash)),
        assets=list(_flat(state.assets)),
        transactions=list(_flat(state.transactions)),
        transfers=[(account, list(held.values())) for account, held in state.transfers.items()],
        refusals=state.refusals,
        orders_created=state.orders_created,
    )


def _flat(by_account: dict[Account, dict[Key, Value]]) -> Iterator[Value]:
    for held in by_account.values():
        yield from held.values()


def _restore_scalars(state: Held, checkpoint: Checkpoint) -> None:
    state.positions = {OMS: 0} | checkpoint.positions
    state.update_id = checkpoint.update_id
    state.time = checkpoint.time
    state.owners = {details.owner_id: details for details in checkpoint.owners}
    state.accounts = {details.account: details for details in checkpoint.accounts}
    state.exchanges = {details.exchange: details for details in checkpoint.exchanges}
    state.request_statuses = {details.code: details for details in checkpoint.request_statuses}
    state.feeds = {details.feed_id: details for details in checkpoint.feeds}
    state.refusals = checkpoint.refusals
    state.orders_created = checkpoint.orders_created


def _restore_orders(state: Held, checkpoint: Checkpoint) -> None:
    for order in checkpoint.orders:
        state.orders.setdefault(order.account, {})[order.order_id] = order
        if order.remove_after is not None:
            state.removals.append((order.remove_after, order.account, order.order_id))
    heapq.heapify(state.removals)
    for account, order_ids in checkpoint.removed:
        state.removed[account] = dict.fromkeys(order_ids)
    for account, order_id, bookings in checkpoint.trades:
        state.trades.setdefault(account, {})[order_id] = {
            booking.trade.trade_id: booking for booking in bookings
        }


def _restore_requests(state: Held, checkpoint: Checkpoint) -> None:
    for request_state, digest in checkpoint.requests:
        request = request_state.request
        state.requests.setdefault(request.account, {})[request.request_id] = request_state
        state.digests.setdefault(request.account, {})[request.request_id] = digest
    for account, request_id, finished in checkpoint.finished:
        state.finished.setdefault(account, {})[request_id] = finished
    state.forgettable = {
        account: dict.fromkeys(request_ids) for account, request_ids in checkpoint.forgettable
    }
    for account, order_id, requests in checkpoint.requests_of_order:
        state.requests_of_order[account, order_id] = dict.fromkeys(requests)
    for account, order_id, amendments in checkpoint.amendments:
        state.amendments[account, order_id] = amendments
    note_moves(state)
