"""A market that changes while it is watched: a new day, listings that come and go. Over real sockets."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.daemon.conftest import Client, DaemonProcess

CONFIG = """
[users.demo]
password = "demo"

[markets]
mixed = ["DAY+STEPS"]

[[markets.delayed]]
market = "DAY"
delay_seconds = 1.0

[plugins.prodigy]
enabled = false
"""

PLUGIN = """
from datetime import date

from zenithd.domain.events import *
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus, Side
from zenithd.plugin import MarketSource, hookimpl

API_VERSION = 1
DAY, STEPS = MarketId("DAY"), MarketId("STEPS")
A1 = InstrumentId("A1.DAY")

class Scripted(MarketSource):
    holds_readiness = True

    async def run(self):
        declare = self.context.declare_market
        declare(MarketDefinition(id=DAY), [Instrument(code=code, market=DAY) for code in ("A1", "A2")])
        steps = ("new-day", "unlist", "declare-again", "end")
        declare(MarketDefinition(id=STEPS), [Instrument(code=code, market=STEPS) for code in steps])
        now = self.context.clock.now()
        await self.context.publish(
            [
                TradingDayStarted(DAY, date(2026, 1, 5)),
                MarketStateChanged(DAY, "Open"),
                OrderAdded(A1, "1", Side.BID, 99, 5, 1),
                TradeReported(A1, 1, 100, 10, now),
                TradeReported(A1, 2, 102, 10, now),
            ]
        )
        for market in (DAY, STEPS):
            self.context.set_status(market, FeedStatus.ACTIVE)
        await self.step("new-day")
        tomorrow = TradingDayStarted(DAY, date(2026, 1, 6))
        await self.context.publish([tomorrow, TradeReported(A1, 3, 101, 7, now)])
        await self.step("unlist")
        new = InstrumentListed(Instrument(code="A3", market=DAY))
        await self.context.publish([InstrumentUnlisted(A1), new])
        await self.step("declare-again")
        declare(MarketDefinition(id=DAY), [Instrument(code=code, market=DAY) for code in ("A3", "A4")])
        await self.step("end")

    async def step(self, name):
        wanted = frozenset()
        while InstrumentId(name + ".STEPS") not in wanted:
            wanted = await self.context.wait_wanted(wanted)

@hookimpl
def zenithd_market_sources():
    return [Scripted]
