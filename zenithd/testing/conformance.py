"""What every market source must do, as checks that an author runs; the bundled plugins run them too.

    @pytest.mark.parametrize("check", conformance.checks(venue=True, wanted=True), ids=str)
    async def test_conformance(check, clock):
        async with serve_venue(ScriptedVenue([script])) as venue:
            subject = conformance.Subject(
                source=MySource,
                config=MyConfig(websocket_url=venue.websocket_url),
                instrument="ABC.XMY",
                package=my_package,
                cut=venue.cut,
            )
            await check(subject)

The script of the venue must give the instrument a book with two sides on each new connection. Use
`network_clock` where there are sockets, `autojump_clock` where there are none.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import trio

from zenithd.domain.events import (
    BookCleared,
    GapDetected,
    LevelChanged,
    MarketEvent,
    OrderAdded,
    OrderChanged,
    OrderRemoved,
    Stream,
    TradeReported,
)
from zenithd.domain.identifiers import InstrumentId, MarketId, split_instrument
from zenithd.domain.market_data import FeedStatus
from zenithd.plugin.interfaces import LastKnown, MarketSource, MarketSourceContext, PluginConfig
from zenithd.plugin.source_code import forbidden_calls
from zenithd.testing.daemon import MemoryDaemon, run_source

RUN_SECONDS = 60.0
"""How long a source is watched, in trio's time."""

STOP_SECONDS_MAX = 1.0
"""A cancelled source has so long to end."""

STEP_SECONDS_MAX = 0.1
"""Nothing may hold the loop longer between two awaits."""

PUBLISH_CALLS_MAX = 8
"""A source waits for `publish`; it does not start one call after another."""

SETTLE_SECONDS = 10.0
"""How soon an instrument that nobody wants any more is no longer published."""


class Subject(msgspec.Struct, kw_only=True):
    """The source under check, and how its venue is moved."""

    source: Callable[[Any, MarketSourceContext], MarketSource[Any]]
    config: PluginConfig
    instrument: InstrumentId | str
    """An instrument that has a book with two sides soon after it is wanted."""
    package: ModuleType | None = None
    """The plugin's package: its source code is looked through."""
    cut: Callable[[], Awaitable[None]] | None = None
    """Makes the venue end its connections; new ones are served as before."""

    @property
    def id(self) -> InstrumentId:
        """The instrument."""
        return InstrumentId(self.instrument)

    @property
    def market(self) -> str:
        """Its market."""
        return split_instrument(self.id)[1]


class Check(msgspec.Struct, frozen=True):
    """One numbered check; `await check(subject)` raises AssertionError if it fails."""

    number: int
    name: str
    function: Callable[[Subject], Awaitable[None]]
    needs_venue: bool = False
    needs_wanted: bool = False

    def __str__(self) -> str:
        return f"C{self.number:02}-{self.name}"

    async def __call__(self, subject: Subject) -> None:
        """Run the check."""
        await self.function(subject)


def checks(*, venue: bool, wanted: bool) -> list[Check]:
    """The checks that apply.

    Args:
        venue: the source connects to a venue that `Subject.cut` can cut.
        wanted: it publishes only instruments that are wanted.
    """
    return [
        check for check in CHECKS if (venue or not check.needs_venue) and (wanted or not check.needs_wanted)
    ]


@asynccontextmanager
async def _running(subject: Subject, daemon: MemoryDaemon | None = None) -> AsyncIterator[MemoryDaemon]:
    daemon = daemon if daemon is not None else MemoryDaemon(wanted=[subject.id])
    async with run_source(subject.source, subject.config, daemon):
        yield daemon


async def declares_before_it_publishes(subject: Subject) -> None:
    """Every market is declared before its first event or status."""
    async with _running(subject) as daemon:
        await daemon.wait_until(lambda: bool(daemon.batches), "a batch")
        await trio.sleep(RUN_SECONDS)
        assert subject.market in daemon.markets, f"{subject.market} was not declared"
        assert daemon.violations == [], daemon.violations


