"""Markets for the wire: states, feeds, trading states, tick tables, brokers (spec 2.4, 3.1.1, 3.1.7, 6.5)."""

from __future__ import annotations

from typing import Any

from zenithd.domain.instrument import MarketDefinition
from zenithd.domain.market_data import FeedStatus
from zenithd.wire.numbers import number
from zenithd.wire.translate.flags import allows_text
from zenithd.wire.translate.shapes import MarketView
from zenithd.wire.translate.times import time_text

Payload = dict[str, Any]


def market_state(market: MarketView, now: int) -> Payload:
    """Give the complete state of a market; `now` is the wall clock, nanoseconds since the epoch.

    While the feed is Initialising only Code and Feed are told; what the source has not told is left out.
    """
    definition = market.definition
    state: Payload = {"Code": definition.id, "Feed": market.feed_status.value}
    if market.feed_status is FeedStatus.INITIALISING:
        return state
    if market.trading_date is not None:
        state["TradingDate"] = market.trading_date.isoformat()
    market_time = time_text(now - market.delay_ns, definition.time_zone)
    if market_time is not None:
        state["MarketTime"] = market_time
    if market.trading_state is not None:
        state["Status"] = market.trading_state
    if market.board_states:
        state["States"] = [{"Name": name, "Status": status} for name, status in market.board_states.items()]
    return state


def feed_entry(market: MarketView) -> Payload:
    """Give the feed of a market, which has the market's code as its name."""
    return {"Name": market.definition.id, "Class": "Market", "Status": market.feed_status.value}


def trading_states(definition: MarketDefinition) -> list[Payload]:
    """Give the trading states of a market."""
    return [
        {"Name": state.name, "Reason": state.reason.value, "Allows": allows_text(state.allows)}
        for state in definition.trading_states
    ]


def tick_tables(definition: MarketDefinition) -> list[Payload]:
    """Give the price steps of a market, ascending; Low belongs to a step, High does not."""
    return [
        {
            "Code": table.code,
            "Steps": [
                {"Low": number(step.low), "High": number(step.high), "Size": number(step.size)}
                for step in table.steps
            ],
        }
        for table in definition.tick_tables
    ]


def brokers(definition: MarketDefinition) -> list[Payload]:
    """Give the brokers of a market."""
    listed = []
    for broker in definition.brokers:
        entry: Payload = {"Code": broker.code}
        if broker.name is not None:
            entry["Name"] = broker.name
        if broker.id is not None:
            entry["ID"] = broker.id
        listed.append(entry)
    return listed
