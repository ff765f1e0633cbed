"""Kill the daemon under load, again and again, and see whether anything was lost in silence.

    python -m tests.reliability.kills [--count 50] [--minutes 0] [--json FILE]

A daemon serves the demonstration at a high rate, a recording that is played in a loop with new trade ids, and
a venue that can be asked again for what was missed. A client that is not ours subscribes to everything. Each
turn ends with `kill -9` or SIGTERM at a random moment; the client reads what was on its way, waits for the
next daemon, reconnects, and compares: its books, securities and bars with the server's, every trade it has
ever seen with the trades of the day.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from tests.daemon.conftest import DaemonProcess
from tests.reliability.lib_mirror import Difference, Message, Mirror
from tests.reliability.lib_site import configuration, install_plugins
from zenithd.domain.events import BookCleared, LevelChanged, MarketEvent, TradeReported, TradingDayStarted
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus, Side
from zenithd.recording import RecordingWriter

NANOSECONDS = 1_000_000_000
FLUSH_SECONDS = 0.1
WRITE_SECONDS_MAX = 0.5
"""How long the write that was under way may have taken, on a machine with other work."""
RECORDING_SECONDS = 5
LOOP_MARKET = MarketId("LOOP")
REFETCHED = "V1.VENUE"
"""Trades of this symbol are fetched again from the venue: none of them may be missing in the end."""
BOOKS = [
    *(f"XS{number:02}.XSX" for number in range(1, 11)),
    *(f"XS{n:02}.XSY" for n in range(1, 6)),
    REFETCHED,
]
MIXED = ["XS01.XSX+XSY", "XS02.XSX+XSY"]
"""Their trades are those of the sources under ids that are made anew at each start, in the order of their
times (`zenithd.market.mixed_market`): a trade that had come late then has another id than before. That is
counted; within one connection an id must stand for one trade here too."""
TRADED = [*BOOKS, "L1.LOOP", *MIXED]
CATCH_UP_SECONDS_MAX = 20.0
PROGRESS_TURNS = 10
FIRST_HOUR = 1
"""Where the markets are it is so late: the day has few trades yet, and does not end soon."""
BEHIND_MAX = 12
"""No zone is more hours behind."""


class Killed(msgspec.Struct):
    """What one kill did. Missing trades were seen by the client and are not in the server's day."""

    signal: str
    exit_code: int
    close_code: int
    down_seconds: float
    seen: int
    missing: int
    counted: int
    """What the next daemon says was lost."""
    oldest_seconds: float
    """How long before the client's last trade the oldest missing one came."""
    fetched_again: int


class Ledger:
    """Every trade that was ever seen, and what it was."""

    def __init__(self) -> None:
        self.trades: dict[str, dict[int, tuple[Any, ...]]] = {symbol: {} for symbol in TRADED}
        self.seen_at: dict[str, dict[int, float]] = {symbol: {} for symbol in TRADED}
        self.last_seen = 0.0
        self.missing: dict[str, set[int]] = {symbol: set() for symbol in TRADED}
        self.seen = 0
        self.renamed = 0
        """Ids of mixes that stand for another trade since a restart."""
        self._mixed_before: dict[str, dict[int, tuple[Any, ...]]] = {}

    def begin_again(self) -> None:
        """The daemon was started again."""
        for symbol in MIXED:
            self._mixed_before[symbol], self.trades[symbol] = self.trades[symbol], {}

    def note(self, symbol: str, trade: Message, now: float) -> None:
        """A trade came live."""
        self.check(symbol, trade)
        self.seen_at[symbol][trade["ID"]] = self.last_seen = now
        self.seen += 1

    def check(self, symbol: str, trade: Message) -> None:
        """An id is one trade for ever; its trend follows from the trade before, which may be missing."""
        content = tuple(sorted((key, str(value)) for key, value in trade.items() if key != "Trend"))
        before = self._mixed_before.get(symbol, {}).get(trade["ID"], content)
        self.renamed += trade["ID"] not in self.trades[symbol] and before != content
        known = self.trades[symbol].setdefault(trade["ID"], content)
        if known != content:
            raise Difference(f"{symbol}: trade id {trade['ID']} twice: {known} and {content}")

    def compare(self, symbol: str, newest: int, trades: list[Message], ended: float) -> set[int]:
        """Compare with the day's trades until `newest` as the server has them; returns the newly missing.

        Those seen before the end of the last connection must be there whatever their ids; of those seen
        since, later ones than `newest` came after the question.
        """
        for trade in trades:
            self.check(symbol, trade)
        there = {trade["ID"] for trade in trades}
        seen = {each for each, at in self.seen_at[symbol].items() if at <= ended or each <= newest}
        missing = seen - there
        new = missing - self.missing[symbol]
        self.missing[symbol] = missing
        return new


