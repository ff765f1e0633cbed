"""The three encodings: what they say, what they refuse, and that nothing else can come out of them."""

from __future__ import annotations

import json
import random
from datetime import datetime
from typing import Any

import bson
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zenithd.wire.codec import NESTING_MAX, Encoding, MalformedMessage, choose_encoding, codecs

CODECS = codecs()
FUZZ_INPUTS = 5_000

every_encoding = pytest.mark.parametrize("encoding", list(Encoding), ids=lambda encoding: encoding.value)

SAMPLE: dict[str, Any] = {
    "Controller": "Market",
    "Topic": "QueryTrades",
    "TransactionID": 17,
    "Confirm": True,
    "Data": {"Market": "XSX", "Text": 'a:b "c" \\ ü \U0001f600', "Price": 1.5, "List": [1, None, [], {}, -5]},
}


def message(encoding: Encoding, container: Any) -> bytes | str:
    encoded = CODECS[encoding].encode(container)
    return encoded.decode() if CODECS[encoding].is_text else encoded


def nested(depth: int) -> dict[str, Any]:
    """A container in which maps and arrays lie `depth` deep, itself included."""
    inner: Any = []
    for level in range(depth - 2):
        inner = [inner] if level % 2 else {"D": inner}
    return {"Data": inner}


@every_encoding
def test_round_trip(encoding: Encoding) -> None:
    assert CODECS[encoding].decode(message(encoding, SAMPLE)) == SAMPLE


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text().filter(lambda key: "\0" not in key), inner, max_size=4)
    ),
    max_leaves=12,
)
containers = st.dictionaries(st.text().filter(lambda key: "\0" not in key), plain, max_size=5)


@every_encoding
@given(container=containers)
@settings(max_examples=150, deadline=None)
def test_round_trip_of_anything_plain(encoding: Encoding, container: dict[str, Any]) -> None:
    assert CODECS[encoding].decode(message(encoding, container)) == container


@every_encoding
@given(controller=st.text(), topic=st.text(), data=plain | st.integers())
@settings(max_examples=150, deadline=None)
def test_a_spliced_data_message_is_the_encoded_container(
    encoding: Encoding, controller: str, topic: str, data: Any
) -> None:
    codec = CODECS[encoding]
    spliced = codec.data_message(codec.head(controller, topic), codec.encode_data(data))
    assert spliced == codec.encode({"Controller": controller, "Topic": topic, "Data": data})


@every_encoding
def test_decoded_values_are_plain(encoding: Encoding) -> None:
    decoded = CODECS[encoding].decode(message(encoding, {"a": {"b": [2**40, {"c": 1}]}, "d": 2**62}))
    assert type(decoded["a"]) is dict
    assert type(decoded["a"]["b"][0]) is int
    assert type(decoded["a"]["b"][1]) is dict
    assert type(decoded["d"]) is int


@every_encoding
def test_the_wrong_kind_of_frame(encoding: Encoding) -> None:
    right = message(encoding, SAMPLE)
    wrong = right.encode() if isinstance(right, str) else "{}"
    with pytest.raises(MalformedMessage):
        CODECS[encoding].decode(wrong)


@every_encoding
def test_nesting(encoding: Encoding) -> None:
    codec = CODECS[encoding]
    assert codec.decode(message(encoding, nested(NESTING_MAX))) == nested(NESTING_MAX)
    with pytest.raises(MalformedMessage):
        codec.decode(message(encoding, nested(NESTING_MAX + 1)))
    with pytest.raises(MalformedMessage):
        codec.decode(message(encoding, nested(150)))


def test_nesting_limit_is_a_setting() -> None:
    codec = codecs(nesting_max=3)[Encoding.JSON]
    assert codec.decode('{"a":[[]]}') == {"a": [[]]}
    with pytest.raises(MalformedMessage):
        codec.decode('{"a":[[[]]]}')


def nested_bson(depth: int) -> bytes:
    document = b"\x05\x00\x00\x00\x00"
    for _ in range(depth):
        document = (len(document) + 8).to_bytes(4, "little") + b"\x03a\x00" + document + b"\x00"
    return document


