"""What operators see of a running daemon: /status, the metrics, and `zenithd top`."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.daemon.conftest import Client, DaemonProcess
from tests.daemon.test_tls import TlsDaemon
from zenithd.metrics import all_metrics

WAIT_SECONDS_MAX = 30.0
FAST = (
    (Path(__file__).parents[2] / "config.toml")
    .read_text()
    .replace("rate = 1.0", "rate = 30.0")
    .replace("history_days = 20", "history_days = 0")
    .replace("outbox_bytes_max = 1048576", "outbox_bytes_max = 16384")
)


def status(daemon: DaemonProcess) -> dict[str, Any]:
    code, body = daemon.get("/status")
    assert code == 200
    content: dict[str, Any] = json.loads(body)
    return content


def wait_for(daemon: DaemonProcess, wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The first /status that is as wanted."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not wanted(found := status(daemon)):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def metrics_of(daemon: DaemonProcess) -> dict[str, float]:
    """Every sample without labels."""
    families = text_string_to_metric_families(daemon.get("/metrics")[1])
    return {each.name: each.value for family in families for each in family.samples if not each.labels}


def test_the_report_of_a_daemon_that_is_well(demonstration: DaemonProcess) -> None:
    with demonstration.client() as client:
        client.log_in()
        client.subscribe("Depth!XS01.XSX")
        client.next_data("Depth!XS01.XSX")
        found = wait_for(demonstration, lambda one: one["histograms"]["path"]["counts"][-1] > 10)
        assert (found["ready"], found["reasons"], found["is_whole"]) == (True, [], True)
        assert found["process"] == demonstration.process.pid
        assert found["connections"] >= 1
        assert found["subscriptions"] >= 1
        assert found["certificate_expires"] is None
    feeds = {feed["market"]: feed for feed in found["feeds"]}
    assert feeds["XSX"]["status"] == "Active"
    assert feeds["XSX"]["updates"] > 0
    assert abs(feeds["XSX"]["updated"] - time.time()) < WAIT_SECONDS_MAX
    assert (feeds["XSX+XSY"]["source"], feeds["XSX+XSY"]["updated"]) == ("", None)
    assert (found["orders"]["taken"], found["orders"]["accounts"]) == (True, 10)
    assert [(feed["feed"], feed["status"]) for feed in found["orders"]["feeds"]] == [("Prodigy", "Online")]
    plugins = {plugin["name"]: plugin for plugin in found["plugins"]}
    assert plugins["prodigy"]["state"] == "active"
    assert plugins["prodigy"]["updates"] == feeds["XSX"]["updates"] + feeds["XSY"]["updates"]
    assert plugins["binance"]["state"] == "disabled"
    for histogram in found["histograms"].values():
        assert len(histogram["counts"]) == len(histogram["bounds"]) + 1
        assert histogram["counts"] == sorted(histogram["counts"])


def test_metrics_are_those_that_are_documented(demonstration: DaemonProcess) -> None:
    exported = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(demonstration.get("/metrics")[1])
    }
    assert {name for name, _ in all_metrics().names()} - exported == {
        "zenithd_tls_certificate_expiry_timestamp_seconds"  # this daemon has none
    }
    assert exported <= {name for name, _ in all_metrics().names()}


def test_metrics_agree_with_the_report(demonstration: DaemonProcess) -> None:
    samples = metrics_of(demonstration)
    found = status(demonstration)
    assert (samples["zenithd_ready"], samples["zenithd_history_healthy"]) == (1, 1)
    assert samples["zenithd_connections_max"] == found["connections_max"]
    assert samples["process_max_fds"] > samples["process_open_fds"] > 5
    assert samples["process_resident_memory_bytes"] > 20_000_000
    assert found["memory_bytes"] > 20_000_000
    assert 'zenithd_feed_status{market="XSX",status="Active"} 1.0' in demonstration.get("/metrics")[1]
    assert 'zenithd_feed_status{market="XSX",status="Impaired"} 0.0' in demonstration.get("/metrics")[1]


def test_who_is_no_operator_learns_nothing_of_clients(tmp_path: Path) -> None:
    config = FAST.replace('operators = ["127.0.0.0/8", "::1"]', 'operators = ["192.0.2.0/24"]')
    with DaemonProcess(tmp_path, config) as daemon, slow_client(daemon):
        found = wait_for(daemon, lambda one: one["readers"])
        assert found["is_whole"] is False
        assert {(reader["peer"], reader["user"]) for reader in found["readers"]} == {("", "")}
        assert {plugin["reason"] for plugin in found["plugins"]} == {""}
        assert "plugins" not in json.loads(daemon.get("/health/ready")[1])
        (tmp_path / "config.toml").write_text(FAST)  # it is live
        wait_for(daemon, lambda one: one["is_whole"])


def slow_client(daemon: DaemonProcess) -> Client:
    """A client that asks for much and reads nothing."""
    host, _, port = daemon.address.rpartition(":")
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    small.connect((host, int(port)))
    options: dict[str, Any] = {"sock": small, "ping_interval": None, "max_queue": 1}
    if isinstance(daemon, TlsDaemon):
        options["server_hostname"] = "localhost"
    else:
        options["close_timeout"] = 0.1
    client = daemon.client(**options)
    client.log_in()
    for number in range(1, 11):
        for kind in ("Depth", "Trades", "Levels"):
            client.send(Controller="Market", Topic=f"{kind}!XS{number:02}.XSX", Action="Sub")
    return client


@pytest.mark.parametrize("make", [DaemonProcess, TlsDaemon])
def test_a_slow_reader_is_named(tmp_path: Path, make: type[DaemonProcess]) -> None:
    """The same over plain sockets and TLS, where the kernel's answer is hidden in a task."""
    with make(tmp_path, FAST) as daemon:
        daemon.wait_ready()
        with slow_client(daemon), daemon.client() as quick:
            quick.log_in()
            quick.subscribe("Depth!XS01.XSX")
            found = wait_for(
                daemon,
                lambda one: any(
                    reader["conflated"] > 100 and reader["behind_seconds"] > 0.1 for reader in one["readers"]
                ),
            )
            quick.next_data("Depth!XS01.XSX")
            (reader,) = found["readers"]
            assert (reader["peer"], reader["user"], reader["lagging"]) == ("127.0.0.1", "demo", True)
            assert reader["bytes_waiting"] > 0
            assert 0 < reader["stale_topics"] <= reader["subscriptions"] <= 30
            assert f'"connection":{reader["connection"]},' in daemon.text()
            assert (found["readers_behind"], found["bytes_waiting"]) == (1, reader["bytes_waiting"])
            samples = metrics_of(daemon)
            assert samples["zenithd_outbox_blocked_connections"] == 1
            assert samples["zenithd_outbox_lagging_connections"] == 1
            assert samples["zenithd_outbox_depth_bytes_max"] > 0
        found = wait_for(daemon, lambda one: not one["readers"])
        assert found["readers_behind"] == 0


