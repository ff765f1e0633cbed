"""Random updates of every kind, most of them sensible in the state they come to, some of them nonsense."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import msgspec

from zenithd.oms.model import updates as u
from zenithd.oms.model.accounts import Account, AccountDetails
from zenithd.oms.model.directory import (
    ConnectionStatus,
    ExchangeDestination,
    ExchangeDetails,
    FeedDetails,
    OrderStatusDetails,
    OwnerDetails,
    RequestStatusDetails,
)
from zenithd.oms.model.orders import (
    OrderState,
    OrderTrade,
    OrderTradeType,
    OrderType,
    OrderUpdate,
    OrderUpdateReason,
    OrderUpdateType,
    Side,
)
from zenithd.oms.model.requests import (
    ClientCashTransfer,
    ClientQueue,
    ClientQueueReplace,
    ClientRequest,
    ClientRequestUpdate,
    OrderAmend,
    OrderCancel,
    OrderMove,
    OrderNew,
    RequestStatus,
)
from zenithd.oms.model.transactions import (
    AssetAdjustment,
    AssetTransfer,
    CashAdjustment,
    CashTransfer,
    SettlementStatus,
    TransactionDetails,
)
from zenithd.oms.model.transforms import (
    AccountRename,
    CurrencyRename,
    OwnerRename,
    Removal,
    Restatement,
    SymbolRename,
)
from zenithd.oms.state import OmsState

replace = msgspec.structs.replace

CODES = ("A", "B", "C")
EXCHANGES = ("EX", "EY")
CURRENCIES = ("AUD", "USD")
STATUSES = ("OnMarket", "PartialFill", "Filled", "Cancelled")
UNSOUND = tuple(map(Decimal, ("NaN", "-Infinity", "sNaN", "1E+30", "1E-30", "1E+999999", "-1E+18")))
FEES = ("Brokerage", "Rebate")


class Drawing:
    """Draws updates for a state, from any source of chance.

    Attributes:
        state: what the updates come to; whoever draws applies them.
    """

    def __init__(self, random: Random, state: OmsState) -> None:
        self.random = random
        self.state = state
        self.number = 0

    def next(self) -> u.AnyUpdate:
        """Another update; it may be one that is to be refused."""
        kinds, weights = zip(*_KINDS, strict=True)
        update: u.AnyUpdate = self.random.choices(kinds, weights)[0](self)
        return update

    # What they are made of.

    def id(self) -> str:
        self.number += 1
        return f"i{self.number}"

    def account(self) -> Account:
        return Account(owner_id=self.random.choice("XY"), account_id=self.random.choice("12"))

    def amount(self) -> Decimal:
        return Decimal(self.random.randint(-500, 2_000)).scaleb(-self.random.randint(0, 3))

    def price(self) -> Decimal:
        return Decimal(self.random.randint(1, 3_000)).scaleb(-2)

    def quantity(self) -> Decimal:
        return Decimal(self.random.choice((1, 3, 7, 10, 50, 100, Decimal("0.5"))))

    def funds(self) -> dict[str, Decimal]:
        return {name: self.amount() for name in FEES if self.random.random() < 0.3}

    def rarely(self, chance: float = 0.2) -> bool:
        return self.random.random() < chance

    def order(self) -> OrderState | None:
        orders = [order for orders in self.state.orders.values() for order in orders.values()]
        return self.random.choice(orders) if orders else None

    def details(self) -> TransactionDetails:
        prices = {"AveragePrice": self.price()} if self.rarely() else {}
        return TransactionDetails(
            transaction_id=self.id(),
            account=self.account(),
            values=prices,
            properties={"Currency": self.random.choice(CURRENCIES)},
        )


def _placed(draw: Drawing) -> u.AnyUpdate:
    has_price = not draw.rarely()
    return u.OrderUpdated(
        order=OrderState(
            order_id=draw.id(),
            account=draw.account(),
            code=draw.random.choice(CODES),
            exchange=draw.random.choice(EXCHANGES),
            currency=draw.random.choice(CURRENCIES),
            side=draw.random.choice(tuple(Side)),
            order_type=OrderType.LIMIT if has_price else OrderType.MARKET,
            quantity=draw.quantity(),
            price=draw.price() if has_price else None,
            group=draw.random.choice(("", "DAY")),
            values={} if has_price else {"ReservePrice": draw.price()},
            additional_funds=draw.funds(),
            status="Pending",
        ),
        update=OrderUpdate(reason=OrderUpdateReason.NEW),
    )


def _updated(draw: Drawing) -> u.AnyUpdate:
    before = draw.order()
    if before is None:
        return _placed(draw)
    after = replace(
        before,
        status=draw.random.choice(STATUSES),
        price=draw.price() if before.price is not None else None,
        quantity=before.quantity + draw.quantity() if draw.rarely() else before.quantity,
        values={},
        additional_funds=draw.funds() if draw.rarely() else {},
        request_id=draw.random.choice(tuple(draw.state.requests.get(before.account, ("r",)))),
        is_completed=draw.rarely(),
        remove_after=draw.random.choice((None, None, None, 5_000, 0)),
        timestamp=0,
        created=0,
    )
    if draw.rarely(0.1):
        return u.OrderReplaced(order=after)
    previous = None
    if draw.rarely():
        previous = before.account
        after = replace(after, account=draw.account())
    reason = OrderUpdateReason.REPLACE
    return u.OrderUpdated(order=after, update=OrderUpdate(reason=reason, previous_account=previous))


def _traded(draw: Drawing) -> u.AnyUpdate:
    order = draw.order()
    if order is None or order.remainder <= 0:
        return _placed(draw)
    quantity = min(draw.quantity(), order.remainder) if not draw.rarely(0.1) else draw.quantity()
    trade = OrderTrade(
        trade_id=draw.id(), price=draw.price(), quantity=quantity, additional_funds=draw.funds()
    )
    fees = dict(order.executed_additional_funds)
    for name, fee in trade.additional_funds.items():
        fees[name] = fees.get(name, Decimal(0)) + fee
    done = order.executed_quantity + quantity
    after = replace(
        order,
        executed_quantity=done,
        executed_value=order.executed_value + trade.price * quantity,
        executed_additional_funds=fees,
        is_completed=order.is_completed or (done == order.quantity and not draw.rarely()),
    )
    restates = OrderUpdateType.RESTATE if draw.rarely(0.1) else OrderUpdateType.UPDATE
    update = OrderUpdate(reason=OrderUpdateReason.TRADE, type=restates)
    return u.OrderTraded(order=after, update=update, trade=trade)


def _trade_changed(draw: Drawing) -> u.AnyUpdate:
    order = draw.order()
    known = draw.state.trades.get(order.account, {}).get(order.order_id, {}) if order else {}
    if order is None or not known:
        return _traded(draw)
    trade = OrderTrade(
        trade_id=draw.random.choice(tuple(known)),
        type=draw.random.choice(tuple(OrderTradeType)),
        price=draw.price(),
        quantity=draw.quantity(),
        additional_funds=draw.funds(),
    )
    restates = OrderUpdateType.RESTATE if draw.rarely() else OrderUpdateType.UPDATE
    update = OrderUpdate(reason=OrderUpdateReason.TRADE_CORRECTION, type=restates)
    if draw.rarely():
        update = replace(update, previous_account=order.account)
        order = replace(order, account=draw.account())
    return u.OrderTraded(order=order, update=update, trade=trade)


def _expired(draw: Drawing) -> u.AnyUpdate:
    order = draw.order()
    return u.OrderExpired(account=order.account, order_id=order.order_id) if order else _placed(draw)


def _requested(draw: Drawing) -> u.AnyUpdate:
    order = draw.order()
    common: dict[str, Any] = {"code": draw.random.choice(CODES), "exchange": draw.random.choice(EXCHANGES)}
    if order is not None:
        common = {"code": order.code, "exchange": order.exchange}
    new: dict[str, Any] = {
        **common,
        "side": order.side if order else Side.BUY,
        "order_type": OrderType.LIMIT,
        "quantity": draw.quantity(),
        "price": draw.price() if not draw.rarely() else None,
    }
    named = {**common, "side": Side.BUY, "order_id": order.order_id if order else "none"}
    bodies: list[Any] = [
        OrderNew(**new),
        OrderAmend(**new, order_id=named["order_id"]),
        OrderAmend(**new, order_id=named["order_id"]),
        OrderCancel(**named, quantity=draw.quantity()),
        OrderMove(**named, prev_account=order.account if order and not draw.rarely() else draw.account()),
        ClientCashTransfer(currency=draw.random.choice(CURRENCIES), value=draw.amount()),
    ]
    body = draw.random.choice(bodies)
    account = order.account if order and isinstance(body, OrderAmend) else draw.account()
    if draw.rarely(0.1) and account in draw.state.requests:
        known = draw.random.choice(tuple(draw.state.requests[account]))
        body = ClientQueueReplace(request_id=known, body=body)
    queue = ClientQueue(queue_id="desk") if draw.rarely(0.4) else None
    return u.Requested(
        request=ClientRequest(request_id=draw.id(), account=account, body=body, queue=queue),
        order_id=draw.id() if isinstance(body, OrderNew) else "",
        reserve_price=draw.price() if draw.rarely(0.5) else None,
        additional_funds=draw.funds(),
    )


def _request_updated(draw: Drawing) -> u.AnyUpdate:
    requests = [r for requests in draw.state.requests.values() for r in requests.values()]
    if not requests:
        return _requested(draw)
    request = draw.random.choice(requests).request
    return u.RequestUpdated(
        update=ClientRequestUpdate(
            request_id=request.request_id,
            account=request.account,
            status=draw.random.choice((None, *RequestStatus)),
            target=ClientQueue() if draw.rarely() else None,
            errors=("Order.Status",) if draw.rarely() else (),
            is_completed=draw.rarely(),
        )
    )


def _cash_transferred(draw: Drawing) -> u.AnyUpdate:
    pool = draw.random.choice((None, None, None, "Margin", "Loan"))
    return u.CashTransferred(
        transaction=draw.details(),
        transfer=CashTransfer(
            currency=draw.random.choice(CURRENCIES),
            value=draw.amount(),
            pool=pool,
            additional_funds={} if pool is not None else draw.funds(),
            settlement=draw.random.choice(tuple(SettlementStatus)),
        ),
    )


def _asset_transferred(draw: Drawing) -> u.AnyUpdate:
    code, exchange = draw.random.choice(CODES), draw.random.choice(EXCHANGES)
    return u.AssetTransferred(
        transaction=draw.details(), transfer=AssetTransfer(code=code, exchange=exchange, value=draw.amount())
    )


def _adjusted(draw: Drawing) -> u.AnyUpdate:
    settlement = draw.random.choice(tuple(SettlementStatus))
    cash = CashAdjustment(
        currency=draw.random.choice(CURRENCIES), value=draw.amount(), reason="why", settlement=settlement
    )
    asset = AssetAdjustment(code=draw.random.choice(CODES), exchange="EX", value=draw.amount(), reason="why")
    return u.Adjusted(
        transaction=draw.details(),
        cash=None if draw.rarely(0.3) else cash,
        asset=None if draw.rarely(0.3) else asset,
    )


def _transformed(draw: Drawing) -> u.AnyUpdate:
    matching: dict[str, Any] = {
        "transform_id": draw.id(),
        "exchange": draw.random.choice(("", *EXCHANGES)),
        "group": draw.random.choice(("", "DAY")),
        "code": draw.random.choice(("", *CODES)),
        "not_after": draw.random.choice((None, draw.state.time, draw.state.time - 3)),
        "order_status": draw.random.choice(STATUSES),
    }
    transforms: list[Any] = [
        Restatement(**matching, remove_after=draw.random.choice((None, None, 0, 9_000))),
        Removal(**matching),
        SymbolRename(
            transform_id="t",
            exchange=draw.random.choice(EXCHANGES),
            code=draw.random.choice(CODES),
            new_code=draw.random.choice(CODES),
        ),
        CurrencyRename(
            transform_id="t", code=draw.random.choice(CURRENCIES), new_code=draw.random.choice(CURRENCIES)
        ),
        AccountRename(transform_id="t", account=draw.account(), new_account=draw.account()),
        OwnerRename(
            transform_id="t", owner_id=draw.random.choice("XY"), new_owner_id=draw.random.choice("XYZ")
        ),
    ]
    return u.Transformed(transform=draw.random.choice(transforms))


def _defined(draw: Drawing) -> u.AnyUpdate:
    statuses = [
        OrderStatusDetails(code=code, is_completed=draw.rarely(0.5)) for code in STATUSES if not draw.rarely()
    ]
    updates: list[u.AnyUpdate] = [
        u.ExchangeDefined(
            details=ExchangeDetails(
                exchange=draw.random.choice(EXCHANGES),
                order_statuses=tuple(statuses),
                destinations=(ExchangeDestination(ex_destination="EX::EX", route="feed"),),
            )
        ),
        u.ExchangeUndefined(exchange=draw.random.choice(EXCHANGES)),
        u.OwnerDefined(details=OwnerDetails(owner_id=draw.random.choice("XY"), name=draw.id())),
        u.OwnerUndefined(owner_id=draw.random.choice("XY")),
        u.AccountDefined(details=AccountDetails(account=draw.account(), name=draw.random.choice("pq"))),
        u.AccountUndefined(account=draw.account()),
        u.RequestStatusDefined(details=RequestStatusDetails(code=draw.random.choice(STATUSES))),
        u.RequestStatusUndefined(code=draw.random.choice(STATUSES)),
        u.FeedChanged(
            details=FeedDetails(feed_id="feed", status=draw.random.choice(tuple(ConnectionStatus)))
        ),
        u.FeedRefused(reason="why", refused=b""),
    ]
    return draw.random.choice(updates)


def _nonsense(draw: Drawing) -> u.AnyUpdate:
    """An update with one field that cannot be so."""
    unsound = draw.random.choice(UNSOUND)
    order = getattr(_placed(draw), "order")  # noqa: B009  (of the one kind that it draws)
    trade = OrderTrade(trade_id="unknown", price=Decimal(1), quantity=Decimal(1))
    said = OrderUpdate(reason=OrderUpdateReason.TRADE)
    spoilt: list[OrderState] = [
        replace(order, **{name: unsound})
        for name in ("quantity", "price", "executed_quantity", "executed_value")
    ]
    spoilt += [replace(order, **{name: {"Fee": unsound}}) for name in ("additional_funds", "values")]
    spoilt += [replace(order, executed_additional_funds={"Fee": unsound})]
    spoilt += [replace(order, **{name: ""}) for name in ("order_id", "code", "exchange", "currency")]
    spoilt += [replace(order, quantity=Decimal(-1)), replace(order, remove_after=-1)]
    held = draw.order()
    if held is not None:
        other = Side.SELL if held.side is Side.BUY else Side.BUY
        spoilt += [replace(held, side=other), replace(held, exchange="EZ"), replace(held, currency="NZD")]
    updates: list[u.AnyUpdate] = [u.OrderUpdated(order=bad, update=said) for bad in spoilt]
    updates += [u.OrderReplaced(order=bad) for bad in spoilt]
    updates += [
        u.OrderTraded(order=order, update=said, trade=bad)
        for bad in (
            replace(trade, price=unsound),
            replace(trade, quantity=unsound),
            replace(trade, quantity=Decimal(0)),
            replace(trade, additional_funds={"Fee": unsound}),
            replace(trade, trade_id=""),
            replace(trade, type=OrderTradeType.CORRECTION),
            replace(trade, type=OrderTradeType.CANCEL),
        )
    ]
    details, transfer = draw.details(), CashTransfer(currency="AUD", value=Decimal(1))
    updates += [
        u.CashTransferred(transaction=details, transfer=bad)
        for bad in (
            replace(transfer, value=unsound),
            replace(transfer, currency=""),
            replace(transfer, pool=""),
            replace(transfer, additional_funds={"Fee": unsound}),
            replace(transfer, pool="Loan", additional_funds={"Fee": Decimal(1)}),
            replace(transfer, pool="Loan", settlement=SettlementStatus.SETTLE),
        )
    ]
    updates += [
        u.CashTransferred(transaction=replace(details, transaction_id=""), transfer=transfer),
        u.AssetTransferred(
            transaction=details, transfer=AssetTransfer(code="A", exchange="EX", value=unsound)
        ),
        u.Adjusted(transaction=details),
        u.OrderExpired(account=draw.account(), order_id="unknown"),
        u.RequestUpdated(update=ClientRequestUpdate(request_id="unknown", account=draw.account())),
        u.Transformed(transform=CurrencyRename(transform_id="t", code="AUD", new_code="")),
        u.OwnerDefined(details=OwnerDetails(owner_id="")),
        u.FeedChanged(details=FeedDetails(feed_id="")),
    ]
    return draw.random.choice(updates)


_KINDS: tuple[tuple[Callable[[Drawing], u.AnyUpdate], int], ...] = (
    (_placed, 5),
    (_updated, 8),
    (_traded, 10),
    (_trade_changed, 5),
    (_expired, 1),
    (_requested, 6),
    (_request_updated, 4),
    (_cash_transferred, 3),
    (_asset_transferred, 2),
    (_adjusted, 2),
    (_transformed, 2),
    (_defined, 2),
    (_nonsense, 3),
)
