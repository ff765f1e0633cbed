"""The frame of a contract: what a boundary's generator and check look like to campaigns and tests."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, ClassVar

from tests.fuzz.draw import Draw


class Wedged(Exception):
    """An input took more processor time than any input may."""


class Boundary(ABC):
    """One place where the daemon takes what somebody else wrote."""

    name: ClassVar[str]
    reaches: ClassVar[frozenset[str]]
    """Outcomes that 5,000 inputs must show, else the generator does not reach what it should."""
    cpu_seconds_max: ClassVar[float] = 2.0
    """Of one input: far above what the worst one needs, so that nothing but a wedge is seen."""
    blocks_left_max: ClassVar[int] = 100
    """Memory blocks that repeated inputs may leave: caches of the interpreter still move by a few."""
    batch: ClassVar[int] = 500
    """Inputs that are checked together."""

    @abstractmethod
    def make(self, draw: Draw) -> Any:
        """An input, a Python literal."""

    @abstractmethod
    def check(self, given: Any) -> str:
        """Hold the contract against one input; return a word for what happened.

        Raises:
            Exception: any at all: the contract is broken.
        """

    def check_all(self, inputs: Sequence[Any]) -> Iterator[str]:
        """Check inputs one after the other; the one that fails is that behind the last outcome."""
        for given in inputs:
            with processor_limit(self.cpu_seconds_max):
                outcome = self.check(given)
            yield outcome

    def repeat(self, inputs: Sequence[Any], rounds: int, after_each: Callable[[], None]) -> None:
        """Check the same inputs again and again."""
        for _ in range(rounds):
            for _ in self.check_all(inputs):
                pass
            after_each()

    def weigh(self, given: Any) -> int:
        """How many inputs one counts for: the pieces of a conversation are inputs of their own."""
        return 1

    def size(self, given: Any) -> int:
        """The smaller, the better to read: what `--minimise` goes by."""
        return len(repr(given))


@contextmanager
def processor_limit(seconds: float) -> Iterator[None]:
    """Raise `Wedged` where the body is busy for longer; waiting does not count, nor do other processes.

    A handler runs between two bytecodes: what is stuck inside a C function is told by the campaign.
    """
    before = signal.signal(signal.SIGVTALRM, _wedged)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _wedged(number: int, frame: FrameType | None) -> None:
    raise Wedged(f"busy at {frame.f_code.co_filename}:{frame.f_lineno}" if frame else "busy")
