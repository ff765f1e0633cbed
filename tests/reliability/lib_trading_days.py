"""Two trading days with everything that can happen on the exchange, as a script of commands. Pure.

Thursday is a whole day with an opening and a closing auction, Friday a holiday, on Sunday the clocks change,
Monday is a half day. `Author` carries the commands out on markets of its own while the script is written: so
it knows the orders and trades that later commands name, and what the whole must come to.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from zenithd.domain.market_data import Side, TickStep, TickTable
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.refusals import Refused
from zenithd_prodigy.exchange import Market
from zenithd_prodigy.model.definitions import Entity, MarketSettings, PriceLimits, SymbolDefinition
from zenithd_prodigy.model.events import Event, Traded
from zenithd_prodigy.model.orders import CloseReason, OrderType, SelfTrade, TimeInForce
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.timetable.plan import EXCHANGE_DAY, HALF_DAY, Timetable, round_the_clock

ZONE = "Australia/Sydney"
SECOND = 1_000_000_000
BID, ASK = Side.BID, Side.ASK
THURSDAY, FRIDAY, MONDAY = date(2026, 4, 2), date(2026, 4, 3), date(2026, 4, 6)
BEGIN = "2026-04-02 06:00"

TIMETABLE = Timetable(
    time_zone=ZONE,
    plans={"day": EXCHANGE_DAY, "half": HALF_DAY},
    weekdays=("day",) * 5 + (None, None),
    holidays={FRIDAY: "Good Friday"},
    special_days={MONDAY: "half"},
)


class Step(msgspec.Struct, frozen=True):
    """Commands that are given at one time, together."""

    at: int
    """Nanoseconds since the Unix epoch."""
    commands: tuple[Any, ...]


def instant(local: str) -> int:
    """Nanoseconds of a local time `YYYY-MM-DD HH:MM`."""
    return round(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(ZONE)).timestamp()) * SECOND


class Author:
    """Writes the script.

    Attributes:
        steps: what was written.
        markets: by code, as they are after it.
        outcomes: of every command by its id: events, or why it is refused.
    """

    def __init__(self, seed: int) -> None:
        self.steps: list[Step] = []
        self.markets: dict[str, Market] = {}
        self.founded: list[Market] = []
        """Also those that were removed."""
        self.outcomes: dict[str, list[Event] | Refused] = {}
        self.random = random.Random(seed)
        self.now = 0

    def at(self, local: str) -> None:
        """Go to a time; the timetables are followed."""
        self.now = instant(local)
        for market in self.markets.values():
            while list(market.catch_up(self.now)):
                pass
        self.steps.append(Step(self.now, ()))

    def do(self, *commands: Any) -> list[list[Event] | Refused]:
        """Give commands together; each gets an id."""
        self.now += SECOND
        numbered = [
            msgspec.structs.replace(command, command_id=f"{len(self.outcomes) + place}")
            for place, command in enumerate(commands)
        ]
        self.steps.append(Step(self.now, tuple(numbered)))
        outcomes = [self._carry_out(command) for command in numbered]
        self.outcomes |= {one.command_id: outcome for one, outcome in zip(numbered, outcomes, strict=True)}
        return outcomes

    def each(self, *commands: Any) -> None:
        """Give commands one after the other."""
        for command in commands:
            self.do(command)

    def _carry_out(self, command: Any) -> list[Event] | Refused:
        if isinstance(command, c.CreateMarket):
            command = self._after_earlier_ones(command)
            self.markets[command.market] = Market()
            self.founded.append(self.markets[command.market])
        market = self.markets[command.market]
        outcome = market.handle(command, self.now)
        code = market.model.definition.code
        if code != command.market:
            self.markets[code] = self.markets.pop(command.market)
        if not market.model.exists:
            del self.markets[command.market]
        return outcome

    def _after_earlier_ones(self, command: c.CreateMarket) -> c.CreateMarket:
        """As the floor does it: above all numbers of markets that had the code."""
        orders, trades = [1], [1]
        for model in (market.model for market in self.founded):
            if model.had_code(command.market):
                orders.append(model.next_order)
                ids = [each.next_trade_id for each in (*model.ended.values(), *model.symbols.values())]
                trades += [model.first_trade, *ids]
        return msgspec.structs.replace(command, first_order=max(orders), first_trade=max(trades))

    # Traffic

    def order(self, symbol: str, side: Side, quantity: int, price: int | None, **terms: Any) -> c.PlaceOrder:
        """An order of one of the firms."""
        terms.setdefault("market", "M")
        terms.setdefault("entity", self.random.choice("AB"))
        terms.setdefault("order_type", OrderType.LIMIT if price else OrderType.MARKET)
        return c.PlaceOrder(symbol=symbol, side=side, quantity=quantity, price=price, **terms)

    def traffic(self, count: int, symbols: Sequence[str], market: str = "M") -> None:
        """Orders of every kind around one price, amendments and cancellations, some of them together."""
        left = count
        while left > 0:
            together = min(left, self.random.choice((1, 1, 1, 3)))
            self.do(*(self._any(self.random.choice(symbols), market) for _ in range(together)))
            left -= together

    def _any(self, symbol: str, market: str) -> Any:
        source = self.random
        orders = list(self.markets[market].model.symbols[symbol].orders.values())
        kind = source.random()
        if orders and kind < 0.3:
            order = source.choice(orders)
            owner = {"market": market, "entity": order.party.entity, "symbol": symbol, "order": order.number}
            if kind < 0.15:
                return c.CancelOrder(**owner)
            if kind < 0.22 and order.leaves > 1:
                return c.AmendOrder(**owner, quantity=order.quantity - 1)
            return c.AmendOrder(**owner, price=self._price(), quantity=order.quantity + 2)
        side, quantity = source.choice((BID, ASK)), source.randint(1, 30)
        terms: dict[str, Any] = {"market": market, "account": source.choice((None, "client"))}
        if kind < 0.4:
            return self.order(symbol, side, quantity * 3, self._price(), display_quantity=quantity, **terms)
        if kind < 0.46:
            return self.order(symbol, side, quantity, self._price(), all_or_none=True, **terms)
        if kind < 0.52:
            return self.order(symbol, side, quantity, self._price(), minimum_quantity=quantity // 2, **terms)
        if kind < 0.6:
            lasting = source.choice((TimeInForce.IOC, TimeInForce.FOK))
            return self.order(symbol, side, quantity, self._price(), time_in_force=lasting, **terms)
        if kind < 0.68:
            priced = source.choice((OrderType.MARKET, OrderType.MARKET_TO_LIMIT))
            return self.order(symbol, side, quantity, None, order_type=priced, **terms)
        if kind < 0.76:
            terms["expiry"] = source.choice((THURSDAY, FRIDAY, MONDAY))
            return self.order(symbol, side, quantity, self._price(), time_in_force=TimeInForce.GTD, **terms)
        lasting = TimeInForce.GTC if kind < 0.84 else TimeInForce.DAY
        return self.order(symbol, side, quantity, self._price(), time_in_force=lasting, **terms)

    def _price(self) -> int:
        return 5 * self.random.randint(196, 204)


def two_trading_days(seed: int = 1, traffic: int = 10) -> Author:
    """The script.

    Args:
        seed: of the random traffic between the things that must happen.
        traffic: commands of each piece of it.
    """
    author = Author(seed)
    author.now = instant(BEGIN)
    _found(author)
    author.at("2026-04-02 07:00")
    author.traffic(traffic, ("S", "T"))
    _special_orders(author)
    author.at("2026-04-02 09:45")
    author.traffic(traffic, ("S", "T", "W"))
    author.do(c.SetReference(market="M", symbol="S", name="Auction", price=1010))
    author.at("2026-04-02 10:00")
    author.traffic(2 * traffic, ("S", "T", "W"))
    author.at("2026-04-02 11:00")
    _operators_by_day(author, traffic)
    author.at("2026-04-02 13:00")
    _other_codes(author, traffic)
    author.at("2026-04-02 16:00")
    author.traffic(traffic, ("S", "U"))
    author.at("2026-04-02 16:10")
    author.traffic(3, ("S", "U"))
    author.at("2026-04-02 16:20")
    author.traffic(2, ("S", "U"))  # refused
    author.at("2026-04-02 17:00")
    author.at("2026-04-03 12:00")
    author.traffic(traffic, ("S",), "O")  # open round the clock
    author.traffic(2, ("S", "U"))  # a holiday: refused
    author.at("2026-04-05 02:30")  # twice on this day
    author.traffic(traffic, ("S",), "O")
    author.at("2026-04-06 08:00")
    author.traffic(traffic, ("S", "U", "T"))
    author.at("2026-04-06 10:00")
    author.traffic(traffic, ("S", "U", "T"))
    _ends(author)
    author.at("2026-04-06 14:05")
    author.traffic(3, ("S", "U"))
    author.at("2026-04-06 15:00")
    author.at("2026-04-07 00:30")
    return author


def _found(author: Author) -> None:
    table = TickTable("five", (TickStep(Decimal("0.05"), Decimal("1000000"), Decimal("0.05")),))
    settings = MarketSettings(command_ids_kept=10_000, trades_kept=100)
    author.each(
        c.CreateMarket(market="M", time_zone=ZONE, settings=settings),
        c.SetTickTable(market="M", table=table),
        c.SetTickTable(market="M", table=msgspec.structs.replace(table, code="unused")),
        *(c.AddEntity(market="M", definition=Entity(code)) for code in "ABX"),
        c.ListSymbol(market="M", definition=SymbolDefinition(code="S", tick_table="five")),
        *(c.ListSymbol(market="M", definition=SymbolDefinition(code=code)) for code in "TW"),
        c.SetTimetable(market="M", timetable=TIMETABLE),
        c.CreateMarket(market="N", time_zone=ZONE, status=Status.OPEN),
        *(c.AddEntity(market="N", definition=Entity(code)) for code in "AB"),
        c.ListSymbol(market="N", definition=SymbolDefinition(code="S"), first_trade_id=1_000),
        c.SetTimetable(market="N", timetable=round_the_clock(ZONE, "12:00")),
        c.StartTradingDay(market="N", trading_date=THURSDAY),
    )


def _special_orders(author: Author) -> None:
    """Those that wait beside the book, and one of every lasting."""
    gtd, gtc = TimeInForce.GTD, TimeInForce.GTC
    author.each(
        author.order("T", BID, 5, None),
        author.order("T", ASK, 5, None, order_type=OrderType.MARKET_TO_LIMIT),
        author.order("T", BID, 8, 990, all_or_none=True, time_in_force=gtc),
        author.order("W", BID, 8, 500, minimum_quantity=4, time_in_force=gtc),
        author.order("W", BID, 8, 400, time_in_force=gtd, expiry=THURSDAY),
        author.order("W", BID, 8, 401, time_in_force=gtd, expiry=FRIDAY),
        author.order("W", BID, 8, 402, time_in_force=gtd, expiry=MONDAY),
        author.order("W", ASK, 90, 1_500, display_quantity=10, time_in_force=gtc, context="kept as it is"),
    )
    author.do(
        author.order("W", BID, 15, 1_500), author.order("W", BID, 1, 1_490), author.order("W", ASK, 2, 1)
    )


def _operators_by_day(author: Author, traffic: int) -> None:
    """Statuses by hand, self-trades, trades that change, bulk cancellations, limits, references."""
    author.each(
        c.SetStatus(market="M", symbol="T", status=Status.TRADING_HALT),
        author.order("T", BID, 9, 1_050),
        author.order("T", ASK, 9, 1_000),
        c.SetStatus(market="M", symbol="T", status=None),
        c.SetStatus(market="M", symbol="W", status=Status.SUSPEND),
        author.order("W", BID, 1, 1_000),
        c.SetStatus(market="M", status=Status.INQUIRY),
        author.order("S", BID, 1, 1_000),
        c.SetStatus(market="M", status=Status.OPEN),
        c.SetPriceLimits(market="M", symbol="S", limits=PriceLimits(500, 2_000, "Close", 5_000)),
        author.order("S", BID, 1, 400),
        c.SetReference(market="M", symbol="S", name="Index", price=4_711),
        c.SetReference(market="M", symbol="S", name="Index"),
        author.order("S", BID, 10_000, 1_000, time_in_force=TimeInForce.FOK),
        author.order("S", BID, 1, 505, time_in_force=TimeInForce.IOC),
    )
    for number, rule in enumerate(SelfTrade):
        settings = MarketSettings(command_ids_kept=10_000, trades_kept=100, self_trade=rule)
        author.each(
            c.ChangeMarket(market="M", settings=settings, name=f"market {number}"),
            author.order("T", BID, 4, 1_900, entity="A"),
            author.order("T", ASK, 6, 1_900, entity="A"),
        )
        author.traffic(traffic // 3, ("S", "T"))
    for quantity in (2, 3):
        author.each(
            author.order("S", ASK, quantity, 600, entity="X"),
            author.order("S", BID, 200, 1_400, entity="B", time_in_force=TimeInForce.IOC),
        )
    trades = _trades(author, "S")
    author.each(
        c.CancelTrade(market="M", symbol="S", trade_id=trades[0]),
        c.CancelTrade(market="M", symbol="S", trade_id=trades[0]),
        c.CorrectTrade(market="M", symbol="S", trade_id=trades[1], price=995, quantity=7),
        c.BulkCancel(market="M", symbol="T", entity="A"),
        c.BulkCancel(market="M", symbol="W", reason=CloseReason.MANUAL, of="A"),
        c.BulkCancel(market="M", symbol="T"),
        author.order("T", BID, 4, 1_000, entity="X"),
        c.AddEntity(market="M", definition=Entity("X", can_trade=False), replaces=True),
        author.order("T", BID, 4, 1_000, entity="X"),
        c.CancelOrder(market="M", symbol="T", order=author.markets["M"].model.next_order),  # operator's
    )


def _other_codes(author: Author, traffic: int) -> None:
    """Everything gets another code while orders are open, and old codes are used again."""
    table = TickTable("five", (TickStep(Decimal("0.01"), Decimal("1000000"), Decimal("0.01")),))
    lasting = {"time_in_force": TimeInForce.GTC}
    author.each(
        author.order("T", BID, 3, 900, **lasting),
        author.order("T", ASK, 3, 900, **lasting),
        c.RenameSymbol(market="M", symbol="T", new_code="U"),
        c.ListSymbol(market="M", definition=SymbolDefinition(code="T")),
        author.order("T", BID, 3, 900, **lasting),
        author.order("T", ASK, 3, 900, **lasting),
        c.ChangeSymbol(market="M", symbol="U", name="U, once T", attributes={"board": "first"}),
        author.order("U", BID, 3, 870, entity="B", **lasting),
        c.RenameEntity(market="M", code="B", new_code="Z"),
        c.AddEntity(market="M", definition=Entity("B")),
        c.SetTickTable(market="M", table=table, replaces=True),
        c.RemoveTickTable(market="M", code="unused"),
        c.RemoveTickTable(market="M", code="five"),
        author.order("S", BID, 3, 1_001),
        author.order("W", BID, 3, 700),
        c.UnlistSymbol(market="M", symbol="W"),
        c.ListSymbol(market="M", definition=SymbolDefinition(code="W"), status=Status.OPEN),
        author.order("W", BID, 3, 700, **lasting),
        author.order("W", ASK, 3, 700, **lasting),
        author.order("S", BID, 3, 990, market="N", **lasting),
        c.RenameMarket(market="N", new_code="O"),
        c.CreateMarket(market="N", status=Status.OPEN),
        c.ListSymbol(market="N", definition=SymbolDefinition(code="S")),
        c.AddEntity(market="N", definition=Entity("A")),
        author.order("S", BID, 3, 990, market="N", entity="A"),
        author.order("S", ASK, 2, 990, market="N", entity="A"),
    )
    author.traffic(traffic, ("S",), "O")
    author.traffic(traffic, ("S", "U", "T", "W"))


def _ends(author: Author) -> None:
    """A market, a firm and a day that the operator ends."""
    orders = [order for _, order in author.markets["M"].model.orders_of("X")]
    author.each(
        *(
            c.CancelOrder(market="M", symbol=code, order=order.number)
            for code, symbol in sorted(author.markets["M"].model.symbols.items())
            for order in orders
            if order.number in symbol.orders
        ),
        c.RemoveEntity(market="M", code="X"),
        c.RemoveEntity(market="M", code="A"),
        c.RemoveMarket(market="N"),
        c.CreateMarket(market="N", status=Status.OPEN),
        c.ListSymbol(market="N", definition=SymbolDefinition(code="S")),
        c.AddEntity(market="N", definition=Entity("A")),
        author.order("S", BID, 3, 990, market="N", entity="A"),
        author.order("S", ASK, 2, 990, market="N", entity="A"),
        c.StartTradingDay(market="N", trading_date=MONDAY),
        c.EndTradingDay(market="N"),
        c.SetTimetable(market="N", timetable=TIMETABLE),
        c.SetTimetable(market="N", timetable=None),
    )


def _trades(author: Author, symbol: str) -> list[int]:
    return [
        event.trade_id
        for outcome in author.outcomes.values()
        if not isinstance(outcome, Refused)
        for event in outcome
        if isinstance(event, Traded) and event.symbol == symbol
    ]
