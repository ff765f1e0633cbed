"""The bigger store: tables in a PostgreSQL database, over psycopg 3 (the extra `postgresql`).

One daemon at a time: a session's advisory lock, which the server lets go when the connection ends. A commit
is one statement, hence one journey to the server. When the connection is lost meanwhile, nobody knows whether
it was written: that is a fault as any other, and the journal reads the end again before it goes on.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from zenithd.journal.anchor import Anchor, decode_ends, encode_ends
from zenithd.journal.chain import Block, Frames, Head, IndexEntry
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

if TYPE_CHECKING:
    import psycopg

CONNECT_SECONDS_MAX: Final = 10
SILENCE_MILLISECONDS_MAX: Final = 20_000
"""How long a server may leave what was sent unacknowledged before the connection counts as lost."""

LOCK_WAIT_MILLISECONDS_MAX: Final = 2_000
"""How long to wait for a lock that another session holds: that of a daemon which was killed a moment ago is
let go as soon as the server notices."""

DURABLE: Final = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply"),
}
"""Settings of the server without which a commit can be lost, and the values that are safe."""

TABLES: Final = """
CREATE TABLE journal_meta (version integer NOT NULL);
CREATE TABLE journal_block (
    first bigint PRIMARY KEY,
    date bigint NOT NULL,
    sizes bytea NOT NULL,
    payload bytea NOT NULL
);
ALTER TABLE journal_block ALTER COLUMN sizes SET STORAGE EXTERNAL, ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE TABLE journal_snapshot (
    name text NOT NULL,
    position bigint NOT NULL,
    date bigint NOT NULL,
    digest bytea NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (name, position)
);
"""
"""`zenithd.journal.chain` says what they hold. EXTERNAL: bodies are not compressed, which would cost more
time than it saves."""

INDEX_TABLE: Final = """
CREATE TABLE journal_feed_index (
    feed text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    block bigint NOT NULL,
    PRIMARY KEY (feed, sequence)
);
"""

ANCHOR_TABLE: Final = """
CREATE TABLE IF NOT EXISTS journal_anchor (
    position bigint NOT NULL,
    date bigint NOT NULL,
    digest bytea NOT NULL,
    ends bytea NOT NULL
);
"""

_COMMIT = "INSERT INTO journal_block VALUES (%b, %b, %b, %b)"
_COMMIT_WITH_INDEX = f"""WITH entries AS (
        INSERT INTO journal_feed_index SELECT * FROM unnest(%b::text[], %b::bigint[], %b::bigint[]))
    {_COMMIT}"""
_SNAPSHOT = """INSERT INTO journal_snapshot VALUES (%b, %b, %b, %b, %b) ON CONFLICT (name, position)
    DO UPDATE SET date = excluded.date, digest = excluded.digest, state = excluded.state"""
_PRUNE = """DELETE FROM journal_snapshot WHERE name = %b AND position NOT IN
    (SELECT position FROM journal_snapshot WHERE name = %b ORDER BY position DESC LIMIT %b)"""
_LOCK_KEY = "hashtextextended('zenithd journal ' || current_schema(), 0)"


def _index_old_blocks(connection: psycopg.Connection) -> None:
    """From version 0, which had no index of feeds."""
    connection.execute(INDEX_TABLE)
    rows = connection.execute("SELECT first, sizes, payload FROM journal_block ORDER BY first", binary=True)
    connection.cursor().executemany(
        "INSERT INTO journal_feed_index VALUES (%b, %b, %b)", list(index_blocks(rows))
    )


def _add_anchor(connection: psycopg.Connection) -> None:
    """From version 1, which could not be pruned."""
    connection.execute(ANCHOR_TABLE)


MIGRATIONS: dict[int, Callable[[psycopg.Connection], None]] = {0: _index_old_blocks, 1: _add_anchor}
"""By version: the step to the next one, within a transaction."""


def _driver() -> Any:
    try:
        return importlib.import_module("psycopg")
    except ImportError as error:
        raise StoreRefused(
            f'PostgreSQL needs psycopg 3: install the extra with "pip install zenithd[postgresql]" ({error})'
        ) from None


class _Place:
    """A database, and how its faults are told: never with a password."""

    def __init__(self, url: str) -> None:
        self.driver = _driver()
        try:
            parts = self.driver.conninfo.conninfo_to_dict(url)
        except self.driver.Error as error:
            raise StoreRefused(f"journal.url: expected a PostgreSQL URL; {_line(error)}") from None
        host, port = parts.get("host", "localhost"), parts.get("port", "5432")
        self.name = f"PostgreSQL database {parts.get('dbname', 'of the user')} at {host}:{port}"
        self._url = url

    def connect(self) -> psycopg.Connection:
        """Open a connection without transactions of its own."""
        with self.faults():
            connection: psycopg.Connection = self.driver.connect(
                self._url,
                autocommit=True,
                connect_timeout=CONNECT_SECONDS_MAX,
                application_name="zenithd journal",
                tcp_user_timeout=SILENCE_MILLISECONDS_MAX,
                keepalives_idle=5,
                keepalives_interval=5,
                keepalives_count=3,
            )
            try:
                connection.execute(f"SET lock_timeout = {LOCK_WAIT_MILLISECONDS_MAX}")
            except self.driver.Error:
                connection.close()
                raise
            return connection

    @contextmanager
    def faults(self) -> Iterator[None]:
        """What the driver raises within is a `StoreFault`."""
        try:
            yield
        except (self.driver.Error, OSError) as error:
            raise StoreFault(f"{self.name}: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


class PostgresqlStore:
    """Implements `zenithd.journal.store.Store` in the current schema of a database."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._place = _Place(url)
        self._connection: psycopg.Connection | None = None

    @property
    def _open(self) -> psycopg.Connection:
        if self._connection is None:
            raise StoreFault(f"{self._place.name}: not connected")
        return self._connection

    def open(self) -> None:
        """Connect, lock, check the server, make or migrate the tables; see `Store.open`."""
        with ExitStack() as opened:
            connection = self._connection = self._place.connect()
            opened.callback(self.close)
            with self._place.faults():
                try:
                    connection.execute(f"SELECT pg_advisory_lock({_LOCK_KEY})")
                except self._place.driver.errors.LockNotAvailable:
                    raise StoreRefused(
                        f"{self._place.name} is in use by another zenithd: stop it, or name another database"
                    ) from None
                self._check_durable(connection)
                with connection.transaction():
                    _prepare(connection, self._place.name)
            opened.pop_all()

    def _check_durable(self, connection: psycopg.Connection) -> None:
        connection.execute("SET synchronous_commit = on")
        for setting, safe in DURABLE.items():
            (found,) = _row(connection, f"SHOW {setting}")
            if found not in safe:
                raise StoreRefused(
                    f"{self._place.name}: {setting} is {found}, with which commits can be lost; set it to"
                    f" {safe[0]}"
                )

    def reader(self) -> Reader:
        """Open a second connection."""
        return PostgresqlReader(self._url)

    def commit(self, block: Block) -> None:
        """Write a block; see `Store.commit`."""
        row = (block.first, block.date, *block.frames)
        with self._place.faults():
            if block.entries:
                columns = [list(column) for column in zip(*block.entries, strict=True)]
                self._open.execute(_COMMIT_WITH_INDEX, (*columns, *row), prepare=True)
            else:
                self._open.execute(_COMMIT, row, prepare=True)

    def put_snapshot(self, snapshot: Snapshot, keep: int) -> None:
        """Keep a snapshot; see `Store.put_snapshot`."""
        with self._place.faults(), self._open.transaction():
            self._open.execute(_SNAPSHOT, snapshot)
            self._open.execute(_PRUNE, (snapshot.name, snapshot.name, keep))

    def load(self, blocks: Iterable[Block], snapshots: Iterable[Snapshot], anchor: Anchor) -> None:
        """Write a whole journal; see `Store.load`."""
        with self._place.faults(), self._open.transaction():
            for block in blocks:
                self.commit(block)
            for snapshot in snapshots:
                self._open.execute(_SNAPSHOT, snapshot)
            self._set(anchor)  # entries of blocks come before those in place of others

    def forget(self, anchor: Anchor) -> None:
        """Remove blocks; see `Store.forget`."""
        position = (anchor.head.position,)
        with self._place.faults(), self._open.transaction():
            self._open.execute("DELETE FROM journal_block WHERE first <= %b", position)
            self._open.execute("DELETE FROM journal_feed_index WHERE block <= %b", position)
            self._open.execute("DELETE FROM journal_snapshot WHERE position < %b", position)
            self._set(anchor)

    def _set(self, anchor: Anchor) -> None:
        connection = self._open
        connection.execute("DELETE FROM journal_anchor")
        if anchor.head.position:
            row = (*anchor.head, encode_ends(anchor.ends))
            connection.execute("INSERT INTO journal_anchor VALUES (%b, %b, %b, %b)", row)
            columns = [list(column) for column in zip(*anchor.entries(), strict=True)] or [[], [], []]
            connection.execute(
                "INSERT INTO journal_feed_index SELECT * FROM"
                " unnest(%b::text[], %b::bigint[], %b::bigint[]) ON CONFLICT DO NOTHING",
                columns,
            )

    def prune(self, name: str, keep: int) -> int:
        """Remove old snapshots; see `Store.prune`."""
        with self._place.faults():
            return self._open.execute(_PRUNE, (name, name, keep)).rowcount

    def close(self) -> None:
        """End the session, and with it the lock."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(self._place.driver.Error):
                connection.close()


class PostgresqlReader:
    """Implements `zenithd.journal.store.Reader`."""

    def __init__(self, url: str) -> None:
        self._place = _Place(url)
        with ExitStack() as opened:
            self._connection = self._place.connect()
            opened.callback(self.close)
            with self._place.faults():
                self._connection.execute("SET default_transaction_read_only = on")
                found = _version(self._connection, self._place.name)
            if found is None:
                raise StoreRefused(f"{self._place.name}: there is no journal")
            if found < VERSION:
                raise StoreRefused(
                    f"{self._place.name} holds a journal of version {found}: start the daemon once, which"
                    f" brings it to {VERSION}"
                )
            self._version = found
            opened.pop_all()

    def _rows(self, statement: str, *parameters: Any) -> list[Any]:
        with self._place.faults():
            return self._connection.execute(statement, parameters, prepare=True, binary=True).fetchall()

    def last(self) -> StoredBlock | None:
        """The newest block."""
        return _block(
            self._rows("SELECT first, sizes, payload FROM journal_block ORDER BY first DESC LIMIT 1")
        )

    def containing(self, position: int) -> StoredBlock | None:
        """The block that holds a position."""
        return _block(
            self._rows(
                "SELECT first, sizes, payload FROM journal_block WHERE first <= %b"
                " ORDER BY first DESC LIMIT 1",
                position,
            )
        )

    def blocks(self, first: int, records_max: int, bytes_max: int) -> list[StoredRow]:
        """Blocks in order; see `Reader.blocks`. The server counts, so that no more than fits is sent."""
        return self._rows(
            """SELECT first, sizes, payload FROM (
                SELECT first, sizes, payload, row_number() OVER sofar AS row,
                    sum(length(payload)) OVER sofar AS bytes, sum(length(sizes) / 4) OVER sofar AS records
                FROM (SELECT * FROM journal_block WHERE first >= %b ORDER BY first LIMIT %b) AS block
                WINDOW sofar AS (ORDER BY first)) AS counted
            WHERE row = 1 OR (bytes <= %b AND records <= %b) ORDER BY first""",
            first,
            records_max,
            bytes_max,
            records_max,
        )

    def feeds(self) -> list[IndexEntry]:
        """The last index entry of every feed; skips from feed to feed instead of reading the whole index."""
        rows = self._rows(
            """WITH RECURSIVE name(feed) AS (
                (SELECT feed FROM journal_feed_index ORDER BY feed LIMIT 1)
                UNION ALL SELECT (SELECT feed FROM journal_feed_index WHERE feed > name.feed
                    ORDER BY feed LIMIT 1) FROM name WHERE name.feed IS NOT NULL)
            SELECT last.feed, last.sequence, last.block FROM name CROSS JOIN LATERAL (
                SELECT * FROM journal_feed_index WHERE feed = name.feed ORDER BY sequence DESC LIMIT 1
            ) AS last"""
        )
        return [IndexEntry(*row) for row in rows]

    def index(self, feed: str, sequence: int, number: int) -> list[IndexEntry]:
        """Index entries of a feed; see `Reader.index`."""
        rows = self._rows(
            """SELECT feed, sequence, block FROM journal_feed_index WHERE feed = %b AND sequence >= coalesce(
                (SELECT max(sequence) FROM journal_feed_index WHERE feed = %b AND sequence <= %b), 0)
            ORDER BY sequence LIMIT %b""",
            feed,
            feed,
            sequence,
            number,
        )
        return [IndexEntry(*row) for row in rows]

    def snapshot(self, name: str, position: int | None, date: int | None) -> Snapshot | None:
        """The newest snapshot of a name; see `Reader.snapshot`."""
        rows = self._rows(
            """SELECT name, position, date, digest, state FROM journal_snapshot
            WHERE name = %b AND position <= %b AND date <= %b ORDER BY position DESC LIMIT 1""",
            name,
            2**63 - 1 if position is None else position,
            2**63 - 1 if date is None else date,
        )
        return Snapshot(*rows[0]) if rows else None

    def snapshots(self) -> list[SnapshotNote]:
        """All snapshots without their states."""
        rows = self._rows(
            "SELECT name, position, date, length(state) FROM journal_snapshot"
            ' ORDER BY name COLLATE "C", position'
        )
        return [SnapshotNote(*row) for row in rows]

    def anchor(self) -> Anchor:
        """Where the journal begins."""
        rows = self._rows("SELECT position, date, digest, ends FROM journal_anchor")
        return Anchor(Head(*rows[0][:3]), decode_ends(rows[0][3])) if rows else Anchor()

    def information(self) -> StoreInformation:
        """For an operator."""
        ((software,),) = self._rows("SHOW server_version")
        ((size,),) = self._rows(
            """SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c
            WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
                AND c.relname IN ('journal_block', 'journal_feed_index', 'journal_snapshot')"""
        )
        return StoreInformation("postgresql", self._place.name, self._version, f"PostgreSQL {software}", size)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Read as of one moment: a transaction of isolation level REPEATABLE READ."""
        with self._place.faults():
            self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield
        finally:
            with contextlib.suppress(self._place.driver.Error):
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """End the session."""
        with contextlib.suppress(self._place.driver.Error):
            self._connection.close()


def _block(rows: list[Any]) -> StoredBlock | None:
    return StoredBlock(rows[0][0], Frames(*rows[0][1:])) if rows else None


def _row(connection: psycopg.Connection, statement: str) -> Any:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row


def _version(connection: psycopg.Connection, place: str) -> int | None:
    """None: there is no journal."""
    (table,) = _row(connection, "SELECT to_regclass('journal_meta')")
    if table is None:
        return None
    version: int = _row(connection, "SELECT version FROM journal_meta")[0]
    if version > VERSION:
        raise StoreRefused(
            f"{place} holds a journal of a newer zenithd (version {version}, this one knows {VERSION}):"
            " install that version again"
        )
    return version


def _prepare(connection: psycopg.Connection, place: str) -> None:
    version = _version(connection, place)
    if version is None:
        connection.execute(TABLES + INDEX_TABLE + ANCHOR_TABLE)
        connection.execute("INSERT INTO journal_meta VALUES (%s)", (VERSION,))
        return
    for step in range(version, VERSION):
        MIGRATIONS[step](connection)
        connection.execute("UPDATE journal_meta SET version = %s", (step + 1,))
