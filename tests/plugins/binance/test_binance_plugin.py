"""The package as the daemon loads it: hooks, configuration, the checks for every source."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio.testing
from binance_samples import NaiveSymbol
from test_binance_source import LiveVenue, config_for

import zenithd_binance
from zenithd.config.convert import Source, convert_table
from zenithd.config.errors import ConfigError
from zenithd.plugin import Kind
from zenithd.plugin.validation import check_api_version, check_hook_functions, collect
from zenithd.testing import conformance, network_clock, serve_venue
from zenithd_binance import BinanceConfig, BinanceHistory, SpotSource, UsdmSource


@pytest.fixture
def clock() -> trio.testing.MockClock:
    return network_clock()


def test_hooks() -> None:
    check_api_version(zenithd_binance)
    check_hook_functions(zenithd_binance)
    assert collect(zenithd_binance, "binance") == {
        Kind.MARKET_SOURCE: [SpotSource, UsdmSource],
        Kind.HISTORY_SOURCE: [BinanceHistory],
    }


class ConformingVenue(LiveVenue):
    """Confirms each subscription by itself, and then changes the book now and then."""

    async def run(self) -> None:
        while True:
            await trio.sleep(1)
            for client in self.venue.clients:
                for number in range(1, len(client.received) + 1):
                    await client.send(f'{{"result":null,"id":{number}}}')
            frames = [self.symbol.set({"97.00": "1"}), self.symbol.trade(), self.symbol.day_bar()]
            await self.send(*frames)


@pytest.mark.parametrize("is_spot", [True, False], ids=["spot", "usdm"])
@pytest.mark.parametrize("check", conformance.checks(venue=True, wanted=True), ids=str)
async def test_conformance(clock: trio.testing.MockClock, check: conformance.Check, is_spot: bool) -> None:
    live = ConformingVenue(NaiveSymbol(is_spot=is_spot), is_spot=is_spot)
    async with serve_venue(live.venue), trio.open_nursery() as nursery:
        nursery.start_soon(live.run)
        subject = conformance.Subject(
            source=SpotSource if is_spot else UsdmSource,
            config=config_for(live),
            instrument=live.instrument,
            package=zenithd_binance,
            cut=live.venue.cut,
        )
        await check(subject)
        nursery.cancel_scope.cancel()


def converted(table: dict[str, object]) -> tuple[BinanceConfig | None, list[ConfigError]]:
    problems: list[ConfigError] = []
    return convert_table(table, BinanceConfig, ("plugins", "binance"), Source(), problems), problems


def test_configuration_has_defaults_and_takes_nested_tables() -> None:
    assert converted({}) == (BinanceConfig(), [])
    config, problems = converted({"spot": {"symbols": ["BTCUSDT"], "reconnect_hours": 12}})
    assert not problems
    assert config is not None
    assert config.spot.symbols == ("BTCUSDT",)
    assert config.spot.reconnect_hours == 12


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"spot": {"reconnect_hours": 24}}, "plugins.binance.spot.reconnect_hours"),
        ({"spot": {"websocket_url": "not an address"}}, "plugins.binance.spot.websocket_url"),
        ({"spot": {"market": "A+B"}}, "plugins.binance.spot.market"),
        ({"spot": {"frames_per_second_max": 6}}, "plugins.binance.spot.frames_per_second_max"),
        ({"usdm": {"snapshot_levels": 300}}, "plugins.binance.usdm.snapshot_levels"),
        ({"usdm": {"streams_per_connection_max": 201}}, "plugins.binance.usdm.streams_per_connection_max"),
        ({"futures": {}}, "plugins.binance.futures"),
    ],
)
def test_wrong_settings_are_named(table: dict[str, object], key: str) -> None:
    config, problems = converted(table)
    assert config is None
    assert [problem.key for problem in problems] == [key]


def test_every_setting_is_described() -> None:
    config = zenithd_binance.config
    for section in (BinanceConfig, config.MarketSettings, config.SpotSettings, config.UsdmSettings):
        for name, annotation in section.__annotations__.items():
            assert "description=" in str(annotation), f"{section.__name__}.{name}"


def test_readme_names_every_setting() -> None:
    text = (Path(zenithd_binance.__file__).parent / "README.md").read_text()
    for section in (zenithd_binance.config.SpotSettings, zenithd_binance.config.UsdmSettings):
        for name in section.__struct_fields__:
            assert f"`{name}`" in text, name
