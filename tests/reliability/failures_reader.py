"""Subscribers of the steady source in a process of their own, for `plugin_failures`.

    python -m tests.reliability.failures_reader ADDRESS READERS INSTRUMENTS FILE

Prints `ready`. When standard input ends, writes when each trade was due and when it came, for all readers, as
pairs of signed 64-bit numbers (microseconds, monotonic). A reader that is disconnected ends it with an error.
"""

from __future__ import annotations

import os
import select
import sys
import time
from array import array
from pathlib import Path

from tests.reliability.lib_reader import ID, Reader


class Sampler(Reader):
    """Notes every trade."""

    samples = array("q")

    def _trades(self, payload: bytes, now: int, lateness: list[int], faults: list[str]) -> None:
        if b'"Topic":"Trades!' in payload:
            for text in ID.findall(payload):
                self.samples.extend((int(text), now))


def main(address: str, readers: str, instruments: str, path: str) -> None:
    """Read until standard input ends."""
    topics = [f"Trades!S{number + 1:04}.LOAD" for number in range(int(instruments))]
    opened = {
        sampler.socket.fileno(): sampler
        for sampler in (Sampler(address, topics, None) for _ in range(int(readers)))
    }
    Sampler.samples = array("q")
    poll = select.epoll()
    for descriptor in [0, *opened]:
        poll.register(descriptor, select.EPOLLIN)
    print("ready", time.monotonic_ns() // 1000, flush=True)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor:
                opened[descriptor].read([], [])
            elif not os.read(0, 4096):
                Path(path).write_bytes(Sampler.samples.tobytes())
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
