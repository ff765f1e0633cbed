"""The exchange's adapter: brings requests of the order management system to the markets, tells what happens.

What it tells is made of records alone: those of the markets, and notes of its own (`oms.report`,
`oms.notes`). It reads them from the journal once they are kept, so that no crash can make it say what did not
happen, or something twice or not at all. What it carries out is named by account and request, so what comes
again is recognised. Asked what became of a request, it answers once everything on the way has settled.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from typing import Final

import trio

from zenithd.oms.evidence import Evidence, answer_with, question_of
from zenithd.oms.model.directory import ConnectionStatus, FeedConfiguration
from zenithd.oms.model.requests import (
    ClientRequest,
    OrderAmend,
    OrderCancel,
    OrderMove,
    OrderNew,
    RequestStatus,
)
from zenithd.oms.streaming import ClientRequestResponse, FeedQuery, FeedResponse, order_id_of
from zenithd.oms.supplying import Asked, Queried, Rewind
from zenithd.plugin import Adapter, AdapterFeed, StateTooLarge
from zenithd_prodigy.config import ProdigyConfig
from zenithd_prodigy.engine.commands import AmendOrder, CancelOrder, PlaceOrder
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.floor import Floor
from zenithd_prodigy.keeper import Brought, Keeper, KeeperStopped
from zenithd_prodigy.listings import OMS_ENTITY
from zenithd_prodigy.oms import codes, notes
from zenithd_prodigy.oms.intake import (
    HIDDEN,
    MINIMUM,
    Place,
    Refusal,
    Standing,
    amendment,
    cancellation,
    market_of,
    placement,
    refused,
)
from zenithd_prodigy.oms.report import ReportedMarket, Reporter, request_text

CHECKPOINT_UPDATES: Final = 20_000
CHECKPOINT_RECORDS: Final = 200_000
CHECKPOINT_SECONDS: Final = 3_600
"""Updates, records of the journal, or time, after which what is known is kept, so that a restart need not
make all again, nor needs records that the markets let go."""

STEP_RECORDS: Final = 256
"""Records looked at before giving way."""

Command = PlaceOrder | AmendOrder | CancelOrder


class _UnderWay:
    """A request that has not been carried out and told yet."""

    def __init__(self, request: ClientRequest, number: int, before: _UnderWay | None) -> None:
        self.request = request
        self.numbers = [number]
        """Under which it was asked for; more than one where it came again."""
        self.before = before
        """An earlier one about the same order: that goes first."""
        self.done = trio.Event()

    @property
    def name(self) -> str:
        return request_text(self.request.account, self.request.request_id)


class ProdigyAdapter(Adapter[ProdigyConfig]):
    """Supplies the feed `Prodigy` with the orders of one firm on all markets of the exchange."""

    Config = ProdigyConfig

    async def run(self) -> None:
        """Supply the feed until cancelled."""
        notes_feed = self.context.journal(notes.NOTES)
        kept = await notes_feed.kept_state()
        reporter = Reporter(OMS_ENTITY) if kept is None else Reporter.restored(OMS_ENTITY, kept.state)
        async with self.context.supply(codes.FEED, reporter.told.sequence) as feed:
            await _Session(self, feed, reporter).run()


class _Session:
    """The feed while this adapter supplies it."""

    def __init__(self, adapter: ProdigyAdapter, feed: AdapterFeed, reporter: Reporter) -> None:
        self._context = adapter.context
        self._feed = feed
        self._reporter = reporter
        self._notes = adapter.context.journal(notes.NOTES)
        self._floor: Floor | None = None
        self._under_way: dict[str, _UnderWay] = {}
        self._newest: dict[str, _UnderWay] = {}
        """The newest request under way of each order."""
        self._advanced = trio.Event()
        self._following = trio.CancelScope()
        self._known_until = 0
        """What was kept up to here must be known again before anything is carried out."""
        self._checkpoint: tuple[int, bytes] | None = None
        self._checkpoint_sequence = reporter.told.sequence
        self._checkpoint_position = reporter.told.position
        self._checkpoint_time = self._context.clock.monotonic() + CHECKPOINT_SECONDS

    async def run(self) -> None:
        """Tell and carry out until cancelled, or until the feed is lost."""
        await self._feed.open()
        self._feed.configure(FeedConfiguration(name=codes.FEED, agent="zenithd prodigy"))
        await self._note(notes.AdapterStarted(self._context.clock.now()))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._follow, name="prodigy adapter: records")
            nursery.start_soon(self._attend, name="prodigy adapter: trading floor")
            while True:
                match await self._feed.next():
                    case Asked(number, request):
                        await self._take(nursery, number, request)
                    case Queried(number, query):
                        nursery.start_soon(self._answer_query, number, query)
                    case Rewind(position):
                        self._go_back(position)

    # Telling

    async def _follow(self) -> None:
        """Tell what the records say, from where it was told on; begin again when told to."""
        while True:
            with trio.CancelScope() as self._following:
                await self._tell(self._reporter)

    def _go_back(self, position: int) -> None:
        """The order management system has lost more than waits to be sent: all is made again."""
        self._context.log.warning("the feed is made again from its beginning", position=position)
        self._reporter = Reporter(OMS_ENTITY)
        self._checkpoint, self._checkpoint_sequence, self._checkpoint_position = None, 0, 0
        self._known_until = self._context.journal_position
        self._following.cancel()

    async def _tell(self, reporter: Reporter) -> None:
        told = reporter.told
        async for part in self._context.follow_journal(told.position):
            for place, record in enumerate(part.records, 1):
                if place % STEP_RECORDS == 0:
                    await trio.lowlevel.checkpoint()
                sequence = told.sequence
                for update in reporter.apply(record.feed, record.sequence, record.body):
                    sequence += 1
                    await self._feed.submit(sequence, update)
            told.position = part.position
            for each in reporter.missed:
                self._context.log.warning("a changed trade is not told: its order is forgotten", trade=each)
            reporter.missed.clear()
            self._advanced.set()
            self._advanced = trio.Event()
            await self._keep(reporter)

    async def _keep(self, reporter: Reporter) -> None:
        """Keep what is known once in a while; not before the feed is kept as far: it would begin too late."""
        sequence, position = reporter.told.sequence, reporter.told.position
        is_due = (
            sequence - self._checkpoint_sequence >= CHECKPOINT_UPDATES
            or position - self._checkpoint_position >= CHECKPOINT_RECORDS
            or self._context.clock.monotonic() >= self._checkpoint_time
        )
        if self._checkpoint is None and is_due:
            state = b""
            for state in reporter.checkpoint():  # noqa: B007  (the last one is all)
                await trio.lowlevel.checkpoint()
            self._checkpoint, self._checkpoint_position = (sequence, state), position
            self._checkpoint_time = self._context.clock.monotonic() + CHECKPOINT_SECONDS
        if self._checkpoint is not None and self._feed.kept >= self._checkpoint[0]:
            sequence, state = self._checkpoint
            self._checkpoint, self._checkpoint_sequence = None, sequence
            with contextlib.suppress(StateTooLarge):  # told where it is kept; the next start takes longer
                await self._notes.keep_state(sequence, [state])

    async def _catch_up(self) -> None:
        """Return once everything that is kept now has been told."""
        await self._wait_known(self._context.journal_position)

    async def _wait_known(self, position: int) -> None:
        """Return once the records up to a position of the journal have been told."""
        while self._reporter.told.position < position:
            await self._advanced.wait()

    async def _note(self, note: notes.Note) -> None:
        await self._notes.append([notes.encode_note(note)])

    # Being there

    async def _attend(self) -> None:
        """Take requests while the markets are at work."""
        while True:
            floor = await self._context.wait_offered()
            assert isinstance(floor, Floor)  # what the exchange offers
            await self._catch_up()
            self._floor = floor
            self._feed.tell_status(ConnectionStatus.ONLINE)
            await self._context.wait_withdrawn(floor)
            self._floor = None
            self._feed.tell_status(ConnectionStatus.DISCONNECTED)

    # Carrying out

    async def _take(self, nursery: trio.Nursery, number: int, request: ClientRequest) -> None:
        """Bring a request to its market: in the order in which requests come, for each order."""
        await self._wait_known(self._known_until)
        name, order_id = request_text(request.account, request.request_id), order_id_of(request)
        again = self._under_way.get(name)
        if again is not None:
            again.numbers.append(number)
            return
        if self._reporter.told.requests.get(name) is not None:
            self._answer(number, request)
            return
        if request.is_validate:
            self._feed.answer(number, await self._validated(request))
            return
        one = _UnderWay(request, number, self._newest.get(order_id))
        self._under_way[name] = self._newest[order_id] = one
        # What waits for nothing is in line before the next request is looked at: who came first is first.
        step = None if one.before is not None else await self._bring(request)
        nursery.start_soon(self._complete, one, step)

    async def _complete(self, one: _UnderWay, step: Callable[[], Awaitable[None]] | None) -> None:
        order_id = order_id_of(one.request)
        try:
            if one.before is not None:
                await one.before.done.wait()
                one.before = None
            if step is None:
                step = await self._bring(one.request)
            await step()
            await self._catch_up()
            for number in one.numbers:
                self._answer(number, one.request)
        except KeeperStopped:
            # Nobody knows: it is not answered, and there will be a question.
            self._context.log.warning("a market stopped with a request", request=one.name)
        finally:
            del self._under_way[one.name]
            if self._newest.get(order_id) is one:
                del self._newest[order_id]
            one.done.set()

    def _answer(self, number: int, request: ClientRequest) -> None:
        """The request is here; what became of it has been told."""
        response = ClientRequestResponse(
            request_id=request.request_id, account=request.account, order_id=order_id_of(request)
        )
        self._feed.answer(number, response)

    async def _validated(self, request: ClientRequest) -> ClientRequestResponse:
        """Whether a request could become a command now; the market itself is not asked."""
        try:
            made = await self._command(request)
        except KeeperStopped:
            made = Refusal(("Retry",))
        refusal = made if isinstance(made, Refusal) else None
        return ClientRequestResponse(
            request_id=request.request_id,
            account=request.account,
            status=RequestStatus.COMPLETED if refusal is None else RequestStatus.REJECTED,
            errors=() if refusal is None else refusal.errors,
        )

    async def _bring(self, request: ClientRequest) -> Callable[[], Awaitable[None]]:
        """Put a request in line; what is returned waits for its outcome.

        That raises KeeperStopped where nobody knows what came of it.
        """
        if isinstance(request.body, OrderMove):
            return partial(self._note, notes.OrderMoveTaken(self._context.clock.now(), request))
        try:
            made = await self._command(request)
            if isinstance(made, Refusal):
                return partial(self._refuse, request, made)
            keeper, command = made
            brought = await keeper.bring(command)
        except KeeperStopped:
            return _stopped
        return partial(self._outcome, request, brought)

    async def _outcome(self, request: ClientRequest, brought: Brought) -> None:
        outcome = await brought.wait()
        if isinstance(outcome, Refused) and outcome.reason is not Reason.DUPLICATE_COMMAND:
            await self._refuse(request, refused(outcome))

    async def _refuse(self, request: ClientRequest, refusal: Refusal) -> None:
        now = self._context.clock.now()
        order_id = order_id_of(request)
        await self._note(notes.RequestRefused(now, request, order_id, refusal.errors, refusal.text))

    async def _command(self, request: ClientRequest) -> tuple[Keeper, Command] | Refusal:
        """The command of a request, and who carries it out."""
        if self._floor is None:
            raise KeeperStopped
        name = await self._command_id(request)
        body = request.body
        if isinstance(body, OrderNew):
            return self._placement(request, body, name)
        if not isinstance(body, OrderAmend | OrderCancel):
            return Refusal(("Operation",), "the exchange takes New, Amend, Cancel and Move")
        found = self._reporter.find(body.order_id)
        if found is None:
            return Refusal(("Order",), "the exchange has no such order")
        market, number, reported = found
        order = reported.order
        if order.is_completed:
            return Refusal(("Order.Status",), f"the order is {order.status}")
        keeper, place = self._place(market.code, reported.symbol, market)
        if keeper is None or place is None:
            return Refusal(("Symbol",))
        standing = Standing(
            number,
            order.order_type,
            order.lifetime,
            order.expiry_date,
            order.side,
            HIDDEN in order.values,
            order.values.get(MINIMUM, Decimal(0)),
        )
        if isinstance(body, OrderCancel):
            return keeper, cancellation(body, standing, place, name)
        command = amendment(request, body, standing, place, name)
        return command if isinstance(command, Refusal) else (keeper, command)

    def _placement(
        self, request: ClientRequest, body: OrderNew, name: str
    ) -> tuple[Keeper, PlaceOrder] | Refusal:
        code = market_of(body.ex_destination, body.exchange)
        keeper, place = self._place(code, body.code, self._reporter.find_market(code))
        if keeper is None:
            return Refusal(("Route.Market",), f"the exchange has no market {code}")
        if place is None or (place.symbol.exchange or code) != body.exchange:
            return Refusal(("Symbol",), f"{code} does not list {body.code} of {body.exchange}")
        command = placement(request, body, order_id_of(request), place, name)
        return command if isinstance(command, Refusal) else (keeper, command)

    def _place(
        self, code: str, symbol: str, market: ReportedMarket | None
    ) -> tuple[Keeper | None, Place | None]:
        assert self._floor is not None  # it was looked at
        keeper = self._floor.find(code)
        if keeper is None or market is None:
            return None, None
        state = keeper.market.model.symbols.get(symbol)
        return keeper, None if state is None else Place(code, market.entity, state.definition)

    async def _command_id(self, request: ClientRequest) -> str:
        """The name of its command; one that does not fit is noted before it is used."""
        name = codes.command_id(request.account, request.request_id)
        if name is None:
            name = codes.NAMED_PREFIX + notes.digest(request)
            await self._note(notes.RequestNamed(self._context.clock.now(), name, request))
        return name

    # Saying what became of requests

    async def _answer_query(self, number: int, query: FeedQuery) -> None:
        question = question_of(query)
        if question is None:
            answer = FeedResponse(type=query.type, tag=query.tag, errors=("Operation",))
            self._feed.answer_query(number, answer)
            return
        evidence = await self._evidence(
            request_text(question.account, question.request_id), question.timestamp
        )
        if evidence is not None:
            self._feed.answer_query(number, answer_with(query, evidence))

    async def _evidence(self, name: str, timestamp: int) -> Evidence | None:
        """What became of a request; None: the markets stopped, and it will be asked again."""
        under_way = self._under_way.get(name)
        if under_way is not None:
            await under_way.done.wait()
        if self._reporter.told.requests.get(name) is None:
            try:
                await self._settle()
            except KeeperStopped:
                return None
            await self._catch_up()
        carried_out = self._reporter.told.requests.get(name)
        if carried_out is not None:
            return Evidence.CARRIED_OUT if carried_out else Evidence.REFUSED
        if timestamp <= self._reporter.told.requests.forgotten:
            return Evidence.FORGOTTEN
        return Evidence.NEVER_RECEIVED

    async def _settle(self) -> None:
        """Return once the markets have carried out whatever is in line: also what an earlier run brought."""
        if self._floor is None:
            raise KeeperStopped
        for keeper in list(self._floor):
            await keeper.settle()


async def _stopped() -> None:
    """The market was not at work."""
    await trio.lowlevel.checkpoint()
    raise KeeperStopped
