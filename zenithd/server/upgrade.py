"""The opening handshake (RFC 6455 4.2.1): what a request must have, and what is handed on of it."""

from __future__ import annotations

import base64

from zenithd.server.head import Head
from zenithd.server.pages import Page, error_page

VERSION = "13"
"""The only version of WebSocket that is not a draft."""

KEY_BYTES = 16


def find_fault(head: Head) -> Page | None:
    """The page that refuses a request to upgrade, None if nothing is wrong with it."""
    if head.method != "GET" or head.version < "1.1":
        return error_page(400, "WebSocket begins with GET and HTTP/1.1")
    if "upgrade" not in [token.lower() for token in head.tokens(b"connection")]:
        return error_page(400, "the header Connection must name Upgrade")
    if head.tokens(b"sec-websocket-version") != [VERSION]:
        return error_page(426, f"the header Sec-WebSocket-Version must be {VERSION}")
    keys = head.values(b"sec-websocket-key")
    if len(keys) != 1 or not _is_key(keys[0]):
        return error_page(400, f"the header Sec-WebSocket-Key must be {KEY_BYTES} bytes in Base-64")
    if head.header(b"content-length") not in (None, "0") or head.header(b"transfer-encoding") is not None:
        return error_page(400, "a request for WebSocket has no body")
    return None


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == KEY_BYTES
    except ValueError:
        return False


def plain_request(head: Head, subprotocol: str | None) -> bytes:
    """A faultless request with only what its answer depends on, as trio-websocket gets to see it.

    So no header that it would read in another way than we did, or stumble over, comes near it.
    """
    lines = [
        "GET / HTTP/1.1",
        "Host: zenithd",
        "Connection: Upgrade",
        "Upgrade: websocket",
        f"Sec-WebSocket-Version: {VERSION}",
        f"Sec-WebSocket-Key: {head.header(b'sec-websocket-key')}",
    ]
    if subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")
