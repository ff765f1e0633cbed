"""`zenithd order watch`: orders, fills, balances and holdings as they change."""

from __future__ import annotations

import sys
from collections import deque
from typing import Annotated, Any

import trio
import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from trio_websocket import ConnectionClosed, WebSocketConnection

from zenithd.cli.common import DEFAULT_CONFIG, ConfigOption, OperatorFault, examples
from zenithd.cli.connection import Container, log_in, parse, send, stay_connected, why_closed
from zenithd.cli.control_verb import InsecureOption, PasswordOption, UserOption
from zenithd.cli.order_pad import CLIENT, DEFAULT_USER, ORDER_COLUMNS, Place, UrlOption, amount, order_row
from zenithd.cli.order_words import explain
from zenithd.cli.watch_client import REFRESH_SECONDS
from zenithd.cli.watch_screen import LinePrinter, ScreenPrinter, standard_output

EPILOG = examples(
    "zenithd order watch",
    "zenithd order watch XS:0001",
    "zenithd order watch XS:0001 --json --seconds 10",
    "zenithd order watch XS:0001 --once",
)
TOPICS = ("Orders", "Transactions", "Balances", "Holdings")
ORDERS_SHOWN = 15
FILLS_SHOWN = 10
HOLDINGS_SHOWN = 20
KINDS = ("Trading", "NetBalance", "NonTrading", "UnfilledBuys", "Margin")
"""Of balances, in the order in which they are shown (zenith-websocket 3.5.2)."""


class Books:
    """What a subscriber knows of its accounts; `say` and the rest as a conversation needs them.

    Attributes:
        orders: by account and id, the newest change last.
        fills: the newest.
        balances: amounts by kind, by account and currency.
        holdings: by account, exchange and code, the newest change last.
        complete: the topics of which everything was told.
        status: one line on the connection.
    """

    def __init__(self) -> None:
        self.status = "connecting"
        self.forget()

    def forget(self) -> None:
        """Begin anew after a reconnect."""
        self.orders: dict[tuple[str, str], Container] = {}
        self.fills: deque[Container] = deque(maxlen=FILLS_SHOWN)
        self.balances: dict[tuple[str, str], dict[str, Any]] = {}
        self.holdings: dict[tuple[str, str, str], Container] = {}
        self.complete: set[str] = set()

    def say(self, status: str) -> None:
        """Something is to be told of the connection."""
        self.status = status

    def take(self, topic: str, records: list[Container]) -> None:
        """What a message of a topic tells."""
        for record in records:
            if topic == "Balances":
                self._balance(record)
            elif record.get("O") == "C" and topic in ("Orders", "Holdings"):
                self._clear(topic, record["Account"])
            elif topic == "Orders":
                order = record["Order"]
                self._put(self.orders, (order["Account"], order["ID"]), order, record["O"])
            elif topic == "Holdings":
                holding = record["Holding"]
                key = (holding["Account"], holding["Exchange"], holding["Code"])
                self._put(self.holdings, key, holding, record["O"])
            elif topic == "Transactions" and record.get("O") in ("A", "U"):
                self.fills.append(record["Transaction"])

    def _balance(self, record: Container) -> None:
        account = record["Account"]
        if not record["Type"]:
            for key in [key for key in self.balances if key[0] == account]:
                del self.balances[key]
            return
        self.balances.setdefault((account, record["Currency"]), {})[record["Type"]] = record["Amount"]

    def _clear(self, topic: str, account: str) -> None:
        held: dict[Any, Container] = self.orders if topic == "Orders" else self.holdings
        for key in [key for key in held if key[0] == account]:
            del held[key]

    def _put(self, held: dict[Any, Any], key: Any, value: Container, operation: str) -> None:
        held.pop(key, None)
        if operation != "R":
            held[key] = value


def watch(
    account: Annotated[
        str,
        typer.Argument(metavar="[ACCOUNT]", help="One account; else all of yours.", show_default=False),
    ] = "",
    url: UrlOption = "",
    user: UserOption = DEFAULT_USER,
    password: PasswordOption = "",
    insecure: InsecureOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    seconds: Annotated[
        float | None, typer.Option(help="Stop after so many seconds.", min=0, show_default=False)
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Show the first complete state and stop.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the daemon's messages, one line of JSON each.")
    ] = False,
) -> None:
    """Watch orders, fills, balances and holdings change; Ctrl-C ends it."""
    place = Place.found(url=url, user=user, password=password, insecure=insecure, config=config)
    books = Books()
    printer: LinePrinter | ScreenPrinter = (
        LinePrinter(sys.stdout) if json else ScreenPrinter(standard_output())
    )
    with printer:
        trio.run(_watch, _Conversation(place, account, books, printer, once), seconds)


