"""`zenithd order …`: orders for people without a client."""

from __future__ import annotations

import enum
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import typer

from zenithd.cli import order_watch
from zenithd.cli.common import OperatorFault
from zenithd.cli.order_pad import ORDER_COLUMNS, OrderPad, order_row, order_verb, total_quantity
from zenithd.cli.symbol_support import number_text
from zenithd.domain.identifiers import InvalidIdentifier, parse_instrument, split_instrument

app = typer.Typer(
    help="Orders for people without a client: place, amend, cancel, list, watch.",
    epilog="Users need the scopes Zenith/Trading (see) and Zenith/OrderPad (place, amend, cancel).",
    no_args_is_help=True,
)
app.command("watch", epilog=order_watch.EPILOG)(order_watch.watch)


class SideWord(enum.StrEnum):
    """Which way."""

    BUY = "buy"
    SELL = "sell"


class TypeWord(enum.StrEnum):
    """How an order is priced."""

    LIMIT = "Limit"
    MARKET = "Market"
    MARKET_TO_LIMIT = "MarketToLimit"
    BEST = "Best"


class ValidityWord(enum.StrEnum):
    """How long an order rests."""

    UNTIL_DAY = "UntilDay"
    UNTIL_CANCEL = "UntilCancel"
    FILL_AND_KILL = "FillAndKill"
    FILL_OR_KILL = "FillOrKill"
    ALL_OR_NONE = "AllOrNone"


class ReferenceWord(enum.StrEnum):
    """Which price sets a stop order off."""

    LAST = "Last"
    BEST_BID = "BestBid"
    BEST_ASK = "BestAsk"


AccountArgument = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="A trading account, such as XS:0001.", show_default=False)
]
OrderArgument = Annotated[
    str, typer.Argument(metavar="ORDER", help='Its id, as "zenithd order list" shows it.', show_default=False)
]
LimitOption = Annotated[
    str | None, typer.Option("--limit", metavar="PRICE", help="Limit price.", show_default=False)
]
TypeOption = Annotated[
    TypeWord | None,
    typer.Option("--type", help="Limit if there is a --limit.", case_sensitive=False, show_default=False),
]
HiddenOption = Annotated[
    str | None,
    typer.Option("--hidden", metavar="QUANTITY", help="So much of it is not shown.", show_default=False),
]
MinimumOption = Annotated[
    str | None,
    typer.Option("--minimum", metavar="QUANTITY", help="Least quantity of a fill.", show_default=False),
]
UntilOption = Annotated[
    str | None,
    typer.Option("--until", metavar="DATE", help="Last day, for UntilCancel.", show_default=False),
]
RouteOption = Annotated[
    str | None,
    typer.Option(
        "--route",
        metavar="MARKET",
        help="Trading market, such as XSX::XSX, or best: where the price is best. Else the symbol's own.",
        show_default=False,
    ),
]
StopOption = Annotated[
    str | None,
    typer.Option("--stop", metavar="PRICE", help="Hold it until this price is reached.", show_default=False),
]
TrailOption = Annotated[
    str | None,
    typer.Option(
        "--trail",
        metavar="DISTANCE",
        help="Let the stop price follow the market at this distance, such as 0.20 or 5%.",
        show_default=False,
    ),
]
TrailLimitOption = Annotated[
    str | None,
    typer.Option(
        "--trail-limit",
        metavar="DISTANCE",
        help="How far beyond the stop price the limit price then lies, such as 0.05 or 1%; 0: there.",
        show_default=False,
    ),
]
ReferenceOption = Annotated[
    ReferenceWord | None,
    typer.Option(help="Which price sets it off.", case_sensitive=False, show_default=False),
]


