"""Reading the first request and answering plain HTTP."""

from __future__ import annotations

import pytest
import trio.testing

from zenithd.server.head import BadHead, Head, Peer, peer_of, read_head
from zenithd.server.pages import Page, encode, json_page, respond


async def read(data: bytes, bytes_max: int = 65536, chunk: int = 10_000) -> Head | None:
    client, server = trio.testing.memory_stream_pair()
    for start in range(0, len(data), chunk):
        await client.send_all(data[start : start + chunk])
    await client.send_eof()
    return await read_head(server, bytes_max)


GET = b"GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9, 8.8.8.8\r\n\r\n"


@pytest.mark.parametrize("chunk", [1, 7, 1000])
async def test_any_chunking_gives_the_same_head(chunk: int) -> None:
    head = await read(GET, chunk=chunk)
    assert head is not None
    assert (head.method, head.path, head.query) == ("GET", "/metrics", {"x": ["1"]})
    assert (head.version, head.early) == ("1.1", b"")
    assert not head.is_websocket


async def test_what_follows_the_head_is_kept() -> None:
    head = await read(GET + b"\x81\x85")
    assert head is not None
    assert head.early == b"\x81\x85"


async def test_upgrade_is_recognised() -> None:
    head = await read(b"GET /Zenith HTTP/1.1\r\nHost: a\r\nUpgrade: h2c, WebSocket\r\n\r\n")
    assert head is not None
    assert head.is_websocket


async def test_nothing_is_no_request() -> None:
    assert await read(b"") is None


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 70000, 431),
        (b"GET http://[ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ],
)
async def test_bad_heads(data: bytes, status: int) -> None:
    with pytest.raises(BadHead) as caught:
        await read(data)
    assert caught.value.status == status


async def test_forwarded_headers_count_only_from_trusted_proxies() -> None:
    head = await read(GET)
    assert head is not None
    assert peer_of(head, "10.0.0.1", False, []).address == "10.0.0.1"
    assert peer_of(head, "10.0.0.1", False, ["10.0.0.0/8"]).address == "8.8.8.8"
    assert peer_of(head, "127.0.0.1", False, []).is_loopback
    assert peer_of(head, "::1", True, []).secure
    assert not peer_of(head, "127.0.0.1", False, ["127.0.0.1"]).is_loopback


def page_of(method: str, target: str) -> Page:
    head = Head(method, target, ())
    return respond(head, Peer("::1", False), {"/metrics": lambda _: Page(200, "text/plain", b"up 1\n")})


def test_pages() -> None:
    assert page_of("GET", "/metrics").body == b"up 1\n"
    assert page_of("POST", "/metrics").status == 405
    missing = page_of("GET", "/nothing")
    assert missing.status == 404
    assert b"/metrics" in missing.body


def test_encoding_an_answer() -> None:
    data = encode(json_page(503, {"ready": False}))
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable")
    assert b"Content-Length: 15" in head
    assert body == b'{"ready":false}'
    assert encode(json_page(200, {}), body=False).endswith(b"\r\n\r\n")
