"""Matching engines as contestants: zenithd's reference exchange, and others of the package index beside it.

A contestant turns a flow into whatever its engine takes before it is measured, and then does nothing but give
it to the engine, one operation after the other.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from zenithd.bench.matching_flow import Flow, Operation


class MatchingContestant(Protocol):
    """An engine with a book that has been filled."""

    def run(self) -> None:
        """Carry out the measured operations."""
        ...

    def left(self) -> int:
        """Quantity of all orders in the book: proof that it did what it should."""
        ...


class ZenithdMatching:
    """The whole path of a command: checked, carried out, its events made and applied."""

    name = "zenithd"

    def __init__(self, flow: Flow) -> None:
        from zenithd_prodigy.engine import commands as c
        from zenithd_prodigy.exchange import Market
        from zenithd_prodigy.model.definitions import Entity, SymbolDefinition
        from zenithd_prodigy.model.statuses import Status

        self._market = Market()
        for command in (
            c.CreateMarket(market="M", status=Status.OPEN),
            c.ListSymbol(market="M", definition=SymbolDefinition(code="S")),
            c.AddEntity(market="M", definition=Entity("FIRM")),
        ):
            self._market.handle(command, 0)
        self._carry_out([_zenithd_command(operation) for operation in flow.filling])
        self._commands = [_zenithd_command(operation) for operation in flow.measured]

    def _carry_out(self, commands: Sequence[Any]) -> None:
        handle = self._market.handle
        for now, command in enumerate(commands):
            if type(handle(command, now)) is not list:
                raise AssertionError("an operation of the bench was refused")

    def run(self) -> None:
        """Give it command after command."""
        self._carry_out(self._commands)

    def left(self) -> int:
        """All that is left."""
        return sum(order.leaves for order in self._market.model.symbols["S"].orders.values())


def _zenithd_command(operation: Operation) -> Any:
    from zenithd.domain.market_data import Side
    from zenithd_prodigy.engine.commands import CancelOrder, PlaceOrder

    if operation.cancels:
        return CancelOrder(
            market="M", entity="FIRM", command_id=f"c{operation.order}", symbol="S", order=operation.order
        )
    return PlaceOrder(
        market="M",
        entity="FIRM",
        command_id=f"p{operation.order}",
        symbol="S",
        side=Side.BID if operation.buys else Side.ASK,
        quantity=operation.quantity,
        price=operation.price,
    )


class LightMatching:
    """lightmatchingengine: dictionaries of lists, one class."""

    name = "lightmatchingengine"

    def __init__(self, flow: Flow) -> None:
        module = importlib.import_module("lightmatchingengine.lightmatchingengine")
        self._engine: Any = module.LightMatchingEngine()
        self._carry_out(flow.filling)
        self._operations = flow.measured

    def _carry_out(self, operations: Sequence[Operation]) -> None:
        add, cancel = self._engine.add_order, self._engine.cancel_order
        for order, cancels, buys, price, quantity in operations:
            if cancels:
                if cancel(order, "S") is None:
                    raise AssertionError("an order to be cancelled was not there")
            else:
                add("S", price, quantity, 1 if buys else 2)

    def run(self) -> None:
        """Operations as they are: its orders are numbered as ours."""
        self._carry_out(self._operations)

    def left(self) -> int:
        """All that is left."""
        book = self._engine.order_books["S"]
        levels = [*book.bids.values(), *book.asks.values()]
        return sum(order.leaves_qty for level in levels for order in level)


class PyOrderBook:
    """pyorderbook: heaps of price levels, decimal prices."""

    name = "pyorderbook"

    def __init__(self, flow: Flow) -> None:
        self._module: Any = importlib.import_module("pyorderbook")
        self._book: Any = self._module.Book()
        self._orders: dict[int, Any] = {}
        self._carry_out(self._prepared(flow.filling))
        self._steps = self._prepared(flow.measured)

    def _prepared(self, operations: Sequence[Operation]) -> list[tuple[bool, Any]]:
        steps: list[tuple[bool, Any]] = []
        for operation in operations:
            if operation.cancels:
                steps.append((True, self._orders[operation.order]))
            else:
                make = self._module.bid if operation.buys else self._module.ask
                order = self._orders[operation.order] = make("S", operation.price, operation.quantity)
                steps.append((False, order))
        return steps

    def _carry_out(self, steps: Sequence[tuple[bool, Any]]) -> None:
        match, cancel = self._book.match, self._book.cancel
        for cancels, order in steps:
            if cancels:
                cancel(order)
            else:
                match(order)

    def run(self) -> None:
        """Orders that were made before: making them is not measured."""
        self._carry_out(self._steps)

    def left(self) -> int:
        """All that is left."""
        return sum(order.quantity for order in self._book.order_map.values())


Recipe = Callable[[Flow], MatchingContestant]

PEERS: dict[str, Recipe] = {"lightmatchingengine": LightMatching, "pyorderbook": PyOrderBook}
"""Pure-Python matching engines of the package index, by their distribution."""


def available() -> tuple[dict[str, Recipe], list[str]]:
    """The contestants by the names of their rows, and a word on each that is not installed."""
    found: dict[str, Recipe] = {ZenithdMatching.name: ZenithdMatching}
    absent = []
    for distribution, recipe in PEERS.items():
        try:
            found[f"{distribution} {importlib.metadata.version(distribution)}"] = recipe
        except importlib.metadata.PackageNotFoundError:
            absent.append(f"{distribution} is left out: pip install 'zenithd[bench]' brings it")
    return found, absent
