"""Waiting for bytes: nothing that arrives goes unnoticed, whenever it comes."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from zenithd.server.arrivals import Arrival, Arrivals
from zenithd.testing.beside import nursery_beside

pytestmark = pytest.mark.skipif(not hasattr(select, "epoll"), reason="trio's own wait is used without epoll")

SECONDS_MAX = 20.0


class Reader:
    """One end of a socket that is watched, and the other."""

    def __init__(self, arrivals: Arrivals) -> None:
        self.mine, self.peer = socket.socketpair()
        self.mine.setblocking(False)
        self.arrivals = arrivals
        arrival = arrivals.watch(self.mine.fileno())
        assert arrival is not None
        self.arrival: Arrival = arrival

    async def wait(self) -> None:
        with trio.fail_after(SECONDS_MAX):
            if self.arrival.news():
                await trio.lowlevel.checkpoint()
            else:
                await trio.lowlevel.wait_task_rescheduled(self.arrival.expect())

    async def read(self, size: int = 100) -> bytes:
        """As a connection does: wait until there is something."""
        while True:
            await self.wait()
            try:
                return os.read(self.mine.fileno(), size)
            except BlockingIOError:
                continue

    def close(self) -> None:
        self.arrival.forget()
        self.mine.close()
        self.peer.close()


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    arrivals = Arrivals()
    async with nursery_beside() as nursery:
        nursery.start_soon(arrivals.run)
        await trio.testing.wait_all_tasks_blocked()
        made = Reader(arrivals)
        yield made
        made.close()


async def test_bytes_wake_the_reader(reader: Reader) -> None:
    async with trio.open_nursery() as nursery:
        found: list[bytes] = []

        async def read() -> None:
            found.append(await reader.read())

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        reader.peer.send(b"one")
    assert found == [b"one"]


async def test_what_came_before_or_between_waits_is_news(reader: Reader) -> None:
    reader.peer.send(b"one")
    assert await reader.read() == b"one"
    reader.peer.send(b"two")
    await trio.testing.wait_all_tasks_blocked()
    assert await reader.read() == b"two"


async def test_bytes_together_with_the_end(reader: Reader) -> None:
    reader.peer.send(b"last")
    reader.peer.shutdown(socket.SHUT_WR)
    await trio.testing.wait_all_tasks_blocked()
    assert await reader.read() == b"last"
    assert await reader.read() == b""


async def test_an_end_between_two_reads(reader: Reader) -> None:
    reader.peer.send(b"last")
    assert await reader.read() == b"last"
    reader.peer.close()
    assert await reader.read() == b""


async def test_a_cancelled_wait_leaves_the_next_one_its_news(reader: Reader) -> None:
    with trio.move_on_after(0.01):
        await reader.wait()
    reader.peer.send(b"one")
    assert await reader.read() == b"one"


async def test_a_descriptor_that_is_used_again_is_watched_anew(reader: Reader) -> None:
    number = reader.mine.fileno()
    reader.close()
    other = Reader(reader.arrivals)
    try:
        assert number in (other.mine.fileno(), other.peer.fileno())
        other.peer.send(b"new")
        assert await other.read() == b"new"
    finally:
        other.close()


async def test_without_the_task_nothing_is_watched() -> None:
    with socket.socket() as mine:
        assert Arrivals().watch(mine.fileno()) is None
        Arrivals().forget(mine.fileno())
