"""Bodies of the Trading controller's topics, read (zenith-websocket 3.5, 6.7)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from zenithd.domain.identifiers import market_of
from zenithd.oms.model.accounts import Account
from zenithd.oms.refusals import Faults, Result
from zenithd.wire.dates import InvalidDate, parse_date_time
from zenithd.wire.trading.details import Details, read_condition, read_details, read_route
from zenithd.wire.trading.fields import Fields

COUNT_MAX: Final = 2**31 - 1


class Faulty(Exception):
    """An order request that cannot be read. Blame: the client; `result` and `errors` are the answer."""

    def __init__(self, faults: Faults, request_id: str = "") -> None:
        super().__init__(faults.result, faults.errors)
        self.result: Result = faults.result
        self.errors = tuple(faults.errors)
        self.request_id = request_id


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """PlaceOrder, AmendOrder, CancelOrder, MoveOrder, AuthoriseOrder and CalculateOrder.

    Which of the fields a topic has is said by `READS`; others are as if absent.
    """

    account: Account
    request_id: str = ""
    order_id: str = ""
    details: Details | None = None
    route: dict[str, str] = {}
    condition: dict[str, str] = {}
    destination: Account | None = None
    authorise: bool = False
    reason: str = ""


class _Shape(msgspec.Struct, frozen=True):
    """Which fields a topic takes beside Account, Flags and RequestID."""

    order_id: bool
    details: bool = False
    route: bool = False
    """Required; where there are details it may always be given."""
    destination: bool = False
    authorise: bool = False


PLACE, AMEND = _Shape(order_id=False, details=True, route=True), _Shape(order_id=True, details=True)

SHAPES: Final = {
    "PlaceOrder": PLACE,
    "AmendOrder": AMEND,
    "CancelOrder": _Shape(order_id=True),
    "MoveOrder": _Shape(order_id=True, destination=True),
    "AuthoriseOrder": _Shape(order_id=True, authorise=True),
}


def read_order_request(topic: str, data: Any) -> OrderRequest:
    """Read the body of an order request; all that is wrong with it is told together.

    Raises:
        Faulty: a required field is absent, or a field can never be so.
    """
    faults = Faults()
    fields = Fields(data if isinstance(data, dict) else {}, faults)
    shape = SHAPES[topic] if topic != "CalculateOrder" else AMEND if fields.has("OrderID") else PLACE
    request_id = fields.text("RequestID", "Order RequestID")
    account = read_account(fields, "Account", faults)
    order_id = fields.text("OrderID", "Order", required=True) if shape.order_id else ""
    flags = tuple(flag.removeprefix("Flag.") for flag in fields.texts("Flags", "Details Flags"))
    details, route, condition = None, {}, {}
    if shape.details:
        inner = fields.inner("Details", "Details", required=True)
        details = None if inner is None else read_details(inner, flags)
        inner = fields.inner("Route", "Route", required=shape.route)
        route = {} if inner is None else read_route(inner)
        inner = fields.inner("Condition", "Condition")
        condition = {} if inner is None else read_condition(inner)
    destination = read_account(fields, "Destination", faults) if shape.destination else None
    authorise = fields.flag("Authorise", "Operation", required=True) if shape.authorise else False
    reason = fields.text("Reason", "Details") if shape.authorise else ""
    if faults:
        raise Faulty(faults, request_id)
    return OrderRequest(
        account=account,
        request_id=request_id,
        order_id=order_id,
        details=details,
        route=route,
        condition=condition,
        destination=destination,
        authorise=authorise,
        reason=reason,
    )


def order_market(request: OrderRequest) -> str:
    """Code of the market whose symbol an order request names: that of the trading market, if it names one."""
    trading_market = request.route.get("Market", "")
    if trading_market:
        return market_of(trading_market)
    return "" if request.details is None else request.details.exchange


def read_account(fields: Fields, name: str, faults: Faults) -> Account:
    """Read an account's id."""
    text = fields.text(name, "Account", required=True)
    account = parse_account(text)
    if account is None:
        if text:
            faults.invalid("Account")
        return Account(owner_id="", account_id="")
    return account


def parse_account(text: str) -> Account | None:
    """`OWNER:ACCOUNT` (platform D.4); None if it is none."""
    owner, colon, account = text.partition(":")
    return Account(owner_id=owner, account_id=account) if colon and account else None


class QuoteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """RequestQuote."""

    market: str
    code: str


def read_quote(data: Any) -> QuoteRequest:
    """Read the body of RequestQuote.

    Raises:
        Faulty: as for orders.
    """
    faults = Faults()
    fields = Fields(data if isinstance(data, dict) else {}, faults)
    read = QuoteRequest(
        market=fields.market("Market", "Route.Market", required=True),
        code=fields.text("Code", "Symbol", required=True),
    )
    fields.choice("Side", {"Bid": True, "Ask": True}, "Side", False)
    quantity = fields.number("Quantity", "TotalQuantity")
    if quantity is not None and quantity <= 0:
        faults.invalid("TotalQuantity")
    if faults:
        raise Faulty(faults)
    return read


class AccountQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The queries of one account: its id as sent, and what narrows the answer."""

    account: str
    order_id: str = ""
    exchange: str = ""
    code: str = ""
    market: str = ""
    trading_market: str = ""
    from_date: int | None = None
    """Nanoseconds since the Unix epoch; inclusive."""
    to_date: int | None = None
    count: int | None = None


class BadQuery(Exception):
    """A query that cannot be read; `code` is the action error (4.D)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read_account_query(data: Any) -> AccountQuery:
    """Read the body of a query of one account.

    Raises:
        BadQuery: `Data` without a body, `Account` without an account, else `Data.Deserialise`.
    """
    if not isinstance(data, dict):
        raise BadQuery("Data.Deserialise" if data is not None and data != () else "Data")
    if not data.get("Account"):
        raise BadQuery("Account")
    count = data.get("Count")
    if isinstance(count, float) and count.is_integer():
        count = int(count)
    if count is not None and (type(count) is not int or not 0 <= count <= COUNT_MAX):
        raise BadQuery("Data.Deserialise")
    return AccountQuery(
        account=_word(data, "Account"),
        order_id=_word(data, "OrderID"),
        exchange=_word(data, "Exchange"),
        code=_word(data, "Code"),
        market=_word(data, "Market"),
        trading_market=_word(data, "TradingMarket"),
        from_date=_time(data, "FromDate"),
        to_date=_time(data, "ToDate"),
        count=count,
    )


class ProviderQuery(msgspec.Struct, frozen=True, kw_only=True):
    """QueryOrderStatuses, QueryRequestStatuses and QueryTradingMarkets."""

    provider: str
    exchange: str = ""


def read_provider_query(data: Any) -> ProviderQuery:
    """Read the body of a query of a provider.

    Raises:
        BadQuery: as for accounts; without a provider `Data.Deserialise`.
    """
    if not isinstance(data, dict):
        raise BadQuery("Data")
    provider = _word(data, "Provider")
    if not provider:
        raise BadQuery("Data.Deserialise")
    return ProviderQuery(provider=provider, exchange=_word(data, "Exchange"))


def _word(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadQuery("Data.Deserialise")
    return value


def _time(data: dict[str, Any], name: str) -> int | None:
    text = _word(data, name)
    if not text:
        return None
    try:
        return parse_date_time(text)
    except InvalidDate:
        raise BadQuery("Data.Deserialise") from None
