"""Frames, blocks, and the chain of digests. Pure.

A record is stored as a frame: the MessagePack array [position, feed, sequence, date, kind, body, digest].
The digest is SHA-256 over the digest of the record before (32 zero bytes before the first) and the frame up
to its own digest. MessagePack marks type and length of everything, so no two records have the same encoding.
As a digest ends one frame and the next begins behind it, what is hashed is one slice of the stored bytes.

What one commit writes is a block: frames one after the other, and their sizes. Sizes are kept apart so that a
damaged byte in one frame does not hide where the next begins.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec

from zenithd.journal.record import DIGEST_BYTES, Entry, Record

GENESIS = bytes(DIGEST_BYTES)
"""Stands for the digest before the first record."""

INDEX_EVERY = 1_024
"""A feed has an index entry at least every so many positions where it has records: as many are looked
through to find one by its sequence."""

_BIN_32 = b"\xc4\x20"
_TAIL = len(_BIN_32) + DIGEST_BYTES
SIZE_BYTES = 4
"""Of the size of a frame."""

_encode = msgspec.msgpack.Encoder().encode
_decode_records = msgspec.msgpack.Decoder(list[Record]).decode
_decode_record = msgspec.msgpack.Decoder(Record).decode


class Damaged(Exception):
    """A record is not what was written. Its `position` is that of the first bad one; `reason` says how."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"record {position} is damaged: {reason}")
        self.position = position
        self.reason = reason


class Head(NamedTuple):
    """The end of a chain."""

    position: int = 0
    date: int = 0
    digest: bytes = GENESIS


class IndexEntry(NamedTuple):
    """Where a feed's records are."""

    feed: str
    sequence: int
    """Of the feed's first record in the block."""
    block: int
    """Position of the block's first record."""


class Frames(NamedTuple):
    """Records as they are stored."""

    sizes: bytes
    """Of each frame, 4 bytes, little-endian."""
    payload: bytes
    """The frames."""


class Block(NamedTuple):
    """What one commit writes."""

    first: int
    """Position of the first record."""
    date: int
    """Of the first record."""
    frames: Frames
    entries: tuple[IndexEntry, ...]
    """For the index of feeds."""


Run = tuple[str, int, int, Sequence[Entry]]
"""Entries of one feed to be written one after the other: feed, sequence of the first, date, entries."""


def encode(head: Head, runs: Iterable[Run]) -> tuple[Frames, Head]:
    """Make frames that continue a chain; dates must not go back."""
    position, date, digest = head
    frames: list[bytes] = []
    encode_fields, hashed = _encode, sha256  # looked up for each of many records
    for feed, first, date, entries in runs:
        for sequence, (kind, body) in enumerate(entries, first):
            position += 1
            content = encode_fields((position, feed, sequence, date, kind, body, None))[:-1]
            digest = hashed(digest + content).digest()
            frames.append(content + _BIN_32 + digest)
    sizes = struct.pack(f"<{len(frames)}I", *map(len, frames))
    return Frames(sizes, b"".join(frames)), Head(position, date, digest)


def count(frames: Frames) -> int:
    """Number of records."""
    return len(frames.sizes) // SIZE_BYTES


def cut(frames: Frames, number: int) -> Frames:
    """The first frames, so many of them."""
    sizes = frames.sizes[: number * SIZE_BYTES]
    return Frames(sizes, frames.payload[: sum(struct.unpack(f"<{number}I", sizes))])


def last_digest(frames: Frames) -> bytes:
    """The digest that ends the chain of these frames."""
    return frames.payload[-DIGEST_BYTES:]


def decode(frames: Frames, before: Head) -> list[Record]:
    """Check that frames continue a chain, and give their records.

    Raises:
        Damaged: they do not.
    """
    sizes, payload = frames
    chained = before.digest + payload
    end = DIGEST_BYTES
    hashed, digest_bytes, tail = sha256, DIGEST_BYTES, _TAIL  # looked up for each of a million records
    for number, size in enumerate(_sizes(sizes, payload, before.position + 1)):
        start = end - digest_bytes
        end += size
        if hashed(chained[start : end - tail]).digest() != chained[end - digest_bytes : end]:
            raise Damaged(before.position + 1 + number, "its digest is not that of its content")
    return decode_unchained(frames, before.position + 1)


def _sizes(sizes: bytes, payload: bytes, first: int) -> tuple[int, ...]:
    if len(sizes) % SIZE_BYTES:
        raise Damaged(first, "the sizes of its block are torn")
    found = struct.unpack(f"<{len(sizes) // SIZE_BYTES}I", sizes)
    if sum(found) == len(payload) and (not found or min(found) > _TAIL):
        return found
    # Which frame is it? All before it still have their digests; they are looked at one by one.
    whole: list[int] = []
    left = len(payload)
    for size in found:
        if not _TAIL < size <= left:
            break
        whole.append(size)
        left -= size
    return (*whole, _TAIL)  # the last stands for the first frame that does not fit, and has no digest


def decode_unchained(frames: Frames, first: int) -> list[Record]:
    """Give the records without a look at the chain: for what is checked elsewhere. `first`: their position.

    Raises:
        Damaged: they cannot be read, or others are in their place.
    """
    number = count(frames)
    try:
        records = _decode_records(b"\xdd" + number.to_bytes(4, "big") + frames.payload)
    except msgspec.DecodeError:
        raise _unreadable(frames, first) from None
    if records and records[0].position != first:
        raise Damaged(first, f"a record of position {records[0].position} is in its place")
    return records


def _unreadable(frames: Frames, first: int) -> Damaged:
    end = 0
    for number, size in enumerate(_sizes(*frames, first)):
        end += size
        try:
            _decode_record(frames.payload[end - size : end])
        except msgspec.DecodeError as error:
            return Damaged(first + number, f"it cannot be read: {error}")
    return Damaged(first, "its block cannot be read")


def head_of(record: Record) -> Head:
    """The end of the chain at a record."""
    return Head(record.position, record.date, record.digest)
