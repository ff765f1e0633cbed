"""Frames of the venue to domain events. Pure: no sockets, no clock.

`FrameParser` reads the messages of combined streams and the REST depth answer of one market. Book messages
come out as `BookDelta` and `BookSnapshot`, for `SnapshotJoin` to join by `SPOT_RULES` or `FUTURES_RULES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Final

import msgspec

from zenithd.domain.events import (
    BestPricesChanged,
    LevelChanged,
    SecurityChanged,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import MarketId
from zenithd.domain.market_data import Affects, Side, TradeFlag
from zenithd.plugin import CHAINED, CONSECUTIVE, BookDelta, BookSnapshot, Item, JoinRules, Resynchronise
from zenithd_binance.coverage import Renewal, coverage_of
from zenithd_binance.day_statistics import DayTotals
from zenithd_binance.fixed_point import NumberFault, cut_off
from zenithd_binance.listing import Listed
from zenithd_binance.payloads import (
    UNREADABLE,
    Frame,
    KlineRow,
    Levels,
    decode_aggregate_trade,
    decode_book_ticker,
    decode_depth,
    decode_depth_update,
    decode_frame,
    decode_kline,
    decode_klines,
    decode_trade,
    nanoseconds,
)
from zenithd_binance.symbol_state import SymbolState

SPOT_RULES: JoinRules = CONSECUTIVE
"""An update that ends at or before the snapshot is dropped; each begins at most one after the last one."""
FUTURES_RULES: JoinRules = CHAINED
"""The first update contains the snapshot or follows it; each names the end of the one before (`pu`)."""

DAY = 86_400_000_000_000
"""Nanoseconds of a UTC day, which is the venue's trading day."""
BOOK_BEHIND_MAX = 10_000_000_000
"""Best prices that are ahead of the book for so many nanoseconds: its stream has died."""
CLOCK_DIFFERENCE_MAX = 3_600_000_000_000
"""A time of the venue that is further ahead of ours than this hour does not begin a new day."""

# An attribute of an enumeration costs as much as a dict look-up and a call on Python 3.11.
_BID: Final = Side.BID
_ASK: Final = Side.ASK
_AFFECTS_ALL: Final = Affects.ALL


class FrameFault(Exception):
    """A frame that cannot be read; the message names stream and field. Blame: the venue.

    `remedy` is what is to be published instead: a book has to be asked for anew, a lost trade shows in the
    next one's number, and other values come again soon.
    """

    def __init__(self, reason: str, remedy: Sequence[Item] = ()) -> None:
        super().__init__(reason)
        self.remedy = remedy


class ConnectionFault(Exception):
    """The connection is of no more use: an unreadable frame, a refusal, the server's shutdown."""


_Reader = Callable[[SymbolState, msgspec.Raw, int], list[Item]]


def _nothing(_: object) -> None:
    """For whom no notice is needed."""


class Notices(msgspec.Struct, frozen=True):
    """Whom the parser tells, at once, what is no event."""

    answered: Callable[[int], None] = _nothing
    """The venue accepted the request with this id."""
    near_edge: Callable[[str], None] = _nothing
    """The market is leaving what is known of a symbol's book: `hold` it, fetch a snapshot, `renew`."""


