"""What a rule writer reads when a rule cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Position(NamedTuple):
    """A place in a source: line and column, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a rule source.

    Attributes:
        source: the file's name as the operator gave it.
        position: where the mistake stands.
        message: what is wrong and what was expected, one sentence.
        text: the line it stands in, without its end.
    """

    source: str
    position: Position
    message: str
    text: str

    def __str__(self) -> str:
        return f"{self.source}:{self.position.line}:{self.position.column}: {self.message}"

    @property
    def excerpt(self) -> str:
        """The line of the source, and below it a caret at the column; tabs stay under tabs."""
        before = self.text[: self.position.column - 1]
        gap = "".join(character if character == "\t" else " " for character in before)
        return f"{self.text}\n{gap}^"


class InvalidRules(Exception):
    """Rule sources that cannot be used. Blame: whoever wrote the rules.

    Attributes:
        problems: every mistake that was found, in the order of the sources; at least one.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


@dataclass(frozen=True, slots=True)
class Source:
    """A text of rules and the name that errors give it."""

    name: str
    text: str

    def problem(self, position: Position, message: str) -> Problem:
        """A mistake in this source."""
        lines = self.text.split("\n")
        text = lines[position.line - 1] if position.line <= len(lines) else ""
        return Problem(self.name, position, message, text.rstrip("\r"))
