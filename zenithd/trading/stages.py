"""Where the time of clients' order requests goes, stage by stage: sums over all requests since the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

WAITING: Final = "waiting"
"""Taken, and the order task is at work on others."""
DECIDING: Final = "deciding"
"""Checks, vetting, reservation, and what is to be kept; of all requests that are committed together."""
KEEPING: Final = "keeping"
"""The journal's commit."""
TELLING: Final = "telling"
"""Subscribers are told, feeds are given their requests, and answers are made."""
EXCHANGE: Final = "exchange"
"""From the request's way to its feed to the feed's answer; the client had his own before."""


class Stages:
    """Sums of seconds."""

    def __init__(self) -> None:
        self._seconds = dict.fromkeys((WAITING, DECIDING, KEEPING, TELLING, EXCHANGE), 0.0)

    @property
    def seconds(self) -> Mapping[str, float]:
        """By stage."""
        return self._seconds

    def count(self, taken: Sequence[float], began: float, decided: float, kept: float, told: float) -> None:
        """Requests were carried out together.

        Args:
            taken: when each was taken; the other moments are those of all of them, in seconds of one clock.
        """
        seconds, number = self._seconds, len(taken)
        seconds[WAITING] += number * began - sum(taken)
        seconds[DECIDING] += number * (decided - began)
        seconds[KEEPING] += number * (kept - decided)
        seconds[TELLING] += number * (told - kept)

    def at_exchange(self, seconds: float) -> None:
        """A feed has answered a request."""
        self._seconds[EXCHANGE] += seconds
