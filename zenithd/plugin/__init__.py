"""Everything that a plugin author imports, and how to write a plugin.

A plugin is a Python package, installed with pip, that zenithd finds by an entry point. This one is complete:
a market on which a die is traded. `zenithd plugins new NAME` writes a bigger one, for a real venue.

1. `pyproject.toml` names the plugin (`dice`) and the module that has its hooks:

    [project]
    name = "zenithd-dice"
    version = "0.1.0"
    dependencies = ["zenithd"]

    [project.entry-points."zenithd.plugins"]
    dice = "zenithd_dice"

2. `zenithd_dice.py` says which version of this interface it was written for, and in a hook which classes it
brings. The daemon makes the objects; an object is given its configuration and a context, and its `run` goes
on until it is cancelled:

    from datetime import date, datetime, UTC
    from typing import Annotated

    import trio
    from msgspec import Meta
    from zenithd.domain.events import BookCleared, LevelChanged, MarketStateChanged
    from zenithd.domain.events import TradeReported, TradingDayStarted
    from zenithd.domain.identifiers import MarketId
    from zenithd.domain.instrument import Instrument, MarketDefinition
    from zenithd.domain.market_data import Allows, FeedStatus, Side, TradingState
    from zenithd.plugin import MarketSource, PluginConfig, hookimpl

    API_VERSION = 1


    class DiceConfig(PluginConfig, frozen=True):
        pause_seconds: Annotated[float, Meta(gt=0, description="Time between two rolls.")] = 1.0


    class Dice(MarketSource[DiceConfig]):
        Config = DiceConfig

        async def run(self):
            market = MarketDefinition(
                id=MarketId("DICE"),
                trading_states=(TradingState("Open", allows=Allows.ALL),),
                simulated=True,
            )
            die = Instrument(code="DIE", market=market.id, name="Six-sided die", price_scale=0)
            self.context.declare_market(market, [die])
            known = await self.context.last_known(die.id)
            number = known.trade_id if known else 0
            await self.context.publish(
                [MarketStateChanged(market.id, "Open"), TradingDayStarted(market.id, self.today())]
            )
            self.context.set_status(market.id, FeedStatus.ACTIVE)
            while True:
                price, number = self.context.random.randint(1, 6), number + 1
                await self.context.publish(
                    [
                        TradeReported(die.id, number, price, 1, self.context.clock.now()),
                        BookCleared(die.id),
                        LevelChanged(die.id, Side.BID, price - 1, 10),
                        LevelChanged(die.id, Side.ASK, price + 1, 10),
                    ]
                )
                await trio.sleep(self.config.pause_seconds)

        def today(self) -> date:
            return datetime.fromtimestamp(self.context.clock.now() // 10**9, UTC).date()


    @hookimpl
    def zenithd_market_sources():
        return [Dice]

3. Install and look at it. Its settings stand in `[plugins.dice]` of config.toml:

    pip install -e .
    zenithd plugins check dice
    zenithd run
    zenithd watch DIE.DICE

4. `test_dice.py` runs it in a daemon in memory, where time jumps over waiting, and lets it pass the checks
that zenithd's own plugins pass:

    import pytest
    import zenithd_dice
    from zenithd.testing import conformance, run_source

    async def test_a_minute_of_dice(autojump_clock):
        async with run_source(zenithd_dice.Dice) as daemon:
            await daemon.wait_until(lambda: len(daemon.trade_ids("DIE.DICE")) == 60)
            assert daemon.faults == []

    @pytest.mark.parametrize("check", conformance.checks(venue=False, wanted=False), ids=str)
    async def test_conformance(check, autojump_clock):
        await check(
            conformance.Subject(
                source=zenithd_dice.Dice,
                config=zenithd_dice.DiceConfig(),
                instrument="DIE.DICE",
                package=zenithd_dice,
            )
        )

What a source must know:

* Prices and quantities are integers in the scales of the instrument; times are nanoseconds since 1970, UTC.
* A published list is one batch: subscribers see all of it or nothing. A snapshot is a BookCleared followed by
  its orders or levels. Break a rule of books and the daemon empties that book and says so.
* `publish` waits while the daemon is behind. Let it: do not read the venue's socket meanwhile.
* Time and randomness come from the context only, so that tests and simulations can move them.
* Only trio blocks. Code that holds the interpreter stops every client; a watchdog names the line.
* Raise what you like: the source is shown as Impaired with the cause, and a new object is started after a
  back-off. Returning from `run` means finished.

For a real venue derive from `VenueSource`, which keeps the connection: you write what to send and how to read
it. docs/plugin-authoring.md has everything in the order in which one needs it.
"""

from __future__ import annotations

from zenithd.plugin.feeds import AdapterFeed, FeedLost
from zenithd.plugin.hookspecs import hookimpl
from zenithd.plugin.http import HttpAnswer, HttpParameter, HttpRequest, HttpRoute
from zenithd.plugin.interfaces import (
    API_VERSION,
    Adapter,
    AdapterContext,
    Authenticator,
    AuthenticatorContext,
    Clock,
    Credentials,
    HistorySource,
    HistorySourceContext,
    Identity,
    Kind,
    LastKnown,
    MarketSource,
    MarketSourceContext,
    PluginConfig,
)
from zenithd.plugin.joining import (
    CHAINED,
    CONSECUTIVE,
    UNNUMBERED,
    BookDelta,
    BookSnapshot,
    Item,
    JoinRules,
    Resynchronise,
    SnapshotJoin,
    TradeSequence,
    Verdict,
)
from zenithd.plugin.journal import (
    Followed,
    FollowedRecord,
    JournalFeed,
    JournalUnavailable,
    KeptState,
    StateTooLarge,
)
from zenithd.plugin.policy import VenueFault, VenuePolicy, VenueUnavailable
from zenithd.plugin.trade_ids import ReservedTradeIds
from zenithd.plugin.venue import VenueSource
from zenithd.plugin.venue_feed import VenueFeed

__all__ = [
    "API_VERSION",
    "CHAINED",
    "CONSECUTIVE",
    "UNNUMBERED",
    "Adapter",
    "AdapterContext",
    "AdapterFeed",
    "Authenticator",
    "AuthenticatorContext",
    "BookDelta",
    "BookSnapshot",
    "Clock",
    "Credentials",
    "FeedLost",
    "Followed",
    "FollowedRecord",
    "HistorySource",
    "HistorySourceContext",
    "HttpAnswer",
    "HttpParameter",
    "HttpRequest",
    "HttpRoute",
    "Identity",
    "Item",
    "JoinRules",
    "JournalFeed",
    "JournalUnavailable",
    "KeptState",
    "Kind",
    "LastKnown",
    "MarketSource",
    "MarketSourceContext",
    "PluginConfig",
    "ReservedTradeIds",
    "Resynchronise",
    "SnapshotJoin",
    "StateTooLarge",
    "TradeSequence",
    "VenueFault",
    "VenueFeed",
    "VenuePolicy",
    "VenueSource",
    "VenueUnavailable",
    "Verdict",
    "hookimpl",
]
