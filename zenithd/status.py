"""What the daemon tells about itself: the health pages, also read by `zenithd plugins list`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zenithd.markets.directory import Markets
from zenithd.metrics import CONTENT_TYPE, Metrics
from zenithd.plugin.loaded import LoadedPlugin
from zenithd.server.head import Peer
from zenithd.server.pages import Page, Route, json_page


def describe_plugin(plugin: LoadedPlugin) -> dict[str, Any]:
    """One plugin as JSON (the object of `plugins list --json`)."""
    return {
        "name": plugin.name,
        "package": plugin.package,
        "version": plugin.version,
        "kinds": [kind.value for kind in plugin.kinds],
        "state": plugin.state.value,
        "reason": plugin.reason,
    }


class Status:
    """Answers the health pages from the daemon's present state."""

    def __init__(
        self,
        markets: Markets,
        plugins: Callable[[], Sequence[LoadedPlugin]],
        metrics: Metrics,
        waiting_for: Callable[[], list[str]],
    ) -> None:
        self._markets = markets
        self._plugins = plugins
        self._metrics = metrics
        self._waiting_for = waiting_for

    def routes(self) -> dict[str, Route]:
        """The pages by path."""
        return {
            "/metrics": lambda _peer: Page(200, CONTENT_TYPE, self._metrics.render()),
            "/health/live": lambda _peer: json_page(200, {"live": True}),
            "/health/ready": self.ready,
        }

    def reasons(self) -> list[str]:
        """Why the daemon is not ready; [] if it is."""
        reasons = self._waiting_for() + self._markets.unready()
        if not self._markets.history.healthy:
            reasons.append(f"history: {self._markets.history.reason}")
        return reasons

    def ready(self, peer: Peer) -> Page:
        """200 when every market that must be up is; who asks from this machine is also told the details."""
        reasons = self.reasons()
        content: dict[str, Any] = {"ready": not reasons, "reasons": reasons}
        if peer.is_loopback:
            content["plugins"] = [describe_plugin(plugin) for plugin in self._plugins()]
            content["markets"] = [
                {
                    "market": market.definition.id,
                    "feed": market.feed_status.value,
                    "reason": self._markets.status_reason(market.definition.id),
                    "instruments": len(market.instruments),
                    "simulated": market.definition.simulated,
                }
                for market in self._markets
            ]
        return json_page(503 if reasons else 200, content)