def write_recording(path: Path, generator: random.Random) -> None:
    """A recording whose trade ids have gaps."""
    began = time.time_ns() - 86_400 * NANOSECONDS
    symbol, trade_id = InstrumentId("L1.LOOP"), 0
    with RecordingWriter(path) as writer:
        instruments = [Instrument(code="L1", market=LOOP_MARKET)]
        writer.declare(began, MarketDefinition(id=LOOP_MARKET), instruments)
        day = datetime.fromtimestamp(began / NANOSECONDS, UTC).date()
        writer.write(began, [TradingDayStarted(LOOP_MARKET, day), BookCleared(symbol)])
        writer.set_status(began, LOOP_MARKET, FeedStatus.ACTIVE)
        for step in range(RECORDING_SECONDS * 100):
            trade_id += generator.randint(1, 50)
            at = began + step * NANOSECONDS // 100
            price, quantity = generator.randint(900, 1_100), generator.randint(1, 99)
            events: list[MarketEvent] = [
                TradeReported(symbol, trade_id, price, quantity, at),
                LevelChanged(symbol, Side.BID, 800 - step % 7, quantity),
            ]
            writer.write(at, events)


class World:
    """The daemon's folder, and the daemon in it, as often as it is started."""

    def __init__(self, folder: Path, rate: float, seed: int) -> None:
        self.folder = folder
        self.generator = random.Random(seed)
        recording = folder / "loop.zrec"
        write_recording(recording, self.generator)
        self._environment = install_plugins(folder, {"venue": "kills_venue_plugin"})
        behind = datetime.now(UTC).hour - FIRST_HOUR  # the zone that is n hours behind is called GMT+n
        behind -= 24 if behind > BEHIND_MAX else 0
        self._configuration = configuration(
            {
                # A client on a busy machine shall have the time to read everything up to the close frame.
                "server": {"shutdown_grace_seconds": 30.0},
                "users.demo": {"password": "demo", "markets": ["*"]},
                "markets": {"mixed": ["XSX+XSY"]},
                "history": {"flush_seconds": FLUSH_SECONDS},
                "plugins.prodigy": {"rate": rate, "history_days": 0, "time_zone": f"Etc/GMT{behind:+}"},
                "plugins.replay": {
                    "enabled": True, "files": [str(recording)], "tag": "", "loop": True, "dates": "shifted",
                },
                "plugins.venue": {"began_ns": time.time_ns()},
                "logging": {"format": "json"},
            }
        )  # fmt: skip
        self.ledger = Ledger()

    def start(self) -> DaemonProcess:
        """Start a daemon and wait until it is ready."""
        daemon = DaemonProcess(self.folder, self._configuration, **self._environment)
        try:
            daemon.wait_ready()
        except BaseException:
            daemon.process.kill()
            raise
        return daemon

    def connect(self, daemon: DaemonProcess) -> Mirror:
        """A client that is told everything."""
        mirror = Mirror(daemon.url, self.ledger.note)
        mirror.log_in()
        mirror.subscribe("Feeds", "Zenith")
        mirror.subscribe("Markets")
        for symbol in BOOKS:
            mirror.subscribe(f"Depth!{symbol}")
            mirror.subscribe(f"Security!{symbol}")
        for symbol in TRADED:
            mirror.subscribe(f"Trades!{symbol}")
        return mirror


def compare(mirror: Mirror) -> tuple[int, int]:
    """Compare everything that is kept with the server's; returns the numbers of orders and of bars."""
    orders = bars = 0
    for symbol in BOOKS:
        orders += mirror.compare_book(symbol)
        mirror.compare_security(symbol)
    for symbol in [*BOOKS, "L1.LOOP"]:
        bars += mirror.compare_bars(symbol)
    return orders, bars


def missing_trades(ledger: Ledger, mirror: Mirror, ended: float) -> tuple[int, float, int]:
    """Newly missing trades, age of the oldest of them at the end, how many trades the venue gave again."""
    missing, oldest = 0, 0.0
    fetched = wait_caught_up(ledger, mirror)
    for symbol in TRADED:
        if len(mirror.initialised[symbol]) < 1:
            raise Difference(f"{symbol}: no I after the restart")
        newest = mirror.newest[symbol]
        new = ledger.compare(symbol, newest, mirror.trades(symbol), ended)
        if symbol in MIXED:
            continue
        missing += len(new)
        oldest = max([oldest, *(ended - ledger.seen_at[symbol][each] for each in new)])
    return missing, oldest, fetched


def wait_caught_up(ledger: Ledger, mirror: Mirror) -> int:
    """Wait until the venue has given again what was missed; returns how many seen trades were missing."""
    newest, first = max(ledger.seen_at[REFETCHED], default=0), mirror.initialised[REFETCHED][0]
    deadline = time.monotonic() + CATCH_UP_SECONDS_MAX
    while mirror.newest[REFETCHED] < newest and time.monotonic() < deadline:
        mirror.read_for(0.05)
    return sum(each > first for each in ledger.seen_at[REFETCHED])


def metric(daemon: DaemonProcess, name: str) -> int:
    """A counter of the daemon."""
    found = re.search(rf"^{name} (\S+)$", daemon.get("/metrics")[1], re.MULTILINE)
    if found is None:
        raise Difference(f"no metric {name}")
    return round(float(found[1]))


