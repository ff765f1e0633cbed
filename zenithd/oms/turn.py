"""One decision in the making: updates are gathered, and later steps see what earlier ones meant. Pure."""

from __future__ import annotations

import msgspec

from zenithd.oms.commands import Accepted, Answer, Inquire, Send
from zenithd.oms.lifecycle import FINAL, OWN_STATUSES, TRANSITIONS, Signal, is_sending
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.directory import ConnectionStatus, OrderStatusDetails
from zenithd.oms.model.orders import OrderState, OrderUpdate, OrderUpdateReason
from zenithd.oms.model.requests import ClientQueue, ClientRequestState, ClientRequestUpdate, RequestStatus
from zenithd.oms.model.updates import OMS, AnyUpdate, Kept, OrderUpdated, Requested, RequestUpdated
from zenithd.oms.reference import FeeSchedule, Identifiers, Reference, Verdict, Vetting
from zenithd.oms.rules import OmsRules
from zenithd.oms.state import OmsState

replace = msgspec.structs.replace


class Surroundings(msgspec.Struct, frozen=True):
    """All that decisions get from outside."""

    reference: Reference
    vetting: Vetting
    fees: FeeSchedule
    identifiers: Identifiers
    rules: OmsRules


class Turn:
    """What one command means, so far.

    Attributes:
        state: as it was before the command; only read.
        now: never before the time of the last update.
        kept: the updates, in their order.
        sends: for after they are kept.
        away: feeds that this command found to be gone.
        vetted: what vetting said of the request that is being decided; None if it was not asked.
    """

    def __init__(self, state: OmsState, around: Surroundings, now: int) -> None:
        self.state = state
        self.now = max(now, state.time)
        self.around = around
        self.rules = around.rules
        self.reference = around.reference
        self.kept: list[Kept] = []
        self.sends: list[Send | Inquire] = []
        self.away: set[str] = set()
        self.vetted: Verdict | None = None
        self._orders: dict[tuple[Account, str], OrderState] = {}
        self._requests: dict[tuple[Account, str], ClientRequestState] = {}

    def order(self, account: Account, order_id: str) -> OrderState | None:
        """The order as this command leaves it so far."""
        drafted = self._orders.get((account, order_id))
        return drafted if drafted is not None else self.state.order(account, order_id)

    def request(self, account: Account, request_id: str) -> ClientRequestState | None:
        """The request as this command leaves it so far; None if it is over or unknown."""
        drafted = self._requests.get((account, request_id))
        if drafted is None:
            return self.state.request(account, request_id)
        return None if drafted.is_completed else drafted

    def requests_of(self, account: Account, order_id: str) -> list[ClientRequestState]:
        """The active requests that concern an order, in the order in which they were taken; then those that
        would take it to another account."""
        key = (account, order_id)
        linked = self.state.requests_of_order.get(key, ())
        moves = self.state.moves.get(key)
        if moves:
            linked = dict.fromkeys((*linked, *moves))
        found = (self.request(owner, request_id) for owner, request_id in linked)
        return [each for each in found if each is not None]

    def status_of(self, order: OrderState) -> OrderStatusDetails | None:
        """What the order's status allows: as its exchange describes it, or one of ours."""
        exchange = self.state.exchanges.get(order.exchange)
        if exchange is not None:
            for details in exchange.order_statuses:
                if details.code == order.status:
                    return details
        return OWN_STATUSES.get(order.status)

    def is_online(self, feed: str) -> bool:
        """Whether requests can be given to the feed."""
        details = self.state.feeds.get(feed)
        return feed not in self.away and details is not None and details.status is ConnectionStatus.ONLINE

    def emit(self, update: AnyUpdate, feed: str = OMS, sequence: int = 0) -> None:
        """One more update."""
        self.kept.append(Kept(time=self.now, update=update, feed=feed, sequence=sequence))

    def draft_order(self, order: OrderState) -> OrderState:
        """The order is so, by an update that was emitted otherwise."""
        self._orders[order.account, order.order_id] = order
        return order

    def draft_request(self, state: ClientRequestState) -> ClientRequestState:
        """The request is so, by an update that was emitted otherwise."""
        self._requests[state.request.account, state.request.request_id] = state
        return state

    def put_order(self, order: OrderState, reason: OrderUpdateReason) -> OrderState:
        """The order is so now. A completed one gets the time after which it is removed."""
        if order.is_completed and order.remove_after is None:
            removal = self.reference.next_day_end(order.exchange, self.now)
            order = replace(order, remove_after=removal)
        order = replace(order, timestamp=self.now)
        self.emit(OrderUpdated(order=order, update=OrderUpdate(reason=reason)))
        return self.draft_order(order)

    def move_order(self, order: OrderState, account: Account) -> OrderState:
        """The order is in another account now."""
        update = OrderUpdate(reason=OrderUpdateReason.REPLACE, previous_account=order.account)
        order = replace(order, account=account, timestamp=self.now)
        self.emit(OrderUpdated(order=order, update=update))
        return self.draft_order(order)

    def move(
        self, state: ClientRequestState, signal: Signal, update: ClientRequestUpdate | None = None
    ) -> ClientRequestState:
        """Move a request on by the table, with what else `update` says of it.

        Raises:
            KeyError: the table does not have it; a fault of the caller.
        """
        status = TRANSITIONS[state.status, signal]
        request = state.request
        if update is None:
            update = ClientRequestUpdate(request_id=request.request_id, account=request.account)
        update = replace(update, status=status, is_completed=status in FINAL)
        self.emit(RequestUpdated(update=update))
        return self.draft_request(self._updated(state, update))

    def move_by_feed(
        self, state: ClientRequestState, signal: Signal, told: tuple[ClientRequestUpdate, str, int]
    ) -> ClientRequestState:
        """The same where a feed says so: its update, its name and its sequence (0: none)."""
        update, feed, sequence = told
        status = TRANSITIONS[state.status, signal]
        update = replace(update, status=status, is_completed=status in FINAL, target=None, send_before=None)
        self.emit(RequestUpdated(update=update), feed if sequence else OMS, sequence)
        return self.draft_request(self._updated(state, update))

    def note(self, state: ClientRequestState, update: ClientRequestUpdate) -> ClientRequestState:
        """Something else is known of a request, whose status stays."""
        self.emit(RequestUpdated(update=update))
        return self.draft_request(self._updated(state, update))

    def take(self, state: ClientRequestState, requested: Requested) -> ClientRequestState:
        """A request is taken; what vetting saw of it is kept with it."""
        if self.vetted is not None and self.vetted.record is not None:
            requested = replace(requested, vetting=self.vetted.record())
        self.emit(requested)
        return self.draft_request(state)

    def accepted(self, answer: Answer | None = None) -> Accepted:
        """The outcome."""
        return Accepted(tuple(self.kept), answer, tuple(self.sends))

    def _updated(self, state: ClientRequestState, update: ClientRequestUpdate) -> ClientRequestState:
        changes: dict[str, object] = {"timestamp": self.now, "is_completed": update.is_completed}
        for name in ("status", "external_id", "order_id", "text", "route", "send_before"):
            value = getattr(update, name)
            if value is not None:
                changes[name] = value
        if is_sending(state.status, update.status):
            changes["sendings"] = state.sendings + 1
        if update.errors or update.status is RequestStatus.COMPLETED:
            changes["errors"] = update.errors
        if update.target is not None:
            changes["request"] = replace(state.request, queue=queue_of(update.target))
        return replace(state, **changes)


def queue_of(target: ClientQueue) -> ClientQueue | None:
    """Where a request is held by this word; None: it is not held."""
    return target if target.queue_id is not None else None
