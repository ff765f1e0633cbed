"""How `zenithd account` moves money and assets, and how it shows what an account owns."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import typer

from zenithd.cli.common import OperatorFault, print_json, print_table
from zenithd.cli.control import Call, Desk, NoAnswer
from zenithd.cli.hub import account_field, account_parts, get, number_of, post
from zenithd.cli.order_pad import amount, new_request_id
from zenithd.cli.symbol_support import number_text, symbol_parts

MONEY = ("Currency", "Balance", "Unsettled", "Reserved", "Margin", "To trade with")
HOLDING = ("Symbol", "Quantity", "Reserved", "Average price")


def move_cash(
    desk: Desk, account: str, value: Decimal, currency: str, only: str, transaction_id: str
) -> None:
    """Move money to (positive) or from an account.

    Args:
        only: `IfZero`, `IfHeld`, or nothing.
        transaction_id: nothing: one is made up.
    """
    transaction_id = transaction_id or new_request_id()
    body = {
        "Transaction": {"TransactionID": transaction_id, "Account": account_field(account)},
        "Transfer": {"Currency": currency, "Value": str(value)},
    }
    call = post("balance", body=body, **({"only": only} if only else {}))
    _transfer(desk, call, transaction_id)
    if desk.dry_run:
        return
    found = desk.read(get("balance", "for", *account_parts(account)))
    balances = [each for each in found if each["Currency"] == currency]
    if desk.json:
        print_json({"TransactionID": transaction_id, "Balances": balances})
        return
    typer.echo(f"transaction {transaction_id}")
    print_table(("Account", *MONEY), [[account, *money_row(each)] for each in balances], "No money.")


def move_assets(
    desk: Desk, account: str, value: Decimal, symbols: Sequence[str], only: str, transaction_id: str
) -> None:
    """Move so much of each symbol to (positive) or from an account; arguments as for money."""
    transaction_id = transaction_id or new_request_id()
    places = [symbol_parts(symbol) for symbol in dict.fromkeys(symbols)]
    body = [
        {
            "Transaction": {
                "TransactionID": f"{transaction_id}:{code}.{exchange}",
                "Account": account_field(account),
            },
            "Transfer": {"Code": code, "Exchange": exchange, "Value": str(value)},
        }
        for exchange, code in places
    ]
    _transfer(desk, post("holding", "bulk", body=body, **({"only": only} if only else {})), transaction_id)
    if desk.dry_run:
        return
    found = desk.read(get("holding", "for", *account_parts(account)))
    holdings = [each for each in found if (each["Exchange"], each["Code"]) in places]
    if desk.json:
        print_json({"TransactionID": transaction_id, "Holdings": holdings})
        return
    typer.echo(f"transaction {transaction_id}")
    rows = [[account, *holding_row(each)] for each in holdings]
    print_table(("Account", *HOLDING), rows, "No holdings.")


def _transfer(desk: Desk, call: Call, transaction_id: str) -> None:
    """Send it, or print it in a dry run."""
    if desk.dry_run:
        desk.print_request(call)
        return
    try:
        desk.read(call)
    except NoAnswer as error:
        raise OperatorFault(
            f"{error}; if it may have been done, repeat the command with --transaction-id"
            f" {transaction_id}, which has no second effect"
        ) from None


def positive(text: str) -> Decimal:
    """The number that was given. Raises OperatorFault if it is none, or not positive."""
    number_text("AMOUNT", text)
    value = Decimal(text)
    if value <= 0:
        raise OperatorFault(f"AMOUNT {text}: expected a positive number; another verb does the opposite")
    return value


def money_row(balance: dict[str, Any]) -> list[str]:
    """A balance in a table; what is reserved stands there as what it takes away."""
    if not balance.get("Currency"):
        return [""] * len(MONEY)
    parts = [
        number_of(balance[name]) for name in ("Balance", "UnbookedTransactions", "UnfilledBuys", "Margin")
    ]
    return [balance["Currency"], *map(amount, parts), amount(sum(parts, Decimal(0)))]


def holding_row(holding: dict[str, Any]) -> list[str]:
    """A holding in a table."""
    return [
        f"{holding['Code']}.{holding['Exchange']}",
        *(amount(number_of(holding[name])) for name in ("Quantity", "UnfilledSells", "AveragePrice")),
    ]