async def becomes_active(subject: Subject) -> None:
    """The feed becomes Active, and the wanted instrument gets a book with two sides."""
    async with _running(subject) as daemon:
        await daemon.wait_status(subject.market, FeedStatus.ACTIVE)
        await daemon.wait_book(subject.id)


async def obeys_the_rules_of_books_and_tapes(subject: Subject) -> None:
    """No unknown or repeated order, no trade out of order, no price of an unlisted instrument."""
    async with _running(subject) as daemon:
        await daemon.wait_book(subject.id)
        await trio.sleep(RUN_SECONDS)
        assert daemon.faults == [], daemon.faults[:5]


async def stops_at_once(subject: Subject) -> None:
    """A cancelled source ends within a second, whatever it was doing, and raises nothing."""
    async with _running(subject) as daemon:
        await daemon.wait_book(subject.id)
        cancelled = trio.current_time()
    seconds = trio.current_time() - cancelled
    assert seconds <= STOP_SECONDS_MAX, f"it took {seconds:.1f} s to stop"


async def starts_again(subject: Subject) -> None:
    """A second object works in the folder of the first, and its trade ids go on above what is known."""
    with tempfile.TemporaryDirectory() as folder:
        first = MemoryDaemon(wanted=[subject.id], directory=Path(folder))
        async with _running(subject, first):
            await first.wait_book(subject.id)
        second = MemoryDaemon(wanted=[subject.id], directory=Path(folder))
        known = _last_known(first, subject)
        if known is not None:
            second.known[subject.id] = known
        async with _running(subject, second):
            await second.wait_book(subject.id)
            repeated = [each for each in _trades(second, subject) if known and each <= known.trade_id]
            assert repeated == [], f"trade ids {repeated[:5]} are not above what was known"


def _trades(daemon: MemoryDaemon, subject: Subject) -> list[int]:
    trades = daemon.events(TradeReported)
    return [t.trade_id for t in trades if isinstance(t, TradeReported) and t.instrument == subject.id]


def _last_known(daemon: MemoryDaemon, subject: Subject) -> LastKnown | None:
    view = daemon.view(subject.id)
    newest = view.tape.select(1, None, None) if view is not None else []
    if view is None or not newest or view.tape.trading_date is None:
        return None
    return LastKnown(view.tape.trading_date, newest[0].trade.trade_id, newest[0].trade.price)


async def takes_time_and_chance_from_the_context(subject: Subject) -> None:
    """Its code asks no clock but the given one, draws no randomness but the given one, blocks nowhere."""
    await trio.lowlevel.checkpoint()
    found = forbidden_calls(subject.package) if subject.package is not None else []
    assert found == [], found


async def does_not_block(subject: Subject) -> None:
    """Nothing holds the loop longer than 100 ms. Measured up to three times, for busy machines."""
    worst = 0.0
    for _ in range(3):
        worst = await _longest_step(subject)
        if worst <= STEP_SECONDS_MAX:
            return
    raise AssertionError(f"something holds the loop for {worst:.3f} s")


async def _longest_step(subject: Subject) -> float:
    steps = _Steps()
    trio.lowlevel.add_instrument(steps)
    try:
        async with _running(subject) as daemon:
            await daemon.wait_book(subject.id)
            await trio.sleep(RUN_SECONDS)
    finally:
        trio.lowlevel.remove_instrument(steps)
    return steps.longest


