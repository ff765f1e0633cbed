"""Open files: what fits under the limit, and that the operator is told."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from tests.daemon.conftest import DaemonProcess
from zenithd.open_files import (
    FILES_BESIDE_CONNECTIONS,
    connections_possible,
    file_limit,
    file_limit_max,
    file_shortage,
    open_files,
)

LIMIT_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (400, 500))
"""


@pytest.mark.parametrize(
    ("connections_max", "files_max", "possible"),
    [(1000, None, 1000), (1000, 1200, 1000), (1000, 1199, 999), (1000, 100, 1)],
)
def test_as_many_connections_as_files_allow(
    connections_max: int, files_max: int | None, possible: int
) -> None:
    assert connections_possible(connections_max, files_max) == possible
    shortage = file_shortage(connections_max, files_max)
    if possible == connections_max:
        assert shortage is None
    else:
        assert shortage is not None
        assert f"{files_max} open files" in shortage
        assert shortage.endswith(f"set limits.connections_max to {possible}")


def test_the_limits_are_those_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, resource.RLIM_INFINITY))
    assert (file_limit(), file_limit_max()) == (1024, None)


def test_open_files_are_counted(tmp_path: Path) -> None:
    before = open_files()
    if before is None:
        pytest.skip("this system would have to list them")
    with (tmp_path / "one").open("w"), (tmp_path / "two").open("w"):
        assert open_files() == before + 2


def test_a_daemon_with_too_few_files_says_so(tmp_path: Path) -> None:
    """It raises the limit as far as it may; what is still lacking is told at the start."""
    (tmp_path / "sitecustomize.py").write_text(LIMIT_FILES)
    config = "[limits]\nconnections_max = 5000\n[plugins.prodigy]\nenabled = false\n"
    with DaemonProcess(tmp_path, config, PYTHONPATH=str(tmp_path)) as daemon:
        assert "too few open files for so many connections" in daemon.text()
        assert f"set limits.connections_max to {500 - FILES_BESIDE_CONNECTIONS}" in daemon.text()
        metrics = daemon.get("/metrics")[1]
        assert f"zenithd_connections_max {500 - FILES_BESIDE_CONNECTIONS}.0" in metrics
        assert "process_max_fds 500.0" in metrics
