"""A subscriber that keeps what it is told, and asks the server whether that is what the server has.

Shares no code with zenithd. An answer that is long is made beside the stream of updates: it must be right for
one moment between the question and its arrival.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

ANSWER_SECONDS_MAX = 30.0

Message = dict[str, Any]


class Difference(AssertionError):
    """What was kept is not what the server has."""


class Book:
    """Orders by id."""

    def __init__(self) -> None:
        self.orders: dict[str, Message] = {}

    def copy(self) -> Book:
        """The same orders, which may change by themselves."""
        book = Book()
        book.orders = {identifier: dict(order) for identifier, order in self.orders.items()}
        return book

    def whole(self) -> dict[str, Message]:
        """The orders, with what is left out where it is the default."""
        return {identifier: _whole(order) for identifier, order in self.orders.items()}

    def apply(self, changes: list[Message]) -> None:
        """Apply depth changes; refuses what contradicts what is known."""
        for change in changes:
            operation = change["O"]
            if operation == "C":
                self.orders.clear()
                continue
            order = change["Order"]
            identifier = order["ID"]
            if operation == "A":
                if identifier in self.orders:
                    raise Difference(f"order {identifier} was added twice")
                self.orders[identifier] = dict(order)
            elif operation == "U":
                self.orders[identifier].update(order)
            else:
                del self.orders[identifier]


class Mirror:
    """One connection, logged in, with everything it was told about its symbols.

    `on_trade` is called with symbol, trade and the time of receipt (monotonic) of each trade that comes live.
    """

    def __init__(self, url: str, on_trade: Callable[[str, Message, float], None] | None = None) -> None:
        self._context = ExitStack()
        self._socket: ClientConnection = self._context.enter_context(
            connect(
                url,
                subprotocols=["ZenithJson"],  # type: ignore[list-item]
                max_size=None,
                compression=None,
                ping_interval=None,  # the server pings; a busy machine may answer ours late
            )
        )
        self._on_trade = on_trade
        self._transaction = 0
        self._answers: dict[int, Any] = {}
        self._confirmed: set[str] = set()
        self._depth: list[tuple[str, list[Message]]] = []
        """Depth changes of all symbols since a book was asked for."""
        self.books: dict[str, Book] = {}
        self.securities: dict[str, Message] = {}
        self.newest: dict[str, int] = {}
        """Newest trade id of each symbol, as told."""
        self.initialised: dict[str, list[int]] = {}
        """Ids of the `I` records of each symbol, in order."""
        self.changed_trades: dict[tuple[str, int], Message] = {}
        """Trades that were changed after they had come, by symbol and id."""
        self.feeds: dict[str, str] = {}
        self.markets: dict[str, str] = {}
        self.messages = 0
        self.close_code: int | None = None
        """How the connection ended; None while it has not."""
        self.close_reason = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._context.close()

    # Asking

    def log_in(self) -> None:
        """Log in as the user of all configurations here."""
        data = {"Provider": "BasicAuth", "ClientID": "mirror", "UserName": "demo", "Password": "demo"}
        answer = self.ask("Auth", "AuthOwner", data)
        if answer["Result"] != "Success":
            raise Difference(f"no login: {answer}")

    def ask(self, controller: str, topic: str, data: Any = None) -> Any:
        """Ask and return the answer; what was published meanwhile is applied."""
        self._transaction += 1
        number = self._transaction
        container = {"Controller": controller, "Topic": topic, "TransactionID": number}
        self._socket.send(json.dumps(container | ({} if data is None else {"Data": data})))
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while number not in self._answers:
            self._receive(deadline - time.monotonic())
        return self._answers.pop(number)

    def subscribe(self, topic: str, controller: str = "Market") -> None:
        """Subscribe, and return when that is confirmed."""
        self._confirmed.discard(topic)
        container = {"Controller": controller, "Topic": topic, "Action": "Sub", "Confirm": True}
        self._socket.send(json.dumps(container))
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while topic not in self._confirmed:
            self._receive(deadline - time.monotonic())

    # Reading

    def read_for(self, seconds: float) -> None:
        """Apply what comes for some time, or until the connection ends."""
        deadline = time.monotonic() + seconds
        while self.close_code is None and (left := deadline - time.monotonic()) > 0:
            try:
                self._receive(left)
            except TimeoutError:
                return
            except ConnectionClosed:
                return

    def read_to_the_end(self) -> None:
        """Apply everything that comes until the connection ends."""
        self.read_for(ANSWER_SECONDS_MAX)
        if self.close_code is None:
            raise Difference("the connection did not end")

    def _receive(self, timeout: float) -> None:
        try:
            message: Message = json.loads(self._socket.recv(timeout=timeout))
        except ConnectionClosed as ended:
            # 1006 stands for an end without a close frame (RFC 6455 7.4.1).
            self.close_code, self.close_reason = 1006, ""
            if ended.rcvd is not None:
                self.close_code, self.close_reason = ended.rcvd.code, ended.rcvd.reason
            raise
        self.messages += 1
        self._apply(message, time.monotonic())

    def _apply(self, message: Message, now: float) -> None:
        topic, action = message["Topic"], message.get("Action")
        if action == "Error":
            raise Difference(f"error: {message}")
        if action == "Unsub":
            raise Difference(f"unsubscribed: {message}")
        if action == "Sub":
            if message.get("Confirm") is not True:
                raise Difference(f"not subscribed: {message}")
            self._confirmed.add(topic)
        elif "TransactionID" in message:
            self._answers[message["TransactionID"]] = message.get("Data")
        else:
            self._apply_data(topic, message["Data"], now)

    def _apply_data(self, topic: str, data: Any, now: float) -> None:
        kind, _, symbol = topic.partition("!")
        if kind == "Depth":
            self.books.setdefault(symbol, Book()).apply(data)
            self._depth.append((symbol, data))
        elif kind == "Security":
            self.securities.setdefault(symbol, {}).update(data)
        elif kind == "Trades":
            self._apply_trades(symbol, data, now)
        elif kind == "Feeds":
            self.feeds.update({feed["Name"]: feed["Status"] for feed in data})
        elif kind == "Markets":
            self.markets.update({market["Code"]: market["Feed"] for market in data})

    def _apply_trades(self, symbol: str, changes: list[Message], now: float) -> None:
        for change in changes:
            if change["O"] == "I":
                self.newest[symbol] = change["ID"]
                self.initialised.setdefault(symbol, []).append(change["ID"])
                continue
            trade = change["Trade"]
            if change["O"] == "U":
                self.changed_trades[symbol, trade["ID"]] = trade
            if change["O"] == "A" and trade["ID"] <= self.newest[symbol]:
                raise Difference(f"{symbol}: trade {trade['ID']} after {self.newest[symbol]}")
            self.newest[symbol] = max(self.newest[symbol], trade["ID"])
            if self._on_trade is not None:
                self._on_trade(symbol, trade, now)

    # Comparing

    def trades(self, symbol: str) -> list[Message]:
        """The trades of the day up to the newest one that was told, as the server has them."""
        newest = self.newest[symbol]
        answer = self.ask("Market", "QueryTrades", {**_parts(symbol), "LastTradeID": newest})
        found = [change["Trade"] for change in answer]
        if found and newest and found[-1]["ID"] != newest:
            raise Difference(f"{symbol}: the newest trade is {newest}, the server's is {found[-1]['ID']}")
        return found

    def compare_book(self, symbol: str) -> int:
        """Compare the book with the server's; returns the number of orders."""
        before = self.books[symbol].copy()
        self._depth.clear()
        answer = self.ask("Market", "QueryDepthFull", _parts(symbol))
        server = {change["Order"]["ID"]: _whole(change["Order"]) for change in answer if change["O"] == "A"}
        if before.whole() != server and not any(
            before.apply(changes) or before.whole() == server
            for changed, changes in self._depth
            if changed == symbol
        ):
            kept = before.whole()
            different = [each for each in kept.keys() | server.keys() if kept.get(each) != server.get(each)]
            pairs = [(kept.get(each), server.get(each)) for each in different[:3]]
            raise Difference(f"{symbol}: {len(different)} orders differ: {pairs}")
        return len(server)

    def compare_security(self, symbol: str) -> None:
        """Compare what is known of the symbol with the server's; a value that was taken away is null."""
        answer = self.ask("Market", "QuerySecurity", _parts(symbol))
        kept = {key: value for key, value in self.securities[symbol].items() if value is not None}
        server = {key: value for key, value in answer.items() if value is not None}
        if kept != server:
            keys = sorted(key for key in kept | server if kept.get(key) != server.get(key))
            raise Difference(
                f"{symbol}: security: {[(key, kept.get(key), server.get(key)) for key in keys[:5]]}"
            )

    def compare_bars(self, symbol: str) -> int:
        """Compare the server's minutes with those made of its trades; returns the number of bars.

        Charts are answered from the disk too, so that an answer may be some trades older than the moment
        at which it comes: it must be that of one moment since it was asked for.
        """
        asked_at = self.newest[symbol]
        answer = self.ask("Market", "QueryChartHistory", {**_parts(symbol), "Period": "00:01:00"})
        server = {bar["Date"][:16]: {key: bar.get(key) for key in _BAR_KEYS} for bar in answer}
        trades = self.trades(symbol)
        first = sum(trade["ID"] <= asked_at for trade in trades)
        bars = bars_of(trades[:first])
        if bars != server and not any(add_to_bars(bars, trade) or bars == server for trade in trades[first:]):
            minutes = [each for each in sorted(bars | server) if bars.get(each) != server.get(each)]
            pairs = [(each, bars.get(each), server.get(each)) for each in minutes[:3]]
            raise Difference(f"{symbol}: bars of the trades and as told: {pairs}")
        return len(server)


_BAR_KEYS = ("Open", "High", "Low", "Close", "Volume", "Trades")


def bars_of(trades: list[Message]) -> dict[str, Message]:
    """Bars by minute of trades in their order."""
    bars: dict[str, Message] = {}
    for trade in trades:
        add_to_bars(bars, trade)
    return bars


def add_to_bars(bars: dict[str, Message], trade: Message) -> None:
    """Add the next trade."""
    price = trade["Price"]
    bar = bars.setdefault(
        trade["Time"][:16],
        {"Open": price, "High": price, "Low": price, "Close": price, "Volume": 0, "Trades": 0},
    )
    bar["High"], bar["Low"], bar["Close"] = max(bar["High"], price), min(bar["Low"], price), price
    bar["Volume"] += trade["Quantity"]
    bar["Trades"] += 1


def _whole(order: Message) -> Message:
    """An order with what is left out where it is the default."""
    return {"HasUndisclosed": False, **order}


def _parts(symbol: str) -> Message:
    code, _, market = symbol.rpartition(".")
    return {"Market": market, "Code": code}
