"""`zenithd market …`: the operator's hand on the markets of the exchange."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from zenithd.cli import market_days, market_entity
from zenithd.cli.common import OperatorFault
from zenithd.cli.control import Call, Desk, cell, path_of, without_gaps
from zenithd.cli.control_verb import verb
from zenithd.cli.run import parse_settings

app = typer.Typer(
    help="The markets of the exchange: create, open, close, and their calendar.",
    epilog="Users need the scopes Prodigy/Exchange (markets, firms) and Prodigy/Control (status, calendar).",
    no_args_is_help=True,
)
app.add_typer(market_entity.app, name="entity")

MarketArgument = Annotated[
    str, typer.Argument(metavar="MARKET", help="Code of the market.", show_default=False)
]
NameOption = Annotated[str | None, typer.Option(help="Name for people.", show_default=False)]
CurrencyOption = Annotated[
    str | None, typer.Option(help="Currency code, ISO 4217, such as AUD.", show_default=False)
]
ZoneOption = Annotated[
    str | None, typer.Option(help="IANA time zone, such as Australia/Sydney.", show_default=False)
]
SettingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="How the market trades, such as 'self_trade=cancel newest'; \"zenithd market show\" names all.",
        show_default=False,
    ),
]


class MarketStatus(enum.StrEnum):
    """The statuses that a market can have."""

    PRE_OPEN = "PreOpen"
    OPEN = "Open"
    PRE_AUCTION = "PreAuction"
    AUCTION = "Auction"
    PRE_CLOSE = "PreClose"
    CLOSED = "Closed"
    INQUIRY = "Inquiry"


@verb(app, "list", "zenithd market list", "zenithd market list --json", changes=False)
def list_markets(desk: Desk) -> None:
    """List the markets with how they stand."""
    markets = [_market(desk, code) for code in desk.read(Call("GET", path_of("market")))]
    rows = [
        [
            market["Code"],
            market["Data"]["Name"],
            market["Data"]["Status"],
            str(len(market["Symbols"])),
            str(market["State"]["Orders"]),
            cell(market["State"]["TradingDate"]),
            cell(market["State"]["NextPhase"]),
        ]
        for market in markets
    ]
    columns = ("Market", "Name", "Status", "Symbols", "Orders", "Trading date", "Next phase")
    desk.show(
        markets, columns, rows, empty='There are no markets; create one with "zenithd market create CODE".'
    )


@verb(app, "show", "zenithd market show XSX", changes=False)
def show(desk: Desk, market: MarketArgument) -> None:
    """Show a market: what describes it, how it trades, how it stands."""
    found = _market(desk, market)
    state = found["State"]
    facts = {
        "Market": found["Code"],
        "Name": found["Data"]["Name"],
        "Status": found["Data"]["Status"],
        "Currency": found["Data"]["Currency"],
        "Time zone": found["Config"]["TimeZone"],
        "Symbols": found["Symbols"],
        "Tick tables": list(found["TickTables"]),
        "Orders": state["Orders"],
        "Events so far": state["Sequence"],
        "Trading date": state["TradingDate"],
        "Next phase": state["NextPhase"],
        **found["Config"]["Settings"],
    }
    desk.show(found, ("", ""), [[name, cell(value)] for name, value in facts.items()], empty="")


@verb(
    app,
    "create",
    "zenithd market create TOY --name 'Toy exchange' --time-zone Australia/Sydney --currency AUD",
    "zenithd market create TOY --dry-run",
)
def create(
    desk: Desk,
    market: MarketArgument,
    name: NameOption = None,
    currency: CurrencyOption = None,
    time_zone: ZoneOption = None,
    status: Annotated[
        MarketStatus, typer.Option(help="Where it begins.", case_sensitive=False)
    ] = MarketStatus.CLOSED,
    settings: SettingOption = None,
) -> None:
    """Create a market; subscribers see it at once."""
    body = {
        "Config": without_gaps(TimeZone=time_zone, Settings=parse_settings(settings or ()) or None),
        "Data": without_gaps(Name=name, Currency=currency, Status=status.value),
    }
    desk.change(f"Market {market}", Call("POST", path_of("market", market), body))


@verb(app, "change", "zenithd market change TOY --name 'Toys and more'")
def change(
    desk: Desk,
    market: MarketArgument,
    name: NameOption = None,
    currency: CurrencyOption = None,
    time_zone: ZoneOption = None,
    settings: SettingOption = None,
) -> None:
    """Change what describes a market or how it trades; what is not named stays."""
    config = without_gaps(TimeZone=time_zone, Settings=parse_settings(settings or ()) or None)
    data = without_gaps(Name=name, Currency=currency)
    if not config and not data:
        raise OperatorFault("say what is to change: --name, --currency, --time-zone or --set")
    body = {"Config": config, "Data": data}
    desk.change(f"Market {market}", Call("PUT", path_of("market", market), body))


@verb(app, "status", "zenithd market status TOY Open", "zenithd market status TOY Closed --dry-run")
def status(
    desk: Desk,
    market: MarketArgument,
    status: Annotated[
        MarketStatus,
        typer.Argument(metavar="STATUS", help="The status from now on.", case_sensitive=False),
    ],
) -> None:
    """Open or close a market or call an auction; its timetable goes on with its next phase."""
    body = {"Status": status.value}
    desk.change(f"Market {market}", Call("POST", path_of("market", market, "action", "Status"), body))


@verb(app, "start-day", "zenithd market start-day TOY 2026-12-24")
def start_day(
    desk: Desk,
    market: MarketArgument,
    day: Annotated[str, typer.Argument(metavar="DATE", help="The trading date, such as 2026-12-24.")],
) -> None:
    """Begin a trading day by hand; one that was not ended ends before it."""
    body = {"TradingDate": market_days.day_of(day, "", "").date}
    desk.change(f"Market {market}", Call("POST", path_of("market", market, "action", "StartOfDay"), body))


@verb(app, "end-day", "zenithd market end-day TOY")
def end_day(desk: Desk, market: MarketArgument) -> None:
    """End the trading day by hand: orders for the day expire, and dated ones whose date has come."""
    desk.change(f"Market {market}", Call("POST", path_of("market", market, "action", "EndOfDay"), {}))


@verb(
    app,
    "timetable",
    "zenithd market timetable TOY",
    "zenithd market timetable TOY timetable.toml",
    "zenithd market timetable TOY --remove",
)
def timetable(
    desk: Desk,
    market: MarketArgument,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A timetable as TOML or JSON.", show_default=False),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the timetable away.")] = False,
) -> None:
    """Show the timetable of a market, or give it another one."""
    if file is not None and remove:
        raise OperatorFault("give a FILE or --remove, not both")
    path = path_of("market", market, "timetable")
    if remove:
        desk.change(f"Timetable of {market}", Call("DELETE", path))
    elif file is not None:
        desk.change(f"Timetable of {market}", Call("PUT", path, market_days.read_timetable(file)))
    else:
        found = _market(desk, market)["Timetable"]
        desk.show(
            found,
            ("Days", "Plan", "Phases"),
            market_days.timetable_rows(found),
            empty=f"{market} has no timetable; its status changes by hand only.",
        )


@verb(
    app,
    "holiday",
    "zenithd market holiday TOY",
    "zenithd market holiday TOY 2026-12-25 2026-12-26 --name Christmas",
    "zenithd market holiday TOY 2026-12-24 --plan half",
    "zenithd market holiday TOY --file holidays.csv",
    "zenithd market holiday TOY 2026-12-26 --remove",
)
def holiday(
    desk: Desk,
    market: MarketArgument,
    days: Annotated[
        list[str] | None, typer.Argument(metavar="DATE", help="Dates such as 2026-12-25.")
    ] = None,
    name: Annotated[str, typer.Option(help="What the days are called.")] = "",
    plan: Annotated[
        str, typer.Option(help="A day plan to follow, such as that of half days, instead of no trading.")
    ] = "",
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="CSV: date, name, plan; the last two may be empty.",
            show_default=False,
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Make the days usual ones again.")] = False,
) -> None:
    """Show the days set apart, or set days apart: without trading, or with another plan."""
    wanted = [market_days.day_of(text, name, plan) for text in days or ()]
    if file is not None:
        wanted += market_days.read_days(file)
    if remove and (name or plan):
        raise OperatorFault("--remove goes without --name and --plan")
    if wanted:
        market_days.set_days(desk, market, wanted, remove=remove)
        return
    if file is not None or name or plan or remove:
        raise OperatorFault(
            "there are no dates; write for example 2026-12-25, or name a CSV file with --file"
        )
    found = _market(desk, market)["Timetable"] or {}
    rows = market_days.special_rows(found)
    desk.show(
        {key: found.get(key, {}) for key in ("holidays", "special_days")},
        ("Date", "Name", "Plan"),
        rows,
        empty=f"{market} has no days set apart.",
    )


@verb(app, "rename", "zenithd market rename TOY TOYS")
def rename(
    desk: Desk,
    market: MarketArgument,
    new_code: Annotated[str, typer.Argument(metavar="NEW", help="The code from now on.")],
) -> None:
    """Give a market another code."""
    call = Call("POST", path_of("market", market, "rename"), query={"newCode": new_code})
    desk.change(f"Market {market}", call)


@verb(app, "remove", "zenithd market remove TOY --dry-run", "zenithd market remove TOY --yes")
def remove(
    desk: Desk,
    market: MarketArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a market with its symbols, orders and firms."""
    if not desk.dry_run and not yes:
        if not sys.stdin.isatty():
            raise OperatorFault(f"{market} would be gone with all its orders; confirm with --yes")
        typer.confirm(f"Remove {market} with all its orders?", abort=True, err=True)
    desk.change(f"Market {market}", Call("DELETE", path_of("market", market)))


def _market(desk: Desk, code: str) -> Any:
    return desk.read(Call("GET", path_of("market", code), query={"withState": "true"}))
