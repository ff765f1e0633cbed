"""`zenithd journal …`: look at the journal, check it, copy it, also beside a running daemon."""

from __future__ import annotations

import base64
import contextlib
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TextIO

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from zenithd.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    OperatorFault,
    examples,
    print_json,
    print_table,
)
from zenithd.config import load
from zenithd.journal import Damaged, Head, Record, StoreFault, StoreRefused, copying, reading
from zenithd.journal.pruning import anchors, known_feeds, prunable
from zenithd.journal.sqlite import SqliteReader
from zenithd.journal.store import Reader
from zenithd.journal.verification import verify as verify_all
from zenithd.journaling import journal_reader, journal_store

NANOSECONDS = 1_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

app = typer.Typer(
    help="The journal: what is acknowledged, in order, each record chained to the one before.",
    epilog=examples("zenithd journal info", "zenithd journal verify", "zenithd journal backup today.journal"),
    no_args_is_help=True,
)

FileOption = Annotated[
    Path | None,
    typer.Option(
        "--file",
        metavar="FILE",
        help="Look at a backup instead of the configured journal.",
        show_default=False,
    ),
]
PositionOption = Annotated[
    int | None,
    typer.Option("--position", help="As it was at this position; by default now.", min=0, show_default=False),
]
DateOption = Annotated[
    str,
    typer.Option("--date", help="As it was then: 2026-11-21T10:30:00, in UTC.", show_default=False),
]


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except (StoreRefused, StoreFault, Damaged) as error:
        raise OperatorFault(f"zenithd journal: {error}") from None


@contextlib.contextmanager
def _opened(config: Path, file: Path | None) -> Iterator[Reader]:
    with (
        _faults(),
        contextlib.closing(SqliteReader(file) if file else journal_reader(load(config))) as reader,
    ):
        yield reader


@contextlib.contextmanager
def _progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(label, total=total)
        yield lambda position: progress.update(task, completed=position)


def _date(nanoseconds: int) -> str:
    """ISO 8601 with nanoseconds, in UTC."""
    seconds, rest = divmod(nanoseconds, NANOSECONDS)
    return f"{EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def _parse_date(option: str, text: str) -> int:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise OperatorFault(f"{option} {text}: expected a date such as 2026-11-21T10:30:00") from None
    date = date.replace(tzinfo=UTC) if date.tzinfo is None else date
    return (date - EPOCH) // timedelta(microseconds=1) * 1_000


def _position(reader: Reader, position: int | None, date: str) -> int:
    """The position that the options name, at most the last one."""
    last = reading.read_head(reader).position
    if position is not None and position > last:
        raise OperatorFault(f"--position {position}: the journal ends at {last}")
    until = last if position is None else position
    return min(until, reading.position_at(reader, _parse_date("--date", date), last)) if date else until


def _head_fields(head: Head) -> dict[str, Any]:
    return {
        "position": head.position,
        "date": _date(head.date) if head.position else None,
        "digest": head.digest.hex(),
    }


def _print(fields: dict[str, Any], json: bool) -> None:
    if json:
        print_json(fields)
        return
    rows = [(name.replace("_", " "), "" if value is None else str(value)) for name, value in fields.items()]
    print_table(("", ""), rows, "")


@app.command(epilog=examples("zenithd journal info", "zenithd journal info --file today.journal --json"))
def info(config: ConfigOption = DEFAULT_CONFIG, file: FileOption = None, json: JsonOption = False) -> None:
    """Show where the journal is, how large, and how far it goes."""
    with _opened(config, file) as reader:
        about = reader.information()
        fields = {
            "store": about.kind,
            "place": about.place,
            "software": about.software,
            "version": about.version,
            "bytes": about.bytes,
            **_head_fields(reading.read_head(reader)),
            "pruned_up_to": reader.anchor().head.position,
            "feeds": len(known_feeds(reader)),
            "snapshots": len(reader.snapshots()),
        }
    _print(fields, json)


