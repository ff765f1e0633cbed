"""The trading floor: all markets of the exchange at work, each with a feed of its own in the journal.

A register, itself a feed, says which markets there are. A market keeps its number, and so its feed, whatever
code it is given later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import trio

from zenithd.domain.events import BookCleared, MarketEvent
from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import MarketDefinition
from zenithd.domain.market_data import FeedStatus
from zenithd.plugin import MarketSourceContext
from zenithd_prodigy.design import STANDARD, MarketDesign
from zenithd_prodigy.engine.commands import CreateMarket, RenameMarket
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.keeper import Declared, Keeper, KeeperSettings, Told
from zenithd_prodigy.model.events import Event

REGISTER = "register"
DESIGNS: Mapping[str, MarketDesign] = {STANDARD.name: STANDARD}

Decorate = Callable[[MarketDefinition], MarketDefinition]
"""Adds to a market's definition what its model does not know."""


class Registered(msgspec.Struct, frozen=True):
    """A record of the register: market number so and so is of this design."""

    number: int
    design: str


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

    async def open(self) -> None:
        """Make every market again from what was kept.

        Raises:
            JournalUnavailable: it cannot be read.
            ValueError: a market is of a design that is not installed.
        """
        async for _, body in self._context.journal(REGISTER).read():
            entry = msgspec.msgpack.decode(body, type=Registered)
            if entry.design not in self._designs:
                raise ValueError(f"market {entry.number} is of the design {entry.design!r}, which is missing")
            keeper = self._keepers[entry.number] = self._keeper(entry)
            await keeper.restore()

    async def found(self, commands: Iterable[Any], design: str = STANDARD.name) -> Keeper:
        """Found a market with its first commands, of which none may be refused.

        Raises:
            JournalUnavailable: nothing was founded, or the market is there and empty.
            ValueError: a command was refused.
        """
        entry = Registered(max(self._keepers, default=0) + 1, design)
        await self._context.journal(REGISTER).append([msgspec.msgpack.encode(entry)])
        keeper = self._keepers[entry.number] = self._keeper(entry)
        await keeper.prepare(commands)
        return keeper

    def _keeper(self, entry: Registered) -> Keeper:
        return Keeper(
            self._context.journal(f"market {entry.number}"),
            self.tell,
            self._context.clock.now,
            self._settings,
            self._designs[entry.design],
        )

    async def tell(self, told: Sequence[Told]) -> None:
        """Let subscribers know."""
        for each in told:
            if isinstance(each, Declared):
                self._context.declare_market(self._decorate(each.definition), each.instruments)
                if each.renamed_from is not None:
                    await self._context.publish(each.snapshot)
                    self._context.set_status(each.definition.id, FeedStatus.ACTIVE)
                    renamed = f"its code is {each.definition.id} now"
                    self._context.set_status(MarketId(each.renamed_from), FeedStatus.CLOSED, renamed)
            else:
                await self._context.publish(each)

    async def show(self, keeper: Keeper, extra: Callable[[str], list[MarketEvent]]) -> None:
        """Declare a market and publish it as it is, a batch per symbol.

        Args:
            extra: more to be said of a symbol, by its code, in the batch of its book.
        """
        translator = keeper.market.translator
        definition = self._decorate(translator.definition())
        self._context.declare_market(definition, translator.instruments())
        batch: list[MarketEvent] = []
        for event in translator.snapshot():
            if isinstance(event, BookCleared):
                await self._context.publish(batch)
                batch = [event, *extra(event.instrument.rpartition(".")[0])]
            else:
                batch.append(event)
        await self._context.publish(batch)

    def codes(self) -> list[str]:
        """The codes of all markets."""
        return sorted(keeper.market.model.definition.code for keeper in self)

    async def create(self, design: str, command: CreateMarket) -> Refused | None:
        """Found a market while the exchange is at work, show it and have it at work too."""
        assert self._nursery is not None, "the exchange is at work"
        async with self._codes:
            return await self._create(design, command, self._nursery)

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
        keeper = await self.found([command], design)
        await self.show(keeper, lambda _: [])
        self.start(keeper, nursery)
        self.open_to_all(keeper)
        return None

    def start(self, keeper: Keeper, nursery: trio.Nursery) -> None:
        """Have a market at work from here on; when it stops, the source stops."""
        self._nursery = nursery
        nursery.start_soon(keeper.run, name=f"market {keeper.market.model.definition.code}")

    def open_to_all(self, keeper: Keeper) -> None:
        """Say that the market is there."""
        self._context.set_status(MarketId(keeper.market.model.definition.code), FeedStatus.ACTIVE)