@order_verb(
    app,
    "place",
    "zenithd order place XS:0001 buy 100 XS01.XSX --limit 8.40",
    "zenithd order place XS:0001 sell 100 XS01.XSX --type Market --validity FillAndKill",
    "zenithd order place XS:0001 sell 100 XS01.XSX --limit 7.90 --stop 8.00",
    "zenithd order place XS:0001 buy 100 XS01.XSX --limit 8.40 --dry-run",
    "zenithd order place XS:0001 buy 100 XS01.XSX --limit 8.40 --request-id monday-1",
    requests=True,
)
async def place(
    pad: OrderPad,
    account: AccountArgument,
    side: Annotated[SideWord, typer.Argument(help="Which way.", case_sensitive=False, show_default=False)],
    quantity: Annotated[
        str, typer.Argument(metavar="QUANTITY", help="All of it, hidden or not.", show_default=False)
    ],
    symbol: Annotated[
        str, typer.Argument(metavar="SYMBOL", help="An instrument, such as XS01.XSX.", show_default=False)
    ],
    limit: LimitOption = None,
    order_type: TypeOption = None,
    validity: Annotated[
        ValidityWord, typer.Option(help="How long it rests.", case_sensitive=False)
    ] = ValidityWord.UNTIL_DAY,
    until: UntilOption = None,
    hidden: HiddenOption = None,
    minimum: MinimumOption = None,
    route: RouteOption = None,
    stop: StopOption = None,
    trail: TrailOption = None,
    trail_limit: TrailLimitOption = None,
    reference: ReferenceOption = None,
) -> None:
    """Place an order; it is safe with the daemon once its id is printed."""
    if order_type is None and limit is None:
        raise OperatorFault("say at what price: --limit PRICE, or --type Market")
    code, market = _symbol_of(symbol)
    listed = await pad.symbol(code, market)
    details: dict[str, Any] = {
        "Exchange": listed.get("Exchange") or market,
        "Code": code,
        "Side": "Bid" if side is SideWord.BUY else "Ask",
        "Style": "Market",
        "Type": (order_type or TypeWord.LIMIT).value,
        "Validity": validity.value,
        **_quantities(quantity, hidden),
        **_given(
            LimitPrice=number_text("--limit", limit),
            MinimumQuantity=number_text("--minimum", minimum),
            ExpiryDate=_day(until),
        ),
    }
    data = {
        "Account": account,
        "Details": details,
        "Route": _route(route or next(iter(listed.get("TradingMarkets") or ()), f"{market}::{market}")),
        **_condition(stop, trail, trail_limit, reference),
    }
    await pad.request("PlaceOrder", data)


@order_verb(
    app,
    "amend",
    "zenithd order amend XS:0001 0Kb3p7Zk2sVtq8Lw1nYx4R --limit 8.45",
    "zenithd order amend XS:0001 0Kb3p7Zk2sVtq8Lw1nYx4R --quantity 50 --dry-run",
    requests=True,
)
async def amend(
    pad: OrderPad,
    account: AccountArgument,
    order: OrderArgument,
    quantity: Annotated[
        str | None, typer.Option(help="All of it: hidden or not, executed or not.", show_default=False)
    ] = None,
    limit: LimitOption = None,
    order_type: TypeOption = None,
    validity: Annotated[
        ValidityWord | None, typer.Option(help="How long it rests.", case_sensitive=False, show_default=False)
    ] = None,
    until: UntilOption = None,
    hidden: HiddenOption = None,
    minimum: MinimumOption = None,
) -> None:
    """Change an order; what is not named stays as it is."""
    changes: dict[str, Any] = _given(
        LimitPrice=number_text("--limit", limit),
        Type=None if order_type is None else order_type.value,
        Validity=None if validity is None else validity.value,
        MinimumQuantity=number_text("--minimum", minimum),
        ExpiryDate=_day(until),
    )
    if not changes and quantity is None and hidden is None:
        raise OperatorFault("say what is to change: --quantity, --limit, --type, --validity, --until, …")
    found = await pad.ask("QueryOrders", {"Account": account, "OrderID": order})
    if not found:
        raise OperatorFault(f'{account} has no order {order}; "zenithd order list {account}" shows them')
    details = {**found[0]["Details"], **changes}
    if quantity is not None or hidden is not None:
        was_hidden = str(details.pop("HiddenQuantity", 0))
        total = str(total_quantity(found[0]["Details"]))
        details |= _quantities(quantity or total, hidden if hidden is not None else was_hidden)
    if details["Type"] == TypeWord.MARKET.value and limit is None:
        details.pop("LimitPrice", None)
    await pad.request("AmendOrder", {"Account": account, "OrderID": order, "Details": details})


