"""What events of the market itself change in the state. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from zenithd_prodigy.model.events import (
    EntityRemoved,
    EntityRenamed,
    EntitySet,
    MarketChanged,
    MarketCreated,
    MarketRemoved,
    PhaseReached,
    PriceLimitsSet,
    ReferenceSet,
    StatusChanged,
    SymbolChanged,
    SymbolListed,
    SymbolUnlisted,
    TickTableRemoved,
    TickTableSet,
    TimetableSet,
    TradingDayEnded,
    TradingDayStarted,
)
from zenithd_prodigy.model.order_changes import recode
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.model.symbol import SymbolState

if TYPE_CHECKING:
    from zenithd_prodigy.model.state import MarketState


def market_created(state: MarketState, event: MarketCreated) -> None:
    """The market is there."""
    state.exists = True
    state.definition = event.definition
    state.status = event.status
    state.next_order = event.first_order
    state.first_trade = event.first_trade
    state.command_ids.kept = event.definition.settings.command_ids_kept
    _remember(state, event.command_id)


def market_changed(state: MarketState, event: MarketChanged) -> None:
    """Other settings hold from here on, or it has another code."""
    if event.definition.code != state.definition.code:
        state.former_codes.add(state.definition.code)
    state.definition = event.definition
    state.command_ids.kept = event.definition.settings.command_ids_kept
    for symbol in state.symbols.values():
        symbol.trades.kept = event.definition.settings.trades_kept
    _remember(state, event.command_id)


def market_removed(state: MarketState, event: MarketRemoved) -> None:
    """The market is gone, with its symbols."""
    state.exists = False
    for symbol in state.symbols.values():
        state.end_code(symbol)
    state.symbols.clear()
    state.status = Status.CLOSED
    state.timetable = state.place = None
    _remember(state, event.command_id)


def status_changed(state: MarketState, event: StatusChanged) -> None:
    """Another status holds, for those symbols that have none of their own or for one."""
    if event.symbol is not None:
        symbol = state.symbols[event.symbol]
        symbol.status = event.status
        state.settle_rules(symbol)
    else:
        assert event.status is not None  # only a symbol can be without a status
        state.status = event.status
        for symbol in state.symbols.values():
            state.settle_rules(symbol)
    _remember(state, event.command_id)


def phase_reached(state: MarketState, event: PhaseReached) -> None:
    """The timetable is done up to here."""
    state.place = event.place
    _remember(state, event.command_id)


def timetable_set(state: MarketState, event: TimetableSet) -> None:
    """Another timetable, or none."""
    state.timetable = event.timetable
    state.place = event.place
    _remember(state, event.command_id)


def trading_day_started(state: MarketState, event: TradingDayStarted) -> None:
    """A new trading date."""
    state.trading_date = event.trading_date
    state.day_ended = False
    for symbol in state.symbols.values():
        symbol.day_first_trade = symbol.next_trade_id
    _remember(state, event.command_id)


def trading_day_ended(state: MarketState, event: TradingDayEnded) -> None:
    """Until the next one starts there is no trading day."""
    state.day_ended = True
    _remember(state, event.command_id)


def symbol_listed(state: MarketState, event: SymbolListed) -> None:
    """A new symbol without orders."""
    symbol = SymbolState(event.definition, event.number, state.definition.settings.trades_kept)
    symbol.status = event.status
    symbol.next_trade_id = symbol.day_first_trade = event.first_trade_id
    symbol.set_ladder(state.table_of(event.definition.tick_table))
    state.settle_rules(symbol)
    state.symbols[event.definition.code] = symbol
    state.next_symbol_number = event.number + 1
    _remember(state, event.command_id)


def symbol_changed(state: MarketState, event: SymbolChanged) -> None:
    """Another definition, perhaps with another code."""
    symbol = state.symbols.pop(event.symbol)
    code = event.definition.code
    if code != event.symbol:
        first = state.first_trade_id(code, symbol.number)
        state.end_code(symbol)
        symbol.next_trade_id = max(symbol.next_trade_id, first)
        symbol.day_first_trade = max(symbol.day_first_trade, first)
    symbol.definition = event.definition
    symbol.set_ladder(state.table_of(event.definition.tick_table))
    state.symbols[code] = symbol
    _remember(state, event.command_id)


def symbol_unlisted(state: MarketState, event: SymbolUnlisted) -> None:
    """The symbol is gone."""
    state.end_code(state.symbols.pop(event.symbol))
    _remember(state, event.command_id)


def tick_table_set(state: MarketState, event: TickTableSet) -> None:
    """New price steps for those that use the table."""
    state.tick_tables[event.table.code] = event.table
    for symbol in state.symbols.values():
        if symbol.definition.tick_table == event.table.code:
            symbol.set_ladder(event.table)
    _remember(state, event.command_id)


def tick_table_removed(state: MarketState, event: TickTableRemoved) -> None:
    """Nobody uses it any more."""
    del state.tick_tables[event.code]
    _remember(state, event.command_id)


def reference_set(state: MarketState, event: ReferenceSet) -> None:
    """A named price is there, changed or gone."""
    references = state.symbols[event.symbol].references
    if event.price is None:
        references.pop(event.name, None)
    else:
        references[event.name] = event.price
    _remember(state, event.command_id)


def price_limits_set(state: MarketState, event: PriceLimitsSet) -> None:
    """For orders from here on."""
    state.symbols[event.symbol].limits = event.limits
    _remember(state, event.command_id)


def entity_set(state: MarketState, event: EntitySet) -> None:
    """A firm with its rights."""
    state.entities[event.entity.code] = event.entity
    _remember(state, event.command_id)


def entity_renamed(state: MarketState, event: EntityRenamed) -> None:
    """The firm and its orders bear the new code."""
    for _, order in state.orders_of(event.code):
        recode(order, event.new_code)
    entity = state.entities.pop(event.code)
    state.entities[event.new_code] = msgspec.structs.replace(entity, code=event.new_code)
    _remember(state, event.command_id)


def entity_removed(state: MarketState, event: EntityRemoved) -> None:
    """The firm is gone."""
    del state.entities[event.code]
    _remember(state, event.command_id)


def _remember(state: MarketState, command_id: str) -> None:
    if command_id:
        state.command_ids.add(command_id, 0)
