"""`zenithd bench orders`: requests through socket, vetting, order management, exchange and disk.

The daemon is a process of its own with the demonstration's markets at work. Clients place orders that rest,
amend and cancel them, and take what the participants offer, at given times; each answer means that the
request is on the disk. The reader takes every frame of the subscribers; one more subscriber measures how old
trades are when they come.
"""

from __future__ import annotations

import contextlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import httpx2
import msgspec
import trio

from zenithd.bench.fanout import cores
from zenithd.bench.native import CannotMeasure
from zenithd.bench.order_clients import Message, OrderClient
from zenithd.bench.reader import Mode, Reader
from zenithd.bench.rows import Machine
from zenithd.bench.whole import clients
from zenithd.daemon_file import find_daemon
from zenithd.tokens import TokenSigner, load_key

CONFIGURATION = """
[server]
listen = "127.0.0.1:0"
state_directory = "state"
[users.bench]
scopes = ["Zenith/Market", "Zenith/Trading", "Zenith/OrderPad"]
accounts = ["XS:*"]
[orders]
demonstration_accounts = 10
[limits]
connections_max = 100000
connections_per_address_max = 100000
logins_per_minute = 1000000
pages_per_second = 1000.0
[logging]
level = "error"
[plugins.prodigy]
enabled = true
second_market = false
history_days = 0
"""
USER = "bench"
SCOPES = ("Zenith/Market", "Zenith/Trading", "Zenith/OrderPad")
ACCOUNTS = 10
SYMBOLS = tuple(f"XS{number:02}" for number in range(1, 11))
CONNECTIONS = 8
SUBSCRIBERS = 1_000
SHARES = (0.45, 0.55, 0.95)
"""Up to the first: an order that rests; up to the second: an amendment; up to the third: a cancellation; the
rest: a marketable order."""
RESTING_SECONDS = 1.0
"""After its answer an order is left alone for so long."""
KEPT_UP = 0.98
"""Of the requests that were to be sent a second, answered a second."""
REQUESTS, SOCKET, EXCHANGE = "requests", "socket", "exchange"
READY_SECONDS_MAX = 60.0
ANSWERS_SECONDS_MAX = 60.0


class OrderEffort(NamedTuple):
    """How much is measured."""

    rates: tuple[int, ...]
    """Requests a second."""
    seconds: float
    rounds: int


QUICK = OrderEffort((500, 1_000, 2_000), 10.0, 1)
FULL = OrderEffort((500, 1_000, 1_500, 2_000, 2_500, 3_000, 4_000), 30.0, 3)


class OrderRow(msgspec.Struct, kw_only=True):
    """One rate; medians of the rounds."""

    orders_per_s: int
    """Requests that were to be sent a second."""
    achieved_per_s: float
    """Answered a second, from the first request to the last answer."""
    p50_us: float
    """From the intended time of sending to the answer, which leaves when the request is on the disk."""
    p99_us: float
    refused: int
    cpu_us: float
    """Of the daemon for each request, beyond what it uses without any."""
    market_p99_us: float | None
    """Of trades, from the exchange's time of the trade to a subscriber; None: there were too few."""
    stages_us: dict[str, float]
    """Where the time of a request goes, mean: `socket` is what the others leave of the way from the intended
    time of sending to the answer; `exchange` comes after the answer."""


class OrderReport(msgspec.Struct):
    """What `--json` writes. The row of rate 0 has the market data without orders."""

    machine: Machine
    runs: list[OrderRow]
    sustained_per_s: int
    """The highest of the rates that was kept up with."""


def order_rows(effort: OrderEffort, say: Callable[[str], None]) -> Iterator[OrderRow]:
    """Measure every rate, the idle daemon first.

    Raises:
        CannotMeasure: the daemon does not start, or an answer does not come.
    """
    for rate in (0, *effort.rates):
        found = []
        for _ in range(effort.rounds):
            say(f"orders: {rate:,} a second")
            with OrderDaemon() as daemon:
                found.append(daemon.measure(rate, effort.seconds))
        yield _median(found)


def sustained(rows: Sequence[OrderRow]) -> int:
    """The highest rate that was kept up with; 0: none."""
    return max(
        (row.orders_per_s for row in rows if row.achieved_per_s >= KEPT_UP * row.orders_per_s), default=0
    )


def _median(rows: Sequence[OrderRow]) -> OrderRow:
    def middle(name: str) -> float:
        return float(statistics.median(getattr(row, name) for row in rows))

    market = [row.market_p99_us for row in rows if row.market_p99_us is not None]
    return OrderRow(
        orders_per_s=rows[0].orders_per_s,
        achieved_per_s=middle("achieved_per_s"),
        p50_us=middle("p50_us"),
        p99_us=middle("p99_us"),
        refused=int(middle("refused")),
        cpu_us=middle("cpu_us"),
        market_p99_us=statistics.median(market) if market else None,
        stages_us={
            stage: statistics.median(row.stages_us[stage] for row in rows) for stage in rows[0].stages_us
        },
    )


