"""What all connections of a daemon share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import trio

from zenithd.authentication import Authentication
from zenithd.bus import Bus, Flusher
from zenithd.config import Config, LimitSettings
from zenithd.controllers.interface import Controller
from zenithd.metrics import Metrics
from zenithd.sessions.limits import Refused
from zenithd.turns import Turns
from zenithd.wire.codec import Codec, Encoding, codecs
from zenithd.wire.errors import base_code

CONNECTION_REFUSALS = tuple(
    one.name.lower() for one in (Refused.CONNECTIONS, Refused.ADDRESS_CONNECTIONS, Refused.CONNECTION_RATE)
)


class Services:
    """Collaborators and live settings, handed to every connection by the composition root."""

    def __init__(
        self,
        config: Config,
        bus: Bus,
        controllers: Mapping[str, Controller],
        authentication: Authentication,
        metrics: Metrics,
    ) -> None:
        self.bus = bus
        self.flusher: Flusher = bus.flusher
        self.controllers = controllers
        self.authentication = authentication
        self.metrics = metrics
        self.turns = Turns(config.limits.turns_seconds, trio.current_time)
        metrics.watch_turns(self.turns)
        self._requests = {name: metrics.requests.labels(name) for name in controllers}
        self._rejects: dict[str, Any] = {}
        for reason in (
            *CONNECTION_REFUSALS,
            "origin",
            "handshake",
            "slow_handshake",
        ):  # so that the first one is an increase too
            metrics.refused.labels(reason)
        self.use(config)

    def use(self, config: Config) -> None:
        """Take a configuration over: for new connections, and where it can be for those that exist."""
        self.config = config
        self.limits: LimitSettings = config.limits
        self.turns.seconds = config.limits.turns_seconds
        self.stall_seconds_max = config.fanout.stall_seconds_max
        self.codecs: dict[Encoding, Codec] = codecs(
            config.limits.nesting_max, config.limits.message_values_max
        )

    def count_request(self, controller: str) -> None:
        """Count a request or subscription."""
        self._requests[controller].inc()

    def count_reject(self, code: object) -> None:
        """Count an error sent to a client, by its code without suffix."""
        name = base_code(code) if isinstance(code, str) else "details"
        counter = self._rejects.get(name)
        if counter is None:
            counter = self._rejects[name] = self.metrics.rejects.labels(name)
        counter.inc()
