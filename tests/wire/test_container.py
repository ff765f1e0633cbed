"""Containers: which are malformed, and what the daemon's own look like."""

from __future__ import annotations

from typing import Any

import pytest

from zenithd.wire import container
from zenithd.wire.codec import MalformedMessage
from zenithd.wire.conformance import BrokenRule, check_container
from zenithd.wire.container import Action, Message, parse


def test_defaults() -> None:
    assert parse({"Topic": "Feeds"}) == Message("Zenith", "Feeds", Action.PUBLISH, None, None, False)
    assert parse({}) == Message("Zenith", "", Action.PUBLISH, None, None, False)


def test_null_is_absent() -> None:
    nothing = dict.fromkeys(["Controller", "Topic", "Action", "TransactionID", "Data", "Confirm"])
    assert parse(nothing) == parse({})


@pytest.mark.parametrize("action", ["Publish", "Sub", "Unsub", "Cancel", "Error"])
def test_actions(action: str) -> None:
    assert parse({"Action": action}).action is Action(action)


@pytest.mark.parametrize("action", ["", "sub", "SUB", "Subscribe", "UNKNOWN"])
def test_other_actions_are_unknown(action: str) -> None:
    assert parse({"Action": action}).action is Action.UNKNOWN


@pytest.mark.parametrize("transaction", [0, -1, 2**63, 1.5])
def test_transactions_are_any_number(transaction: float) -> None:
    assert parse({"TransactionID": transaction}).transaction == transaction


@pytest.mark.parametrize(
    "malformed",
    [
        {"Controller": 1},
        {"Controller": ["Market"]},
        {"Topic": {}},
        {"Topic": True},
        {"Action": 0},
        {"TransactionID": "1"},
        {"TransactionID": True},
        {"TransactionID": [1]},
        {"Confirm": 1},
        {"Confirm": "true"},
    ],
)
def test_malformed(malformed: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessage):
        parse(malformed)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (container.reply("C", "T", 0), {"Controller": "C", "Topic": "T", "TransactionID": 0}),
        (
            container.reply("C", "T", 0, None),
            {"Controller": "C", "Topic": "T", "TransactionID": 0, "Data": None},
        ),
        (
            container.error("C", "T", "Code x", 7),
            {"Controller": "C", "Topic": "T", "Action": "Error", "TransactionID": 7, "Data": "Code x"},
        ),
        (container.error("C", "", "Code"), {"Controller": "C", "Action": "Error", "Data": "Code"}),
        (container.data_message("C", "T", []), {"Controller": "C", "Topic": "T", "Data": []}),
        (
            container.subscribed("C", "T"),
            {"Controller": "C", "Topic": "T", "Action": "Sub", "Confirm": True},
        ),
        (
            container.not_subscribed("C", "T", ("A",)),
            {"Controller": "C", "Topic": "T", "Action": "Sub", "Data": "A"},
        ),
        (
            container.not_subscribed("C", "T", ("A", "B")),
            {"Controller": "C", "Topic": "T", "Action": "Sub", "Data": ["A", "B"]},
        ),
        (container.unsubscribed("C", "T"), {"Controller": "C", "Topic": "T", "Action": "Unsub"}),
        (
            container.ended("C", "T", ("A",)),
            {"Controller": "C", "Topic": "T", "Action": "Unsub", "Confirm": True, "Data": "A"},
        ),
    ],
)
def test_what_the_daemon_sends(made: dict[str, Any], expected: dict[str, Any]) -> None:
    assert made == expected
    check_container(made)


@pytest.mark.parametrize(
    "broken",
    [
        {"Topic": "T", "Data": 1},
        {"Controller": None, "Topic": "T", "Data": 1},
        {"Controller": "C", "Data": 1},
        {"Controller": "C", "Topic": "T", "Action": "Publish", "Data": 1},
        {"Controller": "C", "Topic": "T", "Action": None, "Data": 1},
        {"Controller": "C", "Topic": "T", "TransactionID": None, "Data": 1},
        {"Controller": "C", "Topic": "T", "TransactionID": "1", "Data": 1},
        {"Controller": "C", "Topic": "T", "Action": "Sub", "Confirm": None},
        {"Controller": "C", "Topic": "T", "Action": "Sub", "Confirm": False, "Data": "x"},
        {"Controller": "C", "Topic": "T", "Action": "Sub"},
        {"Controller": "C", "Topic": "T", "Action": "Sub", "TransactionID": 1, "Confirm": True},
        {"Controller": "C", "Topic": "T", "Action": "Sub", "Confirm": True, "Data": "x"},
        {"Controller": "C", "Topic": "T", "Action": "Sub", "Data": []},
        {"Controller": "C", "Topic": "T", "Action": "Unsub", "Confirm": True},
        {"Controller": "C", "Topic": "T", "Action": "Unsub", "Data": "x"},
        {"Controller": "C", "Topic": "T", "Action": "Cancel"},
        {"Controller": "C", "Topic": "T", "Action": "Error", "Data": None},
        {"Controller": "C", "Topic": "T"},
        {"Controller": "C", "Topic": "T", "Data": 1, "Extra": 1},
    ],
)
def test_the_check_finds_broken_rules(broken: dict[str, Any]) -> None:
    with pytest.raises(BrokenRule):
        check_container(broken)
