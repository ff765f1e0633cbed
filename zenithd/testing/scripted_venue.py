"""A venue on this machine: real WebSocket and REST on one local port, playing scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

import h11
import msgspec
import trio
import trio_websocket

from zenithd.testing.beside import nursery_beside
from zenithd.testing.script import Cut, Expect, Pause, Send, Stall, Step

WAIT_SECONDS_MAX = 60.0
"""How long the `wait_…` methods wait, in trio's time, before the test fails."""

_READ_BYTES = 65_536


class Request(msgspec.Struct, frozen=True):
    """A REST request that came in."""

    path: str
    parameters: dict[str, str]


class Response(msgspec.Struct, frozen=True):
    """What is answered."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = {}
    delay_seconds: float = 0.0
    """Wait so long first."""


Route = Callable[[Request], Response] | Response | bytes
"""What a path answers: a function of the request, or always the same."""


class VenueClient:
    """One WebSocket connection of the plugin under test, seen from the venue."""

    def __init__(
        self, socket: trio_websocket.WebSocketConnection, path: str, tell: Callable[[], None]
    ) -> None:
        self.path = path
        """Path and query of the connection's request."""
        self.received: list[str | bytes] = []
        """Every frame that the client sent."""
        self.is_open = True
        self._socket = socket
        self._tell = tell
        self._changed = trio.Event()
        self._expected = 0
        """Frames that `Expect` steps have used up."""

    async def send(self, frame: str | bytes) -> None:
        """Send a frame; does nothing on a connection that has ended."""
        try:
            await self._socket.send_message(frame)
        except trio_websocket.ConnectionClosed:
            self.is_open = False

    async def cut(self, code: int | None = None) -> None:
        """End the connection: with a close frame, or (None) without a word."""
        self.is_open = False
        if code is None:
            # A close that is cancelled before it begins leaves only the end of the TCP connection.
            with trio.move_on_after(0):
                await self._socket.aclose()
        else:
            with trio.move_on_after(1):
                await self._socket.aclose(code)

    async def play(self, script: Sequence[Step]) -> None:
        """Play the steps of a script; after the last one the connection stays open."""
        for step in script:
            match step:
                case Send(frame):
                    await self.send(frame)
                case Pause(seconds):
                    await trio.sleep(seconds)
                case Expect(fits):
                    await self._expect(fits)
                case Cut(code):
                    await self.cut(code)
                case Stall():
                    await trio.sleep_forever()

    async def receive(self) -> None:
        """Note what the client sends, until it leaves."""
        while True:
            try:
                self.received.append(await self._socket.get_message())
            except trio_websocket.ConnectionClosed:
                self.is_open = False
                return
            finally:
                self._changed.set()
                self._changed = trio.Event()
                self._tell()

    async def _expect(self, fits: Callable[[str | bytes], bool]) -> None:
        while True:
            while self._expected < len(self.received):
                frame = self.received[self._expected]
                self._expected += 1
                if fits(frame):
                    return
            if not self.is_open:
                return
            await self._changed.wait()


