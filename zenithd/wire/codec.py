"""The three encodings of one logical message: JSON, BSON and MessagePack (zenith-websocket 1.1).

A codec turns one WebSocket message into a container map and back. What is decoded consists of `dict` with
text keys, `list`, `str`, `int`, finite `float`, `bool` and None, whatever the encoding: dates are text and
decimals are numbers in all three, as JSON would have them. Everything else is a `MalformedMessage`, a peer
fault that ends the connection with 1007 and nothing more:

* a text message on a binary protocol and the reverse; not of the encoding; trailing bytes; wrong lengths;
* a top level that is not a map; keys that are not text; invalid UTF-8 and lone surrogates;
* NaN and infinities, however written; numbers that a double cannot hold (integers beyond 64 bits that it
  can hold become floats);
* more than `values_max` values, keys not counted; nesting deeper than `nesting_max`; the decoders' own limits
  stop deeper input before it costs anything;
* types JSON does not have (dates, binary, extensions, regular expressions, object ids …);
* duplicate keys in JSON and BSON. In MessagePack, where finding them would mean decoding twice, the last
  one wins; only one decoder ever sees a message, so nobody is told two different things.

What is encoded is given by the daemon: the same plain values. Integers beyond 64 bits become floats.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, Protocol

import bson
import msgspec
import orjson
from bson.codec_options import CodecOptions
from bson.errors import BSONError

NESTING_MAX = 64
"""Default of how deep maps and arrays of a message may lie in each other; the container is 1."""

VALUES_MAX = 10_000
"""Default of how many values there may be in a message: taking it apart does not give way."""

_SCALARS = frozenset({str, int, bool, type(None)})
_JSON_TEXT = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


class MalformedMessage(ValueError):
    """The peer sent what is not a message of its protocol. The connection ends with 1007."""


class Encoding(enum.Enum):
    """An encoding; the value is its WebSocket subprotocol."""

    JSON = "ZenithJson"
    BSON = "ZenithBson"
    MESSAGEPACK = "ZenithMsgPack"


class Codec(Protocol):
    """Encodes and decodes container maps of one encoding."""

    encoding: Encoding
    is_text: bool
    """True if messages travel in text frames."""

    def encode(self, container: dict[str, Any]) -> bytes:
        """The payload of one frame."""
        ...

    # Data of a subscription goes out under each spelling of its topic: what differs is encoded once for each
    # spelling, the Data once for all of them.

    def head(self, controller: str, topic: str) -> bytes:
        """What a data message of this topic has before its Data."""
        ...

    def encode_data(self, data: Any) -> bytes:
        """The Data of a message, to be put behind any `head`."""
        ...

    def data_message(self, head: bytes, data: bytes) -> bytes:
        """The payload of one frame, equal to `encode` of Controller, Topic and Data in this order."""
        ...

    def decode(self, message: bytes | str) -> dict[str, Any]:
        """The container of one received message.

        Raises:
            MalformedMessage: see the module; never anything else, whatever the bytes.
        """
        ...


class JsonCodec:
    """JSON in text frames."""

    encoding = Encoding.JSON
    is_text = True

    def __init__(self, nesting_max: int = NESTING_MAX, values_max: int = VALUES_MAX) -> None:
        self._nesting_max = nesting_max
        self._values_max = values_max

    def encode(self, container: dict[str, Any]) -> bytes:
        """The payload of one text frame, UTF-8."""
        try:
            return orjson.dumps(container)
        except TypeError:
            return orjson.dumps(_with_64_bit_integers(container, -(2**63), 2**64 - 1))

    def head(self, controller: str, topic: str) -> bytes:
        """The object as far as the colon before Data's value."""
        return orjson.dumps({"Controller": controller, "Topic": topic})[:-1] + b',"Data":'

    def encode_data(self, data: Any) -> bytes:
        """The value of Data."""
        try:
            return orjson.dumps(data)
        except TypeError:
            return orjson.dumps(_with_64_bit_integers(data, -(2**63), 2**64 - 1))

    def data_message(self, head: bytes, data: bytes) -> bytes:
        """The object, closed."""
        return b"%b%b}" % (head, data)

    def decode(self, message: bytes | str) -> dict[str, Any]:
        """The container; duplicate keys are refused."""
        if not isinstance(message, str):
            raise MalformedMessage("binary message on a text protocol")
        if (
            message.count(",") >= self._values_max
            and _JSON_TEXT.sub("", message).count(",") >= self._values_max
        ):
            raise MalformedMessage("too many values")  # found before they are made
        try:
            container = orjson.loads(message)
        except orjson.JSONDecodeError as error:
            raise MalformedMessage(f"not JSON: {error}") from None
        keys = _inspect(container, self._nesting_max, self._values_max)
        # Every key has its colon. Equal counts prove that no key was given twice without a second look;
        # colons inside text make the counts differ too, so then they are counted without text.
        if message.count(":") != keys and _JSON_TEXT.sub("", message).count(":") != keys:
            raise MalformedMessage("duplicate key")
        return container  # type: ignore[no-any-return]


