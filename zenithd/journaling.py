"""The journal that the configuration asks for."""

from __future__ import annotations

import msgspec

from zenithd.collectors import JournalReading
from zenithd.config import Config
from zenithd.journal import Journal, JournalSettings, State, StoreRefused
from zenithd.journal.postgresql import PostgresqlReader, PostgresqlStore
from zenithd.journal.sqlite import SqliteReader, SqliteStore
from zenithd.journal.store import Reader, Store
from zenithd.metrics import Metrics

JOURNAL_FILE = "journal.db"
"""Name of the embedded store in the state folder."""


def journal_store(config: Config) -> Store:
    """The configured store, closed.

    Raises:
        StoreRefused: it cannot be used as configured.
    """
    if config.journal.store == "postgresql":
        return PostgresqlStore(_url(config))
    return SqliteStore(config.state_directory / JOURNAL_FILE)


def journal_reader(config: Config) -> Reader:
    """The configured store for reading, also beside a running daemon.

    Raises:
        StoreRefused: there is no journal, or it cannot be used as configured.
        StoreFault: it cannot be reached or read.
    """
    if config.journal.store == "postgresql":
        return PostgresqlReader(_url(config))
    return SqliteReader(config.state_directory / JOURNAL_FILE)


def _url(config: Config) -> str:
    if not config.journal.url:
        error = config.error("journal.url", "the URL of a PostgreSQL database", "name it, or use sqlite")
        raise StoreRefused(str(error))
    return config.journal.url


def journal_reading(journal: Journal) -> JournalReading:
    """How a journal is, for its metrics."""
    counted = journal.statistics
    return JournalReading(
        state=journal.state.value,
        states=tuple(state.value for state in State),
        position=journal.head.position,
        records=counted.records,
        commits=counted.commits,
        failures=counted.failures,
        refused=counted.refused,
        duplicates=counted.duplicates,
        gaps=counted.gaps,
        conflicts=counted.conflicts,
        waits=counted.waits,
        snapshots_refused=counted.snapshots_refused,
    )


def open_journal(config: Config, metrics: Metrics | None = None) -> Journal:
    """Make the configured journal; to be opened with `open` and then run by the caller's nursery.

    Raises:
        StoreRefused: it cannot be used as configured.
    """
    fields = {name: getattr(config.journal, name) for name in JournalSettings.__struct_fields__}
    journal = Journal(journal_store(config), msgspec.convert(fields, JournalSettings))
    if metrics is not None:
        journal.on_commit = metrics.journal_commit_seconds.observe
        metrics.watch_journal(lambda: journal_reading(journal))
    return journal
