"""Frames to events, and what becomes of frames that cannot be read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from binance_samples import MIDNIGHT, NaiveSymbol, frame

from zenithd.domain.events import (
    BestPricesChanged,
    LevelChanged,
    SecurityChanged,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import Instrument
from zenithd.domain.market_data import Affects, Side, TradeFlag
from zenithd.plugin import BookDelta, BookSnapshot, Resynchronise
from zenithd_binance.listing import Listed
from zenithd_binance.parse import (
    FUTURES_RULES,
    SPOT_RULES,
    ConnectionFault,
    FrameFault,
    FrameParser,
    Notices,
)

NOW = (MIDNIGHT + 3_600_000) * 1_000_000
BTC = "BTCUSDT.BINANCE"


def listed(price_scale: int = 2, quantity_scale: int = 4, code: str = "BTCUSDT") -> Listed:
    instrument = Instrument(
        code=code, market=MarketId("BINANCE"), price_scale=price_scale, quantity_scale=quantity_scale
    )
    return Listed(instrument, 8, 8)


def new_parser(notices: Notices | None = None, levels_max: int = 1000, is_spot: bool = True) -> FrameParser:
    rules = SPOT_RULES if is_spot else FUTURES_RULES
    parser = FrameParser(MarketId("BINANCE"), rules, NOW, levels_max, notices)
    parser.relist([listed()])
    return parser


def read(message: str | bytes, parser: FrameParser | None = None) -> list[Any]:
    return list((parser or new_parser()).parse(message, NOW))


def test_depth_update() -> None:
    data = {
        "e": "depthUpdate",
        "E": MIDNIGHT,
        "s": "BTCUSDT",
        "U": 157,
        "u": 160,
        "b": [["99.50000000", "1.25000000"]],
        "a": [["101.00000000", "0.00000000"]],
    }
    (delta,) = read(frame("btcusdt@depth@100ms", data))
    assert delta == BookDelta(
        instrument=BTC,
        first=157,
        last=160,
        events=[LevelChanged(BTC, Side.BID, 9950, 12_500), LevelChanged(BTC, Side.ASK, 10_100, 0)],
    )


@pytest.mark.parametrize("stream", ["btcusdt@depth", "btcusdt@depth@1000ms", "btcusdt@depth@0ms"])
def test_every_speed_of_depth_is_read(stream: str) -> None:
    (delta,) = read(frame(stream, {"E": MIDNIGHT, "U": 5, "u": 6, "pu": 3, "b": [], "a": []}))
    assert (delta.first, delta.last, delta.previous) == (5, 6, 3)


def test_trade_of_a_buyer_in_the_book_was_a_sale() -> None:
    (trade,) = read(NaiveSymbol().trade("100.25", "0.5", m=True))
    assert trade == TradeReported(BTC, 501, 10_025, 5_000, NOW, Side.ASK)
    (trade,) = read(NaiveSymbol().trade(m=False))
    assert trade.aggressor_side is Side.BID


def test_times_in_microseconds_are_recognised() -> None:
    (trade,) = read(NaiveSymbol().trade(T=(MIDNIGHT + 3_600_000) * 1000 + 7))
    assert trade.time == NOW + 7_000


@pytest.mark.parametrize("kind", ["INSURANCE_FUND", "ADL"])
def test_trades_outside_the_book_count_in_nothing(kind: str) -> None:
    (trade,) = read(NaiveSymbol(is_spot=False).trade(X=kind))
    assert trade.affects is Affects.NONE
    assert trade.flags == (TradeFlag.OFF_MARKET,)
    assert trade.codes == (kind,)


def test_trade_that_is_none_holds_the_place_of_its_number() -> None:
    (trade,) = read(NaiveSymbol(is_spot=False).trade("0", "0", X="NA"))
    assert trade.flags == (TradeFlag.PLACE_HOLDER,)
    assert trade.affects is Affects.NONE


def test_aggregate_trade() -> None:
    data = {"a": 77, "p": "100.5", "q": "2", "f": 900, "l": 905, "T": MIDNIGHT + 3_600_000, "m": False}
    (trade,) = read(frame("btcusdt@aggTrade", data))
    assert trade == TradeReported(BTC, 77, 10_050, 20_000, NOW, Side.BID)


def test_best_prices_and_an_empty_side() -> None:
    symbol = NaiveSymbol()
    assert read(symbol.ticker()) == [BestPricesChanged(BTC, 9900, 10_000, 10_100, 15_000)]
    empty = frame("btcusdt@bookTicker", {"u": 2, "b": "0.0", "B": "0.0", "a": "1.5", "A": "2"})
    assert read(empty) == [BestPricesChanged(BTC, None, 0, 150, 20_000)]


def test_best_prices_older_than_the_last_are_dropped() -> None:
    parser, symbol = new_parser(), NaiveSymbol()
    assert read(symbol.ticker(update=2000), parser)
    assert not read(symbol.ticker(update=2000), parser)
    assert not read(symbol.ticker(update=1999), parser)
    parser.begin("BTCUSDT")  # a new connection, where numbers may have begun anew
    assert read(symbol.ticker(update=10), parser)


def test_book_that_stopped_is_noticed_by_its_best_prices() -> None:
    parser, symbol = new_parser(), NaiveSymbol()
    read(symbol.set({"99.50": "1"}), parser)
    read(symbol.ticker(update=symbol.book.last), parser)
    ahead = symbol.book.last + 1
    assert parser.parse(symbol.ticker(update=ahead), NOW)
    assert parser.parse(symbol.ticker(update=ahead + 1), NOW + 9_000_000_000)
    with pytest.raises(ConnectionFault, match="the book has stopped"):
        parser.parse(symbol.ticker(update=ahead + 2), NOW + 10_000_000_001)


def test_book_that_follows_its_best_prices_is_alive() -> None:
    parser, symbol = new_parser(), NaiveSymbol()
    for second in range(30):
        parser.parse(symbol.ticker(update=symbol.book.last + 4), NOW + second * 1_000_000_000)
        parser.parse(symbol.set({"99.50": "1"}), NOW + second * 1_000_000_000)


def test_snapshot() -> None:
    parser = new_parser()
    body = b'{"lastUpdateId":160,"bids":[["99.00","1"]],"asks":[["101.00","2"]],"E":1,"T":1}'
    levels = [LevelChanged(BTC, Side.BID, 9900, 10_000), LevelChanged(BTC, Side.ASK, 10_100, 20_000)]
    assert parser.snapshot("BTCUSDT", body) == BookSnapshot(instrument=BTC, events=levels, last=160)


def test_yesterdays_close() -> None:
    day = 86_400_000
    row = [MIDNIGHT - day, "1", "2", "0.5", "97.25", "10", MIDNIGHT - 1, "970", 12, "5", "480", "0"]
    today = [MIDNIGHT, *row[1:4], "98.00", *row[5:]]
    parser = new_parser()
    changed = parser.daily_bars("BTCUSDT", json.dumps([row, today]).encode())
    assert changed == SecurityChanged(instrument=BTC, close=9725)
    assert parser.daily_bars("BTCUSDT", json.dumps([today]).encode()) is None
    assert parser.daily_bars("BTCUSDT", b"[]") is None


# Days


def test_first_time_after_midnight_begins_the_day() -> None:
    parser, symbol = new_parser(), NaiveSymbol()
    symbol.time = MIDNIGHT + 86_400_000
    began, trade = parser.parse(symbol.trade(), symbol.time * 1_000_000)
    assert began == TradingDayStarted(MarketId("BINANCE"), parser.trading_date)
    assert str(parser.trading_date) == "2026-01-06"
    assert trade.affects is Affects.ALL
    late = read(symbol.trade(T=MIDNIGHT + 86_399_999), parser)
    assert [each.affects for each in late] == [Affects.NONE]


def test_venue_time_far_ahead_of_ours_begins_no_day() -> None:
    parser, symbol = new_parser(), NaiveSymbol()
    symbol.time = MIDNIGHT + 86_400_000 * 3
    (trade,) = parser.parse(symbol.trade(), NOW)
    assert isinstance(trade, TradeReported)
    assert str(parser.trading_date) == "2026-01-05"


def test_day_is_begun_once() -> None:
    parser = new_parser()
    midnight = parser.day_end
    assert not parser.begin_day(midnight - 1)
    assert len(parser.begin_day(midnight)) == 1
    assert not parser.begin_day(midnight + 1)


# What is not data


def test_answers_tell_their_request() -> None:
    answered: list[int] = []
    parser = new_parser(Notices(answered=answered.append))
    assert not read('{"result":null,"id":12}', parser)
    assert answered == [12]


@pytest.mark.parametrize(
    "answer",
    [
        '{"error":{"code":4,"msg":"Too many subscriptions"},"id":1}',
        '{"code":2,"msg":"Invalid request: too many parameters"}',
    ],
)
def test_refusals_end_the_connection(answer: str) -> None:
    with pytest.raises(ConnectionFault, match=r"refused: \d (Too many|Invalid request)"):
        read(answer)


def test_shutdown_notice_ends_the_connection() -> None:
    with pytest.raises(ConnectionFault, match="about to shut down"):
        read(frame("!serverShutdown", {"e": "serverShutdown", "E": MIDNIGHT}))


@pytest.mark.parametrize("stream", ["ethusdt@trade", "btcusdt@markPrice", "!miniTicker@arr", "btcusdt"])
def test_streams_not_asked_for_are_ignored(stream: str) -> None:
    assert not read(frame(stream, {"e": "anything"}))


# What cannot be read


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[]",
        "null",
        "\x00",
        '{"stream":5,"data":{}}',
        b"\xff\xfe",
        b'{"stream":"\xff","data":{}}',
        '{"stream":"\ud800"}',
        pytest.param(b'{"stream":"btcusdt@trade","data":' + b"[" * 100_000, id="nesting"),
    ],
)
def test_what_is_no_frame_ends_the_connection(message: str | bytes) -> None:
    with pytest.raises(ConnectionFault, match="unreadable frame"):
        read(message)


def broken(kind: str, **values: Any) -> str:
    symbol = NaiveSymbol()
    whole = json.loads(
        {"depth": symbol.set({"99.00": "1"}), "trade": symbol.trade()}.get(kind, symbol.ticker())
    )
    whole["data"] |= values
    return json.dumps(whole)


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (broken("depth", U="5"), r"\$\.U"),
        (broken("depth", u=None), r"\$\.u"),
        (broken("depth", u=-1), r"\$\.u"),
        (broken("depth", u=2**70), r"\$\.u"),
        (broken("depth", b=[["99.00"]]), r"\$\.b"),
        (broken("depth", b=[[99.0, 1]]), r"\$\.b"),
        (broken("depth", b=[["abc", "1"]]), "price is no number"),
        (broken("depth", a=[["1", "NaN"]]), "quantity is no number"),
        (broken("depth", a=[["1.00001", "1"]]), "price 1.00001 has more than 2 decimals"),
        (broken("depth", E=10**30), r"\$\.E"),
    ],
)
def test_depth_that_cannot_be_read_asks_for_the_book_anew(message: str, named: str) -> None:
    with pytest.raises(FrameFault, match=named) as caught:
        read(message)
    assert "btcusdt@depth@100ms" in str(caught.value)
    assert [type(item) for item in caught.value.remedy] == [Resynchronise]


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (broken("trade", t="7"), r"\$\.t"),
        (broken("trade", p=100), r"\$\.p"),
        (broken("trade", p="-5.0"), "price is no number"),
        (broken("trade", m="yes"), r"\$\.m"),
        (broken("ticker", a=""), "price is no number"),
        (broken("trade").encode().replace(b"100.00", b"\xff"), "codec can't decode"),
    ],
)
def test_other_frames_that_cannot_be_read_bring_nothing(message: str | bytes, named: str) -> None:
    with pytest.raises(FrameFault, match=named) as caught:
        read(message)
    assert not caught.value.remedy


def test_frame_without_data_is_a_fault_of_its_stream() -> None:
    with pytest.raises(FrameFault, match="btcusdt@trade"):
        read('{"stream":"btcusdt@trade"}')


def test_snapshot_that_cannot_be_read() -> None:
    parser = new_parser()
    with pytest.raises(FrameFault, match=r"snapshot of BTCUSDT\.BINANCE: .*bids"):
        parser.snapshot("BTCUSDT", b'{"lastUpdateId":1,"bids":{},"asks":[]}')
    with pytest.raises(FrameFault, match="ETHUSDT is not listed"):
        parser.snapshot("ETHUSDT", b"{}")


# Changes of the listing


def test_new_scale_makes_the_book_void() -> None:
    parser, symbol = new_parser(), NaiveSymbol()
    parser.relist([listed(), listed(code="ETHUSDT")])
    assert [type(item) for item in read(symbol.set({"99.00": "2"}), parser)] == [BookDelta]
    parser.relist([listed(price_scale=3)])
    items = read(symbol.set({"99.00": "3"}), parser)
    assert [type(item) for item in items] == [Resynchronise, BookDelta]
    assert items[1].events[0].price == 99_000
    assert [type(item) for item in read(symbol.set({"99.00": "4"}), parser)] == [BookDelta]


def test_unlisted_symbol_is_ignored() -> None:
    parser, symbol = new_parser(), NaiveSymbol()
    assert read(symbol.trade(), parser)
    parser.relist([])
    assert not read(symbol.trade(), parser)
