"""Simulated participants: market makers who quote around a reference price, and takers who trade. Pure.

They enter commands as everybody would, see the public book and learn of their own orders from the events
of the exchange. Nothing here knows a clock: a step stands for a fixed span of simulated time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice

import msgspec

from zenithd.domain.market_data import Broker, Side, TickStep, TickTable
from zenithd_prodigy.engine.commands import AmendOrder, CancelOrder, OrderCommand, PlaceOrder
from zenithd_prodigy.listings import AGENTS, MARKET_MAKERS, PRICE_SCALE
from zenithd_prodigy.model.events import OrderAmended, OrderClosed, OrderPlaced, OrderRested, Traded
from zenithd_prodigy.model.orders import CONTRA, OrderType, Party, Standing, TimeInForce
from zenithd_prodigy.model.state import MarketState
from zenithd_prodigy.model.symbol import SymbolState
from zenithd_prodigy.reference_price import ReferencePrice
from zenithd_prodigy.tick_ladder import TickLadder

USUAL_ORDER_VALUE = 4_000_000
"""Value of a usual order, in units of the price scale: four thousand dollars at three decimals."""

PARTICIPANTS = frozenset(broker.code for broker in MARKET_MAKERS + AGENTS)
"""The executing firms under which they trade."""

PRICE_MAX = Decimal(1_000_000)
"""Highest price of a symbol without a tick table of which participants think."""

_ROUND_QUANTITIES = (1, 1, 2, 2, 2, 3, 4, 5, 5, 5, 6, 8, 10, 10, 12, 15, 20, 25)


OrderEvent = OrderPlaced | OrderRested | OrderAmended | OrderClosed | Traded


class FlowStyle(msgspec.Struct, frozen=True, kw_only=True):
    """How a market's participants behave; seconds are those of simulated time."""

    step_seconds: float
    """Between two steps of an instrument of usual activity."""
    second_quote_share: float
    """Share of the steps in which the makers change two orders, not one."""
    take_seconds: float
    """Between two takers of an instrument of usual activity."""
    half_spread_ticks: float
    """Distance of the best quotes from the reference price."""
    level_orders: tuple[int, ...]
    """How many orders the makers like to have at each price step, from the best one away."""


BUSY = FlowStyle(
    step_seconds=0.14,
    second_quote_share=0.3,
    take_seconds=1.27,
    half_spread_ticks=0.6,
    level_orders=(3, 5, 6, 6, 5, 5, 4, 4, 3, 3),
)
"""The first market: about 10 changes of the book and one trade a second."""

QUIET = FlowStyle(
    step_seconds=0.36,
    second_quote_share=0.2,
    take_seconds=4.5,
    half_spread_ticks=1.4,
    level_orders=(2, 3, 4, 4, 3, 3, 2, 2),
)
"""The second market: about 4 changes of the book a second and a trade every four seconds."""


class _Quotes:
    """The participants' own resting orders of one side, by their place on the tick ladder."""

    def __init__(self, side: Side, level_orders: tuple[int, ...]) -> None:
        self.side = side
        self.target = sum(level_orders)
        self.enough = math.ceil(self.target * 0.6)
        """Below this number nothing is cancelled or taken, so that the side never runs empty."""
        self.outward = -1 if side is Side.BID else 1
        self.numbers: dict[int, int] = {}
        self._level_orders = level_orders

    def depth(self, order: int, top: int) -> int:
        """Price steps from `top` away from the market; negative for an order that is too eager."""
        return (self.numbers[order] - top) * self.outward

    def misplaced(self, top: int) -> int | None:
        """An order that is better than `top`, else one that is beyond the last level, else None."""
        by_depth = {number: order for order, number in self.numbers.items()}
        best, worst = (max, min) if self.side is Side.BID else (min, max)
        eager, far = by_depth[best(by_depth)], by_depth[worst(by_depth)]
        if self.depth(eager, top) < 0:
            return eager
        if self.depth(far, top) >= len(self._level_orders):
            return far
        return None

    def thin_level(self, top: int, source: random.Random) -> int:
        """A level for one more order: likelier the more orders it lacks."""
        counts = [0] * len(self._level_orders)
        for number in self.numbers.values():
            depth = (number - top) * self.outward
            if 0 <= depth < len(counts):
                counts[depth] += 1
        lacking = [
            max(wanted - count, 0) + 0.15 for wanted, count in zip(self._level_orders, counts, strict=True)
        ]
        return source.choices(range(len(counts)), lacking)[0]


