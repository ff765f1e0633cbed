"""Kill the daemon while its exchange is traded on and operated, and see whether anything kept was lost.

    python -m tests.reliability.exchange_kills [--count 200] [--rate 10] [--seed 1] [--json FILE]

The simulated participants trade at a high rate; an operator sends commands over REST, one after the other; a
subscriber that is not ours notes every trade, book and status. Each turn ends with `kill -9` at a random
moment; every tenth turn another daemon is killed while it starts, and one more ends by SIGTERM. Then:

- the journal is whole (`zenithd journal verify`), and every trade that was shown is in it, none twice;
- the next daemon has every trade that was shown, once and as it was or was changed; its books are those that
  it tells of, and not crossed where trading is continuous;
- every command that was confirmed has its effect; the one that had no answer is sent again and comes to its
  end; commands that come again have no second effect; nothing is there that nobody asked for.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from tests.daemon.conftest import DaemonProcess
from tests.reliability.lib_mirror import Difference, Message, Mirror
from tests.reliability.lib_operator import OWN_MARKET, Commands, Operator
from tests.reliability.lib_site import configuration
from zenithd.journal.reading import read_records
from zenithd.journal.sqlite import SqliteReader
from zenithd.journal.verification import verify
from zenithd_prodigy.model.events import Traded, decode_events

BOOKS = [
    *(f"XS{number:02}.XSX" for number in range(1, 11)),
    *(f"XS{number:02}.XSY" for number in range(1, 6)),
]
FEEDS = {"prodigy/market 1": "XSX", "prodigy/market 2": "XSY"}
"""Feeds of the journal, by the markets' founding."""
OTHER_ENDS_EVERY = 10
COMMAND_LINE_VERIFIES_EVERY = 20
SECONDS_MAX = 0.8
"""Longest time under load before a kill."""
START_SECONDS_MAX = 2.5
REPEATED = 3
SLOW = "the loop has not turned"
"""The watchdog's word on a machine with other work: it is none on what was kept."""
RECENT_TRADES = 50
FIRST_HOUR, BEHIND_MAX = 1, 12
"""As in `kills`: it is early in the day where the markets are."""


class Ends(msgspec.Struct):
    """What all turns came to."""

    kills: int = 0
    kills_at_start: int = 0
    terminations: int = 0
    trades_seen: int = 0
    trades_kept: int = 0
    """In the journal: those that nobody was told of before the kill are in it too."""
    records: int = 0
    commands_confirmed: int = 0
    commands_refused: int = 0
    unanswered: dict[str, int] = {}
    """What came of commands that the kill left without an answer, when they were sent again."""
    orders_compared: int = 0
    symbols_compared: int = 0
    start_seconds_median: float = 0.0


