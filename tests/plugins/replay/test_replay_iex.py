from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from replay_samples import (
    NOON,
    SECOND,
    ask,
    auction,
    bid,
    directory,
    nanoseconds,
    official_price,
    operational_halt,
    security_event,
    segment,
    short_sale_test,
    system_event,
    trade,
    trading_status,
)

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
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.market_data import Affects, Side, TradeFlag
from zenithd_replay import iex_market
from zenithd_replay.iex import DeepParser
from zenithd_replay.iex_scan import DeepScan
from zenithd_replay.pcap import Packet

MARKET = MarketId("IEX[Sample]")
BOARD = "IEX::IEX[Sample]"
ABC = InstrumentId("ABC.IEX[Sample]")
XYZ = InstrumentId("XYZ.IEX[Sample]")


class Feed:
    """Feeds packets with the right sequence numbers."""

    def __init__(self, *listed: str) -> None:
        self.parser = DeepParser(MARKET, listed or ("ABC", "XYZ"))
        self.next = 1
        self.time = NOON

    def send(self, *messages: bytes, first: int | None = None, session: int = 7) -> list[MarketEvent]:
        first = self.next if first is None else first
        self.next = first + len(messages)
        self.time += 1
        payload = segment(messages, first, session=session, sent=self.time)
        return self.parser.parse(Packet(self.time, payload))

    def opened(self) -> Feed:
        """With the first packet behind it."""
        self.send()
        return self


def test_the_first_packet_begins_day_and_state() -> None:
    assert Feed().send() == [
        TradingDayStarted(MARKET, date(2017, 4, 25)),
        MarketStateChanged(MARKET, "Closed", {BOARD: "Closed"}),
    ]


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ("O", "Closed"),
        ("S", "PreMarket"),
        ("R", "Trading"),
        ("M", "PostMarket"),
        ("E", "Closed"),
        ("C", "Closed"),
    ],
)
def test_system_events_are_states_of_the_market(event: str, state: str) -> None:
    feed = Feed().opened()
    assert feed.send(system_event(event)) == [MarketStateChanged(MARKET, state, {BOARD: state})]
    assert state in {each.name for each in iex_market.market_definition(MARKET).trading_states}


def test_instruments_take_the_state_of_the_board() -> None:
    instrument = iex_market.instrument(MARKET, "ABC", None)
    assert instrument.board == BOARD
    assert iex_market.market_definition(MARKET).boards == (BOARD,)
    assert iex_market.board_code(MarketId("IEX")) == "IEX::IEX"


def test_a_level_is_published_when_its_event_of_the_book_is_complete() -> None:
    feed = Feed().opened()
    assert feed.send(bid("ABC", 100_0000, 5)) == [LevelChanged(ABC, Side.BID, 100_0000, 5)]
    assert feed.send(ask("ABC", 101_0000, 7, complete=False), ask("XYZ", 9_0000, 1)) == [
        LevelChanged(XYZ, Side.ASK, 9_0000, 1)
    ]
    assert feed.send(bid("ABC", 100_0000, 0, complete=False)) == []
    assert feed.send(trade("ABC", 100_0000, 5, 1)) != []
    assert feed.send(bid("ABC", 99_0000, 3)) == [
        LevelChanged(ABC, Side.ASK, 101_0000, 7),
        LevelChanged(ABC, Side.BID, 100_0000, 0),
        LevelChanged(ABC, Side.BID, 99_0000, 3),
    ]


def test_the_end_of_the_recording_gives_what_is_pending() -> None:
    feed = Feed().opened()
    feed.send(bid("ABC", 100_0000, 5, complete=False))
    assert feed.parser.finish() == [LevelChanged(ABC, Side.BID, 100_0000, 5)]
    assert feed.parser.finish() == []


