"""Requests: what a file of transcripts cannot say."""

from __future__ import annotations

from typing import Any

from zenithd.authority.access import Access
from zenithd.wire.answer import Answer
from zenithd.wire.codec import Encoding, codecs
from zenithd.wire.commands import Cancel, Command, Login, Query, Send, Subscribe
from zenithd.wire.scopes import ORDER_PAD
from zenithd.wire.session import Session
from zenithd.wire.settings import SessionSettings, Transport
from zenithd.wire.topics import TOPICS, Empty, Kind, Rule, TopicTable

CODEC = codecs()[Encoding.JSON]


def session(**settings: Any) -> Session:
    made = SessionSettings(served=frozenset({"Market", "Trading", "Notify"}), **settings)
    access = Access(user="u", scopes=frozenset({"Zenith/Market", ORDER_PAD}))
    return Session(CODEC, made, Transport(secure=True), lambda now: True, Login(access=access), 0.0)


def receive(s: Session, now: float = 0.0, **container: Any) -> list[Command]:
    return s.receive(CODEC.encode(container).decode(), now)


def sent(commands: list[Command]) -> list[dict[str, Any]]:
    return [command.container for command in commands if isinstance(command, Send)]


def query(s: Session, **container: Any) -> Query:
    (command,) = receive(s, **container)
    assert isinstance(command, Query)
    return command


SAME_NAME = TopicTable(
    [
        *TOPICS,
        Rule(controller="Market", topic="Same", kind=Kind.QUERY, empty=Empty.LIST, served_by="Market"),
        Rule(controller="Market", topic="Same", kind=Kind.SUBSCRIPTION, served_by="Market"),
    ]
)


def test_a_result_without_transaction_goes_to_the_subscription_of_the_same_name() -> None:
    s = session(topics=SAME_NAME)
    request = {"Controller": "Market", "Topic": "Same"}
    assert sent(receive(s, **request)) == [{**request, "Action": "Error", "Data": "Operation.NoResult"}]
    (opening,) = receive(s, **request, Action="Sub")
    assert isinstance(opening, Subscribe)
    assert sent(receive(s, **request)) == [{**request, "Action": "Error", "Data": "Operation.NoResult"}]
    s.subscribed(opening.ticket, None, 0)
    asked = query(s, **request)
    assert sent(s.query_finished(asked.ticket, Answer([1]), 0)) == [{**request, "Data": [1]}]
    assert sent(s.query_finished(query(s, **request).ticket, Answer(), 0)) == []
    failed = Answer(errors=("Fault",))
    assert sent(s.query_finished(query(s, **request).ticket, failed, 0)) == [
        {**request, "Action": "Error", "Data": "Fault"}
    ]


def test_answers_that_come_late_or_twice_are_dropped() -> None:
    s = session()
    asked = query(s, Controller="Market", Topic="QueryMarkets", TransactionID=1)
    assert sent(s.query_finished(asked.ticket, Answer([]), 0)) != []
    assert s.query_finished(asked.ticket, Answer([]), 0) == []
    assert s.query_finished(12345, Answer([]), 0) == []
    assert s.requests_pending == 0
    assert s.next_deadline() is None


def test_queries_say_what_is_to_be_done() -> None:
    s = session(action_timeout_seconds=7.0)
    asked = query(s, Controller="Market", Topic="QueryMarkets", TransactionID=1, Data={"a": 1})
    assert (asked.rule.topic, asked.data, asked.timeout_seconds) == ("QueryMarkets", {"a": 1}, 7.0)
    assert asked.access is s.access
    assert s.next_deadline() == 7.0


def test_cancel_does_not_recall_orders() -> None:
    s = session()
    asked = query(s, Controller="Trading", Topic="PlaceOrder", TransactionID=1, Data={})
    assert receive(s, Action="Cancel", TransactionID=1) == []
    result = {"Result": "Success"}
    assert sent(s.query_finished(asked.ticket, Answer(result), 0))[0]["Data"] == result


def test_request_ids_of_refused_orders() -> None:
    s = session()
    late = query(s, Controller="Trading", Topic="PlaceOrder", TransactionID=1, Data={"RequestID": 5})
    commands = s.tick(35)
    assert commands[0] == Cancel(late.ticket)
    (refused,) = sent(commands)
    assert refused["Data"]["Errors"] == ["Submitted"]
    assert len(refused["Data"]["RequestID"]) == 22
    query(s, Controller="Trading", Topic="AmendOrder", TransactionID=2, Data={"RequestID": "x" * 101})
    (other,) = sent(s.tick(99))
    assert len(other["Data"]["RequestID"]) == 22
    assert other["Data"]["RequestID"] != refused["Data"]["RequestID"]


def test_query_scan_is_answered_with_the_error_alone() -> None:
    s = session()
    asked = query(s, Controller="Notify", Topic="QueryScan", TransactionID=1, Data={"ScanID": "1"})
    (only,) = sent(s.query_finished(asked.ticket, Answer(errors=("Fault",)), 0))
    assert only["Action"] == "Error"
    asked = query(s, Controller="Notify", Topic="QueryScan", TransactionID=1, Data={"ScanID": "1"})
    assert sent(s.query_finished(asked.ticket, Answer({"ScanID": "1"}), 0))[0]["Data"] == {"ScanID": "1"}


def test_a_flood_of_cancels_is_cheap() -> None:
    s = session()
    for _ in range(5_000):
        query(s, Controller="Market", Topic="QueryMarkets", TransactionID=1)
    assert receive(s, Action="Cancel", TransactionID=2) == []
    assert len(receive(s, Action="Cancel", TransactionID=1)) == 15_000
    assert s.requests_pending == 0
