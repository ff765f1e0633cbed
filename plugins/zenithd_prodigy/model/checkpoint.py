"""A market's state as plain values that can be encoded, and back. Pure.

Since version 2 a checkpoint is a mark and pieces, each behind its length: the first is the state without what
there can be very many of, the others are that, a thousand at a time. So whoever encodes a large market can
give way between two pieces.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import islice
from typing import TypeVar

import msgspec

from zenithd.domain.market_data import TickTable
from zenithd_prodigy.model.definitions import Entity, MarketDefinition, PriceLimits, SymbolDefinition
from zenithd_prodigy.model.events import Traded
from zenithd_prodigy.model.orders import Order, Standing
from zenithd_prodigy.model.recent import Recent
from zenithd_prodigy.model.state import EndedCode, MarketState
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.model.symbol import Indicative, SymbolState
from zenithd_prodigy.timetable.due import Place
from zenithd_prodigy.timetable.plan import Timetable

VERSION = 2

PIECE_ENTRIES = 1_000
"""Orders, trades or ids of commands in one piece: encoding it takes a millisecond at most."""

_MARK = b"\xc1PC"
"""Begins a checkpoint in pieces. No MessagePack begins so, as did checkpoints of version 1."""
_LENGTH = struct.Struct("<I")

Key = TypeVar("Key")
Value = TypeVar("Value")


class Memory(msgspec.Struct, array_like=True):
    """A `Recent`: its entries of both generations, the oldest first."""

    current: list[tuple[str, int]] = []
    previous: list[tuple[str, int]] = []


class Piece(msgspec.Struct, array_like=True):
    """Some of what a state has very many of."""

    symbol: int = -1
    """Place of the symbol in the checkpoint; -1: the market's own."""
    orders: list[Order] = []
    trades: list[Traded] = []
    previous_trades: list[Traded] = []
    command_ids: list[tuple[str, int]] = []
    previous_command_ids: list[tuple[str, int]] = []


class SymbolCheckpoint(msgspec.Struct, kw_only=True):
    """One symbol."""

    definition: SymbolDefinition
    number: int
    status: Status | None
    orders: list[Order] = []
    """By number; their places follow from standing, price and priority."""
    trades: list[Traded] = []
    previous_trades: list[Traded] = []
    references: dict[str, int]
    limits: PriceLimits | None
    indicative: Indicative
    last_price: int | None
    next_trade_id: int
    next_priority: int
    day_first_trade: int = 1
    """Since version 2."""


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
    command_ids: Memory = msgspec.field(default_factory=Memory)
    ended: dict[str, EndedCode] = {}
    """Since version 2."""
    first_trade: int = 1
    """Since version 2."""
    former_codes: list[str] = []
    """Since version 2."""


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Checkpoint)
_PIECE_DECODER = msgspec.msgpack.Decoder(Piece)


def encode_pieces(state: MarketState) -> Iterator[bytes]:
    """The state in pieces, one behind the other the same bytes for the same state.

    The state must not change until the last piece was taken.
    """
    symbols = sorted(state.symbols.values(), key=lambda symbol: symbol.number)
    yield _MARK + _framed(_captured(state, symbols))
    for piece in _pieces(state, symbols):
        yield _framed(piece)


def decode_checkpoint(encoded: bytes) -> Checkpoint:
    """Raises ValueError if it is no checkpoint, or one of a newer version."""
    try:
        if not encoded.startswith(_MARK):
            checkpoint = _DECODER.decode(encoded)
        else:
            bodies = _unframed(encoded)
            checkpoint = _DECODER.decode(next(bodies))
            if checkpoint.version <= VERSION:
                for body in bodies:
                    _put(checkpoint, _PIECE_DECODER.decode(body))
    except (msgspec.DecodeError, struct.error, StopIteration, IndexError) as error:
        raise ValueError(f"not a checkpoint of a market: {error}") from error
    if checkpoint.version > VERSION:
        raise ValueError(f"a checkpoint of version {checkpoint.version}; this program knows up to {VERSION}")
    return checkpoint


def _framed(body: Checkpoint | Piece) -> bytes:
    encoded = _ENCODER.encode(body)
    return _LENGTH.pack(len(encoded)) + encoded


def _unframed(encoded: bytes) -> Iterator[bytes]:
    at = len(_MARK)
    while at < len(encoded):
        (size,) = _LENGTH.unpack_from(encoded, at)
        at += _LENGTH.size
        yield encoded[at : at + size]
        at += size


def _put(checkpoint: Checkpoint, piece: Piece) -> None:
    if piece.symbol < 0:
        checkpoint.command_ids.current += piece.command_ids
        checkpoint.command_ids.previous += piece.previous_command_ids
        return
    symbol = checkpoint.symbols[piece.symbol]
    symbol.orders += piece.orders
    symbol.trades += piece.trades
    symbol.previous_trades += piece.previous_trades


def _pieces(state: MarketState, symbols: list[SymbolState]) -> Iterator[Piece]:
    for entries in _some(state.command_ids.current.items()):
        yield Piece(command_ids=entries)
    for entries in _some(state.command_ids.previous.items()):
        yield Piece(previous_command_ids=entries)
    for place, symbol in enumerate(symbols):
        orders = symbol.orders
        for numbers in _some(sorted(orders)):
            yield Piece(place, orders=[orders[number] for number in numbers])
        for trades in _some(symbol.trades.current.values()):
            yield Piece(place, trades=trades)
        for trades in _some(symbol.trades.previous.values()):
            yield Piece(place, previous_trades=trades)


def _some(entries: Iterable[Value]) -> Iterator[list[Value]]:
    iterator = iter(entries)
    while some := list(islice(iterator, PIECE_ENTRIES)):
        yield some


def _captured(state: MarketState, symbols: list[SymbolState]) -> Checkpoint:
    """The state without what comes in pieces."""
    return Checkpoint(
        sequence=state.sequence,
        time=state.time,
        exists=state.exists,
        definition=state.definition,
        status=state.status,
        symbols=[_symbol(symbol) for symbol in symbols],
        tick_tables=_sorted_values(state.tick_tables),
        entities=_sorted_values(state.entities),
        timetable=state.timetable,
        place=state.place,
        trading_date=state.trading_date,
        day_ended=state.day_ended,
        next_order=state.next_order,
        next_symbol_number=state.next_symbol_number,
        ended=dict(sorted(state.ended.items())),
        first_trade=state.first_trade,
        former_codes=sorted(state.former_codes),
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
    state.ended = checkpoint.ended
    state.first_trade = checkpoint.first_trade
    state.former_codes = set(checkpoint.former_codes)
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
        references=symbol.references,
        limits=symbol.limits,
        indicative=symbol.indicative,
        last_price=symbol.last_price,
        next_trade_id=symbol.next_trade_id,
        next_priority=symbol.next_priority,
        day_first_trade=symbol.day_first_trade,
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
    symbol.day_first_trade = kept.day_first_trade
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
