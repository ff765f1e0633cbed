"""`zenithd watch` against a daemon that plays a script, over a real socket of this machine."""

from __future__ import annotations

import io
import json
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from cli_support import Run
from rich.console import Console
from trio_websocket import WebSocketConnection, WebSocketRequest, serve_websocket

from zenithd.cli.common import OperatorFault
from zenithd.cli.connection import CONNECT_SECONDS_MAX
from zenithd.cli.watch import full_url, local_url
from zenithd.cli.watch_client import Watched, WatchSettings, watch_instruments
from zenithd.cli.watch_screen import LinePrinter, ScreenPrinter, render
from zenithd.cli.watch_state import InstrumentPicture, Rate
from zenithd.daemon_file import DaemonFile, write_daemon_file

SYMBOL = "XS01.XSX"
SECURITY = {
    "Code": "XS01", "Market": "XSX", "Name": "First", "TradingState": "Open", "Last": 8.5, "Close": 8.0,
    "Trend": "Up", "Currency": "AUD", "Open": 8.0, "NumberOfTrades": 3, "Volume": 1500,
}  # fmt: skip
LEVELS = [
    {"O": "C"},
    {"O": "A", "Level": {"ID": "b1", "Side": "Bid", "Price": 8.4, "Volume": 1000, "Count": 2}},
    {"O": "A", "Level": {"ID": "b2", "Side": "Bid", "Price": 8.45, "Volume": 500, "HasUndisclosed": True}},
    {"O": "A", "Level": {"ID": "a1", "Side": "Ask", "Price": 8.5, "Volume": 700, "Count": 1}},
    {"O": "A", "Level": {"ID": "a2", "Side": "Ask", "Price": None, "Volume": 9000}},
]
TRADES = [{"O": "A", "Trade": {"ID": 7, "Price": 8.5, "Quantity": 10, "Time": "2026-11-21T10:00:01.5+11:00"}}]

Handler = Callable[["Conversation"], Awaitable[None]]


class Conversation:
    """The daemon's side of one connection."""

    def __init__(self, websocket: WebSocketConnection) -> None:
        self.websocket = websocket

    async def receive(self) -> dict[str, Any]:
        received: dict[str, Any] = json.loads(await self.websocket.get_message())
        return received

    async def send(self, **container: Any) -> None:
        await self.websocket.send_message(json.dumps(container))

    async def log_in(self, result: str = "Success") -> dict[str, Any]:
        request = await self.receive()
        assert (request["Controller"], request["Topic"]) == ("Auth", "AuthOwner")
        await self.send(Controller="Zenith", Topic="Feeds", Data=[])  # whatever else may come meanwhile
        data = {"Result": result, "AccessToken": "", "DisplayName": "Demo"}
        await self.send(
            Controller="Auth", Topic="AuthOwner", TransactionID=request["TransactionID"], Data=data
        )
        asked: dict[str, Any] = request["Data"]
        return asked

    async def serve_symbol(self, symbol: str = SYMBOL) -> None:
        """Answer what is asked for one instrument."""
        states = {"Security": SECURITY, "Levels": LEVELS, "Trades": [{"O": "I", "ID": 7}]}
        for topic, data in states.items():
            request = await self.receive()
            assert request["Topic"] == f"{topic}!{symbol}"
            assert request["Action"] == "Sub"
            await self.send(Controller="Market", Topic=request["Topic"], Data=data)
            await self.send(Controller="Market", Topic=request["Topic"], Action="Sub", Confirm=True)
        request = await self.receive()
        assert request["Topic"] == "QueryTrades"
        number = request["TransactionID"]
        await self.send(Controller="Market", Topic="QueryTrades", TransactionID=number, Data=TRADES)

    async def refuse_symbol(self, symbol: str) -> None:
        """Refuse everything that is asked for one instrument."""
        code = f"Symbol.NotFound {symbol}"
        for _ in range(3):
            topic = (await self.receive())["Topic"]
            await self.send(Controller="Market", Topic=topic, Action="Error", Data=code)
            await self.send(Controller="Market", Topic=topic, Action="Sub")
        number = (await self.receive())["TransactionID"]
        await self.send(
            Controller="Market", Topic="QueryTrades", TransactionID=number, Action="Error", Data=code
        )
        await self.send(Controller="Market", Topic="QueryTrades", TransactionID=number)


@asynccontextmanager
async def daemon(*handlers: Handler) -> AsyncIterator[str]:
    """Serve the connections in turn, the last handler for all others; gives the URL."""
    waiting = list(handlers)

    async def serve(request: WebSocketRequest) -> None:
        assert request.proposed_subprotocols == ("ZenithJson",)
        handler = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        await handler(Conversation(await request.accept(subprotocol="ZenithJson")))

    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, serve, "127.0.0.1", 0, None)
        yield f"ws://127.0.0.1:{server.port}/Zenith?version=2.0"
        nursery.cancel_scope.cancel()


