"""RFC 6455, rule by rule, on the wire: the real listener with an echo in the protocol's place.

A row says what the client sends and what it must get back; every row is sent in one piece and byte by byte.
"""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
import trio
import trustme

from tests.reliability.echo import EchoSession, serve_echo
from tests.reliability.lib_frames import (
    ANSWER_SECONDS_MAX,
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    RawClient,
    accept_of,
    close_payload,
    handshake,
    masked,
    unmasked,
)

SAMPLE_KEY = "AAECAwQFBgcICQoLDA0ODw=="
GOODBYE = masked(CLOSE, close_payload(1000))
ENDED = [Frame(CLOSE, close_payload(1000))]
"""What a client that says goodbye gets."""

HELLO = masked(TEXT, b"hello")
HELLO_BACK = Frame(TEXT, b"hello")
EURO = "€".encode()


class Rule(NamedTuple):
    """What must come back before the daemon closes with `code`."""

    name: str
    sent: bytes
    answers: list[Frame]
    code: int = 0
    """Of the close frame; 0: nothing was wrong, and the client says goodbye after it."""


def fragments(opcode: int, *parts: bytes) -> list[bytes]:
    """The frames of one message."""
    last = len(parts) - 1
    return [
        masked(opcode if index == 0 else CONTINUATION, part, fin=index == last)
        for index, part in enumerate(parts)
    ]


def between(frames: list[bytes], inserted: bytes) -> bytes:
    return inserted.join(frames)


SIZES = [
    Rule(f"{size} bytes of {name}", masked(opcode, fill * size), [Frame(opcode, fill * size)])
    for name, opcode, fill in (("text", TEXT, b"*"), ("binary", BINARY, b"\xfe"))
    for size in (0, 1, 125, 126, 127, 128, 65535, 65536)
]

CONTROL = [
    Rule("ping", masked(PING), [Frame(PONG, b"")]),
    Rule("ping with a payload", masked(PING, b"\x00\xff\xfe"), [Frame(PONG, b"\x00\xff\xfe")]),
    Rule("the longest ping", masked(PING, b"x" * 125), [Frame(PONG, b"x" * 125)]),
    Rule("a ping that is too long", masked(PING, b"x" * 126), [], 1002),
    Rule("a pong that is too long", masked(PONG, b"x" * 126), [], 1002),
    Rule("a pong nobody asked for", masked(PONG, b"x") + HELLO, [HELLO_BACK]),
    Rule(
        "pings are answered in order",
        b"".join(masked(PING, b"%d" % number) for number in range(10)),
        [Frame(PONG, b"%d" % number) for number in range(10)],
    ),
    Rule("a ping in fragments", masked(PING, b"x", fin=False) + masked(CONTINUATION, b"x"), [], 1002),
    Rule("a close frame in fragments", masked(CLOSE, b"", fin=False), [], 1002),
]

RESERVED = [
    Rule(
        f"reserved bits {bits:#x} of {name}", HELLO + masked(opcode, b"x", reserved=bits), [HELLO_BACK], 1002
    )
    for name, opcode in (("text", TEXT), ("ping", PING), ("close", CLOSE))
    for bits in (0x40, 0x20, 0x10, 0x70)
] + [
    Rule(f"reserved opcode {opcode}", HELLO + masked(opcode, b"x") + masked(PING), [HELLO_BACK], 1002)
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
]

FRAMING = [
    Rule("text that is not masked", unmasked(TEXT, b"x"), [], 1002),
    Rule("a ping that is not masked", unmasked(PING, b""), [], 1002),
    Rule("a close frame that is not masked", unmasked(CLOSE, close_payload(1000)), [], 1002),
    Rule("2 bytes of length for 125", b"\x82\xfe\x00\x7d\x00\x00\x00\x00", [], 1002),
    Rule("8 bytes of length for 65535", b"\x82\xff" + (65535).to_bytes(8, "big") + bytes(4), [], 1002),
]