@pytest.mark.parametrize(
    ("flags", "codes", "affects"),
    [
        (0x00, (), Affects.ALL),
        (0x80, ("F",), Affects.ALL),
        (0x40, ("T",), Affects.VOLUME | Affects.VWAP),
        (0x20, ("I",), Affects.VOLUME | Affects.VWAP),
        (0x10, ("8",), Affects.ALL),
        (0x08, ("X",), Affects.ALL),
        (0xF8, ("F", "T", "I", "8", "X"), Affects.VOLUME | Affects.VWAP),
    ],
)
def test_sale_conditions(flags: int, codes: tuple[str, ...], affects: Affects) -> None:
    feed = Feed().opened()
    assert feed.send(trade("ABC", 100_0000, 5, 77, flags)) == [
        TradeReported(ABC, 77, 100_0000, 5, NOON, affects=affects, codes=codes)
    ]


def test_a_break_cancels_the_trade_with_its_own_time() -> None:
    feed = Feed().opened()
    feed.send(trade("ABC", 100_0000, 5, 77, 0x80, time=NOON - 5))
    assert feed.send(trade("ABC", 100_0000, 5, 77, 0x80, kind="B", time=NOON + 5)) == [
        TradeAmended(TradeReported(ABC, 77, 100_0000, 5, NOON - 5, codes=("F",), flags=(TradeFlag.CANCEL,)))
    ]


def test_a_break_of_an_unknown_trade_is_only_counted() -> None:
    feed = Feed().opened()
    assert feed.send(trade("ABC", 100_0000, 5, 78, kind="B")) == []
    assert feed.parser.counts.unknown_trade_breaks == 1


def test_trade_ids_ascend_even_if_the_venue_has_them_otherwise() -> None:
    feed = Feed().opened()
    events = feed.send(trade("ABC", 1, 1, 50), trade("ABC", 1, 1, 40), trade("XYZ", 1, 1, 45))
    assert [event.trade_id for event in events if isinstance(event, TradeReported)] == [50, 51, 45]
    amended = feed.send(trade("ABC", 1, 1, 40, kind="B"))[0]
    assert isinstance(amended, TradeAmended)
    assert amended.trade.trade_id == 51


def test_a_stream_that_begins_anew_empties_the_books_and_goes_on_with_the_ids() -> None:
    feed = Feed().opened()
    feed.send(bid("ABC", 100_0000, 5), bid("XYZ", 1, 1, complete=False), trade("ABC", 1, 1, 50))
    assert feed.send(first=1) == [BookCleared(ABC), BookCleared(XYZ)]
    assert feed.parser.counts.levels_unfinished == 1
    events = feed.send(ask("XYZ", 2, 2), trade("ABC", 1, 1, 3))
    assert events[0] == LevelChanged(XYZ, Side.ASK, 2, 2)
    assert isinstance(events[1], TradeReported)
    assert events[1].trade_id == 53
    assert feed.parser.counts.streams == 2
    assert feed.send(trade("ABC", 1, 1, 50, kind="B")) == []


def test_another_day_begins_with_its_session() -> None:
    feed = Feed().opened()
    feed.time = nanoseconds("2017-04-26T03:59:00+00:00")  # still the 25th in New York
    assert feed.send(session=8, first=1) == []
    feed.time = nanoseconds("2017-04-26T11:00:00+00:00")
    assert feed.send(session=9, first=1) == [TradingDayStarted(MARKET, date(2017, 4, 26))]


def test_after_a_gap_no_book_is_shown_until_the_stream_begins_anew() -> None:
    feed = Feed().opened()
    feed.send(bid("ABC", 100_0000, 5), trade("XYZ", 1, 1, 3))
    feed.next += 4
    events = feed.send(bid("ABC", 99_0000, 5), trade("ABC", 99_0000, 5, 9))
    reason = "4 messages are missing in the recording"
    assert events[:2] == [GapDetected(ABC, Stream.BOOK, reason), GapDetected(XYZ, Stream.TRADES, reason)]
    assert [type(event) for event in events[2:]] == [TradeReported]
    counts = feed.parser.counts
    assert (counts.gaps, counts.messages_missing, counts.levels_without_book) == (1, 4, 1)
    assert feed.send(first=1, session=8) == [BookCleared(ABC)]
    assert feed.send(bid("ABC", 98_0000, 1)) == [LevelChanged(ABC, Side.BID, 98_0000, 1)]


