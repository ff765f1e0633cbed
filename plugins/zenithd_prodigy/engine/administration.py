"""The market itself, its symbols, tick tables, prices and entities: the operator's commands. Pure."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from msgspec import UNSET

from zenithd.domain.market_data import TickTable
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.auction import refresh_indicative
from zenithd_prodigy.engine.matching import close
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.engine.turn import Turn
from zenithd_prodigy.model import events as e
from zenithd_prodigy.model.definitions import (
    CODE_LENGTH_MAX,
    NO_TICK_TABLE,
    MarketDefinition,
    SymbolDefinition,
)
from zenithd_prodigy.model.model import StandardModel
from zenithd_prodigy.model.orders import CloseReason
from zenithd_prodigy.model.statuses import STATUS_TABLE
from zenithd_prodigy.model.symbol import SymbolState
from zenithd_prodigy.tick_ladder import TickLadder
from zenithd_prodigy.timetable.plan import is_time_zone

SCALE_MAX = 9
"""Most decimals of a symbol's prices and quantities."""

Outcome = list[e.Event] | Refused

_CODE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_MARKET_CODE = re.compile(r"[A-Za-z0-9_-]+(?::[A-Za-z0-9_-]+)?", re.ASCII)

Changed = TypeVar("Changed", MarketDefinition, SymbolDefinition)


def create_market(model: StandardModel, command: c.CreateMarket, now: int) -> Outcome:
    """Create the market that the command names."""
    if model.exists:
        return Refused(Reason.MARKET_EXISTS)
    if not is_market_code(command.market):
        return Refused(Reason.CODE)
    if not STATUS_TABLE[command.status].on_market:
        return Refused(Reason.STATUS_PLACE)
    if not 0 < command.first_order < 2**62:
        return Refused(Reason.DEFINITION, "first_order must be above zero and below 2**62")
    if not 0 < command.first_trade < 2**62:
        return Refused(Reason.DEFINITION, "first_trade must be above zero and below 2**62")
    if not is_time_zone(command.time_zone):
        return Refused(Reason.TIME_ZONE)
    definition = MarketDefinition(
        code=command.market,
        name=command.name,
        time_zone=command.time_zone,
        currency=command.currency,
        settings=command.settings,
    )
    first = max(command.first_order, model.next_order)
    return _do(
        model,
        e.MarketCreated(now, definition, command.status, first, command.command_id, command.first_trade),
    )


def change_market(model: StandardModel, command: c.ChangeMarket, now: int) -> Outcome:
    """Change what the command names; limits hold for what comes, not for what is there."""
    if command.time_zone is not UNSET and not is_time_zone(command.time_zone):
        return Refused(Reason.TIME_ZONE)
    definition = _changed(model.definition, command, ("name", "time_zone", "currency", "settings"))
    if definition == model.definition:
        return Refused(Reason.NOTHING_TO_CHANGE)
    return _do(model, e.MarketChanged(now, definition, command.command_id))


def rename_market(model: StandardModel, command: c.RenameMarket, now: int) -> Outcome:
    """Another code for the market."""
    if not is_market_code(command.new_code):
        return Refused(Reason.CODE)
    if command.new_code == model.definition.code:
        return Refused(Reason.NOTHING_TO_CHANGE)
    definition = msgspec.structs.replace(model.definition, code=command.new_code)
    return _do(model, e.MarketChanged(now, definition, command.command_id))


def remove_market(model: StandardModel, command: c.RemoveMarket, now: int) -> Outcome:
    """Close all orders, unlist all symbols, and end."""
    events: list[e.Event] = []
    for _, symbol in sorted(model.symbols.items()):
        _unlist(model, symbol, now, events)
    return events + _do(model, e.MarketRemoved(now, command.command_id))


def list_symbol(model: StandardModel, command: c.ListSymbol, now: int) -> Outcome:
    """List a symbol."""
    definition = command.definition
    if definition.code in model.symbols:
        return Refused(Reason.SYMBOL_EXISTS)
    refusal = _refuse_definition(model, definition)
    if refusal is not None:
        return refusal
    if not 0 < command.first_trade_id < 2**62:
        return Refused(Reason.DEFINITION, "first_trade_id must be above zero and below 2**62")
    number = model.next_symbol_number
    first = max(command.first_trade_id, model.first_trade_id(definition.code, number))
    event = e.SymbolListed(now, definition, number, command.status, first, command.command_id)
    return _do(model, event)


