"""IEX DEEP 1.0 to market events: one UDP packet in, the events of one batch out. Pure.

Kinds of messages that are not known here are counted and skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import UNSET, UnsetType

from zenithd.domain.events import (
    BookCleared,
    GapDetected,
    InstrumentListed,
    LevelChanged,
    MarketEvent,
    MarketStateChanged,
    SecurityChanged,
    Stream,
    TradeAmended,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import MarketId, instrument_id
from zenithd.domain.market_data import Side, TradeFlag
from zenithd_replay import iex_market
from zenithd_replay.iex_messages import (
    AFFECTS,
    AUCTION,
    CODES,
    DIRECTORY,
    EVENT_COMPLETE,
    LEVEL,
    OFFICIAL,
    OPERATIONAL,
    SECURITY,
    SHORT_SALE,
    STATUS,
    SYMBOL,
    SYSTEM,
    TRADE,
    code_of,
    read_directory,
)
from zenithd_replay.iex_state import DeepCounts, SecurityState, StreamTape
from zenithd_replay.iex_transport import DEEP_1_0, Order, Sequence, message_bounds, parse_header
from zenithd_replay.pcap import Packet

_NEW_YORK = ZoneInfo(iex_market.TIME_ZONE)

# An attribute of an enumeration costs as much as a dict look-up and a call on Python 3.11.
_BID: Final = Side.BID
_ASK: Final = Side.ASK


class DeepParser:
    """Turns the packets of a DEEP recording, in their order, into events of `market`.

    Args:
        market: the market to publish under.
        listed: codes that were declared; another one is listed with an event when it first appears.
    """

    def __init__(self, market: MarketId, listed: Iterable[str]) -> None:
        self.counts = DeepCounts()
        self._market = market
        self._board = iex_market.board_code(market)
        self._listed = set(listed)
        self._securities: dict[bytes, SecurityState] = {}
        self._sequence = Sequence()
        self._books_known = False
        self._trading_date: date | None = None
        self._tape = StreamTape()
        self._trade_id_base = 0
        self._newest_trade_id = 0
        self._events: list[MarketEvent] = []
        self._handlers: dict[int, tuple[int, Callable[[bytes], None]]] = {
            ord("8"): (LEVEL.size, self._bid_level),
            ord("5"): (LEVEL.size, self._ask_level),
            ord("T"): (TRADE.size, self._trade),
            ord("B"): (TRADE.size, self._trade_break),
            ord("H"): (STATUS.size, self._trading_status),
            ord("O"): (OPERATIONAL.size, self._operational_halt),
            ord("P"): (SHORT_SALE.size, self._short_sale_test),
            ord("D"): (DIRECTORY.size, self._directory),
            ord("X"): (OFFICIAL.size, self._official_price),
            ord("A"): (AUCTION.size, self._auction),
            ord("E"): (SECURITY.size, self._security_event),
            ord("S"): (SYSTEM.size, self._system_event),
        }

    def parse(self, packet: Packet) -> list[MarketEvent]:
        """Return what the packet changes, [] for nothing (a heartbeat, a repeated packet)."""
        payload = packet.payload
        header = parse_header(payload)
        if header is None or header.protocol != DEEP_1_0:
            self.counts.foreign_packets += 1
            return []
        self.counts.packets += 1
        self._events = []
        order = self._sequence.place(header)
        if order is Order.REPEATED:
            self.counts.repeated_packets += 1
            return []
        if order is not Order.NEXT or self._trading_date is None:
            self._begin(order, packet.time)
        self._read_messages(payload, message_bounds(payload, header))
        return self._events

    def _read_messages(self, payload: bytes, bounds: Iterator[tuple[int, int]]) -> None:
        counts, handlers = self.counts, self._handlers
        read = 0
        try:
            for start, end in islice(bounds, self._sequence.repeated, None):
                read += 1
                message = payload[start:end]
                handler = handlers.get(message[0]) if message else None
                if handler is None:
                    counts.unknown_messages += 1
                elif len(message) < handler[0]:
                    counts.damaged_messages += 1
                else:
                    handler[1](message)
        except ValueError:
            counts.damaged_messages += 1
        counts.messages += read

    def finish(self) -> list[MarketEvent]:
        """At the end of the recording, what is in it of events of the book whose end is not."""
        events: list[MarketEvent] = []
        for security in self._securities.values():
            events += security.pending
            security.pending = []
        return events

    def _begin(self, order: Order, time: int) -> None:
        """The first packet, a gap, or a stream that begins anew."""
        missing = self._sequence.missing
        first = self._trading_date is None
        if not first:
            self._forget_books(order)
        if missing:
            self.counts.gaps += 1
            self.counts.messages_missing += missing
        self._books_known = not missing
        if order is Order.AFTER_GAP and not first:
            return
        self.counts.streams += not missing
        self._trade_id_base = self._newest_trade_id
        self._tape = StreamTape()
        trading_date = datetime.fromtimestamp(time // 1_000_000_000, UTC).astimezone(_NEW_YORK).date()
        if trading_date != self._trading_date:
            self._trading_date = trading_date
            self._events.append(TradingDayStarted(self._market, trading_date))
        if first:
            self._market_state(iex_market.UNKNOWN if missing else iex_market.CLOSED)

    def _forget_books(self, order: Order) -> None:
        reason = f"{self._sequence.missing} messages are missing in the recording"
        for security in self._securities.values():
            self.counts.levels_unfinished += len(security.pending)
            security.pending = []
            if order is Order.AFTER_GAP:
                if security.has_book:
                    self._events.append(GapDetected(security.id, Stream.BOOK, reason))
                if security.newest_trade:
                    self._events.append(GapDetected(security.id, Stream.TRADES, reason))
            elif security.has_book:
                self._events.append(BookCleared(security.id))
            # After a gap the book stays marked, so that the new stream clears it and thereby ends the gap.
            security.has_book = security.has_book and order is Order.AFTER_GAP

    def _security(self, symbol: bytes) -> SecurityState:
        return self._securities.get(symbol) or self._first_seen(symbol)

    def _first_seen(self, symbol: bytes) -> SecurityState:
        code = code_of(symbol)
        if code not in self._listed:
            self._listed.add(code)
            self._events.append(InstrumentListed(iex_market.instrument(self._market, code, None)))
        security = self._securities[symbol] = SecurityState(instrument_id(code, self._market))
        return security

    def _market_state(self, state: str) -> None:
        self._events.append(MarketStateChanged(self._market, state, {self._board: state}))

    def _system_event(self, message: bytes) -> None:
        state = iex_market.SESSION_STATES.get(SYSTEM.unpack_from(message)[0])
        if state is not None:
            self._market_state(state)

    def _directory(self, message: bytes) -> None:
        code, directory = read_directory(message)
        symbol = message[SYMBOL]
        if code not in self._listed:
            self._listed.add(code)
            self._events.append(InstrumentListed(iex_market.instrument(self._market, code, directory)))
        if directory.previous_close > 0:
            self._events.append(
                SecurityChanged(instrument=self._security(symbol).id, close=directory.previous_close)
            )

    def _trading_status(self, message: bytes) -> None:
        status, symbol, reason = STATUS.unpack_from(message)
        security = self._security(symbol)
        text = "" if status == b"T" else reason.decode("latin-1").strip()
        if status != security.status or text != security.reason:
            security.status, security.reason = status, text
            self._show_state(security)
        if status == b"T" and security.auction_shown:
            self._clear_auction(security)

    def _operational_halt(self, message: bytes) -> None:
        status, symbol = OPERATIONAL.unpack_from(message)
        security = self._security(symbol)
        if security.operational_halt != (status == b"O"):
            security.operational_halt = not security.operational_halt
            self._show_state(security)

    def _short_sale_test(self, message: bytes) -> None:
        status, symbol = SHORT_SALE.unpack_from(message)
        security = self._security(symbol)
        if security.short_sale_test != (status == 1):
            security.short_sale_test = not security.short_sale_test
            self._show_state(security)

    def _show_state(self, security: SecurityState) -> None:
        """Publish the instrument's state and note if they differ from what was published."""
        state = iex_market.SECURITY_STATES.get(security.status)
        if security.operational_halt:
            state = iex_market.OPERATIONAL_HALT
        note: tuple[str, ...] = (f"Reason {security.reason}",) if security.reason else ()
        if security.short_sale_test:
            note += ("Short sale price test in effect",)
        if state == security.shown_state and note == security.shown_note:
            return
        shown: str | UnsetType | None = UNSET if state == security.shown_state else state
        shown_note = UNSET if note == security.shown_note else note
        self._events.append(
            SecurityChanged(instrument=security.id, trading_state=shown, status_note=shown_note)
        )
        security.shown_state, security.shown_note = state, note

    def _bid_level(self, message: bytes) -> None:
        self._level(message, _BID)

    def _ask_level(self, message: bytes) -> None:
        self._level(message, _ASK)

    def _level(self, message: bytes, side: Side) -> None:
        flags, symbol, size, price = LEVEL.unpack_from(message)
        if not self._books_known:
            self.counts.levels_without_book += 1
            return
        security = self._securities.get(symbol) or self._first_seen(symbol)
        change = LevelChanged(security.id, side, price, size)
        security.has_book = True
        if not flags & EVENT_COMPLETE:
            security.pending.append(change)
        elif security.pending:
            self._events += security.pending
            self._events.append(change)
            security.pending = []
        else:
            self._events.append(change)

    def _trade(self, message: bytes) -> None:
        flags, time, symbol, size, price, venue_id = TRADE.unpack_from(message)
        security = self._securities.get(symbol) or self._first_seen(symbol)
        # The venue promises unique ids; ascending ones are promised to our subscribers.
        trade_id = self._trade_id_base + venue_id
        if trade_id <= security.newest_trade:
            trade_id = security.newest_trade + 1
        security.newest_trade = trade_id
        if trade_id > self._newest_trade_id:
            self._newest_trade_id = trade_id
        self._tape.add(venue_id, trade_id, time)
        self.counts.trades += 1
        self._events.append(
            TradeReported(security.id, trade_id, price, size, time, None, AFFECTS[flags], (), CODES[flags])
        )

    def _trade_break(self, message: bytes) -> None:
        flags, _, symbol, size, price, venue_id = TRADE.unpack_from(message)
        security = self._security(symbol)
        found = self._tape.find(venue_id)
        if found is None:
            self.counts.unknown_trade_breaks += 1
            return
        trade_id, time = found
        self.counts.trade_breaks += 1
        self._events.append(
            TradeAmended(
                TradeReported(
                    security.id,
                    trade_id,
                    price,
                    size,
                    time,
                    affects=AFFECTS[flags],
                    flags=(TradeFlag.CANCEL,),
                    codes=CODES[flags],
                )
            )
        )

    def _official_price(self, message: bytes) -> None:
        kind, symbol, price = OFFICIAL.unpack_from(message)
        instrument = self._security(symbol).id
        if kind == b"Q":
            self._events.append(SecurityChanged(instrument=instrument, open=price or None))
        elif kind == b"M":
            self._events.append(SecurityChanged(instrument=instrument, settlement=price or None))

    def _auction(self, message: bytes) -> None:
        fields = AUCTION.unpack_from(message)
        _, symbol, paired, reference, indicative, imbalance, imbalance_side = fields[:7]
        book_clearing, collar_reference, lower_collar, upper_collar = fields[9:]
        security = self._security(symbol)
        security.auction_shown = True
        prices = {
            "Reference": reference,
            "AuctionBookClearing": book_clearing,
            "CollarReference": collar_reference,
            "LowerCollar": lower_collar,
            "UpperCollar": upper_collar,
        }
        self._events.append(
            SecurityChanged(
                instrument=security.id,
                auction_price=indicative or None,
                auction_quantity=paired,
                auction_remainder=-imbalance if imbalance_side == b"S" else imbalance,
                extended={
                    name: price / 10**iex_market.PRICE_SCALE for name, price in prices.items() if price
                },
            )
        )

    def _security_event(self, message: bytes) -> None:
        """The opening or closing process is complete, and with it the auction."""
        _, symbol = SECURITY.unpack_from(message)
        security = self._security(symbol)
        if security.auction_shown:
            self._clear_auction(security)

    def _clear_auction(self, security: SecurityState) -> None:
        security.auction_shown = False
        self._events.append(
            SecurityChanged(
                instrument=security.id,
                auction_price=None,
                auction_quantity=None,
                auction_remainder=None,
                extended={},
            )
        )
