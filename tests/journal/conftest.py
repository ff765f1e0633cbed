"""A PostgreSQL for all tests of the journal, and a place in each kind of store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from journal_support import Place, PostgresqlPlace, SqlitePlace

from zenithd.bench.postgresql import Server, own_server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with own_server() as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return SqlitePlace(tmp_path)
    return PostgresqlPlace(request.getfixturevalue("server"))


@pytest.fixture
def folder_place(tmp_path: Path) -> SqlitePlace:
    return SqlitePlace(tmp_path)
