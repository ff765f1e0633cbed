"""Random operations and auctions, given to the engine and to the naive market, and compared after each."""

from __future__ import annotations

import random
from datetime import date, timedelta

from tests.reliability.lib_naive_market import NaiveMarket, NaiveOrder, Trade
from zenithd.domain.market_data import Side
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.refusals import Refused
from zenithd_prodigy.exchange import Market
from zenithd_prodigy.model.definitions import AUCTION_REFERENCE, Entity, MarketSettings, SymbolDefinition
from zenithd_prodigy.model.events import Traded, encode_events
from zenithd_prodigy.model.orders import OrderType, SelfTrade, Standing, TimeInForce
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.model.symbol import SymbolState

CODE, SYMBOL = "T", "S"
OWNERS = ("A", "B", "C")
FIRST_DAY = date(2026, 1, 5)
SYMBOL_STATUSES = (
    *([Status.OPEN] * 9), Status.PRE_OPEN, Status.PRE_AUCTION, Status.TRADING_HALT,
    Status.AUCTION, Status.PRE_CLOSE, Status.CLOSED,
)  # fmt: skip


def new_market(self_trade: SelfTrade = SelfTrade.OFF, status: Status = Status.OPEN) -> Market:
    """A market with one symbol and three entities."""
    market = Market()
    for command in (
        c.CreateMarket(market=CODE, status=status, settings=MarketSettings(self_trade=self_trade)),
        c.ListSymbol(market=CODE, definition=SymbolDefinition(code=SYMBOL)),
        *(c.AddEntity(market=CODE, definition=Entity(owner)) for owner in OWNERS),
        c.StartTradingDay(market=CODE, trading_date=FIRST_DAY),
    ):
        assert not isinstance(market.handle(command, 0), Refused)
    return market


class Pair:
    """Both markets, given the same operations."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        mode = self.random.choice(tuple(SelfTrade))
        self.market = new_market(mode)
        self.naive = NaiveMarket(mode)
        self.records: list[bytes] = []
        self.start = self.market.model.checkpoint()
        self.trades = 0
        self.fresh: list[Trade] = []
        self.day = FIRST_DAY

    @property
    def symbol(self) -> SymbolState:
        """The engine's state."""
        state: SymbolState = self.market.model.symbols[SYMBOL]
        return state

    def step(self) -> None:
        """One random operation on both, compared."""
        kind = self.random.random()
        if kind < 0.62:
            self._place()
        elif kind < 0.76:
            self._amend()
        elif kind < 0.94:
            self._cancel()
        elif kind < 0.985:
            status = self.random.choice(SYMBOL_STATUSES)
            self._handle(c.SetStatus(market=CODE, symbol=SYMBOL, status=status))
            self.naive.set_status(status.value)
        elif kind < 0.995:
            price = self.random.choice((None, self.random.randint(95, 105)))
            known = AUCTION_REFERENCE in self.symbol.references
            accepted = self._handle(
                c.SetReference(market=CODE, symbol=SYMBOL, name=AUCTION_REFERENCE, price=price)
            )
            assert accepted == (price is not None or known)
            self.naive.reference = price
        else:
            self.day += timedelta(days=1)
            self._handle(c.StartTradingDay(market=CODE, trading_date=self.day))
            self.naive.end_day()
        self.compare()

    def compare(self) -> None:
        """Same trades, same book, same orders beside it, same indicative values."""
        state, naive = self.symbol, self.naive
        assert self.fresh == naive.trades
        self.trades += len(self.fresh)
        self.fresh = []
        naive.trades = []
        for side in Side:
            got = [(o.number, o.price, o.leaves, o.visible) for o in state.in_book(side)]
            assert got == [(o.number, o.price, o.left, o.shown) for o in naive.queue(side)], side
        beside = {
            Standing.UNPRICED: [
                o for o in sorted(naive.orders, key=lambda o: o.queued_at) if o.price is None
            ],
            Standing.CONDITIONAL: [o for o in sorted(naive.orders, key=lambda o: o.queued_at) if o.waits],
        }
        for standing, holder in (
            (Standing.UNPRICED, state.unpriced),
            (Standing.CONDITIONAL, state.conditional),
        ):
            got_beside = [(o.number, o.leaves) for o in holder.values()]
            assert got_beside == [(o.number, o.left) for o in beside[standing]], standing
        found = state.indicative
        assert (found.price, found.quantity, found.surplus) == naive.indicative()

    def check_replay(self) -> None:
        """Events alone make the same state, from the start and from any checkpoint."""
        digest = self.market.model.digest()
        again = Market(checkpoint=self.start)
        again.replay_encoded(self.records)
        assert again.model.digest() == digest
        assert Market(checkpoint=self.market.model.checkpoint()).model.digest() == digest

    def _handle(self, command: c.Command) -> bool:
        outcome = self.market.handle(command, 0)
        if isinstance(outcome, Refused):
            return False
        self.records.append(encode_events(outcome))
        self.fresh += [
            (e.buy.order, e.sell.order, e.price, e.quantity, e.aggressor)
            for e in outcome
            if isinstance(e, Traded)
        ]
        return True

    def _both(self, command: c.Command, accepted_by_naive: bool) -> None:
        assert self._handle(command) == accepted_by_naive, command

    def _place(self) -> None:
        source = self.random
        kind = source.choices(tuple(OrderType), (8, 1, 1))[0]
        quantity = source.randint(1, 30)
        order = NaiveOrder(
            number=0,
            owner=source.choice(OWNERS),
            side=source.choice(tuple(Side)),
            kind=kind,
            price=source.randint(97, 103) if kind is OrderType.LIMIT else None,
            whole=quantity,
            shown_at_most=source.randint(1, 8) if source.random() < 0.25 else None,
            least=source.randint(1, quantity) if source.random() < 0.15 else 0,
            entire=source.random() < 0.08,
            validity=source.choices(
                (TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK), (5, 3, 1, 1)
            )[0],
        )
        command = c.PlaceOrder(
            market=CODE,
            symbol=SYMBOL,
            entity=order.owner,
            side=order.side,
            quantity=quantity,
            order_type=kind,
            price=order.price,
            display_quantity=order.shown_at_most,
            minimum_quantity=order.least,
            all_or_none=order.entire,
            time_in_force=order.validity,
        )
        self._both(command, self.naive.place(order))

    def _some_order(self) -> tuple[int, str]:
        source = self.random
        if self.naive.orders and source.random() < 0.95:
            order = source.choice(self.naive.orders)
            return order.number, order.owner if source.random() < 0.97 else source.choice(OWNERS)
        return source.randint(1, 10_000_000), source.choice(OWNERS)

    def _amend(self) -> None:
        source = self.random
        number, owner = self._some_order()
        price = source.randint(97, 103) if source.random() < 0.5 else None
        quantity = source.randint(1, 40) if source.random() < 0.6 else None
        shown = source.randint(1, 8) if source.random() < 0.25 else None
        command = c.AmendOrder(
            market=CODE,
            symbol=SYMBOL,
            entity=owner,
            order=number,
            price=price,
            quantity=quantity,
            display_quantity=shown,
        )
        self._both(command, self.naive.amend(number, owner, price, quantity, shown))

    def _cancel(self) -> None:
        number, owner = self._some_order()
        command = c.CancelOrder(market=CODE, symbol=SYMBOL, entity=owner, order=number)
        self._both(command, self.naive.cancel(number, owner))


