"""zenithd's own recording format: what sources declared and published, with the time it was received.

A file is a file header followed by blocks, each complete in itself::

    file header   8 bytes magic, u16 version, u16 zero, u32 CRC-32 of the twelve bytes before
    block header  marker, kind, sizes, counts, first and last time, CRC-32 of the payload and of itself
    payload       zlib of a MessagePack array of records (`Declared`, `StatusChanged`, `Batch`)

All integers are little-endian. The two checksums find a torn tail and a flipped bit and say where; what
stands before is readable. Counts and times in the headers answer `open_recording` without unpacking.
Everything here blocks: run it in a worker thread.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import time as system_time
import zlib
from collections.abc import Callable, Iterator, Sequence
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from zenithd.domain.events import MarketEvent
from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus

FORMAT_VERSION = 1
MAGIC = b"\x89ZENREC\n"
"""First bytes of a recording. The high bit shows damage by a text transfer at once."""

BLOCK_BYTES = 256 * 1024
"""Records gather until they have this size unpacked; it is what a reader holds in memory."""

BLOCK_BYTES_MAX = 64 * 1024 * 1024
"""No block is larger, packed or unpacked: a header that says so is damaged."""

_FILE_HEADER = struct.Struct("<8sHHI")
_BLOCK_HEADER = struct.Struct("<4sBxHIIIIqqII")
_MARKER = b"ZBLK"
_PLAIN_BLOCK, _BLOCK_WITH_DECLARATIONS = 0, 1
_ARRAY = struct.Struct(">BI")
_ARRAY_32 = 0xDD
"""MessagePack: an array whose length is a 32-bit integer."""


class RecordingError(Exception):
    """A recording cannot be read from `position` on, or cannot be written."""

    def __init__(self, file: Path, position: int, what: str) -> None:
        super().__init__(f"{file}: at byte {position}: {what}")
        self.file = file
        self.position = position
        self.what = what


class Declared(msgspec.Struct, frozen=True, kw_only=True, tag="D"):
    """A market was declared, or declared again; replaces what was declared of it before."""

    time: int
    definition: MarketDefinition
    instruments: tuple[Instrument, ...]


class StatusChanged(msgspec.Struct, frozen=True, kw_only=True, tag="S"):
    """The source said how its feed is."""

    time: int
    market: MarketId
    status: FeedStatus
    reason: str = ""


class Batch(msgspec.Struct, frozen=True, tag="B"):
    """Events published together at `time` (nanoseconds since the Unix epoch, when they were received)."""

    time: int
    events: list[MarketEvent]


Record = Declared | StatusChanged | Batch
_decoder = msgspec.msgpack.Decoder(list[Record])


class RecordingInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a recording holds, as far as it is readable."""

    path: Path
    version: int
    markets: tuple[Declared, ...]
    """The newest declaration of each market, in the order of their first ones."""
    first_time: int | None
    last_time: int | None
    batches: int
    events: int
    blocks: int
    readable_bytes: int
    damage: RecordingError | None
    """What stops the reading before the end of the file; None if nothing does."""


class _BlockHeader(msgspec.Struct, frozen=True):
    kind: int
    packed_bytes: int
    plain_bytes: int
    batches: int
    events: int
    first_time: int
    last_time: int
    checksum: int

    def pack(self) -> bytes:
        fields = (_MARKER, self.kind, 0, self.packed_bytes, self.plain_bytes, self.batches, self.events)
        packed = _BLOCK_HEADER.pack(*fields, self.first_time, self.last_time, self.checksum, 0)[:-4]
        return packed + zlib.crc32(packed).to_bytes(4, "little")


def open_recording(path: Path, *, verify: bool = False) -> RecordingInfo:
    """Summarise a recording from its block headers; `verify` checks every payload too.

    Raises:
        RecordingError: the file is no recording or of another version. Damage further in is no error
            here: it stands in `damage`, and the summary covers what is before it.
        OSError: the file cannot be opened or read.
    """
    markets: dict[MarketId, Declared] = {}
    headers: list[_BlockHeader] = []
    damage = None
    with path.open("rb") as file:
        version = _read_file_header(file, path)
        end = file.tell()
        try:
            for header, payload in _walk(file, path, payloads=verify):
                if header.kind == _BLOCK_WITH_DECLARATIONS:
                    for record in _unpack(header, payload, path, file.tell()):
                        if isinstance(record, Declared):
                            markets[record.definition.id] = record
                headers.append(header)
                end = file.tell()
        except RecordingError as error:
            damage = error
    return RecordingInfo(
        path=path,
        version=version,
        markets=tuple(markets.values()),
        first_time=headers[0].first_time if headers else None,
        last_time=headers[-1].last_time if headers else None,
        batches=sum(header.batches for header in headers),
        events=sum(header.events for header in headers),
        blocks=len(headers),
        readable_bytes=end,
        damage=damage,
    )