class _Steps(trio.abc.Instrument):
    """Measures how long tasks run between two awaits."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._began = time.perf_counter()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began = time.perf_counter()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.longest = max(self.longest, time.perf_counter() - self._began)


async def waits_for_a_slow_daemon(subject: Subject) -> None:
    """While the daemon is behind, the source waits instead of heaping up; nothing of the book is lost."""
    async with _running(subject) as daemon:
        await daemon.wait_book(subject.id)
        with daemon.held():
            await trio.sleep(RUN_SECONDS)
            assert daemon.publishing <= PUBLISH_CALLS_MAX, f"{daemon.publishing} calls of publish wait"
        await daemon.wait_book(subject.id)
        assert daemon.faults == [], daemon.faults[:5]


async def follows_what_is_wanted(subject: Subject) -> None:
    """An instrument's book is published from when it is wanted until it is no longer."""
    async with _running(subject, MemoryDaemon()) as daemon:
        await daemon.wait_status(subject.market, FeedStatus.ACTIVE)
        await trio.sleep(SETTLE_SECONDS)
        assert _book_events(daemon, subject) == [], "its book was published before it was wanted"
        daemon.want(subject.id)
        await daemon.wait_book(subject.id)
        daemon.unwant(subject.id)
        await trio.sleep(SETTLE_SECONDS)
        count = len(_book_events(daemon, subject))
        await trio.sleep(RUN_SECONDS)
        assert len(_book_events(daemon, subject)) == count, "its book is published and nobody wants it"


async def comes_back_after_a_cut(subject: Subject) -> None:
    """A lost connection is said with a reason, the book is emptied, and both come back."""
    assert subject.cut is not None, "this check needs Subject.cut"
    async with _running(subject) as daemon:
        await daemon.wait_status(subject.market, FeedStatus.ACTIVE)
        await daemon.wait_book(subject.id)
        before = len(_book_events(daemon, subject))
        await subject.cut()
        await daemon.wait_until(
            lambda: daemon.status(subject.market) is not FeedStatus.ACTIVE, "another status than Active"
        )
        assert daemon.statuses[-1].reason, "no reason was given"
        await daemon.wait_until(lambda: _was_emptied(daemon, subject, before), "an emptied book")
        await daemon.wait_status(subject.market, FeedStatus.ACTIVE)
        await daemon.wait_book(subject.id)
        assert daemon.faults == [], daemon.faults[:5]


async def says_its_trading_day(subject: Subject) -> None:
    """The market has a trading date when its first book is there: without one no trade is stored."""
    async with _running(subject) as daemon:
        await daemon.wait_book(subject.id)
        assert daemon.markets[MarketId(subject.market)].trading_date is not None, "no TradingDayStarted"


def _was_emptied(daemon: MemoryDaemon, subject: Subject, since: int) -> bool:
    events = _book_events(daemon, subject)[since:]
    return any(isinstance(event, BookCleared | GapDetected) for event in events)


def _book_events(daemon: MemoryDaemon, subject: Subject) -> list[MarketEvent]:
    kinds = (OrderAdded, OrderChanged, OrderRemoved, LevelChanged, BookCleared)
    return [
        event
        for event in daemon.events()
        if (isinstance(event, kinds) or (isinstance(event, GapDetected) and event.stream is Stream.BOOK))
        and event.instrument == subject.id
    ]


CHECKS: tuple[Check, ...] = (
    Check(1, "declares-before-it-publishes", declares_before_it_publishes),
    Check(2, "becomes-active", becomes_active),
    Check(3, "obeys-the-rules-of-books-and-tapes", obeys_the_rules_of_books_and_tapes),
    Check(4, "stops-at-once", stops_at_once),
    Check(5, "starts-again", starts_again),
    Check(6, "takes-time-and-chance-from-the-context", takes_time_and_chance_from_the_context),
    Check(7, "does-not-block", does_not_block),
    Check(8, "waits-for-a-slow-daemon", waits_for_a_slow_daemon),
    Check(9, "follows-what-is-wanted", follows_what_is_wanted, needs_wanted=True),
    Check(10, "comes-back-after-a-cut", comes_back_after_a_cut, needs_venue=True),
    Check(11, "says-its-trading-day", says_its_trading_day),
)
"""Every check, in the order of their numbers; docs/plugin-authoring.md explains each."""
