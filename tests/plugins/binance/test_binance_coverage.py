"""Renewing a book before the market leaves what its snapshot covered."""

from __future__ import annotations

import json

import pytest
from binance_samples import NaiveSymbol, Prices
from test_binance_parse import BTC, NOW, new_parser

from zenithd.domain.events import LevelChanged
from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.market_data import Side
from zenithd.plugin import BookSnapshot, SnapshotJoin
from zenithd_binance.coverage import Coverage, coverage_of
from zenithd_binance.parse import FUTURES_RULES, SPOT_RULES, FrameParser, Notices


def level(side: Side, price: int) -> LevelChanged:
    return LevelChanged(InstrumentId(BTC), side, price, 1)


def test_whole_book_is_covered_everywhere() -> None:
    assert coverage_of([level(Side.BID, 90), level(Side.ASK, 110)], levels_max=2) is None


def test_coverage_keeps_a_quarter_of_the_way_to_the_last_level() -> None:
    levels = [level(Side.BID, 200), level(Side.BID, 100), level(Side.ASK, 210), level(Side.ASK, 310)]
    assert coverage_of(levels, levels_max=2) == Coverage(bid_min=125, ask_max=285)


def test_side_that_is_whole_has_no_edge() -> None:
    levels = [level(Side.BID, 200), level(Side.BID, 100), level(Side.ASK, 210)]
    coverage = coverage_of(levels, levels_max=2)
    assert coverage is not None
    assert coverage.holds(bid=125, ask=10**9)
    assert not coverage.holds(bid=124, ask=210)


def applied(parser: FrameParser, join: SnapshotJoin, book: Prices, message: str) -> bool:
    """Parse, join and apply one frame; True if it brought a renewed book."""
    renewed = False
    for item in parser.parse(message, NOW):
        if isinstance(item, BookSnapshot):
            renewed = True
            assert join.joined, "the book was lost"
            events = join.snapshot(item)
        else:
            events = join.delta(item)  # type: ignore[arg-type]
        for event in events:
            if not isinstance(event, LevelChanged):
                book[0].clear()
                book[1].clear()
            elif event.quantity:
                book[event.side is Side.ASK][event.price] = event.quantity
            else:
                book[event.side is Side.ASK].pop(event.price, None)
    return renewed


@pytest.mark.parametrize("is_spot", [True, False])
def test_renewed_book_has_the_levels_that_the_first_snapshot_left_out(is_spot: bool) -> None:
    edges: list[str] = []
    parser = new_parser(Notices(near_edge=edges.append), levels_max=2, is_spot=is_spot)
    join = SnapshotJoin(InstrumentId(BTC), SPOT_RULES if is_spot else FUTURES_RULES)
    symbol, book = NaiveSymbol(is_spot=is_spot), ({}, {})
    symbol.set({"97.00": "4", "96.00": "5"}, {"103.00": "6"})
    for event in join.snapshot(parser.snapshot("BTCUSDT", symbol.book.snapshot(levels=2)))[1:]:
        book[event.side is Side.ASK][event.price] = event.quantity  # type: ignore[union-attr]
    applied(parser, join, book, symbol.set({"99.00": "0"}))
    assert set(book[0]) == {9800}  # 97.00 and 96.00 rest unseen

    assert parser.parse(symbol.ticker(bid="98.00"), NOW)
    assert parser.parse(symbol.ticker(bid="98.00", update=symbol.book.last + 1), NOW)
    assert edges == ["BTCUSDT"]  # told once
    parser.hold("BTCUSDT")
    applied(parser, join, book, symbol.set({"95.00": "7"}))
    body = symbol.book.snapshot()
    applied(parser, join, book, symbol.set({"95.00": "8"}, {"102.00": "0"}))
    assert parser.renew("BTCUSDT", body)

    assert applied(parser, join, book, symbol.set({"94.00": "9"}))
    assert join.joined
    assert book == symbol.book.prices(2, 4)
    assert not applied(parser, join, book, symbol.set({"98.00": "1"}))
    assert book == symbol.book.prices(2, 4)


def test_renewal_by_a_snapshot_that_is_too_old_is_refused() -> None:
    parser, symbol = new_parser(), NaiveSymbol()
    old = symbol.book.snapshot()
    symbol.set({"95.00": "1"})
    parser.hold("BTCUSDT")
    parser.parse(symbol.set({"95.00": "2"}), NOW)
    assert not parser.renew("BTCUSDT", old)
    assert not parser.renew("BTCUSDT", symbol.book.snapshot())  # not held any more


def test_another_snapshot_ends_a_renewal() -> None:
    parser, symbol = new_parser(), NaiveSymbol()
    parser.hold("BTCUSDT")
    parser.snapshot("BTCUSDT", json.dumps({"lastUpdateId": 1, "bids": [], "asks": []}))
    assert not parser.renew("BTCUSDT", symbol.book.snapshot())
