"""Raw captures of the venue: lines `<receive time, ns since the epoch> <JSON>`. Pure.

The JSON is a message of a combined stream as it was received, which `FrameParser.parse` reads, or the body
of a REST depth answer, which `FrameParser.snapshot` reads and which does not say of which symbol it is.
"""

from __future__ import annotations

import msgspec


class CaptureFault(Exception):
    """A line that is none of a capture. Blame: whoever made the file."""


class CaptureLine(msgspec.Struct, frozen=True):
    """A line taken apart."""

    received: int
    """Ns since the epoch."""
    body: bytes


def read_line(line: bytes) -> CaptureLine:
    """Take a line apart.

    Raises:
        CaptureFault: it does not begin with a time and a blank.
    """
    time, _, body = line.partition(b" ")
    if not (time.isdigit() and len(time) <= 19 and body):
        raise CaptureFault(f"no capture line: {line[:40]!r}")
    return CaptureLine(int(time), body)
