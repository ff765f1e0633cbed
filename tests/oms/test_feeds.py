"""The feed protocol: both sides alone, and against each other over a connection that fails."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zenithd.oms.evidence import Evidence, answer_with, ask_for_request, evidence_of, question_of
from zenithd.oms.feeds import (
    ALLOWED,
    PASSED_OVER_MAX,
    TRANSITIONS,
    Answered,
    Complaint,
    Configured,
    FeedHub,
    Happening,
    HubOutput,
    LocalFeedError,
    QueryAnswered,
    Seat,
    StatusTold,
    Submitted,
    ToAdapter,
    Unanswered,
)
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.directory import (
    ConnectionStatus,
    ExchangeDetails,
    FeedConfiguration,
    FeedDetails,
    RequestStatusDetails,
)
from zenithd.oms.model.orders import Side
from zenithd.oms.model.requests import ClientRequest, OrderCancel
from zenithd.oms.model.updates import ExchangeDefined, FeedRefused, RequestStatusDefined
from zenithd.oms.streaming import (
    SEQUENCED,
    ClientRequestResponse,
    FeedEvent,
    FeedEventType,
    FeedPosition,
    FeedQuery,
    FeedRequest,
    FeedRequestType,
    FeedResponse,
    order_id_of,
    sequenced,
    with_order_id,
)
from zenithd.oms.supplying import TRANSITIONS as CLIENT_TRANSITIONS
from zenithd.oms.supplying import (
    Asked,
    Ended,
    FeedClient,
    Kept,
    Queried,
    RemoteFeedError,
    Resumed,
    Rewind,
    Supply,
    Transmit,
)

FEED = "F"
OPEN = FeedRequest(type=FeedRequestType.OPEN, position=FeedPosition(sequence=FEED))
CLOSE = FeedRequest(type=FeedRequestType.CLOSE)
ONLINE = FeedRequest(
    type=FeedRequestType.STATUS, status=FeedDetails(feed_id=FEED, status=ConnectionStatus.ONLINE)
)
ACCOUNT = Account(owner_id="XS", account_id="0001")
REQUEST = ClientRequest(
    request_id="r1",
    account=ACCOUNT,
    body=OrderCancel(order_id="o1", code="C", exchange="E", side=Side.BUY, quantity=Decimal(1)),
    timestamp=5,
)


def update(number: int) -> ExchangeDefined:
    return ExchangeDefined(details=ExchangeDetails(exchange=f"E{number}"))


def submission(number: int) -> FeedRequest:
    return sequenced(FEED, number, update(number))


def told(outputs: list[HubOutput]) -> list[str]:
    """Short lines: who is told what, which updates are taken."""
    lines = []
    for output in outputs:
        match output:
            case ToAdapter(connection, event):
                at = "" if event.position is None else f" {event.position.position}"
                lines.append(f"{connection}: {event.type.value}{at}")
            case Submitted(sequence, FeedRefused()):
                lines.append(f"refused {sequence}")
            case Submitted(sequence, taken):
                assert isinstance(taken, ExchangeDefined)
                lines.append(f"taken {sequence} {taken.details.exchange}")
            case StatusTold(details):
                lines.append(f"status {details.status.value}")
            case Complaint(connection, (error,), is_fatal):
                lines.append(f"{connection}: {error}{' !' if is_fatal else ''}")
            case Unanswered(requests, queries):
                lines.append(f"unanswered {len(requests)} {len(queries)}")
            case Answered(request, _):
                lines.append(f"answered {request.request_id}")
            case QueryAnswered(query, _):
                lines.append(f"answered {query.type}")
            case Configured(configuration):
                lines.append(f"configured {configuration.name} {configuration.timestamp}")
    return lines


class Talk:
    """A hub that is told in short."""

    def __init__(self, last: int = 0) -> None:
        self.hub = FeedHub(FEED, last)

    def say(self, connection: int, *messages: FeedRequest, now: int = 1) -> list[str]:
        return [line for each in messages for line in told(self.hub.received(connection, each, now))]


def online(last: int = 0) -> Talk:
    talk = Talk(last)
    talk.say(1, OPEN, ONLINE)
    return talk


# The hub


def test_an_adapter_opens_and_is_told_where_to_go_on() -> None:
    assert Talk(7).say(1, OPEN) == ["1: Open", "1: Resume 7"]


def test_updates_are_taken_in_order_and_repeats_are_ignored() -> None:
    talk = online(7)
    assert talk.say(1, submission(8), submission(8), submission(3), submission(9)) == [
        "taken 8 E8",
        "taken 9 E9",
    ]
    assert talk.hub.last == 9


def test_after_a_gap_the_adapter_is_resumed_once_and_what_it_said_meanwhile_is_passed_over() -> None:
    talk = online(7)
    assert talk.say(1, submission(9)) == ["1: Suspend", "1: Resume 7"]
    assert talk.say(1, submission(10), submission(11)) == []
    assert talk.hub.seat(1) is Seat.BEHIND
    assert talk.say(1, *map(submission, (8, 9, 10))) == ["taken 8 E8", "taken 9 E9", "taken 10 E10"]
    assert talk.hub.seat(1) is Seat.OPEN


def test_an_adapter_that_does_not_go_back_is_told_again() -> None:
    talk = online()
    talk.say(1, submission(2))
    assert talk.say(1, *map(submission, range(3, 3 + PASSED_OVER_MAX))) == []
    assert talk.say(1, submission(3 + PASSED_OVER_MAX)) == ["1: Suspend", "1: Resume 0"]


def test_it_is_resumed_at_what_is_kept_not_at_what_was_taken() -> None:
    talk = online()
    talk.say(1, submission(1), submission(2))
    assert told(talk.hub.kept(1, 1)) == ["1: Bookmark 1"]
    assert talk.say(1, submission(4)) == ["1: Suspend", "1: Resume 1"]
    assert talk.say(1, submission(2), submission(3)) == ["taken 3 E3"]


def test_what_could_not_be_kept_is_asked_for_again() -> None:
    talk = online()
    talk.say(1, submission(1), submission(2))
    talk.hub.kept(1, 1)
    assert told(talk.hub.fell_back(1, 1)) == ["1: Suspend", "1: Resume 1"]
    assert talk.say(1, submission(3), submission(2), submission(3)) == ["taken 2 E2", "taken 3 E3"]


def test_a_held_feed_takes_nothing_until_it_is_released() -> None:
    talk = online()
    assert told(talk.hub.hold()) == ["1: Suspend"]
    assert told(talk.hub.hold()) == []
    assert talk.say(1, submission(1), submission(2)) == []
    assert told(talk.hub.release()) == ["1: Resume 0"]
    assert told(talk.hub.release()) == []
    assert talk.say(1, submission(3)) == []
    assert talk.say(1, submission(1)) == ["taken 1 E1"]


def test_who_opens_a_held_feed_waits_for_its_release() -> None:
    talk = Talk(4)
    talk.hub.hold()
    assert talk.say(1, OPEN) == ["1: Open"]
    assert told(talk.hub.release()) == ["1: Resume 4"]


def test_a_second_opener_stands_by_and_takes_over() -> None:
    talk = online()
    assert talk.say(2, OPEN) == []
    assert talk.say(3, OPEN) == []
    assert talk.say(2, submission(1)) == ["2: Feed.State Operation while standby !"]
    talk.say(1, submission(1))
    talk.hub.kept(1, 1)
    assert told(talk.hub.lost(1, 2)) == ["status Disconnected", "2: Open", "2: Resume 1"]
    assert told(talk.hub.lost(3, 2)) == []
    assert told(talk.hub.lost(2, 2)) == []
    assert not talk.hub.is_online


def test_a_standby_goes_without_anybody_noticing() -> None:
    talk = online()
    talk.say(2, OPEN)
    assert talk.say(2, CLOSE) == ["2: Close"]
    assert told(talk.hub.lost(1, 2)) == ["status Disconnected"]


def test_close_is_answered_when_all_is_written() -> None:
    talk = online()
    talk.say(2, OPEN)
    talk.say(1, submission(1))
    assert talk.say(1, CLOSE) == []
    assert talk.say(1, submission(2)) == ["1: Feed.State Operation while closing !"]
    assert told(talk.hub.kept(1, 3)) == [
        "1: Bookmark 1",
        "1: Close",
        "status Disconnected",
        "2: Open",
        "2: Resume 1",
    ]
    assert talk.hub.seat(1) is Seat.CLOSED


def test_a_feed_that_expires_later_is_not_disconnected_at_once() -> None:
    talk = Talk()
    later = FeedDetails(feed_id=FEED, status=ConnectionStatus.ONLINE, expire_after=100)
    talk.say(1, OPEN, FeedRequest(type=FeedRequestType.STATUS, status=later))
    assert told(talk.hub.lost(1, 50)) == []
    assert not talk.hub.is_online
    talk.say(2, OPEN, FeedRequest(type=FeedRequestType.STATUS, status=later))
    assert told(talk.hub.lost(2, 100)) == ["status Disconnected"]


def test_requests_and_queries_are_numbered_and_answered_once() -> None:
    talk = online()
    (sent,) = talk.hub.request(REQUEST, "o9")
    assert isinstance(sent, ToAdapter)
    assert sent.event.request is not None
    assert order_id_of(sent.event.request) == "o9"
    (asked,) = talk.hub.query(ask_for_request(REQUEST))
    assert isinstance(asked, ToAdapter)
    assert (sent.event.request_id, asked.event.request_id) == (1, 2)
    assert talk.hub.waiting == (REQUEST,)
    response = FeedRequest(
        type=FeedRequestType.REQUEST_RESPONSE,
        request_id=1,
        request_response=ClientRequestResponse(request_id="r1", account=ACCOUNT),
    )
    assert talk.say(1, response, response) == ["answered r1", "1: Feed.RequestID 1"]
    answer = FeedRequest(
        type=FeedRequestType.QUERY_RESPONSE, request_id=2, query_response=FeedResponse(type="Request")
    )
    assert talk.say(1, answer, answer) == ["answered Request", "1: Feed.RequestID 2"]


def test_what_was_not_answered_is_told_when_the_adapter_goes() -> None:
    talk = online()
    talk.hub.request(REQUEST, "o1")
    talk.hub.query(FeedQuery(type="x"))
    assert told(talk.hub.lost(1, 2)) == ["unanswered 1 1", "status Disconnected"]
    with pytest.raises(LocalFeedError):
        talk.hub.request(REQUEST, "o1")


def test_configuration_comes_back_at_the_next_resume() -> None:
    talk = online()
    configuration = FeedConfiguration(name="mine", settings={"a": "b"})
    message = FeedRequest(type=FeedRequestType.CONFIGURE, configuration=configuration)
    assert talk.say(1, message, now=8) == ["configured mine 8"]
    talk.hub.lost(1, 9)
    outputs = talk.hub.received(2, OPEN, 10)
    assert isinstance(outputs[1], ToAdapter)
    assert outputs[1].event.configuration == msgspec.structs.replace(configuration, timestamp=8)


def test_a_bookmark_is_given_when_it_is_asked_for() -> None:
    talk = online()
    talk.say(1, submission(1))
    assert talk.say(1, FeedRequest(type=FeedRequestType.BOOKMARK)) == ["1: Bookmark 0"]


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (OPEN, "Feed.State Open while open"),
        (
            FeedRequest(type=FeedRequestType.ACTION, position=FeedPosition(sequence="other", position=1)),
            "Feed.Name other instead of F",
        ),
        (FeedRequest(type=FeedRequestType.ACTION), "Feed.Field Position"),
        (
            FeedRequest(type=FeedRequestType.ACTION, position=FeedPosition(sequence=FEED, position=-4)),
            "Feed.Field Position",
        ),
        (FeedRequest(type=FeedRequestType.STATUS), "Feed.Field Status"),
        (FeedRequest(type=FeedRequestType.REQUEST_RESPONSE, request_id=1), "Feed.Field RequestResponse"),
    ],
)
def test_what_a_peer_must_not_do(message: FeedRequest, complaint: str) -> None:
    assert online().say(1, message) == [f"1: {complaint} !"]


def test_an_update_that_is_not_whole_uses_its_sequence() -> None:
    talk = online()
    hollow = FeedRequest(type=FeedRequestType.UPDATE, position=FeedPosition(sequence=FEED, position=1))
    assert talk.say(1, hollow, submission(2)) == ["refused 1", "taken 2 E2"]


def test_our_own_mistakes_raise() -> None:
    talk = online(3)
    with pytest.raises(LocalFeedError):
        talk.hub.kept(4, 1)
    with pytest.raises(LocalFeedError):
        talk.hub.fell_back(4, 1)


def test_nobody_may_say_anything_before_the_feed_is_open() -> None:
    for kind in FeedRequestType:
        if kind is not FeedRequestType.OPEN:
            (line,) = Talk().say(1, FeedRequest(type=kind))
            assert line == f"1: Feed.State {kind.value} while new !"


def test_every_seat_has_its_row_and_every_transition_is_used() -> None:
    assert set(ALLOWED) == set(Seat)
    assert {seat for seat, _ in TRANSITIONS} == set(Seat) - {Seat.CLOSED}
    assert {happening for _, happening in TRANSITIONS} == set(Happening)


# The adapter


def resume(position: int) -> FeedEvent:
    return FeedEvent(type=FeedEventType.RESUME, position=FeedPosition(sequence=FEED, position=position))


def bookmark(position: int) -> FeedEvent:
    return FeedEvent(type=FeedEventType.BOOKMARK, position=FeedPosition(sequence=FEED, position=position))


OPENED = FeedEvent(type=FeedEventType.OPEN)
SUSPENDED = FeedEvent(type=FeedEventType.SUSPEND)
CLOSED = FeedEvent(type=FeedEventType.CLOSE)


def sending(last: int = 0, at: int | None = None, buffer_max: int = 100) -> FeedClient:
    client = FeedClient(FEED, last, buffer_max)
    client.open()
    client.received(OPENED)
    client.received(resume(last if at is None else at))
    return client


def numbers(messages: list[FeedRequest]) -> list[int]:
    return [each.position.position for each in messages if each.position is not None]


def test_updates_wait_until_the_hub_says_from_where() -> None:
    client = FeedClient(FEED, 3)
    client.open()
    assert client.submit(4, update(4)) == []
    assert client.received(OPENED) == []
    assert client.submit(5, update(5)) == []
    outputs = client.received(resume(3))
    assert outputs == [Resumed(3, None), Transmit(submission(4)), Transmit(submission(5))]
    assert client.submit(6, update(6)) == [submission(6)]


def test_what_the_hub_has_is_numbered_and_not_sent() -> None:
    client = sending(last=3, at=5)
    assert [client.submit(each, update(each)) for each in (4, 5, 6)] == [[], [], [submission(6)]]


def test_what_is_kept_is_forgotten_and_the_rest_sent_again() -> None:
    client = sending()
    for number in (1, 2, 3):
        client.submit(number, update(number))
    assert client.received(bookmark(2)) == [Kept(2)]
    client.received(SUSPENDED)
    assert client.submit(4, update(4)) == []
    assert client.received(resume(2)) == [Resumed(2, None), Transmit(submission(3)), Transmit(submission(4))]


def test_it_is_told_to_go_back_where_it_no_longer_has_what_is_missing() -> None:
    client = sending()
    for number in (1, 2, 3):
        client.submit(number, update(number))
    client.received(bookmark(3))
    assert client.received(resume(1)) == [Resumed(1, None), Rewind(1)]
    assert client.submit(2, update(2)) == [submission(2)]


def test_what_it_says_before_it_knows_that_it_must_go_back_is_dropped() -> None:
    client = sending()
    for number in (1, 2, 3):
        client.submit(number, update(number))
    client.received(bookmark(3))
    client.received(resume(1))
    assert client.submit(4, update(4)) == []
    assert client.submit(2, update(2)) == [submission(2)]
    with pytest.raises(LocalFeedError):
        client.submit(4, update(4))


def test_a_full_buffer_is_said_before_it_breaks() -> None:
    client = sending(buffer_max=2)
    client.submit(1, update(1))
    assert client.has_room
    client.submit(2, update(2))
    assert not client.has_room
    with pytest.raises(LocalFeedError):
        client.submit(3, update(3))
    client.received(bookmark(1))
    assert client.submit(3, update(3)) == [submission(3)]


def test_requests_and_queries_come_through() -> None:
    client = sending()
    query = FeedQuery(type="x")
    assert client.received(FeedEvent(type=FeedEventType.REQUEST, request_id=4, request=REQUEST)) == [
        Asked(4, REQUEST)
    ]
    assert client.received(FeedEvent(type=FeedEventType.QUERY, request_id=5, query=query)) == [
        Queried(5, query)
    ]


def test_it_ends_when_the_hub_has_written_all() -> None:
    client = sending()
    assert client.close() == [CLOSE]
    assert client.received(resume(0)) == []
    with pytest.raises(LocalFeedError):
        client.submit(1, update(1))
    assert client.received(CLOSED) == [Ended()]
    assert client.state is Supply.CLOSED


@pytest.mark.parametrize(
    "event",
    [
        FeedEvent(type=FeedEventType.OPEN),
        FeedEvent(type=FeedEventType.CLOSE),
        FeedEvent(type=FeedEventType.RESUME),
        FeedEvent(type=FeedEventType.BOOKMARK, position=FeedPosition(sequence="other", position=1)),
        FeedEvent(type=FeedEventType.REQUEST, request_id=1),
        FeedEvent(type=FeedEventType.QUERY, request_id=1),
    ],
)
def test_what_the_hub_must_not_do(event: FeedEvent) -> None:
    with pytest.raises(RemoteFeedError):
        sending().received(event)


def test_nothing_is_said_before_the_feed_is_there() -> None:
    client = FeedClient(FEED)
    with pytest.raises(LocalFeedError):
        client.ask_bookmark()
    client.open()
    with pytest.raises(LocalFeedError):
        client.open()
    with pytest.raises(LocalFeedError):
        client.configure(FeedConfiguration(name="x"))
    with pytest.raises(LocalFeedError):
        FeedClient(FEED).close()


def test_the_adapters_table_names_every_event_and_state() -> None:
    assert {event for _, event in CLIENT_TRANSITIONS} == set(FeedEventType)
    states = {state for state, _ in CLIENT_TRANSITIONS} | set(CLIENT_TRANSITIONS.values())
    assert states == set(Supply) - {Supply.NEW}


# Words


def test_messages_travel_by_the_names_of_annex_p() -> None:
    message = sequenced(FEED, 3, RequestStatusDefined(details=RequestStatusDetails(code="Pending")))
    encoded = msgspec.json.encode(message)
    assert msgspec.json.decode(encoded) == {
        "Type": "Operation",
        "Position": {"Sequence": "F", "Position": 3},
        "Operation": {"Kind": 310, "Details": {"Code": "Pending"}},
    }
    assert msgspec.json.decode(encoded, type=FeedRequest) == message


def test_a_request_carries_the_orders_id() -> None:
    assert order_id_of(REQUEST) == "o1"
    assert order_id_of(with_order_id(REQUEST, "o2")) == "o2"


def test_evidence_is_asked_for_and_given() -> None:
    query = ask_for_request(REQUEST)
    question = question_of(query)
    assert question is not None
    assert (question.account, question.request_id, question.timestamp) == (ACCOUNT, "r1", 5)
    for evidence in Evidence:
        assert evidence_of(answer_with(query, evidence)) is evidence
    assert evidence_of(FeedResponse(type="Request", errors=("Operation",))) is None
    assert evidence_of(FeedResponse(type="Request")) is None
    assert question_of(FeedQuery(type="Other")) is None
    for name in ("Timestamp", "Sending"):
        bad = {**query.parameters, name: "-1"}
        assert question_of(FeedQuery(type="Request", parameters=bad)) is None


def test_a_question_and_an_answer_name_the_sending() -> None:
    question = question_of(ask_for_request(REQUEST, 3))
    assert question is not None and question.sending == 3
    talk = online()
    talk.hub.request(REQUEST, "o9", 3)
    response = ClientRequestResponse(request_id="r1", account=ACCOUNT)
    message = FeedRequest(type=FeedRequestType.REQUEST_RESPONSE, request_id=1, request_response=response)
    assert talk.hub.received(1, message, 9) == [Answered(REQUEST, response, 3)]


# Both, over connections that fail


ROUNDS_MAX = 1_000


class Line:
    """A hub and one adapter at a time; messages wait on the line until a step delivers or loses them."""

    def __init__(self, buffer_max: int) -> None:
        self.hub = FeedHub(FEED)
        self.taken: list[str] = []
        self.buffer_max = buffer_max
        self.made = 0
        """Updates that the adapter's records mean by now."""
        self.at = 0
        """The update that it has made last of them."""
        self.rewinds: list[int] = []
        """Told, and not looked at by the adapter."""
        self.connection = 0
        self.client = FeedClient(FEED)
        self.up: list[FeedRequest] = []
        self.down: list[FeedEvent] = []
        self.connect(0)

    def connect(self, remembered: int) -> None:
        """A new connection; the adapter remembers its updates up to a number and makes the rest again."""
        self.outputs(self.hub.lost(self.connection, 1))
        self.connection += 1
        self.up, self.down, self.rewinds = [], [], []
        self.at = min(remembered, self.client.kept)
        self.client = FeedClient(FEED, self.at, self.buffer_max)
        self.up += self.client.open()

    def make(self, count: int) -> None:
        """The adapter's records mean more updates; it submits what it can."""
        self.made += count
        while self.at < self.made and self.client.has_room:
            self.at += 1
            self.up += self.client.submit(self.at, update(self.at))

    def rewind(self) -> None:
        """The adapter looks at what it was told."""
        if self.rewinds:
            self.at = self.rewinds.pop(0)

    def outputs(self, outputs: list[HubOutput]) -> None:
        for output in outputs:
            match output:
                case ToAdapter(connection, event) if connection == self.connection:
                    self.down.append(event)
                case Submitted(sequence, taken):
                    assert isinstance(taken, ExchangeDefined)
                    assert sequence == len(self.taken) + 1
                    self.taken.append(taken.details.exchange)
                case Complaint():
                    raise AssertionError(output)

    def step_up(self) -> None:
        if self.up:
            self.outputs(self.hub.received(self.connection, self.up.pop(0), 1))

    def step_down(self) -> None:
        if self.down:
            for output in self.client.received(self.down.pop(0)):
                if isinstance(output, Transmit):
                    self.up.append(output.message)
                elif isinstance(output, Rewind):
                    self.rewinds.append(output.position)

    def fall_back(self, kept: int) -> None:
        """The hub starts again, or a commit fails: it has only what is kept."""
        kept = min(max(kept, self.hub.durable), self.hub.last)
        del self.taken[kept:]
        self.outputs(self.hub.fell_back(kept, 1))

    def keep(self, sequence: int) -> None:
        self.outputs(self.hub.kept(min(max(sequence, self.hub.durable), self.hub.last), 1))

    def finish(self) -> None:
        """Nothing fails any more."""
        self.outputs(self.hub.release())
        rounds = 0
        while self.up or self.down or self.rewinds or self.at < self.made:
            rounds += 1
            assert rounds < ROUNDS_MAX, "the two go round in circles"
            while self.up or self.down:
                self.step_up()
                self.step_down()
            self.rewind()
            if self.hub.durable < self.hub.last:
                self.keep(self.hub.last)
            self.make(0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("make"), st.integers(1, 5)),
        st.tuples(st.just("up"), st.integers(1, 4)),
        st.tuples(st.just("down"), st.integers(1, 4)),
        st.tuples(st.just("keep"), st.integers(0, 60)),
        st.tuples(st.just("fall back"), st.integers(0, 60)),
        st.tuples(st.just("connect"), st.integers(0, 60)),
        st.tuples(st.just("rewind"), st.just(0)),
        st.tuples(st.just("hold"), st.just(0)),
        st.tuples(st.just("release"), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS, st.integers(3, 40))
