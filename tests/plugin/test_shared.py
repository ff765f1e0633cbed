"""What the parts of a plugin give each other."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from zenithd.plugin.shared import Shared, SharedByPlugin


async def test_who_needs_it_waits_for_it_and_is_told_when_it_is_gone() -> None:
    shared, seen = Shared(), list[object]()

    async def need() -> None:
        thing = await shared.wait_offered()
        seen.append(thing)
        await shared.wait_withdrawn(thing)
        seen.append("gone")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(need)
        await wait_all_tasks_blocked()
        assert seen == []
        shared.offer("first")
        await wait_all_tasks_blocked()
        assert seen == ["first"]
        shared.withdraw()
    assert seen == ["first", "gone"]


async def test_another_offer_takes_the_place_of_the_first() -> None:
    shared = Shared()
    shared.offer("first")
    shared.offer("second")
    await shared.wait_withdrawn("first")
    assert await shared.wait_offered() == "second"


def test_each_plugin_has_its_own() -> None:
    shared = SharedByPlugin()
    assert shared["a"] is shared["a"]
    assert shared["a"] is not shared["b"]