@order_verb(
    app,
    "cancel",
    "zenithd order cancel XS:0001 0Kb3p7Zk2sVtq8Lw1nYx4R",
    "zenithd order cancel XS:0001 0Kb3p7Zk2sVtq8Lw1nYx4R --dry-run",
    requests=True,
)
async def cancel(pad: OrderPad, account: AccountArgument, order: OrderArgument) -> None:
    """Take an order back, as far as it is not executed."""
    await pad.request("CancelOrder", {"Account": account, "OrderID": order})


@order_verb(
    app,
    "list",
    "zenithd order list",
    "zenithd order list XS:0001 --open",
    "zenithd order list XS:0001 --json",
)
async def list_orders(
    pad: OrderPad,
    account: Annotated[
        str,
        typer.Argument(metavar="[ACCOUNT]", help="One account; else all of yours.", show_default=False),
    ] = "",
    only_open: Annotated[
        bool, typer.Option("--open", help="Leave out what is completed.", show_default=False)
    ] = False,
) -> None:
    """List orders, completed ones until they are removed."""
    states = None if account else await pad.ask("QueryAccounts")
    accounts = [account] if states is None else [state["ID"] for state in states]
    orders = [order for each in accounts for order in await pad.ask("QueryOrders", {"Account": each})]
    if only_open:
        statuses = await pad.ask("QueryOrderStatuses", {"Provider": "OMS"})
        over = {status["Code"] for status in statuses if "Completed" in status["Reason"]}
        orders = [order for order in orders if order["Status"] not in over]
    pad.show(orders, ORDER_COLUMNS, [order_row(order) for order in orders], empty="There are no orders.")


def _symbol_of(symbol: str) -> tuple[str, str]:
    """Code and market of a symbol; raises OperatorFault for what is none."""
    try:
        code, market = split_instrument(parse_instrument(symbol))
    except InvalidIdentifier as error:
        raise OperatorFault(f"{error}; write a symbol as CODE.MARKET, such as XS01.XSX") from None
    return code, market


def _quantities(total: str, hidden: str | None) -> dict[str, str]:
    """Visible and hidden quantity, as the protocol has them."""
    number_text("QUANTITY", total)
    number_text("--hidden", hidden)
    if hidden is None or Decimal(hidden) == 0:
        return {"Quantity": total}
    if not 0 < Decimal(hidden) <= Decimal(total):
        raise OperatorFault(f"--hidden {hidden}: expected a part of the quantity, {total}")
    return {"Quantity": str(Decimal(total) - Decimal(hidden)), "HiddenQuantity": hidden}


def _route(market: str) -> dict[str, str]:
    return {"Algorithm": "BestMarket"} if market == "best" else {"Algorithm": "Market", "Market": market}


def _condition(
    stop: str | None, trail: str | None, trail_limit: str | None, reference: ReferenceWord | None
) -> dict[str, Any]:
    if trail is None and trail_limit is not None:
        raise OperatorFault("--trail-limit: it goes with --trail")
    if stop is None and trail is None:
        if reference is not None:
            raise OperatorFault("--reference: it goes with --stop or --trail")
        return {}
    fields = _given(
        Stop=number_text("--stop", stop), Reference=None if reference is None else reference.value
    )
    if trail is None:
        return {"Condition": {"Name": "StopLoss", **fields}}
    if trail_limit is None:
        raise OperatorFault("--trail: it needs --trail-limit, the distance of the limit price from the stop")
    if trail.endswith("%") is not trail_limit.endswith("%") and trail_limit != "0":
        raise OperatorFault("--trail and --trail-limit: both prices, or both per cent")
    fields["Type"] = "Percent" if trail.endswith("%") else "Price"
    fields["Value"] = number_text("--trail", trail.removesuffix("%"))
    fields["Limit"] = number_text("--trail-limit", trail_limit.removesuffix("%"))
    return {"Condition": {"Name": "TrailingStopLoss", **fields}}


def _day(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise OperatorFault(f"--until {text}: expected a date, such as 2026-12-31") from None


def _given(**fields: str | None) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
