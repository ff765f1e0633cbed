"""Settings of sessions, and what a session must know of its transport."""

from __future__ import annotations

import msgspec

from zenithd.wire.scopes import TradingOverPlain
from zenithd.wire.topics import TOPICS, TopicTable


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What all sessions of a daemon have in common. Limits leave an honest heavy client alone."""

    served: frozenset[str]
    """Controllers that exist; topics of others are unknown. Auth and `Configure` always exist."""
    topics: TopicTable = TOPICS
    trading_over_plain: TradingOverPlain = TradingOverPlain.LOOPBACK
    subscriptions_max: int = 20_000
    """References to topics of one connection, counting repeated Subs; more are `Limited`."""
    requests_pending_max: int = 20_000
    """Requests of one connection that are being answered; more are `Limited`."""
    messages_waiting_max: int = 20_000
    """Messages that may wait for a login or for an earlier Sub of the same topic; more are `Limited`."""
    bytes_waiting_max: int = 8 * 1024 * 1024
    """The same in bytes of the messages that wait for a login."""
    action_timeout_seconds: float = 35.0
    subscription_timeout_seconds: float = 35.0
    timeout_seconds_max: float = 604_800.0
    """Longest time-out a client may ask for with Configure: a week."""


class Transport(msgspec.Struct, frozen=True):
    """The connection under a session."""

    secure: bool = False
    """TLS, ended here or by a trusted proxy."""
    loopback: bool = False
    """The client is on this machine."""
