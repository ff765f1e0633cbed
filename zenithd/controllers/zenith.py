"""The Zenith controller: who the server is, and the status of its feeds (spec zenith-websocket 2.4, 6.5)."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from zenithd.authority.access import Access
from zenithd.controllers.directory import MarketDirectory
from zenithd.controllers.interface import Answer, Opened, Refusal
from zenithd.domain.identifiers import MarketId
from zenithd.wire import errors, translate

PROTOCOL = "2.0"
"""Version of the data protocol."""


class ZenithController:
    """Opens ServerInfo and Feeds. There are no queries."""

    name = "Zenith"

    def __init__(self, directory: MarketDirectory, server_name: str, version: str) -> None:
        """Take `version` as the package has it: `0.1.0`."""
        self._directory = directory
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
            visible = tuple(market.definition.id for market in self._directory.visible(access))
            return Opened("Feeds", visible, lambda entitlement: [self._feeds(entitlement)], is_list=True)
        return Refusal((errors.OPERATION_UNKNOWN,))

    def query(self, topic: str, data: Any, access: Access) -> Answer:
        """Answer nothing: the controller has no queries."""
        return Answer(errors=(errors.OPERATION_UNKNOWN,))

    def _feeds(self, visible: Hashable) -> list[Any]:
        assert isinstance(visible, tuple), "the entitlement that open() gave"
        markets = [self._directory.find(MarketId(market)) for market in visible]
        return [translate.feed_entry(market) for market in markets if market is not None]


def four_part_version(version: str) -> str:
    """Give `Major.Minor.Revision.Build` of a package version; what is not a number ends it."""
    numbers: list[str] = []
    for part in version.split("."):
        if not part.isdecimal():
            break
        numbers.append(part)
    return ".".join((*numbers, "0", "0", "0", "0")[:4])
