"""Outcomes that controllers hand to the session: an answer to a request, a refusal of a subscription."""

from __future__ import annotations

from typing import Any, Final

import msgspec


class _Absent:
    """The Data of an answer that carries no Data key; compare with `is ABSENT`."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


class Answer(msgspec.Struct, frozen=True):
    """Result of a request: zero or more error codes, then the reply (zenith-websocket 1.4.1, 6.4)."""

    data: Any = ABSENT
    errors: tuple[str, ...] = ()
    """Whole codes with suffix: `Symbol.NotFound XS99.XSX`."""


class Refusal(msgspec.Struct, frozen=True):
    """Why a subscription cannot be made: error codes, the first one is the main reason."""

    errors: tuple[str, ...]
