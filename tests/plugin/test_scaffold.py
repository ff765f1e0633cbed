"""A new package passes its own tests, and can be loaded; bad names and calls are told."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from zenithd.plugin import Kind, PluginConfig
from zenithd.plugin.loaded import PluginState
from zenithd.plugin.manager import ENTRY_POINT_GROUP, PluginManager
from zenithd.plugin.scaffold import ScaffoldError, check_plugin, write_plugin

REPOSITORY = Path(__file__).parents[2]


def defaults(name: str, struct: type[PluginConfig]) -> PluginConfig:
    return struct()


def test_new_package_passes_its_own_tests(tmp_path: Path) -> None:
    folder = write_plugin("my-exchange", tmp_path)
    assert folder == tmp_path / "zenithd-my-exchange"
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(folder)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "13 passed" in result.stdout


def test_new_package_has_the_usual_files_and_no_placeholder(tmp_path: Path) -> None:
    folder = write_plugin("abc2", tmp_path)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == [
        "README.md",
        "pyproject.toml",
        "tests/test_zenithd_abc2.py",
        "zenithd_abc2/__init__.py",
        "zenithd_abc2/client.py",
        "zenithd_abc2/config.py",
        "zenithd_abc2/parse.py",
        "zenithd_abc2/plugin.py",
    ]
    for file in files:
        assert "PLUGIN_" not in (folder / file).read_text()


def test_new_package_loads_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_plugin("loadable", tmp_path)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    ((name, module),) = project["entry-points"][ENTRY_POINT_GROUP].items()
    monkeypatch.syspath_prepend(str(folder))
    entry_point = importlib.metadata.EntryPoint(name, module, ENTRY_POINT_GROUP)
    manager = PluginManager.discover([entry_point])
    manager.load(defaults)
    (plugin,) = manager.plugins
    assert (plugin.name, plugin.state, plugin.reason) == ("loadable", PluginState.LOADED, "")
    assert plugin.kinds == (Kind.MARKET_SOURCE,)
    assert check_plugin("loadable", defaults, [entry_point]) == []


@pytest.mark.parametrize("name", ["", "My", "1st", "a_b", "a--b", "-a", "a-", "../x", "a" * 51])
def test_bad_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError, match="cannot name a plugin"):
        write_plugin(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "zenithd-mine").mkdir()
    with pytest.raises(ScaffoldError, match="exists already"):
        write_plugin("mine", tmp_path)
    assert list((tmp_path / "zenithd-mine").iterdir()) == []


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ScaffoldError, match="cannot write"):
        write_plugin("mine", tmp_path / "file")


def test_check_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "plugin_careless.py").write_text(
        "import time\n"
        "import random as chance\n"
        "from datetime import datetime\n"
        "from zenithd.plugin import MarketSource, hookimpl\n"
        "API_VERSION = 1\n"
        "class Source(MarketSource):\n"
        "    async def run(self):\n"
        "        time.sleep(1)\n"
        "        datetime.now()\n"
        "        chance.random()\n"
        "        chance.Random(1).random()\n"
        "@hookimpl\n"
        "def zenithd_market_sources():\n"
        "    return [Source]\n"
    )
    (tmp_path / "plugin_bad.py").write_text("1 / 0")
    points = [
        importlib.metadata.EntryPoint("careless", "plugin_careless", ENTRY_POINT_GROUP),
        importlib.metadata.EntryPoint("bad", "plugin_bad", ENTRY_POINT_GROUP),
    ]
    assert check_plugin("careless", defaults, points) == [
        "plugin_careless.py:8 calls time.sleep; use await trio.sleep()",
        "plugin_careless.py:9 calls datetime.datetime.now; use context.clock.now()",
        "plugin_careless.py:10 calls random.random; use context.random",
    ]
    assert "plugin_bad" not in sys.modules
    assert check_plugin("bad", defaults, points) == ["ZeroDivisionError: division by zero (plugin_bad.py:1)"]
    assert check_plugin("other", defaults, points) == [
        "no plugin other is installed; installed: bad, careless"
    ]
