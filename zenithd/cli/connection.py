"""A connection to the daemon's Zenith WebSocket, for commands that are clients of it as any other is."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn, Protocol
from urllib.parse import urlsplit

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

CONNECT_SECONDS_MAX = 10.0
REPLY_SECONDS_MAX = 40.0
RECONNECT_SECONDS_MIN = 1.0
RECONNECT_SECONDS_MAX = 8.0
DISCONNECT_SECONDS_MAX = 2.0
MESSAGES_QUEUED_MAX = 1000
SESSION_CLOSED = 4000
"""Close codes from here on forbid to reconnect (zenith-websocket 1.3)."""
MESSAGE_BYTES_MAX = 64 * 1024 * 1024

Container = dict[str, Any]
"""One message of the protocol."""


class Unreachable(Exception):
    """No WebSocket connection came about; says why in a few words."""


class Untrusted(Unreachable):
    """The daemon's certificate is not good for the host."""


class Conversation(Protocol):
    """What is done on a connection, and again on the next one.

    Attributes:
        logins: how often it got in.
    """

    logins: int

    async def run(self, connection: WebSocketConnection) -> str:
        """Return why the connection ended, or nothing once everything wanted was seen."""
        ...


async def stay_connected(
    url: str, verify: bool, conversation: Conversation, say: Callable[[str], None]
) -> None:
    """Converse until everything wanted was seen; connect again after every loss.

    Args:
        say: told why there is no connection, while there is none.

    Raises:
        OperatorFault: the first connection does not come about.
    """
    pause = RECONNECT_SECONDS_MIN
    while True:
        logins = conversation.logins
        try:
            async with connected(url, verify) as connection:
                reason = await conversation.run(connection)
        except Unreachable as error:
            if not conversation.logins:
                fail(url, error)
            reason = str(error)
        if not reason:
            return
        pause = (
            RECONNECT_SECONDS_MIN if conversation.logins > logins else min(pause * 2, RECONNECT_SECONDS_MAX)
        )
        say(f"cut off ({reason}), connecting again in {pause:g} s")
        await trio.sleep(pause)


def fail(url: str, error: Unreachable) -> NoReturn:
    """Say what the operator can do. Raises OperatorFault."""
    if isinstance(error, Untrusted):
        hint = "use --insecure to accept any, or name its authority's file in SSL_CERT_FILE"
        raise OperatorFault(f"{url}: {error}; {hint}") from None
    hint = '"zenithd run" starts one'
    raise OperatorFault(f"no daemon answers at {url} ({error}); {hint}") from None


@asynccontextmanager
async def connected(url: str, verify: bool) -> AsyncIterator[WebSocketConnection]:
    """A connection that speaks JSON. Raises Unreachable.

    Args:
        url: of the WebSocket.
        verify: whether a TLS certificate must be good for the host.
    """
    context = _tls_context(url, verify)
    try:
        if context is not None:
            await _try_tls(url, context)
        async with open_websocket_url(
            url,
            ssl_context=context,
            subprotocols=["ZenithJson"],
            connect_timeout=CONNECT_SECONDS_MAX,
            disconnect_timeout=DISCONNECT_SECONDS_MAX,
            max_message_size=MESSAGE_BYTES_MAX,
            message_queue_size=MESSAGES_QUEUED_MAX,
        ) as connection:
            yield connection
    except ConnectionRejected as error:
        raise Unreachable(f"it refuses with HTTP {error.status_code}") from None
    except ConnectionTimeout:
        raise Unreachable(f"nothing within {CONNECT_SECONDS_MAX:g} s") from None
    except (HandshakeError, trio.BrokenResourceError, ssl.SSLError) as error:
        raise Unreachable(_innermost(error)) from None


async def log_in(
    connection: WebSocketConnection,
    receive: Callable[[], Awaitable[Container]],
    *,
    client: str,
    user: str,
    password: str,
) -> Container:
    """Log in; returns what the daemon says of the user.

    Args:
        receive: the next message.
        client: what the daemon is told of who connects.

    Raises:
        OperatorFault: the login is rejected.
    """
    credentials = {"Provider": "BasicAuth", "ClientID": client, "UserName": user, "Password": password}
    await send(
        connection, Controller="Auth", Topic="AuthOwner", Action="Publish", TransactionID=1, Data=credentials
    )
    data: Container = {}
    with trio.move_on_after(REPLY_SECONDS_MAX):
        while True:
            container = await receive()
            if container.get("Topic") == "AuthOwner" and container.get("Action") != "Error":
                data = container.get("Data") or {}
                break
    if data.get("Result") != "Success":
        raise OperatorFault(
            f"the daemon rejects the login of {user}; check --user and --password"
            " (demo is accepted from its own machine only)"
        )
    return data


async def send(connection: WebSocketConnection, **container: Any) -> None:
    """Send a message."""
    await connection.send_message(orjson.dumps(container).decode())


def parse(text: str | bytes, url: str) -> Container:
    """A message that came. Raises OperatorFault if it is none of the protocol."""
    try:
        container = orjson.loads(text)
    except orjson.JSONDecodeError:
        container = None
    if not isinstance(container, dict):
        raise OperatorFault(f"what answers at {url} does not speak the protocol")
    return container


def why_closed(error: ConnectionClosed) -> str:
    """Why a connection ended, if there is sense in another one.

    Raises:
        OperatorFault: the daemon ended the session for good.
    """
    code = error.reason.code if error.reason is not None else 1006
    text = (error.reason.reason if error.reason is not None else None) or f"code {code}"
    if code >= SESSION_CLOSED:
        raise OperatorFault(f"the daemon ended the session: {text}") from None
    return text


async def _try_tls(url: str, context: ssl.SSLContext) -> None:
    """Shake hands and hang up: the WebSocket library waits for its timeout where TLS fails, and says nothing.

    Raises:
        Unreachable: it fails, with the true cause.
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
        raise Unreachable(f"nothing within {CONNECT_SECONDS_MAX:g} s") from None
    except (OSError, trio.BrokenResourceError) as error:
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            reason = error.__cause__.verify_message
            raise Untrusted(f"certificate verify failed ({reason})") from None
        raise Unreachable(_innermost(error)) from None


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


def _tls_context(url: str, verify: bool) -> ssl.SSLContext | None:
    if not url.startswith("wss:"):
        return None
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
