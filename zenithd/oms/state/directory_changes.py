"""What is said of owners, accounts, exchanges, statuses and feeds. Pure.

A definition that says nothing new changes nothing and is not told.
"""

from __future__ import annotations

from zenithd.oms.model.events import MetadataChanged, StatusChanged
from zenithd.oms.model.updates import (
    AccountDefined,
    AccountUndefined,
    ExchangeDefined,
    ExchangeUndefined,
    FeedChanged,
    OwnerDefined,
    OwnerUndefined,
    RequestStatusDefined,
    RequestStatusUndefined,
)
from zenithd.oms.state.effects import Effects


def owner_defined(effects: Effects, update: OwnerDefined) -> None:
    """Operation DefineOwner."""
    if effects.state.owners.get(update.details.owner_id) != update.details:
        effects.state.owners[update.details.owner_id] = update.details
        effects.events.append(MetadataChanged(update))


def owner_undefined(effects: Effects, update: OwnerUndefined) -> None:
    """Operation UndefineOwner: what is said of its accounts goes with it, what they hold stays."""
    state = effects.state
    attached = [account for account in state.accounts if account.owner_id == update.owner_id]
    for account in attached:
        del state.accounts[account]
    if state.owners.pop(update.owner_id, None) is not None or attached:
        effects.events.append(MetadataChanged(update))


def account_defined(effects: Effects, update: AccountDefined) -> None:
    """Operation DefineAccount."""
    if effects.state.accounts.get(update.details.account) != update.details:
        effects.state.accounts[update.details.account] = update.details
        effects.events.append(MetadataChanged(update))


def account_undefined(effects: Effects, update: AccountUndefined) -> None:
    """Operation UndefineAccount: what it holds, and its orders, stay."""
    if effects.state.accounts.pop(update.account, None) is not None:
        effects.events.append(MetadataChanged(update))


def exchange_defined(effects: Effects, update: ExchangeDefined) -> None:
    """Operation DefineExchange."""
    if effects.state.exchanges.get(update.details.exchange) != update.details:
        effects.state.exchanges[update.details.exchange] = update.details
        effects.events.append(MetadataChanged(update))


def exchange_undefined(effects: Effects, update: ExchangeUndefined) -> None:
    """Operation UndefineExchange."""
    if effects.state.exchanges.pop(update.exchange, None) is not None:
        effects.events.append(MetadataChanged(update))


def request_status_defined(effects: Effects, update: RequestStatusDefined) -> None:
    """Operation DefineRequestStatus."""
    if effects.state.request_statuses.get(update.details.code) != update.details:
        effects.state.request_statuses[update.details.code] = update.details
        effects.events.append(MetadataChanged(update))


def request_status_undefined(effects: Effects, update: RequestStatusUndefined) -> None:
    """Operation UndefineRequestStatus."""
    if effects.state.request_statuses.pop(update.code, None) is not None:
        effects.events.append(MetadataChanged(update))


def feed_changed(effects: Effects, update: FeedChanged) -> None:
    """A feed's status."""
    if effects.state.feeds.get(update.details.feed_id) != update.details:
        effects.state.feeds[update.details.feed_id] = update.details
        effects.events.append(StatusChanged(update.details))