class OrderDaemon:
    """A daemon with subscribers; a context manager."""

    def __enter__(self) -> OrderDaemon:
        with contextlib.ExitStack() as self._stack:
            self._start()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="zenithd-bench-")))
        (folder / "config.toml").write_text(CONFIGURATION)
        state = folder / "state"
        state.mkdir(mode=0o700)
        self.token = TokenSigner(load_key(state), 86_400).issue(USER, list(SCOPES), time.time_ns()).text
        command = [sys.executable, "-m", "zenithd", "run", "--config", str(folder / "config.toml")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self._stack.callback(self.process.wait)
        self._stack.callback(self.process.terminate)
        server, other = cores()
        if server is not None:
            os.sched_setaffinity(self.process.pid, {server})
        self.port = self._wait_ready(state)
        topics = [
            [f"Security!{SYMBOLS[n % 10]}.XSX", f"Trades!{SYMBOLS[n % 10]}.XSX"] for n in range(SUBSCRIBERS)
        ]
        reader = Reader(self.port, Mode.ZENITH, clients(self.token, topics), core=other)
        self.reader = self._stack.enter_context(reader)
        reader.wait_upgraded(120)
        deadline = time.monotonic() + READY_SECONDS_MAX
        while reader.counters().frames < 2 * SUBSCRIBERS:  # the markets are at work: there may be more
            if time.monotonic() > deadline:
                raise CannotMeasure("the subscribers did not get their snapshots")
            time.sleep(0.05)

    def _wait_ready(self, state: Path) -> int:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise CannotMeasure("the daemon did not start")
            running = find_daemon(state)
            with contextlib.suppress(httpx2.HTTPError):
                if running and httpx2.get(f"{running.http_url}/health/ready").status_code == 200:
                    return int(running.address.rpartition(":")[2])
            time.sleep(0.05)
        raise CannotMeasure(f"the daemon was not ready within {READY_SECONDS_MAX:.0f} s")

    def measure(self, rate: int, seconds: float) -> OrderRow:
        """Send requests at a rate for some time."""
        idle = self._cpu_share(2.0)
        before, began, spent = self._cpu_seconds(), time.monotonic(), self._stages()
        load = trio.run(_run_load, self.port, self.token, rate, seconds)
        elapsed = time.monotonic() - began
        used = self._cpu_seconds() - before - idle * elapsed
        if self.reader.counters().errors:
            raise CannotMeasure("a subscriber got something wrong; what the reader said stands above")
        answered = sum(load.results.values())
        latencies, ages = sorted(load.latencies), sorted(load.ages)
        return OrderRow(
            orders_per_s=rate,
            achieved_per_s=answered / load.seconds if answered else 0.0,
            p50_us=_percentile(latencies, 0.5) * 1e6,
            p99_us=_percentile(latencies, 0.99) * 1e6,
            refused=answered - load.results.get("Success", 0),
            cpu_us=used / answered * 1e6 if answered else 0.0,
            market_p99_us=_percentile(ages, 0.99) * 1e6 if len(ages) >= 50 else None,
            stages_us=_stages_of(latencies, spent, self._stages()),
        )

    def _stages(self) -> dict[str, float]:
        """Seconds by stage since the start, and as REQUESTS how many requests they are of."""
        found = {}
        for line in httpx2.get(f"http://127.0.0.1:{self.port}/metrics").text.splitlines():
            name, _, value = line.rpartition(" ")
            if name.startswith("zenithd_order_stage_seconds_total{"):
                found[name.split('"')[1]] = float(value)
            elif name == "zenithd_order_seconds_count":
                found[REQUESTS] = float(value)
        return found

    def _cpu_share(self, seconds: float) -> float:
        before = self._cpu_seconds()
        time.sleep(seconds)
        return (self._cpu_seconds() - before) / seconds

    def _cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _stages_of(
    latencies: Sequence[float], before: dict[str, float], after: dict[str, float]
) -> dict[str, float]:
    number = after[REQUESTS] - before[REQUESTS]
    if not number:
        return {}
    mean = {stage: (after[stage] - before[stage]) / number * 1e6 for stage in after if stage != REQUESTS}
    inside = sum(spent for stage, spent in mean.items() if stage != EXCHANGE)
    return {SOCKET: statistics.fmean(latencies) * 1e6 - inside, **mean}


class _Load(NamedTuple):
    seconds: float
    latencies: list[float]
    results: dict[str, int]
    ages: list[float]
    """Of trades when they came, in seconds."""


class _Flow:
    """What one connection asks for: mostly orders that rest, and that go again."""

    def __init__(self, number: int) -> None:
        self._source = random.Random(number)
        self._account = f"XS:{number % ACCOUNTS + 1:04}"
        self._resting: list[tuple[str, Message]] = []
        self._fresh: deque[tuple[float, str, Message]] = deque()
        """Placed, and maybe not at the exchange yet: such a one cannot be amended or cancelled."""

    def next(self) -> tuple[str, Message, Callable[[Message], None] | None]:
        """Topic, body, and what is to be done with the answer."""
        while self._fresh and self._fresh[0][0] + RESTING_SECONDS <= time.monotonic():
            self._resting.append(self._fresh.popleft()[1:])
        kind = self._source.random()
        if kind < SHARES[0] or (kind < SHARES[2] and not self._resting):
            details = self._details(
                "UntilDay", self._source.random() < 0.5, 0.02, 1 + self._source.randrange(5)
            )
            return "PlaceOrder", self._place(details), lambda answer: self._rests(answer, details)
        if kind < SHARES[1]:
            order, details = self._resting[self._source.randrange(len(self._resting))]
            details["Quantity"] += 1
            return "AmendOrder", {"Account": self._account, "OrderID": order, "Details": details}, None
        if kind < SHARES[2]:
            order, _ = self._resting.pop(self._source.randrange(len(self._resting)))
            return "CancelOrder", {"Account": self._account, "OrderID": order}, None
        details = self._details("FillAndKill", self._source.random() < 0.5, 0.0, 1)
        return "PlaceOrder", self._place(details), None

    def _rests(self, answer: Message, details: Message) -> None:
        if answer.get("Result") == "Success":
            self._fresh.append((time.monotonic(), answer["Order"]["ID"], details))

    def _place(self, details: Message) -> Message:
        route = {"Algorithm": "Market", "Market": "XSX::XSX"}
        return {"Account": self._account, "Details": details, "Route": route}

    def _details(self, validity: str, buys: bool, price: float, quantity: int) -> Message:
        details: Message = {
            "Exchange": "XSX",
            "Code": self._source.choice(SYMBOLS),
            "Side": "Bid" if buys else "Ask",
            "Style": "Market",
            "Type": "Limit" if price else "Market",
            "Quantity": quantity,
            "Validity": validity,
        }
        if price:
            details |= {"Side": "Bid", "LimitPrice": price}
        return details


async def _run_load(port: int, token: str, rate: int, seconds: float) -> _Load:
    connections = [OrderClient(port, token) for _ in range(CONNECTIONS)]
    watcher = OrderClient(port, token)
    ages: list[float] = []

    def told(message: Message) -> None:
        data = message.get("Data")
        if str(message.get("Topic", "")).startswith("Trades!") and isinstance(data, list):
            ages.extend(
                time.time() - datetime.fromisoformat(each["Trade"]["Time"]).timestamp()
                for each in data
                if each.get("O") == "A" and "Time" in each["Trade"]
            )

    watcher.told = told
    async with trio.open_nursery() as nursery:
        for each in (*connections, watcher):
            await each.connect()
            nursery.start_soon(each.read)
        for symbol in SYMBOLS:
            await watcher.subscribe("Market", f"Trades!{symbol}.XSX")
        await trio.sleep(0.5)
        ages.clear()
        began = time.monotonic()
        if rate:
            async with trio.open_nursery() as senders:
                for number, each in enumerate(connections):
                    senders.start_soon(_send, each, number, rate, seconds, began)
            with trio.fail_after(ANSWERS_SECONDS_MAX):
                for each in connections:
                    await each.wait_answered()
        else:
            await trio.sleep(seconds)
        elapsed = time.monotonic() - began
        nursery.cancel_scope.cancel()
    results: dict[str, int] = {}
    for each in connections:
        for result, count in each.results.items():
            results[result] = results.get(result, 0) + count
    return _Load(elapsed, [late for each in connections for late in each.latencies], results, ages)


async def _send(client: OrderClient, number: int, rate: int, seconds: float, began: float) -> None:
    """Every connection sends its share, evenly and one after the other."""
    flow = _Flow(number)
    pause = CONNECTIONS / rate
    due = began + number * pause / CONNECTIONS
    while due < began + seconds:
        wait = due - time.monotonic()
        if wait > 0:
            await trio.sleep(wait)
        topic, data, then = flow.next()
        await client.send(topic, data, due, then)
        due += pause


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


COLUMNS = ("orders/s", "answered/s", "p50 ms", "p99 ms", "refused", "CPU µs each", "trades p99 ms")


def cells(row: OrderRow) -> list[str]:
    """A row for people, in the order of COLUMNS."""
    market = "" if row.market_p99_us is None else f"{row.market_p99_us / 1000:.2f}"
    if not row.orders_per_s:
        return ["none", "", "", "", "", "", market]
    return [
        f"{row.orders_per_s:,}",
        f"{row.achieved_per_s:,.0f}",
        f"{row.p50_us / 1000:.2f}",
        f"{row.p99_us / 1000:.2f}",
        f"{row.refused:,}",
        f"{row.cpu_us:,.0f}",
        market,
    ]


STAGE_COLUMNS = ("orders/s", "stage", "mean ms", "")


def stage_cells(row: OrderRow) -> list[list[str]]:
    """Where the time of the requests of a row went, in the order of STAGE_COLUMNS."""
    return [
        [
            f"{row.orders_per_s:,}",
            stage,
            f"{spent / 1000:.2f}",
            "after the answer" if stage == EXCHANGE else "",
        ]
        for stage, spent in row.stages_us.items()
    ]
