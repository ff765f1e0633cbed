"""What the tests of the command line share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple


class Result(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


class Step(NamedTuple):
    """A command of the guide and what it says that it prints."""

    line: str
    output: list[str]


def steps_of(page: str) -> list[Step]:
    """The commands of a guide, in their order."""
    steps: list[Step] = []
    for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append(Step(line.removeprefix("$ "), []))
            else:
                steps[-1].output.append(line)
    return steps


CHEAP_HASHES = "[authentication]\nhash_memory_kibibytes = 1024\nhash_iterations = 1\n"

Install = Callable[[str, str], None]

GOOD_PLUGIN = '''
"""A plugin for tests."""

from typing import Annotated

import msgspec

from zenithd.domain.events import OrderAdded
from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus, Side
from zenithd.plugin import MarketSource, PluginConfig, hookimpl

API_VERSION = 1


class Config(PluginConfig, frozen=True):
    """Settings of the test."""

    orders: Annotated[int, msgspec.Meta(ge=0, description="How many orders come.")] = 3


class Source(MarketSource[Config]):
    """Publishes a few orders and is finished."""

    Config = Config

    async def run(self) -> None:
        market = MarketId("TST")
        instrument = Instrument(code="T1", market=market)
        self.context.declare_market(MarketDefinition(id=market, name="Test"), [instrument])
        self.context.set_status(market, FeedStatus.ACTIVE)
        wanted = await self.context.wait_wanted(frozenset())
        assert wanted == {instrument.id}
        for number in range(self.config.orders):
            order = OrderAdded(instrument.id, str(number), Side.BID, 100 + number, 10, number)
            await self.context.publish([order])
        await self.context.wait_drained()


@hookimpl
def zenithd_market_sources():
    return [Source]
'''
