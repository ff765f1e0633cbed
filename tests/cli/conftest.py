"""The command line in this process, in an empty folder, with plugins of the test's own beside the real ones."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from zenithd.cli import main


class Result(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]

CHEAP_HASHES = "[authentication]\nhash_memory_kibibytes = 1024\nhash_iterations = 1\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    empty = tmp_path / "folder"
    empty.mkdir()
    monkeypatch.chdir(empty)
    return empty


@pytest.fixture
def zenithd(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in the empty folder; `stdin` is what it reads, never a terminal."""

    def run(*arguments: str, stdin: str = "") -> Result:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = main(arguments)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a package with one plugin: its name and the text of its module."""

    def add(name: str, text: str) -> None:
        site = tmp_path / f"site-{name}"
        information = site / f"package_{name}-1.2.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: package-{name}\nVersion: 1.2\n")
        (information / "entry_points.txt").write_text(f"[zenithd.plugins]\n{name} = module_of_{name}\n")
        (site / f"module_of_{name}.py").write_text(text)
        monkeypatch.syspath_prepend(site)
        monkeypatch.delitem(sys.modules, f"module_of_{name}", raising=False)

    return add


GOOD_PLUGIN = '''
"""A plugin for tests."""

from typing import Annotated

import msgspec

from zenithd.domain.events import OrderAdded
from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus, Side
from zenithd.plugin import MarketSource, PluginConfig, hookimpl

API_VERSION = 1


class Config(PluginConfig, frozen=True):
    """Settings of the test."""

    orders: Annotated[int, msgspec.Meta(ge=0, description="How many orders come.")] = 3


class Source(MarketSource[Config]):
    """Publishes a few orders and is finished."""

    Config = Config

    async def run(self) -> None:
        market = MarketId("TST")
        instrument = Instrument(code="T1", market=market)
        self.context.declare_market(MarketDefinition(id=market, name="Test"), [instrument])
        self.context.set_status(market, FeedStatus.ACTIVE)
        wanted = await self.context.wait_wanted(frozenset())
        assert wanted == {instrument.id}
        for number in range(self.config.orders):
            order = OrderAdded(instrument.id, str(number), Side.BID, 100 + number, 10, number)
            await self.context.publish([order])
        await self.context.wait_drained()


@hookimpl
def zenithd_market_sources():
    return [Source]
'''


@pytest.fixture
def good_plugin(install: Install) -> str:
    """A plugin that works; returns its name."""
    install("testsource", GOOD_PLUGIN)
    return "testsource"


@pytest.fixture
def broken_plugin(install: Install) -> str:
    """A plugin that cannot be imported; returns its name."""
    install("testbroken", "raise RuntimeError('no luck today')\n")
    return "testbroken"
