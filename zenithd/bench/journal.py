"""`zenithd bench journal`: durable appends a second, beside what the store itself and a bare group commit do.

Three contestants take turns on the same disk or server, and the medians of their ratios are told:

* the journal: producers that append one record each and wait for it, again and again;
* the store: a loop without producers that commits ready records of the same size in the same batches, a row
  each, into a table with the columns of a record and no index but its position;
* a bare group commit: the same producers and the same thread in front of that table, and nothing else: no
  digests, sequences, bounds or faults.
"""

from __future__ import annotations

import contextlib
import importlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import trio
from pysqlite3 import dbapi2

from zenithd.bench.postgresql import NoPostgresql, own_server
from zenithd.bench.restart import RestartRow
from zenithd.bench.rows import Machine
from zenithd.journal import Journal
from zenithd.journal.chain import Block
from zenithd.journal.postgresql import PostgresqlStore
from zenithd.journal.record import DIGEST_BYTES
from zenithd.journal.sqlite import SqliteStore
from zenithd.journal.store import Store
from zenithd.journal.thread import StoreThread

BODY = bytes(range(200))
"""About the size of an order event as JSON."""

FEED, KIND = "exchange/XSX", "OrderAdded"
SCHEMA = "zenithd_bench"
"""In a PostgreSQL that is named with --postgresql; removed before and after."""


class JournalRow(msgspec.Struct, kw_only=True):
    """One store and number of producers; medians of the rounds."""

    store: str
    producers: int
    appends_per_s: float
    ratio_to_store: float
    """To the loop that commits the same batches."""
    ratio_to_store_spread: tuple[float, float]
    ratio_to_group_commit: float
    """To the bare group commit through the same thread."""
    ratio_to_group_commit_spread: tuple[float, float]
    records_per_commit: float
    p50_us: float
    p99_us: float
    """From the call of one append to its return."""


class JournalReport(msgspec.Struct):
    """What `--json` writes."""

    machine: Machine
    runs: list[JournalRow]
    restarts: list[RestartRow]


class Effort(NamedTuple):
    """How much is measured."""

    rounds: int
    appends: dict[int, int]
    """By number of producers: appends of all of them together, each round."""


QUICK = Effort(7, {1: 400, 16: 4_800, 256: 25_600})
FULL = Effort(15, {1: 1_000, 16: 16_000, 256: 76_800})


Row = tuple[str, int, int, str, bytes, bytes]
"""A record without its position: feed, sequence, date, kind, body, digest."""

ROW: Row = (FEED, 1_000_000, 1_795_000_000_000_000_000, KIND, BODY, bytes(DIGEST_BYTES))


class Bare(Protocol):
    """A table of records, and nothing that is not needed to commit to it."""

    def commit(self, rows: Sequence[Row]) -> None:
        """Commit some more."""
        ...


