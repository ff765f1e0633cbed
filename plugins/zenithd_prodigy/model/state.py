"""State of one market. Pure."""

from __future__ import annotations

from datetime import date

import msgspec

from zenithd.domain.market_data import TickTable
from zenithd_prodigy.model.definitions import NO_TICK_TABLE, Entity, MarketDefinition
from zenithd_prodigy.model.orders import Order
from zenithd_prodigy.model.recent import Recent
from zenithd_prodigy.model.statuses import STATUS_TABLE, Status
from zenithd_prodigy.model.symbol import SymbolState
from zenithd_prodigy.timetable.due import Place
from zenithd_prodigy.timetable.plan import Timetable


class EndedCode(msgspec.Struct, frozen=True, array_like=True):
    """A code that a symbol had: trades under it are stored, so their ids are never used for it again."""

    number: int
    """Of the symbol that had it last."""
    next_trade_id: int


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
        self.former_codes: set[str] = set()
        """Codes that the market had before it was renamed."""
        self.status = Status.CLOSED
        self.symbols: dict[str, SymbolState] = {}
        self.ended: dict[str, EndedCode] = {}
        """Codes that no symbol has any more, or not the one that had them before."""
        self.tick_tables: dict[str, TickTable] = {}
        self.entities: dict[str, Entity] = {}
        self.timetable: Timetable | None = None
        self.place: Place | None = None
        """How far the timetable is done."""
        self.trading_date: date | None = None
        self.day_ended = False
        self.next_order = 1
        self.next_symbol_number = 1
        self.first_trade = 1
        self.order_count = 0
        self.command_ids: Recent[str, int] = Recent(self.definition.settings.command_ids_kept)
        """Ids of the commands that were carried out, with the order that each brought or concerned."""

    def orders_of(self, entity: str) -> list[tuple[SymbolState, Order]]:
        """All orders of an entity, by symbol and number."""
        return [
            (symbol, order)
            for _, symbol in sorted(self.symbols.items())
            for _, order in sorted(symbol.orders.items())
            if order.party.entity == entity
        ]

    def first_trade_id(self, code: str, number: int) -> int:
        """The first trade id that a symbol may use under a code."""
        ended = self.ended.get(code)
        if ended is None or ended.number == number:
            return self.first_trade
        return ended.next_trade_id

    def end_code(self, symbol: SymbolState) -> None:
        """The symbol has another code from here on, or none."""
        code = symbol.definition.code
        first = max(symbol.next_trade_id, self.first_trade_id(code, symbol.number))
        self.ended[code] = EndedCode(symbol.number, first)

    def had_code(self, code: str) -> bool:
        """True if the market has the code, or had it once."""
        return code == self.definition.code or code in self.former_codes

    def settle_rules(self, symbol: SymbolState) -> None:
        """Take over what the status that holds for the symbol allows."""
        symbol.rules = STATUS_TABLE[symbol.status or self.status]

    def table_of(self, name: str) -> TickTable | None:
        """The tick table that a definition names; None for the name that stands for none."""
        return None if name == NO_TICK_TABLE else self.tick_tables[name]
