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
from zenithd_prodigy.seats import Seat, taken

EARLY_SECONDS = 0.02
"""Who is due so soon acts at once: two or three instruments to a waking-up, which costs more than they do."""

_OF_ORDERS = (OrderAmended, OrderClosed, OrderPlaced, OrderRested, Traded)


class Crowd:
    """The participants of all seats of some markets."""

    def __init__(
        self,
        seats: Mapping[InstrumentId, Seat],
        keepers: Mapping[InstrumentId, Keeper],
        rate: float,
        source: random.Random,
    ) -> None:
        self._seats = seats
        self._keepers = keepers
        self._rate = rate
        self._random = source
        self._flows = taken(seats, {seat: keeper.market.model for seat, keeper in keepers.items()})
        self._flows_of = {id(flow.state): flow for flow in self._flows.values()}
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
            for instrument, flow in self._flows.items():
                nursery.start_soon(self._enter, instrument, flow, flow.fill())

    async def run(self) -> None:
        """Act until cancelled, every seat at its own pace."""
        if not self._seats:
            await trio.sleep_forever()
        intervals = {instrument: seat.step_seconds / self._rate for instrument, seat in self._seats.items()}
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
            flow = self._flow(instrument)
            if flow is not None:
                await self._enter(instrument, flow, flow.step())

    def _flow(self, instrument: InstrumentId) -> InstrumentFlow | None:
        """The participants of a seat; others if its symbol is another now, none if it is not listed."""
        flow = self._flows.get(instrument)
        if flow is not None and flow.is_current:
            return flow
        if flow is not None:
            del self._flows[instrument], self._flows_of[id(flow.state)]
        model = self._keepers[instrument].market.model
        symbol = self._seats[instrument].symbol(model)
        if symbol is None:
            return None
        flow = self._flows[instrument] = self._seats[instrument].take(model, symbol)
        self._flows_of[id(symbol)] = flow
        return flow

    async def _enter(
        self, instrument: InstrumentId, flow: InstrumentFlow, commands: Iterator[object]
    ) -> None:
        keeper = self._keepers[instrument]
        while flow.is_current:  # looked at before each decision: it may be unlisted, or have other prices
            command = next(commands, None)
            if command is None or isinstance(await keeper.execute(command), Refused):
                return  # refused: the market is closed, say; they try again at their next turn