PIECES = [
    Rule(
        f"{count} fragments of {name}",
        between(fragments(opcode, *[b"ab"] * count), b""),
        [Frame(opcode, b"ab" * count)],
    )
    for name, opcode in (("text", TEXT), ("binary", BINARY))
    for count in (2, 3, 50)
] + [
    Rule("empty fragments", between(fragments(TEXT, b"", b"", b""), b""), [Frame(TEXT, b"")]),
    Rule("an empty last fragment", between(fragments(TEXT, b"a", b""), b""), [Frame(TEXT, b"a")]),
    Rule(
        "a ping between fragments",
        between(fragments(TEXT, b"a", b"b", b"c"), masked(PING, b"1")),
        [Frame(PONG, b"1"), Frame(PONG, b"1"), Frame(TEXT, b"abc")],
    ),
    Rule(
        "a pong between fragments", between(fragments(TEXT, b"a", b"b"), masked(PONG)), [Frame(TEXT, b"ab")]
    ),
    Rule("nothing to continue", HELLO + masked(CONTINUATION, b"x"), [HELLO_BACK], 1002),
    Rule("nothing to continue, more to come", masked(CONTINUATION, b"x", fin=False), [], 1002),
    Rule("text instead of a continuation", fragments(TEXT, b"a", b"b")[0] + HELLO, [], 1002),
    Rule("binary instead of a continuation", fragments(TEXT, b"a", b"b")[0] + masked(BINARY, b"b"), [], 1002),
    Rule(
        "a finished message is continued",
        between(fragments(TEXT, b"a", b"b"), b"") + masked(CONTINUATION, b"c"),
        [Frame(TEXT, b"ab")],
        1002,
    ),
    Rule("a close frame between fragments", between(fragments(TEXT, b"a", b"b"), GOODBYE), [], 1000),
]

VALID_TEXT = {
    "the first and last of each length": "\x00\x7f\u0080\u07ff\u0800\uffff\U00010000\U0010ffff",
    "beside the surrogates": "\ud7ff\ue000",
    "not characters, but valid": "\ufffe\uffff\U0001fffe\ufdd0",
    "many scripts": "κόσμε Grüße 日本語 🙂 \u0301",
}

INVALID_TEXT = {
    "a lone continuation": b"a\x80",
    "no lead byte": b"\xfe\xff",
    "lead without continuation": b"\xc3(",
    "two bytes where one is enough": b"\xc0\xaf",
    "three bytes where two are enough": b"\xe0\x9f\xbf",
    "four bytes where three are enough": b"\xf0\x8f\xbf\xbf",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "six bytes": b"\xfc\x84\x80\x80\x80\x80",
    "the first surrogate": b"\xed\xa0\x80",
    "the last surrogate": b"\xed\xbf\xbf",
    "a pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "above the last character": b"\xf4\x90\x80\x80",
    "cut off after 2 of 3": EURO[:2],
    "cut off after 3 of 4": "🙂".encode()[:3],
}

ENCODING = (
    [Rule(f"UTF-8, {name}", masked(TEXT, text.encode()), [Frame(TEXT, text.encode())])
     for name, text in VALID_TEXT.items()]
    + [Rule(f"a character in each fragment, {name}",
            between(fragments(TEXT, *(text.encode()[at : at + 1] for at in range(len(text.encode())))), b""),
            [Frame(TEXT, text.encode())])
       for name, text in VALID_TEXT.items()]
    + [Rule(f"no UTF-8, {name}", masked(TEXT, data), [], 1007) for name, data in INVALID_TEXT.items()]
    + [Rule(f"no UTF-8 behind a character, {name}", masked(TEXT, EURO + data), [], 1007)
       for name, data in INVALID_TEXT.items()]
    + [Rule(f"no UTF-8 in fragments, {name}",
            between(fragments(TEXT, EURO, data[:1], data[1:]), b""), [], 1007)
       for name, data in INVALID_TEXT.items()]
    + [Rule("binary need not be UTF-8", masked(BINARY, b"\xff\xfe\x80"), [Frame(BINARY, b"\xff\xfe\x80")])]
)  # fmt: skip

