"""What the adapter keeps in a feed of its own, beside the markets' records. Pure.

Together with these, and in the one order of the journal, they say everything that the adapter tells: so that
what it tells is the same, number by number, whenever it is made again. As in the markets, fields are only
added, at the end and with defaults.
"""

from __future__ import annotations

import hashlib

import msgspec

from zenithd.oms.model.requests import ClientRequest

NOTES: str = "orders"
"""Name of the feed."""


class AdapterStarted(msgspec.Struct, frozen=True, array_like=True, tag="AS"):
    """The adapter supplies its feed from here on: exchanges and open orders are told again."""

    time: int


class RequestNamed(msgspec.Struct, frozen=True, array_like=True, tag="RN"):
    """The command of this request has another name than the usual one, which would be too long."""

    time: int
    command_id: str
    request: ClientRequest


class RequestRefused(msgspec.Struct, frozen=True, array_like=True, tag="RR"):
    """A request was not carried out, and will not be."""

    time: int
    request: ClientRequest
    order_id: str
    errors: tuple[str, ...]
    """Codes of zenith-websocket 4.E."""
    text: str = ""


class OrderMoveTaken(msgspec.Struct, frozen=True, array_like=True, tag="OM"):
    """An order is to belong to another account. Whether it can is decided by what was kept before."""

    time: int
    request: ClientRequest


Note = AdapterStarted | RequestNamed | RequestRefused | OrderMoveTaken

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Note)


def encode_note(note: Note) -> bytes:
    """As the journal keeps it."""
    return _ENCODER.encode(note)


def decode_note(encoded: bytes) -> Note:
    """The note again. Raises msgspec.DecodeError if it is none of this or an older version."""
    note: Note = _DECODER.decode(encoded)
    return note


def digest(request: ClientRequest) -> str:
    """32 hexadecimal digits that are the same for the same account and request id."""
    name = f"{len(str(request.account))}/{request.account}/{request.request_id}"
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
