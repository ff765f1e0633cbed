"""A whole trading day of the demonstration market, watched by a client written from the protocol alone.

The daemon is a real one in a process of its own; its wall clock goes on when the test has seen what it waits
for. The client knows sockets and JSON, and nothing of zenithd.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
from trio_websocket import WebSocketConnection, open_websocket_url

from tests.daemon.conftest import DaemonProcess
from tests.reliability.lib_site import configuration

WAIT_SECONDS_MAX = 60.0
CODES = [f"XS{number:02}" for number in range(1, 11)]
HALTED = CODES[0]
CROSSED_MIN = 5
"""Of the symbols, so many have orders that would trade when an auction comes."""
CONFIG = configuration(
    {
        "users.demo": {"password": "demo", "markets": ["*"]},
        "users.operator": {
            "password": "operator",
            "scopes": ["Prodigy/Exchange", "Prodigy/Symbol", "Prodigy/Control"],
        },
        "plugins.prodigy": {"rate": 2.0, "history_days": 0, "second_market": False},
    }
)
DAY = [
    ["07:00", "StartOfDay"], ["07:00", "PreOpen"],
    ["09:45", "PreAuction"], ["10:00", "Auction"], ["10:00", "Open"],
    ["16:00", "PreAuction"], ["16:10", "Auction"], ["16:10", "PreClose"],
    ["16:20", "Closed"], ["17:00", "EndOfDay"],
]  # fmt: skip
TIMETABLE = {"time_zone": "Australia/Sydney", "plans": {"usual": DAY}, "weekdays": ["usual"] * 7}

ORDERS = {"OrderPlace", "OrderAmend", "OrderCancel"}
ALLOWED = {
    "PreOpen": ORDERS,
    "Open": ORDERS | {"Match"},
    "PreAuction": ORDERS,
    "Auction": {"Match"},
    "PreClose": {"OrderCancel"},
    "Closed": set(),
    "Inquiry": set(),
    "TradingHalt": ORDERS,
    "Suspend": set(),
}
"""What each status allows: the exchange's table of statuses."""

KINDS = ("Security", "Depth", "Trades")

Message = dict[str, Any]


class ClockedDaemon(DaemonProcess):
    """A daemon whose wall clock is moved by the test."""

    program = ("-m", "tests.daemon.clocked_daemon", "--start", "2026-01-05T06:00:00+11:00")
    stdin = subprocess.PIPE

    def at(self, time: str, day: int = 5) -> None:
        """Let it be so late."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"2026-01-{day:02}T{time}:00+11:00\n".encode())
        self.process.stdin.flush()


class Symbol:
    """What a subscriber keeps of a symbol, and what it has seen of it."""

    def __init__(self) -> None:
        self.security: Message = {}
        self.book: dict[str, Message] = {}
        self.trades: dict[int, Message] = {}
        self.states: list[str] = []
        self.indicative: list[tuple[Any, Any, Any]] = []
        """Price, quantity and surplus, whenever they changed."""
        self.indicated: list[tuple[Any, Any, Any]] = []
        """What stood there when an auction came."""

    def apply(self, kind: str, data: Any) -> None:
        """Take over what came on one of the symbol's topics."""
        if kind == "Security":
            self._change_security(data)
        elif kind == "Depth":
            for change in data:
                self._change_book(change)
        else:
            for change in data:
                if change["O"] in ("A", "U"):
                    self.trades[change["Trade"]["ID"]] = change["Trade"]

    def _change_security(self, data: Message) -> None:
        if data.get("TradingState") == "Auction":
            self.indicated.append(self.indicative[-1])
        self.security = dict(data) if "Code" in data else {**self.security, **data}
        _append_if_new(self.states, self.security["TradingState"])
        price, quantity, surplus = (
            self.security.get(f"Auction{name}") for name in ("Price", "Quantity", "Remainder")
        )
        _append_if_new(self.indicative, (price, quantity, surplus))

    def _change_book(self, change: Message) -> None:
        if change["O"] == "C":
            self.book.clear()
            return
        order = change["Order"]
        if change["O"] == "R":
            del self.book[order["ID"]]
        else:
            self.book[order["ID"]] = {**self.book.get(order["ID"], {}), **order}


