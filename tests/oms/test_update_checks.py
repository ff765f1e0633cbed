"""What the rules refuse, by which field; and that being refused leaves the state alone."""

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
from zenithd.oms.model.directory import ExchangeDetails, FeedDetails, OwnerDetails, RequestStatusDetails
from zenithd.oms.model.orders import OrderTradeType, OrderUpdate, OrderUpdateReason, OrderUpdateType, Side
from zenithd.oms.model.requests import ClientCashTransfer, ClientQueueReplace, OrderCancel, RequestStatus
from zenithd.oms.model.transactions import (
    AssetAdjustment,
    AssetTransfer,
    CashAdjustment,
    SettlementStatus,
    TransactionDetails,
)
from zenithd.oms.model.transforms import AccountRename, CurrencyRename, Removal, SymbolRename
from zenithd.oms.numbers import DIGITS_MAX, PLACES_MAX, average, is_sound
from zenithd.oms.state import InvalidUpdate, OmsState, as_at, check

replace = msgspec.structs.replace
CORRECTION, CANCEL = OrderTradeType.CORRECTION, OrderTradeType.CANCEL
NAN, HUGE, FINE = Decimal("NaN"), Decimal("1E+18"), Decimal("1E-19")
DETAILS = TransactionDetails(transaction_id="x", account=A)
CANCELLING = OrderCancel(order_id="o", code="BHP", exchange="XSX", side=Side.BUY, quantity=NAN)
NOBODY = Account(owner_id="XS", account_id="")
UNSOUND = OrderUpdate(reason=OrderUpdateReason.STATUS, values={"Fee": NAN})
SETTLE = SettlementStatus.SETTLE


def assets(**changes: Any) -> u.AssetTransferred:
    transfer = AssetTransfer(code="BHP", exchange="XSX", value=Decimal(1))
    return u.AssetTransferred(transaction=DETAILS, transfer=replace(transfer, **changes))


def adjusted(**changes: Any) -> u.Adjusted:
    cash = CashAdjustment(currency="AUD", value=Decimal(1), reason="why")
    return u.Adjusted(transaction=DETAILS, cash=replace(cash, **changes))


def adjusted_assets(**changes: Any) -> u.Adjusted:
    asset = AssetAdjustment(code="BHP", exchange="XSX", value=Decimal(1), reason="why")
    return u.Adjusted(transaction=DETAILS, asset=replace(asset, **changes))


def by(transform: Any) -> u.Transformed:
    return u.Transformed(transform=transform)


