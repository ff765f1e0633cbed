"""What QueryOrderAudit and Audit tell: every change of an order or a request, and every trade (3.5.7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from zenithd.controllers.trading.records import order_as_requested
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.events import OrderChanged, RequestChanged, TransactionMade
from zenithd.oms.model.orders import OrderState
from zenithd.oms.model.requests import ClientRequestState
from zenithd.oms.model.transactions import ClientTransaction
from zenithd.oms.state import OmsState
from zenithd.trading.desk import Told
from zenithd.wire.trading.orders import order_payload, request_payload
from zenithd.wire.trading.transactions import transaction_payload


class AuditEntry(msgspec.Struct, frozen=True, gc=False):
    """One change, as it was then; made into a payload only when somebody asks."""

    update_id: int
    time: int
    account: Account
    order_id: str
    content: OrderState | ClientRequestState | ClientTransaction
    requested: OrderState | None = None
    """Of a request: the order as it would have it."""

    def payload(self) -> dict[str, Any] | None:
        """Audit; None for what the protocol has no record of. Its Version is the UpdateID."""
        kind, content = self._rendered()
        if content is None:
            return None
        return {
            "Version": str(self.update_id),
            "OrderID": self.order_id,
            "Account": str(self.account),
            "Type": kind,
            kind: content,
        }

    def _rendered(self) -> tuple[str, dict[str, Any] | None]:
        match self.content:
            case OrderState():
                return "Order", order_payload(self.content)
            case ClientRequestState():
                return "Request", request_payload(self.content, self.requested)
            case ClientTransaction():
                return "Transaction", transaction_payload(self.content)


def audited(told: Told, state: OmsState) -> Iterator[AuditEntry]:
    """The entries of one update. `state`: in which orders that requests concern are looked up."""
    update_id, time = told.update_id, told.time
    for event in told.events:
        match event:
            case OrderChanged(order, removed) if not removed:
                yield AuditEntry(update_id, time, order.account, order.order_id, order)
            case RequestChanged(request):
                account = request.request.account
                requested = order_as_requested(state, request)
                yield AuditEntry(update_id, time, account, request.order_id, request, requested)
            case TransactionMade(transaction):
                assets = transaction.asset_transfer
                order_id = "" if assets is None else assets.order_id or ""
                yield AuditEntry(update_id, time, transaction.details.account, order_id, transaction)
            case _:
                pass