class JournalTrades:
    """All trades in the journal, read on from where it was looked at before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.position = 0
        self.ids: dict[str, set[int]] = {symbol: set() for symbol in BOOKS}

    def look(self) -> None:
        """Check the whole journal and read what is new.

        Raises:
            Damaged: it is not whole.
            Difference: a trade id stands for two trades.
        """
        reader = SqliteReader(self._path)
        try:
            head = verify(reader).head
            for records in read_records(reader, self.position + 1):
                for record in records:
                    if record.feed in FEEDS:
                        self._note(FEEDS[record.feed], record.body)
            self.position = head.position
        finally:
            reader.close()

    def _note(self, market: str, body: bytes) -> None:
        for event in decode_events(body):
            if isinstance(event, Traded):
                known = self.ids[f"{event.symbol}.{market}"]
                if event.trade_id in known:
                    raise Difference(f"{event.symbol}.{market}: trade {event.trade_id} twice in the journal")
                known.add(event.trade_id)


class Site:
    """The folder, and the daemons in it."""

    def __init__(self, folder: Path, rate: float) -> None:
        self.folder = folder
        behind = datetime.now(UTC).hour - FIRST_HOUR
        behind -= 24 if behind > BEHIND_MAX else 0
        self._configuration = configuration(
            {
                "users.demo": {"password": "demo", "markets": ["*"]},
                "users.operator": {
                    "password": "operator",
                    "scopes": ["Prodigy/Exchange", "Prodigy/Symbol", "Prodigy/Control"],
                },
                "limits": {"pages_per_second": 1000.0},
                "plugins.prodigy": {
                    "rate": rate,
                    "history_days": 0,
                    "time_zone": f"Etc/GMT{behind:+}",
                    "participants_orders_survive": True,
                    "checkpoint_records": 200,
                },
                "logging": {"format": "json"},
            }
        )
        self.start_seconds: list[float] = []

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.folder / "var" / "journal.db"

    def start(self) -> DaemonProcess:
        """Start a daemon and wait until it is ready."""
        began = time.monotonic()
        daemon = DaemonProcess(self.folder, self._configuration)
        try:
            _check_answer(daemon, (401, 503))
            daemon.wait_ready()
            _check_answer(daemon, (401,))
        except OSError as error:
            code = daemon.process.poll()
            daemon.__exit__()
            raise Difference(f"no answer at the start: {error}; {code}: {daemon.text()[-3000:]}") from error
        except BaseException:
            daemon.__exit__()
            raise
        self.start_seconds.append(time.monotonic() - began)
        return daemon

    def kill_at_start(self, seconds: float) -> None:
        """Start a daemon and kill it after so many seconds, whatever it does then."""
        arguments = ["run", "--config", str(self.folder / "config.toml"), "--listen", "127.0.0.1:0"]
        with subprocess.Popen(
            [sys.executable, "-m", "zenithd", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
            else:
                raise Difference(f"the daemon ended by itself: {code}")

    def verify(self) -> None:
        """What an operator would do."""
        command = [sys.executable, "-m", "zenithd", "journal", "verify"]
        command += ["--config", str(self.folder / "config.toml")]
        found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if found.returncode:
            raise Difference(f"zenithd journal verify: {found.stdout}{found.stderr}")


def _check_answer(daemon: DaemonProcess, possible: tuple[int, ...]) -> None:
    """Market Control answers whoever is not logged in with 401, or that it cannot yet: never with 404."""
    status, _ = daemon.get("/market")
    if status not in possible:
        raise Difference(f"Market Control answers {status}, not {possible}")


def as_changed(trade: Message, changes: Mapping[str, Any]) -> Message:
    """A trade as subscribers must see it once operators have changed it."""
    changed = {**trade, **changes}
    codes = [code for code in str(trade.get("Codes", "")).split() if code != "CO"]
    if "Flags" in changed:
        changed["Affects"] = "None"
    elif "Quantity" in changes:
        codes.append("CO")
    changed.pop("Codes", None)
    return changed | ({"Codes": " ".join(codes)} if codes else {})


class Run:
    """Turns of trading, ending and comparing."""

    def __init__(self, site: Site, seed: int) -> None:
        self.site = site
        self.ends = Ends()
        self.generator = random.Random(seed)
        self.recent: list[tuple[str, Message]] = []
        self.seen: dict[str, dict[int, Message]] = {symbol: {} for symbol in BOOKS}
        self.operator = Operator("operator", "operator")
        self._commands = Commands(self.generator, self.recent)
        self._journal = JournalTrades(site.journal)
        self.daemon = site.start()
        self.operator.connect(self.daemon.address)
        status, told = self.operator.ask("POST", f"/market/{OWN_MARKET}", {}, "the market")
        if status != 201:
            raise Difference(f"{OWN_MARKET}: {told}")
        self.mirror = self._connect()

    def close(self) -> None:
        """End what runs."""
        self.mirror.close()
        self.daemon.__exit__()

    def _connect(self) -> Mirror:
        mirror = Mirror(self.daemon.url, self._note)
        mirror.log_in()
        mirror.subscribe("Markets")
        for symbol in BOOKS:
            for kind in ("Depth", "Security", "Trades"):
                mirror.subscribe(f"{kind}!{symbol}")
        return mirror

    def _note(self, symbol: str, trade: Message, _: float) -> None:
        """A trade came live, new or changed."""
        if trade["ID"] not in self.seen[symbol]:
            self.recent.append((symbol, trade))
            del self.recent[:-RECENT_TRADES]
            self.ends.trades_seen += 1
        self.seen[symbol][trade["ID"]] = trade

    def turn(self, number: int) -> None:
        """Run for some time, end the daemon with a signal, start another one, and compare."""
        site, mirror = self.site, self.mirror
        self._work(self.generator.uniform(0.05, SECONDS_MAX), number)
        mirror.close()
        shown = {symbol: dict(trades) for symbol, trades in self.seen.items()}
        self._journal.look()
        for symbol, trades in self.seen.items():
            if missing := trades.keys() - self._journal.ids[symbol]:
                raise Difference(f"{symbol}: shown and not in the journal: {sorted(missing)}")
        if number == signal.SIGKILL and self.ends.kills % OTHER_ENDS_EVERY == OTHER_ENDS_EVERY - 1:
            site.kill_at_start(self.generator.uniform(0.3, START_SECONDS_MAX))
            self.ends.kills_at_start += 1
        if self.ends.kills % COMMAND_LINE_VERIFIES_EVERY == 0:
            site.verify()
        self.daemon = site.start()
        self.operator.connect(self.daemon.address)
        self.operator.finish(mirror)
        self.operator.repeat(REPEATED, self.generator)
        self.mirror = self._connect()
        self._compare(shown)

    def _work(self, seconds: float, number: int) -> None:
        """Let the operator work and the subscriber read, then end the daemon."""
        problems: list[Difference] = []
        ended = threading.Event()

        def work() -> None:
            try:
                self.operator.work(self._commands, self.mirror, ended)
            except Difference as difference:
                problems.append(difference)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            self.mirror.read_for(seconds)
            self.daemon.process.send_signal(number)
            self.mirror.read_to_the_end()
            self.daemon.process.wait(30)
        finally:
            ended.set()
            thread.join()
        if problems:
            raise problems[0]
        if number == signal.SIGKILL:
            self.ends.kills += 1
        else:
            self.ends.terminations += 1
            if self.daemon.process.returncode != 0:
                raise Difference(f"SIGTERM: {self.daemon.process.returncode} {self.daemon.text()[-2000:]}")

    def _compare(self, shown: dict[str, dict[int, Message]]) -> None:
        """The daemon that was started has everything that those before it showed or confirmed."""
        self.ends.symbols_compared += self.operator.compare()
        for symbol in BOOKS:
            self._compare_trades(symbol, shown[symbol])
            self.ends.orders_compared += self.mirror.compare_book(symbol)
            self._check_book(symbol)
        lines = self.daemon.text().splitlines()
        if problems := [line for line in lines if '"error"' in line and SLOW not in line]:
            raise Difference(f"the log says: {problems[:3]}")

    def _compare_trades(self, symbol: str, shown: dict[int, Message]) -> None:
        trades = self.mirror.trades(symbol)
        there = {trade["ID"]: trade for trade in trades}
        if len(there) < len(trades):
            raise Difference(f"{symbol}: a trade id twice")
        for trade_id, seen in shown.items():
            if trade_id > self.mirror.newest[symbol]:
                raise Difference(
                    f"{symbol}: the newest is {self.mirror.newest[symbol]}, {trade_id} was shown"
                )
            expected = as_changed(seen, self.operator.expected.trades.get((symbol, trade_id), {}))
            found = there.get(trade_id, {})
            for each in (expected, found):
                each.pop("Trend", None)
            if found != expected:
                raise Difference(f"{symbol}: trade {expected} is now {found}")

    def _check_book(self, symbol: str) -> None:
        orders = list(self.mirror.books[symbol].orders.values())
        back = self.operator.expected.withdrawn.get(symbol, set()) & {order["ID"] for order in orders}
        if back:
            raise Difference(f"{symbol}: orders that were taken out are back: {sorted(back)[:5]}")
        bids = [order["Price"] for order in orders if order["Side"] == "Bid"]
        asks = [order["Price"] for order in orders if order["Side"] == "Ask"]
        halted = self.operator.expected.statuses.get(symbol) is not None
        if bids and asks and not halted and max(bids) >= min(asks):
            raise Difference(f"{symbol} is crossed: {max(bids)} {min(asks)}")

    def result(self) -> Ends:
        """What all turns came to."""
        ends = self.ends
        ends.trades_kept = sum(map(len, self._journal.ids.values()))
        ends.records = self._journal.position
        ends.commands_confirmed = len(self.operator.confirmed)
        ends.commands_refused = self.operator.refused
        ends.unanswered = self.operator.repeated
        ends.start_seconds_median = round(median(self.site.start_seconds), 2)
        return ends


def kill(count: int, rate: float = 10.0, seed: int = 1, say: bool = False) -> Ends:
    """Kill a daemon under load so many times.

    Raises:
        Difference, Damaged: something was lost, came twice, or is not what it should be.
    """
    with tempfile.TemporaryDirectory(prefix="zenithd-kills-") as folder:
        run = Run(Site(Path(folder), rate), seed)
        try:
            while run.ends.kills < count:
                run.turn(signal.SIGKILL)
                if run.ends.kills % OTHER_ENDS_EVERY == 0:
                    run.turn(signal.SIGTERM)
                if say and run.ends.kills % 10 == 0:
                    print(f"{run.ends.kills} kills", file=sys.stderr, flush=True)
        except Difference as difference:
            raise Difference(f"kill {run.ends.kills}: {difference}") from difference
        finally:
            run.close()
        return run.result()


def main() -> int:
    """Run and tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=200, help="kills under load")
    parser.add_argument("--rate", type=float, default=10.0, help="speed of the participants")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        ends = msgspec.to_builtins(kill(options.count, options.rate, options.seed, say=True))
    except Difference as difference:
        print(f"FAILED: {difference}")
        return 1
    print("  ".join(f"{key}={value}" for key, value in ends.items()))
    if options.json:
        options.json.write_text(json.dumps(ends, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
