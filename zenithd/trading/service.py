"""Everything about orders that a daemon needs, built and wired; `run` sets it in motion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from random import Random
from typing import Any, Final

import structlog
import trio

from zenithd.bus import Bus
from zenithd.collectors import OrdersReading
from zenithd.config import OrderSettings
from zenithd.controllers.directory import MarketDirectory
from zenithd.controllers.interface import Answer
from zenithd.controllers.trading import TradingController
from zenithd.controllers.trading.desk import DeskClosed
from zenithd.domain.identifiers import MarketId, instrument_id
from zenithd.market.view import MarketView
from zenithd.oms.codes import without_values
from zenithd.oms.commands import Define, Refused
from zenithd.oms.fees import FeeRates, FeeTable
from zenithd.oms.lifecycle import FINAL, REQUEST_STATUSES
from zenithd.oms.model.requests import RequestStatus
from zenithd.oms.model.updates import RequestStatusDefined
from zenithd.oms.reference import Vetting
from zenithd.oms.rules import OmsRules
from zenithd.oms.state import Limits
from zenithd.oms.turn import Surroundings
from zenithd.plugin.journal import JournalFeed
from zenithd.trading.desk import DeskSettings, OrderDesk
from zenithd.trading.feeds import Feeds
from zenithd.trading.history import OrderHistory
from zenithd.trading.identifiers import RandomIdentifiers
from zenithd.trading.operators import account_routes
from zenithd.trading.prices import PriceWatch
from zenithd.trading.publishing import TradingPublisher
from zenithd.trading.reference import MarketReference, order_market
from zenithd.trading.seed import EXCHANGE, SeededSymbol, is_seeded, seed
from zenithd.wire.trading.positions import AUTHORITY, PROVIDER, authority_feed, trading_feed

ACCEPTED: Final = "accepted"

FEED: Final = "oms"
"""Feed of the journal in which all updates are kept."""

SEED_LOOK_SECONDS = 0.05
"""How often it is looked whether the exchange of the demonstration lists its symbols."""

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class _NotListedYet(Exception):
    """The exchange of the demonstration has not listed its symbols."""


class TradingService:
    """The order management system of one daemon.

    Attributes:
        desk: takes commands.
        feeds: where adapters connect.
        prices: is to be told of every change of the markets.
        controller: answers clients.
        entries: its feeds, for the Zenith controller.
        routes: REST for operators.
        answers: answers to order requests, counted by topic and outcome: `accepted`, or the first error code.
    """

    def __init__(
        self,
        settings: OrderSettings,
        bus: Bus,
        markets: MarketDirectory,
        every_market: Callable[[], Iterable[MarketView]],
        feed: JournalFeed,
        vetting: Vetting,
        now: Callable[[], int],
        randomness: Random,
        shadows: Callable[[], dict[tuple[str, str], int]] = dict,
    ) -> None:
        self._settings = settings
        self._markets = markets
        self._shadows = shadows
        identifiers = RandomIdentifiers(randomness)
        around = Surroundings(
            reference=MarketReference(markets.find, every_market, settings.currency),
            vetting=vetting,
            fees=fee_table(settings),
            identifiers=identifiers,
            rules=rules(settings),
        )
        self.desk = OrderDesk(
            feed,
            around,
            now,
            DeskSettings(
                commands_waiting_max=settings.commands_waiting_max,
                checkpoint_records=settings.checkpoint_records,
                limits=limits(settings),
            ),
        )
        self.feeds = Feeds(self.desk, now)
        self.prices = PriceWatch(self.desk, markets)
        publisher = TradingPublisher(bus, self.desk)
        history = OrderHistory(feed, lambda: self.desk.state, settings.history_entries_max)
        self.desk.listeners += [publisher, history, self.prices]
        self.routes = account_routes(self.desk, history.state_at, identifiers.new_request_id)
        self.controller = TradingController(
            self.desk,
            history,
            limits=self._limits,
            lists=self._lists,
            new_request_id=identifiers.new_request_id,
            answered=self._answered,
            owe=publisher.owe,
        )
        self.entries: Mapping[str, Callable[[], dict[str, Any]]] = {
            AUTHORITY: authority_feed,
            PROVIDER: lambda: trading_feed(self.desk.feed_status()),
        }
        self.answers: dict[tuple[str, str], int] = {}
        self._is_prepared = False

    def waiting_for(self) -> list[str]:
        """What must be there before orders are taken, and is not."""
        if self.desk.refusal:
            return [f"orders: {self.desk.refusal}"]
        return [] if self._is_prepared else ["orders: accounts are being made"]

    async def run(self) -> None:
        """Take orders until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.desk.run, name="orders")
            nursery.start_soon(self._prepare, name="orders: statuses and accounts")

    async def _prepare(self) -> None:
        """Define what every system has, and the accounts of the demonstration."""
        while True:
            try:
                await self._define()
                break
            except (DeskClosed, _NotListedYet):
                await trio.sleep(SEED_LOOK_SECONDS)
        self._is_prepared = True

    async def _define(self) -> None:
        for status in REQUEST_STATUSES:
            await self.desk.execute(Define(RequestStatusDefined(details=status)))
        accounts = self._settings.demonstration_accounts
        if not accounts or is_seeded(self.desk.state):
            return
        exchange = self._markets.find(MarketId(EXCHANGE))
        if exchange is None or not exchange.instruments:
            raise _NotListedYet
        symbols = sorted(
            SeededSymbol(
                each.instrument.code,
                order_market(exchange, each, "").last_or_close,
                each.instrument.currency or exchange.definition.currency or self._settings.currency,
            )
            for each in exchange.instruments.values()
        )
        for command in seed(accounts, symbols):
            outcome = await self.desk.execute(command)
            if isinstance(outcome, Refused):
                log.warning("an account of the demonstration was refused", errors=outcome.errors)

    def reading(self) -> OrdersReading:
        """How orders are, for operators; what it counts is held in memory."""
        state = self.desk.state
        requests = {status.value: 0 for status in RequestStatus if status not in FINAL}
        for held in state.requests.values():
            for each in held.values():
                requests[each.status.value] += 1
        return OrdersReading(
            refusal=self.desk.refusal,
            update_id=state.update_id,
            accounts=len(state.accounts),
            orders=sum(map(len, state.orders.values())),
            requests=requests,
            answers=self.answers,
            shadows=self._shadows(),
            feeds=self.feeds.readings(),
            stages=self.desk.stages.seconds,
        )

    def _answered(self, topic: str, answer: Answer) -> None:
        errors = answer.data.get("Errors")
        key = (topic, without_values(errors[0]) if errors else ACCEPTED)
        self.answers[key] = self.answers.get(key, 0) + 1

    def _lists(self, market: str, code: str) -> bool:
        found = self._markets.find(MarketId(market))
        return found is not None and instrument_id(code, found.definition.id) in found.instruments

    def _limits(self, code: str, market: str) -> Mapping[str, Decimal] | None:
        limits = {"TotalValue.Maximum": Decimal(self._settings.order_value_max)}
        if not code:
            return limits
        found = self._markets.find(MarketId(market))
        listed = None if found is None else found.instruments.get(instrument_id(code, found.definition.id))
        if listed is None:
            return None
        return {**limits, "TotalQuantity.Minimum": listed.instrument.lot_size or Decimal(1)}


