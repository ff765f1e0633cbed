"""Raw captures: what comes out equals an independent reconstruction, whatever is missing or repeated."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import pytest
from binance_samples import MIDNIGHT, NaiveBook, NaiveSymbol, Prices, recorded_lines

from zenithd.domain.events import (
    GapDetected,
    MarketEvent,
    Stream,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import Instrument
from zenithd.market.venue import VenueMarket
from zenithd.plugin import Item
from zenithd.plugin.joining import StreamJoin
from zenithd_binance.capture import CaptureFault, CaptureLine, read_line
from zenithd_binance.listing import Listed, market_definition
from zenithd_binance.parse import FUTURES_RULES, SPOT_RULES, FrameFault, FrameParser

BEGIN = MIDNIGHT * 1_000_000

RECORDINGS = [
    ("BTCUSDT", True, ("spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz")),
    ("ETHUSDT", True, ("spot/ethusdt_20240808.gz", "spot/ethusdt_20240809.gz")),
    ("BTCUSDT", False, ("usdm/btcusdt_20240808.gz",)),
    ("ETHUSDT", False, ("usdm/ethusdt_20240808.gz",)),
]


def listed(code: str = "BTCUSDT", is_spot: bool = True) -> Listed:
    market = MarketId("BINANCE" if is_spot else "BINANCE:USDM")
    scales = {"price_scale": 2, "quantity_scale": 6 if is_spot else 3}
    decimals = (8, 8) if is_spot else (2, 3)
    return Listed(Instrument(code=code, market=market, **scales), *decimals)  # type: ignore[arg-type]


class Replay:
    """A capture applied to a market."""

    def __init__(self, code: str = "BTCUSDT", is_spot: bool = True, begin: int = BEGIN) -> None:
        self.instrument = listed(code, is_spot).instrument
        rules = SPOT_RULES if is_spot else FUTURES_RULES
        self.parser = FrameParser(MarketId(self.instrument.market), rules, begin)
        self.parser.relist([listed(code, is_spot)])
        self.join = StreamJoin(rules, deltas_max=1000, trade_ids_gapless=True)
        self.join.begin(self.instrument.id, newest_trade_id=0)
        self.market = VenueMarket(market_definition(str(self.instrument.market), is_spot, ()))
        self.market.redefine(self.market.definition, [self.instrument])
        self.others: list[MarketEvent] = []
        """Everything but levels and best prices."""
        self.trades = 0

    def play(self, lines: Iterable[tuple[int, bytes | str]]) -> None:
        for received, body in lines:
            encoded = body.encode() if isinstance(body, str) else body
            events = self.join.take(self.items(received, encoded)).events
            changes = self.market.apply(events, received)
            assert not changes.faults
            self.trades += sum(isinstance(event, TradeReported) for event in events)
            self.others += [event for event in events if isinstance(event, GapDetected | TradingDayStarted)]

    def items(self, received: int, body: bytes) -> Sequence[Item]:
        try:
            if body.startswith(b'{"lastUpdateId"'):
                return (self.parser.snapshot(self.instrument.code, body),)
            return self.parser.parse(body, received)
        except FrameFault as fault:
            return fault.remedy

    def prices(self) -> Prices:
        sides: Prices = ({}, {})
        for level in self.market.instruments[self.instrument.id].levels():
            assert level.price is not None
            assert level.volume is not None
            sides[level.side.value == "Ask"][level.price] = level.volume
        return sides


@pytest.mark.parametrize(("code", "is_spot", "names"), RECORDINGS, ids=lambda value: str(value)[:12])
def test_recorded_capture_gives_the_book_of_a_naive_reconstruction(
    code: str, is_spot: bool, names: tuple[str, ...]
) -> None:
    lines = list(recorded_lines(*names))
    replay = Replay(code, is_spot, lines[0][0])
    replay.play(lines)

    messages = [json.loads(body) for _, body in lines if b"@bookTicker" not in body[:40]]
    naive = NaiveBook()
    naive.load(next(message for message in messages if "lastUpdateId" in message))
    updates = [message["data"] for message in messages if "depth" in message.get("stream", "")]
    for update in updates:
        naive.update(update)
    trades = len(messages) - len(updates) - 1
    instrument = replay.instrument
    assert replay.prices() == naive.prices(instrument.price_scale, instrument.quantity_scale)
    assert replay.trades == trades
    days = [event.trading_date.isoformat() for event in replay.others if isinstance(event, TradingDayStarted)]
    assert days == ["2024-08-09"]  # by the venue's clock, which was 1.2 s ahead of the recorder's
    assert len(replay.others) == 1  # no gap


def timed(*bodies: bytes | str) -> list[tuple[int, bytes | str]]:
    return [(BEGIN + number * 1_000_000, body) for number, body in enumerate(bodies)]


@pytest.mark.parametrize("is_spot", [True, False])
def test_snapshot_that_lies_within_the_stream(is_spot: bool) -> None:
    symbol = NaiveSymbol(is_spot=is_spot)
    before = [symbol.set({"99.00": "5"}), symbol.set({"97.00": "1"})]
    snapshot = symbol.book.snapshot()
    after = [symbol.set({}, {"101.00": "0"}), symbol.set({"97.00": "0"}, {"100.50": "2"})]
    replay = Replay(is_spot=is_spot)
    replay.play(timed(*before, after[0], snapshot, after[1]))
    assert replay.prices() == symbol.book.prices(2, replay.instrument.quantity_scale)


@pytest.mark.parametrize("is_spot", [True, False])
def test_snapshot_in_the_middle_of_an_update(is_spot: bool) -> None:
    """The update that contains the snapshot's number is applied whole."""
    symbol = NaiveSymbol(is_spot=is_spot)
    update = symbol.set({"99.00": "5"}, {"101.00": "0"})
    within = json.loads(symbol.book.snapshot()) | {"lastUpdateId": symbol.book.last - 1}
    last = symbol.set({"98.00": "3"})
    replay = Replay(is_spot=is_spot)
    replay.play(timed(update, json.dumps(within, separators=(",", ":")), last))
    assert replay.prices() == symbol.book.prices(2, replay.instrument.quantity_scale)


