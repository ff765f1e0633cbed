"""The listener of a whole daemon: raw bytes on a socket end that connection properly and harm nobody."""

from __future__ import annotations

import gc
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import structlog
import trio

from tests.fuzz import draw as d
from tests.fuzz.boundary import Boundary
from tests.fuzz.codec_boundaries import CODECS
from tests.fuzz.draw import Draw
from tests.fuzz.frame_daemon import (
    ANSWER_SECONDS_MAX,
    HEAD,
    MESSAGE_BYTES_MAX,
    NO_CHANCE,
    Bystander,
    Client,
    frame,
    running_daemon,
)
from tests.fuzz.frame_model import BINARY, CLOSE, CONTINUATION, GOES_ON, NO_CODE, PING, PONG, TEXT, Stream
from tests.fuzz.session_boundary import message
from zenithd.app import Daemon
from zenithd.wire.codec import Codec, Encoding
from zenithd.wire.conformance import check_container

STATUSES = frozenset({101, 200, 400, 403, 404, 405, 414, 426, 431, 501, 503})
DESCRIPTORS = Path("/proc/self/fd")
LAST_PING = b"still there?"

Script = tuple[str, list[bytes], list[int]]
"""Subprotocol ("": no handshake, raw HTTP), pieces, and where the bytes of all are cut for sending."""


