"""What an adapter knows of a request of which the hub does not know what became (platform A.7, A.9). Pure.

The hub asks with a Query of type `Request`. The adapter answers once everything that it knows of the request
is before the answer in its feed, so that only two answers change anything: the exchange never received the
request and never will, or it can no longer be told.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

from zenithd.oms.model.accounts import Account
from zenithd.oms.model.requests import ClientRequest
from zenithd.oms.streaming import FeedQuery, FeedResponse

QUERY_TYPE: Final = "Request"
_OWNER: Final = "OwnerID"
_ACCOUNT: Final = "AccountID"
_REQUEST: Final = "RequestID"
_TIMESTAMP: Final = "Timestamp"
_SENDING: Final = "Sending"
_EVIDENCE: Final = "Evidence"


class Evidence(enum.Enum):
    """What became of a request."""

    CARRIED_OUT = "CarriedOut"
    """The exchange carried it out; the feed has said so."""
    REFUSED = "Refused"
    """The exchange refused it; the feed has said so, with the reason."""
    NEVER_RECEIVED = "NeverReceived"
    """The exchange has not received it, and nothing under way will bring it there."""
    FORGOTTEN = "Forgotten"
    """It is too long ago; a person has to look."""


class RequestQuestion(NamedTuple):
    """Of which request it is asked."""

    account: Account
    request_id: str
    timestamp: int
    """When the hub took it: tells an adapter whether it would still remember."""
    sending: int = 0
    """Of which sending it is asked: the answer says nothing of a later one."""


def ask_for_request(request: ClientRequest, sending: int = 0) -> FeedQuery:
    """The question about a request, after it was sent for the `sending`th time."""
    parameters = {
        _OWNER: request.account.owner_id,
        _ACCOUNT: request.account.account_id,
        _REQUEST: request.request_id,
        _TIMESTAMP: str(request.timestamp),
        _SENDING: str(sending),
    }
    return FeedQuery(type=QUERY_TYPE, parameters=parameters)


def question_of(query: FeedQuery) -> RequestQuestion | None:
    """The question that a query is; None: it is another one, or not whole."""
    given = query.parameters
    if query.type != QUERY_TYPE or not {_OWNER, _ACCOUNT, _REQUEST} <= given.keys():
        return None
    timestamp, sending = given.get(_TIMESTAMP, "0"), given.get(_SENDING, "0")
    if not all(number.isascii() and number.isdigit() for number in (timestamp, sending)):
        return None
    account = Account(owner_id=given[_OWNER], account_id=given[_ACCOUNT])
    return RequestQuestion(account, given[_REQUEST], int(timestamp), int(sending))


def answer_with(query: FeedQuery, evidence: Evidence) -> FeedResponse:
    """The answer to a question."""
    parameters = {**query.parameters, _EVIDENCE: evidence.value}
    return FeedResponse(type=query.type, tag=query.tag, parameters=parameters)


def evidence_of(response: FeedResponse) -> Evidence | None:
    """What an answer says; None: it says nothing, and the request stays as it is."""
    if response.errors:
        return None
    said = response.parameters.get(_EVIDENCE)
    return next((each for each in Evidence if each.value == said), None)
