"""`[journal]`: where events are kept that must never be lost."""

from __future__ import annotations

from typing import Annotated, Literal

from zenithd.config.about import Section, about


class JournalSettings(Section, frozen=True):
    """The journal of the exchange and of orders: what is acknowledged is on the disk."""

    store: Annotated[
        Literal["sqlite", "postgresql"],
        about(
            "Where it is kept: sqlite is a file in the state folder, postgresql a database; choose the latter"
            " where databases are looked after anyway."
        ),
    ] = "sqlite"
    url: Annotated[
        str,
        about(
            'The database of store = "postgresql", such as "postgresql://zenithd@db.example.com/zenithd"; a'
            " password is better kept in ~/.pgpass.",
            form="postgresql-url",
        ),
    ] = ""
    commit_records_max: Annotated[
        int,
        about(
            "Most records of one commit; what comes beyond waits for the next. Raise it for many producers.",
            ge=1,
            le=1_000_000,
        ),
    ] = 4_096
    commit_bytes_max: Annotated[
        int,
        about("Most bytes of one commit, and so of what is appended at once.", ge=1_024, le=268_435_456),
    ] = 4_194_304
    commit_seconds_max: Annotated[
        float,
        about(
            "A commit that takes longer counts as failed, and orders are refused until the disk answers.",
            ge=0.1,
            le=3600,
        ),
    ] = 30.0
    retry_seconds: Annotated[
        float,
        about("Time between attempts to open a store that failed.", ge=0.01, le=3600),
    ] = 1.0
    snapshots_kept: Annotated[
        int,
        about(
            "Newest snapshots of each state that are kept; raise it to look at states of the past quickly.",
            ge=1,
            le=1_000_000,
        ),
    ] = 3
    snapshot_bytes_max: Annotated[
        int,
        about("Largest state that is kept as a snapshot.", ge=1_024, le=1_000_000_000),
    ] = 268_435_456
