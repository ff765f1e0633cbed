"""Each row of the accounting table of the specification (platform A.5), and D.2's decisions, with figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.oms.oms_support import A, B, Books, deposit, executed, order, traded, updated
from zenithd.oms.model import updates as u
from zenithd.oms.model.events import ActionTaken, OrderChanged, TransactionMade
from zenithd.oms.model.orders import OrderTradeType, OrderUpdateReason, OrderUpdateType, Side
from zenithd.oms.model.transactions import (
    AssetAdjustment,
    AssetTransfer,
    CashAdjustment,
    SettlementStatus,
    TransactionDetails,
    TransactionType,
)
from zenithd.oms.reserves import UNFILLED_BUYS_SIGN

SELLS = (Side.SELL, Side.SHORTSELL, Side.SHORTSELL_EXEMPT)
ORDER = {"orders", "updates"}
CORRECTION, CANCEL = OrderTradeType.CORRECTION, OrderTradeType.CANCEL
SETTLE, REVERSE = SettlementStatus.SETTLE, SettlementStatus.REVERSE
DETAILS = TransactionDetails(transaction_id="x", account=A)


def assets_in(value: Any, code: str = "BHP", **details: Any) -> u.AssetTransferred:
    return u.AssetTransferred(
        transaction=msgspec.structs.replace(DETAILS, **details),
        transfer=AssetTransfer(code=code, exchange="XSX", value=Decimal(value)),
    )


# Action.Update and Action.Replace.


def test_a_buy_reserves_its_value_and_its_additional_funds() -> None:
    books = Books(deposit(10_000))
    assert books.told(updated(order(100, "10.5", funds={"Brokerage": 7}))) == ORDER | {"balances"}
    assert books.cash() == {"B": 10_000, "R": -1_057}
    assert books.state.balance(A, "AUD").trading == Decimal(8_943)
    assert UNFILLED_BUYS_SIGN == -1


@pytest.mark.parametrize("side", SELLS)
def test_a_sale_reserves_its_units(side: Side) -> None:
    books = Books(assets_in(1_000))
    assert books.told(updated(order(100, "10.5", side=side))) == ORDER | {"holdings"}
    assert books.assets() == {"Q": 1_000, "S": 100}
    assert books.state.holding(A, "XSX", "BHP").available == 900
    assert books.cash() == {}


def test_a_market_order_reserves_at_its_reserve_price() -> None:
    books = Books(updated(order(100, None, values={"ReservePrice": Decimal("10.2")})))
    assert books.cash() == {"R": -1_020}
    books.apply(updated(order(100, 10, values={"ReservePrice": Decimal("10.2")})))
    assert books.cash() == {"R": -1_000}


def test_the_reserve_follows_every_change() -> None:
    first = order(100, 10, funds={"Fee": 5})
    books = Books(updated(first))
    for after, reserved in (
        (msgspec.structs.replace(first, price=Decimal(11)), -1_105),
        (msgspec.structs.replace(first, quantity=Decimal(50)), -505),
        (executed(first, 40), -605),
        (executed(first, 40, executed_additional_funds={"Fee": Decimal(2)}), -603),
        (executed(first, 40, executed_additional_funds={"Fee": Decimal(9)}), -600),
        (executed(first, 40, executed_additional_funds={"Fee": Decimal(-9)}), -605),
        (executed(first, 130, is_completed=False), -5),
    ):
        books.apply(updated(after))
        assert books.cash() == {"R": reserved}, after
    books.apply(updated(executed(first, 40, is_completed=True)))
    assert books.cash() == {}


def test_an_update_that_changes_no_reserve_tells_no_balance() -> None:
    books = Books(updated(order()))
    assert books.told(updated(order(status="OnMarket"))) == ORDER


def test_a_replacement_is_state_only() -> None:
    books = Books(updated(order(funds={"Fee": 5})))
    assert books.told(u.OrderReplaced(order=order(10, 10))) == ORDER | {"balances"}
    assert books.cash() == {"R": -100}


# Action.Trade.


def test_a_buy_owes_money_releases_its_reserve_and_holds_the_assets() -> None:
    first = order(100, 10, funds={"Fee": 5})
    books = Books(deposit(10_000), updated(first))
    after = executed(first, 40, executed_additional_funds={"Fee": Decimal(2)})
    told = books.told(traded(after, 40, "9.5", funds={"Fee": 2}))
    assert told == ORDER | {"balances", "holdings", "transactions"}
    assert books.cash() == {"B": 10_000, "U": -382, "R": -603}
    assert books.assets() == {"Q": 40, "average": Decimal("9.5")}


@pytest.mark.parametrize("side", SELLS)
def test_a_sale_is_owed_money_and_gives_the_assets(side: Side) -> None:
    first = order(100, 10, side=side)
    books = Books(assets_in(1_000, values={"AveragePrice": Decimal(8)}), updated(first))
    told = books.told(traded(executed(first, 40), 40, "10.5", funds={"Fee": 2}))
    assert told == ORDER | {"balances", "holdings", "transactions"}
    assert books.cash() == {"U": 418}
    assert books.assets() == {"Q": 960, "S": 60, "average": 8}


def test_refunds_are_negative_additional_funds() -> None:
    first = order(100, 10)
    books = Books(traded(executed(first, 100), 100, 10, funds={"Rebate": -3}))
    assert books.cash() == {"U": -997}


def test_a_trade_is_told_as_what_changed_hands() -> None:
    books = Books(updated(order()))
    events = books.apply(traded(executed(order(), 40), 40, "9.5", funds={"Fee": 2}))
    (told,) = [event.transaction for event in events if isinstance(event, TransactionMade)]
    assert told.type is TransactionType.TRADE
    assert told.details.account == A
    assert told.details.transaction_id == "o/t"
    assert told.cash_transfer is not None
    assert told.asset_transfer is not None
    assert (told.cash_transfer.value, told.cash_transfer.additional_funds) == (-380, {"Fee": 2})
    assert told.cash_transfer.settlement is SettlementStatus.UNBOOKED
    assert (told.asset_transfer.value, told.asset_transfer.order_id) == (40, "o")


def test_a_correction_replaces_the_trade() -> None:
    first = order(100, 10)
    books = Books(traded(executed(first, 40), 40, 10, funds={"Fee": 2}))
    told = books.told(traded(executed(first, 50), 50, 9, type=CORRECTION, funds={"Fee": 3}))
    assert told == ORDER | {"balances", "holdings", "transactions"}
    assert books.cash() == {"U": -453, "R": -500}
    assert books.assets() == {"Q": 50, "average": 9}
    books.apply(traded(executed(first, 50), 50, 8, type=CORRECTION))
    assert books.cash() == {"U": -400, "R": -500}


def test_a_cancellation_takes_the_trade_back() -> None:
    first = order(100, 10)
    books = Books(traded(executed(first, 40), 40, 10, funds={"Fee": 2}))
    events = books.apply(traded(first, 0, 0, type=CANCEL))
    assert books.cash() == {"R": -1_000}
    assert books.assets() == {}
    (told,) = [event.transaction for event in events if isinstance(event, TransactionMade)]
    assert told.cash_transfer is not None
    assert (told.cash_transfer.value, told.cash_transfer.additional_funds) == (400, {"Fee": -2})


def test_a_sale_is_corrected_and_taken_back_alike() -> None:
    first = order(100, 10, side=Side.SELL)
    books = Books(assets_in(100, values={"AveragePrice": Decimal(8)}), traded(executed(first, 100), 100, 10))
    assert books.assets() == {}
    books.apply(traded(executed(first, 60), 60, 10, type=CORRECTION))
    assert books.assets() == {"Q": 40, "S": 40, "average": 8}
    assert books.cash() == {"U": 600}
    books.apply(traded(first, 0, 0, type=CANCEL))
    assert books.assets() == {"Q": 100, "S": 100, "average": 8}
    assert books.cash() == {}


def test_no_trade_is_booked_twice() -> None:
    first = executed(order(), 40)
    books = Books(traded(first, 40, 10))
    told = books.told(traded(first, 40, 10, said=OrderUpdateType.RESTATE))
    assert told == ORDER
    assert books.cash() == {"U": -400, "R": -600}
    books.apply(traded(executed(order(), 60), 20, 10, trade_id="missed", said=OrderUpdateType.RESTATE))
    assert books.cash() == {"U": -600, "R": -400}
    books.apply(traded(first, 0, 0, type=CANCEL), traded(first, 40, 10, said=OrderUpdateType.RESTATE))
    assert books.cash() == {"U": -200, "R": -600}


def test_both_sides_of_a_trade_may_be_the_same_account() -> None:
    buy, sale = order(order_id="b"), order(order_id="s", side=Side.SELL)
    books = Books(traded(executed(buy, 100), 100, 10), traded(executed(sale, 100), 100, 10))
    assert books.cash() == {}
    assert books.assets() == {}
    books.apply(traded(sale, 0, 0, type=CANCEL))
    assert books.assets() == {"Q": 100, "S": 100, "average": 10}


# A move between accounts.


def test_a_move_releases_and_reserves_and_leaves_what_was_executed() -> None:
    first = executed(order(100, 10), 40)
    books = Books(traded(first, 40, 10, funds={"Fee": 1}))
    there = msgspec.structs.replace(first, account=B)
    events = books.apply(updated(there, previous_account=A, reason=OrderUpdateReason.REPLACE))
    assert books.cash(A) == {"U": -401}
    assert books.cash(B) == {"R": -600}
    assert books.assets(A) == {"Q": 40, "average": 10}
    (moved,) = [event for event in events if isinstance(event, OrderChanged)]
    assert (moved.order.account, moved.previous, moved.removed) == (B, A, False)
    assert books.state.order(A, "o") is None
    books.apply(traded(msgspec.structs.replace(there, executed_quantity=Decimal(0)), 0, 0, type=CANCEL))
    assert books.cash(A) == {}
    assert books.cash(B) == {"R": -1_000}


def test_a_move_told_again_changes_nothing() -> None:
    there = order(account=B)
    books = Books(updated(order()), updated(there, previous_account=A))
    events = books.apply(updated(there, previous_account=A))
    assert [type(event) for event in events] == [OrderChanged, ActionTaken]
    assert books.cash(B) == {"R": -1_000}


# Transfers.


@pytest.mark.parametrize(
    ("more", "cash"),
    [
        ({}, {"B": 95}),
        ({"settlement": SettlementStatus.UNBOOKED}, {"U": 95}),
        ({"settlement": SETTLE}, {"B": 95, "U": -95}),
        ({"settlement": REVERSE}, {"B": -95, "U": 95}),
        ({"funds": {"Refund": -2}}, {"B": 102}),
        ({"funds": {}, "pool": "Loan"}, {"Loan": 100}),
        ({"funds": {}, "pool": "Margin"}, {"M": 100}),
    ],
)
def test_cash_transfers(more: dict[str, Any], cash: dict[str, Any]) -> None:
    books = Books()
    told = books.told(deposit(100, **({"funds": {"Fee": 5}} | more)))
    assert told == {"updates", "balances", "transactions"}
    assert books.cash() == cash


def test_margin_may_be_traded_with_and_pools_may_not() -> None:
    books = Books(deposit(100), deposit(50, pool="Margin"), deposit(30, pool="Loan"), updated(order(3, 10)))
    assert books.state.balance(A, "AUD").trading == 100 + 50 - 30


def test_asset_transfers() -> None:
    books = Books()
    assert books.told(assets_in(100)) == {"updates", "holdings", "transactions"}
    assert books.assets() == {"Q": 100}
    books.apply(assets_in(-100))
    assert books.assets() == {}
    assert "XSX" not in {exchange for held in books.state.assets.values() for exchange, _ in held}


# Adjustments.


def test_adjustments() -> None:
    cash = CashAdjustment(currency="AUD", value=Decimal(-3), reason="interest")
    asset = AssetAdjustment(code="BHP", exchange="XSX", value=Decimal(7), reason="split")
    books = Books()
    assert books.told(u.Adjusted(transaction=DETAILS, cash=cash)) == {"balances", "transactions"}
    assert books.told(u.Adjusted(transaction=DETAILS, asset=asset)) == {"holdings", "transactions"}
    both = u.Adjusted(transaction=DETAILS, cash=cash, asset=asset)
    assert books.told(both) == {"balances", "holdings", "transactions"}
    unbooked = msgspec.structs.replace(cash, settlement=SettlementStatus.UNBOOKED)
    pooled = msgspec.structs.replace(cash, pool="Loan")
    books.apply(u.Adjusted(transaction=DETAILS, cash=unbooked), u.Adjusted(transaction=DETAILS, cash=pooled))
    assert books.cash() == {"B": -6, "U": -3, "Loan": -3}
    assert books.assets() == {"Q": 14}
    types = [event.transaction.type for event in books.apply(both) if isinstance(event, TransactionMade)]
    assert types == [TransactionType.ADJUSTMENT]


# The average price (D.2).

BUY, SELL = 1, -1


@pytest.mark.parametrize(
    ("trades", "quantity", "average"),
    [
        ([(BUY, 100, 10), (BUY, 100, 20)], 200, 15),
        ([(BUY, 100, 10), (BUY, 200, 11)], 300, "10.6666666667"),
        ([(BUY, 100, 10), (SELL, 40, 20)], 60, 10),
        ([(BUY, 100, 10), (SELL, 100, 20)], 0, 0),
        ([(BUY, 100, 10), (SELL, 150, 20)], -50, 20),
        ([(SELL, 100, 10)], -100, 10),
        ([(SELL, 100, 10), (SELL, 100, 8)], -200, 10),
        ([(SELL, 100, 10), (BUY, 40, 8)], -60, 10),
        ([(SELL, 100, 10), (BUY, 150, 8)], 50, 8),
    ],
)
def test_average_prices(trades: list[tuple[int, int, int]], quantity: int, average: Any) -> None:
    books = Books()
    for number, (sign, amount, price) in enumerate(trades):
        side = Side.BUY if sign == BUY else Side.SELL
        done = executed(order(amount, price, side=side, order_id=f"o{number}"), amount)
        books.apply(traded(done, amount, price))
    held = books.state.holding(A, "XSX", "BHP")
    assert (held.quantity, held.average_price) == (quantity, Decimal(average))
    assert held.currency == ("AUD" if average else "")


def test_an_average_price_is_taken_back_with_its_trade() -> None:
    first, second = (executed(order(100, 10, order_id=name), 100) for name in "ab")
    books = Books(traded(first, 100, 10), traded(second, 100, 20))
    books.apply(traded(order(order_id="b"), 0, 0, type=CANCEL))
    assert books.assets() == {"Q": 100, "average": 10}


def test_an_average_that_sales_have_used_up_stays() -> None:
    first, second = (executed(order(100, 10, order_id=name), 100) for name in "ab")
    sale = executed(order(90, 20, order_id="s", side=Side.SELL), 90)
    books = Books(traded(first, 100, 10), traded(second, 100, 20), traded(sale, 90, 20))
    books.apply(traded(order(order_id="b"), 0, 0, type=CANCEL))
    assert books.assets() == {"Q": 10, "average": 15}


def test_prices_of_two_currencies_have_no_average() -> None:
    books = Books(traded(executed(order(), 100), 100, 10))
    books.apply(traded(executed(order(order_id="p", currency="USD"), 100), 100, 7))
    held = books.state.holding(A, "XSX", "BHP")
    assert (held.quantity, held.average_price, held.currency) == (200, 7, "USD")


def test_assets_may_come_with_the_price_they_were_bought_at() -> None:
    bought = {"values": {"AveragePrice": Decimal(8)}, "properties": {"Currency": "AUD"}}
    books = Books(assets_in(100, **bought), traded(executed(order(), 100), 100, 10))
    assert books.assets() == {"Q": 200, "average": 9}
    books.apply(assets_in(-200, **bought))
    assert books.assets() == {}
