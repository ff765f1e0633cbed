"""Backup and restore: a journal is copied block by block, and each digest is looked at on the way.

A backup is a SQLite journal whatever store it comes from, so it can be looked at with the same commands and
restored into either. Copying pages would be quicker, and would copy damage.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from zenithd.journal import chain
from zenithd.journal.chain import Block, Damaged, Frames, head_of
from zenithd.journal.index import index_block
from zenithd.journal.record import Snapshot
from zenithd.journal.sqlite import SqliteStore, seal
from zenithd.journal.store import Reader, Store, StoreFault, StoreRefused, all_blocks

Progress = Callable[[int], object]
"""Told of each position that was reached."""


def checked_blocks(reader: Reader, progress: Progress) -> Iterator[Block]:
    """All blocks, as they were written.

    Raises:
        StoreFault: they cannot be read.
        Damaged: a record is not what was written, or is missing.
    """
    anchor = reader.anchor()
    before, ends = anchor.head, dict(anchor.ends)
    for blocks in all_blocks(reader):
        for first, sizes, payload in blocks:
            if first != before.position + 1:
                raise Damaged(before.position + 1, "it is missing")
            frames = Frames(sizes, payload)
            records = chain.decode(frames, before)
            yield Block(first, records[0].date, frames, tuple(index_block(records, ends)))
            before = head_of(records[-1])
        progress(before.position)


def snapshots(reader: Reader) -> Iterator[Snapshot]:
    """All snapshots."""
    for note in reader.snapshots():
        snapshot = reader.snapshot(note.name, note.position, None)
        if snapshot is not None:
            yield snapshot


def backup(reader: Reader, path: Path, progress: Progress) -> None:
    """Copy a journal as it is at this moment into a new file; others may go on writing to it.

    Raises:
        StoreRefused: there is such a file.
        StoreFault: it cannot be read or written; no file is left.
        Damaged: the first bad record; no file is left.
    """
    if path.exists():
        raise StoreRefused(f"{path} exists: a backup is a new file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
            beside = Path(folder) / path.name
            with reader.frozen():
                _fill(SqliteStore(beside), reader, progress)
            seal(beside)
            path.hardlink_to(beside)
            _synchronise(path.parent)
    except FileExistsError:
        raise StoreRefused(f"{path} exists: a backup is a new file") from None
    except OSError as error:
        raise StoreFault(f"{path}: {error}") from error


def restore(reader: Reader, store: Store, progress: Progress) -> None:
    """Copy a backup into a store that holds nothing yet.

    Raises:
        StoreRefused: the store holds records or snapshots, or is in use.
        StoreFault: it cannot be read or written; nothing is written.
        Damaged: the first bad record of the backup; nothing is written.
    """
    _fill(store, reader, progress)


def _fill(store: Store, reader: Reader, progress: Progress) -> None:
    store.open()
    try:
        there = store.reader()
        try:
            if there.last() is not None or there.snapshots():
                raise StoreRefused(
                    f"{there.information().place} holds a journal: nothing is overwritten; move it away first"
                )
        finally:
            there.close()
        store.load(checked_blocks(reader, progress), snapshots(reader), reader.anchor())
    finally:
        store.close()


def _synchronise(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
