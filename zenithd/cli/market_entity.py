"""`zenithd market entity …`: the firms that may trade in a market."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import typer

from zenithd.cli.common import OperatorFault
from zenithd.cli.control import Call, Desk, cell, path_of, without_gaps
from zenithd.cli.control_verb import verb

app = typer.Typer(help="The executing firms of a market and their rights.", no_args_is_help=True)

MarketArgument = Annotated[
    str, typer.Argument(metavar="MARKET", help="Code of the market.", show_default=False)
]
FirmArgument = Annotated[str, typer.Argument(metavar="FIRM", help="Code of the firm.", show_default=False)]
NameOption = Annotated[str | None, typer.Option(help="Name of the firm.", show_default=False)]
TradeOption = Annotated[
    bool | None,
    typer.Option(
        "--can-trade/--cannot-trade",
        help="Whether it may place orders; without, it may look and cancel.",
        show_default=False,
    ),
]


class FirmType(enum.StrEnum):
    """What an executing firm is: an organisation or a person."""

    ORGANISATION = "OR"
    PERSON = "PE"


TypeOption = Annotated[
    FirmType | None,
    typer.Option("--type", help="Organisation or person.", case_sensitive=False, show_default=False),
]


@verb(app, "list", "zenithd market entity list XSX", changes=False)
def list_firms(desk: Desk, market: MarketArgument) -> None:
    """List the firms of a market."""
    firms = desk.read(Call("GET", path_of("market", market, "entity")))
    rows = [[firm["Code"], firm["Name"], firm["Type"], cell(firm["CanTrade"])] for firm in firms]
    desk.show(firms, ("Firm", "Name", "Type", "Can trade"), rows, empty=f"{market} knows no firms.")


@verb(app, "add", "zenithd market entity add TOY ACME --name 'Acme Brokers'")
def add(
    desk: Desk,
    market: MarketArgument,
    firm: FirmArgument,
    name: NameOption = None,
    firm_type: TypeOption = None,
    can_trade: TradeOption = None,
) -> None:
    """Let a firm into a market."""
    body = _body(name, firm_type, can_trade)
    desk.change(f"Firm {firm}", Call("POST", path_of("market", market, "entity", firm), body))


@verb(app, "change", "zenithd market entity change TOY ACME --cannot-trade")
def change(
    desk: Desk,
    market: MarketArgument,
    firm: FirmArgument,
    name: NameOption = None,
    firm_type: TypeOption = None,
    can_trade: TradeOption = None,
) -> None:
    """Change a firm or its rights; what is not named stays."""
    body = _body(name, firm_type, can_trade)
    if not body:
        raise OperatorFault("say what is to change: --name, --type, --can-trade or --cannot-trade")
    firms = desk.read(Call("GET", path_of("market", market, "entity")))
    kept = {
        key: value for each in firms if each["Code"] == firm for key, value in each.items() if key != "Code"
    }
    desk.change(f"Firm {firm}", Call("PUT", path_of("market", market, "entity", firm), kept | body))


@verb(app, "rename", "zenithd market entity rename TOY ACME APEX")
def rename(
    desk: Desk,
    market: MarketArgument,
    firm: FirmArgument,
    new_code: Annotated[str, typer.Argument(metavar="NEW", help="The code from now on.")],
) -> None:
    """Give a firm another code, in its orders too."""
    call = Call("POST", path_of("market", market, "rename", "entity", firm), query={"newCode": new_code})
    desk.change(f"Firm {firm}", call)


@verb(app, "remove", "zenithd market entity remove TOY ACME")
def remove(desk: Desk, market: MarketArgument, firm: FirmArgument) -> None:
    """Remove a firm that has no orders."""
    desk.change(f"Firm {firm}", Call("DELETE", path_of("market", market, "entity", firm)))


def _body(name: str | None, firm_type: FirmType | None, can_trade: bool | None) -> dict[str, Any]:
    kind = None if firm_type is None else firm_type.value
    return without_gaps(Name=name, Type=kind, CanTrade=can_trade)
