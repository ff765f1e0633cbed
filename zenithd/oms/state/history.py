"""The state as at an earlier time: a checkpoint from before, and what followed (platform A.6). Pure."""

from __future__ import annotations

from collections.abc import Iterable

from zenithd.oms.model.updates import Kept
from zenithd.oms.state.held import Limits
from zenithd.oms.state.state import OmsState


def as_at(
    checkpoint: bytes | None,
    updates: Iterable[Kept],
    *,
    update_id: int | None = None,
    time: int | None = None,
    limits: Limits | None = None,
) -> OmsState:
    """The state after the last update that is within both bounds, which are inclusive.

    Args:
        checkpoint: of a state before the bounds; None for the very beginning.
        updates: all that followed the checkpoint, in their order; read only as far as they are needed.
        update_id: the last UpdateID that counts; None for no bound.
        time: the last EventDate that counts, in nanoseconds; None for no bound.
        limits: those with which the updates were applied.

    Raises:
        ValueError: the checkpoint is none, or one of a later state than is asked for.
    """
    state = OmsState(limits) if checkpoint is None else OmsState.restore(checkpoint, limits)
    if (update_id is not None and state.update_id > update_id) or (time is not None and state.time > time):
        raise ValueError(f"a checkpoint of update {state.update_id}, which is later than what is asked for")
    for kept in updates:
        if (update_id is not None and state.update_id >= update_id) or (
            time is not None and kept.time > time
        ):
            break
        state.replay(kept)
    return state
