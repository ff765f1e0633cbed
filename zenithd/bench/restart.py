"""How long a restart takes: from starting the process to serving, with a market of many events.

The daemon founds a market; orders are entered until the market's feed of the journal has so many events
more; then the daemon is started again and asked whether it is ready. Once with the checkpoints that the
daemon makes on the way, and once with none, so that all events have to be applied again. Beside it: the same
feed read and applied from its first record, without a daemon around it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import msgspec
import trio

from zenithd.bench.matching_flow import Operation, make_flow
from zenithd.bench.native import CannotMeasure
from zenithd.daemon_file import find_daemon
from zenithd.domain.market_data import Side
from zenithd.journal import Journal
from zenithd.journal.sqlite import SqliteStore
from zenithd.journal_feeds import PluginFeeds
from zenithd.journaling import JOURNAL_FILE

CONFIGURATION = """
[server]
name = "bench"
listen = "127.0.0.1:0"
state_directory = "{folder}"
[logging]
level = "error"
[plugins.prodigy]
enabled = true
second_market = false
history_days = 0
rate = 0.01
"""
FEED = ("prodigy", "market 1")
"""The feed of the first market that the reference exchange founds."""
SYMBOL = "BENCH"
FIRMS = {True: "BUYER", False: "SELLER"}
RESTING = 1_000
TOGETHER = 256
"""Commands to an append."""
READY_SECONDS_MAX = 120.0
LOOK_SECONDS = 0.01


class RestartEffort(NamedTuple):
    """How much is measured."""

    events: int
    rounds: int


QUICK = RestartEffort(1_000_000, 1)
FULL = RestartEffort(1_000_000, 5)


class RestartRow(msgspec.Struct, kw_only=True):
    """A restart; medians of the rounds."""

    events: int
    """Of the market."""
    checkpoints: str
    """Whose: `the daemon's`, or `none`, where all events are applied again."""
    events_behind: int
    """Events after the newest checkpoint."""
    records: int
    """Of the journal: one for each command."""
    seconds_to_serving: float
    """From starting the process until it says that it is ready."""
    seconds_without: float
    """The same with nothing behind the checkpoint."""
    replay_events_per_s: float
    """Read from the store, checked and applied, from the first record."""


class _Written(NamedTuple):
    events: int
    behind: int
    records: int


def restart_rows(
    effort: RestartEffort, folder: Path | None, say: Callable[[str], None]
) -> Iterator[RestartRow]:
    """Found, fill and restart: with the daemon's checkpoints, and without.

    `folder`: where files are made, by default that of the system.

    Raises:
        CannotMeasure: the daemon does not start here.
    """
    for has_checkpoints in (True, False):
        yield _restart_row(effort, has_checkpoints, folder, say)


def _restart_row(
    effort: RestartEffort, has_checkpoints: bool, folder: Path | None, say: Callable[[str], None]
) -> RestartRow:
    with tempfile.TemporaryDirectory(prefix="zenithd-bench-", dir=folder) as made:
        state = Path(made)
        config = state / "config.toml"
        config.write_text(CONFIGURATION.format(folder=state))
        _seconds_to_serving(config, state)  # founds the market
        without = _median([_seconds_to_serving(config, state) for _ in range(effort.rounds)])
        checkpoints = "the daemon's" if has_checkpoints else "none"
        say(f"restart: writing {effort.events:,} events, checkpoints: {checkpoints}")
        written = trio.run(_write, state / JOURNAL_FILE, effort.events, has_checkpoints)
        say("restart: replaying them")
        replayed = trio.run(_replay, state / JOURNAL_FILE)
        kept = state / "kept"
        restarts = []
        for _ in range(effort.rounds):
            say("restart: starting the daemon")
            _copy(state, kept)
            restarts.append(_seconds_to_serving(config, state))
            _copy(kept, state)  # the daemon made a checkpoint when it ended
    return RestartRow(
        events=written.events,
        checkpoints=checkpoints,
        events_behind=written.behind,
        records=written.records,
        seconds_to_serving=_median(restarts),
        seconds_without=without,
        replay_events_per_s=replayed,
    )


def _median(figures: Sequence[float]) -> float:
    return sorted(figures)[len(figures) // 2]


def _copy(source: Path, target: Path) -> None:
    """Copy a journal."""
    target.mkdir(exist_ok=True)
    for path in target.glob(f"{JOURNAL_FILE}*"):
        path.unlink()
    for path in source.glob(f"{JOURNAL_FILE}*"):
        (target / path.name).write_bytes(path.read_bytes())


def _seconds_to_serving(config: Path, state: Path) -> float:
    began = time.monotonic()
    with _daemon(config) as process:
        while time.monotonic() - began < READY_SECONDS_MAX:
            if process.poll() is not None:
                raise CannotMeasure("the daemon did not start")
            running = find_daemon(state)
            if running is not None and running.pid == process.pid and _ready(running.http_url):
                return time.monotonic() - began
            time.sleep(LOOK_SECONDS)
    raise CannotMeasure(f"the daemon was not ready within {READY_SECONDS_MAX:.0f} s")


def _ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health/ready").status_code == 200
    except httpx2.HTTPError:
        return False


@contextlib.contextmanager
def _daemon(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "zenithd", "run", "--config", os.fspath(config)], stdout=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


@contextlib.asynccontextmanager
async def _keeper(path: Path) -> Any:
    """The market's owner over its feed, and the feed, without a daemon."""
    from zenithd_prodigy.keeper import Keeper

    async def tell(_: Any) -> None:
        """Nobody listens."""

    journal = Journal(SqliteStore(path))
    await journal.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        feed = PluginFeeds(journal, time.time_ns).feed(*FEED)
        yield Keeper(feed, tell, time.time_ns), feed
        nursery.cancel_scope.cancel()


