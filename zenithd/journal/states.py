"""The states of a journal, and what leads from one to another. Pure.

| state | appends | leaves it |
|---|---|---|
| closed | refused | opened: serving; the disk failed: refusing |
| serving | taken | a commit failed or lasts too long, a damaged record was read: refusing; closing: closed |
| refusing | refused, with reason | opened again, nothing acknowledged missing: serving; closing: closed |
| damaged | refused, with reason | closing: closed |

Damage does not pass: the operator restores a backup.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class State(Enum):
    """What a journal does with appends."""

    CLOSED = "closed"
    SERVING = "serving"
    REFUSING = "refusing"
    DAMAGED = "damaged"


class Happening(Enum):
    """What changes the state."""

    OPENED = "opened"
    """And what was acknowledged is there."""
    FAILED = "failed"
    """A store fault: opening, a commit, a commit that lasts too long."""
    FOUND_DAMAGE = "found damage"
    CLOSED = "closed"


TRANSITIONS: Final[dict[tuple[State, Happening], State]] = {
    (State.CLOSED, Happening.OPENED): State.SERVING,
    (State.CLOSED, Happening.FAILED): State.REFUSING,
    (State.CLOSED, Happening.FOUND_DAMAGE): State.DAMAGED,
    (State.CLOSED, Happening.CLOSED): State.CLOSED,
    (State.SERVING, Happening.FAILED): State.REFUSING,
    (State.SERVING, Happening.FOUND_DAMAGE): State.DAMAGED,
    (State.SERVING, Happening.CLOSED): State.CLOSED,
    (State.REFUSING, Happening.OPENED): State.SERVING,
    (State.REFUSING, Happening.FAILED): State.REFUSING,
    (State.REFUSING, Happening.FOUND_DAMAGE): State.DAMAGED,
    (State.REFUSING, Happening.CLOSED): State.CLOSED,
    (State.DAMAGED, Happening.FAILED): State.DAMAGED,
    (State.DAMAGED, Happening.FOUND_DAMAGE): State.DAMAGED,
    (State.DAMAGED, Happening.CLOSED): State.CLOSED,
}
"""What is not here does not happen."""
