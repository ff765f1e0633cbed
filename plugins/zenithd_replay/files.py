"""Recorded files, unpacked where they are compressed; their damage is told as `RecordingError`."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from zenithd.recording import RecordingError

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31
"""What zlib calls a gzip stream with the largest window."""
_PACKED_BYTES = 16 * 1024
"""Unpacked in one go: what can be lost before a place that is damaged."""
_BUFFER_BYTES = 256 * 1024

LINE_BYTES_MAX = 16 * 1024 * 1024
"""A longer line is damage, not data."""


class _Unpacked(io.RawIOBase):
    """The content of a gzip file. Unlike the standard library's, it gives everything before a torn end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._unpacker = zlib.decompressobj(_GZIP_WINDOW)
        self._packed = b""
        self._is_between = True
        """Nothing of the next compressed stream has been read."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer partly; 0 at the end.

        Raises:
            EOFError: the file ends inside the compressed data.
            zlib.error: the compressed data are damaged.
        """
        while True:
            if self._unpacker.eof:  # several may be joined in one file
                self._packed = self._unpacker.unused_data or self._packed
                self._unpacker = zlib.decompressobj(_GZIP_WINDOW)
                self._is_between = True
            self._packed = self._packed or self._file.read(_PACKED_BYTES)
            if not self._packed:
                if self._is_between:
                    return 0
                raise EOFError
            self._is_between = False
            plain = self._unpacker.decompress(self._packed, len(buffer))
            self._packed = self._unpacker.unconsumed_tail
            if plain:
                buffer[: len(plain)] = plain
                return len(plain)


class RecordedFile:
    """A file open for reading from its beginning. Positions count unpacked bytes.

    Raises:
        OSError: it cannot be opened.
        RecordingError: (by every method that reads) it cannot be read further.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0
        self._inner = path.open("rb")
        self._file: io.BufferedReader[Any] = self._inner
        if self._inner.peek(2)[:2] == _GZIP_MAGIC:
            self._file = io.BufferedReader(_Unpacked(self._inner), _BUFFER_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._inner.close()

    def head(self, size: int) -> bytes:
        """The next bytes (at most about 8,000), which stay to be read."""
        try:
            return self._file.peek(size)[:size]
        except (EOFError, zlib.error) as error:
            raise self._damage(error) from error

    def read(self, size: int, /) -> bytes:
        """Read `size` bytes, fewer only at the end."""
        try:
            data = self._file.read(size)
        except (EOFError, zlib.error) as error:
            raise self._damage(error) from error
        self.position += len(data)
        return data

    def read_line(self) -> bytes:
        """Read a line with its end; b"" at the end of the file. The last line may lack its end."""
        try:
            line = self._file.readline(LINE_BYTES_MAX)
        except (EOFError, zlib.error) as error:
            raise self._damage(error) from error
        self.position += len(line)
        return line

    def _damage(self, error: Exception) -> RecordingError:
        what = "torn tail: the compressed data end early"
        if not isinstance(error, EOFError):
            what = f"the compressed data are damaged: {error}"
        return RecordingError(self.path, self.position, what)