# `zenithd top`


def test_top_as_json_against_a_real_daemon(demonstration: DaemonProcess) -> None:
    command = [sys.executable, "-m", "zenithd", "top", "--once", "--json", "--interval", "0.3"]
    done = subprocess.run(
        [*command, "--url", demonstration.address], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    view = json.loads(done.stdout)
    assert view["seconds"] >= 0.3
    assert view["rates"]["updates"] >= 0
    assert set(view["latencies"]) == {"path", "flush", "loop_lag"}


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        master, slave = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "30"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "zenithd", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
            # Whoever runs the tests in the background has had it ignored.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        os.close(slave)
        self.master = master
        self.text = ""

    def read(self) -> bool:
        """Read what was written; False at the end."""
        assert select.select([self.master], [], [], WAIT_SECONDS_MAX)[0], "it neither writes nor ends"
        try:
            data = os.read(self.master, 65536)
        except OSError:  # nobody has the terminal open any more
            return False
        self.text += data.decode(errors="replace")
        return bool(data)

    def wait_text(self, pattern: str) -> None:
        while not re.search(pattern, self.text):
            assert self.read(), self.text

    def wait_end(self) -> int:
        while self.read():
            pass
        return self.process.wait(WAIT_SECONDS_MAX)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(WAIT_SECONDS_MAX)
        os.close(self.master)


@pytest.fixture
def terminal(demonstration: DaemonProcess) -> Iterator[Terminal]:
    """`zenithd top` in a terminal, with its first view drawn."""
    terminal = Terminal("top", "--interval", "0.1", "--url", demonstration.address)
    try:
        terminal.wait_text(r"XSX\+XSY")
        yield terminal
    finally:
        terminal.close()


RESTORED = "\x1b[?25h\x1b[?1049l"
"""The cursor shows again, and the screen is that of before."""


def test_q_ends_it(terminal: Terminal) -> None:
    os.write(terminal.master, b"xq")
    assert terminal.wait_end() == 0
    assert terminal.text.rstrip().endswith(RESTORED)
    assert "Traceback" not in terminal.text


def test_an_interrupt_ends_it(terminal: Terminal) -> None:
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.wait_end() == 130
    assert RESTORED in terminal.text
    assert "Traceback" not in terminal.text
