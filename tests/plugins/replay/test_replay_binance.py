from __future__ import annotations

from pathlib import Path

import pytest
from replay_samples import SECOND, nanoseconds, snapshot, spot_depth, spot_ticker, spot_trade, write
from structlog.testing import capture_logs

from zenithd.domain.events import TradingDayStarted
from zenithd.domain.market_data import FeedStatus
from zenithd.testing import MemoryDaemon
from zenithd_replay import Replay, ReplayConfig
from zenithd_replay.binance_sample import CaptureSample, definition_of, listed_of, merge_samples

START = nanoseconds("2024-08-08T23:59:58+00:00")
ABC = "ABCUSDT.BINANCE[Sample]"


def seconds(number: float) -> int:
    return START + round(number * SECOND)


FIRST_DAY = [
    spot_depth(seconds(0), 1, 4, bids=[("10.00", "1.0")]),
    spot_ticker(seconds(0), 4, ("10.00", "1.0"), ("10.05", "2.0")),
    snapshot(seconds(0.1), 5, [("10.00", "3.00000000"), ("9.99", "1.0")], [("10.05", "2.0")]),
    spot_depth(seconds(0.2), 5, 6, asks=[("10.06", "4.0")]),
    spot_trade(seconds(1), 100, "10.00", "0.5"),
]
SECOND_DAY = [
    spot_trade(seconds(3), 101, "10.05", "0.25"),
    spot_depth(seconds(3), 7, 8, bids=[("10.00", "0.00000000")]),
    spot_ticker(seconds(3.1), 9, ("9.99", "1.0"), ("10.05", "1.75")),
]


async def play(tmp_path: Path, *captures: list[bytes]) -> tuple[MemoryDaemon, list[str]]:
    files = tuple(write(tmp_path / f"{number}", b"".join(lines)) for number, lines in enumerate(captures))
    daemon = MemoryDaemon()
    with capture_logs() as logs:
        await Replay(ReplayConfig(files=files, speed=0), daemon).run()
    assert daemon.faults == []
    return daemon, [entry["note"] for entry in logs if "note" in entry]


def book(daemon: MemoryDaemon) -> tuple[dict[float, float], dict[float, float]]:
    view = daemon.view(ABC)
    assert view is not None
    prices, quantities = 10**view.instrument.price_scale, 10**view.instrument.quantity_scale
    bids, asks = daemon.prices(ABC)
    return (
        {price / prices: volume / quantities for price, volume in bids.items()},
        {price / prices: volume / quantities for price, volume in asks.items()},
    )


async def test_the_second_day_goes_on_with_the_book_of_the_first(tmp_path: Path) -> None:
    daemon, notes = await play(tmp_path, FIRST_DAY, SECOND_DAY)
    assert book(daemon) == ({9.99: 1.0}, {10.05: 2.0, 10.06: 4.0})
    assert daemon.gaps == 0
    assert notes == []
    assert [str(event.trading_date) for event in daemon.events(TradingDayStarted)] == [  # type: ignore[union-attr]
        "2024-08-08",
        "2024-08-09",
    ]
    assert daemon.trade_ids(ABC) == [101]
    assert daemon.status("BINANCE[Sample]") is FeedStatus.CLOSED


async def test_the_order_of_the_files_does_not_matter(tmp_path: Path) -> None:
    daemon, _ = await play(tmp_path, SECOND_DAY, FIRST_DAY)
    assert book(daemon) == ({9.99: 1.0}, {10.05: 2.0, 10.06: 4.0})


async def test_without_a_snapshot_there_is_no_book_and_the_log_says_so(tmp_path: Path) -> None:
    daemon, notes = await play(tmp_path, SECOND_DAY)
    view = daemon.view(ABC)
    assert view is not None
    assert view.levels() == []
    assert view.security.best_bid is not None
    assert daemon.trade_ids(ABC) == [101]
    assert any("no REST snapshot" in note for note in notes)


async def test_a_missing_update_empties_the_book(tmp_path: Path) -> None:
    missing = [line for line in FIRST_DAY if b'"U": 5' not in line]
    daemon, notes = await play(tmp_path, missing, SECOND_DAY)
    assert daemon.gaps == 1
    assert book(daemon) == ({}, {})
    assert notes == [f"{ABC} ends without a book"]


async def test_unreadable_lines_are_noted_once_and_the_rest_is_played(tmp_path: Path) -> None:
    lines = [
        *FIRST_DAY,
        f"{seconds(2)} not JSON\n".encode(),
        f'{seconds(2)} {{"stream"\n'.encode(),
        *SECOND_DAY,
    ]
    daemon, notes = await play(tmp_path, lines)
    assert book(daemon) == ({9.99: 1.0}, {10.05: 2.0, 10.06: 4.0})
    assert len(notes) == 2
    assert notes[1] == "2 messages could not be read"


async def test_a_line_without_a_time_ends_its_file(tmp_path: Path) -> None:
    daemon, notes = await play(tmp_path, [*FIRST_DAY, b"hello\n", *SECOND_DAY])
    assert book(daemon) == ({10.0: 3.0, 9.99: 1.0}, {10.05: 2.0, 10.06: 4.0})
    position = sum(len(line) for line in FIRST_DAY)
    assert any(f"at byte {position}: no capture line" in note for note in notes)


def sample(lines: list[bytes]) -> CaptureSample:
    found = CaptureSample()
    for line in lines:
        found.look(line.partition(b" ")[2])
    return found


def test_a_sample_tells_symbols_scales_and_market() -> None:
    found = sample(FIRST_DAY)
    assert (found.market, found.has_snapshot, list(found.symbols)) == ("BINANCE", True, ["ABCUSDT"])
    symbols = merge_samples([found, sample(SECOND_DAY)])
    listed = listed_of(found.market, symbols)
    assert [
        (
            each.instrument.id,
            each.instrument.tick_table,
            str(each.instrument.lot_size),
            each.instrument.currency,
        )
        for each in listed
    ] == [("ABCUSDT.BINANCE", "0.01", "0.01", "USDT")]
    assert (listed[0].instrument.price_scale, listed[0].instrument.quantity_scale) == (3, 3)
    assert definition_of(found.market, symbols).name == "Binance (recorded)"


@pytest.mark.parametrize(
    "message",
    [
        b'{"stream":"a@depth@0ms","data":{"e":"depthUpdate","s":"A","U":1,"u":2,"pu":0,"b":[],"a":[]}}',
        b'{"stream":"a@bookTicker","data":{"e":"bookTicker","u":1,"s":"A","b":"1","B":"1","a":"1","A":"1"}}',
        b'{"stream":"a@trade","data":{"e":"trade","s":"A","t":1,"p":"1","q":"1","X":"MARKET"}}',
        b'{"lastUpdateId":1,"E":2,"T":2,"bids":[],"asks":[]}',
    ],
)
def test_futures_are_told_by_any_of_their_messages(message: bytes) -> None:
    found = CaptureSample()
    found.look(message)
    assert found.market == "BINANCE:USDM"


@pytest.mark.parametrize(
    "message", [b"", b"[]", b"{}", b'{"stream":1,"data":2}', b'{"stream":"x","data":{"s":1}}']
)
def test_other_messages_are_left_to_the_parser(message: bytes) -> None:
    found = CaptureSample()
    found.look(message)
    assert not found.has_snapshot
