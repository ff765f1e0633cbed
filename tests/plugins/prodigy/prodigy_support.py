"""A market of one or two symbols that tells in short lines what happens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from zenithd.domain.market_data import Side
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.exchange import Market
from zenithd_prodigy.model import events as e
from zenithd_prodigy.model.definitions import Entity, MarketSettings, SymbolDefinition
from zenithd_prodigy.model.orders import OrderType
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.model.symbol import SymbolState

MONDAY = date(2026, 1, 5)
BID, ASK = Side.BID, Side.ASK


class Playground:
    """Commands in, lines out: `trade 1x2 5@100` is a trade of buy order 1 and sell order 2."""

    def __init__(self, status: Status = Status.OPEN, **settings: Any) -> None:
        self.market = Market()
        self.now = 1
        self.events: list[e.Event] = []
        self.records: list[bytes] = []
        self.do(
            c.CreateMarket(market="M", status=status, settings=MarketSettings(**settings)),
            c.ListSymbol(market="M", definition=SymbolDefinition(code="S")),
            c.AddEntity(market="M", definition=Entity("A")),
            c.AddEntity(market="M", definition=Entity("B")),
            c.StartTradingDay(market="M", trading_date=MONDAY),
        )

    @property
    def model(self) -> Any:
        return self.market.model

    @property
    def symbol(self) -> SymbolState:
        found: SymbolState = self.market.model.symbols["S"]
        return found

    def do(self, *commands: c.Command) -> list[str]:
        """Lines of what followed; a refusal is its reason's name."""
        lines: list[str] = []
        for command in commands:
            outcome = self.market.handle(command, self.now)
            if isinstance(outcome, Refused):
                lines.append(outcome.reason.name)
            else:
                self.events += outcome
                self.records.append(e.encode_events(outcome))
                lines += [line for event in outcome if (line := told(event))]
        return lines

    def refuses(self, command: c.Command) -> Reason | None:
        """The reason; None if it is carried out. A refusal must change nothing."""
        before = self.model.digest()
        outcome = self.market.handle(command, self.now)
        if isinstance(outcome, Refused):
            assert self.model.digest() == before
            return outcome.reason
        return None

    def order(
        self, side: Side, quantity: int, price: int | None = None, entity: str = "A", **terms: Any
    ) -> list[str]:
        return self.do(order(side, quantity, price, entity, **terms))

    def amend(self, number: int, entity: str = "A", **changes: Any) -> list[str]:
        return self.do(c.AmendOrder(market="M", symbol="S", entity=entity, order=number, **changes))

    def cancel(self, number: int, entity: str = "A") -> list[str]:
        return self.do(c.CancelOrder(market="M", symbol="S", entity=entity, order=number))

    def status(self, status: Status | None, symbol: str | None = None) -> list[str]:
        return self.do(c.SetStatus(market="M", status=status, symbol=symbol))

    def book(self, side: Side) -> list[tuple[int, int | None, int, int]]:
        """Number, price, leaves and visible quantity in the order in which they trade."""
        return [(o.number, o.price, o.leaves, o.visible) for o in self.symbol.in_book(side)]

    def check_replay(self) -> None:
        """The events alone, and the checkpoint alone, give the same state."""
        again = Market()
        again.replay_encoded(self.records)
        assert again.model.digest() == self.model.digest()
        assert Market(checkpoint=self.model.checkpoint()).model.digest() == self.model.digest()


def order(
    side: Side, quantity: int, price: int | None = None, entity: str = "A", **terms: Any
) -> c.PlaceOrder:
    """A limit order, or without a price a market order."""
    terms.setdefault("order_type", OrderType.MARKET if price is None else OrderType.LIMIT)
    return c.PlaceOrder(
        market="M", symbol="S", entity=entity, side=side, quantity=quantity, price=price, **terms
    )


def told(event: e.Event) -> str:
    """One line; nothing for events that concern no order."""
    match event:
        case e.OrderPlaced():
            return f"placed {event.order} {event.standing.value}"
        case e.OrderAmended():
            return f"amended {event.order} {event.quantity}@{event.price} {event.standing.value}"
        case e.OrderRested():
            return f"rested {event.order} {event.leaves}@{event.price} {event.standing.value}"
        case e.OrderClosed():
            return f"closed {event.order} {event.leaves} {event.reason.name}"
        case e.Traded():
            return f"trade {event.buy.order}x{event.sell.order} {event.quantity}@{event.price}"
        case e.IndicativeChanged():
            return f"indicative {event.quantity}@{event.price} {event.surplus:+}"
        case _:
            return ""


def trades(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line.startswith("trade ")]
