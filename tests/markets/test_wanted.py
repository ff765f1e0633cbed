"""Reference counts of wanted instruments."""

from __future__ import annotations

import trio
import trio.testing

from zenithd.domain.identifiers import InstrumentId
from zenithd.markets.wanted import WantedInstruments

A, B = InstrumentId("A.X"), InstrumentId("B.X")


def test_wanted_while_anybody_wants_it_and_a_linger_time_longer() -> None:
    now = [0.0]
    wanted = WantedInstruments(30, lambda: now[0])
    wanted.want(A)
    wanted.want(A)
    wanted.want(B)
    wanted.unwant(A)
    assert wanted.current == {A, B}
    wanted.unwant(A)
    now[0] = 29.0
    wanted.expire()
    assert wanted.current == {A, B}
    now[0] = 30.0
    wanted.expire()
    assert wanted.current == {B}


def test_coming_back_within_the_linger_time_changes_nothing() -> None:
    now = [0.0]
    wanted = WantedInstruments(30, lambda: now[0])
    wanted.want(A)
    before = wanted.current
    wanted.unwant(A)
    wanted.want(A)
    now[0] = 100.0
    wanted.expire()
    assert wanted.current is before


async def test_wait_returns_on_a_difference() -> None:
    wanted = WantedInstruments(30, lambda: 0.0)
    seen: list[frozenset[InstrumentId]] = []

    async def watch() -> None:
        seen.append(await wanted.wait(frozenset()))
        seen.append(await wanted.wait(seen[-1]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        await trio.testing.wait_all_tasks_blocked()
        wanted.want(A)
        await trio.testing.wait_all_tasks_blocked()
        wanted.want(B)
    assert seen == [{A}, {A, B}]
