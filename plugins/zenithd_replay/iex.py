"""IEX DEEP 1.0 to market events: one UDP packet in, the events of one batch out. Pure.

Layouts are little-endian, as the venue's specification gives them; messages may grow at their end, and
kinds that are not known here are counted and skipped.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec
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
from zenithd.domain.identifiers import InstrumentId, MarketId, instrument_id
from zenithd.domain.market_data import Affects, Side, TradeFlag
from zenithd_replay import iex_market
from zenithd_replay.iex_transport import (
    DEEP_1_0,
    Order,
    Sequence,
    message_bounds,
    parse_header,
)
from zenithd_replay.pcap import Packet

_SYSTEM = struct.Struct("<xc8x")
_STATUS = struct.Struct("<xc8x8s4s")
_OPERATIONAL = struct.Struct("<xc8x8s")
_SHORT_SALE = struct.Struct("<xB8x8s")
_SECURITY = struct.Struct("<xc8x8s")
_LEVEL = struct.Struct("<xB8x8sIq")
_TRADE = struct.Struct("<xBq8sIqq")
_OFFICIAL = struct.Struct("<xc8x8sq")
_DIRECTORY = struct.Struct("<xB8x8sIqB")
_AUCTION = struct.Struct("<xc8x8sIqqIcBIqqqq")
_SYMBOL = slice(10, 18)
"""Where every message but the system event has its symbol, counted from the message's beginning."""

_EVENT_COMPLETE = 0x01
_SALE_CONDITIONS = ((0x80, "F"), (0x40, "T"), (0x20, "I"), (0x10, "8"), (0x08, "X"))
"""Intermarket sweep, extended hours, odd lot, trade-through exempt, single-price cross."""
_NOT_LAST_SALE = 0x40 | 0x20
"""Trades in extended hours and odd lots count in the volume, not in open, high, low and last."""
_NEW_YORK = ZoneInfo(iex_market.TIME_ZONE)


class DeepCounts(msgspec.Struct):
    """What was seen in a recording, for the log and for tests."""

    packets: int = 0
    foreign_packets: int = 0
    """Not IEX-TP with DEEP 1.0, or cut off by the capture."""
    repeated_packets: int = 0
    messages: int = 0
    damaged_messages: int = 0
    unknown_messages: int = 0
    gaps: int = 0
    messages_missing: int = 0
    streams: int = 0
    """How often the venue's sender began at message 1."""
    levels_without_book: int = 0
    """Price-level updates left out because the book before them is unknown."""
    levels_unfinished: int = 0
    """Price-level updates left out because the stream broke off inside an event of the book."""
    trades: int = 0
    trade_breaks: int = 0
    unknown_trade_breaks: int = 0


class _Security:
    """What is known of one symbol."""

    __slots__ = (
        "auction_shown",
        "has_book",
        "id",
        "newest_trade",
        "operational_halt",
        "pending",
        "reason",
        "short_sale_test",
        "shown_note",
        "shown_state",
        "status",
    )

    def __init__(self, instrument: InstrumentId) -> None:
        self.id = instrument
        self.pending: list[MarketEvent] = []
        """Levels of an event of the book that is not complete."""
        self.has_book = False
        self.newest_trade = 0
        self.status = b"T"
        self.reason = ""
        self.operational_halt = False
        self.short_sale_test = False
        self.auction_shown = False
        self.shown_state: str | None = None
        self.shown_note: tuple[str, ...] = ()


