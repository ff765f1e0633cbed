"""Twenty kills of `exchange_kills`."""

from __future__ import annotations

from tests.reliability import exchange_kills


def test_nothing_that_was_shown_or_confirmed_is_lost() -> None:
    ends = exchange_kills.kill(20, rate=8.0)
    assert (ends.kills, ends.kills_at_start, ends.terminations) == (20, 2, 2)
    assert ends.trades_kept >= ends.trades_seen > 0
    assert ends.commands_confirmed > 0
    assert ends.orders_compared > 0
