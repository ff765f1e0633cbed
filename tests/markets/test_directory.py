"""The daemon's markets as subscribers see them: delayed and mixed ones, days, unlisting, faults, backfill."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import trio
from markets_world import (
    MONDAY,
    SECOND,
    TUESDAY,
    XSX,
    XSY,
    XSZ,
    Subscriber,
    World,
    begin,
    definition,
    ids,
    instrument,
    order,
    settle,
    trade,
    world,
)
from structlog.testing import capture_logs
from trio.testing import MockClock

from zenithd.authority.access import Access, MarketGrant, View
from zenithd.domain.events import (
    InstrumentListed,
    InstrumentUnlisted,
    LevelChanged,
    MarketEvent,
    OrderAdded,
    OrderRemoved,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.market_data import FeedStatus, Side
from zenithd.markets.directory import DELAYED_TICK_SECONDS, ON_DEMAND_CHECK_SECONDS, DelayedSettings
from zenithd.markets.feed import SourceFaulty

XS01, XS01_Y, DELAYED_XS01 = (InstrumentId(f"XS01.{market}") for market in ("XSX", "XSY", "XSX[Delayed]"))
DELAYED = MarketId("XSX[Delayed]")
MIX = MarketId("XSX+XSY")
DELAY = 1200.0
DELAYED_SETTINGS = (DelayedSettings(XSX, DELAY, asset_only=False),)


def depth_of(world: World, market: MarketId) -> set[str]:
    """Ids of the orders of XS01 in a market."""
    view = world.markets.find(market)
    assert view is not None
    return {one.order_id for one in view.instruments[InstrumentId(f"XS01.{market}")].orders()}


def trades_of(world: World, market: MarketId) -> list[int]:
    view = world.markets.find(market)
    assert view is not None
    tape = view.instruments[InstrumentId(f"XS01.{market}")].tape
    return [one.trade.trade_id for one in tape.select(None, None, None)]


def added_trades(subscriber: Subscriber, topic: str) -> list[int]:
    """Ids of the trades that came, all of them added."""
    changes = [change for data in subscriber.read(topic) for change in data]
    assert all(change["O"] == "A" for change in changes)
    return [change["Trade"]["ID"] for change in changes]


# Delayed markets


async def test_a_delayed_market_opens_and_then_shows_each_state_a_delay_later(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """It opens without books; they come after the delay, and today's trades when their time has come."""
    async with world(tmp_path, delayed=DELAYED_SETTINGS) as daemon:
        source = daemon.source("venue")
        assert daemon.markets.find(DELAYED) is None
        await begin(source, XSX, [order("1", 100), trade(1, daemon.clock.now() - 60 * SECOND)])
        began = trio.current_time()
        subscriber = daemon.subscriber()
        assert ids(subscriber.subscribe("Depth!XS01.XSX[Delayed]")) == ["C"]
        (security,) = subscriber.subscribe("Security!XS01.XSX[Delayed]")
        told = [security[name] for name in ("Market", "TradingState", "BestBid", "Last", "NumberOfTrades")]
        assert told == ["XSX[Delayed]", "Open", None, None, 0]
        assert subscriber.subscribe("Trades!XS01.XSX[Delayed]") == [[{"O": "I", "ID": 0}]]
        batches: list[list[MarketEvent]] = [
            [order("2", 101)],
            [OrderRemoved(XS01, "1"), order("3", 99)],
            [trade(2, daemon.clock.now() + 300 * SECOND, price=101), OrderRemoved(XS01, "2")],
        ]
        expected = [["+2"], ["-1", "+3"], ["-2"]]
        for batch in batches:
            await trio.sleep(100)
            await source.publish(batch)
        await trio.sleep_until(began + DELAY - 60.001)
        assert subscriber.read("Trades!XS01.XSX[Delayed]") == []
        await trio.sleep(DELAYED_TICK_SECONDS + 0.002)
        assert added_trades(subscriber, "Trades!XS01.XSX[Delayed]") == [1]
        await trio.sleep_until(began + DELAY + 99)
        assert ids(subscriber.read("Depth!XS01.XSX[Delayed]")) == ["C", "+1"]
        assert depth_of(daemon, XSX) == {"3"}
        for number, changes in enumerate(expected, 1):
            await trio.sleep_until(began + DELAY + number * 100 - 0.001)
            assert subscriber.read("Depth!XS01.XSX[Delayed]") == []
            await trio.sleep(DELAYED_TICK_SECONDS + 0.002)
            assert sorted(ids(subscriber.read("Depth!XS01.XSX[Delayed]"))) == sorted(changes)
        assert added_trades(subscriber, "Trades!XS01.XSX[Delayed]") == [2]
        assert depth_of(daemon, DELAYED) == depth_of(daemon, XSX)


