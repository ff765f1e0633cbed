"""The price of an auction, and the trades at it. Pure.

The price at which most is executed; of those the one that leaves the least surplus; then, where all of
them leave buyers the highest, where all leave sellers the lowest; then the one nearest the reference
price, of two equally near the higher. Prices are those of the orders that wait; where only orders without
a price wait on both sides, it is the reference price. Without a reference price the middle of the prices
that are left stands for it.

Orders without a limit take part first, then better prices, then who waited longer. Orders take part with
all that is left of them, hidden quantity included. Orders that wait for a condition do not take part. An
entity may trade with itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from zenithd.domain.market_data import Side
from zenithd_prodigy.engine.matching import after_fill, close, rest
from zenithd_prodigy.engine.turn import Turn
from zenithd_prodigy.model.definitions import AUCTION_REFERENCE, CLOSE_REFERENCE
from zenithd_prodigy.model.events import IndicativeChanged, Traded
from zenithd_prodigy.model.orders import CloseReason, Order, OrderType
from zenithd_prodigy.model.symbol import BID, NO_INDICATIVE, Indicative, SymbolState


def equilibrium(symbol: SymbolState) -> Indicative:
    """What an auction of the orders that wait would bring now."""
    buys, sells = _unpriced_totals(symbol)
    best_bid, best_ask = symbol.bids.best_price, symbol.asks.best_price
    if not buys and not sells and (best_bid is None or best_ask is None or best_bid < best_ask):
        return NO_INDICATIVE
    outcomes = _outcomes(symbol, buys, sells)
    most = max((min(demand, supply) for _, demand, supply in outcomes), default=0)
    if not most:
        return NO_INDICATIVE
    best = [(price, demand - supply) for price, demand, supply in outcomes if min(demand, supply) == most]
    least = min(abs(surplus) for _, surplus in best)
    best = [(price, surplus) for price, surplus in best if abs(surplus) == least]
    price, surplus = _chosen(best, reference_price(symbol))
    return Indicative(price, most, surplus)


def reference_price(symbol: SymbolState) -> int | None:
    """The price near which an auction's should be: the one named for it, the last trade's, the last close."""
    named = symbol.references.get(AUCTION_REFERENCE)
    if named is not None:
        return named
    return symbol.references.get(CLOSE_REFERENCE) if symbol.last_price is None else symbol.last_price


def uncross(turn: Turn) -> None:
    """Trade at the auction's price; then no order without a limit is left, and the book is not crossed."""
    symbol = turn.symbol
    found = equilibrium(symbol)
    if found.price is not None:
        buys = list(_in_order(symbol, Side.BID, found.price))
        sells = list(_in_order(symbol, Side.ASK, found.price))
        _trade_all(turn, buys, sells, found)
    for order in list(symbol.unpriced.values()):
        if order.order_type is OrderType.MARKET_TO_LIMIT and found.price is not None:
            rest(turn, order, found.price)
        else:
            close(turn, order, CloseReason.UNFILLED)


def refresh_indicative(turn: Turn) -> None:
    """Tell what an auction would bring, if that has changed; nothing where no orders are gathered."""
    symbol = turn.symbol
    if symbol.rules.gathers:
        found = equilibrium(symbol)
    elif symbol.indicative is NO_INDICATIVE:
        return
    else:
        found = NO_INDICATIVE
    if found != symbol.indicative:
        turn.emit(IndicativeChanged(turn.now, turn.code, found.price, found.quantity, found.surplus))


def _unpriced_totals(symbol: SymbolState) -> tuple[int, int]:
    buys = sells = 0
    for order in symbol.unpriced.values():
        if order.side is BID:
            buys += order.leaves
        else:
            sells += order.leaves
    return buys, sells


def _outcomes(symbol: SymbolState, buys: int, sells: int) -> list[tuple[int, int, int]]:
    """Demand and supply at every price that can be the auction's, ascending."""
    bids = list(symbol.bids.levels())[::-1]
    asks = list(symbol.asks.levels())
    if not bids and not asks:
        reference = reference_price(symbol)
        return [] if reference is None else [(reference, buys, sells)]
    bid_prices = [price for price, _ in bids]
    ask_prices = [price for price, _ in asks]
    demand = [*accumulate((total for _, total in reversed(bids)), initial=buys)][::-1]
    supply = [*accumulate((total for _, total in asks), initial=sells)]
    prices = sorted({*bid_prices, *ask_prices})
    if not buys and not sells:
        prices = [price for price in prices if ask_prices[0] <= price <= bid_prices[-1]]
    return [
        (price, demand[bisect_left(bid_prices, price)], supply[bisect_left(ask_prices, price + 1)])
        for price in prices
    ]


def _chosen(best: list[tuple[int, int]], reference: int | None) -> tuple[int, int]:
    """Of prices (ascending) with equal quantity and surplus, the auction's."""
    if all(surplus > 0 for _, surplus in best):
        return best[-1]
    if all(surplus < 0 for _, surplus in best):
        return best[0]
    doubled = best[0][0] + best[-1][0] if reference is None else 2 * reference
    return min(best, key=lambda entry: (abs(2 * entry[0] - doubled), -entry[0]))


def _in_order(symbol: SymbolState, side: Side, price: int) -> Iterator[Order]:
    """The orders of a side that can trade at the price, in their order."""
    yield from (order for order in symbol.unpriced.values() if order.side is side)
    for order in symbol.side(side):
        assert order.price is not None  # it stands in the book
        if order.price < price if side is BID else order.price > price:
            return
        yield order


def _trade_all(turn: Turn, buys: list[Order], sells: list[Order], found: Indicative) -> None:
    """The first of the one side with the first of the other, until all that can trade has traded."""
    assert found.price is not None  # else nothing trades
    left, buy_index, sell_index = found.quantity, 0, 0
    while left:
        buy, sell = buys[buy_index], sells[sell_index]
        quantity = min(buy.leaves, sell.leaves, left)
        left -= quantity
        turn.emit(
            Traded(
                turn.now,
                turn.code,
                turn.symbol.next_trade_id,
                found.price,
                quantity,
                None,
                after_fill(buy, quantity, turn.symbol.next_priority),
                after_fill(sell, quantity, turn.symbol.next_priority),
            )
        )
        buy_index += not buy.leaves
        sell_index += not sell.leaves
