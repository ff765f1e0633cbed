"""A market source for `plugin_failures` that fails as it is told, in phases: calm, failing, calm, …

Every failure is written to a file with its time (monotonic, the same in all processes of a machine), just
before it happens. The module lives as long as the daemon's process: phases and numbers go on over restarts.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import trio

from zenithd.domain.events import BookCleared, LevelChanged, MarketEvent, TradeReported, TradingDayStarted
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus, Side
from zenithd.plugin import MarketSource, PluginConfig, hookimpl

API_VERSION = 1
MARKET = MarketId("FAULTY")
SYMBOL = InstrumentId("F1.FAULTY")
TODAY = date(2026, 1, 5)
PACE_SECONDS = 0.02
FLOOD_BATCH = 50
FLOOD_PER_SECOND = 100_000
JUMPS_SECONDS = (3_600, -3_600, 86_400, -86_400, 10 * 31_557_600, -10 * 31_557_600)

EXCEPTIONS = (ValueError, KeyError, SystemExit, KeyboardInterrupt, RecursionError)

numbers = itertools.count(1)
"""Trade ids."""
generator = random.Random(1)
real_time_ns = time.time_ns


class FaultyConfig(PluginConfig, frozen=True, kw_only=True):
    """How to fail."""

    kind: str
    log: str
    """A file that is told of everything that happens here."""
    phase_seconds: float = 2.0


class Phases:
    """Even phases are calm, odd ones are those of failures."""

    def __init__(self, config: FaultyConfig) -> None:
        self._seconds = config.phase_seconds
        self._began = time.monotonic()
        self._path = Path(config.log)
        self.note("began", self._began)

    @property
    def failing(self) -> bool:
        """Whether it is time to fail."""
        return self.number % 2 == 1

    @property
    def number(self) -> int:
        """Which phase it is."""
        return int((time.monotonic() - self._began) / self._seconds)

    def note(self, what: str, at: float | None = None) -> None:
        """Write down what happens now."""
        with self._path.open("a") as file:
            file.write(f"{what} {time.monotonic() if at is None else at:.6f}\n")


phases: list[Phases] = []
"""The one object, made by the first run."""


class Source(MarketSource[FaultyConfig]):
    """Serves a small market, and fails."""

    Config = FaultyConfig

    async def run(self) -> None:
        """Be calm or fail, for ever."""
        if not phases:
            phases.append(Phases(self.config))
        self.phases = phases[0]
        if self.config.kind == "hang" and self.phases.failing and generator.random() < 0.5:
            self.phases.note("hangs at the start")
            await trio.sleep_forever()
        await self.open()
        fail = getattr(self, f"fail_by_{self.config.kind}")
        while True:
            await self.be_calm()
            await fail()

    async def open(self) -> None:
        """Declare, and be Active with a book."""
        self.context.declare_market(MarketDefinition(id=MARKET), [Instrument(code="F1", market=MARKET)])
        await self.context.publish([TradingDayStarted(MARKET, TODAY), BookCleared(SYMBOL), *update()])
        self.context.set_status(MARKET, FeedStatus.ACTIVE)

    async def be_calm(self) -> None:
        """Publish a little until it is time to fail, for a moment at least."""
        while True:
            await self.context.publish(update())
            await trio.sleep(PACE_SECONDS)
            if self.phases.failing:
                return

    async def fail_by_exception(self) -> None:
        """Raise something."""
        self.phases.note("raises")
        raise generator.choice(EXCEPTIONS)("broken")

    async def fail_by_hang(self) -> None:
        """Wait for what never comes, as if everything were well."""
        await self.context.publish(update())
        self.phases.note("falls silent")
        await trio.sleep_forever()

    async def fail_by_flood(self) -> None:
        """Publish far too much for the rest of the phase: at 100,000 updates a second, or without a pause."""
        number, is_paced = self.phases.number, generator.random() < 0.5
        self.phases.note("floods at a pace" if is_paced else "floods without a pause")
        batch: list[MarketEvent] = list(
            itertools.chain.from_iterable(levels(place % 50) for place in range(FLOOD_BATCH // 2))
        )
        due = time.monotonic()
        while self.phases.number == number:
            await self.context.publish(batch)
            due += FLOOD_BATCH / FLOOD_PER_SECOND
            if is_paced:
                await trio.sleep(max(0.0, due - time.monotonic()))
        await self.context.wait_drained()

    async def fail_by_garbage(self) -> None:
        """Publish what is no event, or an event with values of wrong types: the next call shall raise."""
        number = self.phases.number
        self.phases.note("publishes garbage")
        await self.context.publish([*update(), generator.choice(garbage())])
        while self.phases.number == number:
            await self.context.publish(update())
            await trio.sleep(0.001)

    async def fail_by_clock(self) -> None:
        """Let the wall clock of the whole process jump, and send times and days from far away."""
        offset, number = generator.choice(JUMPS_SECONDS) * 1_000_000_000, self.phases.number
        self.phases.note("jumps")
        time.time_ns = lambda: real_time_ns() + offset
        try:
            day = TODAY + timedelta(days=generator.randint(-4_000, 4_000))
            await self.context.publish([TradingDayStarted(MARKET, day)])
            while self.phases.number == number:
                await self.context.publish(update())
                await trio.sleep(PACE_SECONDS)
        finally:
            time.time_ns = real_time_ns
        await self.context.publish([TradingDayStarted(MARKET, TODAY)])

    async def fail_by_reconnect(self) -> None:
        """Connect without a pause to what is not there, and say each time how it went."""
        number = self.phases.number
        self.phases.note("loses its connection")
        while self.phases.number == number:
            self.context.set_status(MARKET, FeedStatus.IMPAIRED, "connection lost")
            with trio.CancelScope() as scope:
                try:
                    await (await trio.open_tcp_stream("127.0.0.1", 1)).aclose()
                except OSError:
                    scope.cancel()
            await trio.lowlevel.checkpoint()
            self.context.set_status(MARKET, FeedStatus.ACTIVE)

    async def fail_by_block(self) -> None:
        """Hold the event loop for two seconds, then be calm for the rest of the phase."""
        number, block = self.phases.number, generator.choice([sleep, work, keep_the_lock])
        self.phases.note("blocks")
        block(2.0)
        self.phases.note("goes on")
        while self.phases.number == number:
            await self.context.publish(update())
            await trio.sleep(PACE_SECONDS)


def sleep(seconds: float) -> None:
    """Block without work."""
    time.sleep(seconds)


def work(seconds: float) -> None:
    """Block with work in Python."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def keep_the_lock(seconds: float) -> None:
    """Block in one call of foreign code that never lets another thread run."""
    size, fastest = 200_000, seconds
    for _ in range(5):  # others may use the processor during some of them
        began = time.monotonic()
        sum(range(size))
        fastest = min(fastest, time.monotonic() - began)
    sum(range(int(size * seconds / fastest)))


