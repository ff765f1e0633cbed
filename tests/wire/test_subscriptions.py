"""The subscriptions of one connection: the table of stages, and what a file of transcripts cannot say."""

from __future__ import annotations

from typing import Any

import pytest

from zenithd.authority.access import Access
from zenithd.wire.answer import Refusal
from zenithd.wire.codec import Encoding, codecs
from zenithd.wire.commands import Cancel, Close, Command, Login, Revalidate, Send, Subscribe, Unsubscribe
from zenithd.wire.session import Session
from zenithd.wire.settings import SessionSettings, Transport
from zenithd.wire.subscriptions import ASKED, BUSY, IDLE, NEXT, WANTED, Outcome, Stage

CODEC = codecs()[Encoding.JSON]
MARKET = Access(user="u", scopes=frozenset({"Zenith/Market"}))
MORE = Access(user="u", scopes=frozenset({"Zenith/Market", "Zenith/News"}))


def session(**settings: Any) -> Session:
    made = SessionSettings(served=frozenset({"Market", "Zenith"}), **settings)
    return Session(CODEC, made, Transport(), lambda now: True, Login(access=MARKET), 0.0)


def sub(topic: str = "Depth!A.X", action: str = "Sub", confirm: bool = True) -> str:
    container = {"Controller": "Market", "Topic": topic, "Action": action, "Confirm": confirm}
    return CODEC.encode(container).decode()


def one(commands: list[Command], kind: type[Any]) -> Any:
    assert [type(command) for command in commands] == [kind]
    return commands[0]


def sent(commands: list[Command]) -> list[tuple[Any, ...]]:
    return [
        (c.container.get("Action"), c.container.get("Data", c.container.get("Confirm")))
        for c in commands
        if isinstance(c, Send)
    ]


CONFIRMED = ("Sub", True)


def test_every_stage_has_an_end_and_every_busy_stage_every_outcome() -> None:
    assert set(NEXT) == set(Stage) - {Stage.GONE}
    for stage in BUSY:
        assert set(NEXT[stage]) == set(Outcome)
    for stage in set(NEXT) - BUSY:
        assert set(NEXT[stage]) == {Outcome.EXPIRED, Outcome.ENDED}
    assert set(WANTED) == set(Stage) - BUSY
    assert set(WANTED.values()) == ASKED
    assert ASKED < BUSY
    assert not IDLE & BUSY


@pytest.mark.parametrize("stage", list(NEXT))
def test_the_end_is_always_the_end_and_nothing_flows_after_expiry(stage: Stage) -> None:
    assert NEXT[stage][Outcome.ENDED] is Stage.GONE
    assert NEXT[stage][Outcome.EXPIRED] in IDLE
    assert NEXT[stage].get(Outcome.GRANTED, Stage.LIVE) is Stage.LIVE


def test_rights_that_change_while_a_topic_is_opened_are_checked_when_it_is_open() -> None:
    s = session()
    opening = one(s.receive(sub(), 0), Subscribe)
    assert s.access_changed(MORE, 0) == []
    commands = s.subscribed(opening.ticket, None, 0)
    assert sent(commands) == [CONFIRMED]
    check = commands[1]
    assert isinstance(check, Revalidate)
    assert check.access == MORE
    commands = s.subscribed(check.ticket, Refusal(("Symbol.Authority A.X",)), 0)
    assert isinstance(commands[0], Unsubscribe)
    assert sent(commands) == [("Unsub", "Symbol.Authority A.X")]
    assert s.subscriptions_held == 0


def test_rights_that_change_twice_are_checked_again() -> None:
    s = session()
    s.subscribed(one(s.receive(sub(), 0), Subscribe).ticket, None, 0)
    first = one(s.access_changed(MORE, 0), Revalidate)
    assert s.access_changed(MARKET, 0) == []
    second = one(s.subscribed(first.ticket, None, 0), Revalidate)
    assert second.access == MARKET
    assert s.subscribed(second.ticket, None, 0) == []


def test_a_right_revoked_while_a_topic_is_opened() -> None:
    s = session()
    opening = one(s.receive(sub(), 0), Subscribe)
    commands = s.access_changed(None, 0)
    assert isinstance(commands[0], Unsubscribe)
    assert sent(commands) == [("Error", "Authority"), ("Sub", "Authority")]
    assert s.subscribed(opening.ticket, None, 0) == []
    assert s.subscriptions_held == 0


def expiring(**settings: Any) -> Session:
    made = SessionSettings(served=frozenset({"Market"}), **settings)
    return Session(
        CODEC, made, Transport(), lambda now: True, Login(access=MARKET, expires_at=0, expires_in=10.0), 0.0
    )


def log_in(s: Session, access: Access, now: float) -> list[Command]:
    token = {"Controller": "Auth", "Topic": "AuthToken", "TransactionID": 1}
    data = {"Provider": "Bearer", "AccessToken": "x"}
    (check,) = s.receive(CODEC.encode({**token, "Data": data}).decode(), now)
    return s.login_finished(check.ticket, Login(access=access), now)[1:]  # type: ignore[union-attr]


def test_expiry_while_a_second_sub_is_worked_on() -> None:
    s = expiring()
    s.subscribed(one(s.receive(sub(), 0), Subscribe).ticket, None, 0)
    again = one(s.receive(sub(), 0), Subscribe)
    assert again.held
    assert s.next_deadline() == 10
    commands = s.tick(10)
    assert isinstance(commands[0], Unsubscribe)
    assert sent(commands) == [("Error", "Authority"), ("Sub", "Authority")]
    assert s.subscribed(again.ticket, None, 10) == []
    resumed = one(log_in(s, MARKET, 11), Subscribe)
    assert not resumed.held
    assert s.subscribed(resumed.ticket, None, 11) == []
    commands = s.receive(sub(action="Unsub"), 11)
    assert [type(command) for command in commands] == [Unsubscribe, Send]


