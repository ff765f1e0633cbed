"""Kept inputs of the three codecs."""

from __future__ import annotations

from typing import Any

JSON: dict[str, tuple[Any, str]] = {
    "a key given twice, once escaped": ('{"a":1,"\\u0061":2}', "malformed"),
    "colons in texts hide a key given twice from a count": ('{"a:":1,"a:":"\\":","b":":"}', "malformed"),
    "colons in texts alone": ('{"a:":":\\":","b":[":"]}', "decoded"),
    "a pair of surrogates, escaped": ('{"a":"\\ud83d\\ude00"}', "decoded"),
    "half a pair": ('{"a":"\\ud83d"}', "malformed"),
    "the halves in the wrong order": ('{"a":"\\ude00\\ud83d"}', "malformed"),
    "half a pair as a key": ('{"\\ud800":1}', "malformed"),
    "a NUL as a key, which BSON has no name for": ('{"\\u0000":1}', "decoded"),
    "zero with a sign": ('{"a":-0,"b":-0.0}', "decoded"),
    "smaller than any double": ('{"a":1e-999}', "decoded"),
    "just too large for a double": ('{"a":1.7976931348623159e308}', "malformed"),
    "the largest unsigned integer": ('{"a":18446744073709551615}', "decoded"),
    "one more, which becomes a float": ('{"a":18446744073709551616}', "decoded"),
    "300 digits": ('{"a":' + "9" * 300 + "}", "decoded"),
    "more digits than Python reads": ('{"a":' + "9" * 5_000 + "}", "malformed"),
    "as deep as may be": ('{"a":' + "[" * 63 + "]" * 63 + "}", "decoded"),
    "one deeper": ('{"a":' + "[" * 64 + "]" * 64 + "}", "malformed"),
    "deeper than the decoder goes": ('{"a":' * 1_100 + "1" + "}" * 1_100, "malformed"),
    "a vertical tab is no blank": ("{\x0b}", "malformed"),
    "a no-break space is no blank": ("{}\xa0", "malformed"),
    "a byte order mark": ("\ufeff{}", "malformed"),
    "a control character in a text": ('{"a":"\x01"}', "malformed"),
    "DEL in a text": ('{"a":"\x7f"}', "decoded"),
    "a character that was a surrogate in the frame": ('{"a":"\udc80"}', "malformed"),
    "a number with a leading zero": ('{"a":01}', "malformed"),
    "a comma too many": ('{"a":[1,]}', "malformed"),
    "found: six thousand empty lists were more values in JSON than elsewhere": (
        '{"a":[' + "[]," * 5_999 + "[]]}",
        "decoded",
    ),
    "found: so were the commas of a text": ('{"a":"' + "," * 10_001 + '"}', "decoded"),
    "as many values as may be": ('{"a":[' + "1," * 9_998 + "1]}", "decoded"),
    "one more": ('{"a":[' + "1," * 9_999 + "1]}", "malformed"),
    "JSON in a binary frame": (b"{}", "wrong kind of frame"),
}

MESSAGEPACK: dict[str, tuple[Any, str]] = {
    "lengths wider than need be": (b"\xdf\0\0\0\1\xdb\0\0\0\1a\xdd\0\0\0\1\xcf" + b"\0" * 8, "decoded"),
    "a float of 32 bits": (b"\x81\xa1a\xca\x3f\x80\0\0", "decoded"),
    "infinity in 32 bits": (b"\x81\xa1a\xca\x7f\x80\0\0", "malformed"),
    "the largest unsigned integer": (b"\x81\xa1a\xcf" + b"\xff" * 8, "decoded"),
    "a map of four thousand million entries": (b"\xdf\xff\xff\xff\xff", "malformed"),
    "a list of as many, inside": (b"\x81\xa1a\xdd\xff\xff\xff\xff\xc0", "malformed"),
    "a text of two gigabytes": (b"\x81\xa1a\xdb\x7f\xff\xff\xffx", "malformed"),
    "binary as a key": (b"\x81\xc4\1a\2", "malformed"),
    "a list as a key, which cannot be hashed": (b"\x81\x91\1\2", "malformed"),
    "a map as a key": (b"\x81\x80\2", "malformed"),
    "a timestamp as a key": (b"\x81\xd6\xff\0\0\0\0\2", "malformed"),
    "a timestamp beyond all years": (b"\x81\xa1a\xc7\x0c\xff" + b"\xff" * 12, "malformed"),
    "an extension without content": (b"\x81\xa1a\xc7\0\5", "malformed"),
    "a key given twice: the last one wins": (b"\x82\xa1a\1\xa1a\2", "decoded"),
    "overlong UTF-8": (b"\x81\xa1a\xa2\xc0\x80", "malformed"),
    "a surrogate in UTF-8": (b"\x81\xa1a\xa3\xed\xa0\x80", "malformed"),
    "the byte that is never used": (b"\x81\xa1a\xc1", "malformed"),
    "a byte behind the map": (b"\x80\xc0", "malformed"),
    "as deep as may be": (b"\x81\xa1a" + b"\x91" * 62 + b"\x90", "decoded"),
    "one deeper": (b"\x81\xa1a" + b"\x91" * 63 + b"\x90", "malformed"),
    "a text frame": ("\x80", "wrong kind of frame"),
}


