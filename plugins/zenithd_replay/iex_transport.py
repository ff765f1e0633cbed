"""IEX-TP 1.0: the header of every packet, the messages in it, and the order of the packets. Pure.

Each message of a session has a sequence number; a header names the first one in its packet and how many
follow. A heartbeat has no messages and names the number that comes next.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator

import msgspec

DEEP_1_0 = 0x8004
"""Message protocol of DEEP 1.0."""

_HEADER = struct.Struct("<BxHIIHHqqq")
_LENGTH = struct.Struct("<H")
HEADER_BYTES = _HEADER.size


class Header(msgspec.Struct, frozen=True, gc=False):
    """The header of a packet, without the bytes that never differ."""

    version: int
    protocol: int
    channel: int
    session: int
    payload_bytes: int
    messages: int
    stream_offset: int
    first_sequence: int
    send_time: int
    """Nanoseconds since the Unix epoch."""


class Order(enum.Enum):
    """How a packet stands to those before it."""

    NEXT = "next"
    """Begins with the expected message, or is the first packet and begins a stream."""
    REPEATED = "repeated"
    """All of its messages have been seen."""
    AFTER_GAP = "after gap"
    """Messages are missing before it; also the first packet of a capture that begins inside a stream."""
    NEW_STREAM = "new stream"
    """The venue's sender began again at 1: another session, or the same one restarted."""


def parse_header(payload: bytes) -> Header | None:
    """Return the header of a whole IEX-TP packet; None for anything else, also one that was cut off."""
    if len(payload) < HEADER_BYTES:
        return None
    header = Header(*_HEADER.unpack_from(payload))
    whole = header.version == 1 and header.payload_bytes == len(payload) - HEADER_BYTES
    return header if whole and header.first_sequence >= 0 else None


def message_bounds(payload: bytes, header: Header) -> Iterator[tuple[int, int]]:
    """Yield start and end of each message in the packet.

    Raises:
        ValueError: the lengths do not fit the packet.
    """
    position = HEADER_BYTES
    size = len(payload)
    for _ in range(header.messages):
        if position + 2 > size:
            raise ValueError("fewer messages than the header says")
        start = position + 2
        position = start + _LENGTH.unpack_from(payload, position)[0]
        if position > size:
            raise ValueError("a message reaches beyond its packet")
        yield start, position


class Sequence:
    """Follows the sequence numbers of one channel."""

    def __init__(self) -> None:
        self._session: int | None = None
        self._expected = 1
        self._send_time = 0
        self.missing = 0
        """Messages missing before the packet placed last, if it came after a gap."""
        self.repeated = 0
        """Messages at the start of the packet placed last that have been seen."""

    def place(self, header: Header) -> Order:
        """Say how the packet stands to those before it, and count it as seen."""
        first, following = header.first_sequence, header.first_sequence + header.messages
        self.missing = self.repeated = 0
        if self._session is None:
            order = Order.NEXT if first <= 1 else Order.AFTER_GAP
            self.missing = max(first - 1, 0)
        elif header.session != self._session or self._began_again(header):
            order = Order.NEW_STREAM
            self.missing = max(first - 1, 0)
        elif first > self._expected:
            order = Order.AFTER_GAP
            self.missing = first - self._expected
        elif following > self._expected or first == self._expected:
            order = Order.NEXT
            self.repeated = self._expected - first
        else:
            return Order.REPEATED
        self._session = header.session
        self._expected = max(following, 1)
        self._send_time = header.send_time
        return order

    def _began_again(self, header: Header) -> bool:
        """A copy of the first packet that comes late was sent early; a new beginning is sent now."""
        return (
            header.first_sequence == 1
            and header.stream_offset == 0
            and self._expected > 1
            and header.send_time > self._send_time
        )
