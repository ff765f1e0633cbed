"""A market's state as plain values that can be encoded, and back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TypeVar

import msgspec

from zenithd.domain.market_data import TickTable
from zenithd_prodigy.model.definitions import Entity, MarketDefinition, PriceLimits, SymbolDefinition
from zenithd_prodigy.model.events import Traded
from zenithd_prodigy.model.orders import Order, Standing
from zenithd_prodigy.model.recent import Recent
from zenithd_prodigy.model.state import MarketState
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.model.symbol import Indicative, SymbolState
from zenithd_prodigy.timetable.due import Place
from zenithd_prodigy.timetable.plan import Timetable

VERSION = 1

Key = TypeVar("Key")
Value = TypeVar("Value")


class Memory(msgspec.Struct, array_like=True):
    """A `Recent`: its entries of both generations, the oldest first."""

    current: list[tuple[str, int]]
    previous: list[tuple[str, int]]


class SymbolCheckpoint(msgspec.Struct, kw_only=True):
    """One symbol."""

    definition: SymbolDefinition
    number: int
    status: Status | None
    orders: list[Order]
    """By number; their places follow from standing, price and priority."""
    trades: list[Traded]
    previous_trades: list[Traded]
    references: dict[str, int]
    limits: PriceLimits | None
    indicative: Indicative
    last_price: int | None
    next_trade_id: int
    next_priority: int


class Checkpoint(msgspec.Struct, kw_only=True):
    """One market."""

    version: int = VERSION
    sequence: int
    time: int
    exists: bool
    definition: MarketDefinition
    status: Status
    symbols: list[SymbolCheckpoint]
    """By number."""
    tick_tables: list[TickTable]
    entities: list[Entity]
    timetable: Timetable | None
    place: Place | None
    trading_date: date | None
    day_ended: bool
    next_order: int
    next_symbol_number: int
    command_ids: Memory
    free_trade_id: int = 1
    codes: list[str] = []


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Checkpoint)


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The same bytes for the same state."""
    return _ENCODER.encode(checkpoint)


def decode_checkpoint(encoded: bytes) -> Checkpoint:
    """Raises ValueError if it is no checkpoint, or one of a newer version."""
    try:
        checkpoint = _DECODER.decode(encoded)
    except msgspec.DecodeError as error:
        raise ValueError(f"not a checkpoint of a market: {error}") from error
    if checkpoint.version > VERSION:
        raise ValueError(f"a checkpoint of version {checkpoint.version}; this program knows up to {VERSION}")
    return checkpoint


def capture(state: MarketState) -> Checkpoint:
    """The state as it is now; what is not copied must not change before it is encoded."""
    return Checkpoint(
        sequence=state.sequence,
        time=state.time,
        exists=state.exists,
        definition=state.definition,
        status=state.status,
        symbols=[
            _symbol(symbol) for symbol in sorted(state.symbols.values(), key=lambda symbol: symbol.number)
        ],
        tick_tables=_sorted_values(state.tick_tables),
        entities=_sorted_values(state.entities),
        timetable=state.timetable,
        place=state.place,
        trading_date=state.trading_date,
        day_ended=state.day_ended,
        next_order=state.next_order,
        next_symbol_number=state.next_symbol_number,
        command_ids=Memory(list(state.command_ids.current.items()), list(state.command_ids.previous.items())),
        free_trade_id=state.free_trade_id,
        codes=state.codes,
    )


def restore_into(state: MarketState, checkpoint: Checkpoint) -> None:
    """Make an empty state the one that was captured."""
    state.sequence = checkpoint.sequence
    state.time = checkpoint.time
    state.exists = checkpoint.exists
    state.definition = checkpoint.definition
    state.status = checkpoint.status
    state.tick_tables = {table.code: table for table in checkpoint.tick_tables}
    state.entities = {entity.code: entity for entity in checkpoint.entities}
    state.timetable = checkpoint.timetable
    state.place = checkpoint.place
    state.trading_date = checkpoint.trading_date
    state.day_ended = checkpoint.day_ended
    state.next_order = checkpoint.next_order
    state.next_symbol_number = checkpoint.next_symbol_number
    state.free_trade_id = checkpoint.free_trade_id
    state.codes = checkpoint.codes
    if not state.codes and checkpoint.definition.code:
        state.codes = [checkpoint.definition.code]  # versions before kept none
    state.command_ids = Recent(checkpoint.definition.settings.command_ids_kept)
    state.command_ids.current = dict(checkpoint.command_ids.current)
    state.command_ids.previous = dict(checkpoint.command_ids.previous)
    for kept in checkpoint.symbols:
        symbol = _restored(state, kept)
        state.symbols[kept.definition.code] = symbol
        state.order_count += len(symbol.orders)


def _symbol(symbol: SymbolState) -> SymbolCheckpoint:
    return SymbolCheckpoint(
        definition=symbol.definition,
        number=symbol.number,
        status=symbol.status,
        orders=_sorted_values(symbol.orders),
        trades=list(symbol.trades.current.values()),
        previous_trades=list(symbol.trades.previous.values()),
        references=symbol.references,
        limits=symbol.limits,
        indicative=symbol.indicative,
        last_price=symbol.last_price,
        next_trade_id=symbol.next_trade_id,
        next_priority=symbol.next_priority,
    )


def _restored(state: MarketState, kept: SymbolCheckpoint) -> SymbolState:
    symbol = SymbolState(kept.definition, kept.number, state.definition.settings.trades_kept)
    symbol.status = kept.status
    state.settle_rules(symbol)
    symbol.set_ladder(state.table_of(kept.definition.tick_table))
    symbol.trades.current = {trade.trade_id: trade for trade in kept.trades}
    symbol.trades.previous = {trade.trade_id: trade for trade in kept.previous_trades}
    symbol.references = kept.references
    symbol.limits = kept.limits
    symbol.indicative = kept.indicative
    symbol.last_price = kept.last_price
    symbol.next_trade_id = kept.next_trade_id
    symbol.next_priority = kept.next_priority
    symbol.orders = {order.number: order for order in kept.orders}
    for order in sorted(kept.orders, key=lambda order: order.priority):
        if order.standing is Standing.BOOK:
            assert order.price is not None  # only orders with a price stand in the book
            symbol.side(order.side).add(order, order.price)
        elif order.standing is Standing.UNPRICED:
            symbol.unpriced[order.number] = order
        else:
            symbol.conditional[order.number] = order
    return symbol


def _sorted_values(mapping: Mapping[Key, Value]) -> list[Value]:
    return [mapping[key] for key in sorted(mapping)]  # type: ignore[type-var]
