"""Twenty kills of `order_kills`."""

from __future__ import annotations

from tests.reliability import order_kills


def test_nothing_that_was_acknowledged_is_lost_or_doubled() -> None:
    ends = order_kills.kill(20)
    assert ends.kills == 20
    assert ends.acknowledged > 200
    assert ends.unanswered > 20
    assert ends.trades >= ends.transactions_shown > 20
