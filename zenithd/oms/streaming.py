"""What adapters and the hub say to each other (platform A.9; names and enums as Annex P, Streaming.proto).

A `FeedRequest` goes from the adapter to the hub, a `FeedEvent` the other way. Of the optional fields a
message has the one that its type is named after. In one process the structs themselves travel, over a socket
their encoding; who handles them cannot tell.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from zenithd.oms.model.accounts import Account
from zenithd.oms.model.directory import FeedConfiguration, FeedDetails
from zenithd.oms.model.entity import Entity, Id, Word
from zenithd.oms.model.requests import ClientRequest, RequestStatus
from zenithd.oms.model.updates import (
    AccountDefined,
    AccountUndefined,
    AssetTransferred,
    CashTransferred,
    ExchangeDefined,
    ExchangeUndefined,
    OrderReplaced,
    OrderTraded,
    OrderUpdated,
    OwnerDefined,
    OwnerUndefined,
    Requested,
    RequestStatusDefined,
    RequestStatusUndefined,
    RequestUpdated,
    Transformed,
)

OperationUpdate = (
    OwnerDefined
    | OwnerUndefined
    | AccountDefined
    | AccountUndefined
    | ExchangeDefined
    | ExchangeUndefined
    | RequestStatusDefined
    | RequestStatusUndefined
    | Transformed
)
ActionUpdate = OrderUpdated | OrderReplaced | OrderTraded | CashTransferred | AssetTransferred
FeedUpdate = OperationUpdate | ActionUpdate | Requested | RequestUpdated
"""What a feed can bring, each with the feed's next sequence."""


class FeedRequestType(Word):
    """What an adapter says. Those from OPERATION to UPDATE carry a position."""

    OPEN = "Open"
    STATUS = "Status"
    CONFIGURE = "Configure"
    BOOKMARK = "Bookmark"
    CLOSE = "Close"
    OPERATION = "Operation"
    ACTION = "Action"
    REQUEST = "Request"
    UPDATE = "Update"
    REQUEST_RESPONSE = "RequestResponse"
    QUERY_RESPONSE = "QueryResponse"


SEQUENCED: Final = frozenset(
    {
        FeedRequestType.OPERATION,
        FeedRequestType.ACTION,
        FeedRequestType.REQUEST,
        FeedRequestType.UPDATE,
    }
)
"""What is numbered, kept and resumed."""


class FeedEventType(Word):
    """What the hub says."""

    OPEN = "Open"
    RESUME = "Resume"
    SUSPEND = "Suspend"
    BOOKMARK = "Bookmark"
    CLOSE = "Close"
    REQUEST = "Request"
    QUERY = "Query"


class FeedPosition(Entity, frozen=True, kw_only=True):
    """A place in a feed's own numbering, which begins with 1 and has no holes."""

    sequence: str
    """The feed's name."""
    position: int = 0


class ClientRequestResponse(Entity, frozen=True, kw_only=True):
    """That a request has arrived, or why it is refused for good (status Rejected, with errors)."""

    request_id: str
    account: Account
    order_id: str = ""
    status: RequestStatus = RequestStatus.SUBMITTED
    errors: tuple[str, ...] = ()
    parameters: dict[str, str] = {}
    values: dict[str, Decimal] = {}


class FeedQuery(Entity, frozen=True, kw_only=True):
    """A question to an adapter; see `zenithd.oms.evidence` for the one that every adapter answers."""

    type: str
    tag: str = ""
    parameters: dict[str, str] = {}
    query_data: bytes = b""


class FeedResponse(Entity, frozen=True, kw_only=True):
    """The answer; with errors: there is none."""

    type: str
    tag: str = ""
    errors: tuple[str, ...] = ()
    parameters: dict[str, str] = {}
    query_data: bytes = b""


class FeedRequest(Entity, frozen=True, kw_only=True):
    """One message of an adapter."""

    type: FeedRequestType
    request_id: int = 0
    """Of the event that a response answers."""
    position: FeedPosition | None = None
    """Of Open: the feed's name alone; of what is sequenced: its place."""
    status: FeedDetails | None = None
    configuration: FeedConfiguration | None = None
    operation: OperationUpdate | None = None
    action: ActionUpdate | None = None
    request: Requested | None = None
    update: RequestUpdated | None = None
    request_response: ClientRequestResponse | None = None
    query_response: FeedResponse | None = None


class FeedEvent(Entity, frozen=True, kw_only=True):
    """One message of the hub."""

    type: FeedEventType
    request_id: int = 0
    """Numbers requests and queries, for their responses."""
    position: FeedPosition | None = None
    """Of Resume and Bookmark: the last update that is kept. The next one is the next higher."""
    configuration: FeedConfiguration | None = None
    """Of Resume: what the adapter said last of itself."""
    request: ClientRequest | None = None
    query: FeedQuery | None = None


_FIELD_OF: Final[dict[FeedRequestType, str]] = {
    FeedRequestType.OPEN: "position",
    FeedRequestType.STATUS: "status",
    FeedRequestType.CONFIGURE: "configuration",
    FeedRequestType.OPERATION: "operation",
    FeedRequestType.ACTION: "action",
    FeedRequestType.REQUEST: "request",
    FeedRequestType.UPDATE: "update",
    FeedRequestType.REQUEST_RESPONSE: "request_response",
    FeedRequestType.QUERY_RESPONSE: "query_response",
}
_TYPE_OF: Final[dict[type, FeedRequestType]] = {
    **dict.fromkeys(OperationUpdate.__args__, FeedRequestType.OPERATION),
    **dict.fromkeys(ActionUpdate.__args__, FeedRequestType.ACTION),
    Requested: FeedRequestType.REQUEST,
    RequestUpdated: FeedRequestType.UPDATE,
}


def missing_field(message: FeedRequest) -> str | None:
    """Annex P's name of the field that the message's type needs and it has not; None: it is whole."""
    field = _FIELD_OF.get(message.type)
    if field is not None and getattr(message, field) is None:
        return _wire_field(field)
    if message.type in SEQUENCED and (message.position is None or message.position.position < 1):
        return "Position"
    return None


def sequenced(feed_id: str, position: int, update: FeedUpdate) -> FeedRequest:
    """An update as the message that brings it."""
    kind = _TYPE_OF[type(update)]
    carried: dict[str, Any] = {_FIELD_OF[kind]: update}
    return FeedRequest(type=kind, position=FeedPosition(sequence=feed_id, position=position), **carried)


def update_of(message: FeedRequest) -> FeedUpdate:
    """The update of a whole message that is sequenced."""
    update: FeedUpdate = getattr(message, _FIELD_OF[message.type])
    return update


def _wire_field(field: str) -> str:
    for each in msgspec.structs.fields(FeedRequest):
        if each.name == field:
            return each.encode_name
    raise KeyError(field)


_OMS_IDS: Final = "OMS"
_ORDER_ID: Final = "OrderID"


def with_order_id(request: ClientRequest, order_id: str) -> ClientRequest:
    """The request as an adapter gets it: with the order's id for life, which a new order has nowhere."""
    mine = Id(name=_OMS_IDS, values={_ORDER_ID: order_id})
    return msgspec.structs.replace(request, ids=(*request.ids, mine))


def order_id_of(request: ClientRequest) -> str:
    """The order's id that `with_order_id` put there; for a request about an order the one that it names."""
    for each in reversed(request.ids):
        if each.name == _OMS_IDS and _ORDER_ID in each.values:
            return each.values[_ORDER_ID]
    order_id: str = getattr(request.body, "order_id", "")
    return order_id
