"""Transforms (platform A.5): each row of the table."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.oms.oms_support import (
    A,
    B,
    Books,
    amending,
    answered,
    deposit,
    executed,
    order,
    placing,
    requested,
    traded,
    updated,
)
from zenithd.oms.model import updates as u
from zenithd.oms.model.accounts import Account, AccountDetails
from zenithd.oms.model.directory import ExchangeDetails, OrderStatusDetails, OwnerDetails
from zenithd.oms.model.events import (
    ActionTaken,
    BalanceChanged,
    HoldingChanged,
    MetadataChanged,
    OrderChanged,
)
from zenithd.oms.model.orders import OrderTradeType, OrderUpdateType, Side
from zenithd.oms.model.requests import ClientCashTransfer, ClientQueue, OrderMove, RequestStatus
from zenithd.oms.model.transactions import AssetTransfer, TransactionDetails
from zenithd.oms.model.transforms import (
    AccountRename,
    CurrencyRename,
    OwnerRename,
    Removal,
    Restatement,
    SymbolRename,
)
from zenithd.oms.state import check

replace = msgspec.structs.replace
STATUSES = u.ExchangeDefined(
    details=ExchangeDetails(
        exchange="XSX",
        order_statuses=(
            OrderStatusDetails(code="Expired", is_completed=True),
            OrderStatusDetails(code="OnMarket"),
        ),
    )
)
QUEUE = ClientQueue(queue_id="desk")


def by(transform: Any) -> u.Transformed:
    return u.Transformed(transform=transform)


def test_a_restatement_gives_a_status_and_what_it_means() -> None:
    books = Books(STATUSES, updated(order(group="DAY")), updated(order(order_id="p", account=B)))
    restatement = Restatement(transform_id="t", group="DAY", order_status="Expired", remove_after=9_000)
    events = books.apply(by(restatement))
    restated = books.state.order(A, "o")
    assert restated is not None
    assert (restated.status, restated.is_completed, restated.remove_after) == ("Expired", True, 9_000)
    assert restated.timestamp == books.state.time
    assert books.cash(A) == {}
    assert books.cash(B) == {"R": -1_000}
    assert [type(event) for event in events] == [BalanceChanged, OrderChanged, ActionTaken]
    action = events[-1]
    assert isinstance(action, ActionTaken)
    assert isinstance(action.update, u.OrderUpdated)
    assert action.update.update.type is OrderUpdateType.RESTATE
    books.apply(by(replace(restatement, order_status="OnMarket", group="")))
    assert books.cash(A) == {"R": -1_000}


def test_a_status_that_its_exchange_does_not_know_leaves_the_reserve() -> None:
    books = Books(STATUSES, updated(order()))
    assert books.told(by(Restatement(transform_id="t", order_status="Odd"))) == {"orders", "updates"}
    assert books.cash() == {"R": -1_000}


@pytest.mark.parametrize(
    "criterion", [{"exchange": "XASX"}, {"group": "GTC"}, {"code": "CBA"}, {"not_after": 1}]
)
def test_others_are_left_alone(criterion: dict[str, Any]) -> None:
    books = Books(STATUSES, updated(order(group="DAY", timestamp=2, status="Expired")))
    assert books.apply(by(Restatement(transform_id="t", order_status="OnMarket", **criterion))) == []
    assert books.apply(by(Removal(transform_id="t", order_status="Expired", **criterion))) == []


def test_a_restatement_may_remove_at_once() -> None:
    books = Books(updated(order()))
    books.apply(by(Restatement(transform_id="t", order_status="Odd", remove_after=0)))
    assert books.state.orders == {}
    assert books.cash() == {}


def test_a_removal_drops_orders_of_the_status() -> None:
    books = Books(updated(order(status="Odd")), updated(order(order_id="p", status="OnMarket")))
    told = books.told(by(Removal(transform_id="t", order_status="Odd")))
    assert told == {"orders", "updates", "balances"}
    assert list(books.state.orders[A]) == ["p"]
    assert books.cash() == {"R": -1_000}


def test_a_symbol_has_another_code() -> None:
    sale = order(side=Side.SELL, order_id="s")
    books = Books(
        traded(executed(order(200, 10), 100, is_completed=False), 100, 10),
        updated(sale),
        requested(placing(), "queued", queue=QUEUE),
        requested(amending(50, 10), "in flight"),
    )
    rename = SymbolRename(transform_id="t", exchange="XSX", code="BHP", new_code="BHG")
    events = books.apply(by(rename))
    assert {type(event).__name__ for event in events} == {
        "HoldingChanged", "OrderChanged", "ActionTaken", "RequestChanged",
    }  # fmt: skip
    assert HoldingChanged(events[0].position, removed=True) == events[0]  # type: ignore[union-attr]
    assert books.assets() == {}
    assert books.assets(code="BHG") == {"Q": 100, "S": 100, "average": 10}
    assert {held.code for held in books.state.orders[A].values()} == {"BHG"}
    requests = books.state.requests[A]
    assert requests["queued"].request.body.code == "BHG"  # type: ignore[union-attr]
    assert requests["in flight"].request.body.code == "BHP"  # type: ignore[union-attr]
    books.apply(traded(order(200, 10, code="BHG"), 0, 0, type=OrderTradeType.CANCEL))
    assert books.assets(code="BHG") == {"S": 100}


def test_a_symbol_takes_the_place_of_another() -> None:
    other = AssetTransfer(code="BHG", exchange="XSX", value=Decimal(300))
    details = TransactionDetails(
        transaction_id="x",
        account=A,
        values={"AveragePrice": Decimal(6)},
        properties={"Currency": "AUD"},
    )
    books = Books(
        traded(executed(order(), 100), 100, 10), u.AssetTransferred(transaction=details, transfer=other)
    )
    books.apply(by(SymbolRename(transform_id="t", exchange="XSX", code="BHP", new_code="BHG")))
    assert books.assets(code="BHG") == {"Q": 400, "average": 7}


def test_a_currency_has_another_code() -> None:
    transfer = ClientCashTransfer(currency="AUD", value=Decimal(1))
    usd = replace(deposit(5), transfer=replace(deposit(5).transfer, currency="USD"))
    books = Books(
        deposit(1_000),
        deposit(7, pool="Loan"),
        deposit(8, pool="Margin"),
        usd,
        traded(executed(order(200, 10), 100, is_completed=False), 100, 10),
        requested(transfer, "queued", queue=QUEUE),
        requested(transfer, "in flight"),
    )
    events = books.apply(by(CurrencyRename(transform_id="t", code="AUD", new_code="USD")))
    assert books.cash() == {}
    assert books.cash(currency="USD") == {"B": 1_005, "U": -1_000, "R": -1_000, "M": 8, "Loan": 7}
    removed = {
        event.position.currency for event in events if isinstance(event, BalanceChanged) and event.removed
    }
    assert removed == {"AUD"}
    assert books.state.holding(A, "XSX", "BHP").currency == "USD"
    requests = books.state.requests[A]
    assert requests["queued"].request.body.currency == "USD"  # type: ignore[union-attr]
    assert requests["in flight"].request.body.currency == "AUD"  # type: ignore[union-attr]
    books.apply(traded(order(200, 10, currency="USD"), 0, 0, type=OrderTradeType.CANCEL))
    assert books.cash(currency="USD") == {"B": 1_005, "R": -2_000, "M": 8, "Loan": 7}


def test_a_price_that_comes_back_has_the_new_currency() -> None:
    sale = order(order_id="s", side=Side.SELL)
    books = Books(traded(executed(order(), 100), 100, 10), traded(executed(sale, 100), 100, 12))
    books.apply(by(CurrencyRename(transform_id="t", code="AUD", new_code="USD")))
    books.apply(traded(replace(sale, currency="USD"), 0, 0, type=OrderTradeType.CANCEL))
    held = books.state.holding(A, "XSX", "BHP")
    assert (held.average_price, held.currency) == (10, "USD")


NEW = Account(owner_id="YS", account_id="9")


def test_an_account_has_another_key() -> None:
    move = OrderMove(order_id="z", prev_account=A, code="BHP", exchange="XSX", side=Side.BUY)
    books = Books(
        u.AccountDefined(details=AccountDetails(account=A, name="One")),
        deposit(1_000),
        traded(executed(order(200, 10, remove_after=77), 100, is_completed=False), 100, 10),
        requested(placing(), "over"),
        answered(RequestStatus.COMPLETED, "over"),
        requested(amending(300, 10), "active"),
        requested(move, "move", account=B),
    )
    events = books.apply(by(AccountRename(transform_id="t", account=A, new_account=NEW)))
    assert not books.state.knows(A)
    assert books.cash(NEW) == {"B": 1_000, "U": -1_000, "R": -2_000}
    assert books.assets(NEW) == {"Q": 100, "average": 10}
    assert [event.update for event in events if isinstance(event, MetadataChanged)] == [
        u.AccountUndefined(account=A),
        u.AccountDefined(details=AccountDetails(account=NEW, name="One")),
    ]
    moved = [event for event in events if isinstance(event, OrderChanged)]
    assert [(event.order.account, event.previous) for event in moved] == [(NEW, A)]
    assert books.state.digest_of(NEW, "over") is not None
    assert books.state.requests[B]["move"].request.body.prev_account == NEW  # type: ignore[union-attr]
    assert books.state.removable(100) == [(NEW, "o")]
    books.apply(answered(RequestStatus.REJECTED, "active", NEW))
    assert books.cash(NEW)["R"] == -1_000
    books.apply(traded(order(200, 10, account=NEW), 0, 0, type=OrderTradeType.CANCEL))
    assert books.cash(NEW) == {"B": 1_000, "R": -2_000}


def test_an_owner_has_another_name() -> None:
    books = Books(
        u.OwnerDefined(details=OwnerDetails(owner_id="XS", name="House")),
        deposit(10),
        deposit(20, account=B),
        deposit(30, account=NEW),
    )
    books.apply(by(OwnerRename(transform_id="t", owner_id="XS", new_owner_id="ZS")))
    assert books.state.owners == {"ZS": OwnerDetails(owner_id="ZS", name="House")}
    assert {str(account) for account in books.state.cash} == {"ZS:0001", "ZS:0002", "YS:9"}
    assert books.state.balance(Account(owner_id="ZS", account_id="0001"), "AUD").balance == 10


@pytest.mark.parametrize(
    "transform",
    [
        AccountRename(transform_id="t", account=A, new_account=B),
        OwnerRename(transform_id="t", owner_id="XS", new_owner_id="YS"),
    ],
)
def test_the_new_key_must_be_free(transform: Any) -> None:
    books = Books(
        deposit(1), deposit(2, account=B), deposit(3, account=Account(owner_id="YS", account_id="0001"))
    )
    reason = check(by(transform), books.state)
    assert reason is not None
    assert reason.endswith("exists")


@pytest.mark.parametrize(
    "transform",
    [
        SymbolRename(transform_id="t", exchange="XSX", code="BHP", new_code="BHP"),
        CurrencyRename(transform_id="t", code="AUD", new_code="AUD"),
        AccountRename(transform_id="t", account=A, new_account=A),
        OwnerRename(transform_id="t", owner_id="XS", new_owner_id="XS"),
        SymbolRename(transform_id="t", exchange="XSX", code="CBA", new_code="CBB"),
        CurrencyRename(transform_id="t", code="NZD", new_code="USD"),
        AccountRename(transform_id="t", account=NEW, new_account=B),
        OwnerRename(transform_id="t", owner_id="QS", new_owner_id="RS"),
        Removal(transform_id="t", order_status="Odd"),
    ],
)
def test_what_changes_nothing_succeeds(transform: Any) -> None:
    books = Books(deposit(1), traded(executed(order(), 50), 50, 10))
    before = books.state.cash, books.state.assets, books.state.orders
    assert check(by(transform), books.state) is None
    assert books.apply(by(transform)) == []
    assert (books.state.cash, books.state.assets, books.state.orders) == before