class ScriptedVenue:
    """Serves WebSocket and REST on `127.0.0.1` until cancelled.

    The first connection plays the first script, the second the second; the last script is for all that
    follow. Without scripts a connection is silent until the test sends on it.

    Attributes:
        clients: every connection so far, in order.
        requests: every REST request so far, in order.
        routes: what each path answers; may be changed while it runs. Unknown paths get 404.
        refusing: while True, new WebSocket connections are refused with status 503.
    """

    def __init__(
        self, scripts: Sequence[Sequence[Step]] = (), routes: Mapping[str, Route] | None = None
    ) -> None:
        self.scripts = list(scripts)
        self.routes: dict[str, Route] = dict(routes or {})
        self.clients: list[VenueClient] = []
        self.requests: list[Request] = []
        self.refusing = False
        self.port = 0
        self._changed = trio.Event()

    @property
    def websocket_url(self) -> str:
        """Address of the WebSocket, without a path: `ws://127.0.0.1:PORT`."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def http_url(self) -> str:
        """Address of the REST interface, without a path: `http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self.port}"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; started when the port is known."""
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        task_status.started()
        await trio.serve_listeners(self._serve, listeners)

    async def send(self, frame: str | bytes) -> None:
        """Send a frame on every open connection."""
        for client in self.clients:
            if client.is_open:
                await client.send(frame)

    async def cut(self, code: int | None = None) -> None:
        """Cut every open connection."""
        for client in self.clients:
            if client.is_open:
                await client.cut(code)

    async def wait_until(self, condition: Callable[[], bool], what: str = "the condition") -> None:
        """Return as soon as `condition()` holds; it is looked at when something arrives at the venue.

        Raises:
            AssertionError: it did not hold within WAIT_SECONDS_MAX.
        """
        with trio.move_on_after(WAIT_SECONDS_MAX):
            while not condition():
                await self._changed.wait()
            return
        raise AssertionError(f"{what} did not come within {WAIT_SECONDS_MAX:g} s")

    async def wait_connections(self, count: int) -> VenueClient:
        """Return the connection of this number (1 is the first) as soon as it is there."""
        await self.wait_until(lambda: len(self.clients) >= count, f"connection {count}")
        return self.clients[count - 1]

    async def wait_frame(self, part: str) -> None:
        """Return as soon as any connection has received a text frame that contains `part`."""
        await self.wait_until(
            lambda: any(part in str(frame) for client in self.clients for frame in client.received),
            f"a frame with {part!r}",
        )

    async def _serve(self, stream: trio.SocketStream) -> None:
        connection = h11.Connection(h11.SERVER)
        head = bytearray()
        try:
            request = await _read_request(stream, connection, head)
        except (h11.RemoteProtocolError, trio.BrokenResourceError):
            return
        if request is None:
            return
        upgrade = dict(request.headers).get(b"upgrade", b"")
        if upgrade.lower() == b"websocket":
            await self._serve_websocket(_Replayed(stream, bytes(head)), request.target.decode())
        else:
            await self._answer(stream, connection, request.target.decode())

    async def _serve_websocket(self, stream: trio.abc.Stream, target: str) -> None:
        async with trio.open_nursery() as nursery:
            socket = await self._accept(nursery, stream)
            if socket is not None:
                client = VenueClient(socket, target, self._tell)
                script = self.scripts[min(len(self.clients), len(self.scripts) - 1)] if self.scripts else ()
                self.clients.append(client)
                self._tell()
                nursery.start_soon(client.play, script)
                await client.receive()
                await socket.aclose()
                nursery.cancel_scope.cancel()

    async def _accept(
        self, nursery: trio.Nursery, stream: trio.abc.Stream
    ) -> trio_websocket.WebSocketConnection | None:
        try:
            request = await trio_websocket.wrap_server_stream(nursery, stream)
            if self.refusing:
                await request.reject(503)
                return None
            return await request.accept()
        except (trio_websocket.ConnectionClosed, trio.BrokenResourceError):
            return None

    async def _answer(self, stream: trio.SocketStream, connection: h11.Connection, target: str) -> None:
        parts = urlsplit(target)
        request = Request(parts.path, dict(parse_qsl(parts.query)))
        self.requests.append(request)
        self._tell()
        route = self.routes.get(request.path, Response(b"not found", 404))
        response = route(request) if callable(route) else route
        if isinstance(response, bytes):
            response = Response(response)
        await trio.sleep(response.delay_seconds)
        headers = {"Content-Length": str(len(response.body)), "Connection": "close", **response.headers}
        parcel = connection.send(h11.Response(status_code=response.status, headers=list(headers.items())))
        parcel = (parcel or b"") + (connection.send(h11.Data(data=response.body)) or b"")
        try:
            await stream.send_all(parcel)
            await stream.aclose()
        except trio.BrokenResourceError:
            return  # the client did not wait for the answer

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


class _Replayed(trio.abc.Stream):
    """A stream that gives what was read of it once more."""

    def __init__(self, stream: trio.SocketStream, head: bytes) -> None:
        self._stream = stream
        self._head = head

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if self._head:
            head, self._head = self._head, b""
            return head
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _read_request(
    stream: trio.SocketStream, connection: h11.Connection, head: bytearray
) -> h11.Request | None:
    """Read one request without a body; None if the client left. `head` gets the bytes read."""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is h11.NEED_DATA:
            data = await stream.receive_some(_READ_BYTES)
            head += data
            connection.receive_data(data)
        else:
            return None


@asynccontextmanager
async def serve_venue(venue: ScriptedVenue) -> AsyncIterator[ScriptedVenue]:
    """Serve beside the block.

    async with serve_venue(ScriptedVenue([frames(recorded)])) as venue:
        config = MyConfig(websocket_url=venue.websocket_url)
    """
    async with nursery_beside() as nursery:
        await nursery.start(venue.run)
        yield venue
