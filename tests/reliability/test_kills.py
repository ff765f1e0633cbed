"""One turn of `kills` with each signal."""

from __future__ import annotations

from tests.reliability.kills import kill


def test_nothing_is_lost_in_silence_when_the_daemon_is_killed() -> None:
    result = kill(count=1, rate=3.0)
    killed, ended = result["ends"]
    assert (killed["signal"], killed["count"]) == ("SIGKILL", 1)
    assert (ended["signal"], ended["count"]) == ("SIGTERM", 1)
    assert ended["trades_missing"] == ended["trades_counted_lost"] == 0
    assert result["bars_compared"] > 0
    assert result["orders_compared"] > 0
