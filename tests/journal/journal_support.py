"""What the tests of the journal share: places for both stores, a store with faults, a thread in the loop."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import outcome
import psycopg
import trio
from pysqlite3 import dbapi2

from zenithd.bench.postgresql import Server
from zenithd.journal import Journal, JournalSettings, Snapshot, StoreFault
from zenithd.journal.anchor import Anchor
from zenithd.journal.chain import Block
from zenithd.journal.postgresql import PostgresqlReader, PostgresqlStore
from zenithd.journal.record import Appended, Entry
from zenithd.journal.sqlite import SqliteReader, SqliteStore
from zenithd.journal.store import Reader, Store
from zenithd.journal.thread import Reply, StoreThread

T = TypeVar("T")
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


class FaultStore:
    """A store that does what a test tells it, one commit at a time."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.before_commit: Callable[[], None] = lambda: None
        self.after_commit: Callable[[], None] = lambda: None
        self.on_open: Callable[[], None] = lambda: None
        self.lies = False
        """Says that it committed, and did not."""
        self.opened = 0

    def open(self) -> None:
        self.on_open()
        self.inner.open()
        self.opened += 1

    def reader(self) -> Reader:
        return self.inner.reader()

    def commit(self, block: Block) -> None:
        self.before_commit()
        if not self.lies:
            self.inner.commit(block)
        self.after_commit()

    def put_snapshot(self, snapshot: Snapshot, keep: int) -> None:
        self.before_commit()
        self.inner.put_snapshot(snapshot, keep)

    def load(self, blocks: Iterable[Block], snapshots: Iterable[Snapshot], anchor: Anchor) -> None:
        self.inner.load(blocks, snapshots, anchor)

    def forget(self, anchor: Anchor) -> None:
        self.inner.forget(anchor)

    def prune(self, name: str, keep: int) -> int:
        return self.inner.prune(name, keep)

    def close(self) -> None:
        self.inner.close()


def failing(reason: str) -> Callable[[], None]:
    """A fault to be put into a FaultStore."""

    def fail() -> None:
        raise StoreFault(reason)

    return fail


class LoopThread:
    """Runs calls in the event loop: at once, or, while it is held, one at a time when told."""

    def __init__(self) -> None:
        self.held = False
        self.waiting: list[tuple[Callable[[], Any], Reply[Any]]] = []

    def start(self, call: Callable[[], T], then: Callable[[Reply[T]], object] | None = None) -> Reply[T]:
        reply: Reply[T] = Reply(then)
        self.waiting.append((call, reply))
        if not self.held:
            self.release()
        return reply

    def step(self) -> None:
        call, reply = self.waiting.pop(0)
        reply.settle(outcome.capture(call))

    def release(self) -> None:
        self.held = False
        while self.waiting:
            self.step()

    def stop(self) -> None:
        pass


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
