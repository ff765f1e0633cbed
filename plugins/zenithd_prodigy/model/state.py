"""State of one market. Pure."""

from __future__ import annotations

from datetime import date

from zenithd.domain.market_data import TickTable
from zenithd_prodigy.model.definitions import NO_TICK_TABLE, Entity, MarketDefinition
from zenithd_prodigy.model.orders import Order
from zenithd_prodigy.model.recent import Recent
from zenithd_prodigy.model.statuses import STATUS_TABLE, Status
from zenithd_prodigy.model.symbol import SymbolState
from zenithd_prodigy.timetable.due import Place
from zenithd_prodigy.timetable.plan import Timetable


class MarketState:
    """Everything that matters of a market. Others read it, only applied events change it."""

    def __init__(self) -> None:
        self.sequence = 0
        """Number of events that made it."""
        self.time = 0
        """That of the newest event."""
        self.exists = False
        """False before it is created and after it is removed."""
        self.definition = MarketDefinition(code="")
        self.status = Status.CLOSED
        self.symbols: dict[str, SymbolState] = {}
        self.tick_tables: dict[str, TickTable] = {}
        self.entities: dict[str, Entity] = {}
        self.timetable: Timetable | None = None
        self.place: Place | None = None
        """How far the timetable is done."""
        self.trading_date: date | None = None
        self.day_ended = False
        self.next_order = 1
        self.next_symbol_number = 1
        self.order_count = 0
        self.free_trade_id = 1
        """Above every trade id that was used under a code which its symbol or market gave up since."""
        self.codes: list[str] = []
        """All that the market has had, in their order."""
        self.command_ids: Recent[str, int] = Recent(self.definition.settings.command_ids_kept)
        """Ids of the commands that were carried out, with the order that each brought or concerned."""

    def used_under(self, code: str) -> tuple[int, int]:
        """The first order number and trade id that were not used under a code: 1 if it never was ours."""
        if code not in self.codes:
            return 1, 1
        ids = [symbol.next_trade_id for symbol in self.symbols.values()]
        return self.next_order, max([self.free_trade_id, *ids])

    def orders_of(self, entity: str) -> list[tuple[SymbolState, Order]]:
        """All orders of an entity, by symbol and number."""
        return [
            (symbol, order)
            for _, symbol in sorted(self.symbols.items())
            for _, order in sorted(symbol.orders.items())
            if order.party.entity == entity
        ]

    def settle_rules(self, symbol: SymbolState) -> None:
        """Take over what the status that holds for the symbol allows."""
        symbol.rules = STATUS_TABLE[symbol.status or self.status]

    def table_of(self, name: str) -> TickTable | None:
        """The tick table that a definition names; None for the name that stands for none."""
        return None if name == NO_TICK_TABLE else self.tick_tables[name]