class BareSqlite:
    """In a file of its own."""

    def __init__(self, path: Path) -> None:
        self._position = 0
        self._connection = dbapi2.connect(str(path), isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(
            "CREATE TABLE bare (position INTEGER PRIMARY KEY, feed TEXT NOT NULL, sequence INTEGER NOT NULL,"
            " date INTEGER NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL, digest BLOB NOT NULL)"
        )

    def commit(self, rows: Sequence[Row]) -> None:
        """Commit in one transaction."""
        first, self._position = self._position + 1, self._position + len(rows)
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(
            "INSERT INTO bare VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(position, *row) for position, row in enumerate(rows, first)],
        )
        self._connection.execute("COMMIT")


def _psycopg() -> Any:
    try:
        return importlib.import_module("psycopg")
    except ImportError:
        raise NoPostgresql('psycopg is not installed: "pip install zenithd[postgresql]" brings it') from None


class BarePostgresql:
    """In a table of its own; one statement for each commit."""

    def __init__(self, url: str) -> None:
        self._position = 0
        self._connection = _psycopg().connect(url, autocommit=True)
        self._connection.execute("SET synchronous_commit = on")
        self._connection.execute(
            "CREATE TABLE bare (position bigint PRIMARY KEY, feed text NOT NULL, sequence bigint NOT NULL,"
            " date bigint NOT NULL, kind text NOT NULL, body bytea NOT NULL, digest bytea NOT NULL)"
        )

    def commit(self, rows: Sequence[Row]) -> None:
        """Commit in one statement."""
        first, self._position = self._position + 1, self._position + len(rows)
        columns = [list(column) for column in zip(*rows, strict=True)]
        self._connection.execute(
            "INSERT INTO bare SELECT * FROM unnest(%b::bigint[], %b::text[], %b::bigint[], %b::bigint[],"
            " %b::text[], %b::bytea[], %b::bytea[])",
            (list(range(first, self._position + 1)), *columns),
            prepare=True,
        )


class BareGroupCommit:
    """Producers, one task, one thread: the least with which many share a commit."""

    def __init__(self, bare: Bare, thread: StoreThread) -> None:
        self._bare = bare
        self._thread = thread
        self._gathering: list[Row] = []
        self._done = trio.Event()
        self._wake = trio.Event()

    async def append(self, row: Row) -> None:
        """Return once it is committed."""
        self._gathering.append(row)
        self._wake.set()
        await self._done.wait()

    async def run(self) -> None:
        """Commit what gathers, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            rows, self._gathering = self._gathering, []
            done, self._done = self._done, trio.Event()
            await self._thread.start(lambda rows=rows: self._bare.commit(rows)).wait()  # type: ignore[misc]
            done.set()


class _Counting:
    """A store that remembers how large its commits were."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.batches: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, block: Block) -> None:
        self.batches.append(len(block.frames.sizes) // 4)
        self._store.commit(block)


class _Timed(NamedTuple):
    seconds: float
    latencies: list[float]


async def _produce(append: Callable[[], Any], producers: int, appends: int) -> _Timed:
    """Append from many tasks; returns how long all took, and each."""
    latencies: list[float] = []
    clock = time.perf_counter

    async def produce() -> None:
        for _ in range(appends // producers):
            began = clock()
            await append()
            latencies.append(clock() - began)

    began = clock()
    async with trio.open_nursery() as nursery:
        for _ in range(producers):
            nursery.start_soon(produce)
    return _Timed(clock() - began, latencies)


async def _measure(store: Store, bare: Bare, name: str, producers: int, effort: Effort) -> JournalRow:
    counting = _Counting(store)
    journal = Journal(counting)
    await journal.open()
    thread = StoreThread("bare")
    group = BareGroupCommit(bare, thread)
    entries = [(KIND, BODY)]
    appends = effort.appends[producers]
    rates: list[float] = []
    to_store: list[float] = []
    to_group: list[float] = []
    latencies: list[float] = []

    async def one_round() -> None:
        counting.batches.clear()
        ours = await _produce(lambda: journal.append(FEED, entries, now=time.time_ns()), producers, appends)
        batches = [[ROW] * number for number in counting.batches]
        began = time.perf_counter()
        for batch in batches:
            bare.commit(batch)
        loop = time.perf_counter() - began
        grouped = await _produce(lambda: group.append(ROW), producers, appends)
        rates.append(len(ours.latencies) / ours.seconds)
        to_store.append(loop / ours.seconds)
        to_group.append(grouped.seconds / ours.seconds)
        latencies.extend(ours.latencies)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        nursery.start_soon(group.run)
        await one_round()  # prepares statements, fills caches
        for found in (rates, to_store, to_group, latencies):
            found.clear()
        commits = journal.statistics.commits
        for _ in range(effort.rounds):
            await one_round()
        commits = journal.statistics.commits - commits
        nursery.cancel_scope.cancel()
    thread.stop()
    latencies.sort()
    return JournalRow(
        store=name,
        producers=producers,
        appends_per_s=statistics.median(rates),
        ratio_to_store=statistics.median(to_store),
        ratio_to_store_spread=(min(to_store), max(to_store)),
        ratio_to_group_commit=statistics.median(to_group),
        ratio_to_group_commit_spread=(min(to_group), max(to_group)),
        records_per_commit=len(latencies) / commits,
        p50_us=latencies[len(latencies) // 2] * 1e6,
        p99_us=latencies[len(latencies) * 99 // 100] * 1e6,
    )


def journal_rows(
    effort: Effort, folder: Path | None, postgresql: str, say: Callable[[str], None]
) -> Iterator[JournalRow]:
    """Both stores; PostgreSQL is left out with a word where there is none.

    `folder`: where files are made, by default that of the system; `postgresql`: a URL, by default a server is
    started.
    """
    for producers in effort.appends:
        say(f"journal, sqlite, {producers} producers")
        with tempfile.TemporaryDirectory(prefix="zenithd-bench-", dir=folder) as made:
            store, bare = SqliteStore(Path(made) / "journal.db"), BareSqlite(Path(made) / "bare.db")
            yield trio.run(_measure, store, bare, "sqlite", producers, effort)
    try:
        with _server(postgresql) as url:
            for producers in effort.appends:
                say(f"journal, postgresql, {producers} producers")
                with _schema(url) as own:
                    yield trio.run(
                        _measure, PostgresqlStore(own), BarePostgresql(own), "postgresql", producers, effort
                    )
    except NoPostgresql as reason:
        say(f"left out: {reason}")


@contextlib.contextmanager
def _server(url: str) -> Iterator[str]:
    if url:
        yield url
        return
    with own_server() as server:
        yield server.url


@contextlib.contextmanager
def _schema(url: str) -> Iterator[str]:
    with _psycopg().connect(url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        yield f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{SCHEMA}"
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


COLUMNS = (
    "store", "producers", "appends/s", "of store", "spread", "of group commit", "spread", "records/commit",
    "p50 ms", "p99 ms",
)  # fmt: skip


def cells(row: JournalRow) -> list[str]:
    """A row for people, in the order of COLUMNS."""
    return [
        row.store,
        f"{row.producers:,}",
        f"{row.appends_per_s:,.0f}",
        f"{row.ratio_to_store:.2f}",
        f"{row.ratio_to_store_spread[0]:.2f}-{row.ratio_to_store_spread[1]:.2f}",
        f"{row.ratio_to_group_commit:.2f}",
        f"{row.ratio_to_group_commit_spread[0]:.2f}-{row.ratio_to_group_commit_spread[1]:.2f}",
        f"{row.records_per_commit:,.1f}",
        f"{row.p50_us / 1000:.2f}",
        f"{row.p99_us / 1000:.2f}",
    ]
