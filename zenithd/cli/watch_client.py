"""The client behind `zenithd watch`: connects, logs in, subscribes, and does so again when it is cut off."""

from __future__ import annotations

import os
import ssl
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
import orjson
import trio
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    ConnectionTimeout,
    HandshakeError,
    WebSocketConnection,
    open_websocket_url,
)

from zenithd.cli.common import OperatorFault
from zenithd.cli.watch_state import TRADES_SHOWN_MAX, InstrumentPicture, Rate

CONNECT_SECONDS_MAX = 10.0
REPLY_SECONDS_MAX = 40.0
RECONNECT_SECONDS_MIN = 1.0
RECONNECT_SECONDS_MAX = 8.0
REFRESH_SECONDS = 0.2
DISCONNECT_SECONDS_MAX = 2.0
MESSAGES_QUEUED_MAX = 1000
SESSION_CLOSED = 4000
"""Close codes from here on forbid to reconnect (zenith-websocket 1.3)."""
MESSAGE_BYTES_MAX = 64 * 1024 * 1024

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


class _Unreachable(Exception):
    """No WebSocket connection came about; says why in a few words."""


class _Untrusted(_Unreachable):
    """The daemon's certificate is not good for the host."""


async def watch_instruments(settings: WatchSettings, watched: Watched, output: Output) -> None:
    """Watch until told to stop.

    Raises:
        OperatorFault: no daemon answers at first, the login is rejected, every instrument is refused, or the
            daemon ended the session for good.
    """
    with trio.move_on_after(float("inf") if settings.seconds is None else settings.seconds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_draw_for_ever, watched, output)
            await _stay_connected(settings, watched, output)
            nursery.cancel_scope.cancel()
    output.draw(watched, trio.current_time())


async def _draw_for_ever(watched: Watched, output: Output) -> None:
    while True:
        output.draw(watched, trio.current_time())
        await trio.sleep(REFRESH_SECONDS)


async def _stay_connected(settings: WatchSettings, watched: Watched, output: Output) -> None:
    """Return when the first complete state was enough; connect again after every loss."""
    conversation = _Conversation(settings, watched, output)
    pause = RECONNECT_SECONDS_MIN
    while True:
        logins = conversation.logins
        try:
            reason = await _connect_and_run(settings, conversation)
        except _Unreachable as error:
            if not conversation.logins:
                if isinstance(error, _Untrusted):
                    hint = "use --insecure to accept any, or name its authority's file in SSL_CERT_FILE"
                    raise OperatorFault(f"{settings.url}: {error}; {hint}") from None
                hint = '"zenithd run" starts one'
                raise OperatorFault(f"no daemon answers at {settings.url} ({error}); {hint}") from None
            reason = str(error)
        if not reason:
            return
        pause = (
            RECONNECT_SECONDS_MIN if conversation.logins > logins else min(pause * 2, RECONNECT_SECONDS_MAX)
        )
        watched.status = f"cut off ({reason}), connecting again in {pause:g} s"
        await trio.sleep(pause)


async def _connect_and_run(settings: WatchSettings, conversation: _Conversation) -> str:
    """Hold one connection; return why it ended, or nothing if it has served its purpose."""
    context = _tls_context(settings)
    try:
        if context is not None:
            await _try_tls(settings.url, context)
        async with open_websocket_url(
            settings.url,
            ssl_context=context,
            subprotocols=["ZenithJson"],
            connect_timeout=CONNECT_SECONDS_MAX,
            disconnect_timeout=DISCONNECT_SECONDS_MAX,
            max_message_size=MESSAGE_BYTES_MAX,
            message_queue_size=MESSAGES_QUEUED_MAX,
        ) as connection:
            return await conversation.run(connection)
    except ConnectionRejected as error:
        raise _Unreachable(f"it refuses with HTTP {error.status_code}") from None
    except ConnectionTimeout:
        raise _Unreachable(f"nothing within {CONNECT_SECONDS_MAX:g} s") from None
    except (HandshakeError, trio.BrokenResourceError, ssl.SSLError) as error:
        raise _Unreachable(_innermost(error)) from None


