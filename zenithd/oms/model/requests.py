"""What clients ask for, and what has become of it (platform A.3, A.7, Annex P)."""

from __future__ import annotations

from decimal import Decimal

from zenithd.oms.model.accounts import Account
from zenithd.oms.model.entity import Entity, Id, Word
from zenithd.oms.model.orders import Lifetime, OrderType, Side


class RequestStatus(Word):
    """System-wide codes: the platform's (A.7), and `Unknown` as a state of its own."""

    PENDING = "Pending"
    """Kept; not yet sent to its feed."""
    QUEUED = "Queued"
    """Held for somebody who is authorised to release it."""
    SUBMITTED = "Submitted"
    """May have been sent."""
    UNKNOWN = "Unknown"
    """Sent, and nobody knows what became of it; never sent again on its own."""
    COMPLETED = "Completed"
    REJECTED = "Rejected"


class OrderNew(Entity, frozen=True, kw_only=True, tag="New", tag_field="Type"):
    """A new order."""

    code: str
    exchange: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    lifetime: Lifetime = Lifetime.DAY
    expiry_date: int | None = None
    ex_destination: str = ""
    cfi_code: str = ""
    fee_codes: dict[str, str] = {}


class OrderAmend(Entity, frozen=True, kw_only=True, tag="Amend", tag_field="Type"):
    """All new values of an order; `prev_request_id` names what it was based on."""

    order_id: str
    code: str
    exchange: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    lifetime: Lifetime = Lifetime.DAY
    expiry_date: int | None = None
    ex_destination: str = ""
    prev_request_id: str = ""
    cfi_code: str = ""
    fee_codes: dict[str, str] = {}


class OrderCancel(Entity, frozen=True, kw_only=True, tag="Cancel", tag_field="Type"):
    """Take an order out; `quantity` is the total that is expected."""

    order_id: str
    code: str
    exchange: str
    side: Side
    quantity: Decimal
    ex_destination: str = ""
    prev_request_id: str = ""
    cfi_code: str = ""


class OrderMove(Entity, frozen=True, kw_only=True, tag="Move", tag_field="Type"):
    """Give an order to the account of the request."""

    order_id: str
    prev_account: Account
    code: str
    exchange: str
    side: Side
    ex_destination: str = ""
    prev_request_id: str = ""
    cfi_code: str = ""


class ClientCashTransfer(Entity, frozen=True, kw_only=True, tag="CashTransfer", tag_field="Type"):
    """Money in (positive) or out."""

    currency: str
    value: Decimal
    external_account: str | None = None
    ex_destination: str = ""
    fee_codes: dict[str, str] = {}


class ClientQueue(Entity, frozen=True, kw_only=True):
    """Where a request is held. No `queue_id`: it is not held, and is routed."""

    queue_id: str | None = None
    expire_after: int | None = None
    reason: str = ""


class ClientAuthority(Entity, frozen=True, kw_only=True):
    """Who asks, in one role (`User`, `Client` or `Operator`)."""

    identity: str
    source: str = ""
    path: tuple[str, ...] = ()
    """Over which hosts it came."""
    properties: dict[str, str] = {}


class ClientRequestUpdate(Entity, frozen=True, kw_only=True):
    """What has become of a request; what is None stays as it is."""

    request_id: str
    account: Account
    order_id: str | None = None
    external_id: str | None = None
    authorities: dict[str, ClientAuthority] = {}
    status: RequestStatus | None = None
    errors: tuple[str, ...] = ()
    text: str | None = None
    target: ClientQueue | None = None
    route: str | None = None
    send_before: int | None = None
    is_completed: bool = False


class ClientQueueUpdate(Entity, frozen=True, kw_only=True, tag="Update", tag_field="Type"):
    """Release, refuse or otherwise change a queued request (A.7, 7)."""

    update: ClientRequestUpdate


class ClientQueueReplace(Entity, frozen=True, kw_only=True, tag="Replace", tag_field="Type"):
    """Give a queued request another body; id, account, queue and authorities stay."""

    request_id: str
    body: OrderNew | OrderAmend | OrderCancel | OrderMove | ClientCashTransfer


OrderBody = OrderNew | OrderAmend | OrderCancel | OrderMove
RequestBody = (
    OrderNew
    | OrderAmend
    | OrderCancel
    | OrderMove
    | ClientCashTransfer
    | ClientQueueUpdate
    | ClientQueueReplace
)


class ClientRequest(Entity, frozen=True, kw_only=True):
    """What a client asks for. `request_id` is unique within the account, for ever."""

    request_id: str
    account: Account
    body: RequestBody
    is_validate: bool = False
    """Only check it; nothing is executed."""
    timestamp: int = 0
    queue: ClientQueue | None = None
    authorities: dict[str, ClientAuthority] = {}
    values: dict[str, Decimal] = {}
    properties: dict[str, str] = {}
    """For orders as in `OrderState.properties`."""
    ids: tuple[Id, ...] = ()


class ClientRequestState(Entity, frozen=True, kw_only=True):
    """A request and what has become of it."""

    request: ClientRequest
    status: RequestStatus
    external_id: str = ""
    order_id: str = ""
    timestamp: int = 0
    errors: tuple[str, ...] = ()
    text: str = ""
    route: str = ""
    """The feed that carries it out."""
    send_before: int | None = None
    """While pending: when it is no longer sent. None: it may wait for ever."""
    is_completed: bool = False
    sendings: int = 0
    """How often it was submitted: more than once only after its feed said that it never arrived."""
