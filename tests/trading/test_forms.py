"""Entities as JSON, in every form that platform A.3 documents."""

from __future__ import annotations

from base64 import b64encode
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from zenithd.oms.model.accounts import Account, AccountDetails, CashPosition
from zenithd.oms.model.directory import ConnectionStatus, FeedDetails
from zenithd.oms.model.orders import Lifetime, OrderState, OrderType, Side
from zenithd.oms.model.transactions import CashTransfer, SettlementStatus, TransactionDetails
from zenithd.trading.operators.forms import BadField, form_of, read, tell, tell_number

D = Decimal
XS1 = Account(owner_id="XS", account_id="0001")
TIME = 1_795_255_200_123_456_000
ORDER = OrderState(
    order_id="o",
    account=XS1,
    code="XS01",
    exchange="XSX",
    currency="AUD",
    side=Side.SHORTSELL_EXEMPT,
    order_type=OrderType.MARKET_TO_LIMIT,
    quantity=D(10),
    lifetime=Lifetime.GOOD_TILL_DATE,
    expiry_date=TIME,
    created=TIME,
    values={"HiddenQuantity": D("2.5")},
    errors=("Timeout",),
    remove_after=0,
)


def back(told: Any, entity: Any) -> Any:
    """What is read of the text of what was told."""
    form = msgspec.json.decode(msgspec.json.encode(told), type=form_of(entity))
    return read(form, entity)


def test_an_order_has_the_names_and_words_of_the_table() -> None:
    assert tell(ORDER) == {
        "OrderID": "o",
        "Account": {"OwnerID": "XS", "AccountID": "0001"},
        "Code": "XS01",
        "Exchange": "XSX",
        "Currency": "AUD",
        "Side": "SIDE_SHORTSELL_EXEMPT",
        "OrderType": "ORDERTYPE_MARKET_TO_LIMIT",
        "Quantity": 10,
        "Lifetime": "LIFETIME_GOOD_TILL_DATE",
        "ExpiryDate": "2026-11-21T10:00:00.123456Z",
        "Created": "2026-11-21T10:00:00.123456Z",
        "Values": {"HiddenQuantity": 2.5},
        "ExecutedValue": 0,
        "ExecutedQuantity": 0,
        "IsCompleted": False,
        "Errors": ["Timeout"],
        "RemoveAfter": "1970-01-01T00:00:00Z",
    }
    assert tell(ORDER, compact=True)["OrderType"] == "MARKET_TO_LIMIT"


@pytest.mark.parametrize("compact", [False, True])
def test_what_was_told_is_read_again(compact: bool) -> None:
    feed = FeedDetails(feed_id="Prodigy", status=ConnectionStatus.ONLINE, timestamp=TIME, expire_after=TIME)
    for entity in (ORDER, feed, CashPosition(account=XS1, currency="AUD", values={"pool": D(3)})):
        assert back(tell(entity, compact=compact), type(entity)) == entity


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (D("0.10"), 0.1),
        (D("-1000"), -1000),
        (D("1E+5"), 100_000),
        (D("123456789012.345"), 123456789012.345),
        (D("1234567890123.4567"), {"Scale": 4, "IsNegative": False, "Value": "h0trXVTcKw=="}),
        (
            D(-(2**53) - 1),
            {"Scale": 0, "IsNegative": True, "Value": b64encode(b"\x01" + bytes(5) + b"\x20").decode()},
        ),
    ],
)
def test_numbers(value: Decimal, told: Any) -> None:
    assert tell_number(value) == told


@given(some.decimals(min_value=-(10**17), max_value=10**17, places=18))
def test_no_number_changes_on_its_way(value: Decimal) -> None:
    assert back({"Currency": "AUD", "Value": tell_number(value)}, CashTransfer).value == value


@pytest.mark.parametrize("word", [1, "SettlementStatus_Unbooked", "Unbooked"])
@pytest.mark.parametrize("value", [5.25, "5.25", {"Scale": 2, "Value": b64encode(b"\x0d\x02").decode()}])
def test_every_form_is_read(word: Any, value: Any) -> None:
    transfer = back({"Currency": "AUD", "Value": value, "Settlement": word}, CashTransfer)
    assert transfer == CashTransfer(currency="AUD", value=D("5.25"), settlement=SettlementStatus.UNBOOKED)


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-21T21:00:00.123456+11:00",
        {"Seconds": TIME // 10**9, "Nanoseconds": TIME % 10**9, "TzOffset": 660},
    ],
)
def test_times(time: Any) -> None:
    details = {"TransactionID": "t", "Account": {"AccountID": "1"}, "Timestamp": time}
    assert back(details, TransactionDetails).timestamp == TIME


@pytest.mark.parametrize(
    ("transfer", "code"),
    [
        ({"Settlement": 9}, "Settlement"),
        ({"Settlement": "booked"}, "Settlement"),
        ({"Value": "NaN"}, "Value"),
        ({"Value": "sNaN"}, "Value"),
        ({"AdditionalFunds": {"Tax": "-Infinity"}}, "AdditionalFunds.Tax"),
    ],
)
def test_what_cannot_be_meant_is_named(transfer: Any, code: str) -> None:
    with pytest.raises(BadField) as caught:
        back({"Currency": "AUD", "Value": 1, **transfer}, CashTransfer)
    assert caught.value.code == code


def test_an_owner_may_be_left_out() -> None:
    account = back({"Account": {"AccountID": "1"}, "Name": "One"}, AccountDetails).account
    assert account == Account(owner_id="", account_id="1")
