"""What must become of the bytes that a client sends on a WebSocket: RFC 6455 read a second time."""

from __future__ import annotations

import codecs as text_codecs
from typing import Any

from zenithd.wire.codec import Codec, MalformedMessage
from zenithd.wire.container import parse

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
NO_CODE = 1005
"""A close frame without a code."""
GOES_ON = 0
"""In place of a close code: no close frame at all."""
FRAGMENT_BYTES_MIN = 64
"""What a fragment counts as at least towards the size of its message."""


class Stream:
    """Reads all that a client sends on one connection, then tells what may have come of it."""

    def __init__(self, data: bytes, codec: Codec, message_bytes_max: int) -> None:
        self._data = data
        self._codec = codec
        self._max = message_bytes_max
        self._at = 0
        self._opcode: int | None = None
        self._message = b""
        self._announced = 0
        self._decoder: Any = None
        self._codes: set[int] = set()
        self.is_between_frames = False
        self.codes = self._read()
        """Close codes of which the server may send one; `GOES_ON` among them: it need not send any."""

    def _read(self) -> set[int]:
        while self._at < len(self._data):
            verdict = self._frame()
            if verdict is not None:
                if verdict & {1002, 1007} and self._at < len(self._data):
                    verdict = verdict | {1009}  # lengths are read ahead: what follows may look too large
                # What a message led to and what a later frame leads to race with each other.
                return verdict if not self._codes else self._codes | verdict - {GOES_ON}
        self.is_between_frames = True
        return self._codes or {GOES_ON}

    def _frame(self) -> set[int] | None:
        """Read one frame; what it leads to if the stream is at an end with it."""
        data, at = self._data, self._at
        if len(data) < at + 2:
            return {GOES_ON}
        first, short = data[at], data[at + 1] & 0x7F
        opcode, is_final = first & 0x0F, bool(first & 0x80)
        is_wrong = opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG)
        is_wrong |= opcode >= CLOSE and (not is_final or short > 125)
        is_wrong |= bool(first & 0x70) or not data[at + 1] & 0x80
        size = {126: 2, 127: 8}.get(short, 0)
        begin = at + 2 + size + (4 if data[at + 1] & 0x80 else 0)
        if len(data) < begin:
            # wsproto looks at a header as it comes, and at reserved bits and masks with the length only.
            return {1002, GOES_ON} if is_wrong or size else {GOES_ON}
        length = int.from_bytes(data[at + 2 : at + 2 + size], "big") if size else short
        is_wrong |= (size == 2 and length < 126) or (size == 8 and (length < 65536 or length >= 2**63))
        if opcode < CLOSE:
            is_wrong |= (opcode == CONTINUATION) is (self._opcode is None)
            self._announced += length if is_final else max(length, FRAGMENT_BYTES_MIN)
            if self._announced > self._max:
                return {1009, 1002} if is_wrong else {1009}
        if is_wrong:
            return self._wrong(length, begin)
        key, payload = data[begin - 4 : begin], data[begin : begin + length]
        payload = bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
        is_whole = len(data) >= begin + length
        self._at = begin + length
        if opcode < CLOSE:
            return self._fragment(opcode, payload, is_final and is_whole, is_whole)
        if not is_whole:
            return {GOES_ON}
        return _closing(payload) if opcode == CLOSE else None

    def _wrong(self, length: int, begin: int) -> set[int]:
        """A frame out of order shows when the first of its payload has come."""
        return {1002, 1007, GOES_ON} if length and len(self._data) == begin else {1002, 1007}

    def _fragment(self, opcode: int, payload: bytes, is_last: bool, is_whole: bool) -> set[int] | None:
        if self._opcode is None:
            self._opcode = opcode
            self._decoder = text_codecs.getincrementaldecoder("utf-8")()
        self._message += payload
        if self._opcode == TEXT:
            try:
                self._decoder.decode(payload, is_last)
            except UnicodeDecodeError:
                return {1007}
        if not is_whole:
            return {GOES_ON}
        if is_last:
            self._look_at(self._message if self._opcode == BINARY else self._message.decode())
            self._opcode, self._message, self._announced = None, b"", 0
        return None

    def _look_at(self, message: bytes | str) -> None:
        try:
            parse(self._codec.decode(message))
        except MalformedMessage:
            self._codes.add(1007)


def _closing(payload: bytes) -> set[int]:
    if not payload:
        return {NO_CODE}
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not 1000 <= code < 5000 or code in (1005, 1006, 1015):
        return {1002}
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        return {1007, 1002} if 1003 < code < 3000 else {1007}
    return {code, 1002} if 1003 < code < 3000 else {code}
