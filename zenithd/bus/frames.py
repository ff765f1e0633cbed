"""WebSocket frames of a server: never masked, never fragmented (RFC 6455 5.2), so made once for everybody."""

from __future__ import annotations

import struct

TEXT = 0x81
BINARY = 0x82
CLOSE = 0x88
PING = b"\x89\x00"
"""A ping without payload; the same bytes serve every connection."""

REASON_BYTES_MAX = 123

_SMALL = {opcode: [bytes((opcode, length)) for length in range(126)] for opcode in (TEXT, BINARY)}


def frame(opcode: int, payload: bytes) -> bytes:
    """Frame one whole message; `opcode` is TEXT or BINARY."""
    length = len(payload)
    if length < 126:
        return _SMALL[opcode][length] + payload
    if length < 65536:
        return struct.pack("!BBH", opcode, 126, length) + payload
    return struct.pack("!BBQ", opcode, 127, length) + payload


def close_frame(code: int, reason: str) -> bytes:
    """A close frame; a reason that is too long for a control frame is cut."""
    payload = struct.pack("!H", code) + reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore").encode()
    return bytes((CLOSE, len(payload))) + payload


def is_close(data: bytes | bytearray | memoryview) -> bool:
    """True for bytes that begin with a close frame, as wsproto makes it."""
    return len(data) > 0 and data[0] == CLOSE
