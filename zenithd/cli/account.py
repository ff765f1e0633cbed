"""`zenithd account …`: the operator's hand on accounts, and on what they own (platform C.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from zenithd.cli.account_transfers import (
    HOLDING,
    MONEY,
    holding_row,
    money_row,
    move_assets,
    move_cash,
    positive,
)
from zenithd.cli.common import OperatorFault, print_json, print_table
from zenithd.cli.control import Desk, Refused, cell, pairs_of
from zenithd.cli.control_verb import Verb, verb
from zenithd.cli.hub import Hub, account_field, account_parts, account_text, get, post

app = typer.Typer(
    help="Trading accounts: create them, and move money and assets to and from them.",
    epilog="Users need the scopes OMS/Operator (see) and OMS/Alter (change).",
    no_args_is_help=True,
)

AccountArgument = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="As OWNER:ACCOUNT, such as XS:0001.", show_default=False)
]
AmountArgument = Annotated[
    str, typer.Argument(metavar="AMOUNT", help="A positive number.", show_default=False)
]
CurrencyArgument = Annotated[
    str, typer.Argument(metavar="CURRENCY", help="Code, ISO 4217, such as AUD.", show_default=False)
]
SymbolsArgument = Annotated[
    list[str], typer.Argument(metavar="SYMBOL…", help="Such as XS01.XSX; each of them.", show_default=False)
]
TransactionOption = Annotated[
    str,
    typer.Option(
        "--transaction-id",
        metavar="ID",
        help="Of your choice: the same command with the same id again has no second effect.",
        show_default=False,
    ),
]
COUNT_MAX = 10_000
"""Accounts that are created at once."""


def _verb(name: str, *lines: str, changes: bool = True) -> Callable[[Verb], Verb]:
    return verb(app, name, *lines, changes=changes, asks=Hub)


@_verb("list", "zenithd account list", "zenithd account list --owner XS --json", changes=False)
def list_accounts(
    desk: Desk,
    owner: Annotated[str, typer.Option(help="Only those of this owner.", show_default=False)] = "",
) -> None:
    """List accounts with their money."""
    accounts = desk.read(get("account", "byid", owner) if owner else get("account"))
    balances = desk.read(get("balance", "for", owner) if owner else get("balance"))
    of = {account_text(each["Account"]): each for each in accounts}
    money: dict[str, list[Any]] = {}
    for each in balances:
        money.setdefault(account_text(each["Account"]), []).append(each)
    rows = [
        [text, of.get(text, {}).get("Name", ""), *columns]
        for text in sorted(of.keys() | money.keys())
        for columns in (money_row(each) for each in money.get(text) or [{"Currency": ""}])
    ]
    content = [
        {**of.get(text, {}), "Account": account_field(text), "Balances": money.get(text, [])}
        for text in sorted(of.keys() | money.keys())
    ]
    desk.show(content, ("Account", "Name", *MONEY), rows, empty="There are no accounts.")


@_verb("show", "zenithd account show XS:0001", "zenithd account show XS:0001 --json", changes=False)
def show(desk: Desk, account: AccountArgument) -> None:
    """Show an account: what is said of it, its money, its holdings and its open orders."""
    owner, code = account_parts(account)
    details = desk.read(get("account", "byid", owner, code))
    balances = desk.read(get("balance", "for", owner, code))
    holdings = desk.read(get("holding", "for", owner, code))
    orders = desk.read(get("order", "for", owner, code, onlyActive="true"))
    if desk.json:
        print_json({**details, "Balances": balances, "Holdings": holdings, "Orders": orders})
        return
    facts = {
        "Account": account,
        "Name": details.get("Name"),
        "Classification": details.get("Classification"),
        "Currency": details.get("DefaultCurrency"),
        "Attributes": details.get("Attributes"),
        "Categories": details.get("Categories"),
        "Open orders": len(orders),
    }
    print_table(("", ""), [[name, cell(value)] for name, value in facts.items() if value is not None], "")
    typer.echo()
    print_table(MONEY, [money_row(each) for each in balances], "No money.")
    typer.echo()
    print_table(HOLDING, [holding_row(each) for each in holdings], "No holdings.")


@_verb(
    "create",
    "zenithd account create XS:0011 --name 'Anna Smith' --currency AUD",
    "zenithd account create XS:0011 --count 20 --name 'Class of 2026, {0}' --currency AUD",
    "zenithd account create XS:0011 --dry-run",
)
def create(
    desk: Desk,
    account: AccountArgument,
    name: Annotated[
        str | None,
        typer.Option(help="Name for people; {0} stands for the account's code.", show_default=False),
    ] = None,
    currency: Annotated[
        str | None, typer.Option(help="Default currency, ISO 4217, such as AUD.", show_default=False)
    ] = None,
    classification: Annotated[str | None, typer.Option(help="Of your choice.", show_default=False)] = None,
    attributes: Annotated[
        list[str] | None,
        typer.Option("--attribute", metavar="KEY=VALUE", help="Of your choice.", show_default=False),
    ] = None,
    categories: Annotated[
        list[str] | None, typer.Option("--category", help="Of your choice.", show_default=False)
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=COUNT_MAX, help="So many, numbered from this one on.")] = 1,
    replace: Annotated[
        bool, typer.Option("--replace", help="Change what is said of one that exists already.")
    ] = False,
) -> None:
    """Create accounts; those that are so already stay as they are."""
    said = {
        "Name": name,
        "Classification": classification,
        "DefaultCurrency": currency,
        "Attributes": pairs_of("--attribute", attributes),
        "Categories": categories,
    }
    results = []
    for text in _numbered(account, count):
        code = account_parts(text)[1]
        body: dict[str, Any] = {"Account": account_field(text)}
        body |= {key: value for key, value in said.items() if value}
        if name is not None:
            body["Name"] = name.replace("{0}", code)
        results.append(_create(desk, text, body, replace))
    if desk.dry_run:
        return
    if desk.json:
        print_json(results)
    else:
        for result in results:
            typer.echo(f"{result['Account']}: {result['Result']}")


def _create(desk: Desk, text: str, body: dict[str, Any], replace: bool) -> dict[str, str]:
    call = post("account", body=body)
    if desk.dry_run:
        desk.print_request(call)
        return {}
    known = desk.read(get("account", "byids", id="/".join(account_parts(text))))
    if known and known[0] | body == known[0]:
        return {"Account": text, "Result": "exists already"}
    if known and not replace:
        raise Refused(f"{text} exists, and other things are said of it: --replace changes them")
    desk.read(post("account", body=known[0] | body) if known else call)
    return {"Account": text, "Result": "changed" if known else "created"}


def _numbered(first: str, count: int) -> Iterator[str]:
    """So many accounts, the first one's number counted up.

    Raises:
        OperatorFault: the first has no number at its end.
    """
    account_parts(first)
    stem = first.rstrip("0123456789")
    digits = first[len(stem) :]
    if count == 1:
        yield first
    elif not digits:
        raise OperatorFault(f"{first}: to create several, begin with a number at the end, such as XS:0011")
    else:
        yield from (f"{stem}{int(digits) + place:0{len(digits)}}" for place in range(count))


@_verb(
    "deposit",
    "zenithd account deposit XS:0001 500 AUD",
    "zenithd account deposit XS:0001 10000 AUD --only-if-zero",
    "zenithd account deposit XS:0001 500 AUD --transaction-id gift-2026-11",
)
def deposit(
    desk: Desk,
    account: AccountArgument,
    value: AmountArgument,
    currency: CurrencyArgument,
    only: Annotated[
        bool, typer.Option("--only-if-zero", help="Do nothing if there is money, settled or not.")
    ] = False,
    transaction_id: TransactionOption = "",
) -> None:
    """Give an account money."""
    move_cash(desk, account, positive(value), currency, "IfZero" if only else "", transaction_id)


@_verb(
    "withdraw",
    "zenithd account withdraw XS:0001 500 AUD",
    "zenithd account withdraw XS:0001 500 AUD --only-with-balance --dry-run",
    "zenithd account withdraw XS:0001 500 AUD --transaction-id fee-2026-11",
)
def withdraw(
    desk: Desk,
    account: AccountArgument,
    value: AmountArgument,
    currency: CurrencyArgument,
    only: Annotated[
        bool, typer.Option("--only-with-balance", help="Do nothing if there is no money, settled or not.")
    ] = False,
    transaction_id: TransactionOption = "",
) -> None:
    """Take money from an account; never more than it may trade with."""
    move_cash(desk, account, -positive(value), currency, "IfHeld" if only else "", transaction_id)


@_verb(
    "issue",
    "zenithd account issue XS:0001 1000 XS01.XSX XS02.XSX",
    "zenithd account issue XS:0001 1000 XS01.XSX --only-if-zero",
    "zenithd account issue XS:0001 1000 XS01.XSX --transaction-id bonus-2026-11",
)
def issue(
    desk: Desk,
    account: AccountArgument,
    value: AmountArgument,
    symbols: SymbolsArgument,
    only: Annotated[
        bool, typer.Option("--only-if-zero", help="Leave out what the account holds already.")
    ] = False,
    transaction_id: TransactionOption = "",
) -> None:
    """Give an account assets."""
    move_assets(desk, account, positive(value), symbols, "IfZero" if only else "", transaction_id)


@_verb(
    "reclaim",
    "zenithd account reclaim XS:0001 1000 XS01.XSX",
    "zenithd account reclaim XS:0001 1000 XS01.XSX XS02.XSX --only-if-held",
    "zenithd account reclaim XS:0001 1000 XS01.XSX --transaction-id back-2026-11",
)
def reclaim(
    desk: Desk,
    account: AccountArgument,
    value: AmountArgument,
    symbols: SymbolsArgument,
    only: Annotated[
        bool, typer.Option("--only-if-held", help="Leave out what the account does not hold.")
    ] = False,
    transaction_id: TransactionOption = "",
) -> None:
    """Take assets from an account; never what its orders have reserved."""
    move_assets(desk, account, -positive(value), symbols, "IfHeld" if only else "", transaction_id)
