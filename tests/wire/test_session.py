"""The session as a whole: whatever clients send and in whatever order things end."""

from __future__ import annotations

import random
from collections import Counter, deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zenithd.authority.access import NOBODY, Access
from zenithd.sessions.rate import Rate
from zenithd.wire.answer import ABSENT, Answer, Refusal
from zenithd.wire.codec import Encoding, codecs
from zenithd.wire.commands import (
    Cancel,
    CheckLogin,
    Close,
    Command,
    Login,
    Query,
    Revalidate,
    Send,
    Subscribe,
    Unsubscribe,
)
from zenithd.wire.conformance import check_container
from zenithd.wire.errors import CloseCode
from zenithd.wire.session import IDENTIFY, Session
from zenithd.wire.settings import SessionSettings, Transport
from zenithd.wire.subscriptions import Stage
from zenithd.wire.topics import TOPICS, Empty

CODECS = codecs()
SCOPES = ["Zenith/Market", "Zenith/News", "Zenith/Trading", "Zenith/OrderPad"]
FUZZ_MESSAGES = 5_000


def session(encoding: Encoding = Encoding.JSON, login: Login | None = None, **extra: Any) -> Session:
    made = SessionSettings(served=frozenset({"Market", "Zenith", "Notify"}), **extra)
    return Session(CODECS[encoding], made, Transport(secure=True), Rate(1e9, 1e9).admit, login, 0.0)


TOKEN = (
    '{"Controller":"Auth","Topic":"AuthToken","TransactionID":1,'
    '"Data":{"Provider":"Bearer","AccessToken":"x"}}'
)


def market_login() -> Login:
    return Login(access=Access(user="u", scopes=frozenset({"Zenith/Market"})))