class Run:
    """Turns of running, ending and comparing."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.kills: list[Killed] = []
        self.orders = self.bars = self.messages = 0
        self.daemon = world.start()
        self.mirror = world.connect(self.daemon)

    def close(self) -> None:
        """End what runs."""
        self.mirror.close()
        self.daemon.__exit__()

    def turn(self, number: int, seconds: float) -> None:
        """Run for some time, end the daemon with a signal, start another one, and compare."""
        world, seen = self.world, self.world.ledger.seen
        self.mirror.read_for(seconds)
        if self.mirror.close_code is not None:
            raise Difference(f"the daemon hung up: {self.mirror.close_code} {self.mirror.close_reason}")
        self.daemon.process.send_signal(number)
        self.mirror.read_to_the_end()
        exit_code, down = self.daemon.process.wait(30), time.monotonic()
        close_code, last_seen = self.mirror.close_code, world.ledger.last_seen
        assert close_code is not None
        self.messages += self.mirror.messages
        self.mirror.close()
        world.ledger.begin_again()
        self.daemon = world.start()
        self.mirror = world.connect(self.daemon)
        down = time.monotonic() - down
        missing, oldest, fetched = missing_trades(world.ledger, self.mirror, last_seen)
        killed = Killed(
            signal.Signals(number).name, exit_code, close_code, down, world.ledger.seen - seen, missing,
            metric(self.daemon, "zenithd_history_trades_unwritten_total"), oldest, fetched,
        )  # fmt: skip
        self.kills.append(killed)
        self._check(number, killed)
        orders, bars = compare(self.mirror)
        self.orders += orders
        self.bars += bars

    def _check(self, number: int, killed: Killed) -> None:
        unclean = metric(self.daemon, "zenithd_history_unclean_stops_total")
        if number == signal.SIGTERM:
            wanted = (0, 1012, 0, 0, 0)
            found = (killed.exit_code, killed.close_code, killed.missing, killed.counted, unclean)
            if found != wanted:
                raise Difference(f"SIGTERM: exit, close code, missing, counted, unclean: {found}")
        elif unclean != 1:
            raise Difference("the next daemon did not notice the kill")
        if killed.missing > killed.counted:
            raise Difference(f"{killed.missing} trades are missing, {killed.counted} were counted")
        if killed.oldest_seconds > FLUSH_SECONDS + WRITE_SECONDS_MAX:
            raise Difference(f"a trade of {killed.oldest_seconds:.3f} s before the end was not written")
        if self.world.ledger.missing[REFETCHED]:
            raise Difference("trades were not fetched again")


def summary(run: Run, number: int) -> dict[str, Any]:
    """The figures of all ends by one signal."""
    name = signal.Signals(number).name
    kills = [each for each in run.kills if each.signal == name]
    return {
        "signal": name,
        "count": len(kills),
        "trades_seen": sum(each.seen for each in kills),
        "trades_missing": sum(each.missing for each in kills),
        "trades_missing_max": max((each.missing for each in kills), default=0),
        "trades_counted_lost": sum(each.counted for each in kills),
        "trades_fetched_again": sum(each.fetched_again for each in kills),
        "oldest_missing_ms_median": round(1000 * median([k.oldest_seconds for k in kills] or [0]), 1),
        "oldest_missing_ms_max": round(1000 * max((k.oldest_seconds for k in kills), default=0), 1),
        "down_seconds_median": round(median([k.down_seconds for k in kills] or [0]), 2),
    }


def kill(count: int, minutes: float = 0.0, rate: float = 10.0, seed: int = 1) -> dict[str, Any]:
    """End a daemon `count` times by each signal, and longer until the minutes are over.

    Raises:
        Difference: something was lost in silence, or is not what it should be.
    """
    deadline = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), rate, seed)
        run = Run(world)
        try:
            turns = 0
            while turns < count or time.monotonic() < deadline:
                for number in (signal.SIGKILL, signal.SIGTERM):
                    run.turn(number, world.generator.uniform(0.2, 2.0))
                turns += 1
                if turns % PROGRESS_TURNS == 0:
                    print(f"{turns} turns", file=sys.stderr, flush=True)
        except Difference as difference:
            raise Difference(f"turn {turns + 1}: {difference}") from difference
        finally:
            run.close()
        return {
            "ends": [summary(run, number) for number in (signal.SIGKILL, signal.SIGTERM)],
            "messages": run.messages,
            "trade_ids": sum(map(len, world.ledger.trades.values())),
            "mixed_ids_renamed": world.ledger.renamed,
            "orders_compared": run.orders,
            "bars_compared": run.bars,
        }


def main() -> int:
    """Run and tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=50, help="ends by each signal")
    parser.add_argument("--minutes", type=float, default=0.0, help="go on until so many have passed")
    parser.add_argument("--rate", type=float, default=10.0, help="speed of the demonstration")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        result = kill(options.count, options.minutes, options.rate, options.seed)
    except Difference as difference:
        print(f"FAILED: {difference}")
        return 1
    for end in result["ends"]:
        print("  ".join(f"{key}={value}" for key, value in end.items()))
    print("  ".join(f"{key}={value:,}" for key, value in result.items() if key != "ends"))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
