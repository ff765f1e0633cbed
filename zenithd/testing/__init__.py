"""What plugin authors test with; zenithd's own plugins are tested with it too.

* `run_source` runs a source in a `MemoryDaemon`, whose markets a test can look at.
* `ScriptedVenue` is a venue on this machine that plays a script; `with_gap` and its like spoil the script.
* `FakeClock` follows trio's clock; `network_clock` is that clock for tests with sockets.
* `conformance` has the checks that every market source must pass.

docs/plugin-authoring.md, section 7, shows them together.
"""

from __future__ import annotations

from zenithd.testing import conformance
from zenithd.testing.clock import FakeClock, network_clock
from zenithd.testing.daemon import MemoryDaemon, Status, run_source
from zenithd.testing.script import (
    Cut,
    Expect,
    Pause,
    Send,
    Stall,
    Step,
    expect_text,
    frames,
    with_cut,
    with_delay,
    with_gap,
    with_repeat,
    with_stall,
)
from zenithd.testing.scripted_venue import Request, Response, ScriptedVenue, VenueClient, serve_venue

__all__ = [
    "Cut",
    "Expect",
    "FakeClock",
    "MemoryDaemon",
    "Pause",
    "Request",
    "Response",
    "ScriptedVenue",
    "Send",
    "Stall",
    "Status",
    "Step",
    "VenueClient",
    "conformance",
    "expect_text",
    "frames",
    "network_clock",
    "run_source",
    "serve_venue",
    "with_cut",
    "with_delay",
    "with_gap",
    "with_repeat",
    "with_stall",
]