class InstrumentFlow:
    """The participants of one instrument. Their commands must be carried out one by one, each before the
    next is asked for, and what follows from each be told to `observe`. `state` is the symbol's, as listed."""

    def __init__(
        self,
        market: MarketState,
        state: SymbolState,
        style: FlowStyle,
        activity: float,
        reference: ReferencePrice,
        source: random.Random,
    ) -> None:
        self.step_seconds = style.step_seconds / activity
        self.state = state
        self._market = market
        self._ladder = state.ladder or _plain_ladder(state.definition.price_scale)
        self._symbol_ladder = state.ladder
        self._unit = 10.0 ** (state.definition.price_scale - PRICE_SCALE)
        self._style = style
        self._take_seconds = style.take_seconds / activity
        self._reference = reference
        self._random = source
        self._quotes = {side: _Quotes(side, style.level_orders) for side in Side}
        self._taker_side = Side.BID
        self._seconds_to_take = self._take_seconds * source.random()

    @property
    def is_current(self) -> bool:
        """False once the symbol is unlisted or has other price steps: other participants are needed."""
        state = self.state
        listed = self._market.symbols.get(state.definition.code)
        return listed is state and state.ladder is self._symbol_ladder

    @property
    def _price(self) -> float:
        """What they believe the share to be worth, in the symbol's scale."""
        return self._reference.price * self._unit

    def observe(self, events: Iterable[OrderEvent]) -> None:
        """Learn what became of the own orders; those of others are passed over."""
        for event in events:
            if not isinstance(event, Traded) and event.party.entity not in PARTICIPANTS:
                continue
            if isinstance(event, OrderPlaced | OrderRested | OrderAmended):
                if event.standing is Standing.BOOK and event.price is not None:
                    self._quotes[event.side].numbers[event.order] = self._ladder.number_of(event.price)
                elif isinstance(event, OrderAmended):
                    self._quotes[event.side].numbers.pop(event.order, None)
            elif isinstance(event, OrderClosed):
                self._quotes[event.side].numbers.pop(event.order, None)
            else:
                for side, fill in ((Side.BID, event.buy), (Side.ASK, event.sell)):
                    if not fill.leaves:
                        self._quotes[side].numbers.pop(fill.order, None)

    def adopt(self) -> None:
        """Take over the own orders that stand in the book from before."""
        for order in self.state.orders.values():
            if order.party.entity in PARTICIPANTS and order.standing is Standing.BOOK and order.price:
                self._quotes[order.side].numbers[order.number] = self._ladder.number_of(order.price)

    def fill(self) -> Iterator[OrderCommand]:
        """Place orders until both sides have what the makers like: at the opening, and after an expiry."""
        for quotes in self._quotes.values():
            while len(quotes.numbers) < quotes.target:
                yield self._add(quotes)

    def step(self) -> Iterator[OrderCommand]:
        """What happens in one step: now and then a taker, always one or two changes of makers' orders."""
        self._reference.advance(self.step_seconds)
        self._seconds_to_take -= self.step_seconds
        if self._seconds_to_take <= 0:
            self._seconds_to_take += self._take_seconds * self._random.uniform(0.6, 1.4)
            yield self._take()
        yield self._quote()
        if self._random.random() < self._style.second_quote_share:
            yield self._quote()

    def _top(self, side: Side) -> int:
        """Number of the best price at which makers want to stand now."""
        centre = self._ladder.number_at(self._price)
        if side is Side.BID:
            return math.floor(centre - self._style.half_spread_ticks)
        return math.ceil(centre + self._style.half_spread_ticks)

    def _quote(self) -> OrderCommand:
        source = self._random
        quotes = self._quotes[source.choice((Side.BID, Side.ASK))]
        count = len(quotes.numbers)
        lack = (quotes.target - count) / quotes.target
        if count < quotes.enough or source.random() < 0.4 + lack:
            return self._add(quotes)
        misplaced = quotes.misplaced(self._top(quotes.side))
        if misplaced is not None:
            cancels = lack < 0 or source.random() < 0.3
            return self._cancel(misplaced) if cancels else self._reprice(quotes, misplaced)
        order = source.choice(list(quotes.numbers))
        kind = source.random()
        if kind < 0.25:
            return self._reduce(order)
        if kind < 0.5:
            return self._reprice(quotes, order)
        return self._cancel(order)

    def _passive_price(self, quotes: _Quotes) -> int:
        """A price on a level that lacks orders, and on the own side of the best contra price."""
        top = self._top(quotes.side)
        number = top + quotes.thin_level(top, self._random) * quotes.outward
        contra_price = self.state.best_price(CONTRA[quotes.side])
        if contra_price is not None:
            limit = self._ladder.number_of(contra_price) + quotes.outward
            number = min(number, limit) if quotes.side is Side.BID else max(number, limit)
        return self._ladder.price(number)

    def _add(self, quotes: _Quotes) -> PlaceOrder:
        source = self._random
        price = self._passive_price(quotes)
        quantity = plausible_quantity(price, source)
        display = None
        if quantity >= 10 and source.random() < 0.06:
            display = quantity
            quantity *= source.randint(3, 6)
        time_in_force = TimeInForce.DAY if source.random() < 0.7 else TimeInForce.GTC
        party = party_of(source.choice(MARKET_MAKERS if source.random() < 0.6 else AGENTS), source)
        return PlaceOrder(
            market=self._market.definition.code,
            entity=party.entity,
            symbol=self.state.definition.code,
            side=quotes.side,
            quantity=quantity,
            price=price,
            display_quantity=display,
            time_in_force=time_in_force,
            account=party.account,
        )

    def _cancel(self, order: int) -> CancelOrder:
        return CancelOrder(
            market=self._market.definition.code,
            entity=self._owner(order),
            symbol=self.state.definition.code,
            order=order,
        )

    def _reprice(self, quotes: _Quotes, order: int) -> OrderCommand:
        price = self._passive_price(quotes)
        if price == self.state.orders[order].price:
            return self._reduce(order)
        return AmendOrder(
            market=self._market.definition.code,
            entity=self._owner(order),
            symbol=self.state.definition.code,
            order=order,
            price=price,
        )

    def _reduce(self, order: int) -> OrderCommand:
        found = self.state.orders[order]
        if found.leaves < 2:
            return self._cancel(order)
        less = self._random.randint(1, found.leaves // 2)
        return AmendOrder(
            market=self._market.definition.code,
            entity=self._owner(order),
            symbol=self.state.definition.code,
            order=order,
            quantity=found.quantity - less,
        )

    def _owner(self, order: int) -> str:
        return self.state.orders[order].party.entity

    def _take(self) -> OrderCommand:
        """A taker's order against the best contra orders, sized so that it seldom goes deep."""
        source = self._random
        side = self._choose_taker_side()
        contra = self._quotes[CONTRA[side]]
        if len(contra.numbers) < contra.enough:
            return self._add(contra)
        ahead = [order.visible for order in islice(self.state.in_book(contra.side), 4)]
        kind = source.random()
        if kind < 0.68:
            quantity = max(1, round(ahead[0] * source.uniform(0.2, 0.9)))
        elif kind < 0.86:
            quantity = ahead[0]
        elif kind < 0.98:
            quantity = ahead[0] + max(1, ahead[1] // 2)
        else:
            quantity = sum(ahead)
        is_market = source.random() < 0.3
        party = party_of(source.choice(AGENTS), source)
        return PlaceOrder(
            market=self._market.definition.code,
            entity=party.entity,
            symbol=self.state.definition.code,
            side=side,
            quantity=quantity,
            order_type=OrderType.MARKET if is_market else OrderType.LIMIT,
            price=None if is_market else self.state.best_price(contra.side),
            time_in_force=TimeInForce.DAY,
            account=party.account,
        )

    def _choose_taker_side(self) -> Side:
        """Buyers come when the reference price is above the middle of the book; moods last a little."""
        bid, ask = self.state.best_price(Side.BID), self.state.best_price(Side.ASK)
        if bid is None or ask is None or ask <= bid:  # it may be crossed while orders are gathered
            return self._taker_side
        leaning = (self._price - (bid + ask) / 2) / (ask - bid)
        mood = 0.12 if self._taker_side is Side.BID else -0.12
        buys = self._random.random() < 0.5 + mood + 0.3 * max(-1.0, min(1.0, leaning))
        self._taker_side = Side.BID if buys else Side.ASK
        return self._taker_side


def _plain_ladder(price_scale: int) -> TickLadder:
    """Every price of a scale, for a symbol without a tick table."""
    size = Decimal(1).scaleb(-price_scale)
    return TickLadder(TickTable("", (TickStep(Decimal(0), PRICE_MAX, size),)), price_scale)


def plausible_quantity(price: int, source: random.Random) -> int:
    """A quantity as people enter it: mostly round, worth some thousands of dollars."""
    unit = int(10 ** max(0, round(math.log10(USUAL_ORDER_VALUE / 8 / price))))
    quantity = source.choice(_ROUND_QUANTITIES) * unit
    if source.random() < 0.2:
        quantity += source.randint(1, 9 * unit) // 2
    return quantity


def party_of(broker: Broker, source: random.Random) -> Party:
    """An order's party: agents act for clients whom only they can name."""
    reference = f"{broker.code}-{source.randint(1000, 1019)}" if broker in AGENTS else None
    return Party(broker.code, reference)
