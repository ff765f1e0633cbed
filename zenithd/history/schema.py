"""Tables of the history store, and opening a file that has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from pysqlite3 import dbapi2

APPLICATION_ID: Final = 0x5A4E4844
"""Marks a file as this store's ("ZNHD")."""

VERSION: Final = 1
"""Version of the tables; raised with every change of them."""

BUSY_MILLISECONDS: Final = 5_000
"""How long another process may hold the file before that is an error."""

TABLES: Final = """
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    market TEXT NOT NULL,
    code TEXT NOT NULL,
    price_scale INTEGER,
    quantity_scale INTEGER,
    UNIQUE (market, code)
);
CREATE TABLE trade (
    series INTEGER NOT NULL,
    day INTEGER NOT NULL,
    id INTEGER NOT NULL,
    time INTEGER NOT NULL,
    price INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    marks INTEGER NOT NULL,
    rest BLOB,
    PRIMARY KEY (series, day, id)
) WITHOUT ROWID;
CREATE TABLE minute (
    series INTEGER NOT NULL,
    day INTEGER NOT NULL,
    time INTEGER NOT NULL,
    opened INTEGER NOT NULL,
    closed INTEGER NOT NULL,
    open INTEGER,
    high INTEGER,
    low INTEGER,
    close INTEGER,
    volume INTEGER NOT NULL,
    trades INTEGER NOT NULL,
    PRIMARY KEY (series, day, time)
) WITHOUT ROWID;
CREATE TABLE day (
    series INTEGER NOT NULL,
    day INTEGER NOT NULL,
    is_stale INTEGER NOT NULL,
    opened INTEGER,
    closed INTEGER,
    open INTEGER,
    high INTEGER,
    low INTEGER,
    close INTEGER,
    volume INTEGER,
    trades INTEGER,
    PRIMARY KEY (series, day)
) WITHOUT ROWID;
CREATE INDEX day_by_date ON day (day);
CREATE TABLE state (
    name TEXT PRIMARY KEY,
    content BLOB NOT NULL
) WITHOUT ROWID;
"""
"""`day` columns are ordinals of trading dates (1 is 0001-01-01), `minute.time` minutes since the Unix epoch,
other times nanoseconds since then; `opened` and `closed` of minutes count from the start of the minute.
A stale day is worked out from its minutes when it is asked for."""


class StoreRefused(Exception):
    """The file is not a store this version can use. Blame: the operator; the text says what to do."""


def connect(path: Path) -> Any:
    """Open or make the store.

    Raises:
        StoreRefused: made by a newer version, or some other program's file.
        dbapi2.Error: the file cannot be opened, read or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        connection = dbapi2.connect(str(path), isolation_level=None, check_same_thread=False)
        opened.callback(connection.close)
        _prepare(connection, path)
        opened.pop_all()
    return connection


@contextmanager
def transaction(connection: Any) -> Iterator[ExitStack]:
    """Commit what the block does, or undo all of it; the stack takes what else is to be undone then."""
    connection.execute("BEGIN IMMEDIATE")
    with ExitStack() as undo:
        undo.callback(_roll_back, connection)
        yield undo
        connection.execute("COMMIT")
        undo.pop_all()


def _roll_back(connection: Any) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _prepare(connection: Any, path: Path) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and application != APPLICATION_ID:
        raise StoreRefused(f"{path} is another program's database; move it away or name another folder")
    if version > VERSION:
        raise StoreRefused(
            f"{path} was written by a newer zenithd (store version {version}, this one knows {VERSION}); "
            "install that version again, or move the file away to begin a new history"
        )
    if not tables:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    if not tables:
        connection.executescript(
            f"BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION_ID}; "
            f"PRAGMA user_version = {VERSION}; COMMIT;"
        )