def rules(settings: OrderSettings) -> OmsRules:
    """The limits that the configuration sets."""
    return OmsRules(
        buffer_seconds=settings.buffer_seconds,
        answer_seconds=settings.answer_seconds,
        retry_seconds=settings.retry_seconds,
        queue_id=settings.authorisation_queue,
        queue_seconds=settings.queue_seconds,
        market_order_margin=Decimal(settings.market_order_margin),
        order_value_max=Decimal(settings.order_value_max),
        order_quantity_max=Decimal(settings.order_quantity_max),
        expiry_days_max=settings.expiry_days_max,
        together_max=settings.requests_together_max,
        digits_max=settings.digits_max,
        text_length_max=settings.text_length_max,
        properties_max=settings.properties_max,
    )


def limits(settings: OrderSettings) -> Limits:
    """How much the state remembers of what is over."""
    return Limits(
        finished_requests=settings.finished_requests_max,
        removed_orders=settings.removed_orders_max,
        transactions=settings.transactions_max,
        transfers=settings.transfers_max,
    )


def fee_table(settings: OrderSettings) -> FeeTable:
    """The schedules that the configuration has."""
    return FeeTable(
        {
            schedule.name: FeeRates(
                brokerage_rate=Decimal(schedule.brokerage_rate),
                brokerage_minimum=Decimal(schedule.brokerage_minimum),
                tax_rate=Decimal(schedule.tax_rate),
            )
            for schedule in settings.fees
        }
    )
