"""What permessage-deflate (RFC 7692) would cost and save; decision 006 rests on these figures."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat
from typing import NamedTuple

LEVELS = (1, 6)
TAIL = b"\x00\x00\xff\xff"
"""Ends each message and is left out on the wire (RFC 7692 7.2.1)."""


class Deflated(NamedTuple):
    """One way to compress."""

    way: str
    level: int
    us_per_message: float
    share: float
    """Of the bytes that are left."""


def compare(messages: Sequence[bytes]) -> list[Deflated]:
    """Compress messages of one connection, in order, in both ways that the extension allows."""
    found = []
    for level in LEVELS:
        fresh = partial(zlib.compressobj, level, zlib.DEFLATED, -zlib.MAX_WBITS)
        found.append(_measure("shared", level, messages, fresh))
        found.append(_measure("per subscriber", level, messages, repeat(fresh()).__next__))
    return found


def _measure(
    way: str, level: int, messages: Sequence[bytes], compressor: Callable[[], zlib._Compress]
) -> Deflated:
    began, size = time.process_time(), 0
    for message in messages:
        one = compressor()
        size += len(one.compress(message)) + len(one.flush(zlib.Z_SYNC_FLUSH)) - len(TAIL)
    seconds = time.process_time() - began
    return Deflated(way, level, seconds / len(messages) * 1e6, size / sum(map(len, messages)))
