"""The accounts of the demonstration, made once (platform C.4, C.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from zenithd.oms.commands import Command, Define, Only, Transact
from zenithd.oms.ledger import TRANSFER_CURRENCY, TRANSFER_PRICE
from zenithd.oms.model.accounts import Account, AccountDetails
from zenithd.oms.model.directory import OwnerDetails
from zenithd.oms.model.transactions import AssetTransfer, CashTransfer, TransactionDetails
from zenithd.oms.model.updates import AccountDefined, AssetTransferred, CashTransferred, OwnerDefined
from zenithd.oms.state import OmsState

OWNER: Final = "XS"
EXCHANGE: Final = "XSX"
CURRENCY: Final = "AUD"
CASH: Final = Decimal(10_000)
QUANTITY: Final = Decimal(1_000)
SEEDED: Final = "Seeded"
"""Metadata of the owner once all of it is there: what was given away since is not given again."""


def is_seeded(state: OmsState) -> bool:
    """Whether the accounts were made before."""
    owner = state.owners.get(OWNER)
    return owner is not None and SEEDED in owner.metadata


def describe(accounts: int) -> str:
    """The accounts in one line, for whoever starts the daemon; empty without any."""
    if accounts < 1:
        return ""
    names = [str(Account(owner_id=OWNER, account_id=f"{number:04}")) for number in (1, accounts)]
    span = names[0] if accounts == 1 else " to ".join(names)
    return (
        f"{span} (simulated), seeded with {CASH:,} {CURRENCY} and {QUANTITY:,} of each symbol of {EXCHANGE}"
    )


class SeededSymbol(NamedTuple):
    """A symbol of which every account gets some."""

    code: str
    price: Decimal | None = None
    """What they count as bought at; None: there is none yet, and the first purchase makes the average."""
    currency: str = CURRENCY


def seed(accounts: int, symbols: Sequence[SeededSymbol]) -> Iterator[Command]:
    """Make the accounts; carried out in part, it can be carried out again."""
    yield Define(OwnerDefined(details=OwnerDetails(owner_id=OWNER, name="Demonstration")))
    for number in range(1, accounts + 1):
        account = Account(owner_id=OWNER, account_id=f"{number:04}")
        yield Define(
            AccountDefined(
                details=AccountDetails(
                    account=account, name=f"Demonstration {number:04}", default_currency=CURRENCY
                )
            )
        )
        yield Transact(_cash(account), only=Only.IF_ZERO)
        for symbol in symbols:
            yield Transact(_assets(account, symbol), only=Only.IF_ZERO)
    done = OwnerDetails(owner_id=OWNER, name="Demonstration", metadata={SEEDED: str(accounts)})
    yield Define(OwnerDefined(details=done))


def _cash(account: Account) -> CashTransferred:
    return CashTransferred(
        transaction=TransactionDetails(transaction_id=f"seed:{account}:{CURRENCY}", account=account),
        transfer=CashTransfer(currency=CURRENCY, value=CASH),
    )


def _assets(account: Account, symbol: SeededSymbol) -> AssetTransferred:
    has_price = symbol.price is not None and symbol.price > 0
    return AssetTransferred(
        transaction=TransactionDetails(
            transaction_id=f"seed:{account}:{symbol.code}",
            account=account,
            values={TRANSFER_PRICE: symbol.price} if symbol.price is not None and has_price else {},
            properties={TRANSFER_CURRENCY: symbol.currency} if has_price else {},
        ),
        transfer=AssetTransfer(code=symbol.code, exchange=EXCHANGE, value=QUANTITY),
    )
