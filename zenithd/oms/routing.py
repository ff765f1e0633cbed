"""Where an order goes: destinations of its exchange, and which of them is best (platform A.7, 4). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from zenithd.oms.commands import Send
from zenithd.oms.lifecycle import Signal
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.directory import ExchangeDestination, ExchangeDetails
from zenithd.oms.model.orders import OrderState, Side
from zenithd.oms.model.requests import (
    ClientCashTransfer,
    ClientRequest,
    ClientRequestState,
    ClientRequestUpdate,
    OrderAmend,
    OrderCancel,
    OrderMove,
    OrderNew,
)
from zenithd.oms.reference import MarketView, Symbol
from zenithd.oms.refusals import Faults
from zenithd.oms.turn import Turn, replace
from zenithd.oms.words import ALGORITHM, ALGORITHM_MARKETS, of_client, tag_of, without_condition

MARKET = "Market"
BEST_MARKET = "BestMarket"


def feed_of(exchange: ExchangeDetails, destination: ExchangeDestination) -> str:
    """Which feed carries out what goes there."""
    return destination.route or exchange.exchange


def route_of(properties: Mapping[str, str], ex_destination: str) -> tuple[str, str]:
    """The algorithm, and the trading market: of BestMarket those among which it may choose, if not all."""
    algorithm = properties.get(ALGORITHM, "")
    if algorithm == BEST_MARKET:
        return algorithm, properties.get(ALGORITHM_MARKETS, "")
    return algorithm, ex_destination


def find_destinations(
    turn: Turn,
    account: Account,
    symbol: Symbol,
    route: tuple[str, str],
    faults: Faults,
) -> list[ExchangeDestination]:
    """The trading markets to which an order may go. `route`: see `route_of`."""
    algorithm, wanted = route
    exchange = turn.state.exchanges.get(symbol.exchange)
    if exchange is None:  # it is gone, and its market is seen for a moment yet
        faults.rejected("Exchange")
        return []
    if algorithm == BEST_MARKET:
        among = wanted.split()
        found = [
            each
            for each in exchange.destinations
            if each.is_lit
            and (not among or each.ex_destination in among)
            and turn.reference.trades(symbol, each.ex_destination)
        ]
        if not found:
            faults.rejected("Route.Symbol")
    elif algorithm == MARKET or (not algorithm and wanted):
        found = _named(turn, account, symbol, wanted, faults)
    else:
        if algorithm:
            faults.invalid("Route.Algorithm")
        else:
            faults.absent("Route")
        return []
    with_path = [each for each in found if feed_of(exchange, each) in turn.state.feeds]
    if found and not with_path:
        faults.rejected("Internal.Path")
    return with_path


def _named(
    turn: Turn, account: Account, symbol: Symbol, wanted: str, faults: Faults
) -> list[ExchangeDestination]:
    if not wanted:
        faults.absent("Route.Market")
        return []
    if tag_of(wanted) != tag_of(account.account_id):
        faults.invalid("Route.Tag")
        return []
    exchange = turn.state.exchanges[symbol.exchange]
    found = [each for each in exchange.destinations if each.ex_destination == wanted]
    if not found:
        faults.rejected("Route.Market")
    elif len({feed_of(exchange, each) for each in found}) > 1:
        faults.rejected("Route.Ambiguous")
    elif not turn.reference.trades(symbol, wanted):
        faults.rejected("Route.Symbol")
    else:
        return found
    return []


def best_of(
    turn: Turn, symbol: Symbol, side: Side, destinations: list[ExchangeDestination]
) -> ExchangeDestination:
    """The destination with the best price for this side now.

    One whose feed is there before one whose is not, one that takes orders before one that does not, then by
    the price that could be traded at, then as the exchange lists them.
    """
    if len(destinations) == 1:
        return destinations[0]
    exchange = turn.state.exchanges[symbol.exchange]

    def rank(place: int) -> tuple[bool, bool, bool, Decimal, int]:
        destination = destinations[place]
        market = turn.reference.market(symbol, destination.ex_destination)
        is_buy = side is Side.BUY
        price = None if market is None else market.best_ask if is_buy else market.best_bid
        return (
            not turn.is_online(feed_of(exchange, destination)),
            market is None or not market.can_place,
            price is None,
            Decimal(0) if price is None else price if is_buy else -price,
            place,
        )

    return destinations[min(range(len(destinations)), key=rank)]


def market_of(turn: Turn, order: OrderState, symbol: Symbol) -> MarketView | None:
    """The market on which an order is, or to which it would go now."""
    if order.ex_destination:
        return turn.reference.market(symbol, order.ex_destination)
    if order.exchange not in turn.state.exchanges:
        return None
    route = route_of(order.properties, "")
    found = find_destinations(turn, order.account, symbol, route, Faults())
    if not found:
        return None
    return turn.reference.market(symbol, best_of(turn, symbol, order.side, found).ex_destination)


def feed_of_order(turn: Turn, order: OrderState) -> str:
    """The feed that has the order; empty if its exchange no longer has such a place."""
    exchange = turn.state.exchanges.get(order.exchange)
    if exchange is not None:
        for each in exchange.destinations:
            if each.ex_destination == order.ex_destination:
                return feed_of(exchange, each)
    return ""


def dispatch(
    turn: Turn, state: ClientRequestState, order: OrderState | None, feed: str, send_before: int | None = None
) -> ClientRequestState:
    """Give a pending request to its feed; if that is away it waits for it (A.7, 5)."""
    request = state.request
    update = ClientRequestUpdate(
        request_id=request.request_id, account=request.account, route=feed, send_before=send_before
    )
    if turn.is_online(feed):
        submitted = turn.move(state, Signal.SUBMIT, update)
        turn.sends.append(Send(feed, for_feed(request, order), order, submitted.sendings))
        return submitted
    if state.route == feed and send_before is None:
        return state
    return turn.note(state, update)


def for_feed(request: ClientRequest, order: OrderState | None) -> ClientRequest:
    """A request as its feed gets it: a new order as it is by now, without the hub's own conditions, and of a
    symbol by the code that it has now."""
    if order is None or isinstance(request.body, ClientCashTransfer):
        return request
    body = request.body
    if isinstance(body, OrderNew):
        body = replace(
            body,
            code=order.code,
            order_type=order.order_type,
            quantity=order.quantity,
            price=order.price,
            lifetime=order.lifetime,
            expiry_date=order.expiry_date,
            ex_destination=order.ex_destination,
        )
        return replace(
            request,
            body=body,
            values=of_client(order.values),
            properties=without_condition(order.properties),
        )
    if isinstance(body, OrderAmend | OrderCancel | OrderMove):
        body = replace(
            body,
            code=order.code,
            ex_destination=order.ex_destination,
            prev_request_id=order.request_id,
        )
    return replace(request, body=body, properties=without_condition(request.properties))
