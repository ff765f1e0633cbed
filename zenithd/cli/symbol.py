"""`zenithd symbol …`: the operator's hand on what is traded."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import typer

from zenithd.cli.common import OperatorFault
from zenithd.cli.control import Call, Desk, cell, pairs_of, path_of, without_gaps
from zenithd.cli.control_verb import verb
from zenithd.cli.tick_steps import is_number, parse_steps, step_rows
from zenithd.domain.identifiers import InvalidIdentifier, parse_instrument, split_instrument

app = typer.Typer(
    help="The symbols of the exchange: list, halt, and what prices and trades they may have.",
    epilog="Users need the scope Prodigy/Symbol; for tick tables Prodigy/Control and Prodigy/Exchange too.",
    no_args_is_help=True,
)

SymbolArgument = Annotated[
    str, typer.Argument(metavar="SYMBOL", help="A symbol, such as BEAR.TOY.", show_default=False)
]
MarketArgument = Annotated[
    str, typer.Argument(metavar="MARKET", help="Code of the market.", show_default=False)
]
TradeArgument = Annotated[int, typer.Argument(metavar="TRADE", help="Id of the trade.", min=1)]
NameOption = Annotated[str | None, typer.Option(help="Name for people.", show_default=False)]
CurrencyOption = Annotated[str | None, typer.Option(help="Currency code, ISO 4217.", show_default=False)]
ClassOption = Annotated[
    str | None, typer.Option("--class", help="CFI code, ISO 10962, such as ESVUFR.", show_default=False)
]
TickTableOption = Annotated[
    str | None,
    typer.Option(help='A tick table of the market; "" lets every price through.', show_default=False),
]
LotSizeOption = Annotated[
    str | None, typer.Option(help="Quantities are multiples of it.", show_default=False)
]
AttributeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--attribute",
        metavar="KEY=VALUE",
        help="Repeat for more; given ones replace all.",
        show_default=False,
    ),
]
AlternateOption = Annotated[
    list[str] | None,
    typer.Option(
        "--alternate",
        metavar="KEY=VALUE",
        help="A code elsewhere, such as ISIN=…; repeat for more; given ones replace all.",
        show_default=False,
    ),
]
PriceOption = Annotated[str | None, typer.Option(help="The price.", show_default=False)]


class SymbolStatus(enum.StrEnum):
    """The statuses that a symbol can have; without one it has its market's."""

    PRE_OPEN = "PreOpen"
    OPEN = "Open"
    PRE_AUCTION = "PreAuction"
    AUCTION = "Auction"
    PRE_CLOSE = "PreClose"
    CLOSED = "Closed"
    INQUIRY = "Inquiry"
    TRADING_HALT = "TradingHalt"
    SUSPEND = "Suspend"


class CancelReason(enum.StrEnum):
    """What owners are told of orders that are cancelled."""

    CANCEL = "Cancel"
    MANUAL = "Manual"


@verb(app, "list", "zenithd symbol list XSX", "zenithd symbol list XSX --json", changes=False)
def list_symbols(desk: Desk, market: MarketArgument) -> None:
    """List the symbols of a market with how they stand."""
    codes = desk.read(Call("GET", path_of("market", market)))["Symbols"]
    symbols = [_read(desk, market, code) for code in codes]
    rows = [
        [
            f"{symbol['Code']}.{symbol['Market']}",
            symbol["Data"]["Name"],
            _status_text(symbol),
            *(cell(symbol["State"][key]) for key in ("BestBid", "BestAsk", "LastPrice", "Orders")),
            symbol["Data"]["TickTable"],
        ]
        for symbol in symbols
    ]
    columns = ("Symbol", "Name", "Status", "Bid", "Ask", "Last", "Orders", "Tick table")
    desk.show(symbols, columns, rows, empty=f'{market} lists nothing; see "zenithd symbol add --help".')


@verb(app, "show", "zenithd symbol show XS01.XSX", changes=False)
def show(desk: Desk, symbol: SymbolArgument) -> None:
    """Show a symbol: what describes it, and how it stands."""
    found = _read(desk, *_parts(symbol))
    data, state = found["Data"], found["State"]
    facts = {
        "Symbol": f"{found['Code']}.{found['Market']}",
        "Name": data["Name"],
        "Status": _status_text(found),
        "Currency": data["Currency"],
        "Class": data["Class"],
        "Tick table": data["TickTable"],
        "Price decimals": data["PriceScale"],
        "Quantity decimals": data["QuantityScale"],
        "Lot size": data["LotSize"],
        "Attributes": data["Attributes"],
        "Alternates": data["Alternates"],
        "Orders": state["Orders"],
        "Bid": state["BestBid"],
        "Ask": state["BestAsk"],
        "Last": state["LastPrice"],
        "Reference prices": state["References"],
    }
    desk.show(found, ("", ""), [[name, cell(value)] for name, value in facts.items()], empty="")