def test_a_recording_that_begins_inside_a_stream_shows_no_books() -> None:
    feed = Feed()
    feed.next = 1000
    events = feed.send(bid("ABC", 1, 1), trade("ABC", 1, 1, 5))
    assert [type(event) for event in events] == [TradingDayStarted, MarketStateChanged, TradeReported]
    assert events[1] == MarketStateChanged(MARKET, "Unknown", {BOARD: "Unknown"})


def test_repeated_packets_change_nothing() -> None:
    feed = Feed().opened()
    feed.send(bid("ABC", 1, 1), bid("ABC", 2, 1))
    assert feed.send(bid("ABC", 2, 1), first=2) == []
    assert feed.send(bid("ABC", 2, 1), bid("ABC", 3, 1), first=2) == [LevelChanged(ABC, Side.BID, 3, 1)]
    assert feed.parser.counts.repeated_packets == 1


def test_trading_statuses() -> None:
    feed = Feed().opened()
    assert feed.send(trading_status("ABC", "T")) == []
    assert feed.send(trading_status("ABC", "H", "T1")) == [
        SecurityChanged(instrument=ABC, trading_state="Halted", status_note=("Reason T1",))
    ]
    assert feed.send(trading_status("ABC", "O", "IPO1")) == [
        SecurityChanged(instrument=ABC, trading_state="OrderAcceptance", status_note=("Reason IPO1",))
    ]
    assert feed.send(trading_status("ABC", "P", "IPO1")) == [
        SecurityChanged(instrument=ABC, trading_state="Paused", status_note=UNSET)
    ]
    assert feed.send(trading_status("ABC", "T")) == [
        SecurityChanged(instrument=ABC, trading_state=None, status_note=())
    ]


def test_an_operational_halt_is_above_the_trading_status() -> None:
    feed = Feed().opened()
    assert feed.send(operational_halt("ABC", "N")) == []
    assert feed.send(operational_halt("ABC", "O")) == [
        SecurityChanged(instrument=ABC, trading_state="OperationalHalt")
    ]
    assert feed.send(trading_status("ABC", "H")) == []
    assert feed.send(operational_halt("ABC", "N")) == [
        SecurityChanged(instrument=ABC, trading_state="Halted")
    ]


def test_short_sale_price_test_is_a_note() -> None:
    feed = Feed().opened()
    assert feed.send(short_sale_test("ABC", active=False)) == []
    assert feed.send(short_sale_test("ABC", active=True)) == [
        SecurityChanged(instrument=ABC, status_note=("Short sale price test in effect",))
    ]
    assert feed.send(short_sale_test("ABC", active=False)) == [
        SecurityChanged(instrument=ABC, status_note=())
    ]


def test_official_prices() -> None:
    feed = Feed().opened()
    assert feed.send(official_price("ABC", "Q", 99_0000), official_price("ABC", "M", 98_0000)) == [
        SecurityChanged(instrument=ABC, open=99_0000),
        SecurityChanged(instrument=ABC, settlement=98_0000),
    ]
    assert feed.send(official_price("ABC", "?", 98_0000)) == []


