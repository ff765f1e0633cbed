"""An order as a request would have it: what it costs, reserves, and whether the account can bear it. Pure."""

from __future__ import annotations

from decimal import Decimal

from zenithd.oms.commands import Answer, Refused, Submit
from zenithd.oms.model.entity import ZERO
from zenithd.oms.model.orders import OrderState, Side
from zenithd.oms.model.requests import ClientRequest
from zenithd.oms.reference import MarketView, Symbol, Verdict, VettingCase
from zenithd.oms.refusals import Faults, Result
from zenithd.oms.reserves import RESERVE_PRICE, reserve
from zenithd.oms.turn import Turn, replace
from zenithd.oms.words import BROKERAGE_SCHEDULE

SOLD_WITHOUT_HOLDING = frozenset({Side.SHORTSELL, Side.SHORTSELL_EXEMPT})


def priced(turn: Turn, order: OrderState, market: MarketView) -> OrderState | None:
    """With what it reserves by unit where it has no price, and with its estimated fees.

    None: it has no price, and there is none to go by.
    """
    values = dict(order.values)
    values.pop(RESERVE_PRICE, None)
    price = order.price
    if price is None:
        price = market.last_or_close
        if price is None:
            price = market.best_ask if order.side is Side.BUY else market.best_bid
        if price is None:
            return None
        if order.side is Side.BUY:
            price *= 1 + turn.rules.market_order_margin
        values[RESERVE_PRICE] = price
    schedule = order.properties.get(BROKERAGE_SCHEDULE, "")
    fees = turn.around.fees.fees(schedule, order.quantity * price)
    return replace(order, values=values, additional_funds=fees)


def estimated_value(order: OrderState) -> Decimal:
    """The consideration of the whole order without fees."""
    price = order.price if order.price is not None else order.values.get(RESERVE_PRICE, ZERO)
    return order.quantity * price


def answer_of(
    request: ClientRequest,
    order: OrderState | None,
    order_id: str = "",
    *,
    wanted: OrderState | None = None,
) -> Answer:
    """What the client is told of an accepted request.

    `wanted`: the order as the request would have it, where it is not so yet: the estimates are its.
    """
    if order is None:
        return Answer(request.request_id, request.account, order_id=order_id)
    return Answer(
        request.request_id,
        request.account,
        order_id=order.order_id,
        order=order,
        fees=(wanted or order).additional_funds,
        value=estimated_value(wanted or order),
    )


def lack(turn: Turn, order: OrderState, reserved: Decimal = ZERO) -> str | None:
    """The code for what the account lacks for this order, of which so much is reserved already."""
    more = reserve(order) - reserved
    if more <= 0 or order.side in SOLD_WITHOUT_HOLDING:
        return None
    if order.side is Side.BUY:
        enough = more <= turn.state.balance(order.account, order.currency).trading
        return None if enough else "TotalValue.Balance"
    enough = more <= turn.state.holding(order.account, order.exchange, order.code).available
    return None if enough else "TotalQuantity.Holdings"


def vet(
    turn: Turn,
    command: Submit,
    order: OrderState,
    existing: OrderState | None,
    seen: tuple[Symbol, MarketView | None],
) -> Verdict:
    """What the rules say of the order as the request would have it."""
    symbol, market = seen
    account = order.account
    verdict = turn.around.vetting(
        VettingCase(
            request=command.request,
            user=command.user,
            now=turn.now,
            account=turn.state.accounts[account],
            order=order,
            existing=existing,
            cash=turn.state.balance(account, order.currency),
            asset=turn.state.holding(account, order.exchange, order.code),
            symbol=symbol,
            market=market,
        )
    )
    turn.vetted = verdict
    return verdict


def refused(request: ClientRequest, faults: Faults) -> Refused:
    """A refusal with everything that was found."""
    return Refused(faults.result, tuple(faults.errors), request.request_id)


def rejected(request: ClientRequest, *codes: str) -> Refused:
    """A refusal by the state."""
    return Refused(Result.REJECTED, codes, request.request_id)
