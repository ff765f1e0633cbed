"""What an operator reads when a setting is wrong."""

from __future__ import annotations


class ConfigError(Exception):
    """One setting that cannot be used; `str()` is exactly one line. Blame: the operator.

    `file` is the file's name as the operator gave it, or `command line`; `line` is None where there is no
    line to point at; `key` is the dotted name, empty when the whole file is meant.
    """

    def __init__(self, file: str, line: int | None, key: str, expected: str, remedy: str) -> None:
        super().__init__(file, line, key, expected, remedy)
        self.file = file
        self.line = line
        self.key = key
        self.expected = expected
        self.remedy = remedy

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        key = f"{self.key}: " if self.key else ""
        return " ".join(f"{place}: {key}expected {self.expected}; {self.remedy}".split())
