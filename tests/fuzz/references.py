"""The three encodings decoded a second time, by other means: what the codecs must agree with.

Each gives plain values, or raises ValueError where the codec must refuse.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import msgpack

from zenithd.wire.codec import NESTING_MAX, VALUES_MAX

_INTEGER_LOW, _INTEGER_HIGH = -(2**63), 2**64 - 1


def read_json(message: str) -> dict[str, Any]:
    """By the standard library; stricter where RFC 8259 leaves it open."""
    try:
        decoded = json.loads(
            message, object_pairs_hook=_unique, parse_constant=_refuse, parse_int=_json_integer
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return checked(decoded)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("duplicate key")
    return made


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _json_integer(digits: str) -> int | float:
    if len(digits) <= 20:
        value = int(digits)
        if _INTEGER_LOW <= value <= _INTEGER_HIGH:
            return value
    return float(digits)


def read_messagepack(message: bytes) -> dict[str, Any]:
    """By the public `msgpack` package."""
    try:
        decoded = msgpack.unpackb(message, raw=False, strict_map_key=False, timestamp=0)
    except (msgpack.UnpackException, ValueError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    return checked(decoded)


def read_bson(message: bytes) -> dict[str, Any]:
    """By hand from bsonspec.org: doubles, texts, maps, arrays, booleans, null, 32- and 64-bit integers.

    Of its deprecated types, undefined reads as null and symbol as text.
    """
    document, end = _bson_document(message, 0, is_array=False, depth=0)
    if end != len(message):
        raise ValueError("trailing bytes")
    return checked(document)


def _bson_document(data: bytes, at: int, *, is_array: bool, depth: int) -> tuple[Any, int]:
    if depth > NESTING_MAX:
        raise ValueError("nested too deeply")
    end = at + _bson_length(data, at, 5)
    if end > len(data) or data[end - 1] != 0:
        raise ValueError("length of a document")
    at += 4
    names: list[str] = []
    values: list[Any] = []
    while at < end - 1:
        kind = data[at]
        zero = data.index(0, at + 1, end)
        names.append("" if is_array else data[at + 1 : zero].decode())  # of array elements nobody looks at it
        value, at = _bson_value(data, kind, zero + 1, end - 1, depth)
        values.append(value)
    if at != end - 1:
        raise ValueError("an element beyond its document")
    if is_array:
        return values, end
    if len(set(names)) != len(names):
        raise ValueError("duplicate key")
    document = dict(zip(names, values, strict=True))
    if depth and isinstance(document.get("$ref"), str) and "$id" in document:
        raise ValueError("a reference to another document")
    return document, end


def _bson_length(data: bytes, at: int, least: int) -> int:
    if at + 4 > len(data):
        raise ValueError("no room for a length")
    length = int.from_bytes(data[at : at + 4], "little", signed=True)
    if length < least:
        raise ValueError("length too short")
    return length


def _bson_value(data: bytes, kind: int, at: int, end: int, depth: int) -> tuple[Any, int]:
    if kind in (0x03, 0x04):
        return _bson_document(data, at, is_array=kind == 0x04, depth=depth + 1)
    if kind in (0x02, 0x0E):
        length = _bson_length(data, at, 1)
        after = at + 4 + length
        if after > end or data[after - 1] != 0:
            raise ValueError("length of a text")
        return data[at + 4 : after - 1].decode(), after
    if kind in (0x06, 0x0A):
        return None, at
    size = {0x01: 8, 0x08: 1, 0x10: 4, 0x12: 8}.get(kind)
    if size is None:
        raise ValueError(f"type {kind:#x}")
    raw = data[at : at + size]
    if at + size > end:
        raise ValueError("a value beyond its document")
    if kind == 0x01:
        return struct.unpack("<d", raw)[0], at + size
    if kind == 0x08:
        if raw[0] > 1:
            raise ValueError("a boolean that is neither")
        return raw[0] == 1, at + size
    return int.from_bytes(raw, "little", signed=True), at + size


def checked(decoded: Any) -> dict[str, Any]:
    """What every codec promises of what it decodes."""
    if type(decoded) is not dict:
        raise ValueError("not a map")
    _check(decoded, 1)
    if _count(decoded) > VALUES_MAX:
        raise ValueError("too many values")
    return decoded


def _count(value: Any) -> int:
    inner = value.values() if type(value) is dict else value if type(value) is list else ()
    return len(inner) + sum(map(_count, inner))


def _check(value: Any, depth: int) -> None:
    if type(value) is dict or type(value) is list:
        if depth > NESTING_MAX:
            raise ValueError("nested too deeply")
        for inner in value.values() if type(value) is dict else value:
            _check(inner, depth + 1)
        for key in value if type(value) is dict else ():
            if type(key) is not str:
                raise ValueError("a key that is not text")
            key.encode()
    elif type(value) is str:
        value.encode()
    elif type(value) is float:
        if not math.isfinite(value):
            raise ValueError("not finite")
    elif value is not None and type(value) not in (int, bool):
        raise ValueError(f"a value of type {type(value).__name__}")


def same(one: Any, other: Any) -> bool:
    """Equal in type as well, everywhere inside; a zero may lose its sign."""
    if type(one) is not type(other):
        return False
    if type(one) is dict:
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if type(one) is list:
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
