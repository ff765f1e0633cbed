"""The journal's feeds as plugins use them: records, and states that are kept of them."""

from __future__ import annotations

from journal_support import Place, SqlitePlace, serving
from structlog.testing import capture_logs

from zenithd.journal_feeds import PluginFeeds
from zenithd.plugin.journal import KeptState


async def test_a_kept_state_that_is_damaged_is_not_used(place: Place) -> None:
    async with serving(place.store()) as journal:
        feed = PluginFeeds(journal, lambda: 1).feed("exchange", "market 1")
        for number, state in enumerate((b"first", b"second", b"third"), 1):
            assert await feed.append([b"record"]) == number
            await feed.keep_state(number, state)
        assert await feed.kept_state() == KeptState(3, b"third")
    for state, flipped in (("third", "thirt"), ("second", "seconT")):
        if isinstance(place, SqlitePlace):
            changed = f"unhex(replace(hex(state), hex('{state}'), hex('{flipped}')))"
        else:
            old, new = state.encode().hex(), flipped.encode().hex()
            changed = f"decode(replace(encode(state, 'hex'), '{old}', '{new}'), 'hex')"
        place.change(f"UPDATE {{snapshot}} SET state = {changed}")
    async with serving(place.store()) as journal:
        feed = PluginFeeds(journal, lambda: 1).feed("exchange", "market 1")
        with capture_logs() as logs:
            assert await feed.kept_state() == KeptState(1, b"first")
    assert [log["position"] for log in logs if "kept state is damaged" in log["event"]] == [3, 2]
