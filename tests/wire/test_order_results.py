"""Order requests that never reach the controller are answered with an OrderResult all the same (6.4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.test_pending import CODEC, receive, sent
from zenithd.authority.access import Access
from zenithd.wire.commands import Login
from zenithd.wire.session import Session
from zenithd.wire.settings import SessionSettings, Transport

ORDER_PAD = "Zenith/OrderPad"


def session(
    scopes: set[str], *, secure: bool = True, admits: bool = True, served: str = "Trading", **settings: Any
) -> Session:
    made = SessionSettings(served=frozenset({served}), **settings)
    login = Login(access=Access(user="u", scopes=frozenset(scopes)))
    return Session(CODEC, made, Transport(secure=secure), lambda now: admits, login, 0.0)


def refused(s: Session, **data: Any) -> dict[str, Any]:
    (answer,) = sent(receive(s, Controller="Trading", Topic="PlaceOrder", TransactionID=1, Data=data))
    assert answer.get("Action") is None
    return dict(answer["Data"])


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (session(set()), "Authority"),
        (session({ORDER_PAD}, secure=False), "Connection"),
        (session({ORDER_PAD}, admits=False), "Retry"),
        (session({ORDER_PAD}, served="Market"), "Operation"),
    ],
)
def test_what_a_session_refuses(made: Session, code: str) -> None:
    assert refused(made, RequestID="mine") == {"Result": "Rejected", "RequestID": "mine", "Errors": [code]}
    for absent in ({}, {"RequestID": ""}, {"RequestID": None}, {"RequestID": 5}):
        answer = refused(made, **absent)
        assert len(answer["RequestID"]) == 22


def test_a_request_that_takes_too_long_may_have_worked() -> None:
    made = session({ORDER_PAD}, action_timeout_seconds=5.0)
    assert sent(receive(made, Controller="Trading", Topic="PlaceOrder", TransactionID=1, Data={})) == []
    (answer,) = sent(made.tick(6.0))
    assert answer["Data"]["Errors"] == ["Submitted"]
