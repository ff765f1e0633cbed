"""Feeds that are away, answers that do not come, restarts: no order is sent twice, none is lost."""

from __future__ import annotations

import pytest

from tests.oms.desk import FEED, XS1, D, Desk, accepted, gap
from zenithd.oms.commands import FeedAnswer, FeedStatus, Restarted
from zenithd.oms.model.directory import ConnectionStatus, FeedDetails
from zenithd.oms.model.orders import OrderUpdateReason as R
from zenithd.oms.model.requests import ClientRequestUpdate, RequestStatus
from zenithd.oms.model.updates import FeedRefused, RequestUpdated
from zenithd.oms.rules import NANOSECONDS, OmsRules

NEVER_RECEIVED = ClientRequestUpdate(request_id="P1", account=XS1, status=RequestStatus.PENDING)


def test_a_request_waits_for_its_feed_and_is_sent_once_it_is_there() -> None:
    desk = Desk()
    desk.away()
    order_id = desk.placed()
    assert desk.status("P1") is RequestStatus.PENDING and not desk.sends
    assert desk.trading() == D(9_850)
    desk.online()
    desk.online()
    assert desk.status("P1") is RequestStatus.SUBMITTED and len(desk.sends) == 1
    assert desk.order(order_id).status == "Pending"


def test_a_request_whose_feed_does_not_come_is_rejected_with_timeout() -> None:
    desk = Desk()
    desk.away()
    order_id = desk.placed()
    assert not desk.wait(29) and desk.state.time < desk.now
    desk.wait(2)
    assert desk.order(order_id).errors == ("Timeout",) and desk.order(order_id).status == "Rejected"
    assert desk.status("P1") is RequestStatus.REJECTED and desk.trading() == D(10_000)
    desk.online()
    assert not desk.sends


@pytest.mark.parametrize("how", ["late", "feed away", "restart"])
def test_a_request_without_an_answer_is_unknown_and_is_asked_for_not_sent(how: str) -> None:
    desk = Desk()
    order_id = desk.placed()
    if how == "late":
        desk.wait(31)
    elif how == "feed away":
        desk.away()
    else:
        desk.restart()
        desk.do(Restarted())
    assert desk.status("P1") is RequestStatus.UNKNOWN
    assert desk.order(order_id).status == "Unknown" and desk.trading() == D(9_850)
    desk.online()
    desk.wait(3600)
    assert len(desk.sends) == 1 and desk.status("P1") is RequestStatus.UNKNOWN
    assert [each.request.request_id for each in desk.questions] == ["P1"] * len(desk.questions)
    assert desk.questions


def test_an_action_that_names_an_unknown_request_resolves_it() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.away()
    desk.online()
    desk.reported(order_id, R.RESTATED)
    assert desk.status("P1") is RequestStatus.COMPLETED and desk.order(order_id).status == "OnMarket"


def test_an_action_resolves_an_unknown_order_whatever_request_it_names() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.wait(31)
    desk.reported(order_id, R.STATUS, request_id="another")
    assert desk.status("P1") is RequestStatus.COMPLETED
    assert desk.order(order_id).status == "OnMarket" and desk.trading() == D(9_850)


def test_a_late_answer_resolves_an_unknown_request() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.wait(31)
    desk.decided("P1", RequestStatus.REJECTED, "Symbol.Status")
    assert desk.order(order_id).status == "Rejected" and desk.trading() == D(10_000)


def test_only_the_word_that_it_was_never_received_sends_it_again() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.away()
    desk.now += 5 * NANOSECONDS
    desk.online()
    desk.do(FeedAnswer(FEED, NEVER_RECEIVED))
    assert desk.status("P1") is RequestStatus.SUBMITTED and len(desk.sends) == 2
    assert desk.order(order_id).status == "Pending"
    desk.reported(order_id)
    assert desk.status("P1") is RequestStatus.COMPLETED


@pytest.mark.parametrize("status", [RequestStatus.PENDING, RequestStatus.REJECTED, RequestStatus.SUBMITTED])
def test_an_answer_about_an_earlier_sending_changes_nothing(status: RequestStatus) -> None:
    """The feed was asked twice, and the second answer comes after the request was sent again."""
    desk = Desk()
    order_id = desk.placed()
    for _ in range(2):
        desk.away()
        desk.online()
    first, second = desk.questions
    assert [desk.sends[0].sending, first.sending, second.sending] == [1, 1, 1]
    desk.do(FeedAnswer(FEED, NEVER_RECEIVED, first.sending))
    assert [send.sending for send in desk.sends] == [1, 2]
    records = len(desk.log)
    late = ClientRequestUpdate(request_id="P1", account=XS1, status=status)
    accepted(desk.do(FeedAnswer(FEED, late, second.sending)))
    assert (len(desk.log), desk.status("P1")) == (records, RequestStatus.SUBMITTED)
    desk.wait(2)
    assert len(desk.sends) == 2
    desk.do(FeedAnswer(FEED, NEVER_RECEIVED, desk.sends[1].sending))
    assert desk.status("P1") is RequestStatus.PENDING, "what is said of this sending counts"
    assert desk.order(order_id).status == "Pending"


def test_that_an_earlier_sending_was_carried_out_counts() -> None:
    desk = Desk()
    desk.placed()
    desk.do(FeedAnswer(FEED, NEVER_RECEIVED, 1))
    desk.wait(1)
    done = ClientRequestUpdate(request_id="P1", account=XS1, status=RequestStatus.COMPLETED)
    desk.do(FeedAnswer(FEED, done, 1))
    assert desk.status("P1") is RequestStatus.COMPLETED