async def _write(path: Path, events: int, has_checkpoints: bool) -> _Written:
    """Enter orders until there are so many events more."""
    from zenithd_prodigy.engine.commands import AddEntity, ListSymbol
    from zenithd_prodigy.engine.refusals import Refused
    from zenithd_prodigy.keeper import KeeperSettings
    from zenithd_prodigy.model.definitions import Entity, SymbolDefinition

    async with _keeper(path) as (keeper, feed):
        await keeper.restore()
        market = keeper.market.model.definition.code
        await keeper.prepare(
            [
                ListSymbol(market=market, definition=SymbolDefinition(code=SYMBOL)),
                *(AddEntity(market=market, definition=Entity(firm)) for firm in FIRMS.values()),
            ]
        )
        await keeper.keep()
        flow = make_flow(RESTING, events)  # an operation is at least an event
        operations = [*flow.filling, *flow.measured]
        encode, numbers = keeper.market.design.encode_events, _Numbers(keeper.market.model.next_order - 1)
        every = KeeperSettings().checkpoint_records if has_checkpoints else sys.maxsize
        count = records = kept_records = kept_count = 0
        while count < events:
            bodies = []
            for operation in operations[records : records + TOGETHER]:
                outcome = keeper.market.handle(numbers.command(operation, market), time.time_ns())
                if isinstance(outcome, Refused):
                    raise CannotMeasure(f"an order of the bench was refused: {outcome}")
                bodies.append(encode(outcome))
                count += len(outcome)
            sequence = await feed.append(bodies)
            records += len(bodies)
            if records - kept_records >= every:
                await feed.keep_state(sequence, [keeper.market.state.checkpoint()])
                kept_records, kept_count = records, count
        return _Written(count, count - kept_count, records)


class _Numbers:
    """Turns operations into commands: orders are numbered by the exchange, on from those it had."""

    def __init__(self, before: int) -> None:
        self._before = before
        self._sides: dict[int, bool] = {}

    def command(self, operation: Operation, market: str) -> Any:
        """The command of an operation."""
        from zenithd_prodigy.engine.commands import CancelOrder, PlaceOrder

        if operation.cancels:
            buys = self._sides.pop(operation.order)
            number = self._before + operation.order
            return CancelOrder(market=market, entity=FIRMS[buys], symbol=SYMBOL, order=number)
        self._sides[operation.order] = operation.buys
        return PlaceOrder(
            market=market,
            entity=FIRMS[operation.buys],
            symbol=SYMBOL,
            side=Side.BID if operation.buys else Side.ASK,
            quantity=operation.quantity,
            price=operation.price,
        )


async def _replay(path: Path) -> float:
    """Events a second from the first record on."""
    async with _keeper(path) as (keeper, feed):
        began = time.monotonic()
        records: list[bytes] = []
        async for _, body in feed.read():
            records.append(body)
        keeper.market.replay_encoded(records)
        return float(keeper.market.model.sequence / (time.monotonic() - began))


COLUMNS = ("events", "checkpoints", "behind", "records", "s to serving", "s without them", "replay events/s")


def cells(row: RestartRow) -> list[str]:
    """A row for people, in the order of COLUMNS."""
    return [
        f"{row.events:,}",
        row.checkpoints,
        f"{row.events_behind:,}",
        f"{row.records:,}",
        f"{row.seconds_to_serving:.2f}",
        f"{row.seconds_without:.2f}",
        f"{row.replay_events_per_s:,.0f}",
    ]