async def test_a_delayed_market_follows_the_status_of_the_feed_at_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with world(tmp_path, delayed=DELAYED_SETTINGS) as daemon:
        source = daemon.source("venue")
        await begin(source)
        subscriber = daemon.subscriber()
        (states,) = subscriber.subscribe("Markets")
        assert {state["Code"]: state["Feed"] for state in states} == {
            "XSX": "Active",
            "XSX[Delayed]": "Active",
        }
        source.set_status(XSX, FeedStatus.IMPAIRED, "no line")
        await settle()
        changed = [state for data in subscriber.read("Markets") for state in data]
        assert {state["Code"]: state["Feed"] for state in changed} == {
            "XSX": "Impaired",
            "XSX[Delayed]": "Impaired",
        }
        assert daemon.markets.status_reason(XSX) == "no line"


async def test_the_state_of_a_delayed_market_outlives_a_restart(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Its books are those from before until the first new state is due; trades come when they are due."""
    async with world(tmp_path, start="2026-01-05T09:40:00+00:00", delayed=DELAYED_SETTINGS) as daemon:
        source = daemon.source("venue")
        await begin(source, XSX, [order("1", 100), trade(1, daemon.clock.now() - 1200 * SECOND)])
        await trio.sleep(DELAY + 1000)
        await source.publish([order("2", 101), trade(2, daemon.clock.now(), price=102)])
        await settle()
        assert (depth_of(daemon, DELAYED), trades_of(daemon, DELAYED)) == ({"1"}, [1])
    # It was 10:16:40. Ten minutes later; trade 2 is to be seen ten minutes from now.
    async with world(tmp_path, start="2026-01-05T10:26:40+00:00", delayed=DELAYED_SETTINGS) as daemon:
        source = daemon.source("venue")
        await begin(source, XSX, [order("7", 105)])
        began = trio.current_time()
        assert trades_of(daemon, XSX) == [1, 2]
        await trio.sleep_until(began + 599)
        assert (depth_of(daemon, DELAYED), trades_of(daemon, DELAYED)) == ({"1"}, [1])
        await trio.sleep(2)
        assert (depth_of(daemon, DELAYED), trades_of(daemon, DELAYED)) == ({"1"}, [1, 2])
        await trio.sleep_until(began + DELAY + 1)
        assert (depth_of(daemon, DELAYED), trades_of(daemon, DELAYED)) == ({"7"}, [1, 2])


async def test_a_restart_over_midnight(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The delayed market is still on Monday when the daemon ends, and finds Tuesday's trades in the store."""
    async with world(tmp_path, start="2026-01-05T23:50:00+00:00", delayed=DELAYED_SETTINGS) as daemon:
        source = daemon.source("venue")
        await begin(source, XSX, [trade(1, daemon.clock.now() - 1200 * SECOND)])
        await trio.sleep(600)
        midnight = daemon.clock.now()
        await source.publish([TradingDayStarted(XSX, TUESDAY), trade(2, midnight)])
        await trio.sleep(60)
        assert (trades_of(daemon, DELAYED), trades_of(daemon, XSX)) == ([1], [2])
    async with world(tmp_path, start="2026-01-06T00:05:00+00:00", delayed=DELAYED_SETTINGS) as daemon:
        source = daemon.source("venue")
        await begin(source, XSX, day=TUESDAY)
        await source.publish([trade(3, daemon.clock.now())])
        delayed = daemon.markets.find(DELAYED)
        assert delayed is not None
        assert (delayed.trading_date, trades_of(daemon, DELAYED)) == (MONDAY, [1])
        await trio.sleep(DELAY - 300 + 1)
        assert (delayed.trading_date, trades_of(daemon, DELAYED)) == (TUESDAY, [2])
        await trio.sleep(300)
        assert (delayed.trading_date, trades_of(daemon, DELAYED)) == (TUESDAY, [2, 3])


async def test_a_listing_comes_to_a_delayed_market_after_the_delay(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with world(tmp_path, delayed=DELAYED_SETTINGS) as daemon:
        source = daemon.source("venue")
        await begin(source)
        subscriber = daemon.subscriber()
        subscriber.subscribe("Symbols!Market.XSX[Delayed]")
        subscriber.subscribe("Depth!XS01.XSX[Delayed]")
        await source.publish([InstrumentListed(instrument("NEW", XSX)), InstrumentUnlisted(XS01)])
        await trio.sleep(DELAY - 1)
        assert subscriber.read("Symbols!Market.XSX[Delayed]") == []
        assert subscriber.ended == []
        await trio.sleep(2)
        changes = [change for data in subscriber.read("Symbols!Market.XSX[Delayed]") for change in data]
        assert [change["O"] for change in changes] == ["A", "R"]
        assert subscriber.ended == [("Depth!XS01.XSX[Delayed]", "Symbol.NotFound XS01.XSX[Delayed]")]


async def test_what_a_source_hands_in_later_reaches_its_delayed_market(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Trades that were not seen live, and a market that begins anew after a batch that cannot be applied."""
    async with world(tmp_path, delayed=DELAYED_SETTINGS) as daemon:
        source = daemon.source("venue")
        await begin(source, XSX, [order("1", 100)])
        await source.backfill(XS01, MONDAY, [trade(1, daemon.clock.now()), trade(2, daemon.clock.now())])
        await settle()
        assert (trades_of(daemon, XSX), trades_of(daemon, DELAYED)) == ([1, 2], [])
        await trio.sleep(DELAY + 1)
        assert (trades_of(daemon, DELAYED), depth_of(daemon, DELAYED)) == ([1, 2], {"1"})
        broken: Any = OrderAdded(XS01, "2", Side.BID, "a price", 5, 2)  # type: ignore[arg-type]
        await source.publish([broken])
        await settle()
        assert (depth_of(daemon, XSX), depth_of(daemon, DELAYED)) == (set(), {"1"})
        await trio.sleep(DELAY + 1)
        assert (trades_of(daemon, DELAYED), depth_of(daemon, DELAYED)) == ([1, 2], set())


@pytest.mark.parametrize(
    "event",
    [
        OrderAdded(XS01, "\ud800", Side.BID, 100, 5, 1),
        OrderAdded(XS01, "1", Side.BID, 10**400, 5, 1),
        LevelChanged(XS01, Side.BID, 100, 2**64),
        TradeReported(XS01, 1, 100, 10**30, 0),
    ],
)
async def test_values_that_no_client_could_be_sent_are_refused_where_they_are_published(
    event: MarketEvent, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with world(tmp_path) as daemon:
        source = daemon.source("venue")
        await begin(source, XSX, [order("1", 100)])
        with pytest.raises(ValueError, match="events: "):
            await source.publish([event])
        await source.publish([order("2", 101)])
        await settle()
        assert depth_of(daemon, XSX) == {"1", "2"}


# Mixed markets


async def test_listed_mixes_are_shown_and_others_are_made_on_demand(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    everything = Access(user="all", grants=(MarketGrant("*", View()),))
    both = tuple(DelayedSettings(market, DELAY, asset_only=False) for market in (XSX, XSY))
    async with world(tmp_path, mixed=("XSX+XSY",), delayed=both, mixed_on_demand_max=2) as daemon:
        first = daemon.source("first")
        await begin(first, XSX, [order("1", 100)])
        await begin(daemon.source("second"), XSY, [order("2", 101, XSY)])
        await begin(daemon.source("third"), XSZ)
        await trio.sleep(DELAY + 1)
        shown = {market.definition.id for market in daemon.markets.visible(everything)}
        assert shown == {"XSX", "XSY", "XSZ", "XSX[Delayed]", "XSY[Delayed]", "XSX+XSY"}
        subscriber = daemon.subscriber()
        changes = subscriber.subscribe("Depth!XS01.XSX+XSY[Delayed]")
        assert sorted(ids(changes)) == ["+XSX[Delayed]:1", "+XSY[Delayed]:2", "C"]
        for unknown in ("XSY+XSX", "XSX+XSX", "XSX+NONE", "XSX+", "XSX+XSY#Odd", "XSX+XSZ[Delayed]"):
            assert daemon.markets.find(MarketId(unknown)) is None
        assert daemon.markets.find(MarketId("XSX+XSZ")) is not None
        with capture_logs() as logs:
            assert daemon.markets.find(MarketId("XSY+XSZ")) is None
        assert [entry["event"] for entry in logs] == ["too many mixed markets on demand"]
        assert {market.definition.id for market in daemon.markets.visible(everything)} == shown
        assert daemon.markets.find(MIX) is not None
        # Nobody uses XSX+XSZ: after a while there is room again. The other one is subscribed to.
        await trio.sleep(daemon.markets.settings.linger_seconds + ON_DEMAND_CHECK_SECONDS + 1)
        assert daemon.markets.find(MarketId("XSY+XSZ")) is not None
        assert daemon.markets.find(MarketId("XSX+XSZ")) is None
        await first.publish([order("3", 102)])
        await trio.sleep(DELAY + 1)
        assert ids(subscriber.read("Depth!XS01.XSX+XSY[Delayed]")) == ["+XSX[Delayed]:3"]


async def test_changes_of_all_parts_reach_the_subscribers_of_a_mix(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with world(tmp_path, mixed=("XSX+XSY",)) as daemon:
        first, second = daemon.source("first"), daemon.source("second")
        await begin(first, XSX, [order("1", 100)])
        assert daemon.markets.find(MIX) is None
        await begin(second, XSY)
        subscriber = daemon.subscriber()
        ids_before = ids(subscriber.subscribe("Depth!XS01.XSX+XSY"))
        assert len(ids_before) == 2
        (states,) = subscriber.subscribe("Markets")
        assert {state["Code"] for state in states} == {"XSX", "XSY", "XSX+XSY"}
        await second.publish([order("2", 101, XSY)])
        await settle()
        ((change,),) = subscriber.read("Depth!XS01.XSX+XSY")
        assert (change["O"], change["Order"]["Market"]) == ("A", "XSY")
        await first.publish([OrderRemoved(XS01, "1")])
        await settle()
        ((change,),) = subscriber.read("Depth!XS01.XSX+XSY")
        assert change["O"] == "R"
        second.set_status(XSY, FeedStatus.IMPAIRED)
        await settle()
        changed = [state for data in subscriber.read("Markets") for state in data]
        assert {state["Code"]: state["Feed"] for state in changed} == {
            "XSY": "Impaired",
            "XSX+XSY": "Impaired",
        }
        await first.publish([InstrumentUnlisted(XS01)])
        await settle()
        assert subscriber.ended == []
        await second.publish([InstrumentUnlisted(XS01_Y)])
        await settle()
        assert subscriber.ended == [("Depth!XS01.XSX+XSY", "Symbol.NotFound XS01.XSX+XSY")]


# Days and listings


async def test_a_new_day_reaches_subscribers(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world(tmp_path, mixed=("XSX+XSY",), delayed=DELAYED_SETTINGS) as daemon:
        first, second = daemon.source("first"), daemon.source("second")
        await begin(first, XSX, [trade(1, daemon.clock.now() - 1200 * SECOND, price=123)])
        await begin(second, XSY)
        await trio.sleep(1)
        subscriber = daemon.subscriber()
        for market in ("XSX", "XSX+XSY", "XSX[Delayed]"):
            subscriber.subscribe(f"Trades!XS01.{market}")
            (security,) = subscriber.subscribe(f"Security!XS01.{market}")
            assert (security["NumberOfTrades"], security["Last"], security["Close"]) == (1, 1.23, None)
        subscriber.subscribe("Markets")
        await first.publish([TradingDayStarted(XSX, TUESDAY)])
        await settle()
        assert dates(subscriber) == {"XSX": "2026-01-06", "XSX+XSY": "2026-01-06"}
        check_new_day(subscriber, "XSX")
        check_new_day(subscriber, "XSX+XSY")
        await trio.sleep(DELAY - 1)
        assert subscriber.read("Trades!XS01.XSX[Delayed]") == []
        await trio.sleep(2)
        assert dates(subscriber) == {"XSX[Delayed]": "2026-01-06"}
        check_new_day(subscriber, "XSX[Delayed]")
        await first.publish([trade(2, daemon.clock.now(), price=125)])
        await settle()
        assert added_trades(subscriber, "Trades!XS01.XSX") == [2]
        (difference,) = subscriber.read("Security!XS01.XSX")
        assert (difference["NumberOfTrades"], difference["Open"]) == (1, 1.25)


def dates(subscriber: Subscriber) -> dict[str, str]:
    """Trading dates in the states of markets that came."""
    return {state["Code"]: state["TradingDate"] for states in subscriber.read("Markets") for state in states}


def check_new_day(subscriber: Subscriber, market: str) -> None:
    """The tape begins anew and the security comes whole, with yesterday's last price as the close."""
    assert subscriber.read(f"Trades!XS01.{market}") == [[{"O": "I", "ID": 0}]]
    (security,) = subscriber.read(f"Security!XS01.{market}")
    assert (security["Code"], security["Market"]) == ("XS01", market)
    assert (security["NumberOfTrades"], security["Last"], security["Close"]) == (0, None, 1.23)


async def test_trades_are_stored_under_the_day_they_are_of(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Also where a batch holds the last trades of a day, the new day and its first trades."""
    async with world(tmp_path) as daemon:
        source = daemon.source("venue")
        await begin(source)
        now = daemon.clock.now()
        await source.publish([trade(1, now), TradingDayStarted(XSX, TUESDAY), trade(2, now + SECOND)])
        await settle()
        listed = instrument("XS01", XSX)
        for day, expected in ((MONDAY, [1]), (TUESDAY, [2])):
            stored = await daemon.history.trades(listed, day)
            assert [one.trade.trade_id for one in stored] == expected


async def test_an_unlisted_instrument_ends_its_subscriptions(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with world(tmp_path) as daemon:
        source = daemon.source("venue")
        await begin(source, XSX, [order("1", 100)])
        subscriber, other = daemon.subscriber(), daemon.subscriber()
        topics = [f"{kind}!XS01.XSX" for kind in ("Depth", "Levels", "Security", "Trades")]
        for topic in topics:
            subscriber.subscribe(topic)
        subscriber.subscribe("Symbols!Market.XSX")
        other.subscribe("Depth!XS01.XSX")
        other.subscribe("Depth!XS02.XSX")
        assert source.wanted == {"XS01.XSX", "XS02.XSX"}
        source.declare_market(definition(XSX), [instrument("XS02", XSX)])
        await settle()
        assert sorted(subscriber.ended) == [(topic, "Symbol.NotFound XS01.XSX") for topic in topics]
        assert other.ended == [("Depth!XS01.XSX", "Symbol.NotFound XS01.XSX")]
        ((change,),) = subscriber.read("Symbols!Market.XSX")
        assert (change["O"], change["Symbol"]["Code"]) == ("R", "XS01")
        await trio.sleep(daemon.markets.settings.linger_seconds + 1)
        assert source.wanted == {"XS02.XSX"}


# Who wants what


async def test_sources_are_told_what_is_wanted_of_derived_markets(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    both = tuple(DelayedSettings(market, DELAY, asset_only=False) for market in (XSX, XSY))
    async with world(tmp_path, mixed=("XSX+XSY",), delayed=both, linger_seconds=10.0) as daemon:
        first, second = daemon.source("first"), daemon.source("second")
        await begin(first)
        await begin(second, XSY)
        subscriber = daemon.subscriber()
        seen: list[frozenset[InstrumentId]] = []
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                seen.append(await first.wait_wanted(frozenset()))

            nursery.start_soon(watch)
            await settle()
            assert seen == []
            subscriber.subscribe("Depth!XS01.XSX+XSY")
        assert seen == [{"XS01.XSX"}]
        assert second.wanted == {"XS01.XSY"}
        subscriber.subscribe("Trades!XS02.XSX[Delayed]")
        assert first.wanted == {"XS01.XSX", "XS02.XSX"}
        subscriber.subscribe("Security!XS02.XSX+XSY[Delayed]")
        assert second.wanted == {"XS01.XSY", "XS02.XSY"}
        subscriber.unsubscribe("Trades!XS02.XSX[Delayed]")
        subscriber.unsubscribe("Depth!XS01.XSX+XSY")
        await trio.sleep(9)
        assert first.wanted == {"XS01.XSX", "XS02.XSX"}
        await trio.sleep(2)
        assert (first.wanted, second.wanted) == ({"XS02.XSX"}, {"XS02.XSY"})
        subscriber.unsubscribe("Security!XS02.XSX+XSY[Delayed]")
        await trio.sleep(11)
        assert (first.wanted, second.wanted) == (frozenset(), frozenset())


# Faults


async def test_a_source_that_starts_again_begins_with_empty_books(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with world(tmp_path) as daemon:
        source = daemon.source("venue")
        await begin(source, XSX, [order("1", 100), trade(1, daemon.clock.now())])
        subscriber = daemon.subscriber()
        subscriber.subscribe("Depth!XS01.XSX")
        subscriber.subscribe("Trades!XS01.XSX")
        subscriber.subscribe("Markets")
        daemon.markets.feeds["venue"].impaired("it fell over")
        again = daemon.attempt("venue", 2)
        daemon.markets.feeds["venue"].impaired(None)
        await settle()
        assert ids(subscriber.read("Depth!XS01.XSX")) == ["C"]
        feeds = [state["Feed"] for data in subscriber.read("Markets") for state in data]
        assert feeds == ["Impaired", "Initialising"]
        assert trades_of(daemon, XSX) == [1]
        await begin(again, XSX, [order("1", 100), trade(2, daemon.clock.now())])
        assert ids(subscriber.read("Depth!XS01.XSX")) == ["+1"]
        ((added,),) = subscriber.read("Trades!XS01.XSX")
        assert added["Trade"]["ID"] == 2
        known = await again.last_known(XS01)
        assert known is not None
        assert (known.trading_date, known.trade_id, known.price) == (MONDAY, 2, 100)


async def test_a_batch_that_cannot_be_applied(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The market begins anew from the store, its source hears of it, and no other market notices."""
    async with world(tmp_path, mixed=("XSX+XSY",)) as daemon:
        bad, good = daemon.source("bad"), daemon.source("good")
        await begin(bad, XSX, [order("1", 100), trade(1, daemon.clock.now())])
        await begin(good, XSY, [order("2", 101, XSY)])
        subscriber = daemon.subscriber()
        for topic in ("Depth!XS01.XSX", "Trades!XS01.XSX", "Depth!XS01.XSY"):
            subscriber.subscribe(topic)
        broken: Any = OrderAdded(XS01, "2", Side.BID, "a price", 5, 2)  # type: ignore[arg-type]
        with capture_logs() as logs:
            await bad.publish([order("3", 99), broken, order("4", 98)])
            await settle()
        assert any(entry["event"] == "source published what cannot be applied" for entry in logs)
        assert ids(subscriber.read("Depth!XS01.XSX"))[-1] == "C"
        assert depth_of(daemon, XSX) == set()
        assert trades_of(daemon, XSX) == [1]
        assert subscriber.read("Trades!XS01.XSX")[-1] == [{"O": "I", "ID": 1}]
        with pytest.raises(SourceFaulty, match="could not be applied"):
            await bad.publish([order("5", 97)])
        await good.publish([order("6", 96, XSY)])
        await settle()
        assert ids(subscriber.read("Depth!XS01.XSY")) == ["+6"]
        assert depth_of(daemon, XSX) == set()
        again = daemon.attempt("bad", 2)
        await begin(again, XSX, [order("7", 95), trade(2, daemon.clock.now())])
        assert depth_of(daemon, XSX) == {"7"}
        assert trades_of(daemon, XSX) == [1, 2]


async def test_an_object_that_was_left_behind_cannot_disturb_its_successor(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with world(tmp_path) as daemon:
        old = daemon.source("venue")
        await begin(old)
        old._attempt.finish()
        await begin(daemon.attempt("venue", 2), XSX, [order("1", 100)])
        with pytest.raises(RuntimeError):
            await old.publish([OrderRemoved(XS01, "1")])
        with pytest.raises(RuntimeError):
            old.declare_market(definition(XSX), [])
        with pytest.raises(RuntimeError):
            old.set_status(XSX, FeedStatus.CLOSED)
        await settle()
        assert depth_of(daemon, XSX) == {"1"}


async def test_two_sources_cannot_have_the_same_market(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world(tmp_path) as daemon:
        await begin(daemon.source("first"))
        second = daemon.source("second")
        with pytest.raises(ValueError, match="belongs to first"):
            second.declare_market(definition(XSX), [])
        with pytest.raises(ValueError, match="not declared"):
            second.set_status(XSX, FeedStatus.ACTIVE)
        with pytest.raises(ValueError, match="does not belong"):
            second.declare_market(definition(XSY), [instrument("XS01", XSX)])


async def test_a_source_that_is_kept_waiting_is_impaired_until_it_gets_on(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The disk hangs: trades wait for it, batches wait for the trades, and the source for the batches."""
    settings = {"inbound_events_max": 100, "backpressure_seconds_max": 5.0}
    async with world(tmp_path, pending_max=50, **settings) as daemon:
        source, other = daemon.source("venue"), daemon.source("other")
        await begin(source)
        await begin(other, XSY)
        subscriber = daemon.subscriber()
        subscriber.subscribe("Markets")
        daemon.thread.gate = gate = trio.Event()
        published: list[int] = []

        async def flood() -> None:
            now = daemon.clock.now()
            for number in range(10):
                await source.publish([trade(number * 60 + index + 1, now) for index in range(60)])
                published.append(number)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(flood)
            await trio.sleep(4)
            assert len(published) < 9
            assert subscriber.read("Markets") == []
            await trio.sleep(2)
            (states,) = subscriber.read("Markets")
            assert [(state["Code"], state["Feed"]) for state in states] == [("XSX", "Impaired")]
            assert "faster" in daemon.markets.status_reason(XSX)
            gate.set()
        await source.wait_drained()
        await trio.sleep(2)
        (states,) = subscriber.read("Markets")
        assert [(state["Code"], state["Feed"]) for state in states] == [("XSX", "Active")]
        assert len(trades_of(daemon, XSX)) == 600


# The past


async def test_backfill(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world(tmp_path) as daemon:
        source = daemon.source("venue")
        await begin(source, day=TUESDAY)
        subscriber = daemon.subscriber()
        subscriber.subscribe("Trades!XS01.XSX")
        subscriber.subscribe("Security!XS01.XSX")
        assert await source.last_known(XS01) is None
        await source.backfill(XS01, MONDAY, [trade(1, 1), trade(2, 2)])
        await settle()
        assert subscriber.read("Trades!XS01.XSX") == []
        known = await source.last_known(XS01)
        assert known is not None
        assert (known.trading_date, known.trade_id) == (MONDAY, 2)
        await source.backfill(XS01, TUESDAY, [trade(3, 3, price=110), trade(4, 4, price=111)])
        await settle()
        assert subscriber.read("Trades!XS01.XSX") == [[{"O": "I", "ID": 4}]]
        (security,) = subscriber.read("Security!XS01.XSX")
        assert (security["NumberOfTrades"], security["Last"]) == (2, 1.11)
        await source.publish([trade(5, 5)])
        await settle()
        assert trades_of(daemon, XSX) == [3, 4, 5]
        with pytest.raises(ValueError, match="not declared"):
            await source.backfill(XS01_Y, MONDAY, [trade(1, 1, market=XSY)])
    async with world(tmp_path) as daemon:
        source = daemon.source("venue")
        await begin(source, day=None)
        assert trades_of(daemon, XSX) == [3, 4, 5]
        market = daemon.markets.find(XSX)
        assert market is not None
        assert market.trading_date == TUESDAY


# Sources that do too much


async def slices_of_a_flood(tmp_path: Path, *others: str) -> int:
    """In how many goes 1,000 batches are applied, on a clock that goes on by 0.1 ms with each look.

    The queue holds too few of them for any to be joined.
    """
    async with world(tmp_path, inbound_events_max=100) as daemon, trio.open_nursery() as nursery:
        for name in others:
            daemon.source(name)
        feed = daemon.markets.add_source("venue")
        looks = itertools.count()
        nursery.start_soon(feed.run, lambda: next(looks) * 0.0001)
        source = daemon.attempt("venue", 1)
        await begin(source)
        flushes, ids_given = {}, itertools.count(1)
        for moment in ("before", "after"):
            if moment == "after":
                for _ in range(1_000):
                    await source.publish([trade(next(ids_given), 0) for _ in range(7)])
                await source.wait_drained()
            flushes[moment] = daemon.metrics.registry.get_sample_value("zenithd_flush_seconds_count") or 0
        nursery.cancel_scope.cancel()
    return round(flushes["after"] - flushes["before"])


async def test_batches_are_joined_when_the_daemon_is_behind(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """What waits in many batches reaches subscribers in few messages, and all of it."""
    async with world(tmp_path) as daemon:
        source = daemon.source("venue")
        await begin(source)
        subscriber = daemon.subscriber()
        subscriber.subscribe("Trades!XS01.XSX")
        for number in range(1, 101):
            await source.publish([trade(number, number)])
        await settle()
        messages = subscriber.read("Trades!XS01.XSX")
        assert len(messages) < 20
        told = [change["Trade"]["ID"] for message in messages for change in message if change["O"] == "A"]
        assert told == list(range(1, 101))
        assert trades_of(daemon, XSX) == list(range(1, 101))


async def test_a_flood_of_one_of_several_sources_is_applied_in_smaller_slices(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    alone = await slices_of_a_flood(tmp_path / "a")
    beside_another = await slices_of_a_flood(tmp_path / "b", "other")
    assert beside_another > 4 * alone


async def test_a_status_that_comes_and_goes_is_logged_once_a_second(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    with capture_logs() as logs:
        async with world(tmp_path) as daemon:
            source = daemon.source("venue")
            await begin(source)
            for _ in range(30):
                source.set_status(XSX, FeedStatus.IMPAIRED, "connection lost")
                source.set_status(XSX, FeedStatus.ACTIVE)
                await trio.sleep(0.1)
    told = [entry for entry in logs if entry["event"] == "feed status"]
    assert 6 <= len(told) <= 8
