"""What all generators draw from: nasty texts and numbers, nested values, damage."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Draw = random.Random

CHARACTERS = (
    "\0", "\x01", "\t", "\n", "\r", "\x1b", " ", '"', "'", "\\", "/", "!", "#", "$", "%", "*", "+", "-", ".",
    ",", ":", ";", "=", "?", "@", "[", "]", "_", "{", "}", "~", "\x7f", "\x80", "\x85", "\xa0", "ß",
    "\u0130", "\u0131", "\u017f", "é", "e\u0301", "\u0660", "\u200b", "\u202e", "\u2028", "\u2029", "\ufeff",
    "\uffff", "\uff11", "\uff21", "\U0001f600", "\U0010ffff", "\ufb01", "\u03a3", "\u03c2", "\u212a", "0",
    "9", "a", "Z",
)  # fmt: skip
"""Each has broken some parser: separators, case folding that changes lengths, blanks that are none."""

SURROGATES = ("\ud800", "\udfff", "\udc80")
"""Characters that no encoding can carry; JSON can name them."""

TEXTS = (
    "", " ", "null", "true", "NaN", "Infinity", "nan", "inf", "1e999", "-0", "0x10", "1_000", "٣", "1e400",
    "%s%n", "{}", "../..", "a" * 100, "a" * 201, "x" * 301, "\0", "__proto__", "$ref", "$id", "_id", "A.B",
    "2026-11-20", "2026-02-30", "9999-12-31T23:59:59.999999999+14:00", "0001-01-01T00:00:00-14:00",
    "00:00:30", "9999999.23:59:59.999999999", "XSX", "XSX+XSY", "XS01.XSX", "Zenith/Market",
)  # fmt: skip

INTEGERS = (
    0, 1, -1, 2, 5, 31, 32, 33, 100, 127, 128, 255, 256, 999, 1000, 1001, 65535, 65536, 2**31 - 1, 2**31,
    2**32 - 1, 2**32, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**31), -(2**31) - 1, -(2**63),
    -(2**63) - 1, 10**19, 10**40,
)  # fmt: skip

FLOATS = (
    0.0, -0.0, 0.1, 1.0, 1.5, -1.5, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1e308, 1e16,
    123456789.123456789, 1e22, 4294967295.0, 9007199254740993.0, 1e300,
)  # fmt: skip


def text(draw: Draw, words: Sequence[str] = TEXTS) -> str:
    """A word, a word with something strange in it, or strange characters alone."""
    pick = draw.random()
    if pick < 0.6:
        return draw.choice(words)
    if pick < 0.8:
        return damage_text(draw, draw.choice(words), words)
    if pick < 0.82:
        return draw.choice(CHARACTERS) * draw.choice((10, 100, 300))
    return "".join(draw.choice(CHARACTERS) for _ in range(draw.randrange(8)))


def number(draw: Draw) -> int | float:
    """A small number, an extreme one, or one beside an extreme one."""
    pick = draw.random()
    if pick < 0.3:
        return draw.randrange(-3, 12)
    if pick < 0.6:
        return draw.choice(INTEGERS)
    if pick < 0.8:
        return draw.choice(FLOATS)
    if pick < 0.9:
        return draw.choice(INTEGERS) + draw.randrange(-2, 3)
    return draw.uniform(-1, 1) * 10.0 ** draw.randrange(-300, 300)


def value(draw: Draw, words: Sequence[str] = TEXTS, keys: Sequence[str] = TEXTS, depth: int = 0) -> Any:
    """Anything a message can carry, nested a little; now and then very deeply, or very long."""
    pick = draw.random()
    if pick < 0.4:
        return text(draw, words)
    if pick < 0.65:
        return number(draw)
    if pick < 0.75 or depth > 4:
        return draw.choice((None, True, False))
    if pick < 0.87:
        return [value(draw, words, keys, depth + 1) for _ in range(draw.randrange(4))]
    if pick < 0.99:
        return {text(draw, keys): value(draw, words, keys, depth + 1) for _ in range(draw.randrange(4))}
    if pick < 0.995:
        return nested(draw, draw.choice((30, 31, 32, 33, 60, 61, 62, 63, 64, 65, 100)))
    return [value(draw, words, keys, 9)] * draw.choice((100, 999, 1000, 1001))


def nested(draw: Draw, levels: int) -> Any:
    """Lists and maps inside each other."""
    inner: Any = draw.choice((1, "x", None, [], {}))
    for _ in range(levels):
        inner = [inner] if draw.random() < 0.5 else {"D": inner}
    return inner


def damage_text(draw: Draw, given: str, others: Sequence[str] = TEXTS) -> str:
    """Characters put in, taken out, exchanged, repeated; texts cut off or put together."""
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        at = draw.randrange(len(given) + 1)
        match draw.randrange(8):
            case 0:
                given = given[:at] + draw.choice(CHARACTERS) + given[at:]
            case 1:
                given = given[:at] + given[at + draw.randrange(1, 4) :]
            case 2:
                given = given[:at] + draw.choice(CHARACTERS) + given[at + 1 :]
            case 3:
                given = (
                    given[:at] + given[at : at + draw.randrange(1, 30)] * draw.randrange(2, 5) + given[at:]
                )
            case 4:
                given = given[:at]
            case 5:
                other = draw.choice(others)
                given = given[:at] + other[draw.randrange(len(other) + 1) :]
            case 6:
                given = given[:at] + given[at : at + draw.randrange(1, 9)].swapcase() + given[at + 9 :]
            case _:
                given = given[at:] + given[:at]
    return given


def damage_bytes(draw: Draw, given: bytes, others: Sequence[bytes]) -> bytes:
    """Bits and bytes changed, cut out, repeated, spliced; length fields that lie."""
    data = bytearray(given)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 4))):
        at = draw.randrange(len(data) + 1)
        match draw.randrange(9):
            case 0 if at < len(data):
                data[at] ^= 1 << draw.randrange(8)
            case 1 if at < len(data):
                data[at] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
            case 2:
                data[at:at] = draw.randbytes(draw.randrange(1, 5))
            case 3:
                del data[at : at + draw.randrange(1, 6)]
            case 4:
                data[at:at] = data[at : at + draw.randrange(1, 20)] * draw.choice((1, 1, 2, 8))
            case 5:
                del data[at:]
            case 6:
                other = draw.choice(others)
                data[at:] = other[draw.randrange(len(other) + 1) :]
            case 7:
                data[at:at] = bytes((draw.randrange(256),)) * draw.choice((2, 4, 16, 300))
            case _:
                lie = _lie(draw)
                data[at : at + len(lie)] = lie
    return bytes(data)


def _lie(draw: Draw) -> bytes:
    size = draw.choice((1, 2, 4, 8))
    number = draw.choice((0, 1, 4, 5, 125, 126, 127, 255, 65535, 65536, 2**31 - 1, 2**31, 2**63, -1, -5))
    return (number & (1 << 8 * size) - 1).to_bytes(size, draw.choice(("little", "big")))


def damage_value(draw: Draw, given: Any, replacement: Callable[[Draw], Any] = value) -> Any:
    """A copy of a nested value in which one node is another one, gone, doubled, or wrapped."""
    if isinstance(given, dict) and given and draw.random() < 0.85:
        changed = dict(given)
        key = draw.choice(list(changed))
        if draw.random() < 0.15:
            changed[damage_text(draw, key)] = changed.pop(key)
        elif draw.random() < 0.15:
            del changed[key]
        else:
            changed[key] = damage_value(draw, changed[key], replacement)
        return changed
    if isinstance(given, list) and given and draw.random() < 0.85:
        items = list(given)
        at = draw.randrange(len(items))
        match draw.randrange(6):
            case 0:
                del items[at]
            case 1:
                items.insert(at, items[at])
            case 2:
                items[at:at] = [items[at]] * draw.choice((1, 2, 100))
            case _:
                items[at] = damage_value(draw, items[at], replacement)
        return items
    if isinstance(given, str) and draw.random() < 0.5:
        return damage_text(draw, given)
    match draw.randrange(8):
        case 0:
            return [given]
        case 1:
            return {"Data": given}
        case _:
            return replacement(draw)


def pieces(draw: Draw, given: bytes, most: int = 5) -> list[bytes]:
    """The same bytes cut anywhere."""
    cuts = sorted(draw.randrange(len(given) + 1) for _ in range(draw.randrange(most)))
    edges = [0, *cuts, len(given)]
    return [given[a:b] for a, b in itertools.pairwise(edges)]


def one_of(draw: Draw, *makers: tuple[float, Callable[[Draw], T]]) -> T:
    """What one of the makers makes, by their weights."""
    pick = draw.random() * sum(weight for weight, _ in makers)
    for weight, make in makers:
        pick -= weight
        if pick < 0:
            return make(draw)
    return makers[-1][1](draw)
