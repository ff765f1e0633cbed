"""What plugin authors test with; zenithd's own plugins are tested with it too.

* `run_source` runs a source in a `MemoryDaemon`, whose markets a test can look at.
* `ScriptedVenue` is a venue on this machine that plays a script; `with_gap` and its like spoil the script.
* `FakeClock` follows trio's clock; `network_clock` is that clock for tests with sockets.
* `conformance` has the checks that every market source must pass.
* `MemoryOms` is an order management system for adapters that loses, repeats and comes late as a test wants;
  `adapter_conformance` has the checks that every adapter must pass. `MemoryJournal` keeps what both need.

docs/plugin-authoring.md, sections 7 and 10, shows them together.
"""

from __future__ import annotations

from zenithd.testing import adapter_conformance, conformance
from zenithd.testing.clock import FakeClock, network_clock
from zenithd.testing.daemon import MemoryDaemon, Status, run_source
from zenithd.testing.memory_journal import MemoryJournal
from zenithd.testing.memory_oms import MemoryOms, Placed, run_adapter
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
    "MemoryJournal",
    "MemoryOms",
    "Pause",
    "Placed",
    "Request",
    "Response",
    "ScriptedVenue",
    "Send",
    "Stall",
    "Status",
    "Step",
    "VenueClient",
    "adapter_conformance",
    "conformance",
    "expect_text",
    "frames",
    "network_clock",
    "run_adapter",
    "run_source",
    "serve_venue",
    "with_cut",
    "with_delay",
    "with_gap",
    "with_repeat",
    "with_stall",
]
