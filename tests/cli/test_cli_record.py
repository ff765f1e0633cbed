"""`zenithd record` and `zenithd replay`: what sources publish is in the file, the file is played."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import trio
from cli_support import GOOD_PLUGIN, Install, Result, Run

from zenithd.cli import record
from zenithd.cli.common import OperatorFault
from zenithd.cli.recorder import Recorder, RecordingContext
from zenithd.config import load
from zenithd.domain.events import BookCleared, MarketStateChanged, TradingDayStarted
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus
from zenithd.recording import Batch, Declared, RecordingWriter, StatusChanged, open_recording, read_blocks
from zenithd.supervisor import Attempt

ONLY_TEST = "[plugins.prodigy]\nenabled = false\n"


@pytest.fixture(autouse=True)
def configuration(folder: Path) -> None:
    (folder / "config.toml").write_text(ONLY_TEST)


def records(path: Path) -> list[Any]:
    return [record for block in read_blocks(path) for record in block]


def test_everything_published_is_in_the_file(zenithd: Run, folder: Path, good_plugin: str) -> None:
    result = zenithd("record", "x.zenrec", "--set", f"plugins.{good_plugin}.orders=5")
    assert result.code == 0
    assert result.out == "Recorded 5 events in 5 batches of 1 instruments (TST) to x.zenrec.\n"
    found = records(folder / "x.zenrec")
    assert [type(each) for each in found] == [Declared, StatusChanged] + [Batch] * 5
    assert [each.events[0].order_id for each in found[2:]] == list("01234")
    assert found[0].instruments == (Instrument(code="T1", market=MarketId("TST")),)


def test_a_recording_goes_on(zenithd: Run, folder: Path, good_plugin: str) -> None:
    zenithd("record", "x.zenrec")
    zenithd("record", "x.zenrec")
    assert open_recording(folder / "x.zenrec").events == 6


def test_only_the_named_markets(zenithd: Run, folder: Path, good_plugin: str) -> None:
    result = zenithd("record", "x.zenrec", "--market", "OTHER", "--duration", "0.2")
    assert result.code == 2
    assert result.err.splitlines()[-1] == "nothing was recorded: no market called OTHER was declared"
    assert zenithd("record", "x.zenrec", "--market", "A B").err.startswith("--market: 'A B' is not")


def test_nothing_to_record(zenithd: Run) -> None:
    assert zenithd("record", "x.zenrec") == Result(
        2, "", 'no market source is enabled; "zenithd plugins list" shows all\n'
    )


def test_a_source_that_fails_is_named(zenithd: Run, install: Install) -> None:
    install(
        "testfails",
        GOOD_PLUGIN.replace("market = MarketId", "raise OSError('line cut')\n        market = MarketId"),
    )
    settings = ["--set", "plugin_host.restarts_max=0"]
    result = zenithd("record", "x.zenrec", *settings)
    assert result.code == 2
    assert "nothing was recorded: testfails: " in result.err.splitlines()[-1]
    assert "line cut" in result.err.splitlines()[-1]


def test_a_file_that_cannot_be_written(zenithd: Run, folder: Path, good_plugin: str) -> None:
    (folder / "x.zenrec").write_text("my diary")
    for name in ("x.zenrec", "no/where/x.zenrec"):
        result = zenithd("record", name)
        assert result.code == 2
        assert result.err.startswith("cannot record: ")
    assert (folder / "x.zenrec").read_text() == "my diary"


def test_a_wrong_section_stops_it(zenithd: Run, good_plugin: str) -> None:
    result = zenithd("record", "x.zenrec", "--set", f"plugins.{good_plugin}.orders=-1")
    assert result.code == 2
    assert result.err.startswith(
        "command line: plugins.testsource.orders: expected a whole number of at least 0"
    )


MARKET = MarketDefinition(id=MarketId("A"))
ONE, TWO = (Instrument(code=code, market=MarketId("A")) for code in ("ONE", "TWO"))


async def test_context_wants_what_is_declared_and_keeps_to_the_chosen_markets(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "x") as writer:
        recorder = Recorder(writer, frozenset({MarketId("A")}))
        attempt = Attempt(1, lambda: None)
        context = RecordingContext("demo", recorder, attempt, None, tmp_path / "own")  # type: ignore[arg-type]
        assert await context.last_known(ONE.id) is None
        assert context.directory == tmp_path / "own" / "demo"
        context.declare_market(MARKET, [ONE])
        assert await context.wait_wanted(frozenset()) == {ONE.id}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(context.wait_wanted, frozenset({ONE.id}))
            await trio.testing.wait_all_tasks_blocked()
            context.declare_market(MARKET, [ONE, TWO])
        other = MarketId("B")
        context.declare_market(MarketDefinition(id=other), [Instrument(code="X", market=other)])
        assert context.wanted == {ONE.id, TWO.id}
        context.set_status(other, FeedStatus.ACTIVE)
        await context.publish(
            [BookCleared(ONE.id), BookCleared(InstrumentId("X.B")), MarketStateChanged(other, "s")]
        )
        await context.publish([BookCleared(InstrumentId("X.B"))])
        await context.wait_drained()
        attempt.finish()
        await context.publish([BookCleared(TWO.id)])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(recorder.write)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    assert (recorder.counts.batches, recorder.counts.events) == (1, 1)
    written = records(tmp_path / "x")
    assert [type(each) for each in written] == [Declared, Declared, Batch]
    assert written[2].events == [BookCleared(ONE.id)]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """What `serve` was asked for, instead of a daemon."""
    calls: list[Mapping[str, Any]] = []
    monkeypatch.setattr(record, "serve", lambda path, overrides, accept: calls.append(overrides))
    return calls


def test_replay_is_run_with_only_that_plugin(
    zenithd: Run, folder: Path, good_plugin: str, served: list[Mapping[str, Any]]
) -> None:
    (folder / "x.zenrec").touch()
    arguments = ["--speed", "10", "--loop", "--shift-dates", "--start", "10:30", "--listen", "127.0.0.1:0"]
    assert zenithd("replay", "x.zenrec", *arguments, "--set", "logging.level=debug").code == 0
    (overrides,) = served
    assert overrides["plugins.testsource.enabled"] is False
    assert overrides["plugins.replay.enabled"] is True
    assert overrides["plugins.replay.files"] == [str(folder / "x.zenrec")]
    config = load("config.toml", overrides)
    assert "replay" not in config.disabled_plugins
    assert {"prodigy", "binance", "testsource"} <= set(config.disabled_plugins)
    assert (config.server.listen, config.logging.level) == ("127.0.0.1:0", "debug")


def test_replay_overrides_fit_the_plugin(zenithd: Run, folder: Path, served: list[Mapping[str, Any]]) -> None:
    from zenithd_replay.config import ReplayConfig

    (folder / "x.zenrec").touch()
    zenithd("replay", "x.zenrec", "--market", "IEX[Demo]", "--shift-dates")
    section = load("config.toml", served[0]).parse_section("replay", ReplayConfig)
    assert (section.market, section.dates, section.speed, section.loop) == (
        "IEX[Demo]",
        "shifted",
        1.0,
        False,
    )
    assert section.files == (folder / "x.zenrec",)


def test_replay_of_what_is_not_there(zenithd: Run) -> None:
    assert zenithd("replay", "x.zenrec") == Result(2, "", "x.zenrec: there is no such recording\n")


def test_replay_that_cannot_play_ends() -> None:
    class Info:
        plugins = ({"name": "replay", "state": "impaired", "reason": "x.zenrec: torn"},)

    with pytest.raises(OperatorFault, match=r"cannot replay: x\.zenrec: torn"):
        record._refuse_unplayable(Info())  # type: ignore[arg-type]


def test_day_and_state_events_belong_to_their_market() -> None:
    from datetime import date

    from zenithd.cli.recorder import _market_of

    assert _market_of(TradingDayStarted(MarketId("A"), date(2026, 1, 1))) == "A"
    assert _market_of(MarketStateChanged(MarketId("A"), "Open")) == "A"
    assert _market_of(BookCleared(ONE.id)) == "A"