def change_symbol(model: StandardModel, command: c.ChangeSymbol, now: int) -> Outcome:
    """Change what the command names."""
    symbol = model.symbols.get(command.symbol)
    if symbol is None:
        return Refused(Reason.UNKNOWN_SYMBOL)
    names = ("name", "currency", "cfi", "tick_table", "lot_size", "attributes", "alternates")
    definition = _changed(symbol.definition, command, names)
    if definition == symbol.definition:
        return Refused(Reason.NOTHING_TO_CHANGE)
    refusal = _refuse_definition(model, definition)
    if refusal is not None:
        return refusal
    return _do(model, e.SymbolChanged(now, command.symbol, definition, command.command_id))


def rename_symbol(model: StandardModel, command: c.RenameSymbol, now: int) -> Outcome:
    """Another code for a symbol."""
    symbol = model.symbols.get(command.symbol)
    if symbol is None:
        return Refused(Reason.UNKNOWN_SYMBOL)
    if command.new_code == command.symbol:
        return Refused(Reason.NOTHING_TO_CHANGE)
    if command.new_code in model.symbols:
        return Refused(Reason.SYMBOL_EXISTS)
    if not is_code(command.new_code):
        return Refused(Reason.CODE)
    definition = msgspec.structs.replace(symbol.definition, code=command.new_code)
    return _do(model, e.SymbolChanged(now, command.symbol, definition, command.command_id))


def unlist_symbol(model: StandardModel, command: c.UnlistSymbol, now: int) -> Outcome:
    """Close the symbol's orders and take it off."""
    symbol = model.symbols.get(command.symbol)
    if symbol is None:
        return Refused(Reason.UNKNOWN_SYMBOL)
    events: list[e.Event] = []
    _unlist(model, symbol, now, events, command.command_id)
    return events


def set_tick_table(model: StandardModel, command: c.SetTickTable, now: int) -> Outcome:
    """Add or replace a tick table."""
    table = command.table
    known = table.code in model.tick_tables
    if known and not command.replaces:
        return Refused(Reason.TICK_TABLE_EXISTS)
    if not known and command.replaces:
        return Refused(Reason.UNKNOWN_TICK_TABLE)
    if not is_code(table.code):
        return Refused(Reason.CODE)
    scales = {
        symbol.definition.price_scale
        for symbol in model.symbols.values()
        if symbol.definition.tick_table == table.code
    }
    for scale in sorted(scales or {SCALE_MAX}):
        refusal = _refuse_table(table, scale)
        if refusal is not None:
            return refusal
    return _do(model, e.TickTableSet(now, table, command.command_id))


def remove_tick_table(model: StandardModel, command: c.RemoveTickTable, now: int) -> Outcome:
    """Remove a tick table that nobody uses."""
    if command.code not in model.tick_tables:
        return Refused(Reason.UNKNOWN_TICK_TABLE)
    if any(symbol.definition.tick_table == command.code for symbol in model.symbols.values()):
        return Refused(Reason.TICK_TABLE_IN_USE)
    return _do(model, e.TickTableRemoved(now, command.code, command.command_id))


def set_reference(model: StandardModel, command: c.SetReference, now: int) -> Outcome:
    """Set or remove a named price; where orders are gathered, it may change what the auction would bring."""
    symbol = model.symbols.get(command.symbol)
    if symbol is None:
        return Refused(Reason.UNKNOWN_SYMBOL)
    if not is_code(command.name):
        return Refused(Reason.CODE)
    if command.price is None and command.name not in symbol.references:
        return Refused(Reason.NOTHING_TO_CHANGE)
    if command.price is not None and not 0 < command.price <= model.definition.settings.price_max:
        return Refused(Reason.PRICE)
    event = e.ReferenceSet(now, command.symbol, command.name, command.price, command.command_id)
    events = _do(model, event)
    refresh_indicative(Turn(model, symbol, now, events))
    return events


