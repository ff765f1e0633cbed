"""`zenithd record` and `zenithd replay`: keep a market's stream, and play it again as a live exchange."""

from __future__ import annotations

import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import trio
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from zenithd.cli.common import DEFAULT_CONFIG, ConfigOption, OperatorFault, examples
from zenithd.cli.run import ListenOption, SetOption, listen_override, parse_settings, serve
from zenithd.config import load
from zenithd.domain.identifiers import InvalidIdentifier, MarketId, parse_market
from zenithd.logs import configure_logs
from zenithd.plugin.loaded import PluginState
from zenithd.plugin.manager import PluginManager
from zenithd.plugin_loading import load_plugins
from zenithd.recording import RecordingError, RecordingWriter

if TYPE_CHECKING:
    from zenithd.cli.recorder import Recorder

if TYPE_CHECKING:
    from zenithd.app import StartInfo

RECORD_EPILOG = examples(
    "zenithd record today.zenrec", "zenithd record btc.zenrec --market BINANCE --duration 3600"
)
REPLAY_EPILOG = examples(
    "zenithd replay today.zenrec",
    "zenithd replay today.zenrec --speed 10 --loop",
    "zenithd replay btcusdt_20240808.gz --market 'BINANCE[Sample]'",
)
_UNPLAYABLE = (PluginState.BROKEN.value, PluginState.IMPAIRED.value)
PROGRESS_SECONDS = 0.25


def record(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="The recording; goes on with one that exists.", show_default=False
        ),
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    market: Annotated[
        list[str] | None,
        typer.Option(help="Record this market only; repeat for more. By default all.", show_default=False),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="Stop after so long; by default at Ctrl-C.", min=0, show_default=False
        ),
    ] = None,
    settings: SetOption = None,
) -> None:
    """Run the enabled market sources without serving anybody, and record what they publish."""
    from zenithd.cli.recorder import Recorder, record_sources  # other verbs start faster without

    configuration = load(config, parse_settings(settings or ()))
    configure_logs(configuration.logging)
    markets = frozenset(_parse_market(text) for text in market or ())
    manager, reader = load_plugins(configuration)
    if reader.problems:
        raise reader.problems[0]
    sources = manager.market_sources()
    if not sources:
        raise OperatorFault('no market source is enabled; "zenithd plugins list" shows all')
    try:
        with RecordingWriter(file) as writer:
            recorder = Recorder(writer, markets)
            work = partial(record_sources, sources, recorder, configuration.plugin_host, manager.packages)
            trio.run(_record_until_stopped, work, recorder, duration)
    except* (RecordingError, OSError) as group:
        raise OperatorFault(f"cannot record: {_first(group)}") from None
    counts = recorder.counts
    if not counts.markets:
        raise OperatorFault(_nothing_recorded(recorder, markets))
    typer.echo(
        f"Recorded {counts.events:,} events in {counts.batches:,} batches of {len(counts.instruments):,}"
        f" instruments ({', '.join(sorted(counts.markets))}) to {file}."
    )


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _nothing_recorded(recorder: Recorder, markets: frozenset[MarketId]) -> str:
    if recorder.problems:
        return "nothing was recorded: " + "; ".join(
            f"{name}: {why}" for name, why in recorder.problems.items()
        )
    wanted = f" called {', '.join(sorted(markets))}" if markets else ""
    return f"nothing was recorded: no market{wanted} was declared"


async def _record_until_stopped(work: Any, recorder: Recorder, duration: float | None) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stop_at_signal, nursery.cancel_scope)
        nursery.start_soon(_show_progress, recorder, duration)
        with trio.move_on_after(float("inf") if duration is None else duration):
            await work()
        nursery.cancel_scope.cancel()


async def _stop_at_signal(scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()


async def _show_progress(recorder: Recorder, duration: float | None) -> None:
    columns = (TextColumn("Recording"), BarColumn(), TextColumn("{task.fields[counts]}"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not sys.stderr.isatty(), auto_refresh=False) as progress:
        task = progress.add_task("record", total=duration, counts="")
        began = trio.current_time()
        while True:
            text = f"{recorder.counts.events:,} events, {len(recorder.counts.instruments):,} instruments"
            progress.update(task, completed=trio.current_time() - began, counts=text, refresh=True)
            await trio.sleep(PROGRESS_SECONDS)


def _parse_market(text: str) -> MarketId:
    try:
        return parse_market(text).id
    except InvalidIdentifier as error:
        raise OperatorFault(f"--market: {error}") from None


def replay(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="Recordings of one format, played together.", show_default=False),
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    listen: ListenOption = "",
    speed: Annotated[
        float, typer.Option(help="1 is real time, 10 ten times as fast, 0 as fast as possible.", min=0)
    ] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Begin again at the end.")] = False,
    start: Annotated[
        str, typer.Option(help="Where to begin: 10:30 or 2024-08-09T00:02:00.", show_default=False)
    ] = "",
    shift_dates: Annotated[
        bool, typer.Option("--shift-dates", help="Move the recording's dates so that it begins now.")
    ] = False,
    market: Annotated[
        str, typer.Option(help="Publish under this market code, such as 'IEX[Demo]'.", show_default=False)
    ] = "",
    settings: SetOption = None,
) -> None:
    """Serve a recording as a live exchange, and nothing else: `run` with only the replay plugin enabled."""
    for file in files:
        if not file.is_file():
            raise OperatorFault(f"{file}: there is no such recording")
    names = [plugin.name for plugin in PluginManager.discover().plugins]
    overrides: dict[str, Any] = {f"plugins.{name}.enabled": name == "replay" for name in names}
    overrides |= {
        "plugins.replay.files": [str(file.absolute()) for file in files],
        "plugins.replay.speed": speed,
        "plugins.replay.loop": loop,
        "plugins.replay.start": start,
        "plugins.replay.dates": "shifted" if shift_dates else "original",
        "plugins.replay.market": market,
    }
    serve(config, overrides | listen_override(listen) | parse_settings(settings or ()), _refuse_unplayable)


def _refuse_unplayable(info: StartInfo) -> None:
    """A file that cannot be played is a fault of this command, not something to try again for ever."""
    for plugin in info.plugins:
        if plugin["name"] == "replay" and plugin["state"] in _UNPLAYABLE:
            raise OperatorFault(f"cannot replay: {plugin['reason'] or plugin['state']}")
