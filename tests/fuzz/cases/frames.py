"""Kept inputs of the listener: (subprotocol, pieces, cuts)."""

from __future__ import annotations

from typing import Any


def _text(payload: bytes, first: int = 0x81) -> bytes:
    return bytes((first, 0x80 | len(payload))) + b"\0\0\0\0" + payload


HANDSHAKE = (
    b"GET /Zenith HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n"
)
QUERY = b'{"Controller":"Auth","Topic":"QueryIdentify","TransactionID":1}'

FRAME: dict[str, tuple[Any, str]] = {
    "a request in pieces of one byte, a ping between them": (
        (
            "ZenithJson",
            [_text(QUERY[:9], 0x01), _text(b"x", 0x89), _text(QUERY[9:], 0x80)],
            list(range(1, 80)),
        ),
        "went on",
    ),
    "a character cut in two by fragments": (
        ("ZenithJson", [_text(b'{"a":"\xc3', 0x01), _text(b'\xa9"}', 0x80)], []),
        "went on",
    ),
    "the same, never finished": (("ZenithJson", [_text(b'{"a":"\xc3', 0x81)], []), "closed 1007"),
    "a surrogate in UTF-8": (("ZenithJson", [_text(b'{"a":"\xed\xa0\x80"}')], []), "closed 1007"),
    "not masked": (("ZenithJson", [b"\x81\x02{}"], []), "closed 1002"),
    "reserved bits": (("ZenithBson", [_text(b"", 0xC2)], []), "closed 1002"),
    "a ping in fragments": (("ZenithJson", [_text(b"x", 0x09)], []), "closed 1002"),
    "a ping of 126 bytes": (("ZenithJson", [b"\x89\xfe\0\x7e\0\0\0\0" + b"x" * 126], []), "closed 1002"),
    "a length in more bytes than it needs": (("ZenithJson", [b"\x81\xfe\0\2\0\0\0\0{}"], []), "closed 1002"),
    "a continuation of nothing": (("ZenithJson", [_text(b"{}", 0x80)], []), "closed 1002"),
    "a message within a message": (("ZenithJson", [_text(b"{", 0x01), _text(b"{}")], []), "closed 1002"),
    "an exabyte announced": (
        ("ZenithJson", [b"\x81\xff\x0f" + b"\xff" * 7 + b"\0\0\0\0"], []),
        "closed 1009",
    ),
    "fragments without end, all empty": (
        ("ZenithJson", [_text(b"", 0x01)] + [_text(b"", 0x00)] * 70, []),
        "closed 1009",
    ),
    "as large as may be": (("ZenithJson", [b"\x81\xfe\x10\0\0\0\0\0{" + b" " * 4094 + b"}"], []), "went on"),
    "one byte more": (("ZenithJson", [b"\x81\xfe\x10\1\0\0\0\0{" + b" " * 4095 + b"}"], []), "closed 1009"),
    "a close frame without a code": (("ZenithJson", [_text(b"", 0x88)], []), "closed 1005"),
    "a close frame of one byte": (("ZenithJson", [_text(b"\x03", 0x88)], []), "closed 1002"),
    "a code that must not be sent": (("ZenithJson", [_text(b"\x03\xed", 0x88)], []), "closed 1002"),
    "a reason that is no text": (("ZenithJson", [_text(b"\x03\xe8\xff", 0x88)], []), "closed 1007"),
    "a frame that never ends": (("ZenithMsgPack", [b"\x82\xff\0\0\0\0\0\0"], []), "went on"),
    "the wrong kind of message": (("ZenithMsgPack", [_text(b"{}")], []), "closed 1007"),
    "an upgrade without a key": (("", [HANDSHAKE[:-45] + b"\r\n\r\n"], []), "HTTP 400"),
    "an upgrade of another version": (
        ("", [HANDSHAKE.replace(b": 13", b": 8") + b"\r\n"], []),
        "HTTP 426",
    ),
    "an upgrade with a body": (("", [HANDSHAKE + b"Content-Length: 2\r\n\r\n{}"], []), "HTTP 400"),
    "a subprotocol that there is not": (
        ("", [HANDSHAKE + b"Sec-WebSocket-Protocol: x\r\n\r\n"], []),
        "HTTP 400",
    ),
    "an extension that is not used": (
        ("", [HANDSHAKE + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"], [3, 40]),
        "HTTP 101",
    ),
    "credentials that are no text": (("", [HANDSHAKE + b"Authorization: \xff\r\n\r\n"], []), "HTTP 403"),
    "a head without end": (("", [b"GET / HTTP/1.1\r\nA: " + b"x" * 70_000], []), "HTTP 431"),
    "a target that is no URL": (("", [b"GET //[ HTTP/1.1\r\nHost: a\r\n\r\n"], []), "HTTP 400"),
    "TLS on the plain port": (("", [b"\x16\x03\x01\x02\0\1\0\1\xfc"], []), "HTTP 400"),
    "HTTP/2": (("", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], []), "HTTP 404"),
    "a method that changes something": (
        ("", [b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"], []),
        "HTTP 405",
    ),
    "nothing": (("", [b""], []), "HTTP nothing"),
}

CASES = {"frame": FRAME}