def test_expiry_while_topics_are_resumed_and_checked() -> None:
    s = expiring()
    s.subscribed(one(s.receive(sub(), 0), Subscribe).ticket, None, 0)
    s.tick(10)
    resumed = one(log_in(s, MARKET, 11), Subscribe)
    login_again = log_in(s, MORE, 12)
    assert login_again == []
    check = one(s.subscribed(resumed.ticket, None, 12), Revalidate)
    assert check.access == MORE


def test_a_topic_that_is_resumed_in_vain() -> None:
    s = expiring()
    s.subscribed(one(s.receive(sub(), 0), Subscribe).ticket, None, 0)
    s.tick(10)
    resumed = one(log_in(s, MARKET, 11), Subscribe)
    commands = s.tick(11 + 35)
    assert isinstance(commands[0], Unsubscribe)
    assert sent(commands) == [("Error", "Operation.Timeout"), ("Unsub", "Operation.Timeout")]
    assert s.subscribed(resumed.ticket, None, 50) == []


def free_sub(action: str = "Sub") -> str:
    return sub("Markets", action)


def test_a_second_sub_reopens_what_is_suspended_and_login_resumes_what_it_left() -> None:
    s = expiring()
    s.subscribed(one(s.receive(free_sub(), 0), Subscribe).ticket, None, 0)
    one(s.tick(10), Unsubscribe)
    reopening = one(s.receive(free_sub(), 10), Subscribe)
    assert not reopening.held
    assert log_in(s, MARKET, 11) == []
    # Refused under the old rights: that Sub fails, the suspended reference is tried with the new ones.
    commands = s.subscribed(reopening.ticket, Refusal(("Market.Unavailable",)), 11)
    assert sent(commands) == [("Error", "Market.Unavailable"), ("Sub", "Market.Unavailable")]
    resumed = commands[-1]
    assert isinstance(resumed, Subscribe)
    assert resumed.access.user == "u"
    assert s.subscribed(resumed.ticket, None, 11) == []


def test_an_unsub_of_what_is_suspended() -> None:
    s = expiring()
    s.subscribed(one(s.receive(sub(), 0), Subscribe).ticket, None, 0)
    s.tick(10)
    assert sent(s.receive(sub(action="Unsub"), 10)) == [("Unsub", None)]
    assert log_in(s, MARKET, 11) == []
    assert s.subscriptions_held == 0


def test_what_has_waited_behind_a_sub_that_expired() -> None:
    s = expiring()
    one(s.receive(sub(), 0), Subscribe)
    s.receive(sub(action="Unsub"), 0)
    s.receive(sub(), 0)
    assert sent(s.tick(10)) == [
        ("Error", "Authority"),
        ("Sub", "Authority"),
        ("Unsub", None),
        ("Error", "Authority"),
        ("Sub", "Authority"),
    ]
    assert s.subscriptions_held == 0


def test_a_refusal_without_a_code_is_a_fault() -> None:
    s = session()
    opening = one(s.receive(sub(), 0), Subscribe)
    assert sent(s.subscribed(opening.ticket, Refusal(()), 0)) == [("Error", "Fault"), ("Sub", "Fault")]


def test_subs_that_wait_for_an_earlier_one_are_limited_and_unsubs_end_the_connection() -> None:
    s = session(messages_waiting_max=1)
    one(s.receive(sub(), 0), Subscribe)
    assert s.receive(sub(), 0) == []
    assert sent(s.receive(sub(), 0)) == [("Error", "Limited"), ("Sub", "Limited")]
    assert s.receive(sub(action="Unsub"), 0) == []
    assert one(s.receive(sub(action="Unsub"), 0), Close).code == 1008


def test_ten_thousand_subs_that_wait_are_done_in_order() -> None:
    s = session()
    opening = one(s.receive(sub(), 0), Subscribe)
    for _ in range(5_000):
        s.receive(sub(action="Unsub", confirm=False), 0)
        s.receive(sub(confirm=False), 0)
    for _ in range(5_001):
        commands = s.subscribed(opening.ticket, None, 0)
        if commands:
            assert isinstance(commands[-1], Subscribe)
            opening = commands[-1]
    assert s.subscriptions_held == 1
    one(s.receive(sub(action="Unsub", confirm=False), 0), Unsubscribe)


def test_time_out_of_a_second_sub_leaves_the_first() -> None:
    s = session()
    s.subscribed(one(s.receive(sub(), 0), Subscribe).ticket, None, 0)
    again = one(s.receive(sub(), 1), Subscribe)
    commands = s.tick(36)
    assert commands[0] == Cancel(again.ticket)
    assert sent(commands) == [("Error", "Operation.Timeout"), ("Sub", "Operation.Timeout")]
    one(s.receive(sub(action="Unsub", confirm=False), 36), Unsubscribe)


def test_a_check_of_rights_that_takes_too_long_ends_the_subscription() -> None:
    s = session()
    s.subscribed(one(s.receive(sub(), 0), Subscribe).ticket, None, 0)
    one(s.access_changed(MORE, 0), Revalidate)
    commands = s.tick(35)
    assert isinstance(commands[0], Unsubscribe)
    assert sent(commands) == [("Unsub", "Operation.Timeout")]