REFUSED: list[tuple[str, u.AnyUpdate]] = [
    ("Order.OrderID", updated(order(order_id=""))),
    ("Order.AccountID", updated(order(account=NOBODY))),
    ("Order.Code", updated(order(code=""))),
    ("Order.Exchange", updated(replace(order(order_id="p"), exchange=""))),
    ("Order.Currency", updated(order(currency=""))),
    ("Order.Quantity", updated(order(NAN))),
    ("Order.Quantity", updated(order(-1))),
    ("Order.Quantity", updated(order(HUGE))),
    ("Order.Price", updated(order(1, FINE))),
    ("Order.Price", updated(order(1, -1))),
    ("Order.ExecutedQuantity", updated(order(executed_quantity=Decimal(-1)))),
    ("Order.ExecutedValue", updated(order(executed_value=NAN))),
    ("Order.AdditionalFunds.Fee", updated(order(funds={"Fee": NAN}))),
    ("Order.ExecutedAdditionalFunds.Fee", updated(order(executed_additional_funds={"Fee": NAN}))),
    ("Order.Values.ReservePrice", updated(order(values={"ReservePrice": Decimal(-1)}))),
    ("Order.RemoveAfter", updated(order(remove_after=-1))),
    ("Order.Side", updated(order(side=Side.SELL))),
    ("Order.Exchange", u.OrderReplaced(order=replace(order(), exchange="XASX"))),
    ("Order.Currency", updated(order(currency="USD"))),
    ("Order.OrderID", updated(order(account=B), previous_account=A)),
    ("Update.Values.Fee", replace(updated(order()), update=UNSOUND)),
    ("Update.Values.Fee", replace(traded(order(), 1, 1), update=UNSOUND)),
    ("Trade.TradeID", traded(order(), 1, 1, trade_id="")),
    ("Trade.TradeID", traded(order(), 1, 1, trade_id="booked")),
    ("Trade.TradeID", traded(order(), 1, 1, trade_id="unknown", type=CORRECTION)),
    ("Trade.TradeID", traded(order(), 1, 1, trade_id="unknown", type=CANCEL)),
    ("Trade.TradeID", traded(order(), 1, 1, trade_id="cancelled", type=CANCEL)),
    ("Trade.TradeID", traded(order(), 1, 1, trade_id="cancelled", type=CORRECTION)),
    ("Trade.TradeID", traded(order(), 1, 1, trade_id="cancelled")),
    ("Trade.Price", traded(order(), 1, 0)),
    ("Trade.Price", traded(order(), 1, NAN)),
    ("Trade.Quantity", traded(order(), 0, 1)),
    ("Trade.Quantity", traded(order(), -1, 1)),
    ("Trade.AdditionalFunds.Fee", traded(order(), 1, 1, funds={"Fee": HUGE})),
    ("OrderID", u.OrderExpired(account=A, order_id="unknown")),
    ("Transaction.TransactionID", deposit(1, id="")),
    ("Transaction.AccountID", deposit(1, account=NOBODY)),
    (
        "Transaction.Values.AveragePrice",
        replace(assets(), transaction=replace(DETAILS, values={"AveragePrice": NAN})),
    ),
    ("Transfer.Value", deposit(NAN)),
    ("Transfer.Currency", replace(deposit(1), transfer=replace(deposit(1).transfer, currency=""))),
    ("Transfer.AdditionalFunds.Fee", deposit(1, funds={"Fee": NAN})),
    ("Transfer.AdditionalFunds", deposit(1, funds={"Fee": 1}, pool="Loan")),
    ("Transfer.Pool", deposit(1, pool="")),
    ("Transfer.Settlement", deposit(1, pool="Loan", settlement=SETTLE)),
    ("Transfer.Code", assets(code="")),
    ("Transfer.Exchange", assets(exchange="")),
    ("Transfer.Value", assets(value=HUGE)),
    ("Cash", u.Adjusted(transaction=DETAILS)),
    ("Cash.Currency", adjusted(currency="")),
    ("Cash.Value", adjusted(value=NAN)),
    ("Cash.Settlement", adjusted(pool="Loan", settlement=SettlementStatus.REVERSE)),
    ("Asset.Code", adjusted_assets(code="")),
    ("Asset.Exchange", adjusted_assets(exchange="")),
    ("Asset.Value", adjusted_assets(value=NAN)),
    ("Request.RequestID", requested(placing(), "")),
    ("Request.RequestID", requested(placing(), "active")),
    ("Request.RequestID", requested(placing(), "over")),
    ("Request.AccountID", requested(placing(), account=NOBODY)),
    ("Request.Body.RequestID", requested(ClientQueueReplace(request_id="over", body=placing()))),
    ("Request.Quantity", requested(amending(NAN, 1))),
    ("Request.Quantity", requested(placing(-1))),
    ("Request.Price", requested(placing(1, NAN))),
    ("Request.Quantity", requested(CANCELLING)),
    ("Request.Value", requested(ClientCashTransfer(currency="AUD", value=HUGE))),
    ("Request.Values.MinimumQuantity", requested(placing(), values={"MinimumQuantity": NAN})),
    ("Request.Price", requested(ClientQueueReplace(request_id="active", body=amending(1, -1)))),
    ("ReservePrice", requested(amending(1, None), reserve_price=NAN)),
    ("AdditionalFunds.Fee", requested(amending(1, 1), additional_funds={"Fee": NAN})),
    ("Update.RequestID", answered(RequestStatus.COMPLETED, "over")),
    ("Update.RequestID", answered(RequestStatus.COMPLETED, "unknown")),
    ("Transform.NewCode", by(CurrencyRename(transform_id="t", code="AUD", new_code=""))),
    ("Transform.Code", by(SymbolRename(transform_id="t", exchange="XSX", code="", new_code="X"))),
    ("Transform.NewAccount", by(AccountRename(transform_id="t", account=A, new_account=B))),
    ("Transform.NewAccount", by(AccountRename(transform_id="t", account=A, new_account=NOBODY))),
    ("Transform.OrderStatus", by(Removal(transform_id="t", order_status=""))),
    ("Details.OwnerID", u.OwnerDefined(details=OwnerDetails(owner_id=""))),
    ("Details.AccountID", u.AccountDefined(details=AccountDetails(account=NOBODY))),
    ("Details.Exchange", u.ExchangeDefined(details=ExchangeDetails(exchange=""))),
    ("Details.Code", u.RequestStatusDefined(details=RequestStatusDetails(code=""))),
    ("Details.FeedID", u.FeedChanged(details=FeedDetails(feed_id=""))),
]