def _document(elements: bytes) -> bytes:
    return (len(elements) + 5).to_bytes(4, "little") + elements + b"\0"


BSON: dict[str, tuple[Any, str]] = {
    "the length is one too small": (b"\x04\0\0\0\0", "malformed"),
    "the length is negative": (b"\xff\xff\xff\xff\0", "malformed"),
    "an inner length reaches beyond the outer one": (_document(b"\x03a\0\xff\0\0\0\0"), "malformed"),
    "a text that says it is empty has no room for its end": (_document(b"\x02a\0\0\0\0\0"), "malformed"),
    "a text whose end is not NUL": (_document(b"\x02a\0\1\0\0\0x"), "malformed"),
    "a NUL within a text": (_document(b"\x02a\0\3\0\0\0x\0\0"), "decoded"),
    "a boolean that is neither": (_document(b"\x08a\0\2"), "malformed"),
    "a name that is no UTF-8": (_document(b"\x0a\xff\0"), "malformed"),
    "an index that is no UTF-8, which nobody reads": (
        _document(b"\x04a\0" + _document(b"\x0a\xff\0")),
        "decoded",
    ),
    "an index given twice": (_document(b"\x04a\0" + _document(b"\x0a9\0\x0a9\0")), "decoded"),
    "a name given twice": (_document(b"\x0aa\0\x0aa\0"), "malformed"),
    "undefined, a type of old, reads as null": (_document(b"\x06a\0"), "decoded"),
    "a symbol, a type of old, reads as text": (_document(b"\x0ea\0\2\0\0\0x\0"), "decoded"),
    "a date beyond all years": (_document(b"\x09a\0" + b"\xff" * 7 + b"\x7f"), "malformed"),
    "a pattern that cannot be compiled": (_document(b"\x0ba\0(\0i\0"), "malformed"),
    "a pattern with options that nobody knows": (_document(b"\x0ba\0x\0zzz\0"), "malformed"),
    "binary whose inner length lies": (_document(b"\x05a\0\5\0\0\0\2\1\0\0\0x"), "malformed"),
    "a UUID of the wrong size": (_document(b"\x05a\0\1\0\0\0\4x"), "malformed"),
    "code whose scope is cut off": (_document(b"\x0fa\0\x0e\0\0\0\2\0\0\0x\0\5\0\0\0"), "malformed"),
    "a map that is a reference to another document": (
        _document(b"\x03w\0" + _document(b"\x02$ref\0\2\0\0\0x\0\x10$id\0\1\0\0\0")),
        "malformed",
    ),
    "a map that is none, though it looks like one": (
        _document(b"\x03w\0" + _document(b"\x10$ref\0\1\0\0\0\x10$id\0\1\0\0\0")),
        "decoded",
    ),
    "NaN": (_document(b"\x01a\0\0\0\0\0\0\0\xf8\x7f"), "malformed"),
    "a type that is none": (_document(b"\x42a\0"), "malformed"),
    "a name without an end": (b"\x08\0\0\0\x0aab", "malformed"),
    "text in place of a document": ("{}", "wrong kind of frame"),
}

CASES = {"json": JSON, "messagepack": MESSAGEPACK, "bson": BSON}
