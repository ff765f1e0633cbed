"""What an exchange says in its metadata that it can do: known before anything is sent to it. Pure.

What an exchange can never carry out is refused at once. An exchange that says nothing decides for itself; its
refusal comes later then, when the client was told already that its request is taken.
"""

from __future__ import annotations

from typing import Final

from zenithd.oms.model.entity import ZERO
from zenithd.oms.model.orders import Lifetime, OrderState
from zenithd.oms.model.requests import ClientRequest, OrderAmend
from zenithd.oms.refusals import Faults
from zenithd.oms.turn import Turn
from zenithd.oms.words import INSTRUCTIONS, MINIMUM_QUANTITY, VALIDITY

AMENDS: Final = "Amends"
"""Metadata of an exchange: those of `OrderType`, `Validity`, `ExpiryDate` and `MinimumQuantity` that can be
amended on it, with blanks between."""

TAKES_INSTRUCTIONS: Final = "Instructions"
"""Metadata of an exchange: the order instructions that it takes (zenith-websocket 5), with blanks between."""

_DATED: Final = frozenset({Lifetime.GOOD_TILL_CANCEL, Lifetime.GOOD_TILL_DATE})
"""On the wire both are `UntilCancel`, with or without an ExpiryDate."""


def check_instructions(turn: Turn, exchange: str, request: ClientRequest, faults: Faults) -> None:
    """An exchange must know what it is told to do; nobody else would do it."""
    taken = _said(turn, exchange, TAKES_INSTRUCTIONS)
    if taken is not None and not taken.issuperset(request.properties.get(INSTRUCTIONS, "").split()):
        faults.rejected("Details Instructions")


def check_changes(
    turn: Turn, order: OrderState, request: ClientRequest, body: OrderAmend, faults: Faults
) -> None:
    """An order that is on its exchange keeps what cannot be amended there."""
    amends = _said(turn, order.exchange, AMENDS)
    if amends is None:
        return
    faults.rejected(*(code for code in _changed(order, request, body) if code not in amends))


def _changed(order: OrderState, request: ClientRequest, body: OrderAmend) -> list[str]:
    is_dated = body.lifetime in _DATED and order.lifetime in _DATED
    changed = {
        "OrderType": body.order_type is not order.order_type,
        "Validity": (body.lifetime is not order.lifetime and not is_dated)
        or request.properties.get(VALIDITY) != order.properties.get(VALIDITY),
        "ExpiryDate": body.expiry_date != order.expiry_date,
        "MinimumQuantity": request.values.get(MINIMUM_QUANTITY, ZERO)
        != order.values.get(MINIMUM_QUANTITY, ZERO),
    }
    return [code for code, is_so in changed.items() if is_so]


def _said(turn: Turn, exchange: str, name: str) -> frozenset[str] | None:
    details = turn.state.exchanges.get(exchange)
    words = None if details is None else details.metadata.get(name)
    return None if words is None else frozenset(words.split())