def busy() -> Books:
    return Books(
        updated(order()),
        updated(order(order_id="p")),
        traded(executed(order(), 10), 10, 10, trade_id="booked"),
        traded(executed(order(), 10), 10, 10, trade_id="cancelled"),
        traded(executed(order(), 10), 10, 10, trade_id="cancelled", type=CANCEL),
        updated(order(account=B)),
        requested(placing(), "active"),
        requested(placing(), "over"),
        answered(RequestStatus.REJECTED, "over"),
    )


@pytest.mark.parametrize(("field", "update"), REFUSED)
def test_refusals_name_the_field(field: str, update: u.AnyUpdate) -> None:
    books = busy()
    before = books.state.digest()
    reason = check(update, books.state)
    assert reason is not None
    assert reason.startswith(f"{field}: "), reason
    with pytest.raises(InvalidUpdate, match=field):
        books.apply(update)
    assert books.state.digest() == before


def test_what_is_only_said_again_is_never_refused() -> None:
    state = busy().state
    for type in OrderTradeType:
        for trade_id in ("booked", "cancelled", "unknown"):
            again = traded(order(), 1, 1, trade_id=trade_id, type=type, said=OrderUpdateType.RESTATE)
            assert check(again, state) is None


def test_time_and_sequences_only_go_forward() -> None:
    state = OmsState()
    state.apply(u.Kept(time=5, update=deposit(1), feed="x", sequence=7))
    assert state.positions == {"oms": 1, "x": 7}
    state.apply(u.Kept(time=5, update=deposit(1)))
    assert state.positions == {"oms": 2, "x": 7}
    for late in (
        u.Kept(time=4, update=deposit(1)),
        u.Kept(time=5, update=deposit(1), feed="x", sequence=7),
        u.Kept(time=5, update=deposit(1), feed="y", sequence=0),
    ):
        with pytest.raises(InvalidUpdate):
            state.apply(late)
    assert state.balance(A, "AUD").balance == 2


def test_a_refused_update_uses_its_sequence() -> None:
    state = OmsState()
    assert (
        state.apply(u.Kept(time=1, update=u.FeedRefused(reason="r", refused=b""), feed="x", sequence=1)) == []
    )
    assert (state.positions["x"], state.refusals) == (1, {"x": 1})


def test_numbers_of_the_greatest_size_add_up_exactly() -> None:
    most = Decimal("9" * DIGITS_MAX + "." + "9" * PLACES_MAX)
    assert is_sound(most)
    books = Books(deposit(most), traded(executed(order(most, most), most), most, most, funds={"Fee": most}))
    books.apply(traded(order(most, most), 0, 0, type=CANCEL), deposit(most.copy_negate()))
    assert books.state.balance(A, "AUD").unbooked_transactions == 0
    assert books.state.balance(A, "AUD").balance == 0
    books.apply(updated(order(0, 0)))
    assert books.cash() == {}


@pytest.mark.parametrize(
    ("total", "quantity", "rounded"),
    [("10", "4", "2.5"), ("1", "3", "0.3333333333"), ("-1", "3", "-0.3333333333"), ("500", "5", "100"),
     ("1.00000000005", "1", "1"), ("1.00000000015", "1", "1.0000000002"), ("0.1", "0.001", "100")],
)  # fmt: skip
def test_averages_are_rounded_half_to_even(total: str, quantity: str, rounded: str) -> None:
    assert str(average(Decimal(total), Decimal(quantity))) == rounded


@pytest.mark.parametrize("encoded", [b"", b"\x00", b"nonsense", msgspec.msgpack.encode({"version": 1})])
def test_what_is_no_checkpoint_is_said_to_be_none(encoded: bytes) -> None:
    with pytest.raises(ValueError, match="not a checkpoint"):
        OmsState.restore(encoded)


def test_a_checkpoint_of_a_newer_version_is_refused() -> None:
    held = msgspec.msgpack.decode(OmsState().checkpoint())
    with pytest.raises(ValueError, match="version 3"):
        OmsState.restore(msgspec.msgpack.encode(held | {"version": 3}))


def test_no_checkpoint_leads_back() -> None:
    books = busy()
    for bound in ({"update_id": 3}, {"time": 3}):
        with pytest.raises(ValueError, match="later than what is asked for"):
            as_at(books.state.checkpoint(), [], **bound)  # type: ignore[arg-type]
    assert as_at(None, books.kept, time=3).update_id == 3
    assert as_at(None, books.kept, update_id=0).digest() == OmsState().digest()
