"""`zenithd symbol …`: what operators do to symbols, their prices, orders and trades."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import typer

from zenithd.cli.common import OperatorFault
from zenithd.cli.control import Call, Desk, cell, path_of, without_gaps
from zenithd.cli.control_verb import verb
from zenithd.cli.symbol_support import (
    MarketArgument,
    SymbolArgument,
    SymbolStatus,
    number_text,
    read_symbol,
    symbol_parts,
    symbol_path,
)
from zenithd.cli.tick_steps import parse_steps, step_rows

app = typer.Typer()
"""Becomes part of `zenithd symbol`."""

TradeArgument = Annotated[int, typer.Argument(metavar="TRADE", help="Id of the trade.", min=1)]
PriceOption = Annotated[str | None, typer.Option(help="The price.", show_default=False)]


class CancelReason(enum.StrEnum):
    """What owners are told of orders that are cancelled."""

    CANCEL = "Cancel"
    MANUAL = "Manual"


@verb(
    app,
    "status",
    "zenithd symbol status BEAR.TOY TradingHalt",
    "zenithd symbol status BEAR.TOY --inherit",
)
def status(
    desk: Desk,
    symbol: SymbolArgument,
    status: Annotated[
        SymbolStatus | None,
        typer.Argument(
            metavar="STATUS", help="The status from now on.", case_sensitive=False, show_default=False
        ),
    ] = None,
    inherit: Annotated[bool, typer.Option("--inherit", help="Follow the market's status again.")] = False,
) -> None:
    """Halt, suspend or reopen a symbol whatever its market does."""
    if (status is None) != inherit:
        raise OperatorFault("give a STATUS, such as TradingHalt, or --inherit")
    _act(desk, symbol, "Status", without_gaps(Status=None if status is None else status.value))


@verb(
    app,
    "ticks",
    "zenithd symbol ticks TOY",
    "zenithd symbol ticks TOY TOYS 0=0.001 0.1=0.005 2=0.01",
    "zenithd symbol ticks TOY TOYS 0=0.01 --replace",
    "zenithd symbol ticks TOY TOYS --remove",
)
def ticks(
    desk: Desk,
    market: MarketArgument,
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="Name of a tick table.", show_default=False)
    ] = "",
    steps: Annotated[
        list[str] | None,
        typer.Argument(metavar="FROM=STEP", help="From which price on which step.", show_default=False),
    ] = None,
    up_to: Annotated[str, typer.Option(help="Where the last step ends.")] = "1000000",
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of the old one.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove a table that no symbol uses.")] = False,
) -> None:
    """Show the tick tables of a market, or add, replace or remove one."""
    if remove and (steps or replace or not table):
        raise OperatorFault("--remove takes the name of a table and nothing else")
    if remove or steps:
        kind = "Remove" if remove else "Update" if replace else "Add"
        body = without_gaps(Name=table, TickTable=parse_steps(steps, up_to) if steps else None)
        path = path_of("market", market, "action", f"TickTable.{kind}")
        desk.change(f"Tick table {table} of {market}", Call("POST", path, body))
        return
    if replace:
        raise OperatorFault("--replace takes the name of a table and its steps, such as 0=0.01")
    tables = desk.read(Call("GET", path_of("market", market)))["TickTables"]
    shown = {name: rates for name, rates in tables.items() if table in ("", name)}
    if table and not shown:
        raise OperatorFault(f"{market} has no tick table {table}; its tables: {', '.join(tables) or 'none'}")
    desk.show(shown, ("Table", "From", "To", "Step"), step_rows(shown), empty=f"{market} has no tick tables.")


@verb(
    app,
    "reference",
    "zenithd symbol reference BEAR.TOY",
    "zenithd symbol reference BEAR.TOY Close 12.50",
    "zenithd symbol reference BEAR.TOY Close --remove",
)
def reference(
    desk: Desk,
    symbol: SymbolArgument,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of a reference price.", show_default=False)
    ] = "",
    price: Annotated[str | None, typer.Argument(metavar="PRICE", help="It.", show_default=False)] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the reference price.")] = False,
) -> None:
    """Show the named reference prices of a symbol, or set or remove one."""
    if not name and not remove:
        prices = read_symbol(desk, *symbol_parts(symbol))["State"]["References"]
        rows = [[each, cell(value)] for each, value in prices.items()]
        desk.show(prices, ("Name", "Price"), rows, empty=f"{symbol} has no reference prices.")
        return
    if not name or (price is None) != remove:
        raise OperatorFault("give NAME and PRICE, such as Close 12.50, or NAME and --remove")
    _act(desk, symbol, "Reference", without_gaps(Name=name, Price=number_text("PRICE", price)))


@verb(
    app,
    "limits",
    "zenithd symbol limits BEAR.TOY --low 10 --high 15",
    "zenithd symbol limits BEAR.TOY --off",
)
def limits(
    desk: Desk,
    symbol: SymbolArgument,
    low: Annotated[str | None, typer.Option(help="Lowest price of orders.", show_default=False)] = None,
    high: Annotated[str | None, typer.Option(help="Highest price of orders.", show_default=False)] = None,
    off: Annotated[bool, typer.Option("--off", help="Let every price through.")] = False,
) -> None:
    """Set between which prices orders are taken; what is not named has no limit."""
    if (low is None and high is None) != off:
        raise OperatorFault("give --low, --high or both, or --off")
    body = without_gaps(Low=number_text("--low", low), High=number_text("--high", high))
    _act(desk, symbol, "PriceLimits", body)


@verb(
    app, "bulk-cancel", "zenithd symbol bulk-cancel BEAR.TOY", "zenithd symbol bulk-cancel BEAR.TOY --dry-run"
)
def bulk_cancel(
    desk: Desk,
    symbol: SymbolArgument,
    reason: Annotated[
        CancelReason, typer.Option(help="What the owners are told.", case_sensitive=False)
    ] = CancelReason.CANCEL,
) -> None:
    """Cancel all orders of a symbol, in any status."""
    _act(desk, symbol, "BulkCancel", {"Reason": reason.value})


@verb(app, "cancel-trade", "zenithd symbol cancel-trade BEAR.TOY 1234")
def cancel_trade(desk: Desk, symbol: SymbolArgument, trade: TradeArgument) -> None:
    """Cancel a trade; subscribers are told."""
    _act(desk, symbol, "CancelTrade", {"TradeID": trade})


@verb(app, "correct-trade", "zenithd symbol correct-trade BEAR.TOY 1234 --price 12.40")
def correct_trade(
    desk: Desk,
    symbol: SymbolArgument,
    trade: TradeArgument,
    price: PriceOption = None,
    quantity: Annotated[str | None, typer.Option(help="The quantity.", show_default=False)] = None,
) -> None:
    """Correct the price or quantity of a trade; subscribers are told."""
    if price is None and quantity is None:
        raise OperatorFault("say what was wrong: --price, --quantity or both")
    body = without_gaps(Price=number_text("--price", price), Quantity=number_text("--quantity", quantity))
    _act(desk, symbol, "CorrectTrade", {"TradeID": trade, **body})


def _act(desk: Desk, symbol: str, action: str, body: dict[str, Any]) -> None:
    desk.change(symbol, Call("POST", symbol_path(symbol, "action", action), body))
