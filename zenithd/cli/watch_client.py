"""The client behind `zenithd watch`: connects, logs in, subscribes, and does so again when it is cut off."""

from __future__ import annotations

from functools import partial
from typing import Protocol

import msgspec
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from zenithd.cli.common import OperatorFault
from zenithd.cli.connection import Container, log_in, parse, send, stay_connected, why_closed
from zenithd.cli.watch_state import TRADES_SHOWN_MAX, InstrumentPicture, Rate

REFRESH_SECONDS = 0.2

SUBSCRIPTIONS = ("Security", "Levels", "Trades")


class WatchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What to watch, where, and for how long."""

    url: str
    symbols: tuple[str, ...]
    user: str
    password: str
    verify: bool = True
    """Whether a TLS certificate must be good for the host."""
    once: bool = False
    seconds: float | None = None


class Watched:
    """All that is known, for whoever draws it.

    Attributes:
        pictures: by symbol.
        status: one line on the connection.
    """

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self.pictures = {symbol: InstrumentPicture(symbol) for symbol in symbols}
        self.status = "connecting"
        self.messages = Rate()
        self.changes = Rate()

    @property
    def is_complete(self) -> bool:
        """True once every instrument has its first state or a refusal."""
        return all(picture.is_complete for picture in self.pictures.values())

    def say(self, status: str) -> None:
        """Something is to be told of the connection."""
        self.status = status

    def forget(self) -> None:
        """Begin anew after a reconnect."""
        self.pictures = {symbol: InstrumentPicture(symbol) for symbol in self.pictures}


class Output(Protocol):
    """Where it is shown."""

    def message(self, text: str) -> None:
        """A message of the daemon arrived."""
        ...

    def draw(self, watched: Watched, now: float) -> None:
        """Show the present state; `now` is seconds of trio's clock."""
        ...


async def watch_instruments(settings: WatchSettings, watched: Watched, output: Output) -> None:
    """Watch until told to stop.

    Raises:
        OperatorFault: no daemon answers at first, the login is rejected, every instrument is refused, or the
            daemon ended the session for good.
    """
    with trio.move_on_after(float("inf") if settings.seconds is None else settings.seconds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_draw_for_ever, watched, output)
            conversation = _Conversation(settings, watched, output)
            await stay_connected(settings.url, settings.verify, conversation, watched.say)
            nursery.cancel_scope.cancel()
    output.draw(watched, trio.current_time())


async def _draw_for_ever(watched: Watched, output: Output) -> None:
    while True:
        output.draw(watched, trio.current_time())
        await trio.sleep(REFRESH_SECONDS)


class _Conversation:
    """Log in, subscribe, and keep the pictures up to date; the same object over all connections.

    Attributes:
        logins: how often it got in.
    """

    def __init__(self, settings: WatchSettings, watched: Watched, output: Output) -> None:
        self.logins = 0
        self._settings = settings
        self._watched = watched
        self._output = output

    async def run(self, connection: WebSocketConnection) -> str:
        """Return why the connection ended, or nothing once everything wanted was seen."""
        try:
            await self._log_in(connection)
            await self._subscribe(connection)
            while True:
                self._take(await self._receive(connection))
                if self._watched.is_complete:
                    self._refuse_if_nothing_is_visible()
                    if self._settings.once:
                        return ""
        except ConnectionClosed as error:
            return why_closed(error)

    async def _log_in(self, connection: WebSocketConnection) -> None:
        settings, watched = self._settings, self._watched
        watched.status = "logging in"
        data = await log_in(
            connection,
            partial(self._receive, connection),
            client="zenithd-watch",
            user=settings.user,
            password=settings.password,
        )
        self.logins += 1
        watched.forget()
        watched.status = f"connected to {settings.url} as {data.get('DisplayName') or settings.user}"

    async def _subscribe(self, connection: WebSocketConnection) -> None:
        for number, symbol in enumerate(self._settings.symbols):
            for topic in SUBSCRIPTIONS:
                await send(
                    connection, Controller="Market", Topic=f"{topic}!{symbol}", Action="Sub", Confirm=True
                )
            code, _, market = symbol.rpartition(".")
            await send(
                connection,
                Controller="Market",
                Topic="QueryTrades",
                Action="Publish",
                TransactionID=number,
                Data={"Market": market, "Code": code, "Count": TRADES_SHOWN_MAX},
            )

    async def _receive(self, connection: WebSocketConnection) -> Container:
        text = await connection.get_message()
        self._output.message(text if isinstance(text, str) else text.decode("utf-8", "replace"))
        self._watched.messages.add(1, trio.current_time())
        return parse(text, self._settings.url)

    def _take(self, container: Container) -> None:
        if container.get("Controller") != "Market":
            return
        topic, _, symbol = str(container.get("Topic", "")).partition("!")
        action, data = container.get("Action", "Publish"), container.get("Data")
        if topic == "QueryTrades" and action == "Publish":  # after an error too, then without data
            symbol = self._settings.symbols[container["TransactionID"]]
            self._watched.pictures[symbol].apply_history(data or [])
        picture = self._watched.pictures.get(symbol)
        if picture is None or topic not in SUBSCRIPTIONS:
            return
        if action == "Error":
            picture.problems[topic] = str(data)
        elif action == "Unsub":
            picture.problems.setdefault(topic, "ended by the daemon")
        elif action == "Publish" and data is not None:
            self._watched.changes.add(picture.apply(topic, data), trio.current_time())

    def _refuse_if_nothing_is_visible(self) -> None:
        pictures = self._watched.pictures.values()
        if not any(picture.complete & set(SUBSCRIPTIONS) for picture in pictures):
            reasons = [f"{picture.symbol}: {next(iter(picture.problems.values()))}" for picture in pictures]
            raise OperatorFault(f"nothing can be watched; the daemon answers {', '.join(reasons)}")
