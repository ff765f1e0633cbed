"""`zenithd journal`: what it prints, what it writes, and its one-line faults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio
from cli_support import Result, Run
from pysqlite3 import dbapi2

from zenithd.config import load
from zenithd.journaling import open_journal
from zenithd.metrics import Metrics

DATE = 1_795_000_000_000_000_001


@pytest.fixture
def journal_file(folder: Path) -> Path:
    """A configuration, and a journal of six records with a snapshot."""
    (folder / "config.toml").write_text("[journal]\nsnapshots_kept = 5\n")

    async def fill() -> None:
        journal = open_journal(load("config.toml"), Metrics())
        await journal.open()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.run)
            for number in range(3):
                now = DATE + number * 1_000_000_000
                await journal.append("orders", [("new", b"{}"), ("fill", bytes([255, number]))], now=now)
                await journal.put_snapshot("book", journal.head.position, now, b"state")
            nursery.cancel_scope.cancel()

    trio.run(fill)
    return folder / "var" / "journal.db"


def test_info(zenithd: Run, journal_file: Path) -> None:
    result = zenithd("journal", "info", "--json")
    assert result.code == 0
    found = json.loads(result.out)
    assert found["store"] == "sqlite"
    assert (found["position"], found["feeds"], found["snapshots"], found["version"]) == (6, 1, 3, 2)
    assert found["date"] == "2026-11-18T11:06:42.000000001Z"
    assert found["bytes"] >= journal_file.stat().st_size
    assert "position" in zenithd("journal", "info").out


def test_digest_and_verify_agree(zenithd: Run, journal_file: Path) -> None:
    verified = json.loads(zenithd("journal", "verify", "--json").out)
    assert verified["intact"] is True
    assert verified["feeds"] == {"orders": 6}
    digest = verified["digest"]
    assert zenithd("journal", "digest") == Result(0, f"{digest} 6\n", "")
    assert zenithd("journal", "verify").out == (
        f"Intact: 6 records of 1 feeds, 3 snapshots; digest {digest}\n"
    )
    earlier = json.loads(zenithd("journal", "digest", "--date", "2026-11-18T11:06:41.5", "--json").out)
    assert earlier["position"] == 4
    assert json.loads(zenithd("journal", "digest", "--position", "4", "--json").out) == earlier


def test_export(zenithd: Run, journal_file: Path, folder: Path) -> None:
    lines = [json.loads(line) for line in zenithd("journal", "export").out.splitlines()]
    assert [line["position"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert (lines[0]["body"], lines[1]["body_base64"]) == ("{}", "/wA=")
    assert lines[5]["digest"] in zenithd("journal", "digest").out
    between = zenithd("journal", "export", "--since", "2026-11-18T11:06:41", "--until", "2026-11-18T11:06:42")
    assert [json.loads(line)["position"] for line in between.out.splitlines()] == [3, 4]
    assert zenithd("journal", "export", "--first", "2", "--last", "2").out.count("\n") == 1
    assert zenithd("journal", "export", "--feed", "none").out == ""
    assert zenithd("journal", "export", "--output", "day.jsonl").code == 0
    assert len((folder / "day.jsonl").read_text().splitlines()) == 6
    assert zenithd("journal", "export", "--output", "day.jsonl") == Result(2, "", "day.jsonl: File exists\n")


def test_snapshots(zenithd: Run, journal_file: Path) -> None:
    found = json.loads(zenithd("journal", "snapshot", "--json").out)
    assert [note["position"] for note in found] == [2, 4, 6]
    result = zenithd("journal", "snapshot", "--name", "book", "--keep", "1", "--json")
    assert result.err == "Removed 2 snapshots of book.\n"
    assert [note["position"] for note in json.loads(result.out)] == [6]
    assert zenithd("journal", "snapshot", "--keep", "1").err == (
        "--keep needs --name, and the configured journal\n"
    )


def test_backup_and_restore(zenithd: Run, journal_file: Path, folder: Path) -> None:
    digest = zenithd("journal", "digest").out.split()[0]
    assert zenithd("journal", "backup", "b/today.journal").out == (
        f"Copied 6 records to b/today.journal; digest {digest}\n"
    )
    assert zenithd("journal", "backup", "b/today.journal") == Result(
        2, "", "zenithd journal: b/today.journal exists: a backup is a new file\n"
    )
    assert zenithd("journal", "verify", "--file", "b/today.journal").code == 0
    result = zenithd("journal", "restore", "b/today.journal")
    assert result.code == 2
    assert "journal.db holds a journal: nothing is overwritten; move it away first" in result.err
    journal_file.unlink()
    assert zenithd("journal", "info").err == "zenithd journal: var/journal.db: there is no journal\n"
    assert zenithd("journal", "restore", "b/today.journal", "--json").code == 0
    assert zenithd("journal", "digest").out == f"{digest} 6\n"
    assert json.loads(zenithd("journal", "info", "--json").out)["snapshots"] == 3


def test_damage_is_one_line(zenithd: Run, journal_file: Path) -> None:
    connection = dbapi2.connect(str(journal_file), isolation_level=None)
    connection.execute("DELETE FROM block WHERE first = 3")
    connection.close()
    assert zenithd("journal", "verify") == Result(
        2, "", "zenithd journal: record 3 is damaged: it is missing\n"
    )
    result = zenithd("journal", "verify", "--json")
    assert result.code == 2
    assert json.loads(result.out) == {"intact": False, "position": 3, "reason": "it is missing"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digest", "--position", "7"], "--position 7: the journal ends at 6\n"),
        (["digest", "--date", "now"], "--date now: expected a date such as 2026-11-21T10:30:00\n"),
        (["verify", "--file", "none"], "zenithd journal: none: there is no journal\n"),
        (["verify", "--file", "config.toml"], "zenithd journal: config.toml: file is not a database\n"),
    ],
)
def test_faults(zenithd: Run, journal_file: Path, arguments: list[str], message: str) -> None:
    assert zenithd("journal", *arguments) == Result(2, "", message)


def test_a_database_must_be_named(zenithd: Run, folder: Path) -> None:
    (folder / "config.toml").write_text('[journal]\nstore = "postgresql"\n')
    result = zenithd("journal", "info")
    assert result.code == 2
    assert "journal.url: expected the URL of a PostgreSQL database" in result.err
    (folder / "config.toml").write_text('[journal]\nstore = "postgresql"\nurl = "http://x"\n')
    assert 'expected a URL with postgresql, found "http://x"' in zenithd("journal", "info").err


def test_prune(zenithd: Run, journal_file: Path) -> None:
    refused = zenithd("journal", "prune", "--before", "5")
    assert (refused.code, refused.out) == (2, "")
    assert "nothing can be removed: no state is kept of orders" in refused.err

    async def keep_state(position: int) -> None:
        journal = open_journal(load("config.toml"), Metrics())
        await journal.open()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.run)
            await journal.put_snapshot("orders", position, DATE, b"state")
            nursery.cancel_scope.cancel()

    trio.run(keep_state, 4)
    digest = json.loads(zenithd("journal", "digest", "--position", "4", "--json").out)["digest"]
    dry = json.loads(zenithd("journal", "prune", "--before", "9", "--dry-run", "--json").out)
    assert (dry["removed"], dry["position"], dry["digest"]) == (4, 4, digest)
    assert (dry["dry_run"], dry["needed_by"]) == (True, "orders")
    assert json.loads(zenithd("journal", "info", "--json").out)["pruned_up_to"] == 0
    first = zenithd("journal", "prune", "--before", "2026-11-18T11:06:41")
    assert first.out.startswith("Removed 2 records; the journal begins behind 2, digest ")
    second = zenithd("journal", "prune", "--before", "9")
    assert second.out == (
        f"Removed 2 records; the journal begins behind 4, digest {digest}. Feed orders needs what follows:"
        " its newest snapshot is there\n"
    )
    assert json.loads(zenithd("journal", "info", "--json").out)["pruned_up_to"] == 4
    verified = zenithd("journal", "verify").out
    assert verified.startswith("Intact: 2 records of 1 feeds, 3 snapshots; digest ")
    assert verified.endswith("; 4 records before were pruned\n")
    assert zenithd("journal", "digest", "--position", "4").out == f"{digest} 4\n"
    assert len(zenithd("journal", "export").out.splitlines()) == 2
    gone = zenithd("journal", "export", "--first", "1")
    assert (gone.code, gone.out) == (2, "")
    assert "records up to 4 were pruned" in gone.err


def test_a_journal_in_use_is_not_pruned(zenithd: Run, journal_file: Path) -> None:
    async def beside() -> Result:
        journal = open_journal(load("config.toml"), Metrics())
        await journal.open()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.run)
            await journal.put_snapshot("orders", 6, DATE, b"state")
            result = await trio.to_thread.run_sync(zenithd, "journal", "prune", "--before", "5")
            nursery.cancel_scope.cancel()
        return result

    result = trio.run(beside)
    assert result.code == 2
    assert "in use by another zenithd" in result.err
