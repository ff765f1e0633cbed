"""The programs that deliver: zenithd's fan-out, the kernel's limit, and others.

Each of them is a program which prints `listening PORT`, takes WebSocket clients that send the text
`sub 1 2 3`, and executes these commands on its standard input, answering each with `done`:

* `prepare COUNT`: make the next COUNT messages, not measured;
* `batch COUNT`: publish so many of them, write everything;
* `pace RATE SECONDS`: publish RATE messages a second, each at its intended time or as soon after as can be.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from zenithd.bench.native import CannotMeasure, compiled
from zenithd.bench.reader import Mode


class Recipe(NamedTuple):
    """How a sender is started and how its subscribers speak."""

    name: str
    command: Sequence[str]
    """Without the number of topics, which is its last argument."""
    mode: Mode = Mode.FIXED
    path: str = "/Zenith"
    tls: bool = False


def kernel() -> Recipe:
    """What the kernel alone would need."""
    return Recipe("kernel", [str(compiled("kernel"))])


def zenithd(slice_seconds: float | None = None) -> Recipe:
    """The daemon's own fan-out."""
    options = [] if slice_seconds is None else ["--slice", str(slice_seconds)]
    return Recipe("zenithd", [sys.executable, "-m", "zenithd.bench.fanout_sender", *options])


class Sender:
    """A sender that runs; a context manager."""

    def __init__(self, recipe: Recipe, topics: int, core: int | None = None) -> None:
        self.recipe = recipe
        self.process = subprocess.Popen(
            [*recipe.command, str(topics)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if core is not None:
            os.sched_setaffinity(self.process.pid, {core})
        word, _, port = self._answer().partition(" ")
        if word != "listening":
            raise CannotMeasure(f"{recipe.name} did not start")
        self.port = int(port)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()

    def say(self, *words: object) -> None:
        """Give a command and wait until it is done."""
        self.begin(*words)
        self.finish()

    def begin(self, *words: object) -> None:
        """Give a command; `finish` must follow."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def finish(self) -> None:
        """Wait until the command is done."""
        if self._answer() != "done":
            raise CannotMeasure(f"{self.recipe.name} ended; what it said stands above")

    def cpu_seconds(self) -> float:
        """Processor time of all its threads so far, user and system, to the nanosecond."""
        return cpu_seconds(self.process.pid)

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


def cpu_seconds(process: int) -> float:
    """Processor time of a process and its children's, all threads, in seconds."""
    total = 0
    for thread in Path(f"/proc/{process}/task").iterdir():
        total += int((thread / "schedstat").read_text().split()[0])
        for child in (thread / "children").read_text().split():
            total += round(cpu_seconds(int(child)) * 1e9)
    return total / 1e9
