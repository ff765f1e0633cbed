"""Watches how large the frames are that a client announces (RFC 6455 5.2).

wsproto hands over what has arrived of a frame and does not look at how much is still to come. A client that
announces more than any message may have is told so at once, not after it has sent that much.
"""

from __future__ import annotations

HEADER_BYTES_MAX = 14
_EXTENDED = {126: 2, 127: 8}


class AnnouncedLengths:
    """Follows frame headers through a stream of bytes cut anywhere. Pure."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self._header = b""
        self._payload_left = 0

    def exceeds(self, data: bytes | bytearray) -> bool:
        """Take the next bytes; True if a frame among them announces more than `bytes_max`."""
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
                return False
            if length > self.bytes_max:
                return True
            position += size - len(self._header)
            self._header = b""
            self._payload_left = length
        return False


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
