"""Where each key of a TOML text stands: the standard library's parser keeps no positions.

Pure. Reads only text that `tomllib` has accepted, so it looks for structure and never judges it.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left

KeyPath = tuple[str | int, ...]
"""Keys from the root; a number is the index of an element of an array."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]+")


def find_lines(text: str) -> dict[KeyPath, int]:
    """Return the line (from 1) of every table, key and array element of a valid TOML text."""
    return _Scanner(text).scan()


class _Scanner:
    """One pass over the text; `at` is the offset that is read next."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self.newlines = [found.start() for found in re.finditer("\n", text)]
        self.last_index: dict[KeyPath, int] = {}
        """Arrays made by [[headers]]: index of the element that later headers extend."""

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._skip(_BLANK):
            if self.text.startswith("[", self.at):
                table = self._header()
            else:
                self._assignment(table)
        return self.lines

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        """Skip what the pattern matches; False at the end of the text."""
        self._take(pattern)
        return self.at < len(self.text)

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        assert found is not None, "tomllib accepted this text"
        self.at = found.end()
        return found.group()

    def _line(self) -> int:
        return bisect_left(self.newlines, self.at) + 1

    def _header(self) -> KeyPath:
        line = self._line()
        is_element = self.text.startswith("[[", self.at)
        self.at += 2 if is_element else 1
        keys = self._keys()
        self.at += 2 if is_element else 1
        path: KeyPath = ()
        for key in keys[:-1]:
            path = self._newest((*path, key))
            self.lines.setdefault(path, line)
        path = (*path, keys[-1])
        if is_element:
            self.lines.setdefault(path, line)
            index = self.last_index.get(path, -1) + 1
            self.last_index[path] = index
            path = (*path, index)
        self.lines[path] = line
        return path

    def _newest(self, path: KeyPath) -> KeyPath:
        """An array of tables stands for its last element."""
        index = self.last_index.get(path)
        return path if index is None else (*path, index)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_SPACE)
            if self.text[self.at] in "\"'":
                keys.append(_unquoted(self._take(_STRING)))
            else:
                keys.append(self._take(_BARE_KEY))
            self._skip(_SPACE)
            if self.text[self.at] != ".":
                return keys
            self.at += 1

    def _assignment(self, table: KeyPath) -> None:
        line = self._line()
        path = table
        for key in self._keys():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self.at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        first = self.text[self.at]
        if first in "\"'":
            self._take(_STRING)
        elif first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            self._take(_SCALAR)

    def _array(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        while self._skip(_BLANK) and self.text[self.at] != "]":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            element = (*path, index)
            self.lines[element] = self._line()
            self._value(element)
            index += 1
        self.at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.at += 1
        while self._skip(_BLANK) and self.text[self.at] != "}":
            if self.text[self.at] == ",":
                self.at += 1
            else:
                self._assignment(path)
        self.at += 1


def _unquoted(key: str) -> str:
    if key.startswith("'"):
        return key[1:-1]
    unquoted: str = tomllib.loads(f"key = {key}")["key"]
    return unquoted
