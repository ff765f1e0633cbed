"""`zenithd run` in a process of its own: the banner, the end, and what stops a start."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_support import Run

from zenithd.cli.run import print_banner
from zenithd.config import Config, UserSettings
from zenithd.open_files import file_limit, file_limit_max, raise_file_limit

QUIET = "[plugins.prodigy]\nhistory_days = 0\nrate = 0.1\n[logging]\nlevel = 'warning'\n"
WAIT_SECONDS_MAX = 60

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start commands; whatever still runs in the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "zenithd", *arguments]
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def banner(process: subprocess.Popen[str]) -> list[str]:
    """The lines printed at the start."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Try:"):
            return lines
    pytest.fail(f"no banner, but {lines} {process.communicate()}")


def test_banner_watch_and_end(start: Start, zenithd: Run, folder: Path) -> None:
    (folder / "config.toml").write_text(
        QUIET + '[users.demo]\npassword = "demo"\nloopback_only = true\n[users.anna]\npassword = "secret"\n'
    )
    process = start("run", "--listen", "127.0.0.1:0")
    text = "".join(banner(process))
    found = re.search(r"^zenithd serves at (127\.0\.0\.1:\d+)$", text, re.MULTILINE)
    assert found is not None
    address = found[1]
    assert f"  WebSocket  ws://{address}/Zenith?version=2.0\n" in text
    assert f"  Health     http://{address}/health/ready\n" in text
    assert re.search(r"^  Market     XSX: .*simulated.*10 instruments$", text, re.MULTILINE)
    assert re.search(r"^  Plugin     prodigy: (active|initialising)$", text, re.MULTILINE)
    assert "  Plugin     binance: disabled by default\n" in text
    assert "  User       demo, password demo, from this machine only\n" in text
    assert "  User       anna\n" in text

    live = {row["name"]: row["state"] for row in json.loads(zenithd("plugins", "list", "--json").out)}
    assert live["prodigy"] == "active"
    seen = zenithd("watch", "XS01.XSX", "--once")
    assert (seen.code, seen.err) == (0, "")
    assert "XS01.XSX" in seen.out
    messages = [
        json.loads(line) for line in zenithd("watch", "XS01.XSX", "--json", "--once").out.splitlines()
    ]
    assert {"AuthOwner", "Levels!XS01.XSX"} <= {message["Topic"] for message in messages}
    second = start("run", "--listen", "127.0.0.1:0")
    assert second.wait(WAIT_SECONDS_MAX) == 2
    assert second.stderr is not None
    assert second.stderr.read().count("\n") == 1

    process.send_signal(signal.SIGTERM)
    assert process.wait(WAIT_SECONDS_MAX) == 0
    assert not (folder / "var" / "daemon.json").exists()


def fault(start: Start, *arguments: str) -> str:
    """The one line of a command that must fail."""
    process = start(*arguments)
    out, err = process.communicate(timeout=WAIT_SECONDS_MAX)
    assert (process.returncode, out, err.count("\n")) == (2, "", 1), err
    return err


def test_port_in_use(start: Start, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        (folder / "config.toml").write_text(f'{QUIET}[server]\nlisten = "{address}"\n')
        line = fault(start, "run")
    assert line.startswith("config.toml:7: server.listen: expected ")
    assert "in use" in line


def test_mistake_in_a_plugin_section(start: Start, folder: Path) -> None:
    (folder / "config.toml").write_text("[plugins.prodigy]\nrat = 5\n")
    assert fault(start, "run") == (
        'config.toml:2: plugins.prodigy.rat: expected a known setting; did you mean "rate"?\n'
    )


def test_section_of_a_plugin_that_is_not_there(start: Start, folder: Path) -> None:
    (folder / "config.toml").write_text("[plugins.prodgy]\n")
    assert fault(start, "run").startswith(
        "config.toml:1: plugins.prodgy: expected an installed plugin; did you mean"
    )


def test_replay_of_no_recording(start: Start, folder: Path) -> None:
    (folder / "config.toml").write_text("[logging]\nlevel = 'error'\n")
    line = fault(start, "replay", "config.toml", "--listen", "127.0.0.1:0")
    assert line.startswith("cannot replay: ")


def test_passwords_of_others_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    class Info:
        address = "0.0.0.0:1"
        tls = True
        markets = (("M", "Name", 1, True), ("N", "Name (simulated)", 1234, True))
        plugins = (
            {"name": "a", "state": "broken", "reason": "why"},
            {"name": "b", "state": "disabled", "reason": "disabled by default"},
        )
        users = ("open", "stored")
        accounts = "XS:0001"

    print_banner(Config(users={"open": UserSettings(password="secret")}), Info())  # type: ignore[arg-type]
    assert capsys.readouterr().out.splitlines() == [
        "zenithd serves at 0.0.0.0:1 with TLS",
        "  WebSocket  wss://127.0.0.1:1/Zenith?version=2.0",
        "  Health     https://127.0.0.1:1/health/ready",
        "  Metrics    https://127.0.0.1:1/metrics",
        "  Market     M: Name, 1 instrument (simulated)",
        "  Market     N: Name (simulated), 1,234 instruments",
        "  Plugin     a: broken (why)",
        "  Plugin     b: disabled by default",
        "  User       open",
        "  User       stored",
        "  Accounts   XS:0001",
        "Try:  zenithd order place XS:0001 buy 100 XS01.XSX --type market --dry-run",
    ]


def test_open_files_are_as_many_as_allowed() -> None:
    raise_file_limit()
    assert file_limit() == file_limit_max()