class Notes:
    """An output that keeps everything."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.statuses: list[str] = []
        self.seen: Callable[[Watched], None] = lambda _: None

    def message(self, text: str) -> None:
        self.messages.append(text)

    def draw(self, watched: Watched, now: float) -> None:
        if watched.status not in self.statuses[-1:]:
            self.statuses.append(watched.status)
        self.seen(watched)


def wanted(url: str, *symbols: str, **others: Any) -> WatchSettings:
    return WatchSettings(url=url, symbols=symbols or (SYMBOL,), user="demo", password="demo", **others)


async def watch(settings: WatchSettings) -> tuple[Watched, Notes]:
    watched, notes = Watched(settings.symbols), Notes()
    with trio.fail_after(20):
        await watch_instruments(settings, watched, notes)
    return watched, notes


async def test_first_complete_state() -> None:
    async def handler(conversation: Conversation) -> None:
        asked = await conversation.log_in()
        assert (asked["Provider"], asked["UserName"], asked["Password"]) == ("BasicAuth", "demo", "demo")
        await conversation.serve_symbol()
        await trio.sleep_forever()

    async with daemon(handler) as url:
        watched, notes = await watch(wanted(url, once=True))
    picture = watched.pictures[SYMBOL]
    assert picture.security == SECURITY
    assert [level["ID"] for level in picture.side("Bid")] == ["b2", "b1"]
    assert [level["ID"] for level in picture.side("Ask")] == ["a1", "a2"]
    assert [trade["ID"] for trade in picture.trades] == [7]
    assert len(notes.messages) == watched.messages.total == 9
    assert "as Demo" in watched.status


async def test_updates_until_the_time_is_over() -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.log_in()
        await conversation.serve_symbol()
        change = {"O": "U", "Level": {"ID": "b1", "Volume": 5}}
        await conversation.send(Controller="Market", Topic=f"Levels!{SYMBOL}", Data=[change])
        await conversation.send(Controller="Market", Topic=f"Security!{SYMBOL}", Data={"Last": 9.0})
        await conversation.websocket.send_message(
            '{"Controller":"Market","Topic":"Levels!OTHER.XSX","Data":[]}'
        )
        await trio.sleep_forever()

    async with daemon(handler) as url:
        watched, _ = await watch(wanted(url, seconds=0.5))
    assert watched.pictures[SYMBOL].levels["b1"]["Volume"] == 5
    assert watched.pictures[SYMBOL].security["Last"] == 9.0


async def test_one_of_two_is_refused() -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.log_in()
        await conversation.serve_symbol()
        await conversation.refuse_symbol("XS99.XSX")
        await trio.sleep_forever()

    async with daemon(handler) as url:
        watched, _ = await watch(wanted(url, SYMBOL, "XS99.XSX", once=True))
    assert watched.pictures["XS99.XSX"].problems["Levels"] == "Symbol.NotFound XS99.XSX"
    assert watched.pictures[SYMBOL].is_complete


def leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def fault(settings: WatchSettings) -> str:
    """The line that the operator reads."""
    try:
        await watch(settings)
    except (OperatorFault, BaseExceptionGroup) as error:
        found = leaf(error)
        assert isinstance(found, OperatorFault)
        return str(found)
    pytest.fail("nothing was wrong")


async def test_everything_is_refused() -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.log_in()
        await conversation.refuse_symbol("XS99.XSX")
        await trio.sleep_forever()

    async with daemon(handler) as url:
        line = await fault(wanted(url, "XS99.XSX"))
    assert line == "nothing can be watched; the daemon answers XS99.XSX: Symbol.NotFound XS99.XSX"


async def test_login_is_rejected() -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.log_in("Rejected")
        await trio.sleep_forever()

    async with daemon(handler) as url:
        assert (await fault(wanted(url))).startswith("the daemon rejects the login of demo; check --user")


async def test_nobody_answers() -> None:
    sockets = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = sockets[0].socket.getsockname()[1]
    await sockets[0].aclose()
    line = await fault(wanted(f"ws://127.0.0.1:{port}/Zenith"))
    assert line == (
        f'no daemon answers at ws://127.0.0.1:{port}/Zenith (Connection refused); "zenithd run" starts one'
    )


@pytest.mark.parametrize(
    ("name", "reason"), [("localhost", "unable to get local issuer"), ("other", "unable")]
)
async def test_certificate_that_is_not_trusted(name: str, reason: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert(name).configure_cert(context)

    async def never(request: WebSocketRequest) -> None:
        pytest.fail("the password would have gone to whoever this is")

    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, never, "127.0.0.1", 0, context)
        url = f"wss://localhost:{server.port}/Zenith"
        with trio.fail_after(CONNECT_SECONDS_MAX / 2):
            line = await fault(wanted(url))
        nursery.cancel_scope.cancel()
    assert line.startswith(f"{url}: certificate verify failed ({reason}")
    assert line.endswith("; use --insecure to accept any, or name its authority's file in SSL_CERT_FILE")


async def test_any_certificate_is_accepted_if_wished() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("other").configure_cert(context)

    async def serve(request: WebSocketRequest) -> None:
        conversation = Conversation(await request.accept(subprotocol="ZenithJson"))
        await conversation.log_in()
        await conversation.serve_symbol()
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, serve, "127.0.0.1", 0, context)
        watched, _ = await watch(wanted(f"wss://localhost:{server.port}/Zenith", verify=False, once=True))
        nursery.cancel_scope.cancel()
    assert watched.is_complete


async def test_no_tls_where_it_is_expected() -> None:
    async def handler(conversation: Conversation) -> None:
        await trio.sleep_forever()

    async with daemon(handler) as url:
        with trio.fail_after(CONNECT_SECONDS_MAX / 2):
            line = await fault(wanted(url.replace("ws:", "wss:")))
    assert line.startswith("no daemon answers at wss://127.0.0.1:")
    assert "nothing within" not in line


async def test_something_else_answers() -> None:
    async def answer(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, answer, 0)
        port = listeners[0].socket.getsockname()[1]
        assert "(it refuses with HTTP 503)" in await fault(wanted(f"ws://127.0.0.1:{port}/"))
        nursery.cancel_scope.cancel()


async def test_text_that_is_no_container() -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.websocket.send_message("[1]")
        await trio.sleep_forever()

    async with daemon(handler) as url:
        assert "does not speak the protocol" in await fault(wanted(url))


async def test_connects_again_and_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zenithd.cli.connection.RECONNECT_SECONDS_MIN", 0.01)

    async def cut(conversation: Conversation) -> None:
        await conversation.log_in()
        await conversation.serve_symbol()
        await conversation.websocket.aclose(1012, "restarting")

    async def good(conversation: Conversation) -> None:
        await conversation.log_in()
        await conversation.serve_symbol()
        await conversation.send(Controller="Market", Topic=f"Security!{SYMBOL}", Data={"Last": 1.0})
        await trio.sleep_forever()

    async with daemon(cut, good) as url:
        watched, notes = Watched((SYMBOL,)), Notes()
        with trio.move_on_after(20) as scope:

            def stop_when_seen(watched: Watched) -> None:
                if watched.pictures[SYMBOL].security.get("Last") == 1.0:
                    scope.cancel()

            notes.seen = stop_when_seen
            await watch_instruments(wanted(url), watched, notes)
        assert scope.cancelled_caught
    assert len([text for text in notes.messages if '"AuthOwner"' in text]) == 2
    assert [trade["ID"] for trade in watched.pictures[SYMBOL].trades] == [7]


async def test_end_for_good() -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.log_in()
        await conversation.websocket.aclose(4000, "logged in elsewhere")

    async with daemon(handler) as url:
        assert await fault(wanted(url)) == "the daemon ended the session: logged in elsewhere"


def picture() -> InstrumentPicture:
    made = InstrumentPicture(SYMBOL)
    made.apply("Security", SECURITY)
    made.apply("Levels", LEVELS)
    made.apply_history(TRADES)
    return made


def test_levels_change_as_told() -> None:
    made = picture()
    made.apply("Levels", [{"O": "U", "Level": {"ID": "b1", "Volume": 1}}, {"O": "R", "Level": {"ID": "b2"}}])
    made.apply("Levels", [{"O": "U", "Level": {"ID": "nowhere", "Volume": 1}}])
    assert made.side("Bid") == [{"ID": "b1", "Side": "Bid", "Price": 8.4, "Volume": 1, "Count": 2}]
    made.apply("Levels", [{"O": "C"}])
    assert made.side("Bid") == made.side("Ask") == []


def test_trades_come_change_and_are_bounded() -> None:
    made = picture()
    made.apply(
        "Trades",
        [{"O": "A", "Trade": {"ID": 8, "Price": 9}}, {"O": "U", "Trade": {"ID": 8, "Flags": "Cancel"}}],
    )
    made.apply_history([{"O": "A", "Trade": {"ID": 6}}, {"O": "A", "Trade": {"ID": 8}}])
    assert [trade["ID"] for trade in made.trades] == [6, 7, 8]
    assert made.trades[-1]["Flags"] == "Cancel"
    made.apply("Trades", [{"O": "A", "Trade": {"ID": number}} for number in range(9, 60)])
    assert [trade["ID"] for trade in made.trades] == list(range(40, 60))


def test_rates_are_those_of_the_last_whole_second() -> None:
    rate = Rate()
    rate.add(3, 10.1)
    rate.add(2, 10.9)
    assert rate.at(10.95) == 0
    assert rate.at(11.0) == 5
    rate.add(1, 11.5)
    assert rate.at(12.2) == 1
    assert rate.at(14.0) == 0
    assert rate.total == 6


def drawn(watched: Watched) -> str:
    console = Console(file=io.StringIO(), width=160, color_system=None)
    console.print(render(watched, 0.0))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_screen_shows_book_trades_and_rates() -> None:
    watched = Watched((SYMBOL, "XS02.XSX"))
    watched.pictures[SYMBOL] = picture()
    watched.pictures["XS02.XSX"].problems["Levels"] = "Symbol.NotFound"
    text = drawn(watched)
    assert "First  Open  8.50 +6.25% AUD" in text
    assert "open 8.00" in text
    assert "volume 1,500 in 3" in text
    best = next(line for line in text.splitlines() if "8.45" in line)
    assert "500+" in best
    assert "8.50" in best
    assert "rest" in text
    assert "10:00:01.5" in text
    assert "Levels: Symbol.NotFound" in text
    assert "connecting" in text


def test_an_empty_picture_can_be_drawn() -> None:
    assert SYMBOL in drawn(Watched((SYMBOL,)))


def test_without_a_terminal_the_last_state_is_printed_once() -> None:
    stream = io.StringIO()
    with ScreenPrinter(Console(file=stream, width=100)) as printer:
        for _ in range(3):
            printer.draw(Watched((SYMBOL,)), 0.0)
            printer.message("{}")
    assert stream.getvalue().count(SYMBOL) == 1


def test_on_a_terminal_it_is_drawn_again_and_again() -> None:
    stream = io.StringIO()
    with ScreenPrinter(Console(file=stream, width=100, force_terminal=True)) as printer:
        for _ in range(3):
            printer.draw(Watched((SYMBOL,)), 0.0)
    assert stream.getvalue().count(SYMBOL) > 2


def test_lines_are_the_messages() -> None:
    stream = io.StringIO()
    with LinePrinter(stream) as printer:
        printer.draw(Watched((SYMBOL,)), 0.0)
        printer.message('{"a":1}')
    assert stream.getvalue() == '{"a":1}\n'


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("ws://h:1", "ws://h:1/Zenith?version=2.0"),
        ("wss://h", "wss://h/Zenith?version=2.0"),
        ("h:8640", "ws://h:8640/Zenith?version=2.0"),
        ("ws://h/Other?version=1.6", "ws://h/Other?version=1.6"),
    ],
)
def test_urls_are_completed(text: str, url: str) -> None:
    assert full_url(text) == url


@pytest.mark.parametrize("text", ["http://h", "ws://", ":80"])
def test_what_is_no_url(text: str) -> None:
    with pytest.raises(OperatorFault, match="is not a WebSocket address"):
        full_url(text)


def test_where_the_daemon_of_this_folder_is(folder: Path) -> None:
    assert local_url(Path("config.toml")) == "ws://127.0.0.1:8640/Zenith?version=2.0"
    (folder / "config.toml").write_text('server.listen = "0.0.0.0:1"')
    assert local_url(Path("config.toml")) == "ws://127.0.0.1:1/Zenith?version=2.0"
    write_daemon_file(folder / "var", DaemonFile(os.getpid(), "127.0.0.1:2", tls=True))
    assert local_url(Path("config.toml")) == "wss://127.0.0.1:2/Zenith?version=2.0"


def test_symbols_are_looked_at_first(zenithd: Run) -> None:
    result = zenithd("watch", "XS01")
    assert result.code == 2
    assert result.err == "'XS01' is not Code.Market; write an instrument as CODE.MARKET, such as XS01.XSX\n"


def test_password_of_others_must_be_given(zenithd: Run) -> None:
    result = zenithd("watch", SYMBOL, "--user", "anna")
    assert result.err == "give the password of anna with --password or in ZENITHD_PASSWORD\n"


def test_no_daemon_on_the_command_line(zenithd: Run, folder: Path) -> None:
    (folder / "config.toml").write_text('server.listen = "127.0.0.1:1"')
    result = zenithd("watch", SYMBOL)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("no daemon answers at ws://127.0.0.1:1/Zenith?version=2.0 (")
    assert result.err.count("\n") == 1
