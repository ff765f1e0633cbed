"""How many trades were handed to subscribers in all: a number in a file, written before they are sent.

What is written to a file without waiting for the disk outlives a killed process, though not a power cut. At
the next start, if the system runs still, it says how many trades had been sent and not yet stored.

The file is mapped: a system call for each flush could wait for seconds while others keep the disk busy.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_NUMBER = struct.Struct("<q")


def boot_id() -> str:
    """What names the present run of the operating system; "" where it does not tell."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


class SentCount:
    """One number in one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mapped: mmap.mmap | None = None
        self._written = 0

    def open(self) -> int:
        """Open or make the file and give its number; 0 if there is none. Raises OSError."""
        self.close()
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            content = os.pread(descriptor, _NUMBER.size, 0)
            self._written = _NUMBER.unpack(content)[0] if len(content) == _NUMBER.size else 0
            os.pwrite(descriptor, _NUMBER.pack(self._written), 0)  # its place on the disk is taken here
            self._mapped = mmap.mmap(descriptor, _NUMBER.size)
        finally:
            os.close(descriptor)
        return self._written

    def write(self, number: int) -> None:
        """Put a number in the place of the one before; does nothing where the file is not open."""
        if number != self._written and self._mapped is not None:
            _NUMBER.pack_into(self._mapped, 0, number)
            self._written = number

    def close(self) -> None:
        """Close the file."""
        if self._mapped is not None:
            self._mapped.close()
            self._mapped = None
