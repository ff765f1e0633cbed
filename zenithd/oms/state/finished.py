"""Requests that are over: what is kept of them so that a repeated one gets the same answer. Pure."""

from __future__ import annotations

import hashlib

import msgspec

from zenithd.oms.model.entity import ZERO, Entity
from zenithd.oms.model.orders import Side
from zenithd.oms.model.requests import ClientRequest, OrderCancel, OrderMove, RequestBody, RequestStatus
from zenithd.oms.words import ALGORITHM_MARKETS


class Finished(Entity, frozen=True, kw_only=True):
    """A request that is over."""

    digest: str
    """See `request_digest`."""
    status: RequestStatus
    order_id: str = ""
    errors: tuple[str, ...] = ()
    timestamp: int = 0


def _wished(body: RequestBody) -> RequestBody:
    if not isinstance(body, OrderCancel | OrderMove):
        return body
    plain = msgspec.structs.replace(body, code="", exchange="", side=Side.BUY, ex_destination="", cfi_code="")
    return msgspec.structs.replace(plain, quantity=ZERO) if isinstance(plain, OrderCancel) else plain


_ENCODER = msgspec.msgpack.Encoder(order="deterministic")


def request_digest(request: ClientRequest) -> str:
    """32 hexadecimal digits: the same for the same wish of the client.

    What may differ when a request is sent again, or is added on its way, does not count: the time, who
    brought it, the queue that holds it; nor what a cancellation or a move repeats of its order, which may
    have changed since. The same number written otherwise (1.0 for 1) is another wish.
    """
    properties = request.properties
    if ALGORITHM_MARKETS in properties:  # what the client may see may be more or less by now
        properties = {name: value for name, value in properties.items() if name != ALGORITHM_MARKETS}
    wish = (request.is_validate, _wished(request.body), request.values, properties, request.ids)
    return hashlib.blake2b(_ENCODER.encode(wish), digest_size=16).hexdigest()
