"""From the state of the markets to payloads of the wire: pure functions, one module per kind of topic.

Every payload consists of dict, list, str, int, float, bool and None. What a user may not see is left out
here, by the `View` that is also part of the key under which encoded frames are shared. The market's own
records are known by shape only (`shapes`), so that this package needs nothing but the domain.
"""

from __future__ import annotations

from zenithd.wire.translate.book import (
    depth_changes,
    depth_records,
    depth_snapshot,
    level_changes,
    level_snapshot,
)
from zenithd.wire.translate.charts import chart_records, daily_records, day_time, trading_date
from zenithd.wire.translate.groups import Group, visible_data, visible_groups
from zenithd.wire.translate.markets import brokers, feed_entry, market_state, tick_tables, trading_states
from zenithd.wire.translate.security import security_diff, security_full
from zenithd.wire.translate.symbols import Detail, symbol_changes, symbol_detail, symbol_snapshot
from zenithd.wire.translate.trades import trade_changes, trade_record, trade_records, trade_snapshot

__all__ = [
    "Detail",
    "Group",
    "brokers",
    "chart_records",
    "daily_records",
    "day_time",
    "depth_changes",
    "depth_records",
    "depth_snapshot",
    "feed_entry",
    "level_changes",
    "level_snapshot",
    "market_state",
    "security_diff",
    "security_full",
    "symbol_changes",
    "symbol_detail",
    "symbol_snapshot",
    "tick_tables",
    "trade_changes",
    "trade_record",
    "trade_records",
    "trade_snapshot",
    "trading_date",
    "trading_states",
    "visible_data",
    "visible_groups",
]
