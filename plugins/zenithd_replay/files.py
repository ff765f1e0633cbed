"""Recorded files, unpacked where they are compressed; their damage is told as `RecordingError`."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from zenithd.recording import RecordingError

_GZIP_MAGIC = b"\x1f\x8b"
_BUFFER_BYTES = 256 * 1024

LINE_BYTES_MAX = 16 * 1024 * 1024
"""A longer line is damage, not data."""


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
            self._file = io.BufferedReader(gzip.GzipFile(fileobj=self._inner), _BUFFER_BYTES)

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
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self._damage(error) from error

    def read(self, size: int, /) -> bytes:
        """Read `size` bytes, fewer only at the end."""
        try:
            data = self._file.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self._damage(error) from error
        self.position += len(data)
        return data

    def read_line(self) -> bytes:
        """Read a line with its end; b"" at the end of the file. The last line may lack its end."""
        try:
            line = self._file.readline(LINE_BYTES_MAX)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self._damage(error) from error
        self.position += len(line)
        return line

    def _damage(self, error: Exception) -> RecordingError:
        what = "torn tail: the compressed data end early"
        if not isinstance(error, EOFError):
            what = f"the compressed data are damaged: {error}"
        return RecordingError(self.path, self.position, what)
