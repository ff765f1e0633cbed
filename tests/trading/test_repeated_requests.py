"""A request that comes again gets its answer again, whatever has become of its order since."""

from __future__ import annotations

from typing import Any

import pytest

from tests.trading.world import A1, A2, ACCOUNT, World, amend


def about(order_id: str, request_id: str, **more: Any) -> dict[str, Any]:
    return {"Account": ACCOUNT, "OrderID": order_id, "RequestID": request_id, "Flags": [], **more}


async def test_a_cancellation_that_comes_again_after_its_order_was_amended(autojump_clock: Any) -> None:
    async with World().run() as world:
        order_id = await world.placed()
        world.exchange.is_silent = True
        first = await world.result("CancelOrder", about(order_id, "cancel"))
        await world.exchange.refuse(world.exchange.asked[-1], "Order.Status")
        world.exchange.is_silent = False
        await world.result("AmendOrder", amend(order_id, Quantity=200))
        assert world.order(order_id).quantity == 200
        again = await world.result("CancelOrder", about(order_id, "cancel"))
        assert (first["Result"], again["Result"], again.get("Errors")) == ("Success", "Success", None)
        assert again["Order"]["ID"] == order_id
        assert not world.order(order_id).is_completed  # nothing is done a second time


@pytest.mark.parametrize("topic", ["MoveOrder", "CancelOrder", "AmendOrder"])
async def test_requests_that_come_again_after_their_order_went(topic: str, autojump_clock: Any) -> None:
    async with World().run() as world:
        order_id = await world.placed()
        move = about(order_id, "move", Destination=str(A2))
        data = {
            "MoveOrder": move,
            "CancelOrder": about(order_id, "cancel"),
            "AmendOrder": amend(order_id, Quantity=200, RequestID="amend"),
        }[topic]
        if topic == "CancelOrder":  # the exchange is too late for it
            world.exchange.is_silent = True
        first = await world.result(topic, data)
        if topic == "CancelOrder":
            await world.exchange.refuse(world.exchange.asked[-1], "Order.Status")
            world.exchange.is_silent = False
        if topic != "MoveOrder":
            await world.result("MoveOrder", move)
        assert world.state.order(A1, order_id) is None
        assert world.state.order(A2, order_id) is not None
        asked, records = len(world.exchange.asked), len(world.journal.records)
        again = await world.result(topic, data)
        assert (first["Result"], again["Result"], again.get("Errors")) == ("Success", "Success", None)
        assert again["Order"]["ID"] == order_id
        assert (len(world.exchange.asked), len(world.journal.records)) == (asked, records)


async def test_another_request_under_the_same_id_is_still_refused(autojump_clock: Any) -> None:
    async with World().run() as world:
        order_id, other = await world.placed(), await world.placed()
        await world.result("CancelOrder", about(order_id, "one"))
        for topic, data in (
            ("CancelOrder", about(other, "one")),
            ("MoveOrder", about(other, "one", Destination=str(A2))),
            ("AmendOrder", amend(other, Quantity=200, RequestID="one")),
        ):
            refused = await world.result(topic, data)
            destination_is_another = topic == "MoveOrder"
            expected = "Success" if destination_is_another else "Invalid"  # ids are those of an account
            assert refused["Result"] == expected, topic
