"""The three codecs: bytes of a peer become plain values or a `MalformedMessage`, nothing else."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, ClassVar

import bson
import msgpack

from tests.fuzz import draw as d
from tests.fuzz import references
from tests.fuzz.boundary import Boundary
from tests.fuzz.draw import Draw
from zenithd.wire.codec import VALUES_MAX, Encoding, MalformedMessage, codecs
from zenithd.wire.topics import TOPICS

CODECS = codecs()

FIELDS = ("Controller", "Topic", "Action", "TransactionID", "Data", "Confirm")
TOPIC_NAMES = sorted({rule.topic for rule in TOPICS})
WORDS = (*d.TEXTS, *TOPIC_NAMES, "Market", "Auth", "Sub", "Unsub", "Depth!XS01.XSX", "a:b", '"', "\\u0041:")


def container(draw: Draw) -> dict[str, Any]:
    """A container as clients send them, with any Data."""
    made: dict[str, Any] = {}
    for field in FIELDS:
        if draw.random() < 0.6:
            made[field] = d.text(draw, WORDS) if field != "Data" else d.value(draw, WORDS, WORDS)
    if draw.random() < 0.5:
        made["TransactionID"] = d.number(draw)
    if draw.random() < 0.3:
        made["Confirm"] = draw.random() < 0.8
    if draw.random() < 0.002:
        made["Data"] = [draw.choice((1, "", [], [1], {}, {"a": 1}, ","))] * draw.choice(SIZES)
    elif draw.random() < 0.001:
        made["Data"] = draw.choice(",[:") * draw.choice(SIZES)
    return made


SIZES = (VALUES_MAX // 2 - 3, VALUES_MAX // 2, *range(VALUES_MAX - 7, VALUES_MAX + 3))


class CodecBoundary(Boundary):
    """`decode` of one codec, against a second implementation; and what it gives, in all three encodings."""

    encoding: ClassVar[Encoding]
    reaches = frozenset({"decoded", "malformed", "wrong kind of frame"})
    _read: ClassVar[Callable[[Any], dict[str, Any]]]

    def check(self, given: bytes | str) -> str:
        codec = CODECS[self.encoding]
        if isinstance(given, str) is not codec.is_text:
            try:
                codec.decode(given)
            except MalformedMessage:
                return "wrong kind of frame"
            raise AssertionError("the wrong kind of frame was taken")
        try:
            expected = type(self)._read(given)
        except ValueError as error:
            expected, reason = None, error
        try:
            decoded = codec.decode(given)
        except MalformedMessage as malformed:
            assert expected is None, f"refused ({malformed}), but it is {expected!r:.200}"
            return "malformed"
        assert expected is not None, f"taken as {decoded!r:.200}, but {reason}"
        assert references.same(decoded, expected), f"{decoded!r:.200} is not {expected!r:.200}"
        agree(decoded)
        return "decoded"


def agree(decoded: dict[str, Any]) -> None:
    """What one codec decoded survives all three, and comes out of each as the same message."""
    if _holds_key(decoded, lambda key: "\0" in key or key == "$ref"):
        return  # the first is no name in BSON, the second makes a map a reference there
    expected = _in_64_bits(decoded)
    for codec in CODECS.values():
        encoded = codec.encode(decoded)
        again = codec.decode(encoded.decode() if codec.is_text else encoded)
        assert references.same(_in_64_bits(again), expected), f"{codec.encoding.value}: {again!r:.200}"
        spliced = codec.data_message(codec.head("C", "T"), codec.encode_data(decoded))
        assert spliced == codec.encode({"Controller": "C", "Topic": "T", "Data": decoded})


def _holds_key(value: Any, test: Callable[[str], bool]) -> bool:
    if isinstance(value, dict):
        return any(test(key) or _holds_key(inner, test) for key, inner in value.items())
    return isinstance(value, list) and any(_holds_key(inner, test) for inner in value)


def _in_64_bits(value: Any) -> Any:
    """With integers that BSON does not have as the floats that it gets."""
    if isinstance(value, dict):
        return {key: _in_64_bits(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_in_64_bits(inner) for inner in value]
    if type(value) is int and not -(2**63) <= value < 2**63:
        return float(value)
    return value


# --- JSON -------------------------------------------------------------------------------------------------


class JsonBoundary(CodecBoundary):
    """JSON with every spelling of blanks, escapes and numbers."""

    name = "json"
    encoding = Encoding.JSON
    _read = staticmethod(references.read_json)

    def make(self, draw: Draw) -> str | bytes:
        return d.one_of(
            draw,
            (40, lambda draw: json_text(draw, container(draw))),
            (35, lambda draw: d.damage_text(draw, json_text(draw, container(draw)), JSON_PARTS)),
            (
                5,
                lambda draw: d.damage_bytes(draw, _utf8(json_text(draw, container(draw))), [b"{}"]).decode(
                    errors=draw.choice(("surrogateescape", "replace"))
                ),
            ),
            (12, lambda draw: "".join(draw.choice(JSON_PARTS) for _ in range(draw.randrange(12)))),
            (3, lambda draw: json_text(draw, d.value(draw))),
            (2, lambda draw: draw.choice(("[", '{"a":', "[{", '{"a":[')) * draw.choice((60, 65, 1000, 2000))),
            (2, lambda draw: _closed(draw.choice((3, 32, 62, 63, 64, 65, 500, 1024, 1025)))),
            (1, lambda draw: _utf8(json_text(draw, container(draw)))),
        )


JSON_PARTS = (
    "{", "}", "[", "]", ":", ",", '"', '"a"', '"a":', '{"a":', '":"', '"a:b"', '"\\":"', "\\", "\\u0061",
    "\\ud800", "\\ud83d\\ude00", "\\u0000", "\\x", "\\/", "null", "true", "false", "nul", "NaN", "-Infinity",
    "0", "-0", "00", "1.", ".5", "1.5e3", "1E400", "-1e-400", "1e", "+1", "18446744073709551616", "9" * 310,
    "9" * 4301, "0." + "1" * 400, "1" * 60 + "e-50", " ", "\t", "\n", "\r", "\x0b", "\x0c", "\xa0", "\ufeff",
    "//", "/**/", "\ud800", "\x7f", "é", "\U0001f600", "\0", "'", "#",
)  # fmt: skip


def _utf8(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _closed(levels: int) -> str:
    return '{"a":' + "[" * levels + "]" * levels + "}"


def json_text(draw: Draw, value: Any) -> str:
    """A value as JSON, written as strangely as the grammar allows; now and then with a key twice."""
    if isinstance(value, dict):
        items = [(json_text(draw, key), json_text(draw, inner)) for key, inner in value.items()]
        if items and draw.random() < 0.03:
            items.insert(draw.randrange(len(items) + 1), draw.choice(items))
        return "{" + ",".join(f"{_blank(draw)}{key}:{_blank(draw)}{inner}" for key, inner in items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_blank(draw) + json_text(draw, inner) for inner in value) + _blank(draw) + "]"
    if isinstance(value, str):
        return '"' + "".join(_json_character(draw, character) for character in value) + '"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if draw.random() < 0.1:
        return f"{value:.{draw.choice((0, 1, 17, 20))}{draw.choice('eEf')}}"
    return repr(value)


def _blank(draw: Draw) -> str:
    return draw.choice(("", "", "", " ", "\n", "\t ", "\r\n"))


def _json_character(draw: Draw, character: str) -> str:
    if character in '"\\' or character < " " or draw.random() < 0.03:
        short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "/": "\\/"}.get(character)
        if short is not None and draw.random() < 0.7:
            return short
        units = character.encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{units[at]:02x}{units[at + 1]:02X}" for at in range(0, len(units), 2))
    return character


# --- MessagePack ------------------------------------------------------------------------------------------


class MessagePackBoundary(CodecBoundary):
    """MessagePack with every width of every length."""

    name = "messagepack"
    encoding = Encoding.MESSAGEPACK
    _read = staticmethod(references.read_messagepack)

    def make(self, draw: Draw) -> bytes | str:
        return d.one_of(
            draw,
            (40, lambda draw: packed(draw, container(draw))),
            (40, lambda draw: d.damage_bytes(draw, packed(draw, container(draw)), PACKED_PARTS)),
            (
                12,
                lambda draw: (
                    b"\x81\xa1a" + b"".join(draw.choice(PACKED_PARTS) for _ in range(draw.randrange(9)))
                ),
            ),
            (4, lambda draw: draw.randbytes(draw.randrange(30))),
            (
                2,
                lambda draw: (
                    draw.choice((b"\x91", b"\x81\xa1a", b"\xdc\0\1")) * draw.choice((64, 65, 1100, 3000))
                    + b"\1"
                ),
            ),
            (1, lambda draw: draw.choice(("", "{}", "x"))),
        )


PACKED_PARTS = (
    b"\x80", b"\x81", b"\x8f", b"\xde\0\1", b"\xdf\0\0\0\1", b"\xdf\xff\xff\xff\xff", b"\x90", b"\x91",
    b"\xdc\0\2", b"\xdd\xff\xff\xff\xff", b"\xa1a", b"\xa0", b"\xd9\1b", b"\xda\0\1c", b"\xdb\0\0\0\1d",
    b"\xdb\x7f\xff\xff\xff", b"\xa1\xff", b"\xa3\xed\xa0\x80", b"\xc0", b"\xc1", b"\xc2", b"\xc3",
    b"\xc4\1x", b"\xc7\0\5", b"\xd4\1\0", b"\xd6\xff\0\0\0\0", b"\xd7\xff" + b"\xff" * 8,
    b"\xc7\x0c\xff" + b"\0" * 12, b"\xca\x7f\x80\0\0", b"\xca\x3f\xc0\0\0", b"\xcb\x7f\xf8\0\0\0\0\0\0",
    b"\xcb" + b"\0" * 8, b"\xcf" + b"\xff" * 8, b"\xd3\x80" + b"\0" * 7, b"\x00", b"\x7f", b"\xff",
    b"\x81\x01\x02", b"\x81\x91\x01\x02", b"\x81\xc4\1a\2", b"\x82\xa1a\1\xa1a\2",
)  # fmt: skip


def packed(draw: Draw, value: Any) -> bytes:
    """A value as MessagePack, often with lengths and integers wider than need be."""
    if isinstance(value, dict):
        head = _packed_length(draw, len(value), 0x80, 15, (None, 0xDE, 0xDF))
        return head + b"".join(packed(draw, key) + packed(draw, inner) for key, inner in value.items())
    if isinstance(value, list):
        head = _packed_length(draw, len(value), 0x90, 15, (None, 0xDC, 0xDD))
        return head + b"".join(packed(draw, inner) for inner in value)
    if isinstance(value, str):
        raw = value.encode(errors="surrogatepass")
        return _packed_length(draw, len(raw), 0xA0, 31, (0xD9, 0xDA, 0xDB)) + raw
    if type(value) is int and draw.random() < 0.3 and 0 <= value < 2**64:
        return b"\xcf" + value.to_bytes(8, "big")
    if type(value) is int and not -(2**63) <= value < 2**64:
        value = float(value)
    if isinstance(value, float) and draw.random() < 0.1 and abs(value) < 1e38:
        return b"\xca" + struct.pack(">f", value)
    return msgpack.packb(value)


def _packed_length(
    draw: Draw, length: int, short: int, short_max: int, codes: tuple[int | None, int, int]
) -> bytes:
    widths = [(code, size) for code, size in zip(codes, (1, 2, 4), strict=True) if code is not None]
    fitting = [(code, size) for code, size in widths if length < 1 << 8 * size]
    if length <= short_max and draw.random() < 0.7:
        return bytes((short | length,))
    code, size = draw.choice(fitting) if draw.random() < 0.3 else fitting[0]
    return bytes((code,)) + length.to_bytes(size, "big")


# --- BSON -------------------------------------------------------------------------------------------------


class BsonBoundary(CodecBoundary):
    """BSON, its many types and its lengths."""

    name = "bson"
    encoding = Encoding.BSON
    _read = staticmethod(references.read_bson)

    def make(self, draw: Draw) -> bytes | str:
        return d.one_of(
            draw,
            (35, lambda draw: bson_document(draw, container(draw))),
            (40, lambda draw: d.damage_bytes(draw, bson_document(draw, container(draw)), BSON_SEEDS)),
            (10, lambda draw: d.damage_bytes(draw, draw.choice(BSON_SEEDS), BSON_SEEDS)),
            (10, lambda draw: _document(b"".join(draw.choice(BSON_PARTS) for _ in range(draw.randrange(6))))),
            (3, lambda draw: draw.randbytes(draw.randrange(30))),
            (2, lambda draw: bson_nested(draw.choice((3, 62, 63, 64, 65, 100, 1000)), draw.choice((3, 4)))),
            (1, lambda draw: draw.choice(("", "{}"))),
        )


BSON_PARTS = (
    b"\x01a\0" + b"\0" * 8, b"\x01n\0\0\0\0\0\0\0\xf8\x7f", b"\x02b\0\2\0\0\0x\0", b"\x02b\0\0\0\0\0\0",
    b"\x02b\0\2\0\0\0\xff\0", b"\x03c\0\5\0\0\0\0", b"\x04d\0\5\0\0\0\0",
    b"\x04d\0\x0c\0\0\0\x100\0\1\0\0\0\0", b"\x04d\0\x0b\0\0\0\x0a9\0\x0a9\0\0", b"\x05e\0\1\0\0\0\0x",
    b"\x05e\0\5\0\0\0\2\1\0\0\0x", b"\x05e\0\x10\0\0\0\4" + b"u" * 16, b"\x06f\0", b"\x07g\0" + b"o" * 12,
    b"\x08h\0\0", b"\x08h\0\1", b"\x08h\0\2", b"\x09i\0" + b"\0" * 8, b"\x09i\0" + b"\xff" * 7 + b"\x7f",
    b"\x0aj\0", b"\x0bk\0(\0i\0", b"\x0bk\0[\0zzz\0", b"\x0cl\0\2\0\0\0x\0" + b"o" * 12,
    b"\x0dm\0\2\0\0\0x\0", b"\x0en\0\2\0\0\0x\0", b"\x0fo\0\x0f\0\0\0\2\0\0\0x\0\5\0\0\0\0",
    b"\x10p\0\1\0\0\0", b"\x11q\0" + b"\1" * 8, b"\x12r\0" + b"\xff" * 8, b"\x13s\0" + b"\0" * 16,
    b"\xfft\0", b"\x7fu\0", b"\x42v\0", b"\x0aj", b"\x0a\0", b"\x0a\xff\0", b"\x10p\0\1\0",
    b"\x02$ref\0\2\0\0\0x\0", b"\x10$id\0\1\0\0\0",
    b"\x03w\0\x1a\0\0\0\x02$ref\0\2\0\0\0x\0\x10$id\0\1\0\0\0\0",
    b"\x03w\0\x19\0\0\0\x10$ref\0\1\0\0\0\x10$id\0\1\0\0\0\0", b"\x07_id\0" + b"o" * 12,
)  # fmt: skip


def _document(elements: bytes) -> bytes:
    return (len(elements) + 5).to_bytes(4, "little") + elements + b"\0"


BSON_SEEDS = [_document(part) for part in BSON_PARTS] + [
    bson.encode({"a": {"b": [1, {"c": 2.5}, "x"]}, "d": None, "e": True, "f": 2**40}),
    _document(b"\x03a\0" + _document(b"\x03a\0" + _document(b"\x02a\0\2\0\0\0x\0"))),
]


def bson_document(draw: Draw, value: dict[str, Any], depth: int = 0) -> bytes:
    """A map as BSON, sometimes with a name twice or an element that JSON does not have."""
    names = list(value)
    if names and draw.random() < 0.03:
        names.append(draw.choice(names))
    elements = [_element(draw, name, value[name], depth) for name in names]
    if draw.random() < 0.05:
        elements.append(draw.choice(BSON_PARTS))
    return _document(b"".join(elements))


def _element(draw: Draw, name: str, value: Any, depth: int) -> bytes:
    raw = name.replace("\0", "").encode(errors="surrogatepass") + b"\0"
    if isinstance(value, dict):
        return b"\x03" + raw + bson_document(draw, value, depth + 1)
    if isinstance(value, list):
        return b"\x04" + raw + bson_document(draw, {str(index): item for index, item in enumerate(value)})
    if isinstance(value, str):
        content = value.encode(errors="surrogatepass") + b"\0"
        return b"\x02" + raw + len(content).to_bytes(4, "little") + content
    if value is None:
        return b"\x0a" + raw
    if isinstance(value, bool):
        return b"\x08" + raw + bytes((value,))
    if isinstance(value, int) and -(2**31) <= value < 2**31 and draw.random() < 0.8:
        return b"\x10" + raw + value.to_bytes(4, "little", signed=True)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return b"\x12" + raw + value.to_bytes(8, "little", signed=True)
    return b"\x01" + raw + struct.pack("<d", float(value))


def bson_nested(levels: int, kind: int) -> bytes:
    """Documents or arrays inside each other."""
    document = _document(b"")
    for _ in range(levels):
        document = _document(bytes((kind,)) + b"0\0" + document)
    return document


BOUNDARIES: list[type[Boundary]] = [JsonBoundary, MessagePackBoundary, BsonBoundary]
