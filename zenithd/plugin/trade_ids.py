"""Trade ids that are never given twice, for sources that number their trades themselves."""

from __future__ import annotations

import os
from pathlib import Path

FILE_NAME = "trade_ids"
IDS_PER_RESERVATION = 1_000_000


class ReservedTradeIds:
    """Hands out trade ids that no earlier run can have used, however that run ended.

    Trades are sent before they are stored, so what `context.last_known` tells after a crash may be older
    than what subscribers saw. Here a range of ids is put on the disk before the first of it is used, and each
    run begins above all ranges of the ones before. One object serves all instruments of a source:

        ids = ReservedTradeIds(self.context.directory)
        trade_id = ids.first
        ...
        ids.reserve(trade_id)  # before it is published; waits for the disk once in a million ids

    Args:
        directory: the source's own folder.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds something else.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._until = self._load()
        self.first = self._until + 1
        """Above every id of earlier runs."""

    def _load(self) -> int:
        try:
            content = self._path.read_text()
        except FileNotFoundError:
            return 0
        try:
            return int(content)
        except ValueError:
            raise ValueError(
                f"{self._path} holds no trade id: put one there that is above all used"
            ) from None

    def reserve(self, trade_id: int) -> None:
        """Make sure that no later run uses this id or a lower one.

        Raises:
            OSError: that cannot be put on the disk; the id must not be used then.
        """
        if trade_id > self._until:
            until = trade_id + IDS_PER_RESERVATION
            _write_durably(self._path, str(until).encode())
            self._until = until


def _write_durably(path: Path, content: bytes) -> None:
    """Replace a file as a whole, on the disk when this returns."""
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
