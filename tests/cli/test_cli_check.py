"""`zenithd check`: everything that would stop a start, all at once."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cli_support import Run

from zenithd.daemon_file import DaemonFile, write_daemon_file


@pytest.fixture
def free_port() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    yield port


def write(folder: Path, port: int, text: str = "") -> None:
    (folder / "config.toml").write_text(
        f'server.listen = "127.0.0.1:{port}"\nlimits.connections_max = 10\n{text}'
    )


def test_good(zenithd: Run, folder: Path, free_port: int) -> None:
    write(folder, free_port, '[users.a]\npassword_hash = "$argon2id$x"\n')
    result = zenithd("check")
    assert (result.code, result.out, result.err) == (0, "config.toml: good\n", "")
    assert not (folder / "var").exists()


def test_everything_at_once(zenithd: Run, folder: Path, good_plugin: str, broken_plugin: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        text = f"[plugins.{good_plugin}]\norders = -1\n[plugins.missing]\n"
        write(folder, port, text)
        (folder / "var").mkdir()
        (folder / "var" / "users.json").write_text("{")
        (folder / "var" / "token.key").write_text("short")
        result = zenithd("check")
    assert result.code == 2
    lines = result.err.splitlines()
    assert [line.split(":")[2].strip() if line.startswith("config.toml:") else "" for line in lines]
    text = "\n".join(lines)
    assert "config.toml:4: plugins.testsource.orders: expected a whole number of at least 0, found -1" in text
    assert "config.toml:5: plugins.missing: expected an installed plugin" in text
    assert "plugins.testbroken: expected a plugin that can be loaded; RuntimeError: no luck today" in text
    assert "users.json: expected the users that zenithd stored" in text
    assert f"config.toml:1: server.listen: expected a free port, but 127.0.0.1:{port} is in use" in text
    assert "token.key: expected a key of 32 bytes" in text
    assert len(lines) == 6


def test_all_mistakes_of_the_file(zenithd: Run, folder: Path) -> None:
    (folder / "config.toml").write_text("a = 1\nb = 2\n")
    result = zenithd("check")
    assert result.code == 2
    assert [line.split(": ")[0] for line in result.err.splitlines()] == ["config.toml:1", "config.toml:2"]


def test_faults_of_core_sections_hide_no_others(zenithd: Run, folder: Path, good_plugin: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        text = (
            'unknown = 1\nfanout = 5\n[users.a]\nscopes = ["Zenith/Everything"]\n'
            '[limits]\nping_seconds = "x"\n'
            "idle_seconds = 20\n"
            f"[plugins.{good_plugin}]\norders = -1\n[plugins.missing]\n"
            '[plugins.replay]\nspeed = -1\nfiles = ["nowhere.zrec"]\n'
        )
        (folder / "config.toml").write_text(f'server.listen = "127.0.0.1:{port}"\n{text}')
        (folder / "var").mkdir()
        (folder / "var" / "users.json").write_text("{")
        (folder / "var" / "token.key").write_text("short")
        (folder / "var" / "history.db").write_bytes(b"not a database at all" * 100)
        result = zenithd("check")
    assert result.code == 2
    keys = [line.split(": ")[1] for line in result.err.splitlines() if line.startswith("config.toml:")]
    assert keys == [
        "unknown",
        "fanout",
        "users.a.scopes[0]",
        "limits.ping_seconds",
        "plugins.replay.speed",
        "plugins.replay.files[0]",
        f"plugins.{good_plugin}.orders",
        "plugins.missing",
        "server.listen",
    ]
    assert len(result.err.splitlines()) == len(keys) + 3
    for name in ("users.json", "token.key", "history.db"):
        assert f"var/{name}: expected" in result.err


@pytest.mark.parametrize("listen", ["5", '"nowhere"'])
def test_a_faulty_address_is_not_looked_for_at_its_default(zenithd: Run, folder: Path, listen: str) -> None:
    (folder / "config.toml").write_text(f"[server]\nlisten = {listen}\n")
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # somebody else has it: as good
            stack.enter_context(socket.create_server(("127.0.0.1", 8640)))
        result = zenithd("check")
    assert result.err.count("\n") == 1
    assert result.err.startswith("config.toml:2: server.listen: expected HOST:PORT")
    assert result.out == ""


def test_state_folder_that_is_a_file(zenithd: Run, folder: Path, free_port: int) -> None:
    write(folder, free_port)
    (folder / "var").write_text("")
    result = zenithd("check")
    assert result.code == 2
    assert "server.state_directory: expected a folder that can be written" in result.err
    assert result.err.count("\n") == 1


def test_replay_without_files(zenithd: Run, folder: Path, free_port: int) -> None:
    write(folder, free_port, "[users.a]\n[plugins.replay]\n")
    line = (
        "config.toml:4: plugins.replay.files: expected a list, each a file that exists, not empty while the"
        " plugin is enabled; fill it in, or set enabled = false\n"
    )
    result = zenithd("check")
    assert (result.code, result.err) == (2, line)
    result = zenithd("run", "--listen", "127.0.0.1:0")
    assert (result.code, result.err) == (2, line)
    write(folder, free_port, "[users.a]\n[plugins.replay]\nenabled = false\nfiles = []\n")
    assert zenithd("check").code == 0
    assert zenithd("plugins", "check", "replay").code == 0
    result = zenithd("run", "--listen", "127.0.0.1:0", "--enable-plugin", "replay")
    assert result.code == 2
    assert "plugins.replay.files: expected a list" in result.err


def test_disabled_plugins_do_not_count(
    zenithd: Run, folder: Path, free_port: int, broken_plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, free_port, "[plugins.testbroken]\nenabled = false\n")
    assert zenithd("check").code == 0
    write(folder, free_port)
    assert zenithd("check").code == 2
    monkeypatch.setenv("ZENITHD_DISABLED_PLUGINS", "testbroken")
    assert zenithd("check").code == 0


def test_certificate_and_key_must_belong_together(zenithd: Run, folder: Path, free_port: int) -> None:
    authority = trustme.CA()
    for name in ("one", "two"):
        certificate = authority.issue_cert("localhost")
        certificate.private_key_pem.write_to_path(folder / f"{name}.key")
        certificate.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
    tls = '[server]\nlisten = "127.0.0.1:{}"\ntls_certificate = "one.pem"\ntls_key = "{}.key"\n[users.a]\n'
    (folder / "config.toml").write_text(tls.format(free_port, "one"))
    assert zenithd("check").code == 0
    (folder / "config.toml").write_text(tls.format(free_port, "two"))
    result = zenithd("check")
    assert result.code == 2
    assert result.err.startswith(
        "config.toml:3: server.tls_certificate: expected a certificate and key that belong"
    )
    assert result.err.count("\n") == 1


def test_a_certificate_that_ends_soon_is_noted(zenithd: Run, folder: Path, free_port: int) -> None:
    soon = datetime.now(UTC) + timedelta(days=2)
    certificate = trustme.CA().issue_cert("localhost", not_after=soon)
    certificate.private_key_pem.write_to_path(folder / "one.key")
    certificate.cert_chain_pems[0].write_to_path(folder / "one.pem")
    tls = f'[server]\nlisten = "127.0.0.1:{free_port}"\ntls_certificate = "one.pem"\ntls_key = "one.key"\n'
    (folder / "config.toml").write_text(tls + "[users.a]\n")
    result = zenithd("check")
    assert result.code == 0
    assert f"note: the TLS certificate must be renewed: it ends on {soon:%Y-%m-%d %H:%M} UTC" in result.out


def test_history_of_another_program(zenithd: Run, folder: Path, free_port: int) -> None:
    write(folder, free_port)
    (folder / "var").mkdir()
    (folder / "var" / "history.db").write_bytes(b"not a database at all" * 100)
    result = zenithd("check")
    assert result.code == 2
    assert "history.db: expected a history that can be opened" in result.err


def test_our_own_daemon_may_have_the_port(zenithd: Run, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        write(folder, port, "[users.a]\n")
        write_daemon_file(folder / "var", DaemonFile(os.getpid(), f"127.0.0.1:{port}"))
        result = zenithd("check")
    assert result.code == 0
    assert f"note: a daemon runs with this configuration at 127.0.0.1:{port}" in result.out


def test_notes_and_json(zenithd: Run, folder: Path, free_port: int) -> None:
    (folder / "config.toml").write_text(
        f'[server]\nlisten = "0.0.0.0:{free_port}"\n[limits]\nconnections_max = 1000000\n'
        '[users.a]\npassword = "clear"\n'
    )
    result = zenithd("check", "--json")
    assert result.code == 0
    found = json.loads(result.out)
    assert found["good"] is True
    assert found["faults"] == []
    assert any("without TLS" in note for note in found["notes"])
    assert any("users.a: the password stands in clear" in note for note in found["notes"])


def test_nobody_can_log_in(zenithd: Run, folder: Path, free_port: int) -> None:
    write(folder, free_port)
    assert "there are no users" in zenithd("check").out
