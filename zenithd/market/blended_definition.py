"""What a mix of markets and its instruments are declared as (zenith-websocket 1.7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

import msgspec

from zenithd.domain.identifiers import MarketId, MixedMarketCode
from zenithd.domain.instrument import BestPriceSource, Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus

T = TypeVar("T")

_UNUSABLE: Final = (FeedStatus.EXPIRED, FeedStatus.IMPAIRED, FeedStatus.INITIALISING, FeedStatus.INACTIVE)
"""From the worst: a blend of which a part is missing would show wrong best prices."""


def blend_markets(code: MixedMarketCode, sources: Sequence[MarketDefinition]) -> MarketDefinition:
    """The definition of a mix; where sources differ, the first one's value stands."""
    currencies = {source.currency for source in sources}
    return MarketDefinition(
        id=code.id,
        name=" + ".join(source.name or source.id for source in sources),
        time_zone=sources[0].time_zone,
        currency=sources[0].currency if len(currencies) == 1 else None,
        trading_states=_by_key((state.name, state) for source in sources for state in source.trading_states),
        boards=tuple(dict.fromkeys(board for source in sources for board in source.boards)),
        tick_tables=_by_key((table.code, table) for source in sources for table in source.tick_tables),
        brokers=_by_key((broker.code, broker) for source in sources for broker in source.brokers),
        best_prices=BestPriceSource.BOOK,
        simulated=any(source.simulated for source in sources),
    )


def _by_key(items: Iterable[tuple[str, T]]) -> tuple[T, ...]:
    found: dict[str, T] = {}
    for key, item in items:
        found.setdefault(key, item)
    return tuple(found.values())


def blend_status(statuses: Sequence[FeedStatus]) -> FeedStatus:
    """The status of a mix: the worst of its sources; Closed only when all are."""
    for status in _UNUSABLE:
        if status in statuses:
            return status
    return FeedStatus.ACTIVE if FeedStatus.ACTIVE in statuses else FeedStatus.CLOSED


def blend_instruments(market: MarketId, listings: Sequence[Instrument]) -> Instrument:
    """The definition of a blended instrument: the first listing's, with the largest scales of all.

    Trading markets and categories are those of all listings; what can be subscribed to is what all of
    them offer, because half of a book would be a wrong book.
    """
    first = listings[0]
    data = first.subscription_data
    for listing in listings[1:]:
        data &= listing.subscription_data
    return msgspec.structs.replace(
        first,
        market=market,
        exchange=first.issuer,
        price_scale=max(listing.price_scale for listing in listings),
        quantity_scale=max(listing.quantity_scale for listing in listings),
        trading_markets=tuple(dict.fromkeys(name for each in listings for name in each.trading_markets)),
        categories=tuple(dict.fromkeys(name for each in listings for name in each.categories)),
        alternates={key: value for each in reversed(listings) for key, value in each.alternates.items()},
        attributes={key: value for each in reversed(listings) for key, value in each.attributes.items()},
        subscription_data=data,
    )


def are_same(one: Instrument, other: Instrument) -> bool:
    """True if two listings of a code are the same thing, so that they blend."""
    return (
        one.issuer == other.issuer
        and one.security_class is other.security_class
        and one.is_index == other.is_index
    )
