"""Asks the history sources of plugins; their faults and delays end here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import httpx2
import structlog
import trio

from zenithd.domain.instrument import Instrument
from zenithd.domain.market_data import Bar
from zenithd.plugin.cause import describe
from zenithd.plugin.interfaces import Clock, HistorySource
from zenithd.plugin.loaded import Brought, PluginState

T = TypeVar("T")


class PluginContext:
    """What a history source or an authenticator is given (`HistorySourceContext`, `AuthenticatorContext`)."""

    def __init__(self, name: str, clock: Clock, http: httpx2.AsyncClient) -> None:
        self.name = name
        self.clock = clock
        self.http = http
        self.log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(f"zenithd.plugins.{name}").bind(
            plugin=name
        )


def build(brought: Brought[T], context: PluginContext) -> T | None:
    """Make a plugin's object; one that cannot be made leaves its plugin broken, and nobody else."""
    try:
        return brought.implementation(brought.config, context)  # type: ignore[call-arg]
    except (Exception, SystemExit) as problem:
        brought.plugin.settle(PluginState.BROKEN, describe(problem, {}))
        return None


class RemoteHistory:
    """All history sources, asked one after the other until one knows something."""

    def __init__(
        self,
        sources: Sequence[Brought[HistorySource[Any]]],
        clock: Clock,
        http: httpx2.AsyncClient,
        call_seconds_max: float,
    ) -> None:
        self._call_seconds_max = call_seconds_max
        self._sources: list[tuple[str, HistorySource[Any]]] = []
        for brought in sources:
            source = build(brought, PluginContext(brought.name, clock, http))
            if source is not None:
                self._sources.append((brought.name, source))
        self._log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)

    async def bars(
        self, instrument: Instrument, period_seconds: int, start: int | None, end: int | None, count: int
    ) -> Sequence[Bar]:
        """At most `count` newest bars with start <= time < end, oldest first; [] where nobody knows any."""
        for name, source in self._sources:
            with trio.move_on_after(self._call_seconds_max) as scope:
                try:
                    if source.serves(instrument.market):
                        bars = await source.bars(instrument, period_seconds, start, end, count)
                        if bars:
                            return bars
                except (
                    Exception,
                    SystemExit,
                ):  # a plugin's fault leaves this answer without its bars, and nothing else
                    self._log.exception("history source failed", plugin=name, instrument=instrument.id)
            if scope.cancelled_caught:
                self._log.warning("history source did not answer", plugin=name, instrument=instrument.id)
        return []
