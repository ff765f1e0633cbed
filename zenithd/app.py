"""The composition root: the only place that builds the parts and owns the outer nurseries.

Nurseries lie in each other in the order in which they end: sources of plugins in the outermost one (trio
cannot abandon a task that ignores its cancellation), then the services, the connections, the listeners.
"""

from __future__ import annotations

import os
import random
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import httpx2
import msgspec
import structlog
import trio

from zenithd import __version__
from zenithd.accounts import load_accounts
from zenithd.authentication import Authentication
from zenithd.authority.access import Access
from zenithd.bus import Bus, Flusher
from zenithd.clock import SystemClock
from zenithd.config import Config, ConfigError, unknown_sections
from zenithd.controllers.fragments import FragmentsController
from zenithd.controllers.interface import Controller
from zenithd.controllers.market import MarketController
from zenithd.controllers.zenith import ZenithController
from zenithd.daemon_file import DaemonFile, remove_daemon_file, write_daemon_file
from zenithd.domain.identifiers import InstrumentId
from zenithd.garbage import SetAside
from zenithd.history.schema import StoreRefused
from zenithd.history.store import HISTORY_FILE, HistoryStore
from zenithd.journal import Journal, State
from zenithd.journal import StoreRefused as JournalStoreRefused
from zenithd.journal_feeds import PluginFeed, PluginFeeds
from zenithd.journaling import open_journal
from zenithd.logs import configure_logs, set_level
from zenithd.markets.context import Host
from zenithd.markets.directory import Markets
from zenithd.metrics import Metrics
from zenithd.open_files import connections_possible, file_limit, file_shortage
from zenithd.part_settings import (
    address_limits,
    authentication_settings,
    history_settings,
    market_settings,
    session_settings,
    supervision_settings,
)
from zenithd.plugin.interfaces import Adapter, Clock
from zenithd.plugin.loaded import Brought, PluginState, SourceStatus
from zenithd.plugin.manager import PluginManager
from zenithd.plugin.remote_history import PluginContext, RemoteHistory, build
from zenithd.plugin.shared import SharedByPlugin
from zenithd.plugin_loading import load_plugins
from zenithd.process import leave_behind, receive_signals, wait_stop_signal
from zenithd.reloading import Reloader
from zenithd.rest import Offers, RestServer
from zenithd.rule_reloading import RuleReloader
from zenithd.server.head import Peer
from zenithd.server.listener import Listener
from zenithd.server.services import Services
from zenithd.server.tls import BadCertificate, Certificate, Tls, expiry_reason
from zenithd.service_manager import of_this_process
from zenithd.sessions.limits import AddressLimits
from zenithd.sessions.rate import Rate
from zenithd.sources import Sources
from zenithd.state_lock import lock_state
from zenithd.status import Status, Surroundings, describe_plugin
from zenithd.supervisor import supervise
from zenithd.tokens import TokenSigner, load_key
from zenithd.trading.adapters import SUFFIX as ADAPTER
from zenithd.trading.adapters import Adapters
from zenithd.trading.seed import describe
from zenithd.trading.service import FEED as ORDERS_FEED
from zenithd.trading.service import TradingService
from zenithd.trading.vetting import RuleVetting
from zenithd.vetting import InvalidRules, RuleSets
from zenithd.vetting_files import configured_rules
from zenithd.watchdog import Stall, Watchdog
from zenithd.wire.codec import Codec
from zenithd.wire.commands import Login
from zenithd.wire.errors import SYMBOL_NOT_FOUND, with_suffix
from zenithd.wire.scopes import TradingOverPlain, may_operate
from zenithd.wire.session import Session
from zenithd.wire.settings import Transport

LISTEN_AFTER_SECONDS_MAX = 3.0
"""How long listening may wait for the sources to declare their markets. A connection's list of feeds is
fixed for its life (zenith-websocket 2.4), so an early client would never see a market declared later."""