class _Tape:
    """The trades since the stream began, small enough for a day: breaks name them by the venue's id."""

    def __init__(self) -> None:
        self._venue_ids = array("q")
        self._ids = array("q")
        self._times = array("q")

    def add(self, venue_id: int, trade_id: int, time: int) -> None:
        self._venue_ids.append(venue_id)
        self._ids.append(trade_id)
        self._times.append(time)

    def find(self, venue_id: int) -> tuple[int, int] | None:
        """Id under which the trade was published, and its time."""
        try:
            index = self._venue_ids.index(venue_id)
        except ValueError:
            return None
        return self._ids[index], self._times[index]


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
        self._securities: dict[bytes, _Security] = {}
        self._sequence = Sequence()
        self._books_known = False
        self._trading_date: date | None = None
        self._tape = _Tape()
        self._trade_id_base = 0
        self._newest_trade_id = 0
        self._events: list[MarketEvent] = []
        self._message = b""
        self._handlers: dict[int, tuple[int, Callable[[], None]]] = {
            ord("8"): (_LEVEL.size, self._bid_level),
            ord("5"): (_LEVEL.size, self._ask_level),
            ord("T"): (_TRADE.size, self._trade),
            ord("B"): (_TRADE.size, self._trade_break),
            ord("H"): (_STATUS.size, self._trading_status),
            ord("O"): (_OPERATIONAL.size, self._operational_halt),
            ord("P"): (_SHORT_SALE.size, self._short_sale_test),
            ord("D"): (_DIRECTORY.size, self._directory),
            ord("X"): (_OFFICIAL.size, self._official_price),
            ord("A"): (_AUCTION.size, self._auction),
            ord("E"): (_SECURITY.size, self._security_event),
            ord("S"): (_SYSTEM.size, self._system_event),
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
        repeated = self._sequence.repeated
        try:
            for number, (start, end) in enumerate(message_bounds(payload, header)):
                if number >= repeated:
                    self._message = payload[start:end]
                    self._handle()
        except ValueError:
            self.counts.damaged_messages += 1
        return self._events

    def finish(self) -> list[MarketEvent]:
        """At the end of the recording, what is in it of events of the book whose end is not."""
        events: list[MarketEvent] = []
        for security in self._securities.values():
            events += security.pending
            security.pending = []
        return events

    def _handle(self) -> None:
        message = self._message
        self.counts.messages += 1
        handler = self._handlers.get(message[0]) if message else None
        if handler is None:
            self.counts.unknown_messages += 1
        elif len(message) < handler[0]:
            self.counts.damaged_messages += 1
        else:
            handler[1]()

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
        self._tape = _Tape()
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

    def _security(self, symbol: bytes) -> _Security:
        return self._securities.get(symbol) or self._first_seen(symbol)

    def _first_seen(self, symbol: bytes) -> _Security:
        code = code_of(symbol)
        if code not in self._listed:
            self._listed.add(code)
            self._events.append(InstrumentListed(iex_market.instrument(self._market, code, None)))
        security = self._securities[symbol] = _Security(instrument_id(code, self._market))
        return security

    def _market_state(self, state: str) -> None:
        self._events.append(MarketStateChanged(self._market, state, {self._board: state}))

    def _system_event(self) -> None:
        state = iex_market.SESSION_STATES.get(_SYSTEM.unpack_from(self._message)[0])
        if state is not None:
            self._market_state(state)

    def _directory(self) -> None:
        code, directory = _read_directory(self._message)
        symbol = self._message[_SYMBOL]
        if code not in self._listed:
            self._listed.add(code)
            self._events.append(InstrumentListed(iex_market.instrument(self._market, code, directory)))
        if directory.previous_close > 0:
            self._events.append(
                SecurityChanged(instrument=self._security(symbol).id, close=directory.previous_close)
            )

    def _trading_status(self) -> None:
        status, symbol, reason = _STATUS.unpack_from(self._message)
        security = self._security(symbol)
        security.status = status
        security.reason = "" if status == b"T" else reason.decode("latin-1").strip()
        self._show_state(security)
        if status == b"T" and security.auction_shown:
            self._clear_auction(security)

    def _operational_halt(self) -> None:
        status, symbol = _OPERATIONAL.unpack_from(self._message)
        security = self._security(symbol)
        security.operational_halt = status == b"O"
        self._show_state(security)

    def _short_sale_test(self) -> None:
        status, symbol = _SHORT_SALE.unpack_from(self._message)
        security = self._security(symbol)
        security.short_sale_test = status == 1
        self._show_state(security)

    def _show_state(self, security: _Security) -> None:
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

    def _bid_level(self) -> None:
        self._level(Side.BID)

    def _ask_level(self) -> None:
        self._level(Side.ASK)

    def _level(self, side: Side) -> None:
        flags, symbol, size, price = _LEVEL.unpack_from(self._message)
        if not self._books_known:
            self.counts.levels_without_book += 1
            return
        security = self._securities.get(symbol) or self._first_seen(symbol)
        change = LevelChanged(security.id, side, price, size)
        security.has_book = True
        if not flags & _EVENT_COMPLETE:
            security.pending.append(change)
        elif security.pending:
            self._events += security.pending
            self._events.append(change)
            security.pending = []
        else:
            self._events.append(change)

    def _trade(self) -> None:
        flags, time, symbol, size, price, venue_id = _TRADE.unpack_from(self._message)
        security = self._securities.get(symbol) or self._first_seen(symbol)
        # The venue promises unique ids; ascending ones are promised to our subscribers.
        trade_id = max(self._trade_id_base + venue_id, security.newest_trade + 1)
        security.newest_trade = trade_id
        self._newest_trade_id = max(self._newest_trade_id, trade_id)
        self._tape.add(venue_id, trade_id, time)
        self.counts.trades += 1
        self._events.append(
            TradeReported(
                security.id,
                trade_id,
                price,
                size,
                time,
                affects=_AFFECTS[flags],
                codes=_CODES[flags],
            )
        )

    def _trade_break(self) -> None:
        flags, _, symbol, size, price, venue_id = _TRADE.unpack_from(self._message)
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
                    affects=_AFFECTS[flags],
                    flags=(TradeFlag.CANCEL,),
                    codes=_CODES[flags],
                )
            )
        )

    def _official_price(self) -> None:
        kind, symbol, price = _OFFICIAL.unpack_from(self._message)
        instrument = self._security(symbol).id
        if kind == b"Q":
            self._events.append(SecurityChanged(instrument=instrument, open=price or None))
        elif kind == b"M":
            self._events.append(SecurityChanged(instrument=instrument, settlement=price or None))

    def _auction(self) -> None:
        fields = _AUCTION.unpack_from(self._message)
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

    def _security_event(self) -> None:
        """The opening or closing process is complete, and with it the auction."""
        _, symbol = _SECURITY.unpack_from(self._message)
        security = self._security(symbol)
        if security.auction_shown:
            self._clear_auction(security)

    def _clear_auction(self, security: _Security) -> None:
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


