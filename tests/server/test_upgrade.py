"""What a request to upgrade must have, and what trio-websocket gets to see of it."""

from __future__ import annotations

import h11
import pytest

from zenithd.server.head import Head
from zenithd.server.upgrade import find_fault, plain_request

KEY = b"AAECAwQFBgcICQoLDA0ODw=="
HEADERS = {
    b"host": b"localhost",
    b"connection": b"Upgrade",
    b"upgrade": b"websocket",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": KEY,
}


def head(method: str = "GET", version: str = "1.1", **changed: bytes) -> Head:
    headers = HEADERS | {name.replace("_", "-").encode(): value for name, value in changed.items()}
    return Head(method, "/Zenith", tuple(headers.items()), version)


def status(request: Head) -> int:
    page = find_fault(request)
    return 101 if page is None else page.status


def test_a_request_that_is_in_order() -> None:
    assert status(head()) == 101
    assert status(head(connection=b"keep-alive, UPGRADE", content_length=b"0")) == 101


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (head("POST"), 400),
        (head(version="1.0"), 400),
        (head(connection=b"close"), 400),
        (head(sec_websocket_version=b"7"), 426),
        (head(sec_websocket_key=KEY[:-4]), 400),
        (head(sec_websocket_key=b"\xff" * 24), 400),
        (head(content_length=b"3"), 400),
        (head(transfer_encoding=b"chunked"), 400),
    ],
)
def test_faults(request_: Head, expected: int) -> None:
    assert status(request_) == expected


def test_a_key_or_a_version_given_twice() -> None:
    for name in (b"sec-websocket-key", b"sec-websocket-version"):
        twice = Head("GET", "/Zenith", (*head().headers, (name, HEADERS[name])))
        assert status(twice) in (400, 426)


def test_only_what_the_answer_depends_on_is_handed_on() -> None:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(plain_request(head(host=b"\xff" * 300, cookie=b"x" * 5000), "ZenithJson"))
    event = connection.next_event()
    assert isinstance(event, h11.Request)
    headers = dict(event.headers)
    assert headers[b"sec-websocket-key"] == KEY
    assert headers[b"sec-websocket-protocol"] == b"ZenithJson"
    assert set(headers) - {b"sec-websocket-protocol"} == set(HEADERS)
    assert b"Protocol" not in plain_request(head(), None)
