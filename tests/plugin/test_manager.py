"""Loading: really broken packages, each reported with its cause, none touching another."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from zenithd.plugin import API_VERSION, Kind, PluginConfig
from zenithd.plugin.loaded import LoadedPlugin, PluginState, SourceStatus
from zenithd.plugin.manager import ENTRY_POINT_GROUP, PluginManager, disabled_by_environment

GOOD = """
from zenithd.plugin import MarketSource, hookimpl

API_VERSION = 1

class Source(MarketSource):
    async def run(self):
        pass

@hookimpl
def zenithd_market_sources():
    return [Source]
"""

HEAD = "from zenithd.plugin import *\nAPI_VERSION = 1\n"

BROKEN: dict[str, tuple[str, str]] = {
    "import_error": (
        "import no_such_package_of_mine",
        "ModuleNotFoundError: No module named 'no_such_package_of_mine' (plugin_import_error.py:1)",
    ),
    "syntax_error": ("\n\ndef broken(:\n", "SyntaxError: invalid syntax ("),
    "exception": ("x = 1\nx / 0", "ZeroDivisionError: division by zero (plugin_exception.py:2)"),
    "system_exit": ("import sys\nsys.exit(4)", "SystemExit: 4 (plugin_system_exit.py:2)"),
    "base_exception": ("raise BaseException('out')", "BaseException: out (plugin_base_exception.py:1)"),
    "no_version": (
        GOOD.replace("API_VERSION = 1", ""),
        f"does not say API_VERSION = {API_VERSION}, the version it was written for",
    ),
    "other_version": (
        GOOD.replace("API_VERSION = 1", "API_VERSION = 99"),
        f"was written for API_VERSION 99; this zenithd has {API_VERSION}",
    ),
    "unknown_hook": (
        HEAD + "@hookimpl\ndef zenithd_market_source():\n    return []",
        "has the unknown hook zenithd_market_source; known are zenithd_account_sources,",
    ),
    "unmarked_unknown_hook": (
        HEAD + "def zenithd_markets():\n    return []",
        "has the unknown hook zenithd_markets;",
    ),
    "unmarked_hook": (
        HEAD + "def zenithd_market_sources():\n    return []",
        "hook zenithd_market_sources lacks the decorator @hookimpl of zenithd.plugin",
    ),
    "coroutine_hook": (
        HEAD + "@hookimpl\nasync def zenithd_market_sources():\n    return []",
        "hook zenithd_market_sources is async; hooks are plain functions that return classes",
    ),
    "renamed_coroutine_hook": (
        HEAD + "@hookimpl(specname='zenithd_market_sources')\nasync def sources():\n    return []",
        "hook zenithd_market_sources is async;",
    ),
    "generator_hook": (
        HEAD + "@hookimpl\ndef zenithd_market_sources():\n    yield []",
        "hook zenithd_market_sources is a generator;",
    ),
    "hook_with_arguments": (
        HEAD + "@hookimpl\ndef zenithd_market_sources(config):\n    return []",
        "hook zenithd_market_sources has parameters; hooks of this version take none",
    ),
    "coroutine_returned": (
        HEAD + "async def later():\n    pass\n@hookimpl\ndef zenithd_market_sources():\n    return later()",
        "hook zenithd_market_sources returned a coroutine; hooks return a list of classes",
    ),
    "hook_raises": (
        HEAD + "@hookimpl\ndef zenithd_market_sources():\n    raise KeyError('x')",
        "KeyError: 'x' (plugin_hook_raises.py:5)",
    ),
    "class_returned": (
        GOOD.replace("[Source]", "Source"),
        "hook zenithd_market_sources returned an object of type ABCMeta; expected a list of classes",
    ),
    "object_in_list": (
        GOOD.replace("[Source]", "['Source']"),
        "hook zenithd_market_sources returned an object of type str in its list; expected a class",
    ),
    "wrong_base": (
        GOOD.replace("[Source]", "[dict]"),
        "hook zenithd_market_sources returned dict, which is not a MarketSource",
    ),
    "abstract_class": (GOOD.replace("async def run", "async def walk"), "Source does not implement run"),
    "synchronous_run": (GOOD.replace("async def run", "def run"), "Source.run must be an async function"),
    "wrong_config": (
        GOOD.replace("    async def run", "    Config = dict\n    async def run"),
        "Source.Config must be a class derived from PluginConfig",
    ),
    "adapter_that_is_none": (
        GOOD.replace("zenithd_market_sources", "zenithd_adapters"),
        "hook zenithd_adapters returned Source, which is not a Adapter",
    ),
    "adapter_that_does_not_wait": (
        GOOD.replace("MarketSource", "Adapter")
        .replace("zenithd_market_sources", "zenithd_adapters")
        .replace("async def", "def"),
        "Source.run must be an async function",
    ),
    "nothing": (HEAD, "brings nothing: it implements no hook"),
    "nothing_returned": (
        GOOD.replace("return [Source]", "return None"),
        "brings nothing: it implements no hook",
    ),
    "no_provider": (
        HEAD
        + dedent(
            """
            class Login(Authenticator):
                async def authenticate(self, credentials):
                    pass

            @hookimpl
            def zenithd_authenticators():
                return [Login]
            """
        ),
        "Login.provider must be text: the Provider name that clients send",
    ),
}

Write = Callable[[str, str], importlib.metadata.EntryPoint]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a plugin module and returns its entry point."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def write_module(name: str, source: str) -> importlib.metadata.EntryPoint:
        (tmp_path / f"plugin_{name}.py").write_text(source)
        return importlib.metadata.EntryPoint(name, f"plugin_{name}", ENTRY_POINT_GROUP)

    yield write_module
    for module in set(sys.modules) - before:
        del sys.modules[module]


def no_settings(name: str, struct: type[PluginConfig]) -> PluginConfig:
    return struct()


def load(*entry_points: importlib.metadata.EntryPoint, **disabled: str) -> PluginManager:
    manager = PluginManager.discover(entry_points)
    manager.load(no_settings, disabled)
    return manager


@pytest.mark.parametrize("name", BROKEN)
def test_broken_plugin_is_reported_and_touches_no_other(name: str, write: Write) -> None:
    source, reason = BROKEN[name]
    manager = load(write(name, source), write("a_good", GOOD), write("z_good", GOOD))
    first, broken, last = manager.plugins
    assert (broken.name, broken.state) == (name, PluginState.BROKEN)
    assert broken.reason.startswith(reason)
    assert "\n" not in broken.reason
    assert [first.state, last.state] == [PluginState.LOADED, PluginState.LOADED]
    assert [brought.name for brought in manager.market_sources()] == ["a_good", "z_good"]


def test_syntax_error_names_file_and_line(write: Write) -> None:
    manager = load(write("syntax_error", BROKEN["syntax_error"][0]))
    assert manager.plugins[0].reason.endswith("/plugin_syntax_error.py:3)")


def test_keyboard_interrupt_at_import_is_the_operators(write: Write) -> None:
    with pytest.raises(KeyboardInterrupt):
        load(write("interrupted", "raise KeyboardInterrupt"))


def test_good_plugin_is_loaded_with_its_kinds(write: Write) -> None:
    manager = load(write("good", GOOD))
    (plugin,) = manager.plugins
    assert (plugin.state, plugin.reason) == (PluginState.LOADED, "")
    assert plugin.kinds == (Kind.MARKET_SOURCE,)
    (brought,) = manager.market_sources()
    assert (brought.name, brought.plugin) == ("good", plugin)
    assert brought.config == PluginConfig()
    assert manager.history_sources() == []
    assert manager.authenticators() == []
    assert manager.find("good") is plugin
    assert manager.find("bad") is None
    assert manager.packages == {"plugin_good": "good"}


def test_kinds_of_later_versions_are_listed(write: Write) -> None:
    later = HEAD + "@hookimpl\ndef zenithd_order_routers():\n    return [dict]"
    (plugin,) = load(write("later", later)).plugins
    assert (plugin.state, plugin.kinds) == (PluginState.LOADED, (Kind.ORDER_ROUTER,))


def test_adapters_are_brought(write: Write) -> None:
    source = GOOD.replace("MarketSource", "Adapter").replace("zenithd_market_sources", "zenithd_adapters")
    manager = load(write("orders", source))
    (brought,) = manager.adapters()
    assert (brought.name, brought.plugin.kinds) == ("orders", (Kind.ADAPTER,))


def test_several_classes_have_names_of_their_own(write: Write) -> None:
    two = GOOD.replace("[Source]", "[Source, Second]").replace(
        "@hookimpl", "class Second(Source):\n    pass\n\n@hookimpl"
    )
    names = [brought.name for brought in load(write("two", two)).market_sources()]
    assert names == ["two.Source", "two.Second"]


@pytest.mark.parametrize("source", [GOOD, "import no_such_package_of_mine"])
def test_disabled_plugin_is_not_imported(source: str, write: Write) -> None:
    (plugin,) = load(write("off", source), off="by the configuration").plugins
    assert (plugin.state, plugin.reason) == (PluginState.DISABLED, "disabled by the configuration")
    assert "plugin_off" not in sys.modules


def test_discovery_imports_nothing(write: Write) -> None:
    manager = PluginManager.discover([write("broken", "import no_such_package_of_mine")])
    assert manager.plugins[0].state is PluginState.FOUND
    assert "plugin_broken" not in sys.modules


def test_environment_variable_names_plugins() -> None:
    names = disabled_by_environment({"ZENITHD_DISABLED_PLUGINS": " binance, ,replay"})
    assert names == {"binance", "replay"}
    assert disabled_by_environment({}) == frozenset()


def test_bad_section_is_reported_as_the_configuration_layer_says_it(write: Write) -> None:
    def parse(name: str, struct: type[PluginConfig]) -> PluginConfig:
        raise ValueError(f"config.toml:7: plugins.{name}.speed: expected a number")

    manager = PluginManager.discover([write("good", GOOD)])
    manager.load(parse)
    (plugin,) = manager.plugins
    assert plugin.state is PluginState.BROKEN
    assert plugin.reason == "configuration: config.toml:7: plugins.good.speed: expected a number"
    assert manager.market_sources() == []


def test_classes_get_their_own_section(write: Write) -> None:
    source = GOOD.replace(
        "class Source", "class C(PluginConfig):\n    speed: int = 1\n\nclass Source"
    ).replace("    async def run", "    Config = C\n    async def run")
    source = source.replace("import MarketSource", "import PluginConfig, MarketSource")
    (brought,) = load(write("own", source)).market_sources()
    assert type(brought.config).__name__ == "C"


class Distribution(importlib.metadata.Distribution):
    """A distribution that is only a name."""

    def __init__(self, name: str) -> None:
        self._metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2.3\n"

    def read_text(self, filename: str) -> str | None:
        return self._metadata if filename in ("METADATA", "PKG-INFO") else None

    def locate_file(self, path: object) -> Path:
        raise NotImplementedError


def of(distribution: str, entry_point: importlib.metadata.EntryPoint) -> importlib.metadata.EntryPoint:
    copy = importlib.metadata.EntryPoint(entry_point.name, entry_point.value, entry_point.group)
    return copy._for(Distribution(distribution))  # type: ignore[attr-defined]


def test_name_taken_twice_belongs_to_zenithd_itself(write: Write) -> None:
    entry_point = write("good", GOOD)
    manager = load(of("another", entry_point), of("zenithd", entry_point))
    own, other = manager.plugins
    assert (own.package, own.version, own.state) == ("zenithd", "1.2.3", PluginState.LOADED)
    assert (other.package, other.state) == ("another", PluginState.BROKEN)
    assert other.reason == "its name is taken by the plugin of zenithd"
    assert len(manager.market_sources()) == 1


def test_name_that_cannot_be_written_in_a_section_is_refused(write: Write) -> None:
    (plugin,) = load(write("with space", GOOD)).plugins
    assert plugin.state is PluginState.BROKEN
    assert plugin.reason == "its name has characters other than A-Z a-z 0-9 _ -"


def test_entry_point_must_name_a_module(write: Write) -> None:
    write("good", GOOD)
    (plugin,) = load(importlib.metadata.EntryPoint("x", "plugin_good:Source", ENTRY_POINT_GROUP)).plugins
    assert plugin.reason == "its entry point 'plugin_good:Source' must name a module, without ':'"


def test_provider_is_served_once(write: Write) -> None:
    login = BROKEN["no_provider"][0].replace(
        "    async def auth", "    provider = 'Card'\n    async def auth"
    )
    manager = load(write("first", login), write("second", login))
    assert [plugin.state for plugin in manager.plugins] == [PluginState.LOADED, PluginState.BROKEN]
    assert manager.plugins[1].reason == "the Provider Card is served by another plugin"
    assert len(manager.authenticators()) == 1


def test_state_is_that_of_the_worst_part() -> None:
    plugin = LoadedPlugin("two", "package", "1", "module")
    plugin.settle(PluginState.LOADED)
    assert plugin.state is PluginState.LOADED
    plugin.report("two.A", SourceStatus(PluginState.ACTIVE))
    plugin.report("two.B", SourceStatus(PluginState.IMPAIRED, "down", 3))
    assert (plugin.state, plugin.reason) == (PluginState.IMPAIRED, "down")
    plugin.report("two.B", SourceStatus(PluginState.ACTIVE))
    assert (plugin.state, plugin.reason) == (PluginState.ACTIVE, "")
    assert plugin.parts["two.B"].restarts == 3


def test_shared_top_packages_belong_to_nobody() -> None:
    points = [importlib.metadata.EntryPoint(name, f"acme.{name}", ENTRY_POINT_GROUP) for name in "ab"]
    assert PluginManager.discover(points).packages == {"acme.a": "a", "acme.b": "b"}


def test_installed_plugins_are_discovered() -> None:
    assert all(plugin.state is PluginState.FOUND for plugin in PluginManager.discover().plugins)
