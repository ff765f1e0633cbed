"""The Zenith controller: who the server is, and the status of its feeds (spec zenith-websocket 2.4, 6.5)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from zenithd.authority.access import Access
from zenithd.controllers.directory import MarketDirectory
from zenithd.controllers.interface import Answer, Opened, Refusal
from zenithd.domain.identifiers import MarketId
from zenithd.wire import errors, translate

PROTOCOL = "2.0"
"""Version of the data protocol."""


Entry = dict[str, Any]


class ZenithController:
    """Opens ServerInfo and Feeds. There are no queries."""

    name = "Zenith"

    def __init__(
        self,
        directory: MarketDirectory,
        server_name: str,
        version: str,
        others: Mapping[str, Callable[[], Entry]] | None = None,
    ) -> None:
        """Take `version` as the package has it: `0.1.0`; `others`: feeds that are no market, by name."""
        self._directory = directory
        self._others = others or {}
        self._server_info = {
            "Name": server_name,
            "Class": "FeedProxy",
            "Version": four_part_version(version),
            "Protocol": PROTOCOL,
        }

    def open(self, topic: str, argument: str | None, access: Access) -> Opened | Refusal:
        """Resolve a subscription.

        The feeds of a connection are those that exist and are visible when it subscribes, for as long as it
        lasts: its entitlement is their list, and later messages only change entries of it.
        """
        if topic == "ServerInfo":
            return Opened("ServerInfo", None, lambda entitlement: [self._server_info])
        if topic == "Feeds":
            markets = (str(market.definition.id) for market in self._directory.visible(access))
            visible = (*markets, *(self._others if access.user else ()))
            return Opened("Feeds", visible, lambda entitlement: [self._feeds(entitlement)], is_list=True)
        return Refusal((errors.OPERATION_UNKNOWN,))

    def query(self, topic: str, data: Any, access: Access) -> Answer:
        """Answer nothing: the controller has no queries."""
        return Answer(errors=(errors.OPERATION_UNKNOWN,))

    def _feeds(self, visible: Hashable) -> list[Any]:
        assert isinstance(visible, tuple), "the entitlement that open() gave"
        entries = []
        for name in visible:
            other = self._others.get(name)
            market = None if other is not None else self._directory.find(MarketId(name))
            if other is not None:
                entries.append(other())
            elif market is not None:
                entries.append(translate.feed_entry(market))
        return entries


def four_part_version(version: str) -> str:
    """Give `Major.Minor.Revision.Build` of a package version; what is not a number ends it."""
    numbers: list[str] = []
    for part in version.split("."):
        if not part.isdecimal():
            break
        numbers.append(part)
    return ".".join((*numbers, "0", "0", "0", "0")[:4])
