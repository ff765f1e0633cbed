"""The state of the order management system: what the applied updates made it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import localcontext
from typing import Any

from zenithd.oms.model import updates as u
from zenithd.oms.model.events import View, ViewEvent
from zenithd.oms.numbers import EXACT
from zenithd.oms.state import (
    directory_changes,
    order_changes,
    request_changes,
    transaction_changes,
    transforms,
)
from zenithd.oms.state.checkpoint import encode_checkpoint, restore_into
from zenithd.oms.state.checks import check
from zenithd.oms.state.effects import Effects
from zenithd.oms.state.held import Held, Limits
from zenithd.oms.state.views import EVERYTHING, Targets, snapshot


def _refused(effects: Effects, update: u.FeedRefused) -> None:
    """Counted; that its sequence is used is noted as for every update."""


_CHANGES: dict[type, Callable[[Effects, Any], None]] = {
    u.OrderUpdated: order_changes.order_updated,
    u.OrderReplaced: order_changes.order_replaced,
    u.OrderTraded: order_changes.order_traded,
    u.OrderExpired: order_changes.order_expired,
    u.CashTransferred: transaction_changes.cash_transferred,
    u.AssetTransferred: transaction_changes.asset_transferred,
    u.Adjusted: transaction_changes.adjusted,
    u.Requested: request_changes.requested,
    u.RequestUpdated: request_changes.request_updated,
    u.OwnerDefined: directory_changes.owner_defined,
    u.OwnerUndefined: directory_changes.owner_undefined,
    u.AccountDefined: directory_changes.account_defined,
    u.AccountUndefined: directory_changes.account_undefined,
    u.ExchangeDefined: directory_changes.exchange_defined,
    u.ExchangeUndefined: directory_changes.exchange_undefined,
    u.RequestStatusDefined: directory_changes.request_status_defined,
    u.RequestStatusUndefined: directory_changes.request_status_undefined,
    u.Transformed: transforms.transformed,
    u.FeedChanged: directory_changes.feed_changed,
    u.FeedRefused: _refused,
}


class InvalidUpdate(Exception):
    """An update that the rules refuse was to be applied: whoever brought it had to `check` it before."""


class OmsState(Held):
    """State that only `apply` and `replay` change: the same updates from nothing give the same state."""

    def apply(self, kept: u.Kept) -> list[ViewEvent]:
        """Let an update have happened; what it tells the views.

        Raises:
            InvalidUpdate: `check` gives a reason against it, or its place or time does not follow; the state
                is as it was.
        """
        reason = check(kept.update, self)
        if reason is None and kept.time < self.time:
            reason = f"Time: {kept.time} is before that of the last update, {self.time}"
        if reason is None and kept.feed != u.OMS and kept.sequence <= self.positions.get(kept.feed, 0):
            reason = f"Sequence: {kept.feed} {kept.sequence} was applied already"
        if reason is not None:
            raise InvalidUpdate(reason)
        return self.replay(kept)

    def replay(self, kept: u.Kept) -> list[ViewEvent]:
        """Let an update have happened that was applied, and kept, before."""
        with localcontext(EXACT):
            effects = Effects(self, kept.time)
            _CHANGES[kept.update.__class__](effects, kept.update)
            told = effects.told()
        self.update_id += 1
        self.positions[u.OMS] = self.update_id
        if kept.feed != u.OMS:
            self.positions[kept.feed] = kept.sequence
            if kept.update.__class__ is u.FeedRefused:
                self.refusals[kept.feed] = self.refusals.get(kept.feed, 0) + 1
        self.time = kept.time
        return told

    def view(self, view: View, targets: Targets = EVERYTHING) -> list[ViewEvent]:
        """Everything that the view has now, as events; as at `positions`."""
        return snapshot(self, view, targets)

    def checkpoint(self) -> bytes:
        """The whole state, to be kept; `restore` makes it again."""
        return encode_checkpoint(self)

    @classmethod
    def restore(cls, encoded: bytes, limits: Limits | None = None) -> OmsState:
        """The state that `checkpoint` kept.

        Raises:
            ValueError: it is none, or one of a newer version.
        """
        state = cls(limits)
        restore_into(state, encoded)
        return state

    def digest(self) -> str:
        """32 hexadecimal digits: the same wherever the same updates were applied."""
        return hashlib.blake2b(self.checkpoint(), digest_size=16).hexdigest()