class Watcher:
    """A subscriber who keeps what the protocol says a subscriber keeps."""

    def __init__(self, socket: WebSocketConnection) -> None:
        self._socket = socket
        self._number = 0
        self._answers: dict[int, Any] = {}
        self._confirmed: set[str] = set()
        self._news = trio.Event()
        self.market: Message = {}
        self.statuses: list[str] = []
        """Of the market, one after the other."""
        self.symbols = {code: Symbol() for code in CODES}

    async def read(self) -> None:
        """Apply what comes, for ever."""
        while True:
            message: Message = json.loads(await self._socket.get_message())
            assert message.get("Action") in (None, "Sub"), message
            if message.get("Action") == "Sub":
                assert message["Confirm"] is True, message
                self._confirmed.add(message["Topic"])
            elif "TransactionID" in message:
                self._answers[message["TransactionID"]] = message.get("Data")
            else:
                self._apply(message["Topic"], message["Data"])
            self._news.set()
            self._news = trio.Event()

    def _apply(self, topic: str, data: Any) -> None:
        kind, _, symbol = topic.partition("!")
        if kind != "Markets":
            self.symbols[symbol.partition(".")[0]].apply(kind, data)
            return
        for market in data:
            if market["Code"] == "XSX":
                self.market = market
                _append_if_new(self.statuses, market["Status"])

    async def until(self, what: Callable[[], bool]) -> None:
        """Return as soon as something has been seen."""
        with trio.fail_after(WAIT_SECONDS_MAX):
            while not what():
                await self._news.wait()

    async def ask(self, controller: str, topic: str, data: Any = None) -> Any:
        """The answer to a question."""
        self._number += 1
        number = self._number
        message = {"Controller": controller, "Topic": topic, "Action": "Publish", "TransactionID": number}
        await self._socket.send_message(json.dumps({**message, "Data": data}))
        await self.until(lambda: number in self._answers)
        return self._answers.pop(number)

    async def subscribe(self, topic: str) -> None:
        """Subscribe, and have the state."""
        message = {"Controller": "Market", "Topic": topic, "Action": "Sub", "Confirm": True}
        await self._socket.send_message(json.dumps(message))
        await self.until(lambda: topic in self._confirmed)

    async def until_status(self, status: str) -> None:
        """The market and all its symbols have this status."""
        await self.until(
            lambda: (
                self.market.get("Status") == status
                and all(symbol.security.get("TradingState") == status for symbol in self.symbols.values())
            )
        )

    async def trades_of_the_day(self, code: str) -> dict[int, Message]:
        """All trades so far, as the server has them."""
        answer = await self.ask("Market", "QueryTrades", {"Market": "XSX", "Code": code})
        return {change["Trade"]["ID"]: change["Trade"] for change in answer}

    async def all_trades(self) -> dict[str, dict[int, Message]]:
        """Of all symbols."""
        return {code: await self.trades_of_the_day(code) for code in CODES}

    async def orders(self, code: str) -> dict[str, Message]:
        """The orders in the book, as the server has them."""
        answer = await self.ask("Market", "QueryDepthFull", {"Market": "XSX", "Code": code})
        return {change["Order"]["ID"]: change["Order"] for change in answer if change["O"] == "A"}


def _append_if_new(values: list[Any], value: Any) -> None:
    if not values or values[-1] != value:
        values.append(value)


@asynccontextmanager
async def watching(daemon: DaemonProcess) -> AsyncIterator[Watcher]:
    """A client that is logged in and subscribed to everything of the market."""
    async with open_websocket_url(daemon.url, subprotocols=["ZenithJson"]) as socket:
        watcher = Watcher(socket)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watcher.read)
            login = {"Provider": "BasicAuth", "ClientID": "watcher", "UserName": "demo", "Password": "demo"}
            assert (await watcher.ask("Auth", "AuthOwner", login))["Result"] == "Success"
            for topic in ("Markets", *(f"{kind}!{c}.XSX" for kind in KINDS for c in CODES)):
                await watcher.subscribe(topic)
            yield watcher
            nursery.cancel_scope.cancel()


