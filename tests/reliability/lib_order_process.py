"""What ends with a process, and what does not: the order task, its feeds and an adapter; journal and venue.

    outside = Outside()
    async with Process(outside).run() as process:   # begins with what the journal has
        await process.ask(request)

With `run_repeatably` everything is deterministic: trio's time is that of a mock clock, the wall clock is
`outside.now`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any, TypeVar

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.oms.desk import EXCHANGE, FEED, START, D, Listing, Numbers
from tests.oms.venue import Key, key_of
from tests.reliability.lib_naive_ledger import NaiveLedger
from tests.reliability.lib_order_venue import RemoteVenue
from zenithd.controllers.trading.desk import DeskClosed
from zenithd.oms.commands import Accepted, Define, Outcome, Refused, Submit, Transact
from zenithd.oms.evidence import Evidence, answer_with, question_of
from zenithd.oms.fees import FeeTable
from zenithd.oms.model.accounts import Account, AccountDetails
from zenithd.oms.model.directory import ConnectionStatus, OwnerDetails
from zenithd.oms.model.requests import ClientRequest, OrderNew
from zenithd.oms.model.transactions import AssetTransfer, CashTransfer, TransactionDetails
from zenithd.oms.model.updates import (
    AccountDefined,
    AssetTransferred,
    CashTransferred,
    ExchangeDefined,
    OwnerDefined,
    decode_updates,
)
from zenithd.oms.reference import Level, Verdict, VettingCase
from zenithd.oms.rules import NANOSECONDS, OmsRules
from zenithd.oms.state import OmsState
from zenithd.oms.streaming import ClientRequestResponse, sequenced
from zenithd.oms.supplying import Asked, Queried, Rewind
from zenithd.oms.turn import Surroundings
from zenithd.plugin.feeds import AdapterFeed
from zenithd.plugin.journal import JournalFeed
from zenithd.testing.memory_feed import MemoryFeed
from zenithd.trading.desk import DeskSettings, OrderDesk
from zenithd.trading.feeds import Feeds

T = TypeVar("T")

ACCOUNTS = tuple(Account(owner_id="XS", account_id=f"000{number}") for number in range(1, 5))
MONEY, SHARES = D(1_000_000), D(100_000)
"""What each account begins with."""
AUTHORISED_QUANTITY = D(70)
"""Orders of this size wait for somebody who is authorised."""


def run_repeatably(seed: int, function: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """Run in trio, with a clock that jumps, and with an order of tasks that is drawn from the seed too."""
    scheduler = trio._core._run  # type: ignore[attr-defined]  # what trio gives Hypothesis
    before = scheduler._ALLOW_DETERMINISTIC_SCHEDULING
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True
    scheduler._r.seed(seed)
    try:
        return trio.run(function, *arguments, clock=MockClock(autojump_threshold=0))
    finally:
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = before


class CrashJournal(MemoryFeed):
    """A journal that tells of every write between its end and its confirmation, and adds up what is written.

    Attributes:
        written: called then.
        ledger: the naive ledger of all that is written.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written: Callable[[], None] = lambda: None
        self.ledger = NaiveLedger()

    async def append(self, bodies: Sequence[bytes]) -> int:
        """Append, tell, confirm."""
        last = await super().append(bodies)
        for body in bodies:
            for kept in decode_updates(body):
                self.ledger.apply(kept)
        self.written()
        return last

    async def keep_state(self, sequence: int, pieces: Sequence[bytes]) -> None:
        """Keep, tell, confirm."""
        await super().keep_state(sequence, pieces)
        self.written()


class Outside:
    """What a process leaves behind, and what clients remember.

    Attributes:
        now: the wall clock, in nanoseconds.
        acknowledged: the request and the order of each answer that was given.
        pending: requests without an answer.
        refused: how many were refused.
        before_send, after_send: called around each send to the venue.
    """

    def __init__(self, checkpoint_records: int = 400) -> None:
        self.now = START
        self.journal = CrashJournal()
        self.venue = RemoteVenue()
        self.acknowledged: dict[Key, tuple[str, ClientRequest]] = {}
        self.pending: dict[Key, ClientRequest] = {}
        self.refused = 0
        self.before_send: Callable[[], None] = lambda: None
        self.after_send: Callable[[], None] = lambda: None
        self.checkpoint_records = checkpoint_records
        self.around = Surroundings(
            reference=Listing(), vetting=_vet, fees=FeeTable(), identifiers=Numbers(), rules=OmsRules()
        )


def _vet(case: VettingCase) -> Verdict:
    body = case.request.body
    needs = isinstance(body, OrderNew) and body.quantity == AUTHORISED_QUANTITY
    return Verdict(Level.AUTH, ("Vetted",)) if needs else Verdict()