def _message_frames(draw: Draw, encoding: Encoding) -> list[bytes]:
    """A message, often in fragments with control frames between them."""
    raw = message(draw, encoding)[: MESSAGE_BYTES_MAX // 2]
    opcode = TEXT if isinstance(raw, str) else BINARY
    payload = raw.encode(errors="replace") if isinstance(raw, str) else raw
    if draw.random() < 0.6:
        return [frame(draw, opcode, payload)]
    parts = d.pieces(draw, payload, 6)
    frames = []
    for index, part in enumerate(parts):
        last = 0x80 if index == len(parts) - 1 else 0
        frames.append(frame(draw, CONTINUATION if index else opcode, part, last))
        if draw.random() < 0.2:
            frames.append(frame(draw, draw.choice((PING, PONG)), draw.randbytes(draw.choice((0, 4, 125)))))
    return frames


def _control_frame(draw: Draw) -> bytes:
    if draw.random() < 0.6:
        return frame(draw, draw.choice((PING, PONG)), draw.randbytes(draw.choice((0, 1, 4, 125))))
    code = draw.choice(
        (1000, 1001, 1002, 1007, 1012, 3000, 4000, 4999, 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000)
    )
    reason = draw.choice((b"", b"bye", b"\xff", b"x" * 123, "é".encode()))
    return frame(draw, CLOSE, draw.choice((b"", b"\x03", code.to_bytes(2, "big") + reason)))


def _violation(draw: Draw, encoding: Encoding) -> bytes:
    """A frame against the rules, or more than a message may have."""
    payload = draw.randbytes(draw.choice((0, 1, 125)))
    match draw.randrange(9):
        case 0:
            return frame(draw, draw.randrange(16), payload, draw.randrange(16) << 4)
        case 1:
            return bytes((0x81, len(payload))) + payload
        case 2:
            return (
                b"\x81\xff"
                + draw.choice((0, 5, 65535, 65536, 2**40, 2**63, 2**64 - 1)).to_bytes(8, "big")
                + b"\0" * 9
            )
        case 3:
            return (
                b"\x82\xfe" + draw.choice((0, 5, 125, 126, 4096, 4097, 65535)).to_bytes(2, "big") + b"\0" * 9
            )
        case 4:
            return frame(draw, CONTINUATION, payload, draw.choice((0, 0x80)))
        case 5:
            return frame(draw, draw.choice((CLOSE, PING, PONG)), b"x" * draw.choice((126, 300)), 0x80)
        case 6:
            return frame(draw, draw.choice((CLOSE, PING, PONG)), payload, 0)
        case 7:
            return frame(
                draw,
                TEXT,
                draw.choice((b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"{}\xe2\x82")),
                draw.choice((0, 0x80)),
            )
        case _:
            size = draw.choice(
                (MESSAGE_BYTES_MAX - 1, MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX + 1, 3 * MESSAGE_BYTES_MAX)
            )
            return frame(
                draw, TEXT if CODECS[encoding].is_text else BINARY, b" " * size, draw.choice((0, 0x80))
            )


HEAD_PARTS = (
    HEAD, b"GET / HTTP/1.1\r\n", b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD /health/live HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /status HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", b"\r\n", b"\n", b"\0", b"\xff",
    b" ", b":", b"HTTP/1.0", b"GET //[ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\0\1\0",
    b"Sec-WebSocket-Protocol: ZenithJson, ZenithBson\r\n", b"Sec-WebSocket-Protocol: other\r\n",
    b"Sec-WebSocket-Protocol: ,\r\n",
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
    b"Sec-WebSocket-Version: 8\r\n", b"Sec-WebSocket-Key: x\r\n", b"Authorization: Bearer x\r\n",
    b"Authorization: \xff\r\n", b"Authorization:\r\n", b"Origin: http://evil\r\n",
    b"X-Forwarded-For: 1.2.3.4, x\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 99999999999999999999\r\n", b"Upgrade: h2c\r\n", b"Connection: close\r\n",
    b"Host: b\r\n", b"A: " + b"x" * 20_000 + b"\r\n", b"Expect: 100-continue\r\n",
)  # fmt: skip


def _http(draw: Draw) -> bytes:
    """A request that is no handshake, or one that is not quite."""
    if draw.random() < 0.3:
        head = b"".join(draw.choice(HEAD_PARTS) for _ in range(draw.randrange(4)))
    else:
        head = HEAD + b"".join(draw.choice(HEAD_PARTS[16:]) for _ in range(draw.randrange(3))) + b"\r\n"
    return d.damage_bytes(draw, head, HEAD_PARTS) if draw.random() < 0.5 else head


class FrameBoundary(Boundary):
    """Scripts for connections to one daemon, one by one, beside a connection that must not notice."""

    name = "frame"
    reaches = frozenset(
        {"went on", "HTTP 101", "HTTP 400", *(f"closed {code}" for code in (1000, 1002, 1007, 1009))}
    )
    batch = 1_000
    blocks_left_max = 5_000
    """trio forgets the deadlines of a thousand scopes that have ended at once, and not before."""

    def make(self, draw: Draw) -> Script:
        if draw.random() < 0.1:
            pieces = [_http(draw)]
            protocol = ""
        else:
            encoding = draw.choice(list(Encoding))
            protocol, pieces = encoding.value, self._frames(draw, encoding)
        size = sum(map(len, pieces))
        return protocol, pieces, sorted(draw.randrange(size + 1) for _ in range(draw.choice((0, 0, 1, 3))))

    @staticmethod
    def _frames(draw: Draw, encoding: Encoding) -> list[bytes]:
        pieces: list[bytes] = []
        for _ in range(draw.choice((1, 5, 20, 50))):
            pieces += _message_frames(draw, encoding) if draw.random() < 0.7 else ()
            if draw.random() < 0.15:
                pieces.append(frame(draw, draw.choice((PING, PONG)), draw.randbytes(4)))
        match draw.randrange(5):
            case 0:
                pieces.append(_control_frame(draw))
            case 1 | 2:
                pieces.append(_violation(draw, encoding))
            case 3 if pieces:
                at = draw.randrange(len(pieces))
                pieces[at] = d.damage_bytes(draw, pieces[at], pieces)
        return pieces or [_control_frame(draw)]

    def weigh(self, given: Script) -> int:
        return len(given[1])

    def check(self, given: Script) -> str:
        return next(iter(self.check_all([given])))

    def check_all(self, inputs: Sequence[Script]) -> Iterator[str]:
        """Play all scripts to one daemon."""
        outcomes: list[str] = []
        error = trio.run(_play, inputs, outcomes)
        yield from outcomes
        if error is not None:
            raise error

    def repeat(self, inputs: Sequence[Script], rounds: int, after_each: Callable[[], None]) -> None:
        """All rounds with one daemon, since a daemon itself leaves something behind."""
        outcomes: list[str] = []
        error = trio.run(_play, inputs, outcomes, rounds, after_each)
        if error is not None:
            raise error


async def _play(
    scripts: Sequence[Script],
    outcomes: list[str],
    rounds: int = 1,
    after_each: Callable[[], None] = lambda: None,
) -> Exception | None:
    gc.collect()  # of earlier daemons: their descriptors would be counted
    with structlog.testing.capture_logs() as logged:
        async with running_daemon() as daemon:
            try:
                for _ in range(rounds):
                    outcomes.clear()
                    await _play_scripts(daemon, scripts, outcomes, logged)
                    after_each()
            except Exception as error:
                return _first(error)
    return None


def _first(error: BaseException) -> Exception:
    """The first of the errors in a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Exception)
    return error


async def _play_scripts(
    daemon: Daemon, scripts: Sequence[Script], outcomes: list[str], logged: list[Any]
) -> None:
    async with trio.open_nursery() as nursery:
        bystander = Bystander(daemon, nursery)
        await bystander.shake_hands(Encoding.JSON.value)
        await bystander.ask()
        before = _held(daemon)
        for script in scripts:
            outcome = await _play_one(daemon, script)
            await bystander.ask()
            errors = [entry for entry in logged if entry["log_level"] in ("error", "critical")]
            assert not errors, errors[0]
            logged.clear()
            after = _held(daemon)
            assert all(after[name] <= before[name] for name in before), f"{after} is held, {before} before"
            outcomes.append(outcome)
        await bystander.stream.aclose()


def _held(daemon: Daemon) -> dict[str, int]:
    """What connections take of a daemon."""
    return {
        "tasks": trio.lowlevel.current_statistics().tasks_living,
        "descriptors": sum(1 for _ in DESCRIPTORS.iterdir()) if DESCRIPTORS.is_dir() else 0,
        "connections": len(daemon.listener.connections),
        "counted by address": daemon.address_limits.connections,
        "topics": len(daemon.bus.topics),
        "subscriptions": daemon.bus.statistics.subscriptions,
        "blocked": len(daemon.flusher.blocked_outboxes),
    }


async def _play_one(daemon: Daemon, script: Script) -> str:
    """Play one script to the end of its connection; everything that served it must have ended then."""
    protocol, pieces, cuts = script
    data = b"".join(pieces)
    edges = [0, *cuts, len(data)]
    chunks = [data[start:end] for start, end in itertools.pairwise(edges)]
    with trio.fail_after(ANSWER_SECONDS_MAX):
        async with trio.open_nursery() as nursery:
            client = Client(daemon, nursery)
            async with client.stream:
                if protocol:
                    outcome = await _converse(client, CODECS[Encoding(protocol)], data, chunks)
                else:
                    outcome = await _request(client, chunks)
            await client.served.wait()
    return outcome


async def _converse(client: Client, codec: Codec, data: bytes, chunks: list[bytes]) -> str:
    """Send all, ask whether the server is still there where it should be, leave, and look at what it said."""
    expected = Stream(data, codec, MESSAGE_BYTES_MAX)
    await client.shake_hands(codec.encoding.value, chunks[0])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_send_rest, client, chunks[1:], expected)
        is_over = False
        client.take_frames()
        while not is_over:
            is_over = (PONG, LAST_PING) in client.frames or CLOSE in [opcode for opcode, _ in client.frames]
            if is_over:
                client.leave()
            elif not await client.receive():
                break
            client.take_frames()
        while await client.receive():
            client.take_frames()
        nursery.cancel_scope.cancel()
    return _judge(client, codec, expected.codes)


async def _send_rest(client: Client, chunks: list[bytes], expected: Stream) -> None:
    """Send chunks, giving the server time between them; then whatever makes it end if it goes on."""
    for chunk in chunks:
        await trio.lowlevel.checkpoint()
        await client.send(chunk)
    if GOES_ON in expected.codes:
        if expected.is_between_frames:
            await client.send(frame(NO_CHANCE, PING, LAST_PING))
        else:
            client.leave()


def _judge(client: Client, codec: Codec, expected: set[int]) -> str:
    """Look at all that the server sent after the handshake."""
    assert not client.received, f"a frame that was cut off: {client.received!r}"
    for opcode, payload in client.frames:
        if opcode in (TEXT, BINARY):
            assert (opcode == TEXT) is codec.is_text
            check_container(codec.decode(payload.decode() if codec.is_text else payload))
    code = GOES_ON
    if client.frames and client.frames[-1][0] == CLOSE:
        payload = client.frames[-1][1]
        payload[2:].decode()
        code = int.from_bytes(payload[:2], "big") if payload else NO_CODE
    assert code in expected, f"closed with {code}, expected one of {sorted(expected)}"
    return f"closed {code}" if code else "went on"


async def _request(client: Client, chunks: list[bytes]) -> str:
    """Send what may be a request; the answer is whole and has a status that means something here."""
    for chunk in chunks:
        await client.send(chunk)
        await trio.lowlevel.checkpoint()
    client.leave()
    while await client.receive():
        pass
    if not client.received:
        assert not any(chunks), "no answer"
        return "HTTP nothing"
    head, end, body = client.received.partition(b"\r\n\r\n")
    found = re.match(rb"HTTP/1\.1 (\d{3}) [A-Z][A-Za-z -]+\r\n", head + b"\r\n")
    assert found is not None, head
    assert end, head
    status = int(found[1])
    assert status in STATUSES, head
    if status == 101:
        client.received = body
        client.take_frames()
        assert not client.received
    elif body:
        assert f"content-length: {len(body)}" in head.decode().lower(), head
    return f"HTTP {status}"


BOUNDARIES: list[type[Boundary]] = [FrameBoundary]
