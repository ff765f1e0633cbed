"""The line finder agrees with the standard library's parser on what there is, and with people on where."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenithd.config.toml_lines import KeyPath, find_lines

TEXT = """\
top = 1
"quoted key" = 2

[server]
listen = "127.0.0.1:8640"  # a comment with [brackets] and key = value
a.b.c = true
multi = \"\"\"
[not.a.header]
x = 1
\"\"\"
literal = '''
y = 2
'''
after = 1
list = [
  "one", # [two]
  { k = "v", n = { deep = 1 } },

  ["x",
   "y"],
]

[plugins."my plugin".inner]
z = "\\"] \\\\"

[[markets.delayed]]
market = "XSX"
[[markets.delayed]]
[markets.delayed.nested]
q = 1
[[markets.delayed.parts]]
w = 1
[[markets.delayed.parts]]
w = 2
"""

EXPECTED: list[tuple[KeyPath, int]] = [
    (("top",), 1),
    (("quoted key",), 2),
    (("server",), 4),
    (("server", "listen"), 5),
    (("server", "a"), 6),
    (("server", "a", "b", "c"), 6),
    (("server", "multi"), 7),
    (("server", "literal"), 11),
    (("server", "after"), 14),
    (("server", "list"), 15),
    (("server", "list", 0), 16),
    (("server", "list", 1), 17),
    (("server", "list", 1, "k"), 17),
    (("server", "list", 1, "n", "deep"), 17),
    (("server", "list", 2), 19),
    (("server", "list", 2, 1), 20),
    (("plugins",), 23),
    (("plugins", "my plugin", "inner", "z"), 24),
    (("markets", "delayed"), 26),
    (("markets", "delayed", 0), 26),
    (("markets", "delayed", 0, "market"), 27),
    (("markets", "delayed", 1), 28),
    (("markets", "delayed", 1, "nested", "q"), 30),
    (("markets", "delayed", 1, "parts", 0, "w"), 32),
    (("markets", "delayed", 1, "parts", 1, "w"), 34),
]


def paths(value: Any, at: KeyPath = ()) -> set[KeyPath]:
    """Every key and element of a parsed text."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    found = {(*at, key) for key, _ in inner}
    return found.union(*(paths(item, (*at, key)) for key, item in inner))


@pytest.mark.parametrize(("path", "line"), EXPECTED)
def test_every_kind_of_key_is_found_on_its_line(path: KeyPath, line: int) -> None:
    assert find_lines(TEXT)[path] == line


def test_nothing_is_missed_and_nothing_invented() -> None:
    assert set(find_lines(TEXT)) == paths(tomllib.loads(TEXT))


BARE = st.from_regex(r"[A-Za-z0-9_-]{1,4}", fullmatch=True)
TEXTS = st.text(alphabet="ab\"'\\[]{}#=.,\n\t é", max_size=8)
SCALARS = st.one_of(st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False), TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
STYLES = st.sampled_from(["basic", "multi", "literal"])


def quote(text: str, style: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    if style == "multi":
        return f'"""{escaped}"""'
    if style == "literal" and "'" not in text and "\n" not in text:
        return f"'{text}'"
    return f'"{escaped}"'


def write(value: Any, style: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quote(value, style)
    if isinstance(value, list):
        return "[ # comment ]\n" + "".join(f"  {write(item, style)} ,\n" for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{quote(k, 'basic')} = {write(v, style)}" for k, v in value.items()) + " }"
    return repr(value)


SECTIONS = st.lists(st.tuples(st.booleans(), BARE, st.dictionaries(BARE, VALUES)), max_size=6)


@given(SECTIONS, STYLES)
def test_finds_exactly_what_the_parser_finds(
    sections: list[tuple[bool, str, dict[str, Any]]], style: str
) -> None:
    text = ""
    written: dict[str, int] = {}
    lines: dict[KeyPath, int] = {}
    repeatable = {name: is_element for is_element, name, _ in sections}
    for _, name, table in sections:
        if name in written and not repeatable[name]:
            continue
        count = written[name] = written.get(name, 0) + 1
        text += f"[[{name}]]\n" if repeatable[name] else f"[{name}]\n"
        prefix: KeyPath = (name, count - 1) if repeatable[name] else (name,)
        for key, value in table.items():
            lines[(*prefix, key)] = text.count("\n") + 1
            text += f"{key} = {write(value, style)}\n"
    found = find_lines(text)
    assert set(found) == paths(tomllib.loads(text))
    assert {path: found[path] for path in lines} == lines