@settings(max_examples=300, deadline=None)
def test_whatever_fails_every_update_is_taken_once_and_in_order(
    steps: list[tuple[str, int]], buffer_max: int
) -> None:
    line = Line(buffer_max)
    for kind, amount in steps:
        match kind:
            case "make":
                line.make(amount)
            case "up":
                for _ in range(amount):
                    line.step_up()
            case "down":
                for _ in range(amount):
                    line.step_down()
            case "keep":
                line.keep(amount)
            case "fall back":
                line.fall_back(amount)
            case "connect":
                line.connect(amount)
            case "rewind":
                line.rewind()
            case "hold":
                line.outputs(line.hub.hold())
            case "release":
                line.outputs(line.hub.release())
        assert line.taken == [f"E{number}" for number in range(1, len(line.taken) + 1)]
    line.finish()
    assert line.taken == [f"E{number}" for number in range(1, line.made + 1)]


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(list(FeedRequestType)), st.integers(-2, 9))))
@settings(max_examples=300, deadline=None)
def test_whatever_adapters_say_the_hub_does_not_break(said: list[tuple[int, FeedRequestType, int]]) -> None:
    hub = FeedHub(FEED)
    for connection, kind, number in said:
        if number == 9:
            hub.lost(connection, 1)
            continue
        whole = kind in SEQUENCED and number % 2
        message = submission(number) if whole else FeedRequest(type=kind, request_id=number)
        if kind is FeedRequestType.OPEN:
            message = OPEN
        before = hub.last
        outputs = hub.received(connection, message, 1)
        taken = [each.sequence for each in outputs if isinstance(each, Submitted)]
        assert taken == list(range(before + 1, hub.last + 1))