def test_auction_information_until_the_auction_is_over() -> None:
    feed = Feed().opened()
    shown = SecurityChanged(
        instrument=ABC,
        auction_price=99_5000,
        auction_quantity=300,
        auction_remainder=-20,
        extended={
            "Reference": 99.0,
            "AuctionBookClearing": 98.0,
            "CollarReference": 97.0,
            "LowerCollar": 90.0,
        },
    )
    cleared = SecurityChanged(
        instrument=ABC, auction_price=None, auction_quantity=None, auction_remainder=None, extended={}
    )
    assert feed.send(security_event("ABC", "O")) == []
    assert feed.send(auction("ABC", 99_5000, 300, 20, "S")) == [shown]
    assert feed.send(security_event("ABC", "C")) == [cleared]
    assert feed.send(security_event("ABC", "C")) == []
    buy = feed.send(auction("ABC", 0, 0, 20, "B"))[0]
    assert isinstance(buy, SecurityChanged)
    assert (buy.auction_price, buy.auction_quantity, buy.auction_remainder) == (None, 0, 20)
    assert feed.send(trading_status("ABC", "T")) == [cleared]


def test_the_directory_lists_what_was_not_declared_and_tells_the_close() -> None:
    feed = Feed("ABC").opened()
    events = feed.send(directory("NEW", flags=0xA0, round_lot=10, close=12_3400, tier=2))
    assert [type(event) for event in events] == [InstrumentListed, SecurityChanged]
    assert isinstance(events[0], InstrumentListed)
    listed = events[0].definition
    assert (listed.code, listed.lot_size, listed.price_scale, listed.cfi) == ("NEW", Decimal(10), 4, "CEXXXX")
    assert listed.attributes == {"TestSecurity": "Y", "ETP": "Y", "LimitUpLimitDownTier": "2"}
    assert events[1] == SecurityChanged(instrument=InstrumentId("NEW.IEX[Sample]"), close=12_3400)
    assert feed.send(directory("ABC")) == []


def test_an_undeclared_symbol_is_listed_when_it_appears() -> None:
    feed = Feed("ABC").opened()
    events = feed.send(bid("NEW.A", 1, 1), bid("NEW.A", 2, 1))
    assert [type(event) for event in events] == [InstrumentListed, LevelChanged, LevelChanged]
    assert events[1].instrument == "NEW.A.IEX[Sample]"  # type: ignore[union-attr]


def test_unknown_short_and_longer_messages() -> None:
    feed = Feed().opened()
    events = feed.send(b"?hello", b"", bid("ABC", 1, 1)[:-1], bid("ABC", 1, 1) + b"new field")
    assert events == [LevelChanged(ABC, Side.BID, 1, 1)]
    assert (feed.parser.counts.unknown_messages, feed.parser.counts.damaged_messages) == (2, 1)


def test_foreign_packets_are_counted() -> None:
    parser = DeepParser(MARKET, ())
    assert parser.parse(Packet(NOON, b"hello")) == []
    assert parser.parse(Packet(NOON, segment([], 1, protocol=0x8003))) == []
    assert parser.counts.foreign_packets == 2


@given(st.lists(st.binary(max_size=90), max_size=4), st.integers(0, 10), st.sampled_from(b"HOPDXAES85TB"))
def test_any_messages_give_events_and_raise_nothing(messages: list[bytes], first: int, kind: int) -> None:
    parser = DeepParser(MARKET, ())
    parser.parse(Packet(NOON, segment([], 1)))
    payload = segment([bytes([kind]) + message for message in messages], first, sent=NOON + SECOND)
    parser.parse(Packet(NOON + SECOND, payload))
    parser.finish()


def test_the_scan_finds_codes_and_directory() -> None:
    scan = DeepScan()
    assert scan.look(segment([trading_status("ABC", "T"), directory("XYZ", close=5)], 1))
    assert scan.look(segment([trading_status("XYZ", "T"), system_event("R"), b"T"], 3))
    assert not scan.look(b"hello")
    assert not scan.look(segment([], 1, protocol=0x8003))
    assert scan.directory == {"ABC": None, "XYZ": iex_market.Directory(0, 100, 5, 0)}
    assert scan.other_protocols == {0x8003}
    assert [each.code for each in iex_market.instruments(MARKET, scan.directory)] == ["ABC", "XYZ"]
