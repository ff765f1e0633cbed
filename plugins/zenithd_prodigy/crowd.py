"""The simulated participants at work: they enter commands through the same door as everybody else."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from functools import partial

import trio

from zenithd.domain.identifiers import InstrumentId
from zenithd_prodigy.engine.refusals import Refused
from zenithd_prodigy.keeper import Keeper
from zenithd_prodigy.model.events import (
    Event,
    OrderAmended,
    OrderClosed,
    OrderPlaced,
    OrderRested,
    Traded,
)
from zenithd_prodigy.participants import InstrumentFlow
from zenithd_prodigy.schedule import Schedule

EARLY_SECONDS = 0.02
"""Who is due so soon acts at once: two or three instruments to a waking-up, which costs more than they do."""

_OF_ORDERS = (OrderAmended, OrderClosed, OrderPlaced, OrderRested, Traded)


class Crowd:
    """The participants of all instruments of some markets.

    Attributes:
        flows: by instrument.
    """

    def __init__(
        self,
        flows: Mapping[InstrumentId, InstrumentFlow],
        keepers: Mapping[InstrumentId, Keeper],
        rate: float,
        source: random.Random,
    ) -> None:
        self.flows = flows
        self._keepers = keepers
        self._rate = rate
        self._random = source
        self._flows_of = {id(flow.state): flow for flow in flows.values()}
        """By the symbol's state, which a flow keeps alive: codes change."""
        for keeper in set(keepers.values()):
            keeper.observers.append(partial(self._observe, keeper))

    def _observe(self, keeper: Keeper, events: list[Event]) -> None:
        symbols = keeper.market.model.symbols
        for event in events:
            if isinstance(event, _OF_ORDERS):
                flow = self._flows_of.get(id(symbols.get(event.symbol)))
                if flow is not None:
                    flow.observe([event])

    async def fill(self) -> None:
        """Place orders until every book has what the makers like."""
        async with trio.open_nursery() as nursery:
            for instrument, flow in self.flows.items():
                nursery.start_soon(self._enter, instrument, flow.fill())

    async def run(self) -> None:
        """Act until cancelled, every instrument at its own pace."""
        intervals = {instrument: flow.step_seconds / self._rate for instrument, flow in self.flows.items()}
        schedule = Schedule(intervals, trio.current_time(), self._random)
        while True:
            await trio.sleep_until(schedule.next_due)
            until = trio.current_time() + EARLY_SECONDS
            due = []
            while schedule.next_due <= until:
                instrument = schedule.take(until)
                if instrument is not None:
                    due.append(instrument)
            async with trio.open_nursery() as nursery:  # together, so that they share commits
                for instrument in dict.fromkeys(due):
                    nursery.start_soon(self._steps, instrument, due.count(instrument))

    async def _steps(self, instrument: InstrumentId, count: int) -> None:
        for _ in range(count):
            await self._enter(instrument, self.flows[instrument].step())

    async def _enter(self, instrument: InstrumentId, commands: Iterator[object]) -> None:
        keeper, flow = self._keepers[instrument], self.flows[instrument]
        # Looked at before each decision: it may be unlisted (and listed anew since), or have another code.
        while keeper.market.model.symbols.get(flow.symbol) is flow.state:
            command = next(commands, None)
            if command is None or isinstance(await keeper.execute(command), Refused):
                return  # refused: the market is closed, say; they try again at their next turn
