"""The security record of a blend, worked out field group by field group from its sources' records.

Best prices are the best of all, quantities at them are sums; high and low are the widest, volumes sums,
the last price that of the source which traded last. Everything else is that of the first source that has
it. Statistics come only from sources that are in the blend's trading day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Final

from zenithd.domain.market_data import Trend
from zenithd.market.contribution import Contribution, in_day, scaled
from zenithd.market.security import SecurityRecord, rounded_vwap

Values = dict[str, object]
Parts = Sequence[Contribution]


def blend_security(
    record: SecurityRecord,
    names: Iterable[str],
    sources: Parts,
    trading_date: date | None,
    changed: set[str],
) -> None:
    """Bring the groups that hold the named fields up to date; add what changed to `changed`."""
    today: Parts | None = None
    before: dict[str, object] = {}
    for group in {_GROUP_OF[name] for name in names}:
        if group in _STATISTICS:
            if today is None:
                today = in_day(sources, trading_date)
            record.update(group(today), before)
        else:
            record.update(group(sources), before)
    changed.update(before)


def _bid(parts: Parts) -> Values:
    price, quantity, count, undisclosed = None, 0, 0, False
    for part in parts:
        record = part.view.security
        if record.best_bid is None:
            continue
        bid = record.best_bid * part.price_factor
        if price is None or bid > price:
            price, quantity, count, undisclosed = bid, 0, 0, False
        if bid == price:
            quantity += record.bid_quantity * part.quantity_factor
            count += record.bid_count
            undisclosed = undisclosed or record.bid_undisclosed
    return {"best_bid": price, "bid_quantity": quantity, "bid_count": count, "bid_undisclosed": undisclosed}


def _ask(parts: Parts) -> Values:
    price, quantity, count, undisclosed = None, 0, 0, False
    for part in parts:
        record = part.view.security
        if record.best_ask is None:
            continue
        ask = record.best_ask * part.price_factor
        if price is None or ask < price:
            price, quantity, count, undisclosed = ask, 0, 0, False
        if ask == price:
            quantity += record.ask_quantity * part.quantity_factor
            count += record.ask_count
            undisclosed = undisclosed or record.ask_undisclosed
    return {"best_ask": price, "ask_quantity": quantity, "ask_count": count, "ask_undisclosed": undisclosed}


def _range(parts: Parts) -> Values:
    opens = [part.security.open * part.price_factor for part in parts if part.security.open is not None]
    highs = [part.security.high * part.price_factor for part in parts if part.security.high is not None]
    lows = [part.security.low * part.price_factor for part in parts if part.security.low is not None]
    return {
        "open": opens[0] if opens else None,
        "high": max(highs, default=None),
        "low": min(lows, default=None),
    }


def _last(parts: Parts) -> Values:
    newest: Contribution | None = None
    newest_time = -1
    for part in parts:
        time = part.view.last_traded or 0
        if part.security.last is not None and time > newest_time:
            newest, newest_time = part, time
    if newest is None:
        return {"last": None, "trend": Trend.NONE}
    return {"last": scaled(newest.security.last, newest.price_factor), "trend": newest.security.trend}


def _volume(parts: Parts) -> Values:
    return {
        "number_of_trades": sum(part.security.number_of_trades for part in parts),
        "volume": sum(part.security.volume * part.quantity_factor for part in parts),
        "value_traded": sum(
            part.security.value_traded * part.price_factor * part.quantity_factor for part in parts
        ),
        "vwap": _vwap(parts),
    }


def _vwap(parts: Parts) -> float | None:
    """The sources' averages, weighted by their volumes."""
    priced = [part for part in parts if part.security.vwap is not None]
    if len(priced) < 2:
        return priced[0].security.vwap if priced else None
    volume = sum(part.security.volume * part.quantity_factor for part in priced)
    if not volume:
        return priced[0].security.vwap
    value = sum((part.security.vwap or 0) * part.security.volume * part.quantity_factor for part in priced)
    return rounded_vwap(value / volume, priced[0].instrument.price_scale)


def _closes(parts: Parts) -> Values:
    return {"close": _first_price("close", parts), "settlement": _first_price("settlement", parts)}


def _auction(parts: Parts) -> Values:
    """All three from one source: an auction is held by one market."""
    for part in parts:
        record = part.security
        if record.auction_price is not None or record.auction_quantity is not None:
            return {
                "auction_price": scaled(record.auction_price, part.price_factor),
                "auction_quantity": scaled(record.auction_quantity, part.quantity_factor),
                "auction_remainder": scaled(record.auction_remainder, part.quantity_factor),
            }
    return {"auction_price": None, "auction_quantity": None, "auction_remainder": None}


def _first_price(name: str, parts: Parts) -> int | None:
    for part in parts:
        value: int | None = getattr(part.security, name)
        if value is not None:
            return value * part.price_factor
    return None


def _notes(parts: Parts) -> Values:
    extended: dict[str, float] = {}
    for part in reversed(parts):
        extended.update(part.security.extended)
    return {
        "trading_state": next((s for p in parts if (s := p.security.trading_state) is not None), None),
        "open_interest": next((n for p in parts if (n := p.security.open_interest) is not None), None),
        "share_issue": next((n for p in parts if (n := p.security.share_issue) is not None), None),
        "status_note": _union(part.security.status_note for part in parts),
        "quotation_basis": _union(part.security.quotation_basis for part in parts),
        "extended": extended,
    }


def _union(notes: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(note for source in notes for note in source))


_STATISTICS: Final = frozenset((_range, _last, _volume))
_GROUPS: Final[tuple[tuple[Callable[[Parts], Values], tuple[str, ...]], ...]] = (
    (_bid, ("best_bid", "bid_quantity", "bid_count", "bid_undisclosed")),
    (_ask, ("best_ask", "ask_quantity", "ask_count", "ask_undisclosed")),
    (_range, ("open", "high", "low")),
    (_last, ("last", "trend")),
    (_volume, ("number_of_trades", "volume", "value_traded", "vwap")),
    (_closes, ("close", "settlement")),
    (_auction, ("auction_price", "auction_quantity", "auction_remainder")),
    (
        _notes,
        ("trading_state", "open_interest", "share_issue", "status_note", "quotation_basis", "extended"),
    ),
)
_GROUP_OF: Final = {name: group for group, names in _GROUPS for name in names}