HOSTILE: dict[Encoding, dict[str, bytes | str]] = {
    Encoding.JSON: {
        "empty": "",
        "blank": " ",
        "no JSON": "hello",
        "unfinished": '{"a":',
        "array": "[]",
        "number": "5",
        "null": "null",
        "trailing": "{}{}",
        "NaN": '{"a":NaN}',
        "infinity": '{"a":[-Infinity]}',
        "overflow": '{"a":1e999}',
        "5,000 digits": '{"a":' + "9" * 5_000 + "}",
        "20,000 arrays": '{"a":' + "[" * 20_000,
        "20,000 arrays, closed": '{"a":' + "[" * 20_000 + "]" * 20_000 + "}",
        "20,000 maps": '{"a":' * 20_000 + "1" + "}" * 20_000,
        "lone surrogate escaped": '{"a":"\\ud800"}',
        "lone surrogate": '{"a":"\ud800"}',
        "duplicate key": '{"a":1,"a":2}',
        "duplicate key inside": '{"b":[{"a":"x:y","a":2}]}',
        "duplicate key escaped": '{"a":1,"\\u0061":2}',
        "duplicate behind colons": '{"a:":":","a:":"\\":"}',
        "byte order mark": "\ufeff{}",
        "single quotes": "{'a':1}",
        "comment": "{}//",
    },
    Encoding.MESSAGEPACK: {
        "empty": b"",
        "array": b"\x90",
        "number": b"\x05",
        "reserved byte": b"\xc1",
        "trailing": b"\x80\x80",
        "truncated": b"\x81\xa1a",
        "map that is announced": b"\xdf\xff\xff\xff\xff",
        "array that is announced": b"\x81\xa1a\xdd\xff\xff\xff\xff",
        "text that is announced": b"\x81\xa1a\xdb\xff\xff\xff\xff",
        "number as a key": b"\x81\x01\x02",
        "array as a key": b"\x81\x91\x01\x02",
        "map as a key": b"\x81\x81\xa1a\x01\x02",
        "null as a key": b"\x81\xc0\x02",
        "key inside": b"\x81\xa1a\x91\x81\x01\x02",
        "binary": b"\x81\xa1a\xc4\x01x",
        "extension": b"\x81\xa1a\xd4\x05\x00",
        "timestamp": b"\x81\xa1a\xd6\xff\x00\x00\x00\x00",
        "timestamp beyond years": b"\x81\xa1a\xc7\x0c\xff\x00\x00\x00\x00" + b"\x7f" + b"\xff" * 7,
        "timestamp of a billion ns": b"\x81\xa1a\xd7\xff" + b"\xff" * 8,
        "NaN": b"\x81\xa1a\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
        "infinity": b"\x81\xa1a\xca\x7f\x80\x00\x00",
        "invalid UTF-8": b"\x81\xa1a\xa1\xff",
        "surrogate in UTF-8": b"\x81\xa1a\xa3\xed\xa0\x80",
        "invalid UTF-8 in a key": b"\x81\xa1\xff\x01",
        "20,000 arrays": b"\x81\xa1a" + b"\x91" * 20_000 + b"\x01",
        "20,000 maps": b"\x81\xa1a" * 20_000 + b"\x01",
    },
    Encoding.BSON: {
        "empty": b"",
        "length too long": b"\x06\x00\x00\x00\x00",
        "length too short": b"\x04\x00\x00\x00\x00",
        "length zero": b"\x00\x00\x00\x00\x00",
        "length negative": b"\xff\xff\xff\xff\x00",
        "trailing": b"\x05\x00\x00\x00\x00\x00",
        "inner length lies": b"\x0d\x00\x00\x00\x03a\x00\xff\x00\x00\x00\x00\x00",
        "inner length negative": b"\x0d\x00\x00\x00\x03a\x00\xff\xff\xff\xff\x00\x00",
        "text length lies": b"\x0e\x00\x00\x00\x02a\x00\xff\xff\x00\x00x\x00\x00",
        "text length negative": b"\x0e\x00\x00\x00\x02a\x00\xff\xff\xff\xffx\x00\x00",
        "no terminator": b"\x05\x00\x00\x00\x01",
        "unknown type": b"\x08\x00\x00\x00\x42a\x00\x00",
        "invalid UTF-8": b"\x0e\x00\x00\x00\x02a\x00\x02\x00\x00\x00\xff\x00\x00",
        "duplicate key": b"\x0b\x00\x00\x00\x0aa\x00\x0aa\x00\x00",
        "duplicate key inside": b"\x13\x00\x00\x00\x03b\x00\x0b\x00\x00\x00\x0aa\x00\x0aa\x00\x00\x00",
        "20,000 maps": nested_bson(20_000),
        "NaN": bson.encode({"a": float("nan")}),
        "infinity": bson.encode({"a": [float("inf")]}),
        "date": bson.encode({"a": datetime(2020, 1, 1)}),
        "date beyond years": b"\x10\x00\x00\x00\x09a\x00" + b"\xff" * 7 + b"\x7f\x00",
        "binary": bson.encode({"a": b"x"}),
        "object id": bson.encode({"a": bson.ObjectId("0" * 24)}),
        "pattern": bson.encode({"a": bson.Regex("(")}),
        "code": bson.encode({"a": bson.Code("x")}),
        "code with scope": bson.encode({"a": bson.Code("x", {})}),
        "decimal": bson.encode({"a": bson.Decimal128("1")}),
        "timestamp": bson.encode({"a": bson.Timestamp(1, 1)}),
        "smallest key": bson.encode({"a": bson.MinKey()}),
        "reference": bson.encode({"a": bson.DBRef("x", 1)}),
    },
}


