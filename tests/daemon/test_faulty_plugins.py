"""A broken plugin hurts nobody else, and everybody is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import Client, DaemonProcess

SHIPPED = (Path(__file__).parents[2] / "config.toml").read_text()

PREAMBLE = """
import time
import trio
from zenithd.domain.events import *
from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus, Side
from zenithd.plugin import MarketSource, PluginConfig, hookimpl

API_VERSION = 1
MARKET = MarketId("FAULTY")

class Source(MarketSource):
    def declare(self):
        self.context.declare_market(
            MarketDefinition(id=MARKET), [Instrument(code="F1", market=MARKET)]
        )
        self.context.set_status(MARKET, FeedStatus.ACTIVE)

    async def run(self):
        await run(self)

@hookimpl
def zenithd_market_sources():
    return [Source]
"""

FAST = SHIPPED.replace("start_seconds_max = 10.0", "start_seconds_max = 1.0").replace(
    "backpressure_seconds_max = 5.0", "backpressure_seconds_max = 0.5"
)


def install(folder: Path, run: str, preamble: str = PREAMBLE) -> dict[str, str]:
    """Put a plugin package where the daemon finds it; return the environment that does."""
    site = folder / "site"
    information = site / "faulty-1.2.3.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1.2.3\n")
    (information / "entry_points.txt").write_text("[zenithd.plugins]\nfaulty = faulty_plugin\n")
    (site / "faulty_plugin.py").write_text(preamble + textwrap.dedent(run))
    return {"PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}


def plugins(daemon: DaemonProcess) -> dict[str, dict[str, Any]]:
    content = json.loads(daemon.get("/health/ready")[1])
    return {plugin["name"]: plugin for plugin in content["plugins"]}


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def still_moving(client: Client) -> None:
    """The other market's subscribers notice nothing."""
    for _ in range(5):
        client.next_data("Depth!XS01.XSX")


def feed_status(client: Client) -> str:
    markets = client.ask("Market", "QueryMarkets")[0]
    return str(next(market["Feed"] for market in markets if market["Code"] == "FAULTY"))


def test_import_error_is_listed_with_its_reason(tmp_path: Path) -> None:
    environment = install(tmp_path, "", preamble="import a_module_that_is_not_there\n")
    (tmp_path / "config.toml").write_text(SHIPPED)
    listed = subprocess.run(
        [sys.executable, "-m", "zenithd", "plugins", "list", "--json", "--config", tmp_path / "config.toml"],
        env={**os.environ, **environment},
        capture_output=True,
        check=True,
    )
    by_name = {plugin["name"]: plugin for plugin in json.loads(listed.stdout)}
    assert set(by_name) == {"prodigy", "binance", "replay", "faulty"}
    assert by_name["faulty"]["state"] == "broken"
    assert "a_module_that_is_not_there" in by_name["faulty"]["reason"]
    assert (by_name["faulty"]["package"], by_name["faulty"]["version"]) == ("faulty", "1.2.3")
    with DaemonProcess(tmp_path, SHIPPED, **environment) as daemon:
        daemon.wait_ready()
        assert plugins(daemon)["faulty"]["state"] == "broken"


FAULTS = {
    "an exception": (
        """
        async def run(source):
            source.declare()
            await trio.sleep(1)
            raise ValueError("the venue is upside down")
        """,
        "the venue is upside down",
    ),
    "an await that never returns": (
        """
        async def run(source):
            await trio.sleep_forever()
        """,
        "did not start within",
    ),
    "an exit": (
        """
        async def run(source):
            source.declare()
            raise SystemExit(3)
        """,
        "SystemExit",
    ),
    "a Ctrl-C of its own": (
        """
        async def run(source):
            source.declare()
            raise KeyboardInterrupt
        """,
        "KeyboardInterrupt",
    ),
    "a cancelled nursery above it": (
        """
        async def run(source):
            source.declare()
            trio.lowlevel.current_task().parent_nursery.cancel_scope.cancel()
            await trio.sleep_forever()
        """,
        "it cancelled the nursery in which it ran",
    ),
    "bad data": (
        """
        async def run(source):
            source.declare()
            await trio.sleep(1)
            while True:
                for price in (5, "six", 7, None):
                    await source.context.publish(
                        [OrderAdded("F1.FAULTY", str(price), Side.BID, price, 1, 1)]
                    )
                    await trio.sleep(0.01)  # else it would be too fast above all
        """,
        "could not be applied",
    ),
    "no event at all": (
        """
        async def run(source):
            source.declare()
            while True:
                await source.context.publish([{"price": 1}])
        """,
        "could not be applied",
    ),
}