def read_blocks(path: Path) -> Iterator[list[Record]]:
    """Iterate over the records, block by block in the order written; one block is in memory at a time.

    Raises:
        RecordingError: after everything before the damage has been delivered; at once for a file that
            is no recording.
        OSError: the file cannot be opened or read.
    """
    with path.open("rb") as file:
        _read_file_header(file, path)
        for header, payload in _walk(file, path, payloads=True):
            yield _unpack(header, payload, path, file.tell())


def _read_file_header(file: BinaryIO, path: Path) -> int:
    head = file.read(_FILE_HEADER.size)
    if not head.startswith(MAGIC):
        raise RecordingError(path, 0, "not a recording of zenithd")
    if len(head) < _FILE_HEADER.size:
        raise RecordingError(path, len(head), "the file ends inside its header")
    _, version, _, checksum = _FILE_HEADER.unpack(head)
    if checksum != zlib.crc32(head[:-4]):
        raise RecordingError(path, 0, "the file header is damaged (checksum)")
    if version != FORMAT_VERSION:
        raise RecordingError(path, 8, f"format version {version}; this zenithd reads {FORMAT_VERSION}")
    return int(version)


def _walk(file: BinaryIO, path: Path, *, payloads: bool) -> Iterator[tuple[_BlockHeader, bytes]]:
    """Yield each whole block; without `payloads`, only those with declarations are read and checked."""
    size = os.fstat(file.fileno()).st_size
    while True:
        position = file.tell()
        head = file.read(_BLOCK_HEADER.size)
        if not head:
            return
        header = _parse_block_header(head, path, position)
        if file.tell() + header.packed_bytes > size:
            raise RecordingError(path, position, "torn tail: the file ends inside this block")
        if payloads or header.kind == _BLOCK_WITH_DECLARATIONS:
            payload = file.read(header.packed_bytes)
            if zlib.crc32(payload) != header.checksum:
                raise RecordingError(path, position, "the block is damaged (checksum)")
        else:
            payload = b""
            file.seek(header.packed_bytes, os.SEEK_CUR)
        yield header, payload


def _parse_block_header(head: bytes, path: Path, position: int) -> _BlockHeader:
    if len(head) < _BLOCK_HEADER.size:
        raise RecordingError(path, position, "torn tail: the file ends inside a block header")
    fields = _BLOCK_HEADER.unpack(head)
    if fields[0] != _MARKER or zlib.crc32(head[:-4]) != fields[-1]:
        raise RecordingError(path, position, "the block header is damaged (checksum)")
    header = _BlockHeader(fields[1], *fields[3:10])
    if max(header.packed_bytes, header.plain_bytes) > BLOCK_BYTES_MAX:
        raise RecordingError(path, position, "the block is larger than any zenithd writes")
    return header


def _unpack(header: _BlockHeader, payload: bytes, path: Path, end: int) -> list[Record]:
    position = end - header.packed_bytes - _BLOCK_HEADER.size
    try:
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(payload, header.plain_bytes)
        if len(plain) != header.plain_bytes or not unpacker.eof:
            raise RecordingError(path, position, "the block does not have the length it says")
        return _decoder.decode(plain)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise RecordingError(path, position, f"the block cannot be decoded: {error}") from error