@app.command(epilog=examples("zenithd journal verify", "zenithd journal verify --file today.journal"))
def verify(config: ConfigOption = DEFAULT_CONFIG, file: FileOption = None, json: JsonOption = False) -> None:
    """Look at every record, the index and the snapshots; name the first bad record."""
    with _opened(config, file) as reader:
        try:
            with reader.frozen():
                last = reader.last()
                total = 0 if last is None else last.first
                with _progress("Verifying", total) as progress:
                    found = verify_all(reader, progress)
                pruned = reader.anchor().head.position
        except Damaged as damage:
            if json:
                print_json({"intact": False, "position": damage.position, "reason": damage.reason})
            raise
    fields = {"intact": True, **_head_fields(found.head), "feeds": found.feeds, "snapshots": found.snapshots}
    if json:
        print_json(fields)
        return
    typer.echo(
        f"Intact: {found.head.position - pruned:,} records of {len(found.feeds):,} feeds, {found.snapshots:,}"
        f" snapshots; digest {found.head.digest.hex()}"
        + (f"; {pruned:,} records before were pruned" if pruned else "")
    )


@app.command(epilog=examples("zenithd journal digest", "zenithd journal digest --position 1000"))
def digest(
    config: ConfigOption = DEFAULT_CONFIG,
    file: FileOption = None,
    position: PositionOption = None,
    date: DateOption = "",
    json: JsonOption = False,
) -> None:
    """Print the digest that stands for all records up to a position: equal digests, equal journals."""
    with _opened(config, file) as reader:
        head = reading.head_at(reader, _position(reader, position, date))
    if json:
        print_json(_head_fields(head))
    else:
        typer.echo(f"{head.digest.hex()} {head.position}")


@app.command(
    epilog=examples(
        "zenithd journal export --first 100 --last 200",
        "zenithd journal export --feed exchange/XSX --output day.jsonl --since 2026-11-20 --until 2026-11-21",
    )
)
def export(
    config: ConfigOption = DEFAULT_CONFIG,
    file: FileOption = None,
    first: Annotated[
        int | None,
        typer.Option(help="First position; by default the first that is there.", min=1, show_default=False),
    ] = None,
    last: Annotated[int | None, typer.Option(help="Last position.", min=1, show_default=False)] = None,
    feed: Annotated[str, typer.Option(help="Only this feed.", show_default=False)] = "",
    since: Annotated[str, typer.Option(help="From this date on.", show_default=False)] = "",
    until: Annotated[str, typer.Option(help="To before this date.", show_default=False)] = "",
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A new file; by default standard output.", show_default=False),
    ] = None,
) -> None:
    """Write records as lines of JSON, each checked; a body that is no text comes as base64."""
    with _opened(config, file) as reader, contextlib.ExitStack() as opened:
        end = reading.read_head(reader).position
        first = reader.anchor().first if first is None else first
        last = end if last is None else min(last, end)
        if since:
            first = max(first, reading.position_at(reader, _parse_date("--since", since) - 1, end) + 1)
        if until:
            last = min(last, reading.position_at(reader, _parse_date("--until", until) - 1, end))
        target: TextIO = sys.stdout
        if output is not None:
            try:
                target = opened.enter_context(output.open("x", encoding="utf-8"))
            except OSError as error:
                raise OperatorFault(f"{output}: {error.strerror}") from None
        with _progress("Exporting", last - first + 1) as progress:
            for records in reading.read_records(reader, first, last) if first <= last else ():
                target.writelines(_line(record) for record in records if feed in ("", record.feed))
                progress(records[-1].position - first + 1)


def _line(record: Record) -> str:
    try:
        body = {"body": record.body.decode()}
    except UnicodeDecodeError:
        body = {"body_base64": base64.b64encode(record.body).decode()}
    fields = {
        "position": record.position,
        "feed": record.feed,
        "sequence": record.sequence,
        "date": _date(record.date),
        "kind": record.kind,
        **body,
        "digest": record.digest.hex(),
    }
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE).decode()