class MessagePackCodec:
    """MessagePack in binary frames."""

    encoding = Encoding.MESSAGEPACK
    is_text = False

    def __init__(self, nesting_max: int = NESTING_MAX, values_max: int = VALUES_MAX) -> None:
        self._nesting_max = nesting_max
        self._values_max = values_max
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder()

    def encode(self, container: dict[str, Any]) -> bytes:
        """The payload of one binary frame."""
        try:
            return self._encoder.encode(container)
        except OverflowError:
            return self._encoder.encode(_with_64_bit_integers(container, -(2**63), 2**64 - 1))

    def head(self, controller: str, topic: str) -> bytes:
        """A map of three entries as far as the key of the third."""
        encode = self._encoder.encode
        return b"\x83" + b"".join(map(encode, ("Controller", controller, "Topic", topic, "Data")))

    def encode_data(self, data: Any) -> bytes:
        """The value of the third entry."""
        try:
            return self._encoder.encode(data)
        except OverflowError:
            return self._encoder.encode(_with_64_bit_integers(data, -(2**63), 2**64 - 1))

    def data_message(self, head: bytes, data: bytes) -> bytes:
        """The map."""
        return head + data

    def decode(self, message: bytes | str) -> dict[str, Any]:
        """The container; of duplicate keys the last one wins."""
        if isinstance(message, str):
            raise MalformedMessage("text message on a binary protocol")
        try:
            container = self._decoder.decode(message)
        except (msgspec.DecodeError, RecursionError, ValueError, TypeError, OverflowError) as error:
            # ValueError: invalid UTF-8 or a timestamp out of range; TypeError: a key that cannot be one.
            raise MalformedMessage(f"not MessagePack: {error}") from None
        _inspect(container, self._nesting_max, self._values_max)
        return container  # type: ignore[no-any-return]


class BsonCodec:
    """BSON in binary frames; the document is the container."""

    encoding = Encoding.BSON
    is_text = False

    def __init__(self, nesting_max: int = NESTING_MAX, values_max: int = VALUES_MAX) -> None:
        self._nesting_max = nesting_max
        self._values_max = values_max

    def encode(self, container: dict[str, Any]) -> bytes:
        """The payload of one binary frame. A NUL, which no BSON name can hold, is left out of names."""
        try:
            return bson.encode(container)
        except (OverflowError, BSONError):
            return bson.encode(_without_nul_names(_with_64_bit_integers(container, -(2**63), 2**63 - 1)))

    def head(self, controller: str, topic: str) -> bytes:
        """The first two elements, without the document's length before them."""
        return self.encode({"Controller": controller, "Topic": topic})[_BSON_LENGTH:-1]

    def encode_data(self, data: Any) -> bytes:
        """The element Data: its type, name and value."""
        return self.encode({"Data": data})[_BSON_LENGTH:-1]

    def data_message(self, head: bytes, data: bytes) -> bytes:
        """The document."""
        length = _BSON_LENGTH + len(head) + len(data) + 1
        return b"%b%b%b\0" % (length.to_bytes(_BSON_LENGTH, "little"), head, data)

    def decode(self, message: bytes | str) -> dict[str, Any]:
        """The container; duplicate keys are refused."""
        if isinstance(message, str):
            raise MalformedMessage("text message on a binary protocol")
        try:
            document = bson.decode(message, _BSON_OPTIONS)
        except MalformedMessage:
            raise
        except (BSONError, RecursionError, ValueError, TypeError, OverflowError) as error:
            # The last three come from values that the library tries to turn into objects (dates, patterns).
            raise MalformedMessage(f"not BSON: {error}") from None
        container: dict[str, Any] = _plain(document, self._nesting_max)
        _inspect(container, self._nesting_max, self._values_max)
        return container


