"""`zenithd symbol …`: what is traded, and what describes it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from zenithd.cli import symbol_actions
from zenithd.cli.common import OperatorFault
from zenithd.cli.control import Call, Desk, cell, pairs_of, path_of, without_gaps
from zenithd.cli.control_verb import verb
from zenithd.cli.symbol_support import (
    MarketArgument,
    SymbolArgument,
    SymbolStatus,
    limits_text,
    number_text,
    read_symbol,
    symbol_parts,
    symbol_path,
)

app = typer.Typer(
    help="The symbols of the exchange: list, halt, and what prices and trades they may have.",
    epilog="Users need the scope Prodigy/Symbol; for tick tables Prodigy/Control and Prodigy/Exchange too.",
    no_args_is_help=True,
)
app.add_typer(symbol_actions.app)

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


@verb(app, "list", "zenithd symbol list XSX", "zenithd symbol list XSX --json", changes=False)
def list_symbols(desk: Desk, market: MarketArgument) -> None:
    """List the symbols of a market with how they stand."""
    codes = desk.read(Call("GET", path_of("market", market)))["Symbols"]
    symbols = [read_symbol(desk, market, code) for code in codes]
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
    found = read_symbol(desk, *symbol_parts(symbol))
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
        "Price limits": limits_text(state["PriceLimits"]),
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
    desk.change(symbol, Call("POST", symbol_path(symbol), {"Data": data}))


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
    desk.change(symbol, Call("PUT", symbol_path(symbol), {"Data": data}))


@verb(app, "rename", "zenithd symbol rename BEAR.TOY BEARS")
def rename(
    desk: Desk,
    symbol: SymbolArgument,
    new_code: Annotated[str, typer.Argument(metavar="NEW", help="The code from now on, without market.")],
) -> None:
    """Give a symbol another code; its orders stay."""
    desk.change(symbol, Call("POST", symbol_path(symbol, "rename"), query={"newCode": new_code}))


@verb(app, "unlist", "zenithd symbol unlist BEAR.TOY")
def unlist(desk: Desk, symbol: SymbolArgument) -> None:
    """Take a symbol off its market; its orders are cancelled."""
    desk.change(symbol, Call("DELETE", symbol_path(symbol)))


def _data(
    name: str | None, currency: str | None, cfi: str | None, tick_table: str | None, lot_size: str | None
) -> dict[str, Any]:
    size = number_text("--lot-size", lot_size)
    return without_gaps(Name=name, Currency=currency, Class=cfi, TickTable=tick_table, LotSize=size)


def _status_text(symbol: Any) -> str:
    inherited = symbol["Data"]["Status"] is None
    return f"{symbol['State']['Status']}{' (of the market)' if inherited else ''}"