def test_futures_snapshot_between_two_updates() -> None:
    """Numbers are shared by all symbols: the snapshot may lie where this symbol has none."""
    symbol = NaiveSymbol(is_spot=False)
    between = json.loads(symbol.book.snapshot()) | {"lastUpdateId": symbol.book.last + 3}
    replay = Replay(is_spot=False)
    replay.play(timed(json.dumps(between, separators=(",", ":")), symbol.set({"97.00": "1"})))
    assert not replay.others
    assert replay.prices() == symbol.book.prices(2, 3)


@pytest.mark.parametrize("is_spot", [True, False])
def test_gap_empties_the_book_until_the_next_snapshot(is_spot: bool) -> None:
    symbol = NaiveSymbol(is_spot=is_spot)
    replay = Replay(is_spot=is_spot)
    replay.play(timed(symbol.book.snapshot(), symbol.set({"97.00": "1"})))
    symbol.set({"96.00": "1"})  # lost
    replay.play(timed(symbol.set({"95.00": "1"})))
    (gap,) = replay.others
    assert isinstance(gap, GapDetected)
    assert gap.stream is Stream.BOOK
    assert replay.prices() == ({}, {})
    replay.play(timed(symbol.book.snapshot(), symbol.set({"94.00": "1"})))
    assert replay.prices() == symbol.book.prices(2, replay.instrument.quantity_scale)


@pytest.mark.parametrize("is_spot", [True, False])
def test_repeated_updates_change_nothing(is_spot: bool) -> None:
    symbol = NaiveSymbol(is_spot=is_spot)
    replay = Replay(is_spot=is_spot)
    snapshot = symbol.book.snapshot()
    updates = [symbol.set({"97.00": str(number)}) for number in range(1, 6)]
    replay.play(timed(snapshot, *updates[:4], *updates[1:3], updates[0], *updates))
    assert not replay.others
    assert replay.prices() == symbol.book.prices(2, replay.instrument.quantity_scale)


def test_snapshot_older_than_the_stream_is_not_used() -> None:
    symbol, replay = NaiveSymbol(), Replay()
    old = symbol.book.snapshot()
    symbol.set({"97.00": "1"})  # not in the stream
    replay.play(timed(symbol.set({"96.00": "1"}), old))
    assert replay.prices() == ({}, {})
    replay.play(timed(symbol.book.snapshot(), symbol.set({"95.00": "1"})))
    assert replay.prices() == symbol.book.prices(2, 6)


def test_missing_and_repeated_trades() -> None:
    symbol, replay = NaiveSymbol(), Replay()
    frames = [symbol.trade() for _ in range(5)]
    replay.play(timed(frames[0], frames[1], frames[0], frames[4], frames[4]))
    assert replay.trades == 3
    (gap,) = replay.others
    assert isinstance(gap, GapDetected)
    assert (gap.stream, gap.reason) == (Stream.TRADES, "trades 503 to 504 are missing")


def test_trade_that_is_none_is_no_gap() -> None:
    symbol, replay = NaiveSymbol(is_spot=False), Replay(is_spot=False)
    replay.play(timed(symbol.trade(), symbol.trade("0", "0", X="NA"), symbol.trade()))
    assert not replay.others
    assert replay.market.instruments[replay.instrument.id].security.number_of_trades == 2


def test_update_that_cannot_be_read_loses_the_book_and_nothing_else() -> None:
    symbol, replay = NaiveSymbol(), Replay()
    replay.play(timed(symbol.book.snapshot(), symbol.set({"97.00": "1"})))
    spoilt = symbol.set({"96.00": "1"}).replace('"96.00"', "96.00")
    replay.play(timed(spoilt, symbol.trade(), symbol.ticker()))
    assert [type(event) for event in replay.others] == [GapDetected]
    assert replay.prices() == ({}, {})
    assert replay.trades == 1


def test_lines() -> None:
    assert read_line(b'1723161253937085768 {"a":1}\n') == CaptureLine(1_723_161_253_937_085_768, b'{"a":1}\n')


@pytest.mark.parametrize("line", [b"", b"{}", b"123", b"12x {}", b"-5 {}", b"99999999999999999999 {}"])
def test_what_is_no_line_is_refused(line: bytes) -> None:
    with pytest.raises(CaptureFault, match="no capture line"):
        read_line(line)