class RecordingWriter:
    """Writes a recording, or goes on with one; not for two threads at once.

    Records gather in memory for at most `block_seconds`, then stand in the file as one block. A block is
    made durable (fsync) when `sync_seconds` have passed since the last time, and by `flush` and `close`.
    Nothing here runs by itself: when a source may fall silent, call `flush` now and then. When the disk
    refuses (OSError), what has gathered is kept and the next call tries again.

    Raises:
        RecordingError: the file is something else, is being written by another process, or is damaged
            in more than its tail (a torn tail, as after a crash, is cut off).
        OSError: the file cannot be opened or written.
    """

    def __init__(
        self,
        path: Path,
        *,
        block_seconds: float = 1.0,
        sync_seconds: float = 1.0,
        monotonic: Callable[[], float] = system_time.monotonic,
    ) -> None:
        self.path = path
        self.cut_off_bytes = 0
        """Length of the torn tail that was removed on opening."""
        self._block_seconds = block_seconds
        self._sync_seconds = sync_seconds
        self._monotonic = monotonic
        self._encoder = msgspec.msgpack.Encoder()
        self._clear_pending()
        self._file = _open_for_writing(path)
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(self._file.close)
            self._end = self._prepare()
            on_failure.pop_all()
        self._synced_at = monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def declare(self, time: int, definition: MarketDefinition, instruments: Sequence[Instrument]) -> None:
        """Record that a market was declared, at `time` in nanoseconds since the Unix epoch."""
        self._kind = _BLOCK_WITH_DECLARATIONS
        self._append(Declared(time=time, definition=definition, instruments=tuple(instruments)))

    def set_status(self, time: int, market: MarketId, status: FeedStatus, reason: str = "") -> None:
        """Record how a feed is."""
        self._append(StatusChanged(time=time, market=market, status=status, reason=reason))

    def write(self, time: int, events: Sequence[MarketEvent]) -> None:
        """Record one batch of events, received at `time`."""
        self._batches += 1
        self._events += len(events)
        self._append(Batch(time, list(events)))

    def flush(self) -> None:
        """Write what has gathered and make it durable."""
        self._write_block()
        self._sync()

    def close(self) -> None:
        """Flush and close; does nothing the second time."""
        if not self._file.closed:
            try:
                self.flush()
            finally:
                self._file.close()

    def _prepare(self) -> int:
        """Write the header of a new file, or find the end of what is readable in an old one."""
        size = os.fstat(self._file.fileno()).st_size
        if size == 0:
            head = _FILE_HEADER.pack(MAGIC, FORMAT_VERSION, 0, 0)[:-4]
            _write_whole(self._file, 0, head + zlib.crc32(head).to_bytes(4, "little"))
            self._sync()
            _sync_directory(self.path.parent)
            return _FILE_HEADER.size
        info = open_recording(self.path, verify=True)
        if info.damage is not None:
            self.cut_off_bytes = size - info.readable_bytes
            if self.cut_off_bytes > BLOCK_BYTES_MAX:
                raise info.damage
            self._file.truncate(info.readable_bytes)
        return info.readable_bytes

    def _clear_pending(self) -> None:
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._batches = 0
        self._events = 0
        self._kind = _PLAIN_BLOCK

    def _append(self, record: Record) -> None:
        encoded = self._encoder.encode(record)
        if not self._pending:
            self._first_time = record.time
            self._pending_since = self._monotonic()
        self._last_time = record.time
        self._pending.append(encoded)
        self._pending_bytes += len(encoded)
        if (
            self._pending_bytes >= BLOCK_BYTES
            or self._monotonic() - self._pending_since >= self._block_seconds
        ):
            self._write_block()

    def _write_block(self) -> None:
        if not self._pending:
            return
        plain = _ARRAY.pack(_ARRAY_32, len(self._pending)) + b"".join(self._pending)
        if len(plain) > BLOCK_BYTES_MAX:
            raise RecordingError(self.path, self._end, "a record is larger than a block may be")
        packed = zlib.compress(plain, level=1)
        header = _BlockHeader(
            self._kind,
            len(packed),
            len(plain),
            self._batches,
            self._events,
            self._first_time,
            self._last_time,
            zlib.crc32(packed),
        )
        block = header.pack() + packed
        _write_whole(self._file, self._end, block)
        self._end += len(block)
        self._clear_pending()
        if self._monotonic() - self._synced_at >= self._sync_seconds:
            self._sync()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced_at = self._monotonic()


def _open_for_writing(path: Path) -> FileIO:
    """Open without truncating and take the lock that keeps a second writer out."""
    file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise RecordingError(path, 0, "another process is writing this recording") from error
    return file


def _write_whole(file: FileIO, position: int, data: bytes) -> None:
    """Write all of `data` or, if the disk refuses, none of it, so that no torn block stays in between."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.pwrite(file.fileno(), rest, position + len(data) - len(rest)) :]
    except OSError:
        file.truncate(position)
        raise


def _sync_directory(directory: Path) -> None:
    """Make the name of a new file durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
