"""The plugins' adapters: what each is given, and how it is supervised."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import structlog

from zenithd.plugin.feeds import AdapterFeed
from zenithd.plugin.interfaces import Adapter, Clock
from zenithd.plugin.journal import Followed, JournalFeed, JournalFeeds
from zenithd.plugin.loaded import Brought, PluginState, SourceStatus
from zenithd.plugin.manager import PluginManager
from zenithd.plugin.shared import SharedByPlugin
from zenithd.supervisor import Attempt, Supervised
from zenithd.trading.feeds import Feeds

SUFFIX = " adapter"
"""Of an adapter's name, beside that of its plugin: `prodigy adapter`."""


class RunningAdapter:
    """Implements `zenithd.plugin.AdapterContext` for one attempt of one adapter."""

    def __init__(self, adapters: Adapters, brought: Brought[Adapter[Any]], attempt: Attempt) -> None:
        self.name = name = brought.plugin.name
        self.clock: Clock = adapters.clock
        self.http: httpx2.AsyncClient = adapters.http
        self.log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(f"zenithd.plugins.{name}").bind(
            plugin=name, attempt=attempt.number
        )
        self._adapters = adapters
        self._attempt = attempt
        self._brought = brought

    @property
    def directory(self) -> Path:
        """The plugin's own folder, made on first use."""
        directory = self._adapters.state_directory / "plugins" / self.name
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def supply(self, feed_id: str, last: int = 0) -> AbstractAsyncContextManager[AdapterFeed]:
        """A connection to the order management system; asking for one is the sign of a good start."""
        return self._supply(feed_id, last)

    @asynccontextmanager
    async def _supply(self, feed_id: str, last: int) -> AsyncIterator[AdapterFeed]:
        self._attempt.activity += 1
        self._attempt.declared()
        self._adapters.report(self._brought, SourceStatus(PluginState.ACTIVE))
        async with self._adapters.feeds.supply(feed_id, last) as feed:
            yield feed

    def journal(self, feed: str) -> JournalFeed:
        """A feed of the journal that belongs to the plugin."""
        return self._adapters.journal.feed(self.name, feed)

    @property
    def journal_position(self) -> int:
        """The end of what is kept."""
        return self._adapters.journal.position

    def follow_journal(self, after: int = 0) -> AsyncIterator[Followed]:
        """What is and will be kept in the plugin's feeds."""
        return self._adapters.journal.follow(self.name, after)

    async def wait_offered(self) -> object:
        """What the plugin's market source offers."""
        return await self._adapters.shared[self.name].wait_offered()

    async def wait_withdrawn(self, thing: object) -> None:
        """Return when it is no longer offered."""
        await self._adapters.shared[self.name].wait_withdrawn(thing)


class Adapters:
    """All adapters of one daemon."""

    def __init__(
        self,
        plugins: PluginManager,
        feeds: Feeds,
        *,
        clock: Clock,
        http: httpx2.AsyncClient,
        journal: JournalFeeds,
        shared: SharedByPlugin,
        state_directory: Path,
        report: Callable[[Brought[Adapter[Any]], SourceStatus], None],
    ) -> None:
        self.brought = plugins.adapters()
        self.feeds = feeds
        self.clock = clock
        self.http = http
        self.journal = journal
        self.shared = shared
        self.state_directory = state_directory
        self.report = report
        self._packages = plugins.packages

    def __iter__(self) -> Iterator[Supervised]:
        """What the supervisor needs to run each."""
        return (self._supervised(brought) for brought in self.brought)

    def _supervised(self, brought: Brought[Adapter[Any]]) -> Supervised:
        def build(attempt: Attempt) -> Adapter[Any]:
            context = RunningAdapter(self, brought, attempt)
            return brought.implementation(brought.config, context)

        return Supervised(
            name=brought.name,
            build=build,
            report=partial(self.report, brought),
            expects_events=lambda: False,
            packages=self._packages,
        )