SWITCH_SECONDS = 0.0005
"""How long another thread may keep the interpreter from the loop."""

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class StartInfo(msgspec.Struct, frozen=True):
    """What a daemon serves and where, once it listens."""

    address: str
    """`host:port`; an IPv6 host in brackets."""
    tls: bool
    markets: tuple[tuple[str, str, int, bool], ...]
    """(code, name, number of instruments, simulated)"""
    plugins: tuple[dict[str, Any], ...]
    """As in `plugins list --json`."""
    users: tuple[str, ...]
    accounts: str = ""
    """The demonstration's trading accounts in one line; empty without any."""


class Daemon:
    """All parts of one daemon, built and wired, nothing running yet.

    Raises (when built):
        ConfigError: something the operator can put right.
    """

    def __init__(self, config: Config, plugins: PluginManager, clock: Clock) -> None:
        self.config = config
        self.plugins = plugins
        self.clock = clock
        self.state = config.state_directory
        self.metrics = Metrics()
        self.flusher = Flusher(config.fanout.slice_seconds, trio.current_time)
        self.bus = Bus(self.flusher)
        self.history = HistoryStore(self.state / HISTORY_FILE, history_settings(config), clock.now, log)
        self.history.on_failure = self.metrics.history_failures.inc
        self.history.on_lost = self.metrics.history_lost.inc
        self.markets = Markets(market_settings(config), self.bus, self.history, self.metrics, clock.now, log)
        self.markets.on_unlisted = self._unlisted
        self.address_limits = AddressLimits(address_limits(config))
        self.authentication = Authentication(
            load_accounts(config, self.state),
            TokenSigner(load_key(self.state), config.authentication.token_lifetime_seconds),
            self.address_limits,
            clock,
            self.metrics,
            authentication_settings(config),
        )
        seconds = config.plugin_host.call_seconds_max
        self.http = httpx2.AsyncClient(timeout=seconds)
        remote = RemoteHistory(plugins.history_sources(), clock, self.http, seconds)
        self.journal = _make_journal(config, self.metrics)
        feeds = PluginFeeds(self.journal, clock.now)
        self.shared = SharedByPlugin()
        self.trading = self._make_trading() if config.orders.enabled else None
        entries = {} if self.trading is None else self.trading.entries
        controllers: list[Controller] = [
            MarketController(self.markets, self.history, remote.bars),
            ZenithController(self.markets, config.server.name, __version__, entries),
            FragmentsController(self.markets),
        ]
        self.adapters: Adapters | None = None
        if self.trading is not None:
            controllers.append(self.trading.controller)
            self.markets.on_changes = self.trading.prices.observe
            self.trading.desk.took = self.metrics.order_seconds.observe
            self.metrics.watch_orders(self.trading.reading)
            self.adapters = Adapters(
                plugins,
                self.trading.feeds,
                clock=clock,
                http=self.http,
                journal=feeds,
                shared=self.shared,
                state_directory=self.state,
                report=self._report_adapter,
            )
        self.services = Services(
            config,
            self.bus,
            {controller.name: controller for controller in controllers},
            self.authentication,
            self.metrics,
        )
        self._settings = session_settings(self.services)  # one for all sessions
        self.tls = _make_tls(config)
        self.service_manager = of_this_process()
        self.offers = Offers(
            self._check_operator, __version__, lambda: self.config.plugin_host.call_seconds_max
        )
        if self.trading is not None:
            self.offers.offer("orders", self.trading.routes)
        host = Host(self.history, clock, self.http, self.offers, feeds, self.shared)
        self.sources = Sources(plugins, self.markets, self.metrics, host, self.state)
        self.status = Status(self.markets, self.bus, self.metrics, self._surroundings())
        self.listener = Listener(
            self.services,
            self._make_session,
            self.status.routes(),
            self.address_limits,
            self.tls,
            RestServer(self.offers),
        )
        self.metrics.watch(self.bus, self.flusher)
        self._reloading: Reloader | None = None
        self._authenticators()

    def _make_trading(self) -> TradingService:
        vetting = RuleVetting(_make_rules(self.config))
        self.rules = RuleReloader(self.config, vetting.use, self._count_reload)
        return TradingService(
            self.config.orders,
            self.bus,
            self.markets,
            lambda: iter(self.markets),
            PluginFeed(self.journal, ORDERS_FEED, self.clock.now),
            vetting,
            self.clock.now,
            random.Random(secrets.randbits(256)),
            lambda: vetting.shadows,
        )

    def _report_adapter(self, brought: Brought[Adapter[Any]], status: SourceStatus) -> None:
        self.sources.report(brought.plugin, f"{brought.name}{ADAPTER}", status)

    def _surroundings(self) -> Surroundings:
        tls = self.tls
        return Surroundings(
            name=lambda: self.config.server.name,
            plugins=lambda: self.plugins.plugins,
            waiting_for=self._waiting_for,
            connections=lambda: self.listener.connections,
            connections_max=lambda: connections_possible(self.config.limits.connections_max, file_limit()),
            operators=lambda: self.config.server.operators,
            certificate_expires=None if tls is None else lambda: tls.expires.timestamp(),
            orders=None if self.trading is None else self.trading.reading,
        )

    def _waiting_for(self) -> list[str]:
        orders = [] if self.trading is None else self.trading.waiting_for()
        return [*self.sources.waiting_for(), *self._journal_refuses(), *orders]

    def _journal_refuses(self) -> list[str]:
        """Why orders and operators' commands are refused now; none if they are taken."""
        journal = self.journal
        return [] if journal.state is State.SERVING else [f"journal: {journal.reason or journal.state.value}"]

    # Sessions

    def _make_session(self, codec: Codec, peer: Peer, login: Login | None, rate: Rate) -> Session:
        transport = Transport(secure=peer.secure, loopback=peer.is_loopback)
        return Session(codec, self._settings, transport, rate.admit, login, trio.current_time())

    def _unlisted(self, instrument: InstrumentId) -> None:
        """End the subscriptions of an instrument that is gone."""
        for kind in ("Depth", "Levels", "Security", "Trades"):
            self.bus.end("Market", f"{kind}!{instrument}", with_suffix(SYMBOL_NOT_FOUND, instrument))

    async def _check_operator(self, header: str, peer: Peer) -> Access | None:
        policy = TradingOverPlain(self.config.server.trading_over_plain)
        if not may_operate(secure=peer.secure, loopback=peer.is_loopback, policy=policy):
            return None
        return await self.authentication.check_operator(header, peer)

    # Plugins

    def _authenticators(self) -> None:
        for brought in self.plugins.authenticators():
            context = PluginContext(brought.name, self.clock, self.http)
            authenticator = build(brought, context)
            if authenticator is not None:
                self.authentication.authenticators[authenticator.provider] = authenticator

    def stalled(self, stall: Stall) -> None:
        """The loop did not turn (called in the watchdog's thread)."""
        (log.info if stall.ended else log.error)(str(stall))
        if not stall.ended:
            plugin = stall.place.plugin if stall.place is not None and stall.place.plugin else "zenithd"
            self.metrics.loop_stalls.labels(plugin).inc()

    # Reloading

    def reload(self) -> bool:
        """Read the configuration again because somebody asked for it; True if it was taken over."""
        with self.service_manager.reloading():
            return self._reloader().reload()

    def _count_reload(self, taken_over: bool) -> None:
        self.metrics.reloads.labels("taken over" if taken_over else "refused").inc()

    def take_over(self, config: Config) -> None:
        """Use a changed configuration; a problem raises before anything has changed."""
        for source in self.sources.brought:
            config.parse_section(source.plugin.name, type(source.config))
        accounts = load_accounts(config, self.state)
        if self.tls is not None and config.tls_files is not None:
            try:
                self.tls.load(Certificate(*config.tls_files))
            except BadCertificate as error:
                raise config.error(
                    "server.tls_certificate", "a certificate and its key", str(error)
                ) from None
        self.config = config
        self.look_around()
        self.services.use(config)
        self.address_limits.use(address_limits(config))
        self.flusher.slice_seconds = config.fanout.slice_seconds
        set_level(config.logging.level)
        for feed in self.sources.feeds.values():
            feed.wanted.linger_seconds = config.markets.linger_seconds
        self.authentication.accounts = accounts
        if self.trading is not None:
            self.rules.ask(config)
        self._settings = session_settings(self.services)
        for connection in list(self.listener.connections):
            connection.configuration_changed(self._settings)

    def look_around(self) -> None:
        """Warn of what will become a fault one day."""
        shortage = file_shortage(self.config.limits.connections_max, file_limit())
        if shortage is not None:
            log.warning("too few open files for so many connections", reason=shortage)
        if self.tls is not None and (reason := expiry_reason(self.tls.expires, time.time())) is not None:
            log.warning("the TLS certificate must be renewed", reason=reason)

    # Running

    async def run(
        self,
        sockets: list[trio.SocketListener],
        signals: AsyncIterator[int],
        started: Callable[[StartInfo], None] | None,
    ) -> None:
        """Run until SIGTERM or SIGINT, or until cancelled; end in order, within the grace periods.

        Args:
            sockets: bound already; served once the first markets are there.
            signals: caught since the start.
            started: called when they are served.
        """
        grace = self.config.server.shutdown_grace_seconds
        self.look_around()
        await self._open_history()
        await self._open_journal()
        async with self.http, trio.open_nursery() as host:
            async with trio.open_nursery() as services:
                services.start_soon(self.history.run, name="history")
                services.start_soon(self.journal.run, name="journal")
                services.start_soon(self.flusher.run, name="fan-out")
                if self.trading is not None:
                    services.start_soon(self.trading.run, name="trading")
                    services.start_soon(self.rules.run, name="vetting rules")
                services.start_soon(self.services.turns.serve, name="turns of clients")
                services.start_soon(self.markets.run_delayed, name="delayed markets")
                services.start_soon(self.markets.run_housekeeping, name="market housekeeping")
                services.start_soon(self._watchdog().run, name="watchdog")
                services.start_soon(self.service_manager.run_watchdog, name="signs of life")
                for feed in self.sources.feeds.values():
                    services.start_soon(feed.run, name=f"markets of {feed.name}")
                async with trio.open_nursery() as supervisors:
                    for source in [*self.sources, *(self.adapters or ())]:
                        supervisors.start_soon(
                            supervise,
                            source,
                            supervision_settings(self.config),
                            random.Random(source.name),
                            host,
                            name=f"supervisor of {source.name}",
                        )
                    await self._wait_declared()
                    await self._serve(sockets, signals, started, grace)
                    supervisors.cancel_scope.cancel()
                    sources_deadline = trio.current_time() + grace
                services.cancel_scope.cancel()  # the history writes what waits when it is cancelled
            await leave_behind(host, sources_deadline)

    async def _open_history(self) -> None:
        try:
            await self.history.open()
        except StoreRefused as error:
            raise ConfigError(
                str(self.history.path), None, "", "a history store of this version", str(error)
            ) from None
        if (stop := self.history.unclean_stop) is not None:
            self.metrics.history_unclean_stops.inc()
            self.metrics.history_unwritten.inc(stop.trades_unwritten or 0)

    async def _open_journal(self) -> None:
        try:
            await self.journal.open()
        except JournalStoreRefused as error:
            raise self.config.error("journal.store", "a store that can be used", str(error)) from None

    def _watchdog(self) -> Watchdog:
        return Watchdog(
            self.config.plugin_host.watchdog_seconds,
            self.plugins.packages,
            self.stalled,
            late=self.metrics.loop_lag.observe,
            trace=sys.__stderr__,
        )

    async def _wait_declared(self) -> None:
        with trio.move_on_after(LISTEN_AFTER_SECONDS_MAX):
            for feed in self.sources.feeds.values():
                await feed.wait_begun()

    async def _serve(
        self,
        sockets: list[trio.SocketListener],
        signals: AsyncIterator[int],
        started: Callable[[StartInfo], None] | None,
        grace: float,
    ) -> None:
        address = _address_text(sockets[0])
        write_daemon_file(self.state, DaemonFile(os.getpid(), address, self.tls is not None))
        try:
            async with trio.open_nursery() as connections:
                connections.start_soon(self.listener.run_housekeeping, name="connection housekeeping")
                async with trio.open_nursery() as listeners:
                    listeners.start_soon(
                        partial(
                            trio.serve_listeners, self.listener.serve, sockets, handler_nursery=connections
                        )
                    )
                    listeners.start_soon(self._reload_on_change, name="configuration watcher")
                    if started is not None:
                        started(self._start_info(address))
                    _settle_down()
                    log.info("serving", address=address)
                    self.service_manager.ready(f"serving at {address}")
                    await wait_stop_signal(signals, self.reload)
                    self.service_manager.stopping()
                    listeners.cancel_scope.cancel()
                log.info("stopping")
                self.listener.close_all(1012, "restarting")
                connections.cancel_scope.deadline = trio.current_time() + grace
                await self.listener.wait_empty()
                connections.cancel_scope.cancel()
        finally:
            remove_daemon_file(self.state)

    def _reloader(self) -> Reloader:
        if self._reloading is None:
            self._reloading = Reloader(self.config, self.take_over, self._count_reload)
        return self._reloading

    async def _reload_on_change(self) -> None:
        await self._reloader().run()

    def _start_info(self, address: str) -> StartInfo:
        return StartInfo(
            address,
            self.tls is not None,
            tuple(
                (
                    market.definition.id,
                    market.definition.name,
                    len(market.instruments),
                    market.definition.simulated,
                )
                for market in self.markets
            ),
            tuple(describe_plugin(plugin) for plugin in self.plugins.plugins),
            tuple(self.authentication.accounts.users),
            "" if self.trading is None else describe(self.config.orders.demonstration_accounts),
        )