def run_operations(count: int, seed: int, per_market: int = 2_000) -> int:
    """Random operations on one market after the other; returns the number of trades they made.

    Raises:
        AssertionError: the engine and the naive market differ, or a replay differs from the run.
    """
    trades = done = 0
    while done < count:
        pair = Pair(seed + done)
        for number in range(min(per_market, count - done)):
            try:
                pair.step()
            except AssertionError as error:
                raise AssertionError(f"seed {seed + done}, operation {number}: {error}") from error
        pair.check_replay()
        trades += pair.trades
        done += per_market
    return trades


def run_auctions(count: int, seed: int) -> int:
    """Random auctions; returns how many of them found a price. Raises AssertionError as above."""
    priced = 0
    for number in range(count):
        source = random.Random(seed + number)
        market = new_market(status=Status.PRE_AUCTION)
        naive = NaiveMarket(status="PreAuction")
        if source.random() < 0.5:
            naive.reference = source.randint(93, 107)
            reference = c.SetReference(
                market=CODE, symbol=SYMBOL, name=AUCTION_REFERENCE, price=naive.reference
            )
            assert not isinstance(market.handle(reference, 0), Refused)
        scarce = source.choice((3, 8, 20))
        for _ in range(source.randint(0, scarce)):
            _gather(source, market, naive)
        priced += naive.auction()[0] is not None
        try:
            _uncross_both(market, naive)
        except AssertionError as error:
            raise AssertionError(f"auction with seed {seed + number}: {error}") from error
    return priced


def _gather(source: random.Random, market: Market, naive: NaiveMarket) -> None:
    kind = source.choices(tuple(OrderType), (8, 1, 1))[0]
    order = NaiveOrder(
        number=0,
        owner=source.choice(OWNERS),
        side=source.choice(tuple(Side)),
        kind=kind,
        price=source.randint(95, 105) if kind is OrderType.LIMIT else None,
        whole=source.choice((1, 2, 5, 10, 10, 10, source.randint(1, 50))),
        shown_at_most=1 if kind is OrderType.LIMIT and source.random() < 0.2 else None,
        least=0,
        entire=kind is OrderType.LIMIT and source.random() < 0.05,
        validity=TimeInForce.GTC,
    )
    command = c.PlaceOrder(
        market=CODE,
        symbol=SYMBOL,
        entity=order.owner,
        side=order.side,
        quantity=order.whole,
        order_type=kind,
        price=order.price,
        display_quantity=order.shown_at_most,
        all_or_none=order.entire,
        time_in_force=order.validity,
    )
    assert naive.place(order) == (not isinstance(market.handle(command, 0), Refused))


def _uncross_both(market: Market, naive: NaiveMarket) -> None:
    """The auction, then continuous trading."""
    state: SymbolState = market.model.symbols[SYMBOL]
    found = state.indicative
    assert (found.price, found.quantity, found.surplus) == naive.indicative()
    for status in (Status.AUCTION, Status.OPEN):
        outcome = market.handle(c.SetStatus(market=CODE, status=status), 0)
        assert not isinstance(outcome, Refused)
        naive.trades = []
        naive.set_status(status.value)
        trades = [
            (e.buy.order, e.sell.order, e.price, e.quantity, e.aggressor)
            for e in outcome
            if isinstance(e, Traded)
        ]
        assert trades == naive.trades
        for side in Side:
            got = [(o.number, o.price, o.leaves, o.visible) for o in state.in_book(side)]
            assert got == [(o.number, o.price, o.left, o.shown) for o in naive.queue(side)]
