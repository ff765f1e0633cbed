"""Accounts and what they hold (platform A.3, A.5)."""

from __future__ import annotations

from decimal import Decimal

from zenithd.oms.model.entity import ZERO, Entity


class Account(Entity, frozen=True, kw_only=True, order=True, cache_hash=True):
    """The key of everything: an account code is unique within its owner."""

    owner_id: str
    account_id: str

    def __str__(self) -> str:
        """As Authority, scripts and Zenith spell it (platform A.3, D.4)."""
        return f"{self.owner_id}:{self.account_id}"


class AccountDetails(Entity, frozen=True, kw_only=True):
    """What is said of an account. It is independent of what the account holds."""

    account: Account
    name: str = ""
    classification: str = ""
    default_currency: str | None = None
    attributes: dict[str, str] = {}
    categories: tuple[str, ...] = ()


class CashPosition(Entity, frozen=True, kw_only=True):
    """Money of an account in one currency."""

    account: Account
    currency: str
    balance: Decimal = ZERO
    """Booked."""
    unbooked_transactions: Decimal = ZERO
    """Not settled yet; positive is money to come."""
    unfilled_buys: Decimal = ZERO
    """Minus what open orders reserve: see `zenithd.oms.reserves.UNFILLED_BUYS_SIGN`."""
    margin: Decimal = ZERO
    """Extra money that may be traded with."""
    values: dict[str, Decimal] = {}
    """Named pools."""

    @property
    def trading(self) -> Decimal:
        """What may be traded with (platform A.5)."""
        return self.balance + self.unbooked_transactions + self.unfilled_buys + self.margin


class AssetPosition(Entity, frozen=True, kw_only=True):
    """What an account holds of one symbol. Assets know no unsettled part (platform D.2)."""

    account: Account
    exchange: str
    code: str
    quantity: Decimal = ZERO
    unfilled_sells: Decimal = ZERO
    """What open orders reserve."""
    average_price: Decimal = ZERO
    currency: str = ""
    """Of the average price."""
    values: dict[str, Decimal] = {}

    @property
    def available(self) -> Decimal:
        """What may be sold."""
        return self.quantity - self.unfilled_sells