async def run(
    config: Config,
    *,
    started: Callable[[StartInfo], None] | None = None,
    clock: Clock | None = None,
) -> None:
    """Run a daemon with what is installed, until it is told to stop.

    Args:
        config: the whole configuration.
        started: called once it listens.
        clock: the wall clock; None: the machine's.

    Raises:
        ConfigError: something the operator can put right; nothing is left running.
    """
    configure_logs(config.logging)
    sockets = await _bind(config)  # before anything is loaded or written: most often this is what fails
    with receive_signals() as signals, lock_state(config.state_directory):
        plugins, sections = load_plugins(config)
        installed = [plugin.name for plugin in plugins.plugins]
        for problem in [*sections.problems, *unknown_sections(config, installed)]:
            raise problem
        for plugin in plugins.plugins:
            if plugin.state is PluginState.BROKEN:
                log.error("plugin is broken", plugin=plugin.name, reason=plugin.reason)
        daemon = Daemon(config, plugins, clock or SystemClock())
        await daemon.run(sockets, signals, started)


def _settle_down() -> None:
    """Arrange the interpreter for a loop that must never be held up for long."""
    # What start-up made, markets with all they list too, lives as long as the process: a full collection that
    # looked at it would stand still for a tenth of a second; with many connections, for much longer.
    SetAside().start()
    # How long a thread that reads history or checks a password may go on once the loop wants to run.
    sys.setswitchinterval(SWITCH_SECONDS)


async def _bind(config: Config) -> list[trio.SocketListener]:
    """Open the port; connections that come early wait in its backlog.

    Raises:
        ConfigError: it is in use, or the address is not ours.
    """
    host, port = config.address
    try:
        return await trio.open_tcp_listeners(port, host=host, backlog=config.server.backlog)
    except OSError as error:
        raise config.listen_error(error) from None


def _make_tls(config: Config) -> Tls | None:
    if config.tls_files is None:
        return None
    try:
        return Tls(Certificate(*config.tls_files))
    except BadCertificate as error:
        raise config.error("server.tls_certificate", "a certificate and its key", str(error)) from None


def _make_rules(config: Config) -> RuleSets:
    try:
        return configured_rules(config)
    except InvalidRules as error:
        raise config.error("vetting.files", "rules that can be used", str(error)) from None


def _make_journal(config: Config, metrics: Metrics) -> Journal:
    try:
        return open_journal(config, metrics)
    except JournalStoreRefused as error:
        raise config.error("journal.store", "a store that can be used", str(error)) from None


def _address_text(listener: trio.SocketListener) -> str:
    host, port = listener.socket.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
