"""What each part of the daemon needs of the configuration."""

from __future__ import annotations

from zenithd.authentication import AuthenticationSettings
from zenithd.config import Config
from zenithd.domain.identifiers import MarketId
from zenithd.history.store import HistorySettings
from zenithd.markets.directory import DelayedSettings, MarketSettings
from zenithd.server.services import Services
from zenithd.sessions.limits import LimitSettings
from zenithd.supervisor import SupervisionSettings
from zenithd.wire.scopes import TradingOverPlain
from zenithd.wire.settings import SessionSettings


def history_settings(config: Config) -> HistorySettings:
    """For the store of past trades."""
    history = config.history
    return HistorySettings(retention_days=history.retention_days, flush_seconds=history.flush_seconds)


def authentication_settings(config: Config) -> AuthenticationSettings:
    """For checking passwords and tokens."""
    return AuthenticationSettings(config.authentication.hashing_threads, config.plugin_host.call_seconds_max)


def session_settings(services: Services) -> SessionSettings:
    """For all sessions of clients; taken anew after each reload."""
    limits = services.limits
    return SessionSettings(
        served=frozenset(services.controllers),
        trading_over_plain=TradingOverPlain(services.config.server.trading_over_plain),
        subscriptions_max=limits.subscriptions_per_connection_max,
        requests_pending_max=limits.requests_pending_max,
        action_timeout_seconds=limits.action_timeout_seconds,
        subscription_timeout_seconds=limits.subscription_timeout_seconds,
    )


def market_settings(config: Config) -> MarketSettings:
    """For the directory of markets."""
    return MarketSettings(
        mixed=config.markets.mixed,
        mixed_on_demand_max=config.markets.mixed_on_demand_max,
        delayed=tuple(
            DelayedSettings(MarketId(one.market), one.delay_seconds, one.fields == "asset")
            for one in config.markets.delayed
        ),
        linger_seconds=config.markets.linger_seconds,
        tape_trades_max=config.history.tape_trades_max,
        inbound_events_max=config.plugin_host.inbound_events_max,
        backpressure_seconds_max=config.plugin_host.backpressure_seconds_max,
    )


def address_limits(config: Config) -> LimitSettings:
    """For connections and logins from one address."""
    limits = config.limits
    return LimitSettings(
        connections_max=limits.connections_max,
        connections_per_address_max=limits.connections_per_address_max,
        connections_per_minute=limits.connections_per_minute,
        logins_per_minute=limits.logins_per_minute,
        failed_logins_per_minute=limits.failed_logins_per_minute,
    )


def supervision_settings(config: Config) -> SupervisionSettings:
    """For the supervisors of sources."""
    host = config.plugin_host
    return SupervisionSettings(
        start_seconds_max=host.start_seconds_max,
        silence_seconds_max=host.silence_seconds_max,
        backoff_seconds_min=host.backoff_seconds_min,
        backoff_seconds_max=host.backoff_seconds_max,
        restarts_max=host.restarts_max,
        restart_window_seconds=host.restart_window_seconds,
        stop_seconds_max=config.server.shutdown_grace_seconds,
    )