async def _try_tls(url: str, context: ssl.SSLContext) -> None:
    """Shake hands and hang up: the WebSocket library waits for its timeout where TLS fails, and says nothing.

    Raises:
        _Unreachable: it fails, with the true cause.
    """
    parts = urlsplit(url)
    assert parts.hostname is not None, "full_url has looked"
    try:
        with trio.fail_after(CONNECT_SECONDS_MAX):
            stream = await trio.open_ssl_over_tcp_stream(
                parts.hostname, parts.port or 443, ssl_context=context, https_compatible=True
            )
            try:
                await stream.do_handshake()
            finally:
                await trio.aclose_forcefully(stream)
    except trio.TooSlowError:
        raise _Unreachable(f"nothing within {CONNECT_SECONDS_MAX:g} s") from None
    except (OSError, trio.BrokenResourceError) as error:
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            reason = error.__cause__.verify_message
            raise _Untrusted(f"certificate verify failed ({reason})") from None
        raise _Unreachable(_innermost(error)) from None


def _innermost(error: BaseException) -> str:
    """What really happened, without the layers around it."""
    while True:
        causes = error.exceptions if isinstance(error, BaseExceptionGroup) else (error.__cause__,)
        if causes[0] is None:
            break
        error = causes[0]
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__


def _tls_context(settings: WatchSettings) -> ssl.SSLContext | None:
    if not settings.url.startswith("wss:"):
        return None
    context = ssl.create_default_context()
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


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
            code = error.reason.code if error.reason is not None else 1006
            text = (error.reason.reason if error.reason is not None else None) or f"code {code}"
            if code >= SESSION_CLOSED:
                raise OperatorFault(f"the daemon ended the session: {text}") from None
            return text

    async def _log_in(self, connection: WebSocketConnection) -> None:
        settings, watched = self._settings, self._watched
        watched.status = "logging in"
        credentials = {
            "Provider": "BasicAuth",
            "ClientID": "zenithd-watch",
            "UserName": settings.user,
            "Password": settings.password,
        }
        await _send(
            connection,
            Controller="Auth",
            Topic="AuthOwner",
            Action="Publish",
            TransactionID=1,
            Data=credentials,
        )
        with trio.move_on_after(REPLY_SECONDS_MAX):
            while True:
                container = await self._receive(connection)
                if container.get("Topic") == "AuthOwner" and container.get("Action") != "Error":
                    break
        data = container.get("Data") or {}
        if data.get("Result") != "Success":
            raise OperatorFault(
                f"the daemon rejects the login of {settings.user}; check --user and --password"
                " (demo is accepted from its own machine only)"
            )
        self.logins += 1
        watched.forget()
        watched.status = f"connected to {settings.url} as {data.get('DisplayName') or settings.user}"

    async def _subscribe(self, connection: WebSocketConnection) -> None:
        for number, symbol in enumerate(self._settings.symbols):
            for topic in SUBSCRIPTIONS:
                await _send(
                    connection, Controller="Market", Topic=f"{topic}!{symbol}", Action="Sub", Confirm=True
                )
            code, _, market = symbol.rpartition(".")
            await _send(
                connection,
                Controller="Market",
                Topic="QueryTrades",
                Action="Publish",
                TransactionID=number,
                Data={"Market": market, "Code": code, "Count": TRADES_SHOWN_MAX},
            )

    async def _receive(self, connection: WebSocketConnection) -> dict[str, Any]:
        text = await connection.get_message()
        self._output.message(text if isinstance(text, str) else text.decode("utf-8", "replace"))
        self._watched.messages.add(1, trio.current_time())
        container = orjson.loads(text)
        if not isinstance(container, dict):
            raise OperatorFault(f"what answers at {self._settings.url} does not speak the protocol")
        return container

    def _take(self, container: dict[str, Any]) -> None:
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


async def _send(connection: WebSocketConnection, **container: Any) -> None:
    await connection.send_message(orjson.dumps(container).decode())
