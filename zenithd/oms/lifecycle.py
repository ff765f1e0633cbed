"""The life of a request (platform A.7) as one table, and the statuses that orders have before an exchange's.

`Unknown` is a state of its own: a request that was sent and of which nobody knows what became. Nothing in the
table leads from it, or from `Submitted`, to another sending, but the feed's explicit word that the exchange
never received the request. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from zenithd.oms.model.directory import OrderStatusDetails, RequestStatusDetails
from zenithd.oms.model.entity import Word
from zenithd.oms.model.requests import ClientRequestUpdate, RequestStatus

PENDING = RequestStatus.PENDING
QUEUED = RequestStatus.QUEUED
SUBMITTED = RequestStatus.SUBMITTED
UNKNOWN = RequestStatus.UNKNOWN
COMPLETED = RequestStatus.COMPLETED
REJECTED = RequestStatus.REJECTED


class Signal(Word):
    """What happens to a request."""

    HOLD = "it goes to a queue, or to another one"
    RELEASE = "it leaves the queue"
    REFUSE = "somebody who is authorised refuses it, or its client takes it back"
    EXPIRE = "its time to be released or sent is over"
    SUBMIT = "it is given to its feed: from here on it may have reached the exchange"
    ACKNOWLEDGE = "the feed has it in hand"
    LOSE = "its answer is lost: late, its feed gone, or the daemon started again"
    NEVER_RECEIVED = "the feed says that the exchange never received it"
    CONFIRM = "there is evidence that the exchange carried it out, or the hub did so itself"
    DENY = "there is evidence that the exchange refused it, or can no longer carry it out"


TRANSITIONS: Final[dict[tuple[RequestStatus, Signal], RequestStatus]] = {
    (PENDING, Signal.HOLD): QUEUED,
    (PENDING, Signal.SUBMIT): SUBMITTED,
    (PENDING, Signal.REFUSE): REJECTED,
    (PENDING, Signal.EXPIRE): REJECTED,
    (PENDING, Signal.CONFIRM): COMPLETED,
    (PENDING, Signal.DENY): REJECTED,
    (QUEUED, Signal.HOLD): QUEUED,
    (QUEUED, Signal.RELEASE): PENDING,
    (QUEUED, Signal.REFUSE): REJECTED,
    (QUEUED, Signal.EXPIRE): REJECTED,
    (QUEUED, Signal.CONFIRM): COMPLETED,
    (QUEUED, Signal.DENY): REJECTED,
    (SUBMITTED, Signal.ACKNOWLEDGE): SUBMITTED,
    (SUBMITTED, Signal.LOSE): UNKNOWN,
    (SUBMITTED, Signal.NEVER_RECEIVED): PENDING,
    (SUBMITTED, Signal.CONFIRM): COMPLETED,
    (SUBMITTED, Signal.DENY): REJECTED,
    (UNKNOWN, Signal.ACKNOWLEDGE): SUBMITTED,
    (UNKNOWN, Signal.LOSE): UNKNOWN,
    (UNKNOWN, Signal.NEVER_RECEIVED): PENDING,
    (UNKNOWN, Signal.CONFIRM): COMPLETED,
    (UNKNOWN, Signal.DENY): REJECTED,
}
"""What is not here cannot be; nothing leads from `Completed` or `Rejected`."""

FINAL: Final = frozenset({COMPLETED, REJECTED})

_SIGNALS: Final[Mapping[RequestStatus, Signal]] = {
    PENDING: Signal.NEVER_RECEIVED,
    SUBMITTED: Signal.ACKNOWLEDGE,
    UNKNOWN: Signal.LOSE,
    COMPLETED: Signal.CONFIRM,
    REJECTED: Signal.DENY,
}


def signal_of(update: ClientRequestUpdate) -> Signal | None:
    """What a feed's word means; None if it says nothing of the status, or what no feed may say."""
    if update.status is not None:
        return _SIGNALS.get(update.status)
    if update.is_completed:
        return Signal.DENY if update.errors else Signal.CONFIRM
    return None


def is_sending(before: RequestStatus, after: RequestStatus | None) -> bool:
    """Whether a request was submitted by this change of its status: an acknowledgement is no sending."""
    return before is PENDING and after is SUBMITTED


REQUEST_STATUSES: Final = (
    RequestStatusDetails(code=PENDING.value, name="Pending", is_normal=True, is_transition=True),
    RequestStatusDetails(
        code=QUEUED.value, name="Queued", is_normal=True, is_manual=True, can_amend=True, can_cancel=True
    ),
    RequestStatusDetails(code=SUBMITTED.value, name="Submitted", is_normal=True, is_transition=True),
    RequestStatusDetails(code=UNKNOWN.value, name="Unknown", is_transition=True),
    RequestStatusDetails(code=REJECTED.value, name="Rejected", is_completed=True),
    RequestStatusDetails(code=COMPLETED.value, name="Completed", is_normal=True, is_completed=True),
)
"""The seed of the platform (A.7), and `Unknown`, which is neither normal nor completed."""

ORDER_PENDING: Final = "Pending"
ORDER_QUEUED: Final = "Queued"
ORDER_HELD: Final = "Held"
ORDER_UNKNOWN: Final = "Unknown"
ORDER_REJECTED: Final = "Rejected"
ORDER_CANCELLED: Final = "Cancelled"
ORDER_EXPIRED: Final = "Expired"

ORDER_STATUSES: Final = (
    OrderStatusDetails(code=ORDER_PENDING, name="On its way", is_normal=True, is_transition=True),
    OrderStatusDetails(
        code=ORDER_QUEUED,
        name="Waits for authorisation",
        is_normal=True,
        is_manual=True,
        is_transition=True,
        can_amend=True,
        can_cancel=True,
    ),
    OrderStatusDetails(
        code=ORDER_HELD,
        name="Waits for its condition",
        is_normal=True,
        is_transition=True,
        can_amend=True,
        can_cancel=True,
    ),
    OrderStatusDetails(code=ORDER_UNKNOWN, name="Answer of the exchange lost", is_transition=True),
    OrderStatusDetails(code=ORDER_REJECTED, name="Rejected", is_completed=True),
    OrderStatusDetails(code=ORDER_CANCELLED, name="Cancelled", is_normal=True, is_completed=True),
    OrderStatusDetails(code=ORDER_EXPIRED, name="Expired", is_normal=True, is_completed=True),
)
"""Of orders that have none of an exchange: it has not seen them, or never did."""

OWN_STATUSES: Final = {details.code: details for details in ORDER_STATUSES}