class DeepScan:
    """Looks through packets for the instruments in them, before they are played."""

    def __init__(self) -> None:
        self.directory: dict[str, iex_market.Directory | None] = {}
        """By code; None where no directory message was seen."""
        self.other_protocols: set[int] = set()
        self._seen: set[bytes] = set()

    def look(self, payload: bytes) -> bool:
        """Note what the packet names; return whether it is one of DEEP."""
        header = parse_header(payload)
        if header is None:
            return False
        if header.protocol != DEEP_1_0:
            self.other_protocols.add(header.protocol)
            return False
        try:
            for start, end in message_bounds(payload, header):
                kind = payload[start]
                if kind == ord("D") and end - start >= _DIRECTORY.size:
                    code, directory = _read_directory(payload[start:end])
                    self.directory[code] = directory
                elif kind != ord("S") and end - start >= _OPERATIONAL.size:
                    symbol = payload[start + _SYMBOL.start : start + _SYMBOL.stop]
                    if symbol not in self._seen:
                        self._seen.add(symbol)
                        self.directory.setdefault(code_of(symbol), None)
        except (ValueError, IndexError):
            pass  # counted when the packet is played
        return True


def code_of(symbol: bytes) -> str:
    """The code in a symbol field, which is padded with blanks."""
    return symbol.rstrip(b" \0").decode("latin-1")


def _read_directory(message: bytes) -> tuple[str, iex_market.Directory]:
    flags, symbol, round_lot, previous_close, tier = _DIRECTORY.unpack_from(message)
    return code_of(symbol), iex_market.Directory(flags, round_lot, previous_close, tier)


_CODES = [tuple(code for bit, code in _SALE_CONDITIONS if flags & bit) for flags in range(256)]
_AFFECTS = [Affects.VOLUME | Affects.VWAP if flags & _NOT_LAST_SALE else Affects.ALL for flags in range(256)]