def levels(place: int) -> list[MarketEvent]:
    """A change on both sides of the book."""
    quantity = generator.randint(1, 1_000)
    return [
        LevelChanged(SYMBOL, Side.BID, 1_000 - place, quantity),
        LevelChanged(SYMBOL, Side.ASK, 1_001 + place, quantity),
    ]


def update() -> list[MarketEvent]:
    """A trade, now as the wall clock says, and a change of the book."""
    trade = TradeReported(SYMBOL, next(numbers), 1_000, 5, time.time_ns(), Side.BID)
    return [trade, *levels(generator.randrange(20))]


def garbage() -> list[Any]:
    """What is no event."""
    trade_id = next(numbers)
    return [
        None,
        7,
        "a text",
        {"price": 1},
        object(),
        LevelChanged(SYMBOL, Side.BID, "six", 1),  # type: ignore[arg-type]
        LevelChanged(SYMBOL, Side.BID, None, 1),  # type: ignore[arg-type]
        LevelChanged(SYMBOL, "up", 6, "many"),  # type: ignore[arg-type]
        TradeReported(SYMBOL, "id", 1_000, 5, 0),  # type: ignore[arg-type]
        TradeReported(SYMBOL, trade_id, 1_000, [5], 0),  # type: ignore[arg-type]
        TradingDayStarted(MARKET, "tomorrow"),  # type: ignore[arg-type]
    ]


@hookimpl
def zenithd_market_sources() -> Sequence[type[Source]]:
    """The source."""
    return [Source]
