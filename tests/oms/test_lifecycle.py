"""The transition table of requests, walked through whole."""

from __future__ import annotations

import itertools

import pytest

from zenithd.oms.lifecycle import FINAL, ORDER_STATUSES, REQUEST_STATUSES, TRANSITIONS, Signal, signal_of
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.requests import ClientRequestUpdate, RequestStatus

S = RequestStatus

TABLE = {
    S.PENDING: "HOLD→Queued SUBMIT→Submitted REFUSE→Rejected EXPIRE→Rejected CONFIRM→Completed DENY→Rejected",
    S.QUEUED: "HOLD→Queued RELEASE→Pending REFUSE→Rejected EXPIRE→Rejected CONFIRM→Completed DENY→Rejected",
    S.SUBMITTED: "ACKNOWLEDGE→Submitted LOSE→Unknown NEVER_RECEIVED→Pending CONFIRM→Completed DENY→Rejected",
    S.UNKNOWN: "ACKNOWLEDGE→Submitted LOSE→Unknown NEVER_RECEIVED→Pending CONFIRM→Completed DENY→Rejected",
    S.COMPLETED: "",
    S.REJECTED: "",
}


@pytest.mark.parametrize(("status", "signal"), list(itertools.product(RequestStatus, Signal)))
def test_every_status_meets_every_signal(status: RequestStatus, signal: Signal) -> None:
    expected = dict(each.split("→") for each in TABLE[status].split())
    found = TRANSITIONS.get((status, signal))
    assert (found.value if found is not None else None) == expected.get(signal.name)


def test_from_what_may_have_been_sent_only_evidence_leads_back() -> None:
    back = {key for key, status in TRANSITIONS.items() if status is S.PENDING}
    assert back == {
        (S.QUEUED, Signal.RELEASE),
        (S.SUBMITTED, Signal.NEVER_RECEIVED),
        (S.UNKNOWN, Signal.NEVER_RECEIVED),
    }
    assert [key for key in TRANSITIONS if key[1] is Signal.SUBMIT] == [(S.PENDING, Signal.SUBMIT)]


def test_the_statuses_told_to_clients_are_those_of_the_table() -> None:
    assert {details.code for details in REQUEST_STATUSES} == {status.value for status in RequestStatus}
    assert {d.code for d in REQUEST_STATUSES if d.is_completed} == {status.value for status in FINAL}
    assert all(not (d.is_completed and d.is_transition) for d in (*REQUEST_STATUSES, *ORDER_STATUSES))


@pytest.mark.parametrize(
    ("status", "is_completed", "errors", "signal"),
    [
        (S.PENDING, False, (), Signal.NEVER_RECEIVED),
        (S.SUBMITTED, False, (), Signal.ACKNOWLEDGE),
        (S.UNKNOWN, False, (), Signal.LOSE),
        (S.COMPLETED, True, (), Signal.CONFIRM),
        (S.REJECTED, True, ("LimitPrice",), Signal.DENY),
        (S.QUEUED, False, (), None),
        (None, True, (), Signal.CONFIRM),
        (None, True, ("LimitPrice",), Signal.DENY),
        (None, False, (), None),
    ],
)
def test_what_a_feed_means(
    status: RequestStatus | None, is_completed: bool, errors: tuple[str, ...], signal: Signal | None
) -> None:
    account = Account(owner_id="XS", account_id="0001")
    update = ClientRequestUpdate(
        request_id="R", account=account, status=status, is_completed=is_completed, errors=errors
    )
    assert signal_of(update) is signal
