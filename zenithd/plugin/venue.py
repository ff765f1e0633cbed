"""The base class of sources that follow a real venue over its public WebSocket and REST interfaces.

`VenueSource` owns connecting, reconnecting with back-off, the stall policy, the planned reconnect before a
venue's cut, subscribing in the venue's pace, joining snapshots with deltas, dropping repeated trades, and
the feed status. An author writes what differs between venues: what is listed, which frames to send, how a
frame is read, how a snapshot is asked for.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import TypeVar

import httpx2
import trio

from zenithd.domain.events import MarketEvent
from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.plugin.interfaces import MarketSource, MarketSourceContext, PluginConfig
from zenithd.plugin.joining import UNNUMBERED, BookSnapshot, Item, JoinRules
from zenithd.plugin.policy import VenueFault, VenuePolicy, VenueUnavailable
from zenithd.plugin.venue_feed import VenueFeed

__all__ = ["Item", "VenueFault", "VenuePolicy", "VenueSource", "VenueUnavailable"]

C = TypeVar("C", bound=PluginConfig)


class VenueSource(MarketSource[C], abc.ABC):
    """A market source that follows one WebSocket endpoint of a venue. Override what is abstract.

    Attributes that an author sets on the class, or on the object in `__init__` from its configuration:
        policy: the venue's limits.
        join_rules: its sequence rules of book updates.

    A source with several endpoints (spot and futures) is several classes: each is a feed of its own.
    """

    policy: VenuePolicy = VenuePolicy()
    join_rules: JoinRules = UNNUMBERED

    def __init__(self, config: C, context: MarketSourceContext) -> None:
        super().__init__(config, context)
        self.instruments: Mapping[InstrumentId, Instrument] = {}
        """What `load_instruments` returned last."""

    @abc.abstractmethod
    def markets(self) -> Sequence[MarketDefinition]:
        """The markets of this source, known without asking the venue, so that the feed exists (and says why
        it is Impaired) while the venue cannot be reached. No markets: the source is finished."""

    @abc.abstractmethod
    async def load_instruments(self) -> Sequence[Instrument]:
        """Ask the venue what it lists (`self.get`). Called again every `instruments_refresh_seconds`.

        Raises:
            VenueFault: it failed; tried again after a back-off.
        """

    @abc.abstractmethod
    def endpoint(self) -> str:
        """The `ws://` or `wss://` address to connect to."""

    @abc.abstractmethod
    def subscribe_frames(self, instruments: Sequence[InstrumentId]) -> Sequence[str | bytes]:
        """Frames that subscribe all streams of at most `instruments_per_frame_max` instruments."""

    @abc.abstractmethod
    def unsubscribe_frames(self, instruments: Sequence[InstrumentId]) -> Sequence[str | bytes]:
        """Frames that end them."""

    @abc.abstractmethod
    def parse(self, frame: str | bytes, received: int) -> Sequence[Item]:
        """Read one frame; what it returns is applied as one batch. `received` is ns since the Unix epoch.

        Acknowledgements and heartbeats give nothing. Trades may repeat: repeats are dropped by id.

        Raises:
            VenueFault: it cannot be read, or the venue says that something failed. Also
                `msgspec.MsgspecError` and `orjson.JSONDecodeError` count as faults of the venue.
        """

    async def fetch_snapshot(self, instrument: InstrumentId) -> BookSnapshot:
        """Ask for the whole book (`self.get`); wanted only with `policy.snapshots_by_request`.

        Raises:
            VenueFault: it failed; tried again after a back-off, or after the venue's own demand.
        """
        raise NotImplementedError(f"{type(self).__name__} has snapshots_by_request and no fetch_snapshot")

    def opening_events(self) -> Sequence[MarketEvent]:
        """Published once, when the instruments have been loaded for the first time: trading states."""
        return ()

    def opening_frames(self) -> Sequence[str | bytes]:
        """Frames sent once on each new connection, before any subscription (all-symbol streams, login)."""
        return ()

    async def get(self, url: str, parameters: Mapping[str, str | int] | None = None) -> bytes:
        """GET `url` with a deadline and return the body.

        Raises:
            VenueUnavailable: no answer in time, no connection, or a status other than 200; carries the
                pause that the venue asked for with `Retry-After`.
        """
        limit = self.policy.request_seconds_max
        try:
            with trio.fail_after(limit):
                answer = await self.context.http.get(url, params=dict(parameters or {}))
        except trio.TooSlowError:
            raise VenueUnavailable(f"GET {url}: no answer within {limit:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as problem:
            raise VenueUnavailable(f"GET {url}: {type(problem).__name__} {problem}".strip()) from problem
        if answer.status_code != httpx2.codes.OK:
            raise VenueUnavailable(
                f"GET {url}: status {answer.status_code} {answer.text[:200]}".strip(),
                _retry_after(answer.headers.get("Retry-After", "")),
            )
        return answer.content

    async def run(self) -> None:
        """Declare, load, connect, follow; until cancelled, or at once finished without markets."""
        if self.markets():
            await VenueFeed(self).run()


def _retry_after(header: str) -> float | None:
    """Seconds of a Retry-After header; its other form, a date, is treated as absent."""
    return float(header) if header.isascii() and header.isdecimal() else None
