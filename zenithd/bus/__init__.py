"""Fan-out: topics, groups of subscribers, outboxes, flushing. The reason that zenithd exists.

One rule: the work per update is done once, the work per delivery is one pointer append, the work per
flush is one system call. Reading order: `topic` (who gets which frame), `outbox` (what one connection
still has to get), `flusher` (when it is written), `frames` (WebSocket framing).
"""

from zenithd.bus.flusher import Flusher, FlushStatistics
from zenithd.bus.outbox import Outbox, OutboxStatistics
from zenithd.bus.topic import Bus, Group, Subscription, Topic

__all__ = [
    "Bus",
    "FlushStatistics",
    "Flusher",
    "Group",
    "Outbox",
    "OutboxStatistics",
    "Subscription",
    "Topic",
]