def set_price_limits(model: StandardModel, command: c.SetPriceLimits, now: int) -> Outcome:
    """Limit prices from here on; orders that are there stay."""
    limits = command.limits
    if command.symbol not in model.symbols:
        return Refused(Reason.UNKNOWN_SYMBOL)
    if limits is not None:
        values = [value for value in (limits.low, limits.high, limits.basis_points) if value is not None]
        if any(not 0 < value <= model.definition.settings.price_max for value in values):
            return Refused(Reason.DEFINITION, "limits must be above zero and within the market's maximum")
        if limits.low is not None and limits.high is not None and limits.low > limits.high:
            return Refused(Reason.DEFINITION, "the lower limit is above the upper one")
        if (limits.reference is None) != (limits.basis_points is None):
            return Refused(Reason.DEFINITION, "reference and basis_points go together")
    return _do(model, e.PriceLimitsSet(now, command.symbol, limits, command.command_id))


def add_entity(model: StandardModel, command: c.AddEntity, now: int) -> Outcome:
    """Add an executing firm, or change its rights."""
    code = command.definition.code
    known = code in model.entities
    if known and not command.replaces:
        return Refused(Reason.ENTITY_EXISTS)
    if not known and command.replaces:
        return Refused(Reason.UNKNOWN_ENTITY)
    if not is_code(code):
        return Refused(Reason.CODE)
    return _do(model, e.EntitySet(now, command.definition, command.command_id))


def rename_entity(model: StandardModel, command: c.RenameEntity, now: int) -> Outcome:
    """Another code for an executing firm and its orders."""
    if command.code not in model.entities:
        return Refused(Reason.UNKNOWN_ENTITY)
    if command.new_code in model.entities:
        return Refused(Reason.ENTITY_EXISTS)
    if not is_code(command.new_code):
        return Refused(Reason.CODE)
    return _do(model, e.EntityRenamed(now, command.code, command.new_code, command.command_id))


def remove_entity(model: StandardModel, command: c.RemoveEntity, now: int) -> Outcome:
    """Remove an executing firm without orders."""
    if command.code not in model.entities:
        return Refused(Reason.UNKNOWN_ENTITY)
    if model.orders_of(command.code):
        return Refused(Reason.ENTITY_IN_USE)
    return _do(model, e.EntityRemoved(now, command.code, command.command_id))


def is_code(code: str) -> bool:
    """True for what may be the code of a symbol, an entity, a tick table or a reference price."""
    return len(code) <= CODE_LENGTH_MAX and _CODE.fullmatch(code) is not None


def is_market_code(code: str) -> bool:
    """True for what may be the code of a market: an exchange, or an alternative market of one."""
    return len(code) <= 2 * CODE_LENGTH_MAX and _MARKET_CODE.fullmatch(code) is not None


def _do(model: StandardModel, event: e.Event) -> list[e.Event]:
    model.apply(event)
    return [event]


def _unlist(
    model: StandardModel, symbol: SymbolState, now: int, events: list[e.Event], command_id: str = ""
) -> None:
    turn = Turn(model, symbol, now, events)
    for _, order in sorted(symbol.orders.items()):
        close(turn, order, CloseReason.UNLISTED)
    event = e.SymbolUnlisted(now, symbol.definition.code, command_id)
    model.apply(event)
    events.append(event)


def _changed(definition: Changed, command: msgspec.Struct, names: tuple[str, ...]) -> Changed:
    given = {name: value for name in names if (value := getattr(command, name)) is not UNSET}
    return msgspec.structs.replace(definition, **given)


def _refuse_definition(model: StandardModel, definition: SymbolDefinition) -> Refused | None:
    if not is_code(definition.code):
        return Refused(Reason.CODE)
    if not (0 <= definition.price_scale <= SCALE_MAX and 0 <= definition.quantity_scale <= SCALE_MAX):
        return Refused(Reason.DEFINITION, f"scales must be from 0 to {SCALE_MAX}")
    if not 0 < definition.lot_size <= model.definition.settings.quantity_max:
        return Refused(Reason.DEFINITION, "lot_size must be above zero and within the market's maximum")
    if definition.tick_table == NO_TICK_TABLE:
        return None
    table = model.tick_tables.get(definition.tick_table)
    if table is None:
        return Refused(Reason.UNKNOWN_TICK_TABLE)
    return _refuse_table(table, definition.price_scale)


def _refuse_table(table: TickTable, scale: int) -> Refused | None:
    try:
        TickLadder(table, scale)
    except ValueError as error:
        return Refused(Reason.TICK_TABLE, str(error))
    return None