class Chaos:
    """A connection that finishes work in any order, and keeps the books that a client would keep."""

    def __init__(self, chance: random.Random, encoding: Encoding) -> None:
        self.chance = chance
        self.codec = CODECS[encoding]
        self.session = session(encoding, subscriptions_max=6, requests_pending_max=4, messages_waiting_max=5)
        self.now = 0.0
        self.work: list[CheckLogin | Query | Subscribe | Revalidate] = []
        self.finished: list[int] = []
        self.registered: set[tuple[str, str]] = set()
        self.owed: Counter[Any] = Counter()
        self.closed = False

    def send(self, container: Any) -> None:
        if isinstance(container, dict) and not self.session.closed:
            self.expect(container)
        message = self.codec.encode(container)
        self.run(self.session.receive(message.decode() if self.codec.is_text else message, self.now))

    def expect(self, container: dict[str, Any]) -> None:
        action = container.get("Action", "Publish")
        if action in ("Sub", "Unsub") and container.get("Confirm") is True and container.get("Topic"):
            self.owed[action, container.get("Controller", "Zenith"), container["Topic"]] += 1
        if action not in ("Sub", "Unsub", "Cancel", "Error") and "TransactionID" in container:
            self.owed["reply", container["TransactionID"]] += 1

    def run(self, commands: list[Command]) -> None:
        queue = deque(commands)
        while queue or self.session.ready:
            if not queue:
                queue.extend(self.session.proceed(self.now))
                continue
            assert not self.closed, "something after Close"
            self.execute(queue.popleft())

    def execute(self, command: Command) -> None:
        match command:
            case Send(container):
                check_container(container)
                self.codec.encode(container)
                self.account(container)
            case Close():
                self.closed = True
            case Cancel(ticket):
                self.work = [work for work in self.work if work.ticket != ticket]
            case Unsubscribe(controller, topic):
                self.registered.discard((controller, topic))
                self.work = [
                    work
                    for work in self.work
                    if not isinstance(work, Subscribe | Revalidate)
                    or (work.rule.controller, work.topic) != (controller, topic)
                ]
            case CheckLogin() | Query() | Subscribe() | Revalidate():
                if isinstance(command, Subscribe | Revalidate):
                    self.check_single_work(command)
                self.work.append(command)

    def check_single_work(self, command: Subscribe | Revalidate) -> None:
        key = command.rule.controller, command.topic
        busy = [work for work in self.work if isinstance(work, Subscribe | Revalidate)]
        assert key not in [(work.rule.controller, work.topic) for work in busy], "two at a time for one topic"
        held = isinstance(command, Revalidate) or command.held
        assert (key in self.registered) == held, command

    def account(self, container: dict[str, Any]) -> None:
        action, key = container.get("Action"), (container["Controller"], container.get("Topic", ""))
        if "TransactionID" in container and action is None:
            self.owed["reply", container["TransactionID"]] -= 1
        elif action == "Sub":
            self.owed["Sub", *key] -= 1
        elif action == "Unsub" and "Confirm" not in container:
            self.owed["Unsub", *key] -= 1
        assert min(self.owed.values(), default=0) >= 0, f"not asked for: {container}"

    def flowing(self) -> set[tuple[str, str]]:
        """The topics whose data flows, as the session has it in its books."""
        return {
            key
            for key, held in self.session._subscriptions._held.items()
            if held.stage in (Stage.LIVE, Stage.REPEATING, Stage.CHECKING) and key != IDENTIFY
        }

    def finish_something(self) -> None:
        if not self.work:
            return
        work = self.work.pop(self.chance.randrange(len(self.work)))
        self.finished.append(work.ticket)
        match work:
            case CheckLogin(ticket):
                scopes = frozenset(self.chance.sample(SCOPES, self.chance.randrange(4)))
                login = Login(access=Access(user="u", scopes=scopes), expires_in=9.0, expires_at=0)
                self.run(
                    self.session.login_finished(ticket, self.chance.choice([login, login, None]), self.now)
                )
            case Query(ticket):
                answer = Answer(
                    self.chance.choice([ABSENT, None, [], {}]), self.chance.choice([(), ("Fault",)])
                )
                self.run(self.session.query_finished(ticket, answer, self.now))
            case Subscribe(ticket, rule, topic):
                refused = self.chance.random() < 0.3
                if not refused:
                    self.registered.add((rule.controller, topic))
                refusal = Refusal(self.chance.choice([(), ("Symbol x",), ("Symbol x", "Market y")]))
                self.run(self.session.subscribed(ticket, refusal if refused else None, self.now))
            case Revalidate(ticket):
                refusal = Refusal(("Symbol.Authority x",))
                self.run(self.session.subscribed(ticket, self.chance.choice([None, refusal]), self.now))

    def something_happens(self) -> None:
        match self.chance.randrange(8):
            case 0:
                self.now += self.chance.choice([0.1, 1.0, 5.0, 40.0])
                self.run(self.session.tick(self.now))
            case 1:
                scopes = frozenset(self.chance.sample(SCOPES, self.chance.randrange(4)))
                changed = self.chance.choice([Access(user="u", scopes=scopes), None])
                self.run(self.session.access_changed(changed, self.now))
            case 2:
                topic = self.chance.choice(["Depth!A.X", "Markets"])
                self.run(self.session.end_subscription("Market", topic, ("Session",), self.now))
            case 3:
                over = self.chance.choice([0, *self.finished])
                self.run(self.session.login_finished(over, None, self.now))
                self.run(self.session.query_finished(over, Answer(), self.now))
                self.run(self.session.subscribed(over, None, self.now))
            case _:
                self.finish_something()


CONTROLLERS = ["Market", "Market", "Market", "Auth", "Zenith", "Notify", "Trading", "Nobody"]
LOGIN = {"Provider": "Bearer", "AccessToken": "x"}


def some_message(chance: random.Random) -> dict[str, Any]:
    rule = chance.choice([rule for rule in TOPICS if rule.empty is not Empty.NO_REPLY])
    container: dict[str, Any] = {"Controller": rule.controller, "Topic": rule.topic}
    match chance.randrange(6):
        case 0:
            container = {
                "Controller": "Auth",
                "Topic": "AuthToken",
                "TransactionID": chance.randrange(5),
                "Data": LOGIN,
            }
        case 1 | 2 | 3:
            container = {
                "Controller": "Market",
                "Topic": chance.choice(["Depth!A.X", "Depth!B.X", "Markets", "Trades!A.X"]),
                "Action": chance.choice(["Sub", "Sub", "Unsub"]),
            }
        case 4:
            container["Action"] = chance.choice(["Sub", "Unsub", "Cancel", "Publish", "Error", "What"])
            container["Topic"] += chance.choice(["", "!A.X"])
    if chance.random() < 0.5:
        container["Confirm"] = chance.choice([True, True, False])
    if chance.random() < 0.5 and "TransactionID" not in container:
        container["TransactionID"] = chance.randrange(5)
    if chance.random() < 0.3:
        container["Data"] = chance.choice([None, {}, [], "x", {"ActionTimeout": "00:00:03"}, LOGIN])
    return container


