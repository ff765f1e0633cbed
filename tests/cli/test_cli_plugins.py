"""`zenithd plugins`: everything installed is told, beside what cannot be imported."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cli_support import Install, Run

from zenithd.config import load
from zenithd.daemon_file import DaemonFile, find_daemon, remove_daemon_file, write_daemon_file
from zenithd.plugin_loading import load_plugins
from zenithd.status import describe_plugin


def listed(zenithd: Run, *arguments: str) -> dict[str, dict[str, Any]]:
    result = zenithd("plugins", "list", "--json", *arguments)
    assert result.code == 0
    rows = json.loads(result.out)
    assert isinstance(rows, list)
    return {row["name"]: row for row in rows}


def test_list_beside_a_broken_one(zenithd: Run, good_plugin: str, broken_plugin: str) -> None:
    rows = listed(zenithd)
    assert rows[good_plugin] == {
        "name": "testsource",
        "package": "package-testsource",
        "version": "1.2",
        "kinds": ["market source"],
        "state": "loaded",
        "reason": "",
    }
    assert rows[broken_plugin]["state"] == "broken"
    assert "no luck today" in rows[broken_plugin]["reason"]
    table = zenithd("plugins", "list")
    assert table.code == 0
    assert "no luck today" in table.out


def test_list_shows_what_disables(
    zenithd: Run, folder: Path, good_plugin: str, broken_plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "config.toml").write_text(f"[plugins.{good_plugin}]\nenabled = false\n")
    monkeypatch.setenv("ZENITHD_DISABLED_PLUGINS", broken_plugin)
    rows = listed(zenithd)
    assert (rows[good_plugin]["state"], rows[good_plugin]["reason"]) == (
        "disabled",
        "disabled by the configuration",
    )
    assert rows[broken_plugin]["reason"] == "disabled by the environment"


def test_list_and_daemon_say_the_same_of_what_is_disabled(zenithd: Run, folder: Path) -> None:
    text = "[plugins.prodigy]\nenabled = false\n[plugins.binance]\nenabled = false\n"
    (folder / "config.toml").write_text(text)
    manager, _ = load_plugins(load("config.toml"))
    rows = listed(zenithd)
    said = {plugin.name: describe_plugin(plugin)["reason"] for plugin in manager.plugins}
    assert {name: row["reason"] for name, row in rows.items()} == said
    assert said["prodigy"] == said["binance"] == "disabled by the configuration"
    assert said["replay"] == "disabled by default"
    shown = zenithd("plugins", "list").out.splitlines()
    assert next(line for line in shown if line.startswith("replay")).rstrip().endswith("disabled by default")


def test_list_shows_a_wrong_section(zenithd: Run, folder: Path, good_plugin: str) -> None:
    (folder / "config.toml").write_text(f"[plugins.{good_plugin}]\nordrs = 3\n")
    row = listed(zenithd)[good_plugin]
    assert row["state"] == "broken"
    assert (
        'config.toml:2: plugins.testsource.ordrs: expected a known setting; did you mean "orders"?'
        in row["reason"]
    )


def test_list_needs_no_configuration_but_a_good_one(zenithd: Run, folder: Path) -> None:
    assert zenithd("plugins", "list").code == 0
    assert zenithd("plugins", "list", "--config", "named.toml").code == 2
    (folder / "config.toml").write_text("wrong")
    assert zenithd("plugins", "list", "--json").code == 2


@pytest.fixture
def health(folder: Path) -> Iterator[dict[str, Any]]:
    """A daemon that answers /health/ready with whatever the dict holds."""
    content: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/health/ready"
            self.send_response(503)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *arguments: Any) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        write_daemon_file(folder / "var", DaemonFile(os.getpid(), f"127.0.0.1:{server.server_port}"))
        yield content
        server.shutdown()
        thread.join()


def test_states_of_a_running_daemon_count(zenithd: Run, good_plugin: str, health: dict[str, Any]) -> None:
    health["plugins"] = [
        {"name": good_plugin, "state": "impaired", "reason": "the venue is down", "kinds": ["x"]}
    ]
    row = listed(zenithd)[good_plugin]
    assert (row["state"], row["reason"]) == ("impaired", "the venue is down")
    assert row["package"] == "package-testsource"


@pytest.mark.parametrize("content", [{}, {"plugins": 5}, {"plugins": [{}]}])
def test_odd_answers_of_whatever_runs_there(
    zenithd: Run, good_plugin: str, health: dict[str, Any], content: dict[str, Any]
) -> None:
    health.update(content)
    assert listed(zenithd)[good_plugin]["state"] == "loaded"


def test_daemon_that_is_gone(zenithd: Run, folder: Path, good_plugin: str) -> None:
    write_daemon_file(folder / "var", DaemonFile(2**22 + 1, "127.0.0.1:1"))
    assert find_daemon(folder / "var") is None
    assert listed(zenithd)[good_plugin]["state"] == "loaded"
    write_daemon_file(folder / "var", DaemonFile(os.getpid(), "127.0.0.1:1"))
    assert listed(zenithd)[good_plugin]["state"] == "loaded"
    remove_daemon_file(folder / "var")
    remove_daemon_file(folder / "var")
    assert find_daemon(folder / "var") is None


def test_where_a_daemon_is_reached() -> None:
    assert DaemonFile(1, "0.0.0.0:5").http_url == "http://127.0.0.1:5"
    assert DaemonFile(1, "[::]:5", tls=True).websocket_url == "wss://[::1]:5/Zenith?version=2.0"
    assert DaemonFile(1, "10.0.0.1:5", tls=True).http_url == "https://10.0.0.1:5"


def test_show(zenithd: Run, good_plugin: str) -> None:
    text = zenithd("plugins", "show", good_plugin).out
    assert "package-testsource" in text
    assert "# How many orders come. A whole number of at least 0.\norders = 3\n" in text
    assert json.loads(zenithd("plugins", "show", good_plugin, "--json").out)["section"].startswith(
        "[plugins."
    )


def test_show_unknown_and_broken(zenithd: Run, broken_plugin: str) -> None:
    result = zenithd("plugins", "show", "nothing")
    assert result.code == 2
    assert result.err.startswith("there is no plugin nothing; installed: ")
    assert "no luck today" in zenithd("plugins", "show", broken_plugin).out


def test_check(zenithd: Run, folder: Path, good_plugin: str, broken_plugin: str) -> None:
    assert zenithd("plugins", "check", good_plugin).code == 0
    result = zenithd("plugins", "check")
    assert result.code == 2
    assert "no luck today" in result.out
    found = {row["name"]: row["problems"] for row in json.loads(zenithd("plugins", "check", "--json").out)}
    assert found[good_plugin] == []
    assert len(found[broken_plugin]) == 1
    assert zenithd("plugins", "check", "nothing").code == 2
    (folder / "config.toml").write_text(f"[plugins.{good_plugin}]\nenabled = false\norders = -1\n")
    assert "config.toml:3: plugins.testsource.orders" in zenithd("plugins", "check", good_plugin).out


def test_new(zenithd: Run, folder: Path) -> None:
    result = zenithd("plugins", "new", "my-venue", "--directory", "here")
    assert result.code == 0
    assert "here/zenithd-my-venue" in result.out
    assert (folder / "here" / "zenithd-my-venue" / "pyproject.toml").exists()
    again = zenithd("plugins", "new", "my-venue", "--directory", "here")
    assert (again.code, again.err.count("\n")) == (2, 1)
    assert zenithd("plugins", "new", "No Name").code == 2


def test_plugin_that_prints_does_not_spoil_the_json(zenithd: Run, install: Install) -> None:
    install("testnoisy", "print('hello')\n")
    assert listed(zenithd)["testnoisy"]["state"] == "broken"