def test_an_acknowledgement_is_no_sending_and_a_restart_forgets_none() -> None:
    desk = Desk()
    desk.placed()
    desk.decided("P1", RequestStatus.SUBMITTED)
    desk.do(FeedAnswer(FEED, NEVER_RECEIVED, 1))
    desk.wait(1)
    assert desk.state.request(XS1, "P1").sendings == 2
    desk.restart()
    assert desk.state.request(XS1, "P1").sendings == 2


def test_what_was_never_received_is_not_sent_when_its_time_is_over() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.wait(31)
    desk.do(FeedAnswer(FEED, NEVER_RECEIVED))
    assert desk.status("P1") is RequestStatus.REJECTED and len(desk.sends) == 1
    assert desk.order(order_id).errors == ("Timeout",) and desk.trading() == D(10_000)


def test_a_request_that_its_feed_gives_back_is_sent_again_a_little_later() -> None:
    desk = Desk()
    desk.placed()
    desk.do(FeedAnswer(FEED, NEVER_RECEIVED))
    assert desk.status("P1") is RequestStatus.PENDING and len(desk.sends) == 1
    desk.wait(1)
    assert desk.status("P1") is RequestStatus.SUBMITTED and len(desk.sends) == 2


def test_a_restart_between_two_records_repeats_nothing() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.reported(order_id)
    state, log = desk.oms.checkpoint(), len(desk.log)
    desk.restart()
    assert desk.oms.checkpoint() == state and len(desk.log) == log
    desk.do(Restarted())
    desk.online()
    assert len(desk.sends) == 1 and not desk.questions


def test_repeated_updates_are_ignored_and_a_gap_is_told() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.reported(order_id)
    update = desk.log[-1][0].update
    assert not accepted(desk.tell(update, sequence=1)).kept
    missing = gap(desk.tell(update, sequence=3))
    assert (missing.feed, missing.last) == (FEED, 1)


def test_a_trade_that_comes_twice_is_booked_once_and_its_sequence_is_used() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.fill(order_id, D(40), D("1.50"), "T1")
    [kept] = accepted(desk.fill(order_id, D(40), D("1.50"), "T1")).kept
    assert isinstance(kept.update, FeedRefused) and "T1" in kept.update.reason
    assert desk.order(order_id).executed_quantity == 40
    accepted(desk.fill(order_id, D(60), D("1.50"), "T2"))
    assert desk.available() == D(1_100)


def test_a_word_on_a_request_that_is_over_is_refused() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.reported(order_id)
    [kept] = accepted(desk.decided("P1", RequestStatus.REJECTED)).kept
    assert isinstance(kept.update, FeedRefused)
    assert not accepted(desk.do(FeedAnswer(FEED, NEVER_RECEIVED))).kept
    assert desk.order(order_id).status == "OnMarket"


def test_an_acknowledgement_gives_the_exchange_its_time_anew() -> None:
    desk = Desk()
    desk.placed()
    desk.wait(20)
    desk.decided("P1", RequestStatus.SUBMITTED)
    desk.wait(20)
    assert desk.status("P1") is RequestStatus.SUBMITTED
    desk.wait(11)
    assert desk.status("P1") is RequestStatus.UNKNOWN


def test_what_a_feed_says_beside_a_status_is_kept() -> None:
    desk = Desk()
    desk.placed()
    update = ClientRequestUpdate(request_id="P1", account=XS1, external_id="77", text="seen")
    desk.tell(RequestUpdated(update=update))
    state = desk.state.request(XS1, "P1")
    assert (state.external_id, state.text, state.status) == ("77", "seen", RequestStatus.SUBMITTED)


def test_a_feed_that_is_not_heard_of_falls_away() -> None:
    desk = Desk()
    expire_after = desk.now + 10 * NANOSECONDS
    desk.do(FeedStatus(FeedDetails(feed_id=FEED, status=ConnectionStatus.ONLINE, expire_after=expire_after)))
    desk.placed()
    assert desk.oms.next_due() == expire_after
    desk.wait(10)
    assert desk.state.feeds[FEED].status is ConnectionStatus.DISCONNECTED
    assert desk.status("P1") is RequestStatus.UNKNOWN


def test_a_clock_that_goes_back_changes_nothing_that_was_decided() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.now -= 3600 * NANOSECONDS
    desk.reported(order_id)
    assert desk.state.time == desk.log[-1][-1].time > desk.now
    assert not desk.wait(0)


@pytest.mark.parametrize("how", ["comes", "goes", "restart"])
def test_very_many_requests_are_dealt_with_in_parts(how: str) -> None:
    desk = Desk(OmsRules(together_max=3))
    if how == "comes":
        desk.away()
    for number in range(10):
        desk.placed(request_id=f"P{number}", quantity=D(10))
    if how == "comes":
        desk.wait(2)
        desk.online()
    elif how == "goes":
        desk.away()
    else:
        desk.restart()
        desk.do(Restarted())
    wanted = RequestStatus.SUBMITTED if how == "comes" else RequestStatus.UNKNOWN
    statuses = [desk.status(f"P{number}") for number in range(10)]
    assert statuses.count(wanted) == 3
    assert len(desk.oms.due(desk.now, 4)) == 4
    while desk.wait(0):
        pass
    assert [desk.status(f"P{number}") for number in range(10)] == [wanted] * 10
    assert len(desk.sends) == 10