@pytest.mark.parametrize("seed", range(40))
def test_any_order_of_events_keeps_the_rules(seed: int) -> None:
    """Everything asked for is answered exactly once, whatever is finished, revoked or expires when."""
    chance = random.Random(seed)
    chaos = Chaos(chance, list(Encoding)[seed % 3])
    for _ in range(600):
        if chance.random() < 0.5:
            chaos.send(some_message(chance))
        else:
            chaos.something_happens()
        if chaos.closed:
            return
        assert chaos.flowing() == chaos.registered
    while chaos.work:
        chaos.finish_something()
    chaos.run(chaos.session.tick(chaos.now + 1_000))
    while chaos.work:
        chaos.finish_something()
    assert {key: count for key, count in chaos.owed.items() if count} == {}
    assert chaos.session.requests_pending == 0
    assert len(chaos.session._tickets) == 0


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
topics = st.sampled_from([rule.topic for rule in TOPICS] + ["Depth!A.X", "News!A!B.C", "!", ""])
containers = st.fixed_dictionaries(
    {},
    optional={
        "Controller": st.sampled_from(CONTROLLERS) | anything,
        "Topic": topics | anything,
        "Action": st.sampled_from(["Publish", "Sub", "Unsub", "Cancel", "Error", "x"]) | anything,
        "TransactionID": st.integers(-5, 5) | anything,
        "Data": anything,
        "Confirm": st.booleans() | anything,
    },
)


@given(sequence=st.lists(containers | anything, max_size=25))
@settings(max_examples=300, deadline=None)
def test_arbitrary_messages_never_raise(sequence: list[Any]) -> None:
    s = session(login=market_login())
    for now, container in enumerate(sequence):
        message = CODECS[Encoding.JSON].encode(container).decode()
        for command in s.receive(message, float(now)):
            if isinstance(command, Send):
                check_container(command.container)