@pytest.mark.parametrize(
    ("encoding", "hostile"),
    [
        pytest.param(encoding, hostile, id=f"{encoding.value}-{name}")
        for encoding, cases in HOSTILE.items()
        for name, hostile in cases.items()
    ],
)
def test_hostile_input(encoding: Encoding, hostile: bytes | str) -> None:
    with pytest.raises(MalformedMessage):
        CODECS[encoding].decode(hostile)


def test_duplicate_keys_in_messagepack_last_one_wins() -> None:
    assert CODECS[Encoding.MESSAGEPACK].decode(b"\x82\xa1a\x01\xa1a\x02") == {"a": 2}


@pytest.mark.parametrize(
    "text",
    ['{"a:b":"c:d"}', '{"a":"\\\\","b:":":"}', '{"a":"\\":\\"","b":{"c":"2026-11-17T00:00:00Z"}}', '{"":""}'],
)
def test_colons_and_escapes_are_no_duplicate_keys(text: str) -> None:
    assert CODECS[Encoding.JSON].decode(text) == json.loads(text)


def test_equal_keys_in_different_maps_are_no_duplicates() -> None:
    assert CODECS[Encoding.JSON].decode('{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}')["b"][1] == {"a": 2}
    document = bson.encode({"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]})
    assert CODECS[Encoding.BSON].decode(document)["b"][1] == {"a": 2}


def test_integers_beyond_64_bits_become_floats() -> None:
    assert CODECS[Encoding.JSON].decode('{"a":18446744073709551616}') == {"a": 2.0**64}


@every_encoding
@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**300])
def test_huge_integers_are_encoded(encoding: Encoding, number: int) -> None:
    decoded = CODECS[encoding].decode(message(encoding, {"a": [{"b": number}], "c": "d"}))
    assert decoded["c"] == "d"
    assert decoded["a"][0]["b"] in (number, float(number))


@every_encoding
def test_integers_no_float_can_hold_are_null(encoding: Encoding) -> None:
    assert CODECS[encoding].decode(message(encoding, {"a": 10**5_000})) == {"a": None}


def test_a_nul_in_a_name_does_not_break_bson() -> None:
    encoded = CODECS[Encoding.BSON].encode({"Data": {"a\0b": [{"\0": 2**70}]}, "x": "y\0"})
    assert CODECS[Encoding.BSON].decode(encoded) == {"Data": {"ab": [{"": 2.0**70}]}, "x": "y\0"}


def works_or_is_malformed(encoding: Encoding, received: bytes | str) -> bool:
    try:
        decoded = CODECS[encoding].decode(received)
    except MalformedMessage:
        return False
    assert type(decoded) is dict
    CODECS[encoding].encode(decoded)
    return True


@every_encoding
@given(received=st.binary(max_size=200) | st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_arbitrary_input(encoding: Encoding, received: bytes | str) -> None:
    works_or_is_malformed(encoding, received)


@every_encoding
def test_damaged_messages(encoding: Encoding) -> None:
    """Valid messages with bytes changed, cut out, repeated and inserted: works, or is malformed."""
    chance = random.Random(7)
    seeds = [
        CODECS[encoding].encode(c) for c in (SAMPLE, {}, nested(9), {"a": [1.5, 2**40, "é", None, True]})
    ]
    if encoding is Encoding.BSON:
        seeds += [case for case in HOSTILE[encoding].values() if isinstance(case, bytes) and len(case) < 200]
    if encoding is Encoding.MESSAGEPACK:
        seeds.append(msgspec.msgpack.encode({"a": b"x", "b": datetime(2020, 1, 1).astimezone()}))
    worked = 0
    for _ in range(FUZZ_INPUTS):
        damaged = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(0, 4)):
            at = chance.randrange(len(damaged) + 1)
            match chance.randrange(4):
                case 0 if at < len(damaged):
                    damaged[at] = chance.randrange(256)
                case 1:
                    damaged[at:at] = chance.randbytes(chance.randint(1, 5))
                case 2:
                    del damaged[at : at + chance.randint(1, 5)]
                case _:
                    damaged[at:at] = damaged[at : at + chance.randint(1, 20)]
        text = bytes(damaged).decode(errors="surrogateescape")
        worked += works_or_is_malformed(encoding, text if CODECS[encoding].is_text else bytes(damaged))
    assert 0 < worked < FUZZ_INPUTS


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["ZenithJson"], Encoding.JSON),
        (["ZenithMsgPack", "ZenithJson"], Encoding.MESSAGEPACK),
        ([" ZenithBson ", "ZenithJson"], Encoding.BSON),
        (["graphql", "ZenithJson"], Encoding.JSON),
        (["zenithjson"], None),
        ([], None),
    ],
)
def test_choose_encoding(offered: list[str], chosen: Encoding | None) -> None:
    assert choose_encoding(offered) is chosen
