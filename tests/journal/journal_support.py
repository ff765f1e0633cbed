"""What the tests of the journal share: places for both stores, a store with faults, a thread in the loop."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

import psycopg
import trio
from pysqlite3 import dbapi2

from tests.reliability.lib_stores import LoopThread
from zenithd.bench.postgresql import Server
from zenithd.journal import Journal, JournalSettings
from zenithd.journal.postgresql import PostgresqlReader, PostgresqlStore
from zenithd.journal.record import Appended, Entry
from zenithd.journal.sqlite import SqliteReader, SqliteStore
from zenithd.journal.store import Reader, Store
from zenithd.journal.thread import StoreThread

RETRY_SECONDS = 0.01


class Place(Protocol):
    """Where a journal is: the same tests run on both."""

    def store(self) -> Store: ...
    def reader(self) -> Reader: ...
    def change(self, statement: str) -> None:
        """Change the tables behind the journal's back; `{block}` and so on are their names."""
        ...

    def make_version_0(self) -> None:
        """Give the tables the form that they had before the index of feeds."""
        ...

    def make_newer(self) -> None: ...


class SqlitePlace:
    """A folder."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state" / "journal.db"

    def store(self) -> Store:
        return SqliteStore(self.path)

    def reader(self) -> Reader:
        return SqliteReader(self.path)

    def change(self, statement: str) -> None:
        statement = statement.replace("'\\x", "x'")  # bytes as PostgreSQL writes them
        connection = dbapi2.connect(str(self.path), isolation_level=None)
        with contextlib.closing(connection):
            connection.execute(statement.format(block="block", feed_index="feed_index", snapshot="snapshot"))

    def make_version_0(self) -> None:
        self.change("DROP TABLE {feed_index}")
        self.change("PRAGMA user_version = 0")

    def make_newer(self) -> None:
        self.change("PRAGMA user_version = 99")


class PostgresqlPlace:
    """A schema of its own in the server's database."""

    name = "postgresql"
    _numbers = itertools.count(1)

    def __init__(self, server: Server) -> None:
        self.schema = f"journal_{next(self._numbers)}"
        self.server = server
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {self.schema}")
        self.url = f"{server.url}&options=-csearch_path%3D{self.schema}"

    def store(self) -> Store:
        return PostgresqlStore(self.url)

    def reader(self) -> Reader:
        return PostgresqlReader(self.url)

    def change(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            names = {name: f"journal_{name}" for name in ("block", "feed_index", "snapshot")}
            connection.execute(statement.format(**names))

    def make_version_0(self) -> None:
        self.change("DROP TABLE {feed_index}")
        self.change("UPDATE journal_meta SET version = 0")

    def make_newer(self) -> None:
        self.change("UPDATE journal_meta SET version = 99")


@contextlib.asynccontextmanager
async def serving(
    store: Store, settings: JournalSettings | None = None, thread: LoopThread | None = None
) -> AsyncIterator[Journal]:
    """A journal that runs; with a thread of its own unless one is given."""
    settings = settings or JournalSettings(retry_seconds=RETRY_SECONDS)
    reading = LoopThread() if thread is not None else StoreThread("reading")
    journal = Journal(store, settings, thread, reading)
    await journal.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        try:
            yield journal
        finally:
            nursery.cancel_scope.cancel()


def entries(*bodies: str, kind: str = "event") -> list[Entry]:
    """Entries of one kind."""
    return [(kind, body.encode()) for body in bodies]


async def fill(journal: Journal, numbers: Sequence[int], feed: str = "a", each: int = 1) -> None:
    """Append some records, `each` in one commit."""
    for number in numbers:
        appended = await journal.append(
            feed, entries(*(f"{number}.{part}" for part in range(each))), now=number
        )
        assert isinstance(appended, Appended)


async def bodies(journal: Journal, first: int = 1, last: int | None = None) -> list[str]:
    """The bodies of records by position."""
    return [record.body.decode() async for record in journal.read(first, last)]