@pytest.mark.parametrize("encoding", list(Encoding), ids=lambda encoding: encoding.value)
def test_arbitrary_bytes_close_the_connection_or_do_nothing_worse(encoding: Encoding) -> None:
    chance = random.Random(11)
    for _ in range(FUZZ_MESSAGES):
        s = session(encoding)
        raw = bytearray(CODECS[encoding].encode(some_message(chance)))
        for _ in range(chance.randrange(3)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        text = raw.decode(errors="surrogateescape")
        for command in s.receive(text if CODECS[encoding].is_text else bytes(raw), 0.0):
            if isinstance(command, Close):
                assert command.code == CloseCode.DATA_INVALID
                assert s.closed
            elif isinstance(command, Send):
                check_container(command.container)


def test_nothing_happens_after_close() -> None:
    s = session(login=market_login())
    assert [type(command) for command in s.receive("no", 0)] == [Close]
    assert s.receive("{}", 0) == s.tick(1e9) == s.proceed(0) == []
    assert s.login_finished(1, None, 0) == s.query_finished(1, Answer(), 0) == s.subscribed(1, None, 0) == []
    assert s.access_changed(None, 0) == s.end_subscription("Market", "Markets", ("x",), 0) == []
    assert s.close(CloseCode.GOING_AWAY, "x") == []
    assert not s.ready


def test_the_reason_of_a_close_fits_its_frame() -> None:
    s = session()
    (command,) = s.close(CloseCode.SERVER_RESTART, "ü" * 1_000)
    assert isinstance(command, Close)
    assert len(command.reason.encode()) <= 123


def test_a_login_in_the_handshake_expires_like_any_other() -> None:
    login = Login(access=Access(user="u", scopes=frozenset({"Zenith/Market"})), expires_in=5.0, expires_at=0)
    made = SessionSettings(served=frozenset({"Market"}))
    s = Session(CODECS[Encoding.JSON], made, Transport(), lambda now: True, login, 100.0)
    assert s.access.user == "u"
    assert s.next_deadline() == 105.0
    s.receive('{"Topic":"x"}', 105.0)
    assert s.access is NOBODY
    assert s.next_deadline() is None


def test_ten_thousand_subscriptions_and_as_many_requests() -> None:
    """No limit of the shipped settings stops an honest heavy client, and nothing is left behind."""
    s = Session(
        CODECS[Encoding.JSON],
        SessionSettings(served=frozenset({"Market"})),
        Transport(),
        Rate(5_000, 20_000).admit,
        market_login(),
        0.0,
    )
    confirmed = 0
    for number in range(10_000):
        topic = f"Depth!A{number}.X"
        text = f'{{"Controller":"Market","Topic":"{topic}","Action":"Sub","Confirm":true}}'
        (opening,) = s.receive(text, 0.0)
        assert isinstance(opening, Subscribe)
        confirmed += len(s.subscribed(opening.ticket, None, 0.0))
    assert confirmed == 10_000
    for number in range(20_000):
        now = 1.0 + number / 5_000
        text = f'{{"Controller":"Market","Topic":"QueryMarkets","TransactionID":{number}}}'
        (asked,) = s.receive(text, now)
        assert isinstance(asked, Query), asked
        s.query_finished(asked.ticket, Answer([]), now)
    assert s.requests_pending == 0
    assert s.next_deadline() is None


def test_messages_behind_a_login_are_taken_one_by_one() -> None:
    s = session()
    (check,) = s.receive(TOKEN, 0)
    assert isinstance(check, CheckLogin)
    for _ in range(3):
        assert s.receive('{"Controller":"Market","Topic":"QueryMarkets","TransactionID":2}', 0) == []
    assert not s.ready
    s.login_finished(check.ticket, None, 0)
    assert s.ready
    # What arrives meanwhile waits behind the others.
    assert s.receive('{"Controller":"Market","Topic":"QueryBrokers","TransactionID":3}', 0) == []
    topics_asked = []
    while s.ready:
        topics_asked += [command.rule.topic for command in s.proceed(0) if isinstance(command, Query)]
    assert topics_asked == ["QueryMarkets"] * 3 + ["QueryBrokers"]


def test_a_login_that_expires_while_messages_wait() -> None:
    login = Login(access=market_login().access, expires_in=10.0, expires_at=0)
    s = session(login=login)
    (check,) = s.receive(TOKEN, 0)
    assert isinstance(check, CheckLogin)
    s.receive('{"Controller":"Market","Topic":"Depth!A.X","Action":"Sub"}', 0)
    s.receive('{"Controller":"Market","Topic":"Depth!B.X","Action":"Sub"}', 0)
    s.login_finished(check.ticket, None, 9.0)
    (opening,) = s.proceed(9.0)
    assert isinstance(opening, Subscribe)
    errors = [command.container["Data"] for command in s.proceed(10.0) if isinstance(command, Send)]
    assert errors == ["Authority", "Authority"]


def test_a_login_that_takes_too_long_lets_go_of_the_messages_behind_it() -> None:
    s = session()
    s.receive(TOKEN, 0)
    s.receive('{"Controller":"Market","Topic":"QueryMarkets","TransactionID":2}', 0)
    assert [type(command) for command in s.tick(35.0)] == [Cancel, Send]
    assert s.ready
    assert [type(command) for command in s.proceed(35.0)] == [Query]


def test_a_sub_without_topic_beyond_the_limit() -> None:
    s = session(messages_waiting_max=0)
    s.receive(TOKEN, 0)
    (only,) = s.receive('{"Action":"Sub","Confirm":true}', 0)
    assert isinstance(only, Send)
    check_container(only.container)


def test_malformed_among_the_waiting_messages() -> None:
    s = session(messages_waiting_max=1)
    s.receive(TOKEN, 0)
    assert s.receive("malformed, but not looked at yet", 0) == []
    (close,) = s.receive("malformed and beyond the limit", 0)
    assert isinstance(close, Close)
    assert close.code == CloseCode.DATA_INVALID
