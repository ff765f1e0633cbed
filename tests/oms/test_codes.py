"""The codes of zenith-websocket 4.E: each with an input that brings it, and the result that goes with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.oms.desk import (
    CENT,
    EXCHANGE,
    FEED,
    OPEN,
    START,
    XS1,
    XS2,
    D,
    Desk,
    X,
    Y,
    refused,
    replace,
)
from zenithd.oms.codes import DOCUMENTED, OF_MARKETS, OWN, Finder, without_values
from zenithd.oms.commands import Define, Refused, Transact
from zenithd.oms.model.accounts import Account, AccountDetails
from zenithd.oms.model.directory import ExchangeDestination
from zenithd.oms.model.orders import Lifetime, OrderType, Side
from zenithd.oms.model.requests import (
    ClientCashTransfer,
    ClientQueue,
    ClientQueueUpdate,
    ClientRequest,
    ClientRequestUpdate,
    OrderCancel,
    OrderMove,
    RequestStatus,
)
from zenithd.oms.model.transactions import CashTransfer, TransactionDetails
from zenithd.oms.model.updates import AccountDefined, CashTransferred, ExchangeDefined
from zenithd.oms.reference import Level, Verdict
from zenithd.oms.refusals import Result

REJECTED, INVALID, INCOMPLETE = Result.REJECTED, Result.INVALID, Result.INCOMPLETE
NAN = D("NaN")
YEAR = 366 * 86_400 * 1_000_000_000
Arrange = Callable[[Desk], None]


def nothing(desk: Desk) -> None:
    """As it is."""


def symbol(**changes: Any) -> Arrange:
    def arrange(desk: Desk) -> None:
        desk.listing.symbols["XSX", "XS01"] = replace(CENT, **changes)

    return arrange


def market(**changes: Any) -> Arrange:
    def arrange(desk: Desk) -> None:
        for each in (X, Y):
            desk.listing.markets["XS01", each] = replace(OPEN, **changes)

    return arrange


def untraded(*trading_markets: str) -> Arrange:
    """Trading markets that do not have the symbol: nothing is known of it there."""

    def arrange(desk: Desk) -> None:
        for each in trading_markets:
            desk.listing.untraded.add(("XS01", each))
            del desk.listing.markets["XS01", each]

    return arrange


def exchange(*destinations: ExchangeDestination) -> Arrange:
    def arrange(desk: Desk) -> None:
        desk.do(Define(ExchangeDefined(details=replace(EXCHANGE, destinations=destinations))))

    return arrange


def no_market(desk: Desk) -> None:
    desk.listing.markets.clear()


def vetting_fails(desk: Desk) -> None:
    desk.verdict = lambda case: Verdict(Level.FAIL, ("OrderPrice.TooFarAbove", "OrderValue.Exceed 9"))


PROPERTIES = "properties"
MARKET = {"order_type": OrderType.MARKET, "price": None}
TWICE = (
    ExchangeDestination(ex_destination=X, route=FEED, is_lit=True),
    ExchangeDestination(ex_destination=X, route="Other", is_lit=True),
)
DARK = (ExchangeDestination(ex_destination=X, route=FEED),)
LOST = (ExchangeDestination(ex_destination=X, route="Nobody", is_lit=True),)
GTD = Lifetime.GOOD_TILL_DATE
TRAILING = {"Condition": "TrailingStopLoss", "Condition.Type": "Price", "Condition.Value": "1"}
TRAILING |= {"Condition.Limit": "1"}

PLACE: list[tuple[str, Result, dict[str, Any], Arrange]] = [
    ("Account", INCOMPLETE, {"account": Account(owner_id="XS", account_id="")}, nothing),
    ("Account", REJECTED, {"account": Account(owner_id="XS", account_id="9999")}, nothing),
    ("Account", INVALID, {"account": Account(owner_id="XS", account_id="9" * 201)}, nothing),
    ("Exchange", INCOMPLETE, {"exchange": ""}, nothing),
    ("Exchange", REJECTED, {"exchange": "ASX"}, nothing),
    ("Exchange", INVALID, {"exchange": "X" * 201}, nothing),
    ("Symbol", INCOMPLETE, {"code": ""}, nothing),
    ("Symbol", REJECTED, {"code": "XS99"}, nothing),
    ("Symbol", INVALID, {"code": "X" * 201}, nothing),
    ("Symbol.Status", REJECTED, {}, market(can_place=False)),
    ("Style", INVALID, {}, symbol(is_managed_fund=True)),
    ("Tag", INVALID, {"exchange": "XSX[Demo]"}, nothing),
    ("Details", INVALID, {PROPERTIES: {str(n): "" for n in range(40)}}, nothing),
    ("Details", INVALID, {PROPERTIES: {"Instructions": "x" * 201}}, nothing),
    ("Details", INVALID, {PROPERTIES: {"BrokerageSchedule": "none"}}, nothing),
    ("Details", INVALID, {"values": {"Own": NAN}}, nothing),
    ("Order", INVALID, {"request_id": "x" * 201}, nothing),
    ("Details", INVALID, {"queue": ClientQueue(queue_id="Desk", expire_after=2**63)}, nothing),
    ("Details", INVALID, {"queue": ClientQueue(queue_id="Desk", reason="x" * 201)}, nothing),
    ("Route", INCOMPLETE, {PROPERTIES: {"Algorithm": ""}, "ex_destination": ""}, nothing),
    ("Route.Algorithm", INVALID, {PROPERTIES: {"Algorithm": "FIX"}}, nothing),
    ("Route.Market", INCOMPLETE, {"ex_destination": ""}, nothing),
    ("Route.Market", REJECTED, {"ex_destination": "ASX::CP"}, nothing),
    ("Route.Tag", INVALID, {"ex_destination": "XSX::XSX[Demo]"}, nothing),
    ("Route.Ambiguous", REJECTED, {}, exchange(*TWICE)),
    ("Route.Symbol", REJECTED, {}, untraded(X)),
    ("Route.Symbol", REJECTED, {PROPERTIES: {"Algorithm": "BestMarket"}}, exchange(*DARK)),
    ("Route.Symbol", REJECTED, {PROPERTIES: {"Algorithm": "BestMarket"}}, untraded(X, Y)),
    ("Internal.Path", REJECTED, {}, exchange(*LOST)),
    ("Internal.Unavailable", REJECTED, {}, no_market),
    ("TotalQuantity", INVALID, {"quantity": D(0)}, nothing),
    ("TotalQuantity", INVALID, {"quantity": NAN}, nothing),
    ("TotalQuantity", INVALID, {"quantity": D("sNaN")}, nothing),
    ("TotalQuantity", INVALID, {"quantity": D("Infinity")}, nothing),
    ("TotalQuantity", INVALID, {"quantity": D("1E+400")}, nothing),
    ("TotalQuantity", INVALID, {"quantity": D("1E-13")}, nothing),
    ("TotalQuantity.Step", INVALID, {"quantity": D("100.5")}, nothing),
    ("TotalQuantity.Step", INVALID, {"quantity": D(150)}, symbol(lot_size=D(100))),
    ("TotalQuantity.Maximum", REJECTED, {"quantity": D(10_000_000_000)}, nothing),
    ("TotalQuantity.Maximum", REJECTED, {}, symbol(quantity_maximum=D(99))),
    ("TotalQuantity.Minimum", REJECTED, {}, symbol(quantity_minimum=D(101))),
    ("TotalQuantity.Holdings", REJECTED, {"side": Side.SELL, "quantity": D(1_001)}, nothing),
    ("VisibleQuantity", INVALID, {"quantity": D(-1)}, nothing),
    ("VisibleQuantity", INVALID, {"values": {"HiddenQuantity": D(100)}}, nothing),
    ("HiddenQuantity", INVALID, {"values": {"HiddenQuantity": D(-1)}}, nothing),
    ("HiddenQuantity", INVALID, {"values": {"HiddenQuantity": NAN}}, nothing),
    ("HiddenQuantity", INVALID, {"values": {"HiddenQuantity": D(10)}, **MARKET}, nothing),
    ("HiddenQuantity.Symbol", REJECTED, {"values": {"HiddenQuantity": D(10)}}, symbol(allows_hidden=False)),
    ("MinimumQuantity", INVALID, {"values": {"MinimumQuantity": D(-1)}}, nothing),
    ("MinimumQuantity", INVALID, {"values": {"MinimumQuantity": D("0.5")}}, nothing),
    ("MinimumQuantity.Invalid", INVALID, {"values": {"MinimumQuantity": D(101)}}, nothing),
    ("MinimumQuantity.Symbol", REJECTED, {"values": {"MinimumQuantity": D(1)}}, symbol(allows_minimum=False)),
    ("LimitPrice", INVALID, {"price": D(0)}, nothing),
    ("LimitPrice", INVALID, {"price": D(-1)}, nothing),
    ("LimitPrice", INVALID, {"price": NAN}, nothing),
    ("LimitPrice", INVALID, {"price": D("1E+20")}, nothing),
    ("LimitPrice", INVALID, {"price": D(1000)}, nothing),
    ("LimitPrice.Step", INVALID, {"price": D("1.505")}, nothing),
    ("LimitPrice.Missing", INCOMPLETE, {"price": None}, nothing),
    ("LimitPrice.Given", INVALID, {"order_type": OrderType.MARKET}, nothing),
    ("LimitPrice.Minimum", REJECTED, {}, symbol(price_minimum=D("1.60"))),
    ("LimitPrice.Maximum", REJECTED, {}, symbol(price_maximum=D("1.40"))),
    ("LimitPrice.Distance", REJECTED, {}, symbol(price_distance=D("0.2"))),
    ("OrderType", INVALID, {"order_type": OrderType.PEGGED, "price": None}, nothing),
    ("OrderType", INVALID, {PROPERTIES: {"OrderType": "Best"}}, nothing),
    ("OrderType.Market", REJECTED, MARKET, market(order_types=frozenset({OrderType.LIMIT}))),
    ("OrderType.Status", REJECTED, MARKET, market(is_continuous=False)),
    ("OrderType.Status", REJECTED, MARKET, market(last_or_close=None, best_ask=None)),
    ("OrderType.Symbol", REJECTED, MARKET, symbol(order_types=frozenset({OrderType.LIMIT}))),
    ("OrderType.Symbol", REJECTED, {**MARKET, PROPERTIES: {"OrderType": "Best"}}, nothing),
    ("Side", REJECTED, {"side": Side.SHORTSELL}, nothing),
    ("Validity", INVALID, {PROPERTIES: {"Validity": "Sometimes"}}, nothing),
    ("Validity", REJECTED, {"lifetime": Lifetime.FILL_OR_KILL}, market(is_continuous=False)),
    ("Validity.Symbol", REJECTED, {PROPERTIES: {"Validity": "AllOrNone"}}, symbol(allows_all_or_none=False)),
    ("Validity.Symbol", REJECTED, {"lifetime": GTD, "expiry_date": START}, symbol(lifetimes=frozenset())),
    ("ExpiryDate", INCOMPLETE, {"lifetime": GTD}, nothing),
    ("ExpiryDate", INVALID, {"expiry_date": START}, nothing),
    ("ExpiryDate", INVALID, {"lifetime": GTD, "expiry_date": START - YEAR}, nothing),
    ("ExpiryDate", INVALID, {"lifetime": GTD, "expiry_date": 10**30}, nothing),
    ("ExpiryDate.Maximum", INVALID, {"lifetime": GTD, "expiry_date": START + 2 * YEAR}, nothing),
    ("TotalValue.Balance", REJECTED, {"quantity": D(10_000)}, nothing),
    ("TotalValue.Maximum", REJECTED, {"quantity": D(900_000_000), "price": D(2)}, nothing),
    ("OrderPrice.TooFarAbove", REJECTED, {}, vetting_fails),
    ("OrderValue.Exceed", REJECTED, {}, vetting_fails),
    ("TotalValue.Balance", REJECTED, {"quantity": D(10_000)}, vetting_fails),
    ("Condition", INVALID, {PROPERTIES: {"Condition": "Hope"}}, nothing),
    ("Condition.Stop", INVALID, {PROPERTIES: {"Condition": "StopLoss", "Condition.Stop": "-1"}}, nothing),
    ("Condition.Stop", INVALID, {PROPERTIES: {"Condition": "StopLoss", "Condition.Stop": "NaN"}}, nothing),
    ("Condition.Stop", REJECTED, {PROPERTIES: {"Condition": "StopLoss"}}, market(last=None)),
    ("Condition.Reference", INVALID, {PROPERTIES: {**TRAILING, "Condition.Reference": "Mid"}}, nothing),
    ("Condition.Direction", INVALID, {PROPERTIES: {**TRAILING, "Condition.Direction": "Left"}}, nothing),
    ("Condition.Limit", INCOMPLETE, {PROPERTIES: {"Condition": "TrailingStopLoss"}}, nothing),
    ("Condition.Limit", INVALID, {PROPERTIES: {**TRAILING, "Condition.Limit": "x"}}, nothing),
    ("Condition.Type", INCOMPLETE, {PROPERTIES: {"Condition": "TrailingStopLoss"}}, nothing),
    ("Condition.Type", INVALID, {PROPERTIES: {**TRAILING, "Condition.Type": "Miles"}}, nothing),
    ("Condition.Value", INCOMPLETE, {PROPERTIES: {"Condition": "TrailingStopLoss"}}, nothing),
    ("Condition.Value", INVALID, {PROPERTIES: {**TRAILING, "Condition.Value": "0"}}, nothing),
]  # fmt: skip
"""Code, result, what is changed in a valid order, how the world is."""


def on_market(desk: Desk) -> str:
    order_id = desk.placed()
    desk.reported(order_id)
    return order_id


def amended(**changes: Any) -> Callable[[Desk], Any]:
    return lambda desk: desk.amend(on_market(desk), **changes)


def cancelled(**changes: Any) -> Callable[[Desk], Any]:
    def run(desk: Desk) -> Any:
        named = {"order_id": on_market(desk), "code": "XS01", "exchange": "XSX", "side": Side.BUY}
        body = OrderCancel(**{**named, "quantity": D(100), **changes})
        return desk.submit(ClientRequest(request_id="C1", account=XS1, body=body))

    return run


def amended_twice(desk: Desk) -> Any:
    order_id = on_market(desk)
    desk.amend(order_id, quantity=D(200))
    return desk.amend(order_id, "A2", quantity=D(300))


def amended_below_fill(desk: Desk) -> Any:
    order_id = on_market(desk)
    desk.fill(order_id, D(50), D("1.50"), "T1")
    return desk.amend(order_id, quantity=D(50))


def while_closed(what: str) -> Callable[[Desk], Any]:
    def run(desk: Desk) -> Any:
        order_id = on_market(desk)
        market(can_amend=False, can_cancel=False)(desk)
        return desk.amend(order_id, quantity=D(200)) if what == "amend" else desk.cancel(order_id)

    return run


def on_the_way(what: str) -> Callable[[Desk], Any]:
    def run(desk: Desk) -> Any:
        order_id = desk.placed()
        return desk.amend(order_id, quantity=D(200)) if what == "amend" else desk.cancel(order_id)

    return run


def filled(what: str) -> Callable[[Desk], Any]:
    def run(desk: Desk) -> Any:
        order_id = desk.placed()
        desk.fill(order_id, D(100), D("1.50"), "T1")
        return desk.amend(order_id, quantity=D(200)) if what == "amend" else desk.cancel(order_id)

    return run


def unknown_order(desk: Desk) -> Any:
    body = OrderMove(order_id="X", prev_account=XS1, code="XS01", exchange="XSX", side=Side.BUY)
    return desk.submit(ClientRequest(request_id="M1", account=XS2, body=body))


def moved(account: Account) -> Callable[[Desk], Any]:
    def run(desk: Desk) -> Any:
        details = AccountDetails(account=account)
        desk.do(Define(AccountDefined(details=details)))
        body = OrderMove(
            order_id=on_market(desk), prev_account=XS1, code="XS01", exchange="XSX", side=Side.BUY
        )
        return desk.submit(ClientRequest(request_id="M1", account=account, body=body))

    return run


def another_body(desk: Desk) -> Any:
    desk.place()
    return desk.place(quantity=D(200))


def transferred(**changes: Any) -> Callable[[Desk], Any]:
    def run(desk: Desk) -> Any:
        body = ClientCashTransfer(**{"currency": "AUD", "value": D(1), **changes})
        return desk.submit(ClientRequest(request_id="T1", account=XS1, body=body))

    return run


def queue_operation(desk: Desk) -> Any:
    update = ClientRequestUpdate(account=XS1, request_id="X", target=ClientQueue())
    return desk.submit(ClientRequest(request_id="Q1", account=XS1, body=ClientQueueUpdate(update=update)))


def condition_on_market(desk: Desk) -> Any:
    properties = {"Condition": "StopLoss", "Condition.Stop": "1"}
    return desk.amend(on_market(desk), properties=properties)


def settled_otherwise(desk: Desk) -> Any:
    details = TransactionDetails(transaction_id="S", account=XS1)
    transfer = CashTransfer(currency="AUD", value=D(1))
    return desk.do(Transact(CashTransferred(transaction=details, transfer=transfer), expected=D(5)))


def same_transaction_otherwise(desk: Desk) -> Any:
    desk.deposit(XS1, D(1), "S")
    return desk.deposit(XS1, D(2), "S")


OTHERWISE: list[tuple[str, Result, Callable[[Desk], Any]]] = [
    ("Order", INVALID, another_body),
    ("Order", REJECTED, unknown_order),
    ("Order", INCOMPLETE, amended(order_id="")),
    ("Order", REJECTED, queue_operation),
    ("Retry", REJECTED, on_the_way("amend")),
    ("Retry", REJECTED, on_the_way("cancel")),
    ("Order.Status", REJECTED, filled("amend")),
    ("Order.Status", REJECTED, filled("cancel")),
    ("Order.Status", REJECTED, amended(prev_request_id="other")),
    ("Retry", REJECTED, amended_twice),
    ("Status", REJECTED, while_closed("amend")),
    ("Status", REJECTED, while_closed("cancel")),
    ("Operation", REJECTED, amended(ex_destination=Y)),
    ("Operation", REJECTED, condition_on_market),
    ("Symbol", INVALID, amended(code="XS02")),
    ("Exchange", INVALID, amended(exchange="ASX")),
    ("Side", INVALID, amended(side=Side.SELL)),
    ("Symbol", INVALID, cancelled(code="XS02")),
    ("Exchange", INVALID, cancelled(exchange="ASX")),
    ("Side", INVALID, cancelled(side=Side.SELL)),
    ("Order.Status", REJECTED, cancelled(quantity=D(99))),
    ("Order.Status", REJECTED, cancelled(prev_request_id="other")),
    ("TotalQuantity.Executed", REJECTED, amended_below_fill),
    ("TotalValue.Balance", REJECTED, amended(quantity=D(100_000))),
    ("Account", INVALID, moved(XS1)),
    ("Route.Tag", INVALID, moved(Account(owner_id="XS", account_id="0003[Demo]"))),
    ("Currency", INCOMPLETE, transferred(currency="")),
    ("Details", INVALID, transferred(value=D(0))),
    ("TotalValue.Balance", REJECTED, transferred(value=D(-10_001))),
    ("Internal.Path", REJECTED, transferred()),
    ("ExpectedBalance", REJECTED, settled_otherwise),
    ("Transaction.TransactionID", INVALID, same_transaction_otherwise),
]
"""Code, result, how to get there without a plain PlaceOrder."""


def given_up(desk: Desk) -> tuple[str, ...]:
    """An order that waited too long for its feed."""
    desk.away()
    order_id = desk.placed()
    desk.wait(31)
    return desk.order(order_id).errors


def lost(desk: Desk) -> tuple[str, ...]:
    """A request that may have worked."""
    desk.placed()
    desk.wait(31)
    errors: tuple[str, ...] = desk.state.request(XS1, "P1").errors
    return errors


def not_authorised(desk: Desk) -> tuple[str, ...]:
    """A queued order that somebody refused."""
    desk.verdict = lambda case: Verdict(Level.AUTH)
    order_id = desk.placed()
    update = ClientRequestUpdate(account=XS1, request_id="P1", status=RequestStatus.REJECTED)
    desk.submit(ClientRequest(request_id="Q1", account=XS1, body=ClientQueueUpdate(update=update)))
    return desk.order(order_id).errors


AFTERWARDS = [("Timeout", given_up), ("Submitted", lost), ("Authority", not_authorised)]
"""Codes that an accepted request gets later."""


def codes_of(outcome: Refused) -> list[str]:
    return [without_values(code) for code in outcome.errors]


@pytest.mark.parametrize(("code", "result", "changes", "arrange"), PLACE)
def test_a_place_order_that_cannot_be(
    code: str, result: Result, changes: dict[str, Any], arrange: Arrange
) -> None:
    desk = Desk()
    arrange(desk)
    before = len(desk.log)
    outcome = refused(desk.place(**changes))
    assert code in codes_of(outcome)
    assert outcome.result is result
    assert len(desk.log) == before and not desk.sends


@pytest.mark.parametrize(("code", "result", "run"), OTHERWISE)
def test_another_request_that_cannot_be(code: str, result: Result, run: Callable[[Desk], Any]) -> None:
    outcome = refused(run(Desk()))
    assert code in codes_of(outcome)
    assert outcome.result is result


@pytest.mark.parametrize(("code", "run"), AFTERWARDS)
def test_a_code_that_comes_later(code: str, run: Callable[[Desk], tuple[str, ...]]) -> None:
    assert run(Desk()) == (code,)


def test_every_code_that_the_hub_finds_has_its_input() -> None:
    covered = {row[0] for row in PLACE} | {row[0] for row in OTHERWISE} | {row[0] for row in AFTERWARDS}
    found = {code for code, finder in DOCUMENTED.items() if finder is Finder.HUB} | OF_MARKETS | OWN
    assert found - covered == set()
    of_vetting = {"OrderPrice.TooFarAbove", "OrderValue.Exceed"}
    assert covered - found == of_vetting


def test_nothing_else_is_said() -> None:
    desk = Desk()
    assert refused(desk.place(quantity=D(-100))).errors == ("VisibleQuantity",)
    assert refused(moved(XS1)(Desk())).errors == ("Account",)
    untraded(X)(desk)  # not that nothing is known of a symbol on a market that does not have it
    assert refused(desk.place()).errors == ("Route.Symbol",)


def test_everything_that_is_wrong_is_said_the_weightiest_result_wins() -> None:
    desk = Desk()
    desk.listing.symbols["XSX", "XS01"] = replace(CENT, allows_hidden=False)
    changes = {"price": None, "quantity": D(0), "values": {"HiddenQuantity": D(-1)}}
    outcome = refused(desk.place(**changes))
    assert outcome.result is INCOMPLETE
    assert outcome.errors == ("HiddenQuantity", "TotalQuantity", "LimitPrice.Missing")


def test_lack_of_funds_stands_beside_the_codes_of_vetting() -> None:
    desk = Desk()
    vetting_fails(desk)
    outcome = refused(desk.place(quantity=D(10_000)))
    assert outcome.errors == ("TotalValue.Balance", "OrderPrice.TooFarAbove", "OrderValue.Exceed 9")


def test_vetting_is_not_asked_about_what_the_fields_exclude() -> None:
    desk = Desk()

    def never(case: Any) -> Verdict:
        raise AssertionError

    desk.verdict = never
    assert codes_of(refused(desk.place(price=D(0)))) == ["LimitPrice"]
