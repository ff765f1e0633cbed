"""Operators: definitions, money and assets, all idempotent; and how long what is over is kept."""

from __future__ import annotations

import pytest

from tests.oms.desk import DAY, EXCHANGE, START, XS1, D, Desk, accepted, refused, replace
from zenithd.oms.commands import Apply, Define, Only, Transact
from zenithd.oms.model.accounts import Account, AccountDetails
from zenithd.oms.model.orders import OrderUpdateReason as R
from zenithd.oms.model.transactions import (
    AssetTransfer,
    CashAdjustment,
    CashTransfer,
    SettlementStatus,
    TransactionDetails,
)
from zenithd.oms.model.transforms import Restatement
from zenithd.oms.model.updates import (
    AccountDefined,
    AccountUndefined,
    Adjusted,
    AssetTransferred,
    CashTransferred,
    ExchangeDefined,
    ExchangeUndefined,
    OrderExpired,
    OrderReplaced,
    OwnerUndefined,
    Transformed,
)

XS3 = Account(owner_id="XS", account_id="0003")


def cash(value: D, name: str = "N1", only: Only = Only.ALWAYS, **changes: object) -> Transact:
    details = TransactionDetails(transaction_id=name, account=XS1)
    transfer = CashTransfer(currency="AUD", value=value, **changes)  # type: ignore[arg-type]
    return Transact(CashTransferred(transaction=details, transfer=transfer), only=only)


def assets(value: D, name: str = "N1", only: Only = Only.ALWAYS) -> Transact:
    details = TransactionDetails(transaction_id=name, account=XS1)
    transfer = AssetTransfer(exchange="XSX", code="XS01", value=value)
    return Transact(AssetTransferred(transaction=details, transfer=transfer), only=only)


def test_what_is_so_already_is_not_kept_again() -> None:
    desk = Desk()
    define = Define(AccountDefined(details=AccountDetails(account=XS3, name="Third")))
    assert accepted(desk.do(define)).kept
    assert not accepted(desk.do(define)).kept
    renamed = Define(AccountDefined(details=AccountDetails(account=XS3, name="3rd")))
    assert accepted(desk.do(renamed)).kept
    undefine = Define(AccountUndefined(account=XS3))
    assert accepted(desk.do(undefine)).kept
    assert not accepted(desk.do(undefine)).kept
    assert not accepted(desk.do(Define(ExchangeDefined(details=EXCHANGE)))).kept
    assert not accepted(desk.do(Define(ExchangeUndefined(exchange="ASX")))).kept
    assert not accepted(desk.do(Define(OwnerUndefined(owner_id="YY")))).kept


def test_a_definition_without_a_name_is_refused() -> None:
    details = replace(EXCHANGE, exchange="")
    assert "Details.Exchange" in refused(Desk().do(Define(ExchangeDefined(details=details)))).errors[0]


def test_the_same_transaction_again_does_nothing() -> None:
    desk = Desk()
    assert accepted(desk.do(cash(D(5)))).kept
    desk.now += DAY
    assert not accepted(desk.do(cash(D(5)))).kept
    assert desk.trading() == D(10_005)
    assert refused(desk.do(cash(D(6)))).errors == ("Transaction.TransactionID",)
    assert refused(desk.do(assets(D(5)))).errors == ("Transaction.TransactionID",)


def test_nobody_takes_what_is_not_there_or_reserved() -> None:
    desk = Desk()
    desk.placed()
    assert refused(desk.do(cash(D(-9_851)))).errors == ("TotalValue.Balance",)
    accepted(desk.do(cash(D(-9_850))))
    assert refused(desk.do(assets(D(-1_001), "N2"))).errors == ("TotalQuantity.Holdings",)
    accepted(desk.do(assets(D(-1_000), "N2")))
    assert desk.trading() == 0 and desk.available() == 0


@pytest.mark.parametrize(
    ("command", "done"),
    [
        (cash(D(5), only=Only.IF_ZERO), False),
        (cash(D(5), only=Only.IF_HELD), True),
        (assets(D(5), only=Only.IF_ZERO), False),
        (assets(D(5), only=Only.IF_HELD), True),
    ],
)
def test_only_on_a_state(command: Transact, done: bool) -> None:
    assert bool(accepted(Desk().do(command)).kept) is done


def test_settling_expects_a_figure() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.fill(order_id, D(100), D("1.50"), "T1")
    settle = cash(D(-150), settlement=SettlementStatus.SETTLE)
    assert refused(desk.do(replace(settle, expected=D(-149)))).errors == ("ExpectedBalance",)
    accepted(desk.do(replace(settle, expected=D(-150))))
    position = desk.state.balance(XS1, "AUD")
    assert (position.balance, position.unbooked_transactions) == (D(9_850), 0)


def test_an_adjustment_takes_what_it_says() -> None:
    desk = Desk()
    details = TransactionDetails(transaction_id="J", account=XS1)
    adjustment = CashAdjustment(currency="AUD", value=D(-20_000), reason="error")
    accepted(desk.do(Transact(Adjusted(transaction=details, cash=adjustment))))
    assert desk.trading() == D(-10_000)


def test_a_transaction_of_nobody_is_refused() -> None:
    details = TransactionDetails(transaction_id="J", account=XS3)
    transfer = CashTransfer(currency="AUD", value=D(1))
    outcome = refused(Desk().do(Transact(CashTransferred(transaction=details, transfer=transfer))))
    assert outcome.errors == ("Account",)


def test_trying_a_command_is_not_applying_it() -> None:
    desk = Desk()
    state = desk.oms.checkpoint()
    assert accepted(desk.oms.handle(cash(D(5)), desk.now)).kept
    assert desk.oms.checkpoint() == state


def test_a_completed_order_is_removed_after_the_next_trading_day() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.fill(order_id, D(100), D("1.50"), "T1")
    end = desk.listing.next_day_end("XSX", START)
    assert desk.order(order_id).remove_after == end == desk.oms.next_due()
    desk.now = end - 1
    assert not desk.wait(0)
    desk.now = end
    assert len(desk.wait(0)) == 1
    assert isinstance(desk.log[-1][0].update, OrderExpired)
    assert desk.state.order(XS1, order_id) is None and desk.oms.next_due() is None
    answer = accepted(desk.place()).answer  # its request is known all the same
    assert answer is not None and (answer.order_id, answer.order) == (order_id, None)


def test_what_a_feed_says_of_removal_comes_first() -> None:
    desk = Desk()
    order_id = desk.placed()
    desk.reported(order_id, R.CANCEL, "Cancelled", is_completed=True, remove_after=START + 5)
    assert desk.oms.next_due() == START + 5


def test_an_operator_replaces_an_order() -> None:
    desk = Desk()
    order_id = desk.placed()
    order = replace(desk.order(order_id), is_completed=True, status="Cancelled")
    accepted(desk.do(Apply(OrderReplaced(order=order))))
    assert desk.trading() == D(10_000) and desk.order(order_id).remove_after is not None
    unknown = replace(order, order_id="X")
    assert refused(desk.do(Apply(OrderReplaced(order=unknown)))).errors == ("Order",)


def test_an_operator_transforms() -> None:
    desk = Desk()
    order_id = desk.placed()
    transform = Restatement(transform_id="1", exchange="XSX", order_status="OnMarket")
    accepted(desk.do(Apply(Transformed(transform=transform))))
    assert desk.order(order_id).status == "OnMarket"
    accepted(desk.cancel(order_id))
    bad = Restatement(transform_id="1", order_status="")
    assert refused(desk.do(Apply(Transformed(transform=bad)))).errors
