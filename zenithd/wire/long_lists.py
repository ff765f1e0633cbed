"""Long lists in answers: made and encoded step by step, so that nobody waits for all of it.

The bytes are those that `Codec.encode` would make of the whole. What is made for a step is gone after it, so
that a long answer needs no more memory than its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, Generic, TypeVar

from zenithd.wire.codec import Codec, Encoding

ENTRIES_PER_STEP = 25
"""Entries that are made and encoded at once, in a tenth of a millisecond or so."""

S = TypeVar("S")


class LongList(Generic[S]):
    """A list of an answer whose entries are made of `items` when they are encoded."""

    def __init__(self, items: Sequence[S], make: Callable[[Sequence[S]], list[Any]]) -> None:
        self._items = items
        self._make = make

    def __len__(self) -> int:
        return len(self._items)

    def part(self, start: int, end: int) -> list[Any]:
        """Make some of the entries."""
        return self._make(self._items[start:end])

    def whole(self) -> list[Any]:
        """Make them all at once."""
        return self._make(self._items)


_JSON_BEFORE, _JSON_BEHIND = len(b'{"Data":['), len(b"]}")
_MESSAGEPACK_DATA = b"\xa4Data"
_BSON_LENGTH = 4
"""Bytes that give a document's length; its elements follow, and a zero."""


def encode_long(codec: Codec, container: dict[str, Any]) -> Generator[None, None, bytes]:
    """The payload of one frame with a container whose Data, its last entry, is a LongList."""
    encode_part, join = _FORMS[codec.encoding]
    entries: LongList[Any] = container["Data"]
    rest = {name: value for name, value in container.items() if name != "Data"}
    parts: list[bytes] = []
    for start in range(0, len(entries), ENTRIES_PER_STEP):
        parts.append(encode_part(codec, entries.part(start, start + ENTRIES_PER_STEP), start))
        yield
    return join(codec.encode(rest), parts, len(entries))


def _json_part(codec: Codec, entries: list[Any], start: int) -> bytes:
    return codec.encode({"Data": entries})[_JSON_BEFORE:-_JSON_BEHIND]


def _json_join(rest: bytes, parts: list[bytes], count: int) -> bytes:
    return b'%b,"Data":[%b]}' % (rest[:-1], b",".join(parts))


def _messagepack_part(codec: Codec, entries: list[Any], start: int) -> bytes:
    before = 1 + len(_MESSAGEPACK_DATA) + len(_messagepack_array(len(entries)))
    return codec.encode({"Data": entries})[before:]


def _messagepack_array(count: int) -> bytes:
    """The header of an array."""
    if count < 16:
        return bytes((0x90 | count,))
    if count < 65_536:
        return b"\xdc" + count.to_bytes(2, "big")
    return b"\xdd" + count.to_bytes(4, "big")


def _messagepack_join(rest: bytes, parts: list[bytes], count: int) -> bytes:
    one_more = bytes((rest[0] + 1,))  # a map of less than fifteen entries has its size in its first byte
    return b"".join((one_more, rest[1:], _MESSAGEPACK_DATA, _messagepack_array(count), *parts))


def _bson_part(codec: Codec, entries: list[Any], start: int) -> bytes:
    return _elements(codec.encode({str(start + place): entry for place, entry in enumerate(entries)}))


def _elements(document: bytes) -> bytes:
    return document[_BSON_LENGTH:-1]


def _document(elements: bytes) -> bytes:
    return b"%b%b\0" % ((_BSON_LENGTH + len(elements) + 1).to_bytes(_BSON_LENGTH, "little"), elements)


def _bson_join(rest: bytes, parts: list[bytes], count: int) -> bytes:
    return _document(b"%b\x04Data\0%b" % (_elements(rest), _document(b"".join(parts))))


_FORMS: dict[
    Encoding, tuple[Callable[[Codec, list[Any], int], bytes], Callable[[bytes, list[bytes], int], bytes]]
] = {
    Encoding.JSON: (_json_part, _json_join),
    Encoding.MESSAGEPACK: (_messagepack_part, _messagepack_join),
    Encoding.BSON: (_bson_part, _bson_join),
}
