"""The embedded store: one SQLite file, WAL, synchronous=FULL.

Only pysqlite3, which brings its own SQLite, is used: versions before 3.51.3 can lose committed pages when a
WAL is reset while another connection checkpoints. Never open the file with another SQLite library in the same
process: closing it there drops the locks taken here.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from pysqlite3 import dbapi2

from zenithd.journal.anchor import Anchor, decode_ends, encode_ends
from zenithd.journal.chain import SIZE_BYTES, Block, Frames, Head, IndexEntry
from zenithd.journal.index import index_blocks
from zenithd.journal.record import Snapshot
from zenithd.journal.store import (
    VERSION,
    Reader,
    SnapshotNote,
    StoredBlock,
    StoredRow,
    StoreFault,
    StoreInformation,
    StoreRefused,
)

APPLICATION_ID: Final = 0x5A4E484A
"""Marks a file as a journal ("ZNHJ")."""

SQLITE_MIN: Final = (3, 51, 3)
"""The first version without the fault of WAL resets."""

BUSY_MILLISECONDS: Final = 5_000
"""How long another process may hold the file before that is a fault."""

TABLES: Final = """
CREATE TABLE block (
    first INTEGER PRIMARY KEY,
    date INTEGER NOT NULL,
    sizes BLOB NOT NULL,
    payload BLOB NOT NULL
);
CREATE TABLE feed_index (
    feed TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    block INTEGER NOT NULL,
    PRIMARY KEY (feed, sequence)
) WITHOUT ROWID;
CREATE TABLE snapshot (
    name TEXT NOT NULL,
    position INTEGER NOT NULL,
    date INTEGER NOT NULL,
    digest BLOB NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (name, position)
);
CREATE TABLE IF NOT EXISTS anchor (
    position INTEGER NOT NULL,
    date INTEGER NOT NULL,
    digest BLOB NOT NULL,
    ends BLOB NOT NULL
);
"""
"""`zenithd.journal.chain` says what they hold."""

_INDEX_TABLE = TABLES[TABLES.index("CREATE TABLE feed_index") : TABLES.index("CREATE TABLE snapshot")]
_ANCHOR_TABLE = TABLES[TABLES.index("CREATE TABLE IF NOT EXISTS anchor") :]
_COMMIT = "INSERT INTO block VALUES (?, ?, ?, ?)"
_INDEX = "INSERT INTO feed_index VALUES (?, ?, ?)"
_SNAPSHOT = "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?, ?)"
_PRUNE = """DELETE FROM snapshot WHERE name = ?1 AND position NOT IN
    (SELECT position FROM snapshot WHERE name = ?1 ORDER BY position DESC LIMIT ?2)"""


def _index_old_blocks(connection: Any) -> None:
    """From version 0, which had no index of feeds."""
    connection.execute(_INDEX_TABLE)
    rows = connection.execute("SELECT first, sizes, payload FROM block ORDER BY first")
    connection.executemany(_INDEX, list(index_blocks(rows)))


def _add_anchor(connection: Any) -> None:
    """From version 1, which could not be pruned."""
    connection.execute(_ANCHOR_TABLE)


MIGRATIONS: dict[int, Callable[[Any], None]] = {0: _index_old_blocks, 1: _add_anchor}
"""By version: the step to the next one, within a transaction."""


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    try:
        yield
    except (dbapi2.Error, OSError) as error:
        raise StoreFault(f"{path}: {error}") from error


class SqliteStore:
    """Implements `zenithd.journal.store.Store` in a file, with a lock file beside it."""

    def __init__(self, path: Path, software: tuple[int, ...] = dbapi2.sqlite_version_info) -> None:
        self.path = path
        self._software = software
        self._connection: Any = None
        self._lock: int | None = None

    def open(self) -> None:
        """Make or open the file; see `Store.open`."""
        _refuse_faulty(self._software)
        with ExitStack() as opened:
            self._take_lock()
            opened.callback(self.close)
            with _faults(self.path):
                self._connection = _connect(self.path)
                _prepare(self._connection, self.path)
            opened.pop_all()

    def _take_lock(self) -> None:
        path = self.path.with_name(f"{self.path.name}.lock")
        with _faults(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise StoreRefused(
                f"{self.path} is in use by another zenithd: stop it, or name another folder"
            ) from None

    def reader(self) -> Reader:
        """Open a second connection."""
        return SqliteReader(self.path)

    def commit(self, block: Block) -> None:
        """Write a block; see `Store.commit`."""
        connection = self._connection
        try:
            if block.entries:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(_INDEX, block.entries)
                connection.execute(_COMMIT, (block.first, block.date, *block.frames))
                connection.execute("COMMIT")
            else:
                connection.execute(_COMMIT, (block.first, block.date, *block.frames))
        except (dbapi2.Error, OSError) as error:
            self._undo()
            raise StoreFault(f"{self.path}: {error}") from error

    def _undo(self) -> None:
        with contextlib.suppress(dbapi2.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _faults(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                self._undo()

    def put_snapshot(self, snapshot: Snapshot, keep: int) -> None:
        """Keep a snapshot; see `Store.put_snapshot`."""
        with self._transaction():
            self._connection.execute(_SNAPSHOT, snapshot)
            self._connection.execute(_PRUNE, (snapshot.name, keep))

    def load(self, blocks: Iterable[Block], snapshots: Iterable[Snapshot], anchor: Anchor) -> None:
        """Write a whole journal; see `Store.load`."""
        with self._transaction():
            for block in blocks:
                self._connection.execute(_COMMIT, (block.first, block.date, *block.frames))
                self._connection.executemany(_INDEX, block.entries)
            for snapshot in snapshots:
                self._connection.execute(_SNAPSHOT, snapshot)
            self._set(anchor)  # entries of blocks come before those in place of others

    def forget(self, anchor: Anchor) -> None:
        """Remove blocks; see `Store.forget`."""
        position = anchor.head.position
        with self._transaction():
            self._connection.execute("DELETE FROM block WHERE first <= ?", (position,))
            self._connection.execute("DELETE FROM feed_index WHERE block <= ?", (position,))
            self._connection.execute("DELETE FROM snapshot WHERE position < ?", (position,))
            self._set(anchor)

    def _set(self, anchor: Anchor) -> None:
        connection = self._connection
        connection.execute("DELETE FROM anchor")
        if anchor.head.position:
            row = (*anchor.head, encode_ends(anchor.ends))
            connection.execute("INSERT INTO anchor VALUES (?, ?, ?, ?)", row)
            connection.executemany("INSERT OR IGNORE INTO feed_index VALUES (?, ?, ?)", anchor.entries())

    def prune(self, name: str, keep: int) -> int:
        """Remove old snapshots; see `Store.prune`."""
        with self._transaction():
            removed: int = self._connection.execute(_PRUNE, (name, keep)).rowcount
        return removed

    def close(self) -> None:
        """Close the file and give the lock back."""
        connection, self._connection = self._connection, None
        lock, self._lock = self._lock, None
        with contextlib.suppress(dbapi2.Error):
            if connection is not None:
                connection.close()
        if lock is not None:
            os.close(lock)


class SqliteReader:
    """Implements `zenithd.journal.store.Reader`. Writes nothing; others may write meanwhile."""

    def __init__(self, path: Path, software: tuple[int, ...] = dbapi2.sqlite_version_info) -> None:
        _refuse_faulty(software)
        self.path = path
        if not path.is_file():
            raise StoreRefused(f"{path}: there is no journal")
        with ExitStack() as opened, _faults(path):
            self._connection = _connect(path)
            opened.callback(self._connection.close)
            self._version = _version(self._connection, path)
            if self._version < VERSION:
                raise StoreRefused(
                    f"{path} is of version {self._version}: start the daemon once, which makes it {VERSION}"
                )
            self._connection.execute("PRAGMA query_only = 1")
            opened.pop_all()

    def _rows(self, statement: str, *parameters: Any) -> list[Any]:
        with _faults(self.path):
            rows: list[Any] = self._connection.execute(statement, parameters).fetchall()
        return rows

    def last(self) -> StoredBlock | None:
        """The newest block."""
        return _block(self._rows("SELECT first, sizes, payload FROM block ORDER BY first DESC LIMIT 1"))

    def containing(self, position: int) -> StoredBlock | None:
        """The block that holds a position."""
        return _block(
            self._rows(
                "SELECT first, sizes, payload FROM block WHERE first <= ? ORDER BY first DESC LIMIT 1",
                position,
            )
        )

    def blocks(self, first: int, records_max: int, bytes_max: int) -> list[StoredRow]:
        """Blocks in order; see `Reader.blocks`."""
        found: list[StoredRow] = []
        size = number = 0
        with _faults(self.path):
            cursor = self._connection.execute(
                "SELECT first, sizes, payload FROM block WHERE first >= ? ORDER BY first LIMIT ?",
                (first, records_max),
            )
            for row in cursor:
                size += len(row[2])
                number += len(row[1]) // SIZE_BYTES
                if found and (size > bytes_max or number > records_max):
                    break
                found.append(row)
            cursor.close()
        return found

    def feeds(self) -> list[IndexEntry]:
        """The last index entry of every feed; skips from feed to feed instead of reading the whole index."""
        rows = self._rows(
            """WITH RECURSIVE name(feed) AS (
                SELECT min(feed) FROM feed_index
                UNION ALL SELECT (SELECT min(feed) FROM feed_index WHERE feed > name.feed)
                FROM name WHERE name.feed IS NOT NULL)
            SELECT feed, (SELECT max(sequence) FROM feed_index WHERE feed = name.feed) FROM name
            WHERE feed IS NOT NULL"""
        )
        return [self.index(feed, sequence, 1)[0] for feed, sequence in rows]

    def index(self, feed: str, sequence: int, number: int) -> list[IndexEntry]:
        """Index entries of a feed; see `Reader.index`."""
        rows = self._rows(
            """SELECT feed, sequence, block FROM feed_index WHERE feed = ?1 AND sequence >= coalesce(
                (SELECT max(sequence) FROM feed_index WHERE feed = ?1 AND sequence <= ?2), 0)
            ORDER BY sequence LIMIT ?3""",
            feed,
            sequence,
            number,
        )
        return [IndexEntry(*row) for row in rows]

    def snapshot(self, name: str, position: int | None, date: int | None) -> Snapshot | None:
        """The newest snapshot of a name; see `Reader.snapshot`."""
        rows = self._rows(
            """SELECT name, position, date, digest, state FROM snapshot
            WHERE name = ?1 AND (?2 IS NULL OR position <= ?2) AND (?3 IS NULL OR date <= ?3)
            ORDER BY position DESC LIMIT 1""",
            name,
            position,
            date,
        )
        return Snapshot(*rows[0]) if rows else None

    def snapshots(self) -> list[SnapshotNote]:
        """All snapshots without their states."""
        rows = self._rows("SELECT name, position, date, length(state) FROM snapshot ORDER BY name, position")
        return [SnapshotNote(*row) for row in rows]

    def anchor(self) -> Anchor:
        """Where the journal begins."""
        rows = self._rows("SELECT position, date, digest, ends FROM anchor")
        return Anchor(Head(*rows[0][:3]), decode_ends(rows[0][3])) if rows else Anchor()

    def information(self) -> StoreInformation:
        """For an operator."""
        with _faults(self.path):
            size = sum(file.stat().st_size for file in self.path.parent.glob(f"{self.path.name}*"))
        return StoreInformation(
            "sqlite", str(self.path), self._version, f"SQLite {dbapi2.sqlite_version}", size
        )

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Read as of one moment; the WAL grows meanwhile, for nothing is taken from it that is read."""
        self._rows("BEGIN")
        try:
            yield
        finally:
            with contextlib.suppress(dbapi2.Error):
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(dbapi2.Error):
            self._connection.close()