def is_impaired(plugin: dict[str, Any], reason: str) -> bool:
    """Of one look: it is started again soon, and has no reason then."""
    return plugin["state"] == "impaired" and reason in plugin["reason"]


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_reported_and_touch_nobody_else(tmp_path: Path, fault: str) -> None:
    run, reason = FAULTS[fault]
    with DaemonProcess(tmp_path, FAST, **install(tmp_path, run)) as daemon:
        daemon.wait_ready()
        with daemon.client() as client:
            client.log_in()
            client.subscribe("Depth!XS01.XSX")
            wait_until(lambda: is_impaired(plugins(daemon)["faulty"], reason))
            if "declare" in run:
                assert feed_status(client) in ("Impaired", "Initialising", "Active")
            still_moving(client)
            assert 'zenithd_plugin_state{plugin="faulty",state="impaired"}' in daemon.get("/metrics")[1]
        assert daemon.process.poll() is None


def test_subscribers_of_the_failed_feed_stay_and_are_told(tmp_path: Path) -> None:
    run = """
        async def run(source):
            source.declare()
            await source.context.publish([BookCleared("F1.FAULTY")])
            while not (source.context.directory / "go").exists():
                await trio.sleep(0.05)
            raise ValueError("gone")
        """
    config = FAST.replace("backoff_seconds_min = 0.5", "backoff_seconds_min = 30.0")
    with DaemonProcess(tmp_path, config, **install(tmp_path, run)) as daemon, daemon.client() as client:
        client.log_in()
        client.subscribe("Feeds", "Zenith")
        client.subscribe("Markets")
        client.subscribe("Depth!F1.FAULTY")
        next(tmp_path.rglob("plugins/faulty")).joinpath("go").touch()
        changed = client.wait_for(
            lambda one: one.get("Topic") == "Feeds" and any(f["Name"] == "FAULTY" for f in one["Data"])
        )
        assert changed["Data"][0]["Status"] == "Impaired"
        changed = client.wait_for(
            lambda one: one.get("Topic") == "Markets" and any(m["Code"] == "FAULTY" for m in one["Data"])
        )
        assert changed["Data"][0]["Feed"] == "Impaired"


def test_a_flood_is_slowed_and_shown(tmp_path: Path) -> None:
    run = """
        async def run(source):
            source.declare()
            await source.context.publish([BookCleared("F1.FAULTY")])
            number = 0
            while True:
                number += 1
                await source.context.publish(
                    [
                        TradeReported("F1.FAULTY", number * 1000 + index, 100, 1, 0)
                        for index in range(1000)
                    ]
                )

        """
    # Several tasks publish at once, so that the queue is always full.
    run += """
        class Source(Source):
            async def run(self):
                self.declare()
                async with trio.open_nursery() as nursery:
                    for worker in range(20):
                        nursery.start_soon(self.work, worker)

            async def work(self, worker):
                while True:
                    await self.context.publish([BookCleared("F1.FAULTY")] * 1000)
        """
    with DaemonProcess(tmp_path, FAST, **install(tmp_path, run)) as daemon:
        daemon.wait_ready()
        with daemon.client() as client:
            client.log_in()
            client.subscribe("Depth!XS01.XSX")
            wait_until(lambda: feed_status(client) == "Impaired")
            still_moving(client)


def test_code_that_blocks_is_named(tmp_path: Path) -> None:
    run = """
        async def run(source):
            source.declare()
            await trio.sleep(1)
            time.sleep(2)
            await trio.sleep_forever()
        """
    with DaemonProcess(tmp_path, SHIPPED, **install(tmp_path, run)) as daemon:
        daemon.wait_ready()
        wait_until(lambda: 'zenithd_loop_stalls_total{plugin="faulty"} 1.0' in daemon.get("/metrics")[1])
        assert "faulty_plugin.py" in daemon.text()


def test_disabled_plugins_are_not_imported(tmp_path: Path) -> None:
    environment = install(tmp_path, "", preamble="print('imported')\nraise SystemExit\n")
    with DaemonProcess(tmp_path, SHIPPED, ZENITHD_DISABLED_PLUGINS="faulty", **environment) as daemon:
        daemon.wait_ready()
        assert plugins(daemon)["faulty"]["state"] == "disabled"
        assert "imported" not in daemon.text()