VALID_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999)
INVALID_CODES = (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
LONGEST_REASON = b"r" * 123


class Goodbye(NamedTuple):
    """A close frame and what it is answered with."""

    name: str
    payload: bytes
    answer: bytes | int
    """The payload of the answer, or the code that complains."""


GOODBYES = (
    [Goodbye(f"code {code}", close_payload(code), close_payload(code)) for code in VALID_CODES]
    + [Goodbye(f"code {code}", close_payload(code), 1002) for code in INVALID_CODES]
    + [
        Goodbye("without a code", b"", b""),
        Goodbye("half a code", b"\x03", 1002),
        Goodbye("a reason", close_payload(1000, EURO), 1000),
        Goodbye("the longest reason", close_payload(1000, LONGEST_REASON), 1000),
        Goodbye("a reason that is too long", close_payload(1000, LONGEST_REASON + b"r"), 1002),
        Goodbye("a reason that is no UTF-8", close_payload(1000, b"\xff"), 1007),
        Goodbye("a reason that is cut off", close_payload(1000, EURO[:2]), 1007),
    ]
)


RULES = [*SIZES, *CONTROL, *RESERVED, *FRAMING, *PIECES, *ENCODING]
SMALL = [rule for rule in RULES if len(rule.sent) < 10_000]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """An echo daemon in a process of its own."""
    command = [sys.executable, "-m", "tests.reliability.echo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("ws://"), line
            yield urlsplit(line).port or 0
        finally:
            process.kill()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[RawClient]:
    client = await RawClient.connect(port)
    async with client.stream:
        yield client


def code_of(frame: Frame) -> int:
    assert frame.opcode == CLOSE
    return int.from_bytes(frame.payload[:2], "big")


async def check(client: RawClient, rule: Rule, cut: int | None = None) -> None:
    await client.send(rule.sent if rule.code else rule.sent + GOODBYE, cut)
    *answers, last = await client.receive_to_the_end(answer=rule.code > 1000)
    assert answers == rule.answers
    assert code_of(last) == (rule.code or 1000)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
async def test_in_one_piece(port: int, rule: Rule) -> None:
    async with connected(port) as client:
        await check(client, rule)


@pytest.mark.parametrize("rule", SMALL, ids=lambda rule: rule.name)
async def test_byte_by_byte(port: int, rule: Rule) -> None:
    async with connected(port) as client:
        await check(client, rule, cut=1)


@pytest.mark.parametrize("goodbye", GOODBYES, ids=lambda goodbye: goodbye.name)
async def test_closing(port: int, goodbye: Goodbye) -> None:
    """What was asked before is answered; what follows a close frame is not."""
    async with connected(port) as client:
        await client.send(HELLO + masked(CLOSE, goodbye.payload) + masked(PING) + HELLO)
        answer, last = await client.receive_to_the_end()
    assert answer == HELLO_BACK
    assert last.opcode == CLOSE
    if isinstance(goodbye.answer, bytes):
        assert last.payload == goodbye.answer
    else:
        assert code_of(last) == goodbye.answer


@pytest.mark.parametrize("data", INVALID_TEXT.values(), ids=INVALID_TEXT)
async def test_invalid_text_is_not_waited_for(port: int, data: bytes) -> None:
    """Neither the rest of the frame nor of the message is sent, unless only that shows the fault."""
    truncated = data in (EURO[:2], "🙂".encode()[:3])
    text = b"valid" + data + (b"!" if truncated else b"")
    whole = masked(TEXT, text + b"x" * 100)
    for begun in (whole[:-100], masked(TEXT, text, fin=False)):
        async with connected(port) as client:
            await client.send(begun)
            (last,) = await client.receive_to_the_end()
            assert code_of(last) == 1007


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_a_large_message_in_large_and_small_pieces(port: int, opcode: int) -> None:
    payload = (b"%07d." % 42) * (2**21 // 8)
    for size in (2**21, 2**16, 2**12, 1000):
        parts = [payload[start : start + size] for start in range(0, len(payload), size)]
        async with connected(port) as client, trio.open_nursery() as nursery:
            nursery.start_soon(client.send, b"".join(fragments(opcode, *parts)) + GOODBYE)
            frames = await client.receive_to_the_end()
            assert frames == [Frame(opcode, payload), *ENDED]


async def test_a_flood_of_pings_is_answered_in_order_between_messages(port: int) -> None:
    count = 5_000
    sent = b"".join(masked(PING, b"%d" % number) + HELLO for number in range(count)) + GOODBYE
    async with connected(port) as client, trio.open_nursery() as nursery:
        nursery.start_soon(client.send, sent)
        frames = await client.receive_to_the_end()
    assert [frame.payload for frame in frames if frame.opcode == PONG] == [b"%d" % n for n in range(count)]
    assert frames.count(HELLO_BACK) == count
    assert frames[-1:] == ENDED
    assert len(frames) == 2 * count + 1


async def test_all_that_was_asked_before_goodbye_is_answered_to_a_slow_reader(port: int) -> None:
    """More than the kernel takes at once: some of it waits when the close frame comes."""
    payload = b"z" * 2**23
    async with connected(port) as client:
        assert isinstance(client.stream, trio.SocketStream)
        client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        await client.send(masked(BINARY, payload) + GOODBYE)
        assert await client.receive_to_the_end() == [Frame(BINARY, payload), *ENDED]


async def test_what_comes_with_the_handshake_counts(port: int) -> None:
    """A client must wait for the answer; one that does not is not misunderstood either."""
    begun, rest = HELLO[:5], HELLO[5:]
    client = await RawClient.connect(port, early=HELLO + begun)
    async with client.stream:
        await client.send(rest + GOODBYE)
        assert await client.receive_to_the_end() == [HELLO_BACK, HELLO_BACK, *ENDED]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"sec_websocket_key": None}, 400),
        ({"sec_websocket_key": ""}, 400),
        ({"sec_websocket_key": "AAECAwQFBgcICQoLDA0O"}, 400),
        ({"sec_websocket_key": "not Base-64 at all, is it"}, 400),
        ({"sec_websocket_version": None}, 426),
        ({"sec_websocket_version": "8"}, 426),
        ({"connection": None}, 400),
        ({"connection": "keep-alive"}, 400),
        ({"content_length": "4"}, 400),
        ({"host": None}, 400),
        ({"connection": "keep-alive, upgrade"}, 101),
        ({"upgrade": "h2c, WebSocket"}, 101),
        ({"host": "x" * 300}, 101),
        ({"sec_websocket_extensions": "permessage-deflate; client_max_window_bits"}, 101),
    ],
)
async def test_handshakes(port: int, changed: dict[str, str | None], status: int) -> None:
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        answer, headers = await RawClient(stream).request(handshake(SAMPLE_KEY, **changed))
        assert answer == status
        assert "sec-websocket-extensions" not in headers
        if status == 101:
            assert headers["sec-websocket-accept"] == accept_of(SAMPLE_KEY)
        if status == 426:
            assert headers["sec-websocket-version"] == "13"


