"""The message container in both directions (zenith-websocket 1.4, 6.3).

What a client sent is *malformed* (connection closed with 1007) if it is not a map or a field of the
container has the wrong type: Controller, Topic or Action not text, TransactionID not a number, Confirm not
a boolean. A null field counts as absent. Unknown fields are ignored.

Everything that can still be answered *is answered with an Error*: an unknown Action, a missing or unknown
Topic (`Operation.Unknown`), an unknown Controller (`Controller <name>`), Data of the wrong shape
(`Data.Deserialise`). An Error from a client is ignored: errors are never answered with errors.

The builders below make every container that the daemon sends and hold the rules of 6.3: always a
Controller; never null for Action, TransactionID or Confirm; data and outcomes of subscriptions carry no
TransactionID even if the Sub did; replies carry no Action.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from zenithd.wire.answer import ABSENT
from zenithd.wire.codec import MalformedMessage

DEFAULT_CONTROLLER = "Zenith"

Container = dict[str, Any]
"""One message as a map, as codecs take and give it."""

Transaction = int | float
"""A TransactionID: any number; chosen by the client and echoed as it was."""


class Action(enum.Enum):
    """What a message does."""

    PUBLISH = "Publish"
    SUB = "Sub"
    UNSUB = "Unsub"
    CANCEL = "Cancel"
    ERROR = "Error"
    UNKNOWN = ""
    """Any other text."""


class Message(msgspec.Struct, frozen=True):
    """A container that a client sent."""

    controller: str
    topic: str
    """`""` if there was none."""
    action: Action
    transaction: Transaction | None
    data: Any
    """None if there was none."""
    confirm: bool


_ACTIONS: dict[str, Action] = {action.value: action for action in Action}


def parse(container: Container) -> Message:
    """Check the fields of a decoded container.

    Raises:
        MalformedMessage: a field of the wrong type.
    """
    get = container.get
    controller = get("Controller")
    if controller is None:
        controller = DEFAULT_CONTROLLER
    elif type(controller) is not str:
        raise MalformedMessage("Controller is not text")
    topic = get("Topic")
    if topic is None:
        topic = ""
    elif type(topic) is not str:
        raise MalformedMessage("Topic is not text")
    return Message(
        controller,
        topic,
        _parse_action(get("Action")),
        _parse_transaction(get("TransactionID")),
        get("Data"),
        _parse_confirm(get("Confirm")),
    )


def _parse_action(action: Any) -> Action:
    if action is None:
        return Action.PUBLISH
    if type(action) is not str:
        raise MalformedMessage("Action is not text")
    return _ACTIONS.get(action, Action.UNKNOWN)


def _parse_transaction(transaction: Any) -> Transaction | None:
    if transaction is None or type(transaction) is int or type(transaction) is float:
        return transaction
    raise MalformedMessage("TransactionID is not a number")


def _parse_confirm(confirm: Any) -> bool:
    if confirm is None:
        return False
    if type(confirm) is not bool:
        raise MalformedMessage("Confirm is not a boolean")
    return confirm


def reply(controller: str, topic: str, transaction: Transaction, data: Any = ABSENT) -> Container:
    """The reply to a request; `data` may be None, ABSENT leaves Data out."""
    container = {"Controller": controller, "Topic": topic, "TransactionID": transaction}
    if data is not ABSENT:
        container["Data"] = data
    return container


def error(controller: str, topic: str, code: str, transaction: Transaction | None = None) -> Container:
    """An Error; about the whole controller if `topic` is empty."""
    container: Container = {"Controller": controller}
    if topic:
        container["Topic"] = topic
    container["Action"] = "Error"
    if transaction is not None:
        container["TransactionID"] = transaction
    container["Data"] = code
    return container


def data_message(controller: str, topic: str, data: Any) -> Container:
    """Data of a subscription."""
    return {"Controller": controller, "Topic": topic, "Data": data}


def subscribed(controller: str, topic: str) -> Container:
    """Confirmation of a Sub; follows the snapshot."""
    return {"Controller": controller, "Topic": topic, "Action": "Sub", "Confirm": True}


def not_subscribed(controller: str, topic: str, reasons: tuple[str, ...]) -> Container:
    """Outcome of a failed Sub whose confirmation was asked for; follows the Errors."""
    return {"Controller": controller, "Topic": topic, "Action": "Sub", "Data": reason_data(reasons)}


def unsubscribed(controller: str, topic: str) -> Container:
    """Confirmation of an Unsub."""
    return {"Controller": controller, "Topic": topic, "Action": "Unsub"}


def ended(controller: str, topic: str, reasons: tuple[str, ...]) -> Container:
    """Server-initiated end of one reference to a subscription."""
    return {
        "Controller": controller,
        "Topic": topic,
        "Action": "Unsub",
        "Confirm": True,
        "Data": reason_data(reasons),
    }


def reason_data(reasons: tuple[str, ...]) -> str | list[str]:
    """Reasons as Data: text if there is one, else an array of texts."""
    return reasons[0] if len(reasons) == 1 else list(reasons)
