"""The whole daemon, waiting for a command before its recording is played.

Everything is the daemon's own: configuration, plugins, listener, markets, bus, store. Between the replay
source and the daemon stands a gate, so that subscribers are there before the first payload, and which keeps
a rate where one is asked for. It adds a probe to what is published: trades of an instrument of its own whose
price is the time at which the batch before it was to be sent, in microseconds of the monotonic clock.

Run as `python -m zenithd.bench.whole_daemon CONFIG`: prints `listening PORT`, takes one of these lines on
standard input, and prints `done` and an answer in JSON when all is written.

* `go UPDATES_PER_SECOND SECONDS`: play at this rate (0: as fast as it goes) and no longer than that (0: to
  the end); answers with `Played`;
* `survey`: play all of it; answers with the instruments, those of most updates first.
"""

from __future__ import annotations

import gc
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import trio

from zenithd.app import Daemon
from zenithd.bench.commands import lines, written
from zenithd.bench.probe import BOOK, BOOK_ORDERS, PROBE, PROBE_MARKET, Played
from zenithd.clock import SystemClock
from zenithd.config import load
from zenithd.domain.events import MarketEvent, OrderAdded, TradeReported
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus, Side
from zenithd.logs import configure_logs
from zenithd.plugin.interfaces import MarketSource, MarketSourceContext, PluginConfig
from zenithd.plugin.loaded import Brought
from zenithd.plugin_loading import load_plugins

PROBE_SECONDS = 0.002
"""How often the probe trades."""


class Gate:
    """Holds a source back until `go`; then keeps its rate and sends the probe with it."""

    def __init__(self) -> None:
        self.opened = trio.Event()
        self.finished = trio.Event()
        self.updates_per_second = 0.0
        self.updates = 0
        self.updates_of: Counter[str] | None = None
        """By instrument, if anybody wants to know."""
        self._began = 0.0
        self._seconds = 0.0
        self._probed = 0.0
        self._trades = 0

    def open(self, updates_per_second: float, seconds: float) -> None:
        """Let it through; 0: as fast as it comes, to the end."""
        self.updates_per_second = updates_per_second
        self._seconds = seconds
        self._began = time.monotonic()
        self.opened.set()

    async def pass_through(self, events: Sequence[MarketEvent]) -> Sequence[MarketEvent]:
        """Wait for the time of a batch; return it with the probe behind it, if the probe is due."""
        if not self.opened.is_set():  # to wait for what is there would still give way: batches would be torn
            await self.opened.wait()
        due = self._began + self.updates / self.updates_per_second if self.updates_per_second else 0.0
        if self._seconds and due > self._began + self._seconds:
            self.finished.set()
            await trio.sleep_forever()
        self.updates += len(events)
        if self.updates_of is not None:
            self.updates_of.update(getattr(event, "instrument", "") for event in events)
        if not due:
            return events
        wait = due - time.monotonic()
        if wait > 0:
            await trio.sleep(wait)
        if due - self._probed < PROBE_SECONDS:
            return events
        self._probed = due
        self._trades += 1
        price = int(due * 1_000_000)
        return [*events, TradeReported(PROBE, self._trades, price, 1, time.time_ns())]


class GatedContext:
    """A source's context with the gate before `publish`."""

    def __init__(self, context: MarketSourceContext, gate: Gate) -> None:
        self._context = context
        self._gate = gate
        self._declared = False
        self._book: Sequence[MarketEvent] = [
            OrderAdded(BOOK, f"{number:08}", Side.BID, 100_000 - number // 4, 100 + number, number + 1)
            for number in range(BOOK_ORDERS)
        ]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def declare_market(self, definition: MarketDefinition, instruments: Sequence[Instrument]) -> None:
        """Declare it, and the probe beside it."""
        self._context.declare_market(definition, instruments)
        if not self._declared:
            self._declared = True
            listed = [Instrument(code=code, market=PROBE_MARKET, price_scale=0) for code in ("PROBE", "BOOK")]
            self._context.declare_market(MarketDefinition(id=PROBE_MARKET), listed)
            self._context.set_status(PROBE_MARKET, FeedStatus.ACTIVE)

    async def publish(self, events: Sequence[MarketEvent]) -> None:
        """Publish when it is time."""
        if self._book:
            book, self._book = self._book, []
            await self._context.publish(book)
        await self._context.publish(await self._gate.pass_through(events))


def gated(brought: Brought[MarketSource[Any]], gate: Gate) -> Brought[MarketSource[Any]]:
    """The same source behind the gate."""

    class Gated(brought.implementation):  # type: ignore[name-defined,misc]
        """Declares, waits, plays."""

        def __init__(self, config: PluginConfig, context: MarketSourceContext) -> None:
            super().__init__(config, GatedContext(context, gate))

        async def run(self) -> None:
            await super().run()
            await self.context.wait_drained()
            gate.finished.set()

    return msgspec.structs.replace(brought, implementation=Gated)


async def play(daemon: Daemon, gate: Gate, updates_per_second: float, seconds: float) -> Played:
    """Open the gate; return when the last frame is written."""
    flushed, outboxes, bus = (
        daemon.flusher.statistics,
        daemon.flusher.outbox_statistics,
        daemon.bus.statistics,
    )
    before = (flushed.seconds, bus.published, bus.deliveries, outboxes.writes, bus.snapshots)
    gc.collect()
    gc.freeze()
    cpu, began = time.process_time(), time.monotonic()
    gate.open(updates_per_second, seconds)
    await gate.finished.wait()
    await written(daemon.flusher)
    return Played(
        gate.updates,
        time.process_time() - cpu,
        flushed.seconds - before[0],
        time.monotonic() - began,
        bus.published - before[1],
        bus.deliveries - before[2],
        outboxes.writes - before[3],
        bus.snapshots - before[4],
    )


async def run(path: str) -> None:
    """Serve, wait for the command, play, say what it took; end with standard input."""
    config = load(path)
    configure_logs(config.logging)
    sockets = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=config.server.backlog)
    plugins, _ = load_plugins(config)
    daemon = Daemon(config, plugins, SystemClock())
    daemon.flusher.monotonic = time.thread_time  # slices in CPU time: what is written is told from the rest
    gate, ended = Gate(), trio.Event()
    daemon.sources.brought = [gated(brought, gate) for brought in daemon.sources.brought]

    async def signals() -> AsyncIterator[int]:
        await ended.wait()
        yield signal.SIGTERM

    gc.collect()
    gc.freeze()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            daemon.run,
            sockets,
            signals(),
            lambda info: print("listening", info.address.rpartition(":")[2], flush=True),
        )
        async for line in lines():
            verb, *numbers = line.split()
            gate.updates_of = Counter() if verb == "survey" else None
            rate, seconds = map(float, numbers or (0, 0))
            answer: object = await play(daemon, gate, rate, seconds)
            if gate.updates_of is not None:
                answer = [name for name, _ in gate.updates_of.most_common() if name]
            print("done", msgspec.json.encode(answer).decode(), flush=True)
        ended.set()


if __name__ == "__main__":
    trio.run(run, sys.argv[1])