async def _watch(conversation: _Conversation, seconds: float | None) -> None:
    books, place, printer = conversation.books, conversation.place, conversation.printer
    with trio.move_on_after(float("inf") if seconds is None else seconds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_draw_for_ever, books, printer)
            await stay_connected(place.url, place.verify, conversation, books.say)
            nursery.cancel_scope.cancel()
    printer.show(render(books))


async def _draw_for_ever(books: Books, printer: LinePrinter | ScreenPrinter) -> None:
    while True:
        printer.show(render(books))
        await trio.sleep(REFRESH_SECONDS)


class _Conversation:
    """Logs in, subscribes, and keeps the books up to date; the same object over all connections."""

    def __init__(
        self, place: Place, account: str, books: Books, printer: LinePrinter | ScreenPrinter, once: bool
    ) -> None:
        self.logins = 0
        self.place = place
        self.books = books
        self.printer = printer
        self._suffix = f"!{account}" if account else ""
        self._once = once

    async def run(self, connection: WebSocketConnection) -> str:
        """Return why the connection ended, or nothing once everything wanted was seen."""

        async def receive() -> Container:
            text = await connection.get_message()
            self.printer.message(text if isinstance(text, str) else text.decode("utf-8", "replace"))
            return parse(text, self.place.url)

        place = self.place
        try:
            data = await log_in(connection, receive, client=CLIENT, user=place.user, password=place.password)
            self.logins += 1
            self.books.forget()
            self.books.say(f"connected to {place.url} as {data.get('DisplayName') or place.user}")
            for topic in TOPICS:
                await send(
                    connection, Controller="Trading", Topic=topic + self._suffix, Action="Sub", Confirm=True
                )
            while True:
                self._take(await receive())
                if self._once and self.books.complete == set(TOPICS):
                    return ""
        except ConnectionClosed as error:
            return why_closed(error)

    def _take(self, container: Container) -> None:
        topic = str(container.get("Topic", "")).partition("!")[0]
        if container.get("Controller") != "Trading" or topic not in TOPICS:
            return
        action, data = container.get("Action", "Publish"), container.get("Data")
        if action == "Error":
            raise OperatorFault(f"{topic}{self._suffix} cannot be watched: {explain(str(data))}")
        if action == "Publish" and data is not None:
            self.books.take(topic, data)
        elif action == "Sub":
            self.books.complete.add(topic)


def render(books: Books) -> RenderableType:
    """Everything, as tables, and a line on the connection."""
    orders = [order_row(each) for each in list(books.orders.values())[-ORDERS_SHOWN:]]
    holdings = list(books.holdings.values())[-HOLDINGS_SHOWN:]
    money = [
        [account, currency, *(amount(held.get(kind)) for kind in KINDS)]
        for (account, currency), held in sorted(books.balances.items())
    ]
    return Group(
        _table("Orders", ORDER_COLUMNS, orders),
        _table("Fills", ("Time", "Account", "Symbol", "Quantity", "Price", "Order"), map(_fill, books.fills)),
        _table("Balances", ("Account", "Currency", *KINDS), money),
        _table(
            "Holdings",
            ("Account", "Symbol", "Quantity", "Available", "Average price"),
            map(_holding, holdings),
        ),
        Text(books.status, style="dim"),
    )


def _fill(transaction: Container) -> list[str]:
    return [
        transaction["TradeDate"],
        transaction["Account"],
        f"{transaction['Code']}.{transaction['Exchange']}",
        amount(transaction["TotalQuantity"]),
        amount(transaction["AveragePrice"]),
        transaction["OrderID"],
    ]


def _holding(holding: Container) -> list[str]:
    return [
        holding["Account"],
        f"{holding['Code']}.{holding['Exchange']}",
        amount(holding["TotalQuantity"]),
        amount(holding["TotalAvailable"]),
        amount(holding["AveragePrice"]),
    ]


def _table(title: str, columns: Any, rows: Any) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(each) for each in row))
    return table