def seal(path: Path) -> None:
    """Make a store that is closed one file, without a WAL, that can be read where nothing can be written.

    Raises:
        StoreFault: it cannot be written.
    """
    with _faults(path), contextlib.closing(_connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()


def _block(rows: list[Any]) -> StoredBlock | None:
    return StoredBlock(rows[0][0], Frames(*rows[0][1:])) if rows else None


def _refuse_faulty(software: tuple[int, ...]) -> None:
    if software < SQLITE_MIN:
        found, wanted = (".".join(map(str, version)) for version in (software, SQLITE_MIN))
        raise StoreRefused(
            f"SQLite {found} can lose what was committed (fault of WAL resets): install a pysqlite3 with"
            f" {wanted} or later"
        )


def _connect(path: Path) -> Any:
    connection = dbapi2.connect(str(path), isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    except dbapi2.Error:
        connection.close()
        raise
    return connection


def _version(connection: Any, path: Path) -> int:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (tables or application):
        raise StoreRefused(f"{path} is another program's database: move it away or name another folder")
    if version > VERSION:
        raise StoreRefused(
            f"{path} was written by a newer zenithd (version {version}, this one knows {VERSION}): install"
            " that version again"
        )
    return version


def _prepare(connection: Any, path: Path) -> None:
    version = _version(connection, path)
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    connection.execute("PRAGMA synchronous = FULL")
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    if (mode, synchronous) != ("wal", 2):
        raise StoreRefused(f"{path}: expected a file system on which SQLite can use a WAL, found mode {mode}")
    # What an earlier run could not synchronise is written anew, so that it is on the disk or fails again.
    _, written, copied = connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
    if written != copied:
        raise StoreFault(f"{path}: another process reads an older state of it, so it cannot be made durable")
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if not tables:
        connection.executescript(
            f"BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION_ID};"
            f" PRAGMA user_version = {VERSION}; COMMIT;"
        )
        return
    for step in range(version, VERSION):
        connection.execute("BEGIN IMMEDIATE")
        try:
            MIGRATIONS[step](connection)
            connection.execute(f"PRAGMA user_version = {step + 1}")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
