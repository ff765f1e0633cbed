"""What the order management system is told to do, and what comes of it. Pure values.

A command changes nothing by itself. `Accepted.kept` are the updates that it means: they are applied at once,
kept together or not at all, and only then do its answer and its sends leave. An answer without updates (a
request that came again) leaves after everything that was applied before it is kept.
"""

from __future__ import annotations

import enum
from decimal import Decimal

import msgspec

from zenithd.oms.model.accounts import Account
from zenithd.oms.model.directory import FeedDetails
from zenithd.oms.model.entity import ZERO
from zenithd.oms.model.orders import OrderState
from zenithd.oms.model.requests import ClientRequest, ClientRequestUpdate
from zenithd.oms.model.updates import (
    AccountDefined,
    AccountUndefined,
    Adjusted,
    AnyUpdate,
    AssetTransferred,
    CashTransferred,
    ExchangeDefined,
    ExchangeUndefined,
    Kept,
    OrderReplaced,
    OwnerDefined,
    OwnerUndefined,
    RequestStatusDefined,
    RequestStatusUndefined,
    Transformed,
)
from zenithd.oms.refusals import Result


class Submit(msgspec.Struct, frozen=True, gc=False):
    """A client asks. An empty `request_id` is filled in; `timestamp` is always that of taking it."""

    request: ClientRequest
    user: str = ""
    """Who asks, for vetting."""


class FeedUpdate(msgspec.Struct, frozen=True, gc=False):
    """A feed tells something that counts in its own sequence (A.9: Operation, Action, Update)."""

    feed: str
    sequence: int
    update: AnyUpdate


class FeedAnswer(msgspec.Struct, frozen=True, gc=False):
    """What a feed says of a request outside its sequence (A.9: RequestResponse, QueryResponse).

    Status `Pending` is the explicit word that the exchange never received the request.
    """

    feed: str
    update: ClientRequestUpdate
    sending: int | None = None
    """Of which sending it is said (`ClientRequestState.sendings`); None: of whichever was the last."""


class FeedStatus(msgspec.Struct, frozen=True, gc=False):
    """A feed is there, is gone, or is closed by its schedule."""

    details: FeedDetails


class Restarted(msgspec.Struct, frozen=True, gc=False):
    """The daemon starts: nobody knows what became of the requests that may have been sent.

    Feeds that were there are not there until they open again.
    """


class Prices(msgspec.Struct, frozen=True, gc=False):
    """Prices of a symbol on one trading market, for conditions. None: there is none."""

    exchange: str
    code: str
    ex_destination: str
    last: Decimal | None = None
    best_bid: Decimal | None = None
    best_ask: Decimal | None = None


class DueKind(enum.Enum):
    """What can fall due."""

    REQUEST = "request"
    """Its time to be sent, answered or authorised is over."""
    ORDER = "order"
    """It is completed and its time to be shown is over."""
    FEED = "feed"
    """It has not been heard of for too long."""


class FallDue(msgspec.Struct, frozen=True, gc=False):
    """A time has come. Nothing happens if by now it is not due (any more)."""

    kind: DueKind
    key: str
    account: Account | None = None


Definition = (
    OwnerDefined
    | OwnerUndefined
    | AccountDefined
    | AccountUndefined
    | ExchangeDefined
    | ExchangeUndefined
    | RequestStatusDefined
    | RequestStatusUndefined
)


class Define(msgspec.Struct, frozen=True, gc=False):
    """An operator defines or undefines something. What changes nothing is not kept."""

    update: Definition


class Only(enum.Enum):
    """On which state of the account a transaction depends (platform C.5)."""

    ALWAYS = "always"
    IF_ZERO = "if zero"
    """Only while nothing is there: `OnlyIfZero`."""
    IF_HELD = "if held"
    """Only while something is there: `OnlyWithBalance`, `OnlyIfHeld`."""


class Transact(msgspec.Struct, frozen=True, gc=False):
    """An operator moves or corrects money or assets. The same `transaction_id` again does nothing."""

    update: CashTransferred | AssetTransferred | Adjusted
    only: Only = Only.ALWAYS
    expected: Decimal | None = None
    """What a settlement expects to be unsettled; another figure refuses it."""


class Apply(msgspec.Struct, frozen=True, gc=False):
    """An operator replaces an order or transforms many entities."""

    update: OrderReplaced | Transformed


Command = (
    Submit | FeedUpdate | FeedAnswer | FeedStatus | Restarted | Prices | FallDue | Define | Transact | Apply
)


class Send(msgspec.Struct, frozen=True, gc=False):
    """Give a feed a request. `order` is as the request leaves it until the exchange has decided."""

    feed: str
    request: ClientRequest
    order: OrderState | None = None
    sending: int = 0
    """The how manieth this is: an answer that comes late is known by it."""


class Inquire(msgspec.Struct, frozen=True, gc=False):
    """Ask a feed what became of a request; it must not carry it out."""

    feed: str
    request: ClientRequest
    order: OrderState | None = None
    sending: int = 0
    """Of which sending it is asked."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What a client is told of an accepted request (OrderResult with Result Success)."""

    request_id: str
    account: Account
    order_id: str = ""
    order: OrderState | None = None
    """None only of a request that came again after its order was removed, or that concerns none."""
    fees: dict[str, Decimal] = {}
    """Estimated for the whole order; by name."""
    value: Decimal = ZERO
    """Estimated consideration without fees."""


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The command is carried out with these updates: none if nothing is to change."""

    kept: tuple[Kept, ...] = ()
    answer: Answer | None = None
    sends: tuple[Send | Inquire, ...] = ()


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The command is not carried out; nothing is kept, and its RequestID is not used up."""

    result: Result
    errors: tuple[str, ...]
    request_id: str = ""


class Gap(msgspec.Struct, frozen=True, gc=False):
    """A feed left out what follows `last`: it has to begin again there."""

    feed: str
    last: int


Outcome = Accepted | Refused | Gap
