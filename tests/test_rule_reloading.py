"""Vetting rules change under a running daemon: good ones are taken over, bad ones change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs

from zenithd.config import Config, load
from zenithd.rule_reloading import RuleReloader
from zenithd.vetting import RuleSets


class Site:
    """A configuration with one file of rules, and what was made of it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "site.vortex"
        self.file.write_text("FAIL WITH One")
        self.toml = folder / "config.toml"
        self.toml.write_text('[vetting]\nfiles = ["site.vortex"]\nstock = false\n')
        self.used: list[RuleSets] = []
        self.results: list[bool] = []
        self.changed = trio.Event()
        self.reloader = RuleReloader(self.config(), self.used.append, self.finished)

    def config(self) -> Config:
        return load(self.toml)

    def finished(self, taken_over: bool) -> None:
        self.results.append(taken_over)
        self.changed.set()

    async def after(self, text: str) -> bool:
        """Write rules, ask, and return what became of it."""
        self.file.write_text(text)
        self.changed = trio.Event()
        self.reloader.ask(self.config())
        with trio.fail_after(20):
            await self.changed.wait()
        return self.results[-1]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def test_changed_rules_are_taken_over_and_bad_ones_are_not(site: Site) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(site.reloader.run)
        assert await site.after("FAIL WITH Two")
        assert len(site.used) == 1
        with capture_logs() as lines:
            assert not await site.after("FAIL IF nothing.here > 1")
            site.file.unlink()
            site.changed = trio.Event()
            site.reloader.ask(site.config())
            with trio.fail_after(20):
                await site.changed.wait()
        assert site.results == [True, False, False]
        assert "site.vortex:1:9" in lines[0]["error"]
        assert "vetting.files" in lines[1]["error"]
        assert len(site.used) == 1  # the old ones still apply
        assert await site.after("FAIL WITH Three")
        assert [one.steps[0].code for rules in site.used for one in rules.sets] == ["Two", "Three"]
        nursery.cancel_scope.cancel()


async def test_what_has_not_changed_is_not_taken_over_again(site: Site) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(site.reloader.run)
        site.reloader.ask(site.config())
        assert await site.after("FAIL WITH Two")
        site.reloader.ask(site.config())
        site.toml.write_text('[vetting]\nfiles = ["site.vortex"]\n')  # the stock rules too
        assert await site.after("FAIL WITH Two")
        assert site.results == [True, True]
        assert [len(rules.sets) for rules in site.used] == [1, 2]
        nursery.cancel_scope.cancel()
