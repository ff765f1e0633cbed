"""What the whole daemon under measurement publishes of its own, and what it says of a run.

Apart from `whole_daemon`, so that who only starts that need not import a daemon.
"""

from __future__ import annotations

import msgspec

from zenithd.domain.identifiers import MarketId, instrument_id

PROBE_MARKET = MarketId("PROBE")
PROBE = instrument_id("PROBE", PROBE_MARKET)
BOOK = instrument_id("BOOK", PROBE_MARKET)
"""An instrument with a large book, for those who all want it at once."""
BOOK_ORDERS = 2_000


class Played(msgspec.Struct):
    """One run: from `go` until everything was written."""

    updates: int
    """Domain events published."""
    cpu_seconds: float
    """Of the process, all threads."""
    writing_seconds: float
    """Of these, in the slices that write to sockets."""
    seconds: float
    published: int
    """Frames made."""
    deliveries: int
    writes: int
    snapshots: int
    """Snapshots rendered and encoded."""