class FrameParser:
    """Reads the frames of one market.

    Args:
        market: whose.
        rules: the sequence rules of its books.
        now: ns since the epoch; the UTC day that it lies in is the trading day to begin with.
        levels_max: levels per side that a snapshot holds at most.
        notices: whom to tell what is no event.
    """

    def __init__(
        self,
        market: MarketId,
        rules: JoinRules,
        now: int,
        levels_max: int = 1000,
        notices: Notices | None = None,
    ) -> None:
        self.market = market
        self._rules = rules
        self._levels_max = levels_max
        self._notices = notices or Notices()
        self._day_begin = now - now % DAY
        self._symbols: dict[str, SymbolState] = {}
        """By symbol in lower case, as it stands in stream names."""
        self._readers: dict[str, tuple[_Reader, SymbolState]] = {}
        """By stream name."""
        self._kinds: dict[str, _Reader] = {
            "depth": self._depth,
            "bookTicker": self._book_ticker,
            "trade": self._trade,
            "aggTrade": self._aggregate_trade,
            "kline_1d": self._kline,
        }

    @property
    def trading_date(self) -> date:
        """The current UTC day."""
        return datetime.fromtimestamp(self._day_begin // 1_000_000_000, UTC).date()

    @property
    def day_end(self) -> int:
        """Ns since the epoch at which the next day begins."""
        return self._day_begin + DAY

    def relist(self, listings: Iterable[Listed]) -> None:
        """Take over what is listed now; what is known of instruments that stay is kept."""
        symbols: dict[str, SymbolState] = {}
        for listed in listings:
            name = listed.instrument.code.lower()
            known = self._symbols.get(name)
            if known is not None and known.fits(listed):
                symbols[name] = known
            else:
                symbols[name] = SymbolState(listed)
                symbols[name].void_reason = "" if known is None else "the scale of its numbers changed"
        self._symbols = symbols
        self._readers.clear()

    def parse(self, frame: bytes | str, received: int) -> Sequence[Item]:
        """Read one frame; `received` is when it came, ns since the epoch.

        Raises:
            FrameFault: one message cannot be read.
            ConnectionFault: the connection should be made anew.
        """
        try:
            envelope = decode_frame(frame)
        except UNREADABLE as fault:
            raise ConnectionFault(f"unreadable frame: {fault}") from fault
        found = self._readers.get(envelope.stream) or self._find_reader(envelope)
        if found is None:
            return ()
        reader, symbol = found
        try:
            return reader(symbol, envelope.data, received)
        except (*UNREADABLE, NumberFault) as fault:
            reason = f"{envelope.stream}: {fault}"
            is_book = reader == self._depth
            raise FrameFault(reason, (Resynchronise(symbol.id, reason),) if is_book else ()) from fault

    def snapshot(self, code: str, body: bytes | str) -> BookSnapshot:
        """Read the answer of the REST depth endpoint.

        Raises:
            FrameFault: it cannot be read, or the symbol is not listed.
        """
        symbol = self._find(code)
        symbol.renewal = symbol.renewed = None
        return self._read_snapshot(symbol, body)

    def begin(self, code: str) -> None:
        """A symbol is subscribed anew: numbers of best prices may have begun again, trades may be missed.

        Its statistics rest until the next bar tells them.
        """
        symbol = self._symbols.get(code.lower())
        if symbol is not None:
            symbol.ticker_update = symbol.book_update = 0
            symbol.ahead_since = None
            symbol.statistics.begin_day()

    def hold(self, code: str) -> None:
        """Begin to keep updates of a symbol, for a snapshot that is about to be asked for.

        Raises:
            FrameFault: the symbol is not listed.
        """
        symbol = self._find(code)
        symbol.renewal, symbol.renewed = Renewal(symbol.id, self._rules), None

    def renew(self, code: str, body: bytes | str) -> bool:
        """Read that snapshot; the next update brings the renewed book. False: it is too old, or not needed.

        Raises:
            FrameFault: it cannot be read.
        """
        symbol = self._find(code)
        if symbol.renewal is None:
            return False
        symbol.renewed = symbol.renewal.finish(self._read_snapshot(symbol, body))
        symbol.renewal = None
        return symbol.renewed is not None

    def _find(self, code: str) -> SymbolState:
        symbol = self._symbols.get(code.lower())
        if symbol is None:
            raise FrameFault(f"{code} is not listed")
        return symbol

    def _read_snapshot(self, symbol: SymbolState, body: bytes | str) -> BookSnapshot:
        try:
            depth = decode_depth(body)
            events = _levels(symbol, depth.bids, depth.asks)
        except (*UNREADABLE, NumberFault) as fault:
            raise FrameFault(f"snapshot of {symbol.id}: {fault}") from fault
        symbol.coverage = coverage_of(events, self._levels_max)
        return BookSnapshot(instrument=symbol.id, events=events, last=depth.lastUpdateId)

    def daily_bars(self, code: str, body: bytes | str) -> SecurityChanged | None:
        """Read yesterday's close from the REST answer of the last two daily klines; None if there is none.

        Raises:
            FrameFault: it cannot be read.
        """
        symbol = self._find(code)
        try:
            rows: list[KlineRow] = decode_klines(body)
            before = [row for row in rows if nanoseconds(row.begin) == self._day_begin - DAY]
            close = symbol.prices[before[-1].close] if before else None
        except (*UNREADABLE, NumberFault) as fault:
            raise FrameFault(f"daily bars of {code}: {fault}") from fault
        return None if close is None else SecurityChanged(instrument=symbol.id, close=close)

    def begin_day(self, time: int) -> list[TradingDayStarted]:
        """Begin the UTC day that `time` (ns) lies in; nothing if it is not a later one."""
        if time < self.day_end:
            return []
        self._day_begin = time - time % DAY
        for symbol in self._symbols.values():
            symbol.statistics.begin_day()
        return [TradingDayStarted(self.market, self.trading_date)]

    def _find_reader(self, envelope: Frame) -> tuple[_Reader, SymbolState] | None:
        """Look at a stream for the first time; None for answers, and for what was not asked for."""
        if not envelope.stream:
            problem = envelope.error
            if problem is not None:
                raise ConnectionFault(f"request {envelope.id} refused: {problem.code} {problem.msg}")
            if envelope.code is not None:
                raise ConnectionFault(f"request {envelope.id} refused: {envelope.code} {envelope.msg}")
            if isinstance(envelope.id, int):
                self._notices.answered(envelope.id)
            return None
        if envelope.stream == "!serverShutdown":
            raise ConnectionFault("the venue's server is about to shut down")
        name, _, kind = envelope.stream.partition("@")
        symbol = self._symbols.get(name)
        reader = self._kinds.get("depth" if kind.startswith("depth@") else kind)
        if symbol is None or reader is None:
            return None
        found = self._readers[envelope.stream] = (reader, symbol)
        return found

    def _depth(self, symbol: SymbolState, data: msgspec.Raw, received: int) -> list[Item]:
        update = decode_depth_update(data)
        events = _levels(symbol, update.b, update.a)
        delta = BookDelta(
            instrument=symbol.id, events=events, first=update.U, last=update.u, previous=update.pu
        )
        symbol.book_update, symbol.ahead_since = update.u, None
        items = self._days_until(nanoseconds(update.E), received)
        if symbol.void_reason:
            items.append(Resynchronise(symbol.id, symbol.void_reason))
            symbol.void_reason = ""
        if symbol.renewed is not None:
            items.append(symbol.renewed)
            symbol.renewed = None
        elif symbol.renewal is not None:
            symbol.renewal.hold(delta)
        items.append(delta)
        return items

    def _book_ticker(self, symbol: SymbolState, data: msgspec.Raw, received: int) -> list[Item]:
        ticker = decode_book_ticker(data)
        if ticker.u <= symbol.ticker_update:
            return []
        bid_quantity = symbol.quantities[ticker.B]
        ask_quantity = symbol.quantities[ticker.A]
        bid = symbol.prices[ticker.b] if bid_quantity else None
        ask = symbol.prices[ticker.a] if ask_quantity else None
        symbol.ticker_update = ticker.u
        if ticker.u > symbol.book_update:
            self._watch_book(symbol, received)
        coverage = symbol.coverage
        if coverage is not None and not coverage.holds(bid or 0, ask or 0):
            symbol.coverage = None  # told once
            self._notices.near_edge(symbol.listed.instrument.code)
        return [BestPricesChanged(symbol.id, bid, bid_quantity, ask, ask_quantity)]

    def _watch_book(self, symbol: SymbolState, received: int) -> None:
        """Both streams number the same updates, so that the best prices tell when the book has stopped."""
        if symbol.ahead_since is None:
            symbol.ahead_since = received
        elif received - symbol.ahead_since > BOOK_BEHIND_MAX:
            symbol.ahead_since = None
            raise ConnectionFault(f"{symbol.id}: best prices change, but the book has stopped")

    def _trade(self, symbol: SymbolState, data: msgspec.Raw, received: int) -> list[Item]:
        trade = decode_trade(data)
        time = nanoseconds(trade.T)
        price, quantity = symbol.prices[trade.p], symbol.quantities[trade.q]
        items = self._days_until(time, received)
        side = _ASK if trade.m else _BID
        if trade.X == "MARKET" and quantity:
            event = TradeReported(symbol.id, trade.t, price, quantity, time, side, self._affects(time))
        else:
            flags, codes = (_flag_of(price, quantity),), (trade.X,)
            event = TradeReported(symbol.id, trade.t, price, quantity, time, side, Affects.NONE, flags, codes)
        return _with_statistics(items, symbol, event, trade.t, 1)

    def _aggregate_trade(self, symbol: SymbolState, data: msgspec.Raw, received: int) -> list[Item]:
        trade = decode_aggregate_trade(data)
        time = nanoseconds(trade.T)
        price, quantity = symbol.prices[trade.p], symbol.quantities[trade.q]
        items = self._days_until(time, received)
        side = _ASK if trade.m else _BID
        event = TradeReported(symbol.id, trade.a, price, quantity, time, side, self._affects(time))
        return _with_statistics(items, symbol, event, trade.l, trade.l - trade.f + 1)

    def _kline(self, symbol: SymbolState, data: msgspec.Raw, received: int) -> list[Item]:
        bar = decode_kline(data).k
        begin = nanoseconds(bar.t)
        prices = symbol.prices
        totals = DayTotals(
            begin=begin,
            last_id=bar.L,
            open=prices[bar.o],
            high=prices[bar.h],
            low=prices[bar.l],
            last=prices[bar.c],
            volume=symbol.quantities[bar.v],
            value=cut_off("value", bar.q, prices.scale + symbol.quantities.scale),
            trades=bar.n,
        )
        items = self._days_until(begin, received)
        changed = symbol.statistics.apply_bar(totals) if begin == self._day_begin else None
        if changed is not None:
            items.append(changed)
        return items

    def _affects(self, time: int) -> Affects:
        """Late: yesterday's trade must not count today."""
        return _AFFECTS_ALL if time >= self._day_begin else Affects.NONE

    def _days_until(self, time: int, received: int) -> list[Item]:
        if time < self._day_begin + DAY or time - received > CLOCK_DIFFERENCE_MAX:
            return []
        return [*self.begin_day(time)]


def _levels(symbol: SymbolState, bids: Levels, asks: Levels) -> list[LevelChanged]:
    instrument, prices, quantities = symbol.id, symbol.prices, symbol.quantities
    events = [LevelChanged(instrument, _BID, prices[price], quantities[quantity]) for price, quantity in bids]
    events += [
        LevelChanged(instrument, _ASK, prices[price], quantities[quantity]) for price, quantity in asks
    ]
    return events


def _with_statistics(
    items: list[Item], symbol: SymbolState, trade: TradeReported, last_id: int, fills: int
) -> list[Item]:
    items.append(trade)
    changed = symbol.statistics.apply_trade(trade, last_id, fills)
    if changed is not None:
        items.append(changed)
    return items


def _flag_of(price: int, quantity: int) -> TradeFlag:
    """A trade without price or quantity only holds the place of its number."""
    return TradeFlag.OFF_MARKET if price and quantity else TradeFlag.PLACE_HOLDER
