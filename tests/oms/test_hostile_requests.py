"""Whatever a client sends: an answer with documented codes, never an exception, and books that add up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oms.desk import FEED, START, XS1, XS2, D, Desk, X, Y, new, replace
from zenithd.oms.codes import DOCUMENTED, OF_MARKETS, OWN, without_values
from zenithd.oms.commands import Accepted, Refused, Submit
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.entity import Id
from zenithd.oms.model.orders import Lifetime, OrderType, Side
from zenithd.oms.model.requests import (
    ClientCashTransfer,
    ClientQueue,
    ClientQueueReplace,
    ClientQueueUpdate,
    ClientRequest,
    ClientRequestUpdate,
    OrderAmend,
    OrderCancel,
    OrderMove,
    RequestStatus,
)
from zenithd.oms.reference import Level, Verdict
from zenithd.oms.refusals import Result

CODES = set(DOCUMENTED) | OF_MARKETS | OWN | {"Vetted"}
NUMBERS = st.one_of(
    st.sampled_from(
        [D(x) for x in ("0", "-0", "1", "100", "100.5", "-1", "1E+9", "1E-9", "1E+30", "1E-30", "1E+999999")]
        + [D(x) for x in ("NaN", "-NaN", "sNaN", "Infinity", "-Infinity", "1.50", "2", "1E-999999")]
    ),
    st.decimals(),
)
TEXTS = st.one_of(
    st.sampled_from(["", "XSX", "XS01", "x" * 500, "\x00", "XSX[Demo]", "[", "]", "é"]), st.text()
)
ACCOUNTS = st.sampled_from(
    [XS1, XS1, XS2, Account(owner_id="", account_id=""), Account(owner_id="YY", account_id="0001[Demo]")]
)
MARKET = st.one_of(st.just(X), st.just(Y), st.just(""), TEXTS)
ORDER_ID = st.one_of(st.sampled_from(["resting", "queued", "held", "sent", "filled"]), TEXTS)
REQUEST_ID = st.one_of(st.sampled_from(["queued", "resting", "again", "again", ""]), TEXTS)
TIMES = st.one_of(st.none(), st.just(START), st.integers(-(2**70), 2**70))
WORDS = {
    "Algorithm": ["Market", "BestMarket", "FIX", ""],
    "Validity": ["AllOrNone", "x"],
    "OrderType": ["Best", "x"],
    "Condition": ["StopLoss", "TrailingStopLoss", "x"],
    "Condition.Stop": ["1.90", "NaN", "-1", "1E+999999999", "x", "99999999999"],
    "Condition.Reference": ["Last", "BestBid", "x"],
    "Condition.Direction": ["Up", "Down", "None", "x"],
    "Condition.Type": ["Price", "Percent", "x"],
    "Condition.Value": ["0.1", "50", "100", "1E-17", "x"],
    "Condition.Limit": ["0", "0.1", "99.99", "1E-17", "x"],
    "BrokerageSchedule": ["", "x"],
}
PROPERTIES = st.one_of(
    st.fixed_dictionaries({}, optional={name: st.sampled_from(words) for name, words in WORDS.items()}),
    st.dictionaries(TEXTS, TEXTS, max_size=40),
)
VALUES = st.dictionaries(
    st.one_of(
        st.sampled_from(["HiddenQuantity", "MinimumQuantity", "ReservePrice", "Condition.Stop"]), TEXTS
    ),
    NUMBERS,
    max_size=4,
)
QUEUE = st.builds(ClientQueue, queue_id=st.one_of(st.none(), TEXTS), expire_after=TIMES)
IDS = st.lists(st.builds(Id, name=TEXTS, values=st.dictionaries(TEXTS, TEXTS)), max_size=2).map(tuple)
OF_BODIES: dict[str, st.SearchStrategy[object]] = {
    "code": TEXTS,
    "exchange": TEXTS,
    "side": st.sampled_from(Side),
    "order_type": st.sampled_from(OrderType),
    "quantity": NUMBERS,
    "price": st.one_of(st.none(), NUMBERS),
    "lifetime": st.sampled_from(Lifetime),
    "expiry_date": TIMES,
    "ex_destination": MARKET,
    "cfi_code": TEXTS,
    "order_id": ORDER_ID,
    "prev_request_id": TEXTS,
    "prev_account": ACCOUNTS,
    "currency": TEXTS,
    "value": NUMBERS,
    "request_id": REQUEST_ID,
}
OF_REQUESTS: dict[str, st.SearchStrategy[object]] = {
    "request_id": REQUEST_ID,
    "account": ACCOUNTS,
    "is_validate": st.booleans(),
    "timestamp": st.integers(-(2**70), 2**70),
    "queue": st.one_of(st.none(), QUEUE),
    "values": VALUES,
    "properties": PROPERTIES,
    "ids": IDS,
}
OF_UPDATES: dict[str, st.SearchStrategy[object]] = {
    "request_id": REQUEST_ID,
    "account": ACCOUNTS,
    "order_id": st.one_of(st.none(), ORDER_ID),
    "status": st.one_of(st.none(), st.sampled_from(RequestStatus)),
    "target": st.one_of(st.none(), QUEUE),
    "is_completed": st.booleans(),
}


def terms(order_id: str) -> dict[str, Any]:
    """An amendment of a purchase, a little larger."""
    return {
        "order_id": order_id,
        "code": "XS01",
        "exchange": "XSX",
        "side": Side.SELL if order_id == "held" else Side.BUY,
        "order_type": OrderType.LIMIT,
        "quantity": D(150),
        "price": D("1.60"),
    }


def named(order_id: str) -> dict[str, Any]:
    """What cancellations and moves repeat."""
    return {name: value for name, value in terms(order_id).items() if name not in ("order_type", "price")}


ORDERS = ("resting", "queued", "held", "sent", "filled")
PLAIN: list[Any] = [new().body, *(OrderAmend(**terms(each)) for each in ORDERS)]
PLAIN += [OrderCancel(**named(each) | {"quantity": D(0)}) for each in ORDERS]
PLAIN += [
    OrderMove(prev_account=XS1, **{name: value for name, value in named(each).items() if name != "quantity"})
    for each in ("resting", "filled")
]
PLAIN.append(ClientCashTransfer(currency="AUD", value=D(5)))
RELEASE = ClientRequestUpdate(request_id="queued", account=XS1, target=ClientQueue())
BODIES = [
    *PLAIN,
    *PLAIN[:6],
    ClientQueueUpdate(update=RELEASE),
    ClientQueueReplace(request_id="queued", body=PLAIN[0]),
]
CONDITION = {"Condition": "TrailingStopLoss", "Condition.Type": "Percent", "Condition.Value": "5"}
CONDITION |= {"Condition.Limit": "1"}


@st.composite
def requests(draw: st.DrawFn) -> ClientRequest:
    """A request that would do, with some of it changed."""
    body = draw(st.sampled_from(BODIES))
    for _ in range(draw(st.integers(0, 2))):
        if isinstance(body, ClientQueueUpdate):
            body = ClientQueueUpdate(update=_changed(draw, body.update, OF_UPDATES))
        elif isinstance(body, ClientQueueReplace):
            body = replace(body, body=draw(st.sampled_from(PLAIN)))
            body = replace(body, body=_changed(draw, body.body, OF_BODIES))
        else:
            body = _changed(draw, body, OF_BODIES)
    properties = draw(st.sampled_from([{"Algorithm": "Market"}, {"Algorithm": "BestMarket"}, CONDITION]))
    account = XS2 if isinstance(body, OrderMove) else XS1
    request = ClientRequest(request_id="", account=account, body=body, properties=properties)
    for _ in range(draw(st.integers(0, 1))):
        request = _changed(draw, request, OF_REQUESTS)
    return request


def _changed(draw: st.DrawFn, struct: Any, strategies: dict[str, st.SearchStrategy[object]]) -> Any:
    fields = [name for name in struct.__struct_fields__ if name in strategies]
    field = draw(st.sampled_from(fields))
    return replace(struct, **{field: draw(strategies[field])})


def busy_desk() -> Desk:
    """A desk with an order in every stage, whose ids are what they are called."""
    desk = Desk()
    names = iter(["resting", "queued", "held", "sent", "filled"])
    identifiers = desk.around.identifiers
    identifiers.new_order_id = lambda: next(names, None) or identifiers._next("O")  # type: ignore[attr-defined,method-assign]
    desk.placed(request_id="resting")
    desk.reported("resting")
    desk.verdict = lambda case: Verdict(Level.AUTH, ("Vetted",))
    desk.placed(request_id="queued")
    desk.verdict = lambda case: Verdict()
    desk.placed(
        request_id="held", side=Side.SELL, properties={"Condition": "StopLoss", "Condition.Stop": "1"}
    )
    desk.placed(request_id="sent")
    desk.placed(request_id="filled")
    desk.fill("filled", D(100), D("1.50"), "T1")
    return desk


def test_a_negative_value_that_nobody_knows_is_refused() -> None:
    desk = busy_desk()
    request = replace(new(), request_id="R-negative", values={"Anything": Decimal(-1)})
    outcome = desk.do(Submit(request, "demo"))
    assert isinstance(outcome, Refused)
    assert (outcome.result, outcome.errors) == (Result.INVALID, ("Details",))


@settings(max_examples=600, deadline=None)
@given(st.lists(requests(), min_size=1, max_size=6), st.sampled_from([Level.PASS, *Level]))
def test_every_request_gets_an_answer(asked: list[ClientRequest], level: Level) -> None:
    desk = busy_desk()
    desk.verdict = lambda case: Verdict(level, ("Vetted",))
    for request in asked:
        outcome = desk.do(Submit(request, "demo"))
        if isinstance(outcome, Refused):
            assert outcome.result in (Result.REJECTED, Result.INVALID, Result.INCOMPLETE)
            assert outcome.request_id and outcome.errors
            assert {without_values(code) for code in outcome.errors} <= CODES
        else:
            assert isinstance(outcome, Accepted)
            assert outcome.answer is not None and outcome.answer.request_id
    for account in (XS1, XS2):
        cash = desk.state.balance(account, "AUD")
        assert cash.trading >= 0 and desk.available(account) >= 0
        assert isinstance(cash.trading, Decimal)
    desk.away(FEED)
    desk.online(FEED)
    desk.restart()
