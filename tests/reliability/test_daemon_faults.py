"""What becomes of a running daemon whose disk or database fails, as its clients and operators see it.

Everything confirmed before stays; what cannot be kept is refused with a reason (503); readiness, metrics and
the log say why; when the fault is mended the daemon goes on by itself.
"""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from pysqlite3 import dbapi2

from tests.daemon.conftest import START_SECONDS_MAX, DaemonProcess
from tests.reliability.lib_operator import OWN_MARKET, Operator
from tests.reliability.lib_site import configuration
from zenithd.bench.postgresql import Server, own_server

Sections = dict[str, dict[str, Any]]

SECTIONS: Sections = {
    "users.operator": {
        "password": "operator",
        "scopes": ["Prodigy/Exchange", "Prodigy/Symbol", "Prodigy/Control"],
    },
    "limits": {"pages_per_second": 1000.0},
    "plugins.prodigy": {"rate": 5.0, "history_days": 0},
    "journal": {"retry_seconds": 0.1},
    "logging": {"format": "json"},
}


class Watch:
    """An operator who lists symbols in a market of their own and looks at everything that tells of faults."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self.daemon = daemon
        self.confirmed: list[str] = []
        self._number = 0
        self._operator = Operator("operator", "operator")
        self._operator.connect(daemon.address)

    def found_market(self) -> None:
        status, told = self._operator.ask("POST", f"/market/{OWN_MARKET}", {}, "market")
        assert status == 201, told

    def list_symbol(self) -> int:
        """The status of an answer to one more symbol; 0 if there was none."""
        self._number += 1
        code = f"S{self._number}"
        try:
            status, told = self._operator.ask("POST", f"/market/{OWN_MARKET}/symbol/{code}", {}, code)
        except (OSError, HTTPException):
            self._operator.connect(self.daemon.address)
            return 0
        assert status in (201, 503), told
        if status == 201:
            self.confirmed.append(code)
        else:
            assert told.get("reason") or told.get("Reason"), told
        return status

    def reasons(self) -> list[str]:
        """Why the daemon is not ready."""
        found: list[str] = json.loads(self.daemon.get("/health/ready")[1])["reasons"]
        return found

    def metric(self, line: str) -> float:
        """The value that stands behind a name with its labels."""
        lines = self.daemon.get("/metrics")[1].splitlines()
        return float(next(one.rpartition(" ")[2] for one in lines if one.startswith(line + " ")))

    def until(self, what: Callable[[], bool]) -> None:
        """Return as soon as something is so."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while not what():
            assert time.monotonic() < deadline, (self.reasons(), self.daemon.text()[-3000:])
            time.sleep(0.05)

    def check_kept(self) -> None:
        """Everything that was confirmed is there."""
        status, market = self._operator.ask("GET", f"/market/{OWN_MARKET}")
        assert status == 200, market
        assert set(self.confirmed) <= set(market["Symbols"])


def refused(watch: Watch) -> None:
    """Commands are refused, and everything says so."""
    watch.until(lambda: watch.list_symbol() == 503)
    watch.until(lambda: any(reason.startswith("journal: ") for reason in watch.reasons()))
    watch.until(lambda: watch.metric("zenithd_journal_failures_total") > 0)
    assert watch.metric("zenithd_ready") == 0
    assert '"event":"journal refuses"' in watch.daemon.text()
    assert '"event":"route failed"' not in watch.daemon.text()


def mended(watch: Watch) -> None:
    """It goes on by itself, and after a restart everything is there too."""
    watch.until(lambda: watch.daemon.get("/health/ready")[0] == 200)
    watch.check_kept()
    watch.until(lambda: watch.list_symbol() == 201)
    assert watch.metric('zenithd_journal_state{state="serving"}') == 1
    assert watch.daemon.stop() == 0


@contextlib.contextmanager
def working(folder: Path, sections: Sections = SECTIONS) -> Iterator[Watch]:
    """A daemon with a market that was founded and has some symbols."""
    with DaemonProcess(folder, configuration(sections)) as daemon:
        daemon.wait_ready()
        watch = Watch(daemon)
        watch.found_market()
        for _ in range(3):
            assert watch.list_symbol() == 201
        yield watch


def look_again(folder: Path, before: Watch, sections: Sections = SECTIONS) -> None:
    """The next daemon has everything as well."""
    with DaemonProcess(folder, configuration(sections)) as daemon:
        daemon.wait_ready()
        watch = Watch(daemon)
        watch.confirmed = before.confirmed
        watch.check_kept()


def test_a_disk_that_is_full_and_has_room_again(tmp_path: Path) -> None:
    """The system lets files grow no further, as a quota does, and then again."""
    with working(tmp_path) as watch:
        process = watch.daemon.process.pid
        journal = tmp_path / "var" / "journal.db-wal"
        unlimited = resource.prlimit(process, resource.RLIMIT_FSIZE)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (journal.stat().st_size, unlimited[1]))
        refused(watch)
        resource.prlimit(process, resource.RLIMIT_FSIZE, unlimited)
        mended(watch)
    look_again(tmp_path, watch)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with own_server() as server:
        yield server


def test_a_database_that_stops_and_comes_back(tmp_path: Path, server: Server) -> None:
    sections = {**SECTIONS, "journal": {**SECTIONS["journal"], "store": "postgresql", "url": server.url}}
    with working(tmp_path, sections) as watch:
        (tmp_path / "beside").mkdir()
        with pytest.raises(AssertionError, match="is in use by another zenithd"):
            DaemonProcess(tmp_path / "beside", configuration(sections))
        assert watch.list_symbol() == 201
        server.stop()
        refused(watch)
        server.start()
        mended(watch)
    look_again(tmp_path, watch, sections)


def test_a_second_daemon_in_the_same_folder(tmp_path: Path) -> None:
    with working(tmp_path) as watch:
        text = watch.daemon.text()
        with pytest.raises(AssertionError, match="another zenithd is using this one"):
            DaemonProcess(tmp_path, configuration(SECTIONS))
        watch.daemon.output.write_text(text)
        assert watch.list_symbol() == 201
        assert watch.reasons() == []


def test_a_byte_that_was_flipped_is_never_traded_on(tmp_path: Path) -> None:
    """The exchange does not open on what is not what was written; it does when the right bytes are back."""
    with working(tmp_path) as watch:
        watch.daemon.stop(signal.SIGKILL)  # it would keep its state else, and not read what led to it
    journal = tmp_path / "var" / "journal.db"
    with contextlib.closing(dbapi2.connect(str(journal))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    good = journal.read_bytes()
    written = b"\xa4code\xa2S2"  # of the record: two letters alone stand by chance in many a digest
    place = good.index(written, good.index(b"prodigy/market 3")) + len(written) - 1
    journal.write_bytes(good[:place] + b"4" + good[place + 1 :])
    with DaemonProcess(tmp_path, configuration(SECTIONS)) as daemon:
        damaged = Watch(daemon)
        damaged.until(lambda: any("is damaged" in reason for reason in damaged.reasons()))
        assert damaged.list_symbol() == 503
        assert damaged.metric('zenithd_journal_state{state="damaged"}') == 1
        assert daemon.stop() == 0
    journal.write_bytes(good)
    look_again(tmp_path, watch)
