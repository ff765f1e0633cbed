"""What the bench's own programs share: they hear what to do from lines on standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator

import trio

from zenithd.bus import Flusher


async def lines() -> AsyncIterator[str]:
    """Standard input; without the thread that `trio.wrap_file` would take for each line."""
    received = b""
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stream:
        async for data in stream:
            *whole, received = (received + data).split(b"\n")
            for line in whole:
                yield line.decode()


async def written(flusher: Flusher) -> None:
    """Return when everything delivered has been taken by the kernel."""
    while flusher.backlog or flusher.blocked_outboxes:  # noqa: ASYNC110  (the flusher tells nobody)
        await trio.sleep(0.001)