@app.command(
    epilog=examples("zenithd journal snapshot", "zenithd journal snapshot --name exchange/XSX --keep 1")
)
def snapshot(
    config: ConfigOption = DEFAULT_CONFIG,
    file: FileOption = None,
    name: Annotated[str, typer.Option(help="Only of this name.", show_default=False)] = "",
    keep: Annotated[
        int | None,
        typer.Option(
            help="Remove all of the name but so many; only while no daemon runs.", min=0, show_default=False
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the snapshots of derived states, or remove old ones; the records stay."""
    if keep is not None:
        if not name or file is not None:
            raise OperatorFault("--keep needs --name, and the configured journal")
        with _faults(), contextlib.closing(journal_store(load(config))) as store:
            store.open()
            removed = store.prune(name, keep)
        typer.echo(f"Removed {removed} snapshots of {name}.", err=json)
    with _opened(config, file) as reader:
        notes = [note for note in reader.snapshots() if name in ("", note.name)]
    if json:
        print_json([{**note._asdict(), "date": _date(note.date)} for note in notes])
        return
    rows = [(note.name, f"{note.position:,}", _date(note.date), f"{note.bytes:,}") for note in notes]
    print_table(("Name", "Position", "Date", "Bytes"), rows, "There are no snapshots.")


@app.command(
    epilog=examples(
        "zenithd journal prune --before 2026-11-01 --dry-run", "zenithd journal prune --before 1000000"
    )
)
def prune(
    before: Annotated[
        str,
        typer.Option(
            metavar="DATE|POSITION",
            help="The first record that stays: a date in UTC, or a position.",
            show_default=False,
        ),
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be removed.")] = False,
    json: JsonOption = False,
) -> None:
    """Remove old records, while no daemon runs; each is checked before it goes. Make a backup first.

    Of every feed a snapshot at or behind what goes must be there. Whole blocks go, so a few records more
    may stay. The space is used again; the file of SQLite does not become smaller.
    """
    configuration = load(config)
    with _opened(config, None) as reader, contextlib.ExitStack() as opened:
        last = reading.read_head(reader).position
        if before.isdecimal():
            wanted = int(before) - 1
        else:
            wanted = reading.position_at(reader, _parse_date("--before", before) - 1, last)
        begin = reader.anchor().head
        allowed = prunable(reader)
        if allowed.without_state:
            names = ", ".join(allowed.without_state[:5])
            raise OperatorFault(
                f"zenithd journal: nothing can be removed: no state is kept of {names}; without its records"
                " it could not be made again"
            )
        until = min(wanted, allowed.position)
        store = journal_store(configuration)
        if not dry_run:
            opened.callback(store.close)
            store.open()
        end = begin
        with _progress("Pruning", max(until - begin.position, 0)) as progress:
            for anchor in anchors(reader, until):
                if not dry_run:
                    store.forget(anchor)
                end = anchor.head
                progress(end.position - begin.position)
    holder = allowed.holder if wanted > allowed.position else ""
    removed = end.position - begin.position
    if json:
        print_json({"removed": removed, "dry_run": dry_run, "needed_by": holder or None, **_head_fields(end)})
        return
    typer.echo(
        f"{'Would remove' if dry_run else 'Removed'} {removed:,} records; the journal begins behind"
        f" {end.position:,}, digest {end.digest.hex()}"
        + (f". Feed {holder} needs what follows: its newest snapshot is there" if holder else "")
    )


@app.command(epilog=examples("zenithd journal backup backups/today.journal"))
def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.", show_default=False)],
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Copy the journal as it is now into one file; each record is checked on the way."""
    with _opened(config, None) as reader:
        total = reading.read_head(reader).position
        with _progress("Copying", total) as progress:
            copying.backup(reader, target, progress)
        with contextlib.closing(SqliteReader(target)) as copy:
            head = reading.read_head(copy)
    if json:
        print_json({"file": str(target), **_head_fields(head)})
    else:
        typer.echo(f"Copied {head.position:,} records to {target}; digest {head.digest.hex()}")


@app.command(epilog=examples("zenithd journal restore backups/today.journal"))
def restore(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.", show_default=False)],
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Copy a backup into the configured store, which must hold nothing yet; all or nothing."""
    configuration = load(config)
    with _opened(config, source) as copy:
        head = reading.read_head(copy)
        with _progress("Restoring", head.position) as progress:
            copying.restore(copy, journal_store(configuration), progress)
    if json:
        print_json(_head_fields(head))
    else:
        typer.echo(f"Restored {head.position:,} records; digest {head.digest.hex()}")
