"""The market sources of the plugins: what each is given, how it is supervised, how it shows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import trio

from zenithd.domain.market_data import FeedStatus
from zenithd.markets.context import Host, SourceContext
from zenithd.markets.directory import Markets
from zenithd.markets.feed import SourceFeed
from zenithd.metrics import Metrics
from zenithd.plugin.interfaces import MarketSource
from zenithd.plugin.loaded import Brought, LoadedPlugin, PluginState, SourceStatus
from zenithd.plugin.manager import PluginManager
from zenithd.supervisor import Attempt, Supervised

_PLUGIN_STATES = {
    FeedStatus.INITIALISING: PluginState.INITIALISING,
    FeedStatus.IMPAIRED: PluginState.IMPAIRED,
}
"""How the worst status of a source's feeds shows in the plugin list; any other is a running source."""


class Sources:
    """All market sources of one daemon, each with its feed."""

    def __init__(
        self,
        plugins: PluginManager,
        markets: Markets,
        metrics: Metrics,
        host: Host,
        state: Path,
    ) -> None:
        self._plugins = plugins
        self._markets = markets
        self._metrics = metrics
        self._host = host
        self._state = state
        self.brought: list[Brought[MarketSource[Any]]] = plugins.market_sources()
        self.feeds: dict[str, SourceFeed] = {
            brought.name: markets.add_source(brought.name) for brought in self.brought
        }
        for brought in self.brought:
            host.offers.promise(brought.name, brought.implementation.http_paths)
        for plugin in plugins.plugins:
            metrics.plugin_restarts.labels(plugin.name)
            metrics.loop_stalls.labels(plugin.name)
            self._show_plugin(plugin)

    def __iter__(self) -> Iterator[Supervised]:
        """What the supervisor needs to run each source."""
        return (self._supervised(brought) for brought in self.brought)

    def _supervised(self, brought: Brought[MarketSource[Any]]) -> Supervised:
        """What the supervisor needs to run a market source."""
        feed = self.feeds[brought.name]
        feed.on_status = partial(self._source_status, brought)

        def build(attempt: Attempt) -> MarketSource[Any]:
            if attempt.number > 1:
                feed.restarted()
            # Seeded by name and attempt: the same source sees the same randomness in every run.
            generator = random.Random(f"{brought.name}:{attempt.number}")
            directory = self._state / "plugins" / brought.plugin.name
            context = SourceContext(brought.name, feed, attempt, self._host, generator, directory)
            return brought.implementation(brought.config, context)

        needs_journal = brought.implementation.needs_journal
        return Supervised(
            name=brought.name,
            build=build,
            report=partial(self._supervised_state, brought),
            expects_events=lambda: feed.expects_events,
            wait_possible=self._host.feeds.wait_serving if needs_journal else trio.lowlevel.checkpoint,
            packages=self._plugins.packages,
        )

    def _supervised_state(self, brought: Brought[MarketSource[Any]], status: SourceStatus) -> None:
        """The supervisor tells how a source runs: its feeds follow, whatever the source said of them."""
        feed = self.feeds[brought.name]
        self._report(brought, status)
        if status.state not in (PluginState.INITIALISING, PluginState.ACTIVE):
            self._host.offers.withdraw(brought.name)
            self._host.shared[brought.plugin.name].withdraw()
        if status.state is PluginState.IMPAIRED:
            feed.impaired(status.reason)
        elif status.state is PluginState.INITIALISING:
            feed.impaired(None)
        else:
            feed.finished(status.reason or status.state.value)

    def _source_status(self, brought: Brought[MarketSource[Any]], status: FeedStatus, reason: str) -> None:
        """A running source tells how its feeds are."""
        self._report(brought, SourceStatus(_PLUGIN_STATES.get(status, PluginState.ACTIVE), reason))

    def _report(self, brought: Brought[MarketSource[Any]], status: SourceStatus) -> None:
        self.report(brought.plugin, brought.name, status)

    def report(self, plugin: LoadedPlugin, part: str, status: SourceStatus) -> None:
        """Show the state of a plugin's part in the plugin list and the metrics."""
        known = plugin.parts.get(part)
        if known is not None and status.restarts > known.restarts:
            self._metrics.plugin_restarts.labels(plugin.name).inc(status.restarts - known.restarts)
        plugin.report(part, status)
        self._show_plugin(plugin)

    def _show_plugin(self, plugin: LoadedPlugin) -> None:
        for state in PluginState:
            self._metrics.plugin_state.labels(plugin.name, state.value).set(state is plugin.state)

    def waiting_for(self) -> list[str]:
        """Sources that must be up and have not declared a market yet, or do not serve what they promise."""
        holding = [one.name for one in self.brought if one.implementation.holds_readiness]
        undeclared = [name for name in holding if not self.feeds[name].venues]
        missing = self._host.offers.missing()
        return [
            *(f"plugin {name} has not declared its markets" for name in undeclared),
            *(f"plugin {name} does not serve {missing[name]}" for name in holding if name in missing),
        ]
