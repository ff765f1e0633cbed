"""A venue's limits, our patience with it, and what counts as its fault."""

from __future__ import annotations

import msgspec
import orjson
import trio
import trio_websocket
import wsproto.utilities


class VenueFault(Exception):
    """The venue sent what cannot be read, or refused. The connection is made anew; blame: the venue."""


class VenueUnavailable(VenueFault):
    """A REST request failed. `retry_after_seconds` is the venue's own demand, None if it made none."""

    def __init__(self, reason: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class VenuePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A venue's limits and our patience with it. The units stand in the names."""

    connect_seconds_max: float = 10.0
    """From dialling to the end of the WebSocket handshake."""
    send_seconds_max: float = 10.0
    """For one frame to leave."""
    request_seconds_max: float = 10.0
    """For one REST request, whole."""
    load_seconds_max: float = 60.0
    """For `load_instruments`, however many requests it makes."""
    snapshot_seconds_max: float = 30.0
    """For `fetch_snapshot`, however many requests it makes."""
    stall_seconds_max: float | None = 30.0
    """No frame for so long on a connection with subscriptions: it is dead. None: only pings tell."""
    ping_seconds: float | None = 20.0
    """Pause between WebSocket pings of ours; None where the venue forbids them."""
    pong_seconds_max: float = 10.0
    """No answer to a ping for so long: the connection is dead."""
    backoff_seconds_min: float = 0.5
    backoff_seconds_max: float = 60.0
    stable_seconds: float = 30.0
    """A connection that lived so long was good: the next back-off begins small again."""
    reconnect_after_seconds: float | None = None
    """Planned reconnect, before the venue's cut (Binance cuts at 24 h): the new connection is made and
    subscribed first, the old one is dropped `overlap_seconds` later. None: never."""
    overlap_seconds: float = 2.0
    instruments_per_connection_max: int = 200
    instruments_per_frame_max: int = 50
    """Instruments in one call of `subscribe_frames` or `unsubscribe_frames`."""
    frames_per_second_max: float = 4.0
    """Pace of the frames that we send, per connection."""
    snapshots_per_second_max: float = 1.0
    """Pace of calls of `fetch_snapshot`, over all connections."""
    snapshots_by_request: bool = True
    """True: `fetch_snapshot` gives the book (Binance). False: subscribing brings it in the stream (Kraken);
    a new one is had by unsubscribing and subscribing again."""
    deltas_held_max: int = 10_000
    """Deltas of one instrument that are held back while its snapshot is on the way."""
    instruments_refresh_seconds: float | None = 3600.0
    """Pause between calls of `load_instruments`, for what was listed meanwhile. None: once."""
    trade_ids_gapless: bool = False
    """The venue numbers an instrument's trades without gaps: a jump is reported as a loss."""
    calendar_days: bool = False
    """The venue trades round the clock: a trading day is a date in the market's time zone, and begins by
    our clock. False: the author publishes TradingDayStarted."""
    frame_bytes_max: int = 16 * 1024 * 1024
    frames_waiting_max: int = 256
    """Frames read from the socket and not yet parsed; when full the venue's socket is slowed."""


VENUE_FAULTS = (
    VenueFault,
    OSError,
    trio.TooSlowError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    trio_websocket.ConnectionClosed,
    trio_websocket.HandshakeError,
    wsproto.utilities.ProtocolError,
    msgspec.MsgspecError,
    orjson.JSONDecodeError,
)
"""The ways in which a venue, or the network to it, fails. Everything else is a bug of the plugin, and goes
to the supervisor."""


def venue_fault(problem: Exception) -> str | None:
    """Say in one line why the venue failed; None if anything in `problem` is not the venue's fault."""
    if isinstance(problem, ExceptionGroup):
        # What we found out ourselves (a stall) says more than the closed connection that followed from it.
        parts = sorted(problem.exceptions, key=lambda part: not isinstance(part, VenueFault))
        reasons = [venue_fault(part) for part in parts]
        return None if None in reasons else reasons[0]
    if not isinstance(problem, VENUE_FAULTS):
        return None
    if isinstance(problem, VenueFault):
        return str(problem)
    if isinstance(problem, trio_websocket.ConnectionClosed):
        return _closed(problem)
    if isinstance(problem, trio.TooSlowError):
        return "the venue did not answer in time"
    text = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__


def _closed(problem: trio_websocket.ConnectionClosed) -> str:
    if problem.reason is None:
        return "the connection was closed"
    words = f": {problem.reason.reason}" if problem.reason.reason else ""
    return f"the connection was closed ({problem.reason.code} {problem.reason.name}{words})"
