"""Whole conversations with a session: every command within the protocol, every request answered once."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from tests.fuzz import draw as d
from tests.fuzz.boundary import Boundary
from tests.fuzz.codec_boundaries import (
    BSON_SEEDS,
    PACKED_PARTS,
    WORDS,
    bson_document,
    container,
    json_text,
    packed,
)
from tests.fuzz.draw import Draw
from tests.fuzz.message_boundaries import CONTROLLERS, check_codes, topic
from tests.wire.test_session import Chaos
from zenithd.authority.access import Access
from zenithd.sessions.rate import Rate
from zenithd.wire.codec import Encoding, MalformedMessage
from zenithd.wire.commands import Close, Command, Login, LoginKind, Send
from zenithd.wire.conformance import check_container
from zenithd.wire.container import Action, Message, parse
from zenithd.wire.errors import CloseCode
from zenithd.wire.scopes import SCOPES
from zenithd.wire.session import Session
from zenithd.wire.settings import SessionSettings, Transport
from zenithd.wire.topics import TOPICS, Empty, Kind


class Conversation(Chaos):
    """A connection that finishes work in any order, and knows what each message is owed."""

    def __init__(self, encoding: Encoding, is_logged_in: bool, requests_admitted: int) -> None:
        super().__init__(random.Random(0), encoding)
        self.settings = SessionSettings(
            served=TOPICS.controllers - {"Channel"},
            subscriptions_max=6,
            requests_pending_max=4,
            messages_waiting_max=5,
            bytes_waiting_max=2_000,
        )
        rate = Rate(1.0, requests_admitted)
        login = Login(access=Access(user="u", scopes=SCOPES)) if is_logged_in else None
        self.session = Session(self.codec, self.settings, Transport(secure=True), rate.admit, login)
        self.refused = False
        self.close_code = 0

    def something_happens(self) -> None:
        pick = self.chance.random()
        if pick < 0.01:
            self.run(self.session.close(CloseCode.GOING_AWAY, "the end"))
        elif pick < 0.03:
            limit = self.chance.randrange(1, 8)
            changed = {
                "requests_pending_max": limit,
                "subscriptions_max": limit,
                "messages_waiting_max": limit,
            }
            self.session.use(msgspec.structs.replace(self.settings, **changed))
        else:
            super().something_happens()

    def deliver(self, raw: bytes | str) -> None:
        if self.session.closed:
            assert self.session.receive(raw, self.now) == [], "something after Close"
            return
        try:
            self.expect_message(parse(self.codec.decode(raw)))
        except MalformedMessage:
            self.refused = True
        self.run(self.session.receive(raw, self.now))

    def expect_message(self, message: Message) -> None:
        if message.action in (Action.SUB, Action.UNSUB):
            if message.confirm and message.topic:
                self.owed[message.action.value, message.controller, message.topic] += 1
        elif message.action in (Action.PUBLISH, Action.UNKNOWN):
            is_owed = message.transaction is not None and message.topic != ""
            self.owed["reply", message.transaction] += is_owed

    def execute(self, command: Command) -> None:
        if isinstance(command, Send):
            sent = command.container
            encoded = self.codec.encode(sent)
            again = self.codec.decode(encoded.decode() if self.codec.is_text else encoded)
            check_container(again)
            if sent.get("Action") == "Error":
                check_codes([sent["Data"]])
        if isinstance(command, Close):
            self.close_code = command.code
            assert len(command.reason.encode()) <= 123
        super().execute(command)

    def account(self, container: dict[str, Any]) -> None:
        super().account(container)
        transaction = container.get("TransactionID")
        if container.get("Action") == "Error" and transaction is not None:
            found = TOPICS.find(container["Controller"], container.get("Topic", ""), Kind.QUERY)
            if found is not None and found[0].empty is Empty.NO_REPLY:
                self.owed["reply", transaction] -= 1

    def settle(self) -> None:
        """Let everything end; then nothing may be owed or held."""
        for _ in range(3):
            while self.work:
                self.finish_something()
            self.now += 1e7
            self.run(self.session.tick(self.now))
        assert self.closed is self.session.closed
        if self.closed:
            return
        assert not self.refused, "a malformed message was passed over"
        assert {key: count for key, count in self.owed.items() if count} == {}
        assert self.session.requests_pending == 0
        assert self.session.next_deadline() is None


Talk = tuple[str, bool, int, list[bytes | str | int]]
"""Subprotocol; logged in from the start; requests before the rate limit; messages, and seeds of events."""


class SessionBoundary(Boundary):
    """`receive` of a session with everything that may happen between two messages."""

    name = "session"
    reaches = frozenset({"went on", "closed 1001", "closed 1007", "closed 1008"})

    def make(self, draw: Draw) -> Talk:
        encoding = draw.choice(list(Encoding))
        steps: list[bytes | str | int] = []
        for _ in range(draw.choice((1, 5, 20, 40))):
            if draw.random() < 0.4:
                steps.append(draw.randrange(2**32))
            else:
                steps.append(message(draw, encoding))
        return encoding.value, draw.random() < 0.6, draw.choice((1, 5, 1000, 1000)), steps

    def check(self, given: Talk) -> str:
        encoding, is_logged_in, admitted, steps = given
        conversation = Conversation(Encoding(encoding), is_logged_in, admitted)
        for step in steps:
            if isinstance(step, int):
                conversation.chance.seed(step)
                conversation.something_happens()
            else:
                conversation.deliver(step)
            if not conversation.closed:
                assert conversation.flowing() == conversation.registered
        conversation.settle()
        return f"closed {conversation.close_code}" if conversation.closed else "went on"

    def weigh(self, given: Talk) -> int:
        return len(given[3])


LOGIN = {"Provider": "Bearer", "AccessToken": "x"}
HELD = ("Depth!A.X", "Depth!B.X", "Depth!A.X[]", "Markets", "Trades!A.X", "Levels!")


def message(draw: Draw, encoding: Encoding) -> bytes | str:
    """A message of a client, mostly a proper one, about few topics so that they meet."""
    made = d.one_of(draw, (2, _login), (8, _subscription), (5, _request), (1, _well_typed))
    if draw.random() < 0.04:
        made = d.damage_value(draw, made)
        made = made if isinstance(made, dict) else {"Topic": made}
    is_damaged = draw.random() < 0.01
    if encoding is Encoding.JSON:
        text = json_text(draw, made)
        return d.damage_text(draw, text) if is_damaged else text
    raw = packed(draw, made) if encoding is Encoding.MESSAGEPACK else bson_document(draw, made)
    return d.damage_bytes(draw, raw, (*PACKED_PARTS, *BSON_SEEDS)) if is_damaged else raw


def _well_typed(draw: Draw) -> dict[str, Any]:
    made = container(draw)
    return {
        field: value
        for field, value in made.items()
        if not isinstance(value, str) or field not in ("TransactionID", "Confirm")
    }


def _login(draw: Draw) -> dict[str, Any]:
    kind = draw.choice(list(LoginKind)).value
    data = {**LOGIN, "Scope": ["Zenith/Market"], "AuthGrant": "g", "ClientID": "c"}
    if draw.random() < 0.2:
        data = d.damage_value(draw, data)
    return {"Controller": "Auth", "Topic": kind, "TransactionID": draw.randrange(5), "Data": data}


def _subscription(draw: Draw) -> dict[str, Any]:
    made: dict[str, Any] = {"Controller": "Market", "Topic": draw.choice(HELD)}
    if draw.random() < 0.1:
        made = {"Controller": "Auth", "Topic": "Identify"}
    if draw.random() < 0.1:
        made["Topic"] = topic(draw)
    made["Action"] = draw.choice(("Sub", "Sub", "Unsub"))
    if draw.random() < 0.7:
        made["Confirm"] = draw.random() < 0.8
    if draw.random() < 0.2:
        made["TransactionID"] = draw.randrange(5)
    return made


def _request(draw: Draw) -> dict[str, Any]:
    rule = draw.choice(REQUESTS)
    made = {"Controller": rule.controller, "Topic": rule.topic, "TransactionID": draw.randrange(5)}
    pick = draw.random()
    if pick < 0.1:
        del made["TransactionID"]
    elif pick < 0.2:
        made["TransactionID"] = d.number(draw)
    if draw.random() < 0.2:
        made["Action"] = draw.choice(("Publish", "Cancel", "Error", "Wrong", "Sub", "Unsub"))
    if draw.random() < 0.1:
        made["Controller"] = d.text(draw, (*CONTROLLERS, "Nobody"))
    if draw.random() < 0.4:
        made["Data"] = d.one_of(
            draw,
            (1, lambda draw: {"ActionTimeout": "00:00:03"}),
            (1, lambda draw: {"RequestID": d.text(draw)}),
            (2, lambda draw: d.value(draw, WORDS, WORDS)),
        )
    return made


REQUESTS = [rule for rule in TOPICS if rule.kind is Kind.QUERY]


BOUNDARIES: list[type[Boundary]] = [SessionBoundary]