async def test_messages_have_a_largest_size() -> None:
    limit = 4096
    fits = fragments(BINARY, b"x" * 4000, b"x" * 96)
    async with serve_echo(message_bytes_max=limit) as (port, _):
        async with connected(port) as client:
            await check(client, Rule("fits", b"".join(fits), [Frame(BINARY, b"x" * limit)]))
        for name, sent in {
            "one byte more": masked(BINARY, b"x" * (limit + 1)),
            "announced, not sent": masked(BINARY, b"x" * 2**20)[:20],
            "in fragments": b"".join(fragments(BINARY, b"x" * 4000, b"x" * 97)),
            "few characters, but many bytes": masked(TEXT, EURO * (limit // 3 + 1)),
            "empty fragments for ever": masked(TEXT, fin=False) + masked(CONTINUATION, fin=False) * 100,
        }.items():
            async with connected(port) as client:
                await check(client, Rule(name, HELLO * 9 + sent, [HELLO_BACK] * 9, 1009))


async def test_the_same_over_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(str(key))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    payload = b"z" * 2**22
    large = Rule("large", masked(BINARY, payload), [Frame(BINARY, payload)])
    async with serve_echo(tls=(str(chain), str(key))) as (port, _):
        for rule in (*SIZES[:4], *CONTROL, *RESERVED[:4], *PIECES, large):
            client = await RawClient.connect(port, tls=context)
            async with client.stream:
                await check(client, rule)


async def test_every_end_is_counted_once() -> None:
    async with serve_echo(message_bytes_max=4096) as (port, listener):
        for sent in (GOODBYE, masked(CLOSE), masked(3), masked(TEXT, b"\xff"), masked(TEXT, b"x" * 4097)):
            async with connected(port) as client:
                await client.send(sent)
                await client.receive_to_the_end(answer=True)
        async with connected(port):
            pass
        with trio.fail_after(ANSWER_SECONDS_MAX):
            await listener.wait_empty()
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(b"GET /metrics HTTP/1.0\r\n\r\n")
            page = b"".join([part async for part in stream]).decode()
    counted = re.findall(r'^zenithd_connections_closed_total\{code="(\d+)"\} (\S+)', page, re.MULTILINE)
    ends = {code: float(count) for code, count in counted if float(count)}
    assert ends == dict.fromkeys(["1000", "1005", "1002", "1007", "1009", "1006"], 1)


async def test_a_fault_of_the_session_ends_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    async with serve_echo() as (port, _), connected(port) as other:
        with monkeypatch.context() as patch:
            patch.setattr(EchoSession, "receive", fail)
            async with connected(port) as client:
                await check(client, Rule("fails", HELLO + masked(PING) * 3, [], 1011))
        await check(other, Rule("lives", HELLO, [HELLO_BACK]))
