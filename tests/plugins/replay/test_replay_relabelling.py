from __future__ import annotations

from datetime import date

import pytest

from zenithd.domain.events import (
    BookCleared,
    InstrumentListed,
    MarketEvent,
    MarketStateChanged,
    TradeAmended,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus
from zenithd.recording import Batch, Declared, StatusChanged
from zenithd_replay.relabelling import Relabelling, played_market

XSX, XSY, PLAYED = MarketId("XSX"), MarketId("XSY"), MarketId("XSX[Sample]")


def reported(instrument: str) -> TradeReported:
    return TradeReported(InstrumentId(instrument), 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("recorded", "market", "tag", "played"),
    [
        ("XSX", "", "Sample", "XSX[Sample]"),
        ("ASX:PM", "", "Sample", "ASX:PM[Sample]"),
        ("XSX[Demo]", "", "Sample", "XSX[Sample]"),
        ("XSX[Demo]", "", "", "XSX[Demo]"),
        ("XSX", "IEX:[Two]", "Sample", "IEX[Two]"),
    ],
)
def test_played_market(recorded: str, market: str, tag: str, played: str) -> None:
    assert played_market(MarketId(recorded), market, tag) == played


def test_a_mix_cannot_be_played() -> None:
    with pytest.raises(ValueError, match="mix"):
        played_market(MarketId("XSX+XSY"), "", "Sample")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (BookCleared(InstrumentId("A.B.XSX")), BookCleared(InstrumentId("A.B.XSX[Sample]"))),
        (reported("A.XSX"), reported("A.XSX[Sample]")),
        (TradeAmended(reported("A.XSX")), TradeAmended(reported("A.XSX[Sample]"))),
        (TradingDayStarted(XSX, date(2026, 1, 2)), TradingDayStarted(PLAYED, date(2026, 1, 2))),
        (
            MarketStateChanged(XSX, "Open", {"XSX::XSX": "Open"}),
            MarketStateChanged(PLAYED, "Open", {"XSX::XSX[Sample]": "Open"}),
        ),
        (
            InstrumentListed(Instrument(code="A", market=XSX)),
            InstrumentListed(Instrument(code="A", market=PLAYED)),
        ),
        (BookCleared(InstrumentId("A.XSY")), BookCleared(InstrumentId("A.XSY"))),
    ],
)
def test_events(old: MarketEvent, new: MarketEvent) -> None:
    relabelling = Relabelling({XSX: PLAYED})
    assert relabelling.event(old) == new
    assert relabelling.record(Batch(1, [old])) == Batch(1, [new])


def test_declarations_with_boards_and_issuing_exchange() -> None:
    played = Relabelling({XSX: PLAYED, XSY: MarketId("XSY[Sample]")}).declared(
        Declared(
            time=1,
            definition=MarketDefinition(id=XSY, boards=("XSY::ONE", "XSY")),
            instruments=(
                Instrument(code="A", market=XSY, exchange="XSX", board="XSY::ONE", trading_markets=("XSY",)),
                Instrument(code="B", market=XSY),
            ),
        )
    )
    assert played.definition.id == "XSY[Sample]"
    assert played.definition.boards == ("XSY::ONE[Sample]", "XSY[Sample]")
    first, second = played.instruments
    assert (first.exchange, first.board, first.trading_markets) == (
        "XSX[Sample]",
        "XSY::ONE[Sample]",
        ("XSY[Sample]",),
    )
    assert (second.id, second.exchange, second.board) == ("B.XSY[Sample]", None, None)


def test_boards_follow_an_entirely_different_code() -> None:
    old = MarketStateChanged(MarketId("XSX[Demo]"), "Open", {"XSX::ONE[Demo]": "Open", "Other": "Open"})
    assert Relabelling({MarketId("XSX[Demo]"): MarketId("ABC")}).event(old) == MarketStateChanged(
        MarketId("ABC"), "Open", {"ABC::ONE": "Open", "Other": "Open"}
    )


def test_statuses() -> None:
    status = StatusChanged(time=1, market=XSX, status=FeedStatus.ACTIVE)
    played = Relabelling({XSX: PLAYED}).record(status)
    assert played == StatusChanged(time=1, market=PLAYED, status=FeedStatus.ACTIVE)


def test_nothing_is_copied_if_nothing_changes() -> None:
    batch = Batch(1, [BookCleared(InstrumentId("A.XSX"))])
    assert Relabelling({XSX: XSX}).record(batch) is batch


def test_two_markets_under_one_code_are_refused() -> None:
    with pytest.raises(ValueError, match="under one code"):
        Relabelling({XSX: PLAYED, MarketId("XSX[Demo]"): PLAYED})
