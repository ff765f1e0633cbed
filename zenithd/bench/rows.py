"""What a run of the bench found: rows, their JSON and their tables."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

import msgspec

from zenithd import __version__


class Row(msgspec.Struct, kw_only=True):
    """One sender, shape and number of subscribers. None: not measured, or not reached."""

    stage: str
    """`fanout`: ready frames to sockets; `whole`: a venue's raw payload to sockets."""
    shape: str
    """`one`: one topic for all; `mix`: 20 of 200 topics each, unless `topics` says otherwise."""
    subscribers: int
    sender: str
    topics: int
    payload: str = "200 bytes"
    """What was sent, or played."""
    deliveries_per_cpu_s: float | None = None
    """At full load, per second of the sender's CPU time; median of the rounds."""
    ratio_to_kernel: float | None = None
    """Median of the rounds' ratios to the kernel limit, which took turns."""
    ratio_spread: tuple[float, float] | None = None
    """The smallest and the largest of these ratios."""
    offered_per_s: float | None = None
    """Deliveries per second at which latency was measured."""
    p50_us: float | None = None
    """From the intended time of sending until the reader had it; median of the rounds."""
    p99_us: float | None = None
    p999_us: float | None = None
    rss_per_subscriber_b: float | None = None
    """Resident memory that each idle subscriber added, before the load."""
    cpu_us_per_update: float | None = None
    """From raw payload to frames ready for the sockets, with JSON and MessagePack subscribers."""
    note: str = ""


class Machine(msgspec.Struct):
    """Where it was measured."""

    processor: str
    cores: int
    """That the bench might use."""
    memory_gib: float
    kernel: str
    python: str
    zenithd: str


class Report(msgspec.Struct):
    """What `--json` writes."""

    machine: Machine
    runs: list[Row]


def this_machine() -> Machine:
    """The machine that this runs on."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        _processor(),
        len(os.sched_getaffinity(0)),
        round(pages / 2**30, 1),
        platform.release(),
        platform.python_version(),
        __version__,
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


COLUMNS = (
    "stage", "shape", "subscribers", "topics", "sender", "M deliveries/CPU s", "of kernel", "spread",
    "offered/s", "p50 ms", "p99 ms", "p99.9 ms", "kB/subscriber", "µs/update", "note",
)  # fmt: skip


def cells(row: Row) -> list[str]:
    """A row for people, in the order of COLUMNS."""
    spread = "" if row.ratio_spread is None else f"{row.ratio_spread[0]:.2f}-{row.ratio_spread[1]:.2f}"
    return [
        row.stage,
        row.shape,
        f"{row.subscribers:,}",
        f"{row.topics:,}",
        row.sender,
        _number(row.deliveries_per_cpu_s, 1e6, 2),
        _number(row.ratio_to_kernel, 1, 2),
        spread,
        "" if row.offered_per_s is None else f"{row.offered_per_s:,.0f}",
        _number(row.p50_us, 1e3, 2),
        _number(row.p99_us, 1e3, 2),
        _number(row.p999_us, 1e3, 2),
        _number(row.rss_per_subscriber_b, 1e3, 1),
        _number(row.cpu_us_per_update, 1, 1),
        row.note,
    ]


def _number(value: float | None, unit: float, digits: int) -> str:
    return "" if value is None else f"{value / unit:.{digits}f}"


def markdown(rows: Sequence[Row]) -> str:
    """A table for the documentation; columns that are empty everywhere are left out."""
    table = [cells(row) for row in rows]
    used = [index for index in range(len(COLUMNS)) if any(line[index] for line in table)]
    lines = [[COLUMNS[index] for index in used], ["---"] * len(used)]
    lines += [[line[index] for index in used] for line in table]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
