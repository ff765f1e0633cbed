"""What the verbs of `zenithd order` share: a client of the daemon, and how its answers are told."""

from __future__ import annotations

import random
import secrets
import string
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Self

import msgspec
import trio
import typer
from trio_websocket import ConnectionClosed, WebSocketConnection

from zenithd.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    OperatorFault,
    examples,
    print_json,
    print_table,
)
from zenithd.cli.connection import (
    REPLY_SECONDS_MAX,
    Container,
    Unreachable,
    connected,
    fail,
    log_in,
    parse,
    send,
    why_closed,
)
from zenithd.cli.control import EXIT_REFUSED
from zenithd.cli.control_verb import InsecureOption, PasswordOption, UserOption
from zenithd.cli.order_words import explain
from zenithd.cli.shared_options import with_shared
from zenithd.cli.watch import ask_password, full_url, local_url

CLIENT = "zenithd-order"
DEFAULT_USER = "demo"
REQUEST_ID_LENGTH = 22
"""As those of the daemon (zenith-websocket 3.5.6)."""

UrlOption = Annotated[
    str, typer.Option("--url", help="A daemon elsewhere: ws://HOST:PORT or wss://…", show_default=False)
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would come of it; do nothing.")]
RequestIdOption = Annotated[
    str,
    typer.Option(
        "--request-id",
        metavar="ID",
        help="Of this request, of your choice: the same command with the same id again has no second effect.",
        show_default=False,
    ),
]
OF_ALL: dict[str, tuple[Any, Any]] = {
    "url": (UrlOption, ""),
    "user": (UserOption, DEFAULT_USER),
    "password": (PasswordOption, ""),
    "insecure": (InsecureOption, False),
    "config": (ConfigOption, DEFAULT_CONFIG),
}
_OF_READS: dict[str, tuple[Any, Any]] = {"json": (JsonOption, False), **OF_ALL}
_OF_REQUESTS: dict[str, tuple[Any, Any]] = {
    "request_id": (RequestIdOption, ""),
    "dry_run": (DryRunOption, False),
    **_OF_READS,
}


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the daemon is, and who asks."""

    url: str
    user: str
    password: str
    verify: bool

    @classmethod
    def found(cls, *, url: str, user: str, password: str, insecure: bool, config: Path) -> Place:
        """The daemon that was named, else that of this folder."""
        return cls(
            url=full_url(url) if url else local_url(config),
            user=user,
            password=password or ask_password(user),
            verify=bool(url) and not insecure,  # no certificate is made out to this machine's own loopback
        )


class Lost(Exception):
    """The connection ended before an answer came; says why."""


class NotTold(OperatorFault):
    """The daemon refuses to answer a question."""


class OrderPad:
    """A client for one command: it connects when there is something to ask.

    Attributes:
        json: whether answers are printed as they come.
        dry_run: whether nothing is to be done.
        request_id: of the request; made up if the command named none.
    """

    def __init__(self, place: Place, *, json: bool, dry_run: bool = False, request_id: str = "") -> None:
        self.json = json
        self.dry_run = dry_run
        self.request_id = request_id or new_request_id()
        self._place = place
        self._stack = AsyncExitStack()
        self._connection: WebSocketConnection | None = None
        self._number = 1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *details: Any) -> None:
        await self._stack.__aexit__(*details)

    async def ask(self, topic: str, data: Any = None) -> Any:
        """What the Trading controller answers to a question.

        Raises:
            OperatorFault: nobody answers, or the daemon refuses to.
        """
        return await self._ask_safely("Trading", topic, data)

    async def symbol(self, code: str, market: str) -> Mapping[str, Any]:
        """The symbol as the market lists it; empty if it does not: whoever judges the order says why.

        Raises:
            OperatorFault: nobody answers.
        """
        try:
            found = await self._ask_safely("Market", "QuerySecurity", {"Code": code, "Market": market})
        except NotTold:
            return {}
        return dict(found)

    async def request(self, topic: str, data: Mapping[str, Any]) -> None:
        """Make a request about an order, and say what came of it.

        Raises:
            typer.Exit: it is refused, which is told.
            OperatorFault: nobody answers; then nobody knows what came of it.
        """
        data = {**data, "RequestID": self.request_id}
        if self.dry_run:
            await self._calculate(topic, data)
            return
        try:
            result = await self._ask("Trading", topic, data)
        except Lost as lost:
            raise OperatorFault(
                f"{self._place.url}: {lost}; it may have been done: repeat the command with --request-id"
                f" {self.request_id}, which has no second effect"
            ) from None
        self._tell(result, done="accepted")

    def show(self, content: Any, columns: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
        """Print what was read: as JSON, or as a table."""
        if self.json:
            print_json(content)
        else:
            print_table(columns, rows, empty)

    async def _calculate(self, topic: str, data: Mapping[str, Any]) -> None:
        """Let the daemon say what would come of it; a cancellation has nothing to calculate."""
        if topic == "CancelOrder":
            if self.json:
                print_json({"Topic": topic, "Data": data})
            else:
                typer.echo(f"would send {topic} for order {data['OrderID']} of {data['Account']}")
            return
        self._tell(await self.ask("CalculateOrder", data), done="would be accepted")

    def _tell(self, result: Any, done: str) -> None:
        is_refused = result["Result"] != "Success"
        if self.json:
            print_json(result)
        elif not is_refused:
            order = result.get("Order")
            typer.echo(f"request {result['RequestID']} {done}")
            if order is not None:
                print_table(ORDER_COLUMNS, [order_row(order)], "")
            if "EstimatedValue" in result:
                typer.echo(f"estimated value {amount(result['EstimatedValue'])}")
            for name, fee in (result.get("EstimatedFees") or {}).items():
                typer.echo(f"estimated fee {name} {amount(fee)}")
        if is_refused:
            for error in result.get("Errors") or ("no reason is given",):
                print(f"{result['Result']}: {explain(error)}", file=sys.stderr)
            raise typer.Exit(EXIT_REFUSED)

    # The connection

    async def _ask_safely(self, controller: str, topic: str, data: Any) -> Any:
        try:
            return await self._ask(controller, topic, data)
        except Lost as lost:
            raise OperatorFault(f"{self._place.url}: {lost}") from None

    async def _ask(self, controller: str, topic: str, data: Any) -> Any:
        connection = await self._connected()
        self._number += 1
        container: Container = {"Controller": controller, "Topic": topic, "TransactionID": self._number}
        if data is not None:
            container["Data"] = data
        try:
            await send(connection, **container)
            with trio.move_on_after(REPLY_SECONDS_MAX):
                return await self._reply(connection, topic)
        except ConnectionClosed as error:
            raise Lost(f"the connection ended: {why_closed(error)}") from None
        raise Lost(f"no answer within {REPLY_SECONDS_MAX:g} s")

    async def _reply(self, connection: WebSocketConnection, topic: str) -> Any:
        errors: list[str] = []
        while True:
            container = await self._receive(connection)
            if container.get("TransactionID") != self._number or container.get("Topic") != topic:
                continue
            if container.get("Action") == "Error":
                errors.append(str(container.get("Data")))
            elif errors:
                raise NotTold(f"the daemon refuses {topic}: {', '.join(map(explain, errors))}")
            else:
                return container.get("Data")

    async def _connected(self) -> WebSocketConnection:
        if self._connection is not None:
            return self._connection
        place = self._place
        try:
            connection = await self._stack.enter_async_context(connected(place.url, place.verify))
        except Unreachable as error:
            fail(place.url, error)

        async def receive() -> Container:
            return await self._receive(connection)

        try:
            await log_in(connection, receive, client=CLIENT, user=place.user, password=place.password)
        except ConnectionClosed as error:
            raise OperatorFault(f"{place.url}: the connection ended: {why_closed(error)}") from None
        self._connection = connection
        return connection

    async def _receive(self, connection: WebSocketConnection) -> Container:
        return parse(await connection.get_message(), self._place.url)


Verb = Callable[..., Awaitable[None]]
"""Takes an order pad, then what is its own."""


def order_verb(group: typer.Typer, name: str, *lines: str, requests: bool = False) -> Callable[[Verb], Verb]:
    """Make a function a verb of a group, with the options that all verbs of orders have.

    Args:
        group: that of `zenithd order`.
        name: of the verb.
        lines: command lines for the end of its help page.
        requests: whether it makes a request, and so has --request-id and --dry-run.
    """

    def call(function: Verb, options: dict[str, Any], given: dict[str, Any]) -> None:
        own = {name: options.pop(name) for name in ("json", "dry_run", "request_id") if name in options}

        async def run() -> None:
            async with OrderPad(Place.found(**options), **own) as pad:
                await function(pad, **given)

        trio.run(run)

    def register(function: Verb) -> Verb:
        shared = _OF_REQUESTS if requests else _OF_READS
        group.command(name, epilog=examples(*lines))(with_shared(function, shared, call))
        return function

    return register


def new_request_id() -> str:
    """A request id that nobody had before."""
    source = random.Random(secrets.randbits(256))
    return "".join(source.choices(string.digits + string.ascii_letters, k=REQUEST_ID_LENGTH))


ORDER_COLUMNS = (
    "Order", "Account", "Symbol", "Side", "Quantity", "Done", "Limit", "Average", "Type", "Validity",
    "Status",
)  # fmt: skip


def order_row(order: Mapping[str, Any]) -> list[str]:
    """An order in a table."""
    details = order["Details"]
    quantity = total_quantity(details)
    return [
        order["ID"],
        order["Account"],
        f"{details['Code']}.{details['Exchange']}",
        "buy" if details["Side"] == "Bid" else "sell",
        amount(quantity),
        amount(order.get("ExecutedQuantity")),
        amount(details.get("LimitPrice")),
        amount(order.get("AveragePrice")),
        details["Type"],
        details["Validity"],
        order["Status"],
    ]


def total_quantity(details: Mapping[str, Any]) -> Decimal:
    """What is visible and what is hidden of an order."""
    return sum(
        (Decimal(str(details.get(name) or 0)) for name in ("Quantity", "HiddenQuantity")), start=Decimal(0)
    )


def amount(value: Any) -> str:
    """A number as people write it: without an exponent, and nothing for none."""
    return "" if value is None else format(Decimal(str(value)), "f")
