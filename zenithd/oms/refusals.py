"""Why requests are refused: the codes of zenith-websocket 4.E, and gathering them. Pure."""

from __future__ import annotations

import enum


class Result(enum.Enum):
    """OrderResult.Result (zenith-websocket 3.5.6), the weightiest last; `Error` is never used."""

    SUCCESS = "Success"
    REJECTED = "Rejected"
    """It depends on the state: the same request may succeed another time."""
    INVALID = "Invalid"
    """A field can never be so."""
    INCOMPLETE = "Incomplete"
    """A required field is absent."""


_WEIGHT = {result: weight for weight, result in enumerate(Result)}


class Faults:
    """Gathers everything that is wrong with a request, in the order in which it is found."""

    __slots__ = ("errors", "result")

    def __init__(self) -> None:
        self.result = Result.SUCCESS
        self.errors: list[str] = []

    def __bool__(self) -> bool:
        return bool(self.errors)

    def absent(self, code: str) -> None:
        """A required field is missing."""
        self._add(Result.INCOMPLETE, code)

    def invalid(self, code: str) -> None:
        """A field can never be so."""
        self._add(Result.INVALID, code)

    def rejected(self, *codes: str) -> None:
        """The state does not allow it."""
        for code in codes:
            self._add(Result.REJECTED, code)

    def _add(self, result: Result, code: str) -> None:
        if code not in self.errors:
            self.errors.append(code)
        if _WEIGHT[result] > _WEIGHT[self.result]:
            self.result = result
