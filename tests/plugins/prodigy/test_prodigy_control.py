"""Market Control (platform C.8) as an operator's client sees it: over a socket, with every status."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx2
import pytest
import trio

from zenithd.authority.access import Access
from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import MarketDefinition
from zenithd.domain.market_data import FeedStatus, Side
from zenithd.plugin import HttpRequest, JournalUnavailable
from zenithd.rest import Offers, RestServer
from zenithd.server.head import Peer, read_head
from zenithd.testing.clock import FakeClock
from zenithd.testing.daemon import MemoryDaemon
from zenithd_prodigy.control import routes
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.floor import Floor
from zenithd_prodigy.keeper import KeeperSettings, KeeperStopped
from zenithd_prodigy.model.definitions import Entity, SymbolDefinition
from zenithd_prodigy.model.statuses import Status

ALL_SCOPES = frozenset({"Prodigy/Exchange", "Prodigy/Symbol", "Prodigy/Control"})
STEPS = [{"Low": "0", "High": "1", "Tick": "0.01"}, {"Low": "1", "High": "1000", "Tick": "0.05"}]


def order(side: Side, price: int, entity: str = "A") -> c.PlaceOrder:
    return c.PlaceOrder(market="M", symbol="S", entity=entity, side=side, quantity=10, price=price)


class World:
    """A floor with the market M (symbol S, firms A and B) behind a REST server."""

    def __init__(self) -> None:
        self.daemon = MemoryDaemon("prodigy", clock=FakeClock())
        self.floor = Floor(self.daemon, KeeperSettings(), self._shown)
        self.when_shown: Callable[[], None] = lambda: None
        self.scopes = ALL_SCOPES
        self.client: httpx2.AsyncClient

    def _shown(self, definition: MarketDefinition, _: str) -> MarketDefinition:
        self.when_shown()
        return definition

    @property
    def model(self) -> Any:
        keeper = self.floor.find("M")
        assert keeper is not None
        return keeper.market.model

    async def authorise(self, header: str, _: Peer) -> Access:
        return Access(user=header, scopes=self.scopes)

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        answer = await self.client.request(method, path, json=body, **options)
        return answer.status_code, answer.json()

    async def act(self, path: str, **body: Any) -> tuple[int, Any]:
        """Status, and the result string or the code of the refusal."""
        status, told = await self.ask("POST", path, body)
        return status, told["Code"] if isinstance(told, dict) and "Code" in told else told

    async def do(self, command: Any) -> None:
        keeper = self.floor.find("M")
        assert keeper is not None
        assert isinstance(await keeper.execute(command), list)


@asynccontextmanager
async def controlled() -> AsyncIterator[World]:
    world = World()
    await world.floor.open()
    keeper = await world.floor.found(
        [
            c.CreateMarket(market="M", status=Status.OPEN),
            c.ListSymbol(market="M", definition=SymbolDefinition(code="S")),
            c.AddEntity(market="M", definition=Entity("A")),
            c.AddEntity(market="M", definition=Entity("B")),
        ]
    )
    offers = Offers(world.authorise, "1.2.3", lambda: 5.0)
    offers.offer("prodigy", routes(world.floor))
    server = RestServer(offers)

    async def serve(stream: trio.SocketStream) -> None:
        head = await read_head(stream, 65536)
        if head is not None:
            await server.serve(stream, stream.socket, head, Peer("127.0.0.1", secure=False))

    async with trio.open_nursery() as nursery:
        await world.floor.show(keeper, lambda _: [])
        world.floor.start(keeper, nursery)
        world.floor.open_to_all(keeper)
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"authorization": "Bearer operator"}, timeout=10
        ) as client:
            world.client = client
            yield world
        nursery.cancel_scope.cancel()


async def test_markets_are_shown() -> None:
    async with controlled() as world:
        assert await world.ask("GET", "/market") == (200, ["M"])
        status, market = await world.ask("GET", "/market/M")
        assert (status, market["Code"], market["Symbols"]) == (200, "M", ["S"])
        assert market["Data"]["Status"] == "Open"
        assert market["State"] is None
        _, market = await world.ask("GET", "/market/M?withState=true")
        assert market["State"]["Orders"] == 0
        status, told = await world.ask("GET", "/market/X")
        assert (status, told["Code"]) == (404, "Market")
        status, told = await world.ask("GET", "/market/M?withState=perhaps")
        assert (status, told["fields"][0]["field"]) == (400, "withState")


async def test_a_market_is_created_and_at_work() -> None:
    async with controlled() as world:
        body = {"Config": {"TimeZone": "Europe/Berlin"}, "Data": {"Status": "Open", "Name": "New"}}
        answer = await world.client.post("/market/N", json=body)
        assert (answer.status_code, answer.json()) == (201, "Created")
        assert answer.headers["location"] == "/market/N"
        assert world.daemon.status(MarketId("N")) is FeedStatus.ACTIVE
        assert world.daemon.markets[MarketId("N")].trading_state == "Open"
        assert await world.act("/market/N/action/Status", Status="Closed") == (200, "Changed")
        again = await world.act("/market/N")
        assert again == (409, "Code")
        assert await world.ask("GET", "/market") == (200, ["M", "N"])
        assert world.daemon.violations == []
        assert (await world.ask("GET", "/market/N"))[1]["Config"]["TimeZone"] == "Europe/Berlin"


async def test_a_market_is_created_closed_in_utc_if_nothing_is_said() -> None:
    async with controlled() as world:
        assert await world.act("/market/N") == (201, "Created")
        _, market = await world.ask("GET", "/market/N")
        assert (market["Config"]["TimeZone"], market["Data"]["Status"]) == ("UTC", "Closed")


@pytest.mark.parametrize(
    ("path", "body", "result"),
    [
        ("/market/N", {"MarketType": "Dark"}, (422, "MarketType")),
        ("/market/N", {"EngineType": "Dark"}, (422, "EngineType")),
        ("/market/N", {"TranslatorType": "Dark"}, (422, "TranslatorType")),
        ("/market/N", {"Config": {"TimeZone": "Mars/Olympus"}}, (422, "TimeZone")),
        ("/market/N", {"Data": {"Status": "Suspend"}}, (422, "Status")),
        ("/market/N%20N", {}, (422, "Code")),
    ],
)
async def test_markets_that_cannot_be(path: str, body: Any, result: tuple[int, str]) -> None:
    async with controlled() as world:
        assert await world.act(path, **body) == result
        assert await world.ask("GET", "/market") == (200, ["M"])


@pytest.mark.parametrize(
    "body",
    [
        {"Data": {"Status": "Ajar"}},
        {"Data": {"Naem": "x"}},
        {"Config": {"Settings": {"orders_max": 0}}},
        {"Config": 1},
        [],
    ],
)
async def test_a_malformed_body_is_400(body: Any) -> None:
    async with controlled() as world:
        for method, path in (("POST", "/market/N"), ("PUT", "/market/M")):
            status, told = await world.ask(method, path, body)
            assert (status, told["error"]) == (400, "Bad Request"), path


async def test_of_two_who_create_one_market_one_does() -> None:
    async with controlled() as world:
        results: list[tuple[int, Any]] = []

        async def create() -> None:
            results.append(await world.act("/market/N"))

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(create)
        assert sorted(results, key=str) == [(201, "Created")] + [(409, "Code")] * 3
        restored = Floor(world.daemon, KeeperSettings(), lambda definition, _: definition)
        await restored.open()
        assert restored.codes() == ["M", "N"]


async def test_a_market_is_changed() -> None:
    async with controlled() as world:
        body = {"Data": {"Name": "Other", "Status": "PreOpen"}, "Config": {"Settings": {"orders_max": 7}}}
        answer = await world.client.put("/market/M", json=body)
        assert (answer.status_code, answer.json(), answer.headers["location"]) == (
            201,
            "Changed",
            "/market/M",
        )
        assert (world.model.definition.name, world.model.status) == ("Other", Status.PRE_OPEN)
        assert world.model.definition.settings.orders_max == 7
        assert await world.ask("PUT", "/market/M", {"Data": {"Status": "Open"}}) == (201, "Changed")
        assert world.daemon.markets[MarketId("M")].trading_state == "Open"
        for path, wrong, result in (
            ("/market/X", {}, (404, "Market")),
            ("/market/M", {}, (422, "NothingToChange")),
            ("/market/M", {"Config": {"TimeZone": "Mars"}}, (422, "TimeZone")),
            ("/market/M", {"Data": {"Status": "TradingHalt"}}, (422, "Status")),
        ):
            status, told = await world.ask("PUT", path, wrong)
            assert (status, told["Code"]) == result


async def test_a_change_is_made_whole_or_not_at_all() -> None:
    async with controlled() as world:
        body = {"Data": {"Name": "Other", "Status": "Suspend"}}
        status, told = await world.ask("PUT", "/market/M", body)
        assert (status, told["Code"]) == (422, "Status")
        assert world.model.definition.name == ""


async def test_a_market_is_removed_and_can_come_again() -> None:
    async with controlled() as world:
        await world.do(order(Side.BID, 100))
        assert await world.ask("DELETE", "/market/M") == (200, "Removed")
        status, told = await world.ask("DELETE", "/market/M")
        assert (status, told["Code"]) == (404, "Market")
        assert await world.ask("GET", "/market") == (200, [])
        assert await world.act("/market/M") == (201, "Created")
        assert await world.ask("GET", "/market") == (200, ["M"])


async def test_a_market_is_renamed_and_its_books_with_it() -> None:
    async with controlled() as world:
        await world.do(order(Side.BID, 100))
        assert await world.act("/market/N") == (201, "Created")
        assert await world.act("/market/M/rename?newCode=N") == (409, "Code")
        assert await world.act("/market/M/rename?newCode=a%20b") == (422, "Code")
        status, told = await world.ask("POST", "/market/M/rename")
        assert (status, "newCode" in told["reason"]) == (400, True)
        assert await world.act("/market/X/rename?newCode=Y") == (404, "Market")
        assert await world.act("/market/M/rename?newCode=Y") == (200, "Renamed")
        assert await world.ask("GET", "/market") == (200, ["N", "Y"])
        assert world.daemon.status(MarketId("Y")) is FeedStatus.ACTIVE
        assert world.daemon.markets[MarketId("Y")].trading_state == "Open"
        assert world.daemon.prices("S.Y") == ({100: 10}, {})
        assert world.daemon.violations == []
        assert world.daemon.faults == []


async def test_symbols_are_listed_shown_changed_renamed_and_unlisted() -> None:
    async with controlled() as world:
        one = "/market/M/symbol/T"
        data = {"Name": "Tee", "Currency": "AUD", "Class": "ESVUFR", "LotSize": "0.5", "QuantityScale": 1}
        answer = await world.client.post(one, json={"Data": data})
        assert (answer.status_code, answer.json(), answer.headers["location"]) == (201, "Created", one)
        assert await world.act(one) == (409, "Code")
        status, symbol = await world.ask("GET", one + "?withState=true")
        assert (status, symbol["Code"], symbol["Market"]) == (200, "T", "M")
        assert {name: symbol["Data"][name] for name in data} == data
        assert symbol["State"]["Status"] == "Open"
        assert world.daemon.view("T.M") is not None
        changed = await world.client.put(one, json={"Data": {"Name": "Tea", "Attributes": {"a": "b"}}})
        assert (changed.status_code, changed.json(), changed.headers["location"]) == (201, "Changed", one)
        assert world.model.symbols["T"].definition.name == "Tea"
        assert world.model.symbols["T"].definition.currency == "AUD"
        assert await world.act(one + "/rename?newCode=S") == (409, "Code")
        assert await world.act(one + "/rename?newCode=U") == (200, "Renamed")
        assert await world.ask("DELETE", "/market/M/symbol/U") == (200, "Removed")
        assert set(world.model.symbols) == {"S"}
        assert world.daemon.faults == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "/rename?newCode=Z"),
        ("POST", "/action/Status"),
        ("POST", "/action/BulkCancel"),
    ],
)
async def test_what_is_not_there_is_404(method: str, path: str) -> None:
    async with controlled() as world:
        for where, code in (("/market/M/symbol/X", "Symbol"), ("/market/X/symbol/S", "Market")):
            status, told = await world.ask(method, where + path, {} if method in ("PUT", "POST") else None)
            assert (status, told["Code"]) == (404, code)


@pytest.mark.parametrize(
    ("data", "result"),
    [
        ({"TickTable": "none such"}, (422, "TickTable")),
        ({"LotSize": "0.5"}, (422, "LotSize")),
        ({"LotSize": "0"}, (422, "Definition")),
    ],
)
async def test_symbols_that_cannot_be(data: Any, result: tuple[int, str]) -> None:
    async with controlled() as world:
        assert await world.act("/market/M/symbol/T", Data=data) == result
        status, told = await world.ask("PUT", "/market/M/symbol/S", {"Data": data})
        assert (status, told["Code"]) == result
        assert (await world.ask("POST", "/market/M/symbol/T", {"Data": {"PriceScale": 10}}))[0] == 400


async def test_firms() -> None:
    async with controlled() as world:
        await world.do(order(Side.BID, 100))
        one = "/market/M/entity/C"
        assert await world.ask("POST", one, {"Name": "Cee", "Type": "PE"}) == (201, "Created")
        assert await world.act(one) == (409, "Code")
        assert await world.ask("PUT", one, {"CanTrade": False}) == (201, "Changed")
        _, firms = await world.ask("GET", "/market/M/entity")
        assert [(firm["Code"], firm["CanTrade"]) for firm in firms] == [
            ("A", True),
            ("B", True),
            ("C", False),
        ]
        assert await world.act("/market/M/rename/entity/A?newCode=C") == (409, "Code")
        assert await world.act("/market/M/rename/entity/A?newCode=D") == (200, "Renamed")
        assert [each.party.entity for each in world.model.symbols["S"].orders.values()] == ["D"]
        assert await world.act("/market/M/rename/entity/A?newCode=E") == (404, "Entity")
        status, told = await world.ask("DELETE", "/market/M/entity/D")
        assert (status, told["Code"]) == (422, "EntityInUse")
        assert await world.ask("DELETE", one) == (200, "Removed")
        assert (await world.ask("PUT", one, {}))[0] == 404
        assert (await world.ask("POST", one, {"Type": "XX"}))[0] == 400


async def test_actions_on_a_market() -> None:
    async with controlled() as world:
        action = "/market/M/action/"
        assert await world.act(action + "Status", Status="PreAuction") == (200, "Changed")
        assert world.model.status is Status.PRE_AUCTION
        assert await world.act(action + "TickTable.Update", Name="t", TickTable=STEPS) == (422, "TickTable")
        assert await world.act(action + "TickTable.Add", Name="t", TickTable=STEPS) == (200, "Added")
        assert await world.act(action + "TickTable.Add", Name="t", TickTable=STEPS) == (422, "Name")
        assert await world.act(action + "TickTable.Update", Name="t", TickTable=STEPS[:1]) == (200, "Updated")
        assert len(world.model.tick_tables["t"].steps) == 1
        assert (await world.ask("PUT", "/market/M/symbol/S", {"Data": {"TickTable": "t"}}))[0] == 201
        assert await world.act(action + "TickTable.Remove", Name="t") == (422, "TickTableInUse")
        assert (await world.ask("PUT", "/market/M/symbol/S", {"Data": {"TickTable": ""}}))[0] == 201
        assert await world.act(action + "TickTable.Remove", Name="t") == (200, "Removed")
        assert await world.act(action + "TickTable.Remove", Name="t") == (422, "TickTable")
        assert await world.act("/market/X/action/Status", Status="Open") == (404, "Market")
        assert await world.act(action + "BulkCancel") == (404, "Action")


async def test_actions_on_a_symbol() -> None:
    async with controlled() as world:
        action = "/market/M/symbol/S/action/"
        symbol = world.model.symbols["S"]
        assert await world.act(action + "Status", Status="TradingHalt") == (200, "Changed")
        assert symbol.status is Status.TRADING_HALT
        assert await world.act(action + "Status") == (200, "Changed")
        assert symbol.status is None
        assert await world.act(action + "Reference", Name="Close", Price="1.25") == (200, "Changed")
        assert symbol.references == {"Close": 125}
        assert await world.act(action + "Reference", Name="Close") == (200, "Changed")
        assert symbol.references == {}
        assert await world.act(action + "PriceLimits", Low="0.50", High="2") == (200, "Changed")
        assert (symbol.limits.low, symbol.limits.high) == (50, 200)
        assert await world.act(action + "PriceLimits") == (200, "Changed")
        assert symbol.limits is None
        for command in (order(Side.BID, 100), order(Side.ASK, 100, "B"), order(Side.BID, 99)):
            await world.do(command)
        assert await world.act(action + "CorrectTrade", TradeID=1, Price="1.01") == (200, "Corrected")
        assert symbol.trades.get(1).price == 101
        assert await world.act(action + "CancelTrade", TradeID=1) == (200, "Cancelled")
        assert await world.act(action + "CancelTrade", TradeID=1) == (422, "TradeCancelled")
        assert await world.act(action + "CancelTrade", TradeID=9) == (422, "Trade")
        assert await world.act(action + "BulkCancel", Reason="Manual") == (200, "Cancelled")
        assert symbol.orders == {}
        assert await world.act(action + "BulkCancel", Reason="Cancel") == (200, "Cancelled")  # of nothing


@pytest.mark.parametrize(
    ("name", "body", "result"),
    [
        ("Reference", {}, (422, "Parameters")),
        ("Reference", {"Name": "x", "Quantity": 1}, (422, "Parameters")),
        ("Reference", {"Name": "x", "Price": "1.001"}, (422, "Price")),
        ("Reference", {"Name": "x", "Price": "1e30"}, (422, "Price")),
        ("Reference", {"Name": "x", "Price": "-1"}, (422, "Price")),
        ("Reference", {"Name": "x"}, (422, "NothingToChange")),
        ("BulkCancel", {"Status": "Open"}, (422, "Parameters")),
        ("CancelTrade", {}, (422, "Parameters")),
        ("CorrectTrade", {"TradeID": 1, "Quantity": "0.5"}, (422, "Quantity")),
        ("TickTable.Add", {"Name": "x", "TickTable": []}, (404, "Action")),
        ("PriceLimits", {"Low": "2", "High": "1"}, (422, "Definition")),
    ],
)
async def test_actions_that_cannot_be(name: str, body: Any, result: tuple[int, str]) -> None:
    async with controlled() as world:
        assert await world.act(f"/market/M/symbol/S/action/{name}", **body) == result


@pytest.mark.parametrize(
    "body", [{"Reason": "Whim"}, {"Colour": 1}, {"TradeID": "x"}, {"Price": "x"}, {"Status": "Ajar"}]
)
async def test_malformed_actions_are_400(body: Any) -> None:
    async with controlled() as world:
        for path in ("/market/M/action/Status", "/market/M/symbol/S/action/Status"):
            assert (await world.ask("POST", path, body))[0] == 400


async def test_a_timetable_with_days_set_apart() -> None:
    async with controlled() as world:
        plan = [["09:00", "StartOfDay"], ["10:00", "Open"], ["17:00", "EndOfDay"]]
        timetable = {"time_zone": "UTC", "plans": {"day": plan, "half": plan[:2]}, "weekdays": ["day"] * 7}
        day = "/market/M/holiday/2026-12-24"
        status, told = await world.ask("PUT", day, {"Name": "Eve"})
        assert (status, told["Code"]) == (422, "Timetable")
        assert await world.ask("PUT", "/market/M/timetable", timetable) == (200, "Changed")
        assert await world.ask("PUT", day, {"Plan": "half"}) == (200, "Changed")
        _, market = await world.ask("GET", "/market/M?withState=true")
        assert market["Timetable"]["special_days"] == {"2026-12-24": "half"}
        assert market["State"]["NextPhase"].startswith("StartOfDay at 2026-01-05T09:00")
        assert await world.ask("PUT", day, {"Name": "Eve"}) == (200, "Changed")
        assert list(world.model.timetable.holidays.values()) == ["Eve"]
        assert world.model.timetable.special_days == {}
        assert await world.ask("DELETE", day) == (200, "Changed")
        assert world.model.timetable.holidays == {}
        for path, body in ((day, {"Plan": "none such"}), ("/market/M/holiday/someday", {"Name": "x"})):
            status, told = await world.ask("PUT", path, body)
            assert (status, told["Code"]) == (422, "Day")
        assert (await world.ask("PUT", "/market/M/timetable", {**timetable, "time_zone": "Mars"}))[0] == 400
        assert await world.ask("DELETE", "/market/M/timetable") == (200, "Removed")
        assert world.model.timetable is None


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/market/M", "Prodigy/Exchange"),
        ("DELETE", "/market/M", "Prodigy/Exchange"),
        ("DELETE", "/market/M/symbol/S", "Prodigy/Symbol"),
        ("POST", "/market/M/symbol/S/action/BulkCancel", "Prodigy/Symbol"),
        ("POST", "/market/M/action/Status", "Prodigy/Control"),
        ("DELETE", "/market/M/timetable", "Prodigy/Control"),
        ("POST", "/market/M/rename/entity/A?newCode=Z", "Prodigy/Exchange"),
    ],
)
async def test_every_path_needs_its_scope(method: str, path: str, scope: str) -> None:
    async with controlled() as world:
        world.scopes = ALL_SCOPES - {scope}
        status, told = await world.ask(method, path, {})
        assert (status, scope in told["reason"]) == (403, True)


async def test_when_the_journal_refuses_the_operator_is_not_told_that_it_is_done() -> None:
    answers: list[tuple[int, str]] = []
    with pytest.raises(BaseExceptionGroup) as caught:
        async with controlled() as world:
            feed = world.daemon.kept.feeds["market 1"]
            feed.refuses = "the disk is full"
            handle = next(
                one.handle
                for one in routes(world.floor)
                if one.method == "DELETE" and one.path.endswith("{symbol}")
            )
            with trio.CancelScope(shield=True):
                answer = await handle(HttpRequest(user="", path={"market": "M", "symbol": "S"}, query={}))
            answers.append((answer.status, answer.content.code))
            await trio.lowlevel.checkpoint()
    assert caught.group_contains(JournalUnavailable)
    assert not caught.group_contains(AssertionError)
    assert answers == [(503, "Fault")]


async def test_a_request_that_comes_again_under_its_name_has_no_second_effect() -> None:
    async with controlled() as world:
        name = {"Idempotency-Key": "one"}
        rename = ("POST", "/market/M/symbol/S/rename?newCode=T", None)
        assert (await world.ask(*rename, headers=name))[0] == 200
        await world.do(c.ListSymbol(market="M", definition=SymbolDefinition(code="S")))
        status, told = await world.ask(*rename, headers=name)
        assert (status, told["Code"]) == (422, "DuplicateCommand")
        assert set(world.model.symbols) == {"S", "T"}
        close = ("POST", "/market/M/action/Status", {"Status": "Closed"})
        assert (await world.ask(*close, headers={"Idempotency-Key": "two"}))[0] == 200
        await world.do(c.SetStatus(market="M", status=Status.OPEN))
        assert (await world.ask(*close, headers={"Idempotency-Key": "two"}))[0] == 422
        assert world.model.status is Status.OPEN
        others = await world.ask(*close, headers={"Idempotency-Key": "two", "authorization": "Bearer b"})
        assert others == (200, "Changed")  # another user's "two"


async def test_a_change_of_two_parts_that_was_cut_off_is_completed_when_it_comes_again() -> None:
    async with controlled() as world:
        keeper, calls = world.floor.find("M"), 0
        assert keeper is not None
        execute = keeper.execute

        async def stops_before_the_second(command: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise KeeperStopped
            return await execute(command)

        keeper.execute = stops_before_the_second  # type: ignore[method-assign]
        request = ("PUT", "/market/M", {"Data": {"Name": "New", "Status": "Closed"}})
        name = {"Idempotency-Key": "one"}
        assert (await world.ask(*request, headers=name))[0] == 503
        assert (world.model.definition.name, world.model.status) == ("New", Status.OPEN)
        assert await world.ask(*request, headers=name) == (201, "Changed")
        assert world.model.status is Status.CLOSED
        await world.do(c.SetStatus(market="M", status=Status.OPEN))
        assert (await world.ask(*request, headers=name))[1]["Code"] == "DuplicateCommand"
        assert world.model.status is Status.OPEN


async def test_a_market_that_was_removed_is_not_created_again_by_an_old_request() -> None:
    async with controlled() as world:
        name = {"Idempotency-Key": "one"}
        assert (await world.ask("POST", "/market/N", {}, headers=name))[0] == 201
        assert (await world.ask("DELETE", "/market/N"))[0] == 200
        status, told = await world.ask("POST", "/market/N", {}, headers=name)
        assert (status, told["Code"]) == (422, "DuplicateCommand")
        assert await world.ask("GET", "/market") == (200, ["M"])
        assert (await world.ask("POST", "/market/N", {}))[0] == 201


async def test_no_change_of_the_calendar_undoes_another() -> None:
    async with controlled() as world:
        timetable = {"time_zone": "UTC", "plans": {"day": [["10:00", "Open"]]}, "weekdays": ["day"] * 7}
        assert await world.ask("PUT", "/market/M/timetable", timetable) == (200, "Changed")
        days = [f"2026-12-{day}" for day in range(10, 20)]

        async def set_apart(day: str) -> None:
            assert await world.ask("PUT", f"/market/M/holiday/{day}", {"Name": day}) == (200, "Changed")

        async with trio.open_nursery() as nursery:
            for day in days:
                nursery.start_soon(set_apart, day)
        assert sorted(each.isoformat() for each in world.model.timetable.holidays) == days


async def test_settings_that_are_not_named_stay() -> None:
    async with controlled() as world:
        for settings in ({"orders_max": 7}, {"self_trade": "reduce"}):
            body = {"Config": {"Settings": settings}}
            assert await world.ask("PUT", "/market/M", body) == (201, "Changed")
        settings = world.model.definition.settings
        assert (settings.orders_max, settings.self_trade.value) == (7, "reduce")
        status, told = await world.ask("PUT", "/market/M", {"Config": {"Settings": {"orders_max": 0}}})
        assert (status, told["fields"][0]["field"]) == (400, "Config.Settings.orders_max")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/market/M", {"Data": {"Name": "n" * 201}}, "Data.Name"),
        ("/market/M", {"Data": {"Currency": "n" * 201}}, "Data.Currency"),
        ("/market/M/symbol/S", {"Data": {"Class": "stock"}}, "Data.Class"),
        ("/market/M/symbol/S", {"Data": {"Attributes": {"a": "n" * 201}}}, "Data.Attributes[...]"),
        ("/market/M/symbol/S", {"Data": {"Alternates": {str(n): "" for n in range(101)}}}, "Data.Alternates"),
        ("/market/M/entity/A", {"Name": "n" * 201}, "Name"),
    ],
)
async def test_what_every_subscriber_is_sent_is_not_of_any_length(path: str, body: Any, field: str) -> None:
    async with controlled() as world:
        status, told = await world.ask("PUT", path, body)
        assert (status, told["fields"][0]["field"]) == (400, field)


async def test_an_operator_begins_and_ends_the_trading_day() -> None:
    async with controlled() as world:
        act = "/market/M/action/"
        assert await world.act(act + "EndOfDay") == (422, "TradingDate")
        assert await world.act(act + "StartOfDay") == (422, "Parameters")
        assert await world.act(act + "StartOfDay", TradingDate="2026-01-05") == (200, "Changed")
        await world.do(order(Side.BID, 100))
        assert await world.act(act + "EndOfDay") == (200, "Changed")
        assert world.model.order_count == 0


async def test_a_symbol_is_changed_with_its_status() -> None:
    async with controlled() as world:
        one = "/market/M/symbol/S"
        body = {"Data": {"Name": "Ess", "Status": "TradingHalt"}}
        assert await world.ask("PUT", one, body) == (201, "Changed")
        symbol = world.model.symbols["S"]
        assert (symbol.definition.name, symbol.status) == ("Ess", Status.TRADING_HALT)
        assert await world.ask("PUT", one, {"Data": {"Status": None}}) == (201, "Changed")
        assert symbol.status is None


async def test_price_limits_are_shown() -> None:
    async with controlled() as world:
        one = "/market/M/symbol/S"
        _, shown = await world.ask("GET", one + "?withState=true")
        assert shown["State"]["PriceLimits"] is None
        assert await world.act(one + "/action/PriceLimits", Low=1.5) == (200, "Changed")
        _, shown = await world.ask("GET", one + "?withState=true")
        assert shown["State"]["PriceLimits"] == {"Low": "1.50", "High": None}


async def test_too_many_decimals_are_never_rounded() -> None:
    async with controlled() as world:
        price = "12.50" + "0" * 40 + "1"
        told = await world.act("/market/M/symbol/S/action/Reference", Name="Close", Price=price)
        assert told == (422, "Price")


async def test_a_market_whose_founder_goes_away_is_at_work() -> None:
    async with controlled() as world:
        with trio.CancelScope() as founder:
            world.when_shown = founder.cancel
            await world.floor.create("Standard", c.CreateMarket(market="N"))
        keeper = world.floor.find("N")
        assert keeper is not None
        with trio.fail_after(5):
            assert isinstance(await keeper.execute(c.SetStatus(market="N", status=Status.OPEN)), list)
        assert world.daemon.status(MarketId("N")) is FeedStatus.ACTIVE


async def test_a_market_under_the_code_of_one_that_was_renamed_repeats_no_number() -> None:
    async with controlled() as world:
        await world.do(order(Side.BID, 100))
        await world.do(order(Side.ASK, 100, "B"))
        assert world.model.symbols["S"].next_trade_id == 2
        used = world.model.next_order
        assert await world.act("/market/M/rename?newCode=N") == (200, "Renamed")
        assert await world.act("/market/M") == (201, "Created")
        assert await world.act("/market/M/symbol/S") == (201, "Created")
        assert world.model.symbols["S"].next_trade_id == 2
        assert world.model.next_order == used