class Operator:
    """Who operates the market over REST."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def do(self, method: str, path: str, body: Any) -> None:
        """Something that must be carried out."""
        answer = await self._client.request(method, path, json=body)
        assert answer.status_code in (200, 201), answer.text

    async def act(self, action: str, body: Any) -> None:
        """An action on one symbol."""
        await self.do("POST", f"/market/XSX/symbol/{HALTED}/action/{action}", body)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[ClockedDaemon]:
    with ClockedDaemon(tmp_path, CONFIG) as daemon:
        daemon.wait_ready()
        yield daemon


async def test_a_trading_day(daemon: ClockedDaemon) -> None:
    async with (
        watching(daemon) as watcher,
        httpx2.AsyncClient(
            base_url=f"http://{daemon.address}", auth=("operator", "operator"), timeout=WAIT_SECONDS_MAX
        ) as client,
    ):
        operator = Operator(client)
        assert watcher.market["TradingDate"] == "2026-01-05"
        await check_what_is_told_of_the_market(watcher, operator)
        await operator.do("PUT", "/market/XSX/timetable", TIMETABLE)
        await check_opening(daemon, watcher)
        await check_trading(watcher, operator)
        await check_close(daemon, watcher)
        await check_next_day(daemon, watcher)
        assert watcher.statuses == [
            "Open", "PreOpen", "PreAuction", "Auction", "Open",
            "PreAuction", "Auction", "PreClose", "Closed", "PreOpen",
        ]  # fmt: skip
        halted = ["Open", "TradingHalt", "Open"]
        for code, symbol in watcher.symbols.items():
            trading = halted if code == HALTED else ["Open"]
            begun = symbol.states.index("PreOpen")
            assert symbol.states[begun:] == [
                "PreOpen", "PreAuction", "Auction", *trading,
                "PreAuction", "Auction", "PreClose", "Closed", "PreOpen",
            ]  # fmt: skip


async def check_what_is_told_of_the_market(watcher: Watcher, operator: Operator) -> None:
    states = await watcher.ask("Market", "QueryTradingStates", {"Market": "XSX"})
    allowed = {state["Name"]: _flags(state["Allows"]) for state in states}
    assert allowed == ALLOWED
    assert {state["Reason"] for state in states if state["Name"] == "TradingHalt"} == {"TradingHalt"}
    table = {"Low": 0, "High": 100, "Tick": 0.5}
    await operator.do("POST", "/market/XSX/action/TickTable.Add", {"Name": "COARSE", "TickTable": [table]})
    tables = await watcher.ask("Market", "QueryTickTables", {"Market": "XSX"})
    steps = {table["Code"]: table["Steps"] for table in tables}
    assert watcher.symbols[HALTED].security["TickTable"] in steps
    assert [(step["Low"], step["Size"]) for step in steps["COARSE"]] == [(0, 0.5)]


def _flags(text: str) -> set[str]:
    flags = {flag.strip() for flag in text.split(",")} - {"", "None"}
    if "OrdersOnly" in flags:
        flags |= {"OrderPlace", "OrderAmend", "OrderMove", "OrderCancel"}
    return flags - {"OrdersOnly", "OrderMove"}


async def check_opening(daemon: ClockedDaemon, watcher: Watcher) -> None:
    """Orders are gathered, what they would come to is told, and they are matched at that price."""
    daemon.at("07:00")
    await watcher.until_status("PreOpen")
    before = await watcher.all_trades()
    daemon.at("09:45")
    await watcher.until_status("PreAuction")
    assert await watcher.all_trades() == before
    await check_auction(daemon, watcher, "10:00", "Open", before)
    await watcher.until(lambda: all(_has_traded(symbol) for symbol in watcher.symbols.values()))
    for code in CODES:
        orders = (await watcher.orders(code)).values()
        bids = [order["Price"] for order in orders if order["Side"] == "Bid"]
        asks = [order["Price"] for order in orders if order["Side"] == "Ask"]
        assert max(bids) < min(asks)


def _has_traded(symbol: Symbol) -> bool:
    """At least twice, and once continuously: trades of an auction have no aggressor."""
    return len(symbol.trades) > 1 and any("Side" in trade for trade in symbol.trades.values())


async def check_auction(
    daemon: ClockedDaemon, watcher: Watcher, time: str, after: str, before: dict[str, dict[int, Message]]
) -> None:
    """The indicative values move; all trades are at the price that was indicated last, and come to its
    quantity."""
    symbols = watcher.symbols
    seen = {code: len(symbol.indicative) for code, symbol in symbols.items()}
    await watcher.until(
        lambda: (
            any(len(symbol.indicative) >= seen[code] + 3 for code, symbol in symbols.items())
            and sum(symbol.indicative[-1][0] is not None for symbol in symbols.values()) >= CROSSED_MIN
        )
    )
    daemon.at(time)
    await watcher.until_status(after)
    uncrossed = 0
    for code, symbol in symbols.items():
        assert symbol.security["AuctionPrice"] is None
        price, quantity, _ = symbol.indicated[-1]
        trades = await watcher.trades_of_the_day(code)
        new = [trade for each, trade in trades.items() if each not in before[code] and "Side" not in trade]
        assert {trade["Price"] for trade in new} == ({price} - {None})
        assert sum(trade["Quantity"] for trade in new) == (quantity or 0)
        uncrossed += bool(new)
    assert uncrossed > 0


async def check_trading(watcher: Watcher, operator: Operator) -> None:
    """Trades are taken back and corrected; the symbol is halted and let go on."""
    symbol = watcher.symbols[HALTED]
    cancelled, corrected = sorted(symbol.trades)[-2:]
    assert "Flags" not in symbol.trades[cancelled]
    await operator.act("CancelTrade", {"TradeID": cancelled})
    await watcher.until(lambda: symbol.trades[cancelled].get("Flags") == "Cancel")
    await operator.act("CorrectTrade", {"TradeID": corrected, "Quantity": 1_234_567})
    await watcher.until(lambda: symbol.trades[corrected]["Quantity"] == 1_234_567)
    await operator.act("Status", {"Status": "TradingHalt"})
    await watcher.until(lambda: symbol.security["TradingState"] == "TradingHalt")
    assert watcher.market["Status"] == "Open"
    await operator.act("Status", {})
    await watcher.until_status("Open")
    trades = await watcher.trades_of_the_day(HALTED)
    assert (trades[cancelled]["Flags"], trades[corrected]["Quantity"]) == ("Cancel", 1_234_567)


async def check_close(daemon: ClockedDaemon, watcher: Watcher) -> None:
    """The closing auction; then nothing but cancels; then nothing; then orders for the day are over."""
    symbol = watcher.symbols[HALTED]
    daemon.at("16:00")
    await watcher.until_status("PreAuction")
    await check_auction(daemon, watcher, "16:10", "PreClose", await watcher.all_trades())
    gathered, traded = await watcher.orders(HALTED), await watcher.all_trades()
    daemon.at("16:20")
    await watcher.until_status("Closed")
    left = await watcher.orders(HALTED)
    assert left.items() <= gathered.items()
    assert await watcher.all_trades() == traded
    daemon.at("17:00")
    await watcher.until(lambda: len(symbol.book) < len(left))
    kept = await watcher.orders(HALTED)
    assert kept
    assert kept.items() < left.items()
    assert symbol.book.keys() == kept.keys()


async def check_next_day(daemon: ClockedDaemon, watcher: Watcher) -> None:
    """A new day begins with nothing traded, and with yesterday's last price as its close."""
    symbol = watcher.symbols[HALTED]
    last, kept = symbol.security["Last"], set(symbol.book)
    daemon.at("07:00", day=6)
    await watcher.until_status("PreOpen")
    await watcher.until(lambda: symbol.security["NumberOfTrades"] == 0)
    assert watcher.market["TradingDate"] == "2026-01-06"
    assert symbol.security["Close"] == last
    assert await watcher.trades_of_the_day(HALTED) == {}
    assert kept & set(symbol.book)
