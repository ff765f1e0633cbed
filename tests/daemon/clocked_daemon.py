"""`zenithd run` with a wall clock that somebody else moves: a line of standard input is the time it is then.

    python -m tests.daemon.clocked_daemon --start TIME --config FILE --listen HOST:PORT

Times are ISO 8601 with an offset. Between the lines the clock goes on as clocks do; it is never set back.
"""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path

import trio

from zenithd import app
from zenithd.config import load
from zenithd.testing.clock import FakeClock

NANOSECONDS = 1_000_000_000


async def obey(clock: FakeClock) -> None:
    """Move the clock as standard input says."""
    received = b""
    async with trio.lowlevel.FdStream(os.dup(0)) as lines:
        async for data in lines:
            received += data
            *whole, received = received.split(b"\n")
            for line in whole:
                wanted = datetime.fromisoformat(line.decode()).astimezone(UTC)
                clock.step(max(0, int(wanted.timestamp()) * NANOSECONDS - clock.now()))


async def serve(path: Path, listen: str, start: str) -> None:
    """Run until told to stop."""
    clock = FakeClock(start)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(obey, clock)
        await app.run(load(path, {"server.listen": listen}), clock=clock)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--start", required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--listen", required=True)
    options = parser.parse_args()
    trio.run(serve, options.config, options.listen, options.start)
