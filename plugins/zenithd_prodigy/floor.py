"""The trading floor: all markets of the exchange at work, each with a feed of its own in the journal.

A register, itself a feed, says which markets there are. A market keeps its number, and so its feed, whatever
code it is given later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import trio

from zenithd.domain.events import BookCleared, MarketEvent
from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import MarketDefinition
from zenithd.domain.market_data import FeedStatus
from zenithd.plugin import KeptState, MarketSourceContext
from zenithd_prodigy.design import STANDARD, MarketDesign
from zenithd_prodigy.engine.commands import CreateMarket, RenameMarket
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.keeper import Declared, Ended, Keeper, KeeperSettings, Told
from zenithd_prodigy.model.events import Event
from zenithd_prodigy.translator import EarlierTrade, board_of

REGISTER = "register"

BATCH_EVENTS_MAX = 10_000
"""Most events handed over at once: a batch is applied without giving way."""

DESIGNS: Mapping[str, MarketDesign] = {STANDARD.name: STANDARD}

Decorate = Callable[[MarketDefinition, str], MarketDefinition]
"""Adds to a market's definition what its model does not know. The text is the market's origin."""


class Registered(msgspec.Struct, frozen=True):
    """A record of the register: market number so and so is of this design."""

    number: int
    design: str
    origin: str | None = None
    """The code under which the exchange founded it by itself; "" for a market that an operator founded, None
    where that was not noted yet."""


class Floor:
    """Finds, founds and runs markets. `open` first; then `run_market` for each."""

    def __init__(
        self,
        context: MarketSourceContext,
        settings: KeeperSettings,
        decorate: Decorate,
        designs: Mapping[str, MarketDesign] = DESIGNS,
    ) -> None:
        self._context = context
        self._settings = settings
        self._decorate = decorate
        self._designs = designs
        self._keepers: dict[int, Keeper] = {}
        self._origins: dict[int, str | None] = {}
        self._register: list[Registered] = []
        self._nursery: trio.Nursery | None = None
        self._codes = trio.Lock()
        """Held while a market gets a code, so that no two get the same."""

    def __iter__(self) -> Iterator[Keeper]:
        """The markets that exist, in the order in which they were founded."""
        return (keeper for keeper in self._keepers.values() if keeper.market.model.exists)

    def find(self, code: str) -> Keeper | None:
        """The market of a code."""
        for keeper in self:
            if keeper.market.model.definition.code == code:
                return keeper
        return None

    def of_origin(self, code: str) -> Keeper | None:
        """The market that the exchange founded by itself under a code, whatever became of it since."""
        for number, keeper in self._keepers.items():
            was_founded = keeper.market.model.sequence > 0  # else all ended right after it was registered
            if was_founded and code == self._origin(number):
                return keeper
        return None

    def _origin(self, number: int) -> str:
        origin = self._origins[number]
        if origin is None:
            return str(self._keepers[number].market.model.definition.code)
        return origin

    async def open(self) -> None:
        """Make every market again from what was kept.

        Raises:
            JournalUnavailable: it cannot be read.
            ValueError: a market is of a design that is not installed.
        """
        register = self._context.journal(REGISTER)
        kept = await register.kept_state()
        sequence = 0 if kept is None else kept.sequence
        if kept is not None:
            self._register = msgspec.msgpack.decode(kept.state, type=list[Registered])
        async for position, body in register.read(sequence + 1):
            self._register.append(msgspec.msgpack.decode(body, type=Registered))
            sequence = position
        await self._keep_register(sequence, kept)
        for entry in self._register:
            if entry.design not in self._designs:
                raise ValueError(f"market {entry.number} is of the design {entry.design!r}, which is missing")
            keeper = self._add(entry)
            await keeper.restore()

    async def _keep_register(self, sequence: int, kept: KeptState | None = None) -> None:
        """Keep it as a state as well, so that its records need not stay."""
        register = self._context.journal(REGISTER)
        if self._settings.keep_days:
            register.keep_days(self._settings.keep_days)
        if sequence > (0 if kept is None else kept.sequence):
            await register.keep_state(sequence, [msgspec.msgpack.encode(self._register)])

    async def found(self, commands: Iterable[Any], design: str = STANDARD.name, origin: str = "") -> Keeper:
        """Found a market with its first commands, of which none may be refused.

        Args:
            commands: the first of them creates it.
            design: of its parts.
            origin: see `Registered`.

        Raises:
            JournalUnavailable: nothing was founded, or the market is there and empty.
            ValueError: a command was refused.
        """
        entry = Registered(max(self._keepers, default=0) + 1, design, origin)
        sequence = await self._context.journal(REGISTER).append([msgspec.msgpack.encode(entry)])
        self._register.append(entry)
        await self._keep_register(sequence)
        keeper = self._add(entry)
        await keeper.prepare(commands)
        return keeper

    def _add(self, entry: Registered) -> Keeper:
        feed = self._context.journal(f"market {entry.number}")
        if entry.origin and self._settings.keep_days:  # an operator's market is for ever
            feed.keep_days(self._settings.keep_days)
        keeper = Keeper(
            feed,
            partial(self._tell, entry.number),
            self._context.clock.now,
            self._settings,
            self._designs[entry.design],
        )
        self._keepers[entry.number] = keeper
        self._origins[entry.number] = entry.origin
        return keeper

    async def _tell(self, number: int, told: Sequence[Told]) -> None:
        """Let subscribers know what happened in a market."""
        for each in told:
            if isinstance(each, Declared):
                definition = self._decorate(each.definition, self._origin(number))
                self._context.declare_market(definition, each.instruments)
                if each.renamed_from is not None:
                    await self._publish(each.snapshot)
                    self._context.set_status(each.definition.id, FeedStatus.ACTIVE)
                    self._end(definition, each.renamed_from, f"its code is {each.definition.id} now")
            elif isinstance(each, Ended):
                definition = self._decorate(each.definition, self._origin(number))
                self._end(definition, definition.id, "the market was removed")
            elif isinstance(each, EarlierTrade):
                await self.correct([each])
            else:
                await self._publish(each)

    def _end(self, definition: MarketDefinition, code: str, reason: str) -> None:
        """Let a code list nothing any more, which ends all subscriptions, and be closed for good.

        A market stays among those that a connection knows until the daemon is started again.
        """
        market = MarketId(code)
        ended = msgspec.structs.replace(definition, id=market, boards=(board_of(market),), readiness=False)
        self._context.declare_market(ended, [])
        self._context.set_status(market, FeedStatus.CLOSED, reason)

    async def correct(self, earlier: Sequence[EarlierTrade]) -> None:
        """Have trades of earlier days in the history as they count now."""
        for each in earlier:
            await self._context.backfill(each.trade.instrument, each.trading_date, [each.trade])

    async def _publish(self, batch: Sequence[MarketEvent]) -> None:
        """Hand a batch over, in pieces where it is of very many orders: the daemon takes none so large."""
        for start in range(0, len(batch), BATCH_EVENTS_MAX):
            await self._context.publish(batch[start : start + BATCH_EVENTS_MAX])

    async def show(self, keeper: Keeper, extra: Callable[[str], list[MarketEvent]]) -> None:
        """Declare a market and publish it as it is, a batch per symbol.

        Args:
            extra: more to be said of a symbol, by its code, in the batch of its book.
        """
        translator = keeper.market.translator
        number = next(number for number, each in self._keepers.items() if each is keeper)
        definition = self._decorate(translator.definition(), self._origin(number))
        self._context.declare_market(definition, translator.instruments())
        batch: list[MarketEvent] = []
        for event in translator.snapshot():
            if isinstance(event, BookCleared):
                await self._publish(batch)
                batch = [event, *extra(event.instrument.rpartition(".")[0])]
            else:
                batch.append(event)
        await self._publish(batch)

    def codes(self) -> list[str]:
        """The codes of all markets."""
        return sorted(keeper.market.model.definition.code for keeper in self)

    async def create(self, design: str, command: CreateMarket) -> Refused | None:
        """Found a market while the exchange is at work, show it and have it at work too.

        Who asks may go away meanwhile: a market that was founded is set to work all the same.

        Raises:
            JournalUnavailable: nothing was founded, or the market comes with the next start.
        """
        assert self._nursery is not None, "the exchange is at work"
        async with self._codes:
            with trio.CancelScope(shield=True):
                outcome = await self._create(design, command, self._nursery)
        return outcome

    async def rename(self, keeper: Keeper, command: RenameMarket) -> list[Event] | Refused:
        """Give a market another code."""
        async with self._codes:
            if self.find(command.new_code) not in (None, keeper):
                return Refused(Reason.MARKET_EXISTS)
            return await keeper.execute(command)

    async def _create(self, design: str, command: CreateMarket, nursery: trio.Nursery) -> Refused | None:
        if self.find(command.market) is not None:
            return Refused(Reason.MARKET_EXISTS)
        if command.command_id and any(
            keeper.market.model.command_ids.get(command.command_id) is not None
            for keeper in self._keepers.values()
        ):
            return Refused(Reason.DUPLICATE_COMMAND)  # of a market that was removed or renamed since
        trial = self._designs[design].engine(self._designs[design].new_model())
        outcome = trial.handle(command, self._context.clock.now())
        if isinstance(outcome, Refused):
            return outcome
        keeper = await self.found([self._after_earlier_ones(command)], design)
        await self.show(keeper, lambda _: [])
        self.start(keeper, nursery)
        self.open_to_all(keeper)
        return None

    def _after_earlier_ones(self, command: CreateMarket) -> CreateMarket:
        """Have a new market go on above the numbers of those that had its code: their trades are stored."""
        models = [each.market.model for each in self._keepers.values()]
        models = [model for model in models if model.had_code(command.market)]
        trades = [command.first_trade]
        for model in models:
            trades.append(model.first_trade)
            trades += [ended.next_trade_id for ended in model.ended.values()]
            trades += [symbol.next_trade_id for symbol in model.symbols.values()]
        return msgspec.structs.replace(
            command,
            first_order=max([command.first_order, *(model.next_order for model in models)]),
            first_trade=max(trades),
        )

    def start(self, keeper: Keeper, nursery: trio.Nursery) -> None:
        """Have a market at work from here on; when it stops, the source stops."""
        self._nursery = nursery
        nursery.start_soon(keeper.run, name=f"market {keeper.market.model.definition.code}")

    def open_to_all(self, keeper: Keeper) -> None:
        """Say that the market is there."""
        self._context.set_status(MarketId(keeper.market.model.definition.code), FeedStatus.ACTIVE)