class Process:
    """The order task, its feeds and an adapter, over what is outside."""

    def __init__(self, outside: Outside, seed: int = 0, journal: JournalFeed | None = None) -> None:
        self.outside = outside
        self.random = Random(seed)
        settings = DeskSettings(checkpoint_records=outside.checkpoint_records)
        feed = journal or outside.journal
        self.desk = OrderDesk(feed, outside.around, lambda: outside.now, settings)
        self.feeds = Feeds(self.desk, lambda: outside.now)
        self.feed: AdapterFeed | None = None
        self._told = 0
        """The venue's updates up to here were handed over."""
        self._released = trio.Event()

    @property
    def state(self) -> OmsState:
        """Only to be read."""
        return self.desk.state

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Process]:
        """At work; the venue is not connected."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.desk.run)
            await self.desk.wait_read()
            await wait_all_tasks_blocked()
            yield self
            nursery.cancel_scope.cancel()

    async def prepare(self) -> None:
        """The accounts, and what they begin with."""
        commands = [
            Define(OwnerDefined(details=OwnerDetails(owner_id="XS"))),
            Define(ExchangeDefined(details=EXCHANGE)),
        ]
        for account in ACCOUNTS:
            await self._do(Define(AccountDefined(details=AccountDetails(account=account, name=str(account)))))
            money = TransactionDetails(transaction_id="money", account=account)
            shares = TransactionDetails(transaction_id="shares", account=account)
            cash = CashTransfer(currency="AUD", value=MONEY)
            asset = AssetTransfer(exchange="XSX", code="XS01", value=SHARES)
            commands.append(Transact(CashTransferred(transaction=money, transfer=cash)))
            commands.append(Transact(AssetTransferred(transaction=shares, transfer=asset)))
        for command in commands:
            await self._do(command)

    async def _do(self, command: Define | Transact) -> None:
        outcome = await self.desk.execute(command)
        assert isinstance(outcome, Accepted), outcome

    # Clients

    async def ask(self, request: ClientRequest) -> Outcome | None:
        """As a client asks: it remembers what it was told; None: it was told that nobody knows."""
        key = key_of(request)
        self.outside.pending[key] = request
        try:
            outcome = await self.desk.execute(Submit(request, "demo"))
        except DeskClosed:
            return None
        del self.outside.pending[key]
        if isinstance(outcome, Accepted):
            assert outcome.answer is not None
            before = self.outside.acknowledged.setdefault(key, (outcome.answer.order_id, request))
            assert before[0] == outcome.answer.order_id, f"{key}: another order than before"
        elif isinstance(outcome, Refused):
            self.outside.refused += 1
        return outcome

    # The adapter

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[AdapterFeed]:
        """The venue, online."""
        self._told = self.state.positions.get(FEED, 0)
        async with self.feeds.supply(FEED, self._told) as feed, trio.open_nursery() as nursery:
            await feed.open()
            feed.tell_status(ConnectionStatus.ONLINE)
            self.feed = feed
            nursery.start_soon(self._tell, feed)
            nursery.start_soon(self._take, feed)
            await wait_all_tasks_blocked()
            try:
                yield feed
            finally:
                self.feed = None
                nursery.cancel_scope.cancel()

    def release(self, count: int) -> None:
        """So many more of the venue's updates come over the line."""
        venue = self.outside.venue
        venue.released = min(len(venue.said), venue.released + count)
        self._released.set()
        self._released = trio.Event()

    async def repeat(self, number: int) -> None:
        """An update comes again, or one comes too early."""
        said = self.outside.venue.said
        if self.feed is not None and said:
            place = min(number % (self.outside.venue.released + 3), len(said) - 1)
            self.feed._put([sequenced(FEED, place + 1, said[place])])
            await wait_all_tasks_blocked()

    async def _tell(self, feed: AdapterFeed) -> None:
        venue = self.outside.venue
        while True:
            while self._told < venue.released:
                self._told += 1
                await feed.submit(self._told, venue.said[self._told - 1])
            await self._released.wait()

    async def _take(self, feed: AdapterFeed) -> None:
        outside = self.outside
        while True:
            match await feed.next():
                case Asked(number, request):
                    outside.before_send()
                    outside.venue.take(request)
                    outside.after_send()
                    if self.random.random() < 0.3:
                        here = ClientRequestResponse(request_id=request.request_id, account=request.account)
                        feed.answer(number, here)
                case Queried() as queried:
                    await self._answer(feed, queried)
                case Rewind(position):
                    self._told = position
                    self._released.set()
                    self._released = trio.Event()

    async def _answer(self, feed: AdapterFeed, queried: Queried) -> None:
        """Everything that the venue knows of the request stands before the answer."""
        question = question_of(queried.query)
        assert question is not None
        has_arrived = self.outside.venue.find_out((question.account, question.request_id))
        self.release(len(self.outside.venue.said))
        while self._told < self.outside.venue.released:
            await wait_all_tasks_blocked()
        evidence = Evidence.CARRIED_OUT if has_arrived else Evidence.NEVER_RECEIVED
        feed.answer_query(queried.number, answer_with(queried.query, evidence))

    async def pass_time(self, seconds: float) -> None:
        """Let the wall clock go on, and have done what falls due."""
        self.outside.now += int(seconds * NANOSECONDS)
        await trio.sleep(2.5)
        await wait_all_tasks_blocked()