"""
"""Goes on whenever somebody subscribes to the next of its steps."""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    folder = tmp_path_factory.mktemp("days")
    information = folder / "site/scripted-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: scripted\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[zenithd.plugins]\nscripted = scripted_days\n")
    (folder / "site/scripted_days.py").write_text(PLUGIN)
    path = os.pathsep.join([str(folder / "site"), os.environ.get("PYTHONPATH", "")])
    with DaemonProcess(folder, CONFIG, PYTHONPATH=path) as daemon:
        daemon.wait_ready()
        yield daemon


def step(client: Client, name: str) -> None:
    """Let the venue do the next thing."""
    client.subscribe(f"Security!{name}.STEPS")


def state_of(client: Client, market: str) -> dict[str, object]:
    return next(state for state in client.ask("Market", "QueryMarkets")[0] if state["Code"] == market)


def test_a_day_in_the_life_of_a_market(daemon: DaemonProcess) -> None:
    with daemon.client("ZenithMsgPack") as client:
        client.log_in()
        markets = ("DAY", "DAY+STEPS")
        for market in markets:
            (security,) = client.subscribe(f"Security!A1.{market}")
            assert (security["NumberOfTrades"], security["Last"], security["Close"]) == (2, 1.02, None)
        assert client.subscribe("Trades!A1.DAY") == [[{"O": "I", "ID": 2}]]
        client.subscribe("Depth!A1.DAY")
        client.subscribe("Depth!A2.DAY")
        client.subscribe("Symbols!Market.DAY")
        client.subscribe("Markets")
        check_new_day(client, markets)
        check_unlisting(client)
        check_declaring_again(client)
        check_end(client)


def check_new_day(client: Client, markets: tuple[str, ...]) -> None:
    """The security comes whole, the tape begins anew, and the books stay."""
    step(client, "new-day")
    for market in markets:
        security = client.next_data(f"Security!A1.{market}")
        assert (security["Code"], security["Market"], security["Close"]) == ("A1", market, 1.02)
        if "NumberOfTrades" in security and security["NumberOfTrades"] == 0:
            security = client.next_data(f"Security!A1.{market}")
        assert (security["NumberOfTrades"], security["Last"], security["Volume"]) == (1, 1.01, 7)
    changes = [*client.next_data("Trades!A1.DAY")]
    if len(changes) == 1:
        changes += client.next_data("Trades!A1.DAY")
    assert [change["O"] for change in changes] == ["I", "A"]
    assert (changes[0]["ID"], changes[1]["Trade"]["ID"]) == (0, 3)
    assert state_of(client, "DAY")["TradingDate"] == "2026-01-06"
    request = {"Market": "DAY", "Code": "A1"}
    assert len(client.ask("Market", "QueryDepthFull", request)[0]) == 2
    today, errors = client.ask("Market", "QueryTrades", request)
    assert not errors
    assert [change["Trade"]["ID"] for change in today] == [3]
    yesterday, errors = client.ask("Market", "QueryTrades", {**request, "TradingDate": "2026-01-05"})
    assert not errors
    assert [change["Trade"]["ID"] for change in yesterday] == [1, 2]


def check_unlisting(client: Client) -> None:
    """What is gone ends with a reason, for the mix too; what is new can be subscribed to."""
    step(client, "unlist")
    topics = {"Security!A1.DAY", "Security!A1.DAY+STEPS", "Trades!A1.DAY", "Depth!A1.DAY"}
    ended = [client.wait_for(lambda one: one.get("Action") == "Unsub") for _ in topics]
    assert {message["Topic"] for message in ended} == topics
    for message in ended:
        instrument = message["Topic"].partition("!")[2]
        assert message["Data"] == f"Symbol.NotFound {instrument}"
        assert message["Confirm"] is True
    changes = client.next_data("Symbols!Market.DAY")
    assert [(change["O"], change["Symbol"]["Code"]) for change in changes] == [("R", "A1"), ("A", "A3")]
    assert client.refused("Depth!A1.DAY") == "Symbol.NotFound A1.DAY"
    client.subscribe("Depth!A3.DAY")


def check_declaring_again(client: Client) -> None:
    """What a new declaration does not name is gone; what it names again stays subscribed."""
    step(client, "declare-again")
    ended = client.wait_for(lambda one: one.get("Action") == "Unsub")
    assert (ended["Topic"], ended["Data"]) == ("Depth!A2.DAY", "Symbol.NotFound A2.DAY")
    changes = client.next_data("Symbols!Market.DAY")
    assert [(change["O"], change["Symbol"]["Code"]) for change in changes] == [("R", "A2"), ("A", "A4")]
    found, errors = client.ask("Market", "SearchSymbols", {"Markets": ["DAY"], "FullSymbol": False})
    assert not errors
    assert [symbol["Code"] for symbol in found] == ["A3", "A4"]


def check_end(client: Client) -> None:
    """A source that has ended leaves its markets Closed, with what they show."""
    client.backlog = [one for one in client.backlog if one.get("Topic") != "Markets"]
    step(client, "end")
    closed: set[str] = set()
    while closed != {"DAY", "STEPS", "DAY+STEPS", "DAY[Delayed]"}:
        closed |= {state["Code"] for state in client.next_data("Markets") if state["Feed"] == "Closed"}
    assert client.ask("Market", "QueryDepthFull", {"Market": "DAY", "Code": "A3"}) == ([{"O": "C"}], [])
