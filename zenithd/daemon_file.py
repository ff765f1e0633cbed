"""`var/daemon.json`: how commands on this machine find the daemon that runs there."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from zenithd.files import write_private

FILE = "daemon.json"


class DaemonFile(msgspec.Struct, frozen=True):
    """Which process serves, and where."""

    pid: int
    address: str
    """`HOST:PORT` it really listens on."""
    tls: bool = False

    @property
    def http_url(self) -> str:
        """Base of metrics and health."""
        return f"{'https' if self.tls else 'http'}://{reachable(self.address)}"

    @property
    def websocket_url(self) -> str:
        """Where clients connect."""
        return f"{'wss' if self.tls else 'ws'}://{reachable(self.address)}/Zenith?version=2.0"


def reachable(address: str) -> str:
    """An address to connect to: one that listens everywhere is reached on loopback."""
    host, _, port = address.rpartition(":")
    return f"{ {'0.0.0.0': '127.0.0.1', '[::]': '[::1]'}.get(host, host) }:{port}"


def write_daemon_file(state_directory: Path, content: DaemonFile) -> None:
    """Say that a daemon serves; call when it listens."""
    write_private(state_directory / FILE, msgspec.json.encode(content))


def remove_daemon_file(state_directory: Path) -> None:
    """Say that it no longer does."""
    (state_directory / FILE).unlink(missing_ok=True)


def find_daemon(state_directory: Path) -> DaemonFile | None:
    """The running daemon of a state folder; None if there is none, or only what a crashed one left."""
    try:
        found = msgspec.json.decode((state_directory / FILE).read_bytes(), type=DaemonFile)
        os.kill(found.pid, 0)
    except (OSError, msgspec.DecodeError):
        return None
    return found
