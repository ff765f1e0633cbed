"""Each check lets a sound source pass, and fails the one that it is there to catch."""

from __future__ import annotations

import sys
import time
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
import trio
import trio.testing

from zenithd.domain.events import (
    BookCleared,
    LevelChanged,
    OrderRemoved,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId, instrument_id
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus, Side
from zenithd.plugin import MarketSource, PluginConfig
from zenithd.testing import conformance

MARKET = MarketId("XSND")
ABC = instrument_id("ABC", MARKET)
TODAY = date(2026, 1, 5)


class Sound(MarketSource[PluginConfig]):
    """Follows what is wanted of a venue that a test can cut."""

    cuts: trio.Event

    async def run(self) -> None:
        self.declare()
        await self.context.publish([TradingDayStarted(MARKET, TODAY)])
        self.set_active()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.trade)
            nursery.start_soon(self.wait_for_cuts)

    def declare(self) -> None:
        self.context.declare_market(MarketDefinition(id=MARKET), [Instrument(code="ABC", market=MARKET)])

    def set_active(self) -> None:
        self.context.set_status(MARKET, FeedStatus.ACTIVE)

    async def trade(self) -> None:
        known = await self.context.last_known(ABC)
        number = known.trade_id if known else 0
        shown = False
        while True:
            if self.wants():
                number += 1
                await self.publish_step(number)
                shown = True
            elif shown:
                await self.context.publish([BookCleared(ABC)])
                shown = False
            await trio.sleep(1)

    def wants(self) -> bool:
        return ABC in self.context.wanted

    async def publish_step(self, number: int) -> None:
        now = self.context.clock.now()
        await self.context.publish([TradeReported(ABC, number, 100, 1, now), *book()])

    async def wait_for_cuts(self) -> None:
        while True:
            await type(self).cuts.wait()
            type(self).cuts = trio.Event()
            self.context.set_status(MARKET, FeedStatus.IMPAIRED, "the venue cut the connection")
            await self.context.publish([BookCleared(ABC)])
            await trio.sleep(1)
            self.set_active()


def book() -> list[BookCleared | LevelChanged]:
    return [BookCleared(ABC), LevelChanged(ABC, Side.BID, 99, 1), LevelChanged(ABC, Side.ASK, 101, 1)]


def subject_for(source: type[Sound], package: ModuleType | None = None) -> conformance.Subject:
    source.cuts = trio.Event()

    async def cut() -> None:
        source.cuts.set()
        await trio.lowlevel.checkpoint()

    return conformance.Subject(source=source, config=PluginConfig(), instrument=ABC, package=package, cut=cut)


def check_named(name: str) -> conformance.Check:
    (check,) = [check for check in conformance.CHECKS if check.name == name]
    return check


@pytest.mark.parametrize("check", conformance.CHECKS, ids=str)
async def test_sound_source_passes(check: conformance.Check, autojump_clock: trio.testing.MockClock) -> None:
    await check(subject_for(Sound))


class PublishesFirst(Sound):
    def declare(self) -> None:
        self.set_active()
        super().declare()


class NeverActive(Sound):
    def set_active(self) -> None:
        pass


class BreaksBooks(Sound):
    async def publish_step(self, number: int) -> None:
        await super().publish_step(number)
        if number == 3:
            await self.context.publish([OrderRemoved(ABC, "unknown")])


class StopsLate(Sound):
    async def run(self) -> None:
        try:
            await super().run()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(3)


class RepeatsIds(Sound):
    async def publish_step(self, number: int) -> None:
        self.count = getattr(self, "count", 0) + 1
        await super().publish_step(self.count)


class Blocks(Sound):
    async def publish_step(self, number: int) -> None:
        if number == 3:
            self.work()
        await super().publish_step(number)

    def work(self) -> None:
        time.sleep(0.11)


class HeapsUp(Sound):
    async def publish_step(self, number: int) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(self.context.publish, book())


class PublishesUnwanted(Sound):
    def wants(self) -> bool:
        return True


class HidesCuts(Sound):
    async def wait_for_cuts(self) -> None:
        await trio.sleep_forever()


class KeepsTheBook(Sound):
    async def publish_step(self, number: int) -> None:
        if number == 1:
            await super().publish_step(number)

    async def wait_for_cuts(self) -> None:
        await type(self).cuts.wait()
        self.context.set_status(MARKET, FeedStatus.IMPAIRED, "cut")
        await trio.sleep(1)
        self.set_active()


class GivesNoReason(Sound):
    async def wait_for_cuts(self) -> None:
        await type(self).cuts.wait()
        self.context.set_status(MARKET, FeedStatus.IMPAIRED)


class NoDay(Sound):
    async def run(self) -> None:
        self.declare()
        self.set_active()
        await self.trade()


@pytest.mark.parametrize(
    ("name", "source", "complaint"),
    [
        ("declares-before-it-publishes", PublishesFirst, "set the status of XSND, which was not declared"),
        ("becomes-active", NeverActive, "status Active of XSND did not come"),
        ("obeys-the-rules-of-books-and-tapes", BreaksBooks, "SourceFault"),
        ("stops-at-once", StopsLate, "it took 3.0 s to stop"),
        ("starts-again", RepeatsIds, "are not above what was known"),
        ("does-not-block", Blocks, "something holds the loop for 0."),
        ("waits-for-a-slow-daemon", HeapsUp, "20 calls of publish wait"),
        ("follows-what-is-wanted", PublishesUnwanted, "its book was published before it was wanted"),
        ("comes-back-after-a-cut", HidesCuts, "another status than Active did not come"),
        ("comes-back-after-a-cut", KeepsTheBook, "an emptied book did not come"),
        ("comes-back-after-a-cut", GivesNoReason, "no reason was given"),
        ("says-its-trading-day", NoDay, "no TradingDayStarted"),
    ],
)
async def test_faulty_source_fails(
    name: str, source: type[Sound], complaint: str, autojump_clock: trio.testing.MockClock
) -> None:
    with pytest.raises(AssertionError) as caught:
        await check_named(name)(subject_for(source))
    assert complaint in str(caught.value)


async def test_careless_code_fails(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    package = ModuleType("careless")
    package.__file__ = str(tmp_path / "__init__.py")
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "client.py").write_text(
        "import asyncio, uuid\nasyncio.run(1)\nuuid.uuid4()\nopen('x').now()\n"
    )
    with pytest.raises(AssertionError) as caught:
        await check_named("takes-time-and-chance-from-the-context")(subject_for(Sound, package))
    assert "client.py:2 calls asyncio.run; use trio" in str(caught.value)
    assert "client.py:3 calls uuid.uuid4; use context.random" in str(caught.value)


async def test_sound_code_passes(autojump_clock: trio.testing.MockClock) -> None:
    await check_named("takes-time-and-chance-from-the-context")(
        subject_for(Sound, sys.modules["zenithd.domain"])
    )


def test_checks_are_chosen_by_what_applies() -> None:
    numbers = [check.number for check in conformance.checks(venue=False, wanted=False)]
    assert 9 not in numbers
    assert 10 not in numbers
    assert [check.number for check in conformance.CHECKS] == list(range(1, len(conformance.CHECKS) + 1))
    assert len(conformance.checks(venue=True, wanted=True)) == len(conformance.CHECKS)


def test_subject_knows_its_market() -> None:
    subject = conformance.Subject(source=Sound, config=PluginConfig(), instrument="A.B.XSX[Sample]")
    assert (subject.id, subject.market) == (InstrumentId("A.B.XSX[Sample]"), "XSX[Sample]")