class _Document(dict[str, Any]):
    """A BSON document while it is decoded: a name may be set once."""

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self:
            raise MalformedMessage("duplicate key")
        super().__setitem__(name, value)


_BSON_LENGTH = 4
"""Bytes that give a document's length; its elements follow, and a zero."""

_BSON_OPTIONS: CodecOptions[Any] = CodecOptions(document_class=_Document)


def codecs(nesting_max: int = NESTING_MAX, values_max: int = VALUES_MAX) -> dict[Encoding, Codec]:
    """One codec for each encoding."""
    kinds: tuple[Callable[[int, int], Codec], ...] = (JsonCodec, BsonCodec, MessagePackCodec)
    made = [kind(nesting_max, values_max) for kind in kinds]
    return {codec.encoding: codec for codec in made}


def choose_encoding(offered: Sequence[str]) -> Encoding | None:
    """The first offered subprotocol that there is, as the client lists them by preference."""
    for name in offered:
        for encoding in Encoding:
            if name.strip() == encoding.value:
                return encoding
    return None


def _inspect(container: Any, nesting_max: int, values_max: int) -> int:
    """Check types, numbers, keys, nesting and size level by level; return how many keys there are."""
    if type(container) is not dict:
        raise MalformedMessage("not a map")
    keys = values_seen = 0
    level: list[Any] = [container]
    for _ in range(nesting_max):
        below: list[Any] = []
        for node in level:
            if type(node) is dict:
                keys += len(node)
                for key in node:
                    if type(key) is not str:
                        raise MalformedMessage("a key that is not text")
                values = node.values()
            else:
                values = node
            values_seen += len(values)
            if values_seen > values_max:
                raise MalformedMessage("too many values")
            for value in values:
                kind = type(value)
                if kind in _SCALARS:
                    continue
                if kind is dict or kind is list:
                    below.append(value)
                elif kind is not float:
                    raise MalformedMessage(f"a value of type {kind.__name__}")
                elif not isfinite(value):
                    raise MalformedMessage("a number that is not finite")
        if not below:
            return keys
        level = below
    raise MalformedMessage(f"nested deeper than {nesting_max}")


def _plain(value: Any, depth: int) -> Any:
    """Turn the BSON library's own maps and 64-bit integers into plain ones."""
    if depth < 0:
        raise MalformedMessage("nested too deeply")
    if isinstance(value, _Document):
        return {name: _plain(inner, depth - 1) for name, inner in value.items()}
    if type(value) is list:
        return [_plain(inner, depth - 1) for inner in value]
    return int(value) if isinstance(value, bson.Int64) else value


def _with_64_bit_integers(value: Any, low: int, high: int) -> Any:
    """A copy in which integers outside low … high are floats, or null where no float can hold them."""
    if isinstance(value, dict):
        return {key: _with_64_bit_integers(inner, low, high) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_64_bit_integers(inner, low, high) for inner in value]
    if isinstance(value, int) and not low <= value <= high:
        try:
            return float(value)
        except OverflowError:
            return None
    return value


def _without_nul_names(value: Any) -> Any:
    """A copy whose map keys hold no NUL."""
    if isinstance(value, dict):
        return {key.replace("\0", ""): _without_nul_names(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nul_names(inner) for inner in value]
    return value
