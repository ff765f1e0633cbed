"""The queue between a source and its market task."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from zenithd.markets.inbound import Inbound


async def test_put_waits_for_room_and_order_is_kept() -> None:
    inbound: Inbound[str] = Inbound(10)
    done: list[str] = []

    async def producer() -> None:
        for name in ("a", "b", "c"):
            await inbound.put(name, 5)
            done.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(producer)
        await trio.testing.wait_all_tasks_blocked()
        assert done == ["a", "b"]
        assert inbound.full_since(trio.current_time()) is not None
        taken = []
        while (item := inbound.take()) is not None:
            taken.append(item)
            inbound.applied()
            await trio.testing.wait_all_tasks_blocked()
        assert taken == ["a", "b", "c"]
        assert inbound.full_since(trio.current_time() + 1.0) is None


async def test_an_item_above_the_bound_is_let_in_alone() -> None:
    inbound: Inbound[str] = Inbound(10)
    with trio.fail_after(1):
        await inbound.put("large", 1000)
    assert inbound.take() == "large"


async def test_wait_drained(autojump_clock: trio.testing.MockClock) -> None:
    inbound: Inbound[str] = Inbound(10)
    await inbound.wait_drained()
    await inbound.put("a", 1)
    with trio.move_on_after(1) as scope:
        await inbound.wait_drained()
    assert scope.cancelled_caught
    inbound.take()
    inbound.applied()
    await inbound.wait_drained()


@pytest.mark.parametrize("waits", [True, False])
async def test_wait_item(waits: bool) -> None:
    inbound: Inbound[str] = Inbound(10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbound.wait_item)
        if waits:
            await trio.testing.wait_all_tasks_blocked()
        inbound.put_nowait("a", 1)