@verb(
    app,
    "add",
    "zenithd symbol add BEAR.TOY --name 'Bears' --tick-table TOYS --price-decimals 3",
    "zenithd symbol add BEAR.TOY --dry-run",
)
def add(
    desk: Desk,
    symbol: SymbolArgument,
    name: NameOption = None,
    currency: CurrencyOption = None,
    cfi: ClassOption = None,
    tick_table: TickTableOption = None,
    price_decimals: Annotated[
        int, typer.Option(help="Decimals of prices; they never change.", min=0, max=9)
    ] = 2,
    quantity_decimals: Annotated[
        int, typer.Option(help="Decimals of quantities; they never change.", min=0, max=9)
    ] = 0,
    lot_size: LotSizeOption = None,
    status: Annotated[
        SymbolStatus | None,
        typer.Option(help="Its own status; without, its market's.", case_sensitive=False, show_default=False),
    ] = None,
    attributes: AttributeOption = None,
    alternates: AlternateOption = None,
) -> None:
    """List a symbol on a market; subscribers see it at once."""
    data = _data(name, currency, cfi, tick_table, lot_size) | without_gaps(
        PriceScale=price_decimals,
        QuantityScale=quantity_decimals,
        Status=None if status is None else status.value,
        Attributes=pairs_of("--attribute", attributes),
        Alternates=pairs_of("--alternate", alternates),
    )
    desk.change(symbol, Call("POST", _path(symbol), {"Data": data}))


@verb(app, "change", "zenithd symbol change BEAR.TOY --name 'Bears and cubs' --lot-size 10")
def change(
    desk: Desk,
    symbol: SymbolArgument,
    name: NameOption = None,
    currency: CurrencyOption = None,
    cfi: ClassOption = None,
    tick_table: TickTableOption = None,
    lot_size: LotSizeOption = None,
    attributes: AttributeOption = None,
    alternates: AlternateOption = None,
) -> None:
    """Change what describes a symbol; what is not named stays."""
    data = _data(name, currency, cfi, tick_table, lot_size) | without_gaps(
        Attributes=pairs_of("--attribute", attributes), Alternates=pairs_of("--alternate", alternates)
    )
    if not data:
        raise OperatorFault('say what is to change; see "zenithd symbol change --help"')
    desk.change(symbol, Call("PUT", _path(symbol), {"Data": data}))


@verb(app, "rename", "zenithd symbol rename BEAR.TOY BEARS")
def rename(
    desk: Desk,
    symbol: SymbolArgument,
    new_code: Annotated[str, typer.Argument(metavar="NEW", help="The code from now on, without market.")],
) -> None:
    """Give a symbol another code; its orders stay."""
    desk.change(symbol, Call("POST", _path(symbol, "rename"), query={"newCode": new_code}))


@verb(app, "unlist", "zenithd symbol unlist BEAR.TOY")
def unlist(desk: Desk, symbol: SymbolArgument) -> None:
    """Take a symbol off its market; its orders are cancelled."""
    desk.change(symbol, Call("DELETE", _path(symbol)))


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
        prices = _read(desk, *_parts(symbol))["State"]["References"]
        rows = [[each, cell(value)] for each, value in prices.items()]
        desk.show(prices, ("Name", "Price"), rows, empty=f"{symbol} has no reference prices.")
        return
    if not name or (price is None) != remove:
        raise OperatorFault("give NAME and PRICE, such as Close 12.50, or NAME and --remove")
    _act(desk, symbol, "Reference", without_gaps(Name=name, Price=_number("PRICE", price)))


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
    body = without_gaps(Low=_number("--low", low), High=_number("--high", high))
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
    body = without_gaps(Price=_number("--price", price), Quantity=_number("--quantity", quantity))
    _act(desk, symbol, "CorrectTrade", {"TradeID": trade, **body})


def _act(desk: Desk, symbol: str, action: str, body: dict[str, Any]) -> None:
    desk.change(symbol, Call("POST", _path(symbol, "action", action), body))


def _read(desk: Desk, market: str, code: str) -> Any:
    return desk.read(Call("GET", path_of("market", market, "symbol", code), query={"withState": "true"}))


def _path(symbol: str, *rest: str) -> str:
    market, code = _parts(symbol)
    return path_of("market", market, "symbol", code, *rest)


def _parts(symbol: str) -> tuple[str, str]:
    """Market and code of a symbol."""
    try:
        code, market = split_instrument(parse_instrument(symbol))
    except InvalidIdentifier as error:
        raise OperatorFault(f"{error}; write a symbol as CODE.MARKET, such as XS01.XSX") from None
    return market, code


def _data(
    name: str | None, currency: str | None, cfi: str | None, tick_table: str | None, lot_size: str | None
) -> dict[str, Any]:
    size = _number("--lot-size", lot_size)
    return without_gaps(Name=name, Currency=currency, Class=cfi, TickTable=tick_table, LotSize=size)


def _number(option: str, text: str | None) -> str | None:
    """A number as it was written, which is exact; a binary fraction would not be."""
    if text is None:
        return None
    if not is_number(text):
        raise OperatorFault(f"{option} {text}: expected a number, such as 12.50")
    return text


def _status_text(symbol: Any) -> str:
    inherited = symbol["Data"]["Status"] is None
    return f"{symbol['State']['Status']}{' (of the market)' if inherited else ''}"
