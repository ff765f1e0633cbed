"""What systemd is told, over real sockets and by a real daemon."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import trio
import trio.testing

from tests.daemon.conftest import DaemonProcess
from zenithd.service_manager import SIGNS_PER_PERIOD, ServiceManager, of_this_process

WAIT_SECONDS_MAX = 30.0
CONFIG = "[plugins.prodigy]\nhistory_days = 0\n"


class Systemd:
    """The receiving end."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(WAIT_SECONDS_MAX)
        self.socket.bind(address)

    def receive(self) -> list[str]:
        """The lines of the next message."""
        return self.socket.recv(4096).decode().split("\n")

    def wait_for(self, line: str) -> list[str]:
        """The next message with this first line; signs of life before it do not count."""
        while (message := self.receive())[0] != line:
            assert message == ["WATCHDOG=1"]
        return message


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def systemd(path: str) -> Iterator[Systemd]:
    receiver = Systemd(path)
    yield receiver
    receiver.socket.close()


def test_messages(systemd: Systemd, path: str) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": path}, 1)
    manager.ready("serving at 127.0.0.1:8640")
    assert systemd.receive() == ["READY=1", "STATUS=serving at 127.0.0.1:8640"]
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    with manager.reloading():
        kind, _, began = systemd.receive()[1].partition("=")
        assert kind == "MONOTONIC_USEC"
        assert before <= int(began) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert systemd.receive() == ["READY=1"]
    manager.stopping()
    assert systemd.receive()[0] == "STOPPING=1"


def test_a_reload_that_fails_is_over_too(systemd: Systemd, path: str) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": path}, 1)
    with pytest.raises(ValueError, match="wrong"), manager.reloading():
        raise ValueError("wrong")
    assert systemd.receive()[0] == "RELOADING=1"
    assert systemd.receive() == ["READY=1"]


def test_an_abstract_socket() -> None:
    name = f"zenithd-test-{os.getpid()}"
    receiver = Systemd("\0" + name)
    ServiceManager({"NOTIFY_SOCKET": "@" + name}, 1).stopping()
    assert receiver.receive()[0] == "STOPPING=1"
    receiver.socket.close()


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_nobody_to_tell(environment: dict[str, str]) -> None:
    manager = ServiceManager(environment, 1)
    assert not manager.is_there
    manager.ready("nobody hears it")
    manager.stopping()


def test_a_manager_that_is_gone_holds_nobody_up(path: str) -> None:
    with structlog.testing.capture_logs() as lines:
        ServiceManager({"NOTIFY_SOCKET": path}, 1).stopping()
    assert [(line["event"], line["message"]) for line in lines] == [
        ("the service manager was not told", "STOPPING=1")
    ]


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_whose_signs_of_life_are_wanted(environment: dict[str, str], seconds: float | None) -> None:
    assert ServiceManager(environment, 7).watchdog_seconds == seconds


async def test_signs_of_life(systemd: Systemd, path: str, autojump_clock: trio.testing.MockClock) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "3000000"}, 1)
    with trio.move_on_after(9.5):
        await manager.run_watchdog()
    systemd.socket.setblocking(False)
    signs = 0
    while True:
        try:
            assert systemd.receive() == ["WATCHDOG=1"]
        except BlockingIOError:
            break
        signs += 1
    assert signs == 1 + 9.5 // (3 / SIGNS_PER_PERIOD)


def test_the_variables_are_not_handed_on(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that a plugin starts must not speak for the daemon."""
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    monkeypatch.setenv("WATCHDOG_USEC", "5000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    manager = of_this_process()
    assert (manager.is_there, manager.watchdog_seconds) == (True, 5.0)
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(os.environ)


# A real daemon


def test_the_life_of_a_daemon(systemd: Systemd, path: str, tmp_path: Path) -> None:
    with DaemonProcess(tmp_path, CONFIG, NOTIFY_SOCKET=path, WATCHDOG_USEC="300000") as daemon:
        ready = systemd.wait_for("READY=1")
        assert ready[1] == f"STATUS=serving at {daemon.address}"
        assert daemon.get("/health/live")[0] == 200
        for _ in range(5):
            assert systemd.receive() == ["WATCHDOG=1"]
        (tmp_path / "config.toml").write_text("[server]\nwrong = 1\n")
        daemon.process.send_signal(signal.SIGHUP)
        assert systemd.wait_for("RELOADING=1")[1].startswith("MONOTONIC_USEC=")
        assert systemd.wait_for("READY=1") == ["READY=1"]  # goes on with the old configuration
        daemon.process.send_signal(signal.SIGTERM)
        systemd.wait_for("STOPPING=1")
        assert daemon.process.wait(WAIT_SECONDS_MAX) == 0
        assert "configuration not taken over" in daemon.text()


def test_a_daemon_whose_loop_is_held_gives_no_sign_of_life(
    systemd: Systemd, path: str, tmp_path: Path
) -> None:
    """Then systemd sends SIGABRT, and the unit's PYTHONFAULTHANDLER shows where it was held."""
    environment = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "300000", "PYTHONFAULTHANDLER": "1"}
    holder = tmp_path / "holder"
    holder.mkdir()
    (holder / "sitecustomize.py").write_text(HOLD_ON_SIGNAL)
    environment["PYTHONPATH"] = str(holder)
    with DaemonProcess(tmp_path, CONFIG, **environment) as daemon:
        systemd.wait_for("READY=1")
        systemd.wait_for("WATCHDOG=1")
        daemon.process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while "held" not in daemon.text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        systemd.socket.settimeout(0)
        with pytest.raises(BlockingIOError):
            while True:
                systemd.receive()  # those given before it was held
        systemd.socket.settimeout(1.0)
        with pytest.raises(TimeoutError):
            systemd.receive()
        daemon.process.send_signal(signal.SIGABRT)
        assert daemon.process.wait(WAIT_SECONDS_MAX) == -signal.SIGABRT
        assert "Fatal Python error: Aborted" in daemon.text()
        assert "in hold" in daemon.text()


HOLD_ON_SIGNAL = """
import os, signal, threading

def hold(number, frame):
    os.write(2, b"held\\n")
    threading.Event().wait(60)

signal.signal(signal.SIGUSR1, hold)
"""
