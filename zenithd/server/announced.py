"""Watches what a client announces with the headers of its frames (RFC 6455 5.2, 5.4).

wsproto hands over what has arrived of a frame and does not look at how much is still to come, and
trio-websocket counts characters. A client that announces more than any message may have is told so at once,
not after it has sent that much.
"""

from __future__ import annotations

HEADER_BYTES_MAX = 14
FRAGMENT_BYTES_MIN = 64
"""A fragment counts as much at least: it costs us so much, even an empty one, and there may be any number."""

_EXTENDED = {126: 2, 127: 8}
_FIN = 0x80
_OPCODE = 0x0F
_CONTROL = 0x08
"""Set in the opcodes of control frames, which may stand between the fragments of a message."""
_CLOSE = 0x08


class AnnouncedLengths:
    """Follows frame headers through a stream of bytes cut anywhere. Pure."""

    __slots__ = (
        "_header",
        "_message",
        "_payload_left",
        "bytes_max",
        "closing",
        "frames",
    )

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self._header = b""
        self._payload_left = 0
        self._message = 0
        """Announced by the fragments of the message that is not yet finished."""
        self.frames = 0
        """Whose headers have come."""
        self.closing = False
        """True once a close frame has begun."""

    def fitting(self, data: bytes | bytearray) -> int:
        """Take the next bytes; return how many stand before a frame that announces too much.

        That is all of them while a client keeps to `bytes_max`. Once there is less nothing more can be taken.
        """
        position, end = 0, len(data)
        while position < end:
            if self._payload_left:
                step = min(self._payload_left, end - position)
                self._payload_left -= step
                position += step
                continue
            wanted = HEADER_BYTES_MAX - len(self._header)
            header = self._header + data[position : position + wanted]
            size, length = _parse(header)
            if size == 0:
                self._header = bytes(header)
                return end
            if self._announced(header[0], length) > self.bytes_max:
                return position
            self.frames += 1
            position += size - len(self._header)
            self._header = b""
            self._payload_left = length
        return end

    def _announced(self, first: int, length: int) -> int:
        """How much of a message is announced with this frame; a control frame has its own bound."""
        if first & _CONTROL:
            self.closing = self.closing or first & _OPCODE == _CLOSE
            return 0
        if first & _FIN:
            announced, self._message = self._message + length, 0
            return announced
        self._message += max(length, FRAGMENT_BYTES_MIN)
        return self._message


def _parse(header: bytes | bytearray) -> tuple[int, int]:
    """(bytes of the header, bytes of the payload); (0, 0) while the header is not complete."""
    if len(header) < 2:
        return 0, 0
    short = header[1] & 0x7F
    extended = _EXTENDED.get(short, 0)
    size = 2 + extended + (4 if header[1] & 0x80 else 0)
    if len(header) < size:
        return 0, 0
    return size, int.from_bytes(header[2 : 2 + extended], "big") if extended else short
