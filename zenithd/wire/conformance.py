"""What every container that the daemon sends must obey (zenith-websocket 1.4, 6.3); for tests.

Real clients throw exceptions or hang where one of these rules is broken, so tests of every layer hold what
was sent against them.
"""

from __future__ import annotations

from typing import Any

_FIELDS = {"Controller", "Topic", "Action", "TransactionID", "Data", "Confirm"}
_SENT_ACTIONS = {None, "Publish", "Sub", "Unsub", "Error"}


class BrokenRule(AssertionError):
    """A container breaks a rule; the message says which and shows it."""


def check_container(container: dict[str, Any]) -> None:
    """Check one container that was sent.

    Raises:
        BrokenRule: with the first rule that is broken.
    """
    for rule, holds in _rules(container):
        if not holds:
            raise BrokenRule(f"{rule}: {container!r}")


def _rules(container: dict[str, Any]) -> list[tuple[str, bool]]:
    action, transaction = container.get("Action"), container.get("TransactionID")
    topic, data, confirm = container.get("Topic"), container.get("Data"), container.get("Confirm")
    of_subscription = action in (None, "Sub", "Unsub") and transaction is None
    return [
        ("only the fields of a container", set(container) <= _FIELDS),
        ("Controller always present", isinstance(container.get("Controller"), str)),
        ("only an Error may lack a Topic", action == "Error" or (isinstance(topic, str) and topic != "")),
        ("no null Topic", "Topic" not in container or isinstance(topic, str)),
        ("no null or foreign Action", "Action" not in container or action is not None),
        ("never Cancel", action in _SENT_ACTIONS),
        ("TransactionID a number", "TransactionID" not in container or _is_number(transaction)),
        ("Confirm never null or false", "Confirm" not in container or confirm is True),
        ("an Error names its code", action != "Error" or (isinstance(data, str) and data != "")),
        ("an Error has no Confirm", action != "Error" or confirm is None),
        ("outcomes carry no TransactionID", action not in ("Sub", "Unsub") or transaction is None),
        ("Publish only in replies", action != "Publish" or transaction is not None),
        ("data messages have Data", action is not None or not of_subscription or "Data" in container),
        ("a confirmed Sub has no Data", action != "Sub" or (confirm is True) is ("Data" not in container)),
        ("an ended one has a reason", action != "Unsub" or (confirm is True) is ("Data" in container)),
        ("reasons are text", action not in ("Sub", "Unsub") or "Data" not in container or _is_reason(data)),
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_reason(data: Any) -> bool:
    if isinstance(data, str):
        return data != ""
    return isinstance(data, list) and len(data) > 0 and all(isinstance(reason, str) for reason in data)
