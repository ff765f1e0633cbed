"""A short run of `slow_readers`: what slow readers hold when they come back is the server's state."""

from __future__ import annotations

from pathlib import Path

from tests.reliability.slow_readers import EACH, Plan, run, state_problems


def test_slow_readers_come_back_to_the_servers_state(tmp_path: Path) -> None:
    plan = Plan(seconds=8.0, readers=30, slow=6, rate=2_000.0, stall_seconds=3.0)
    outcome = run(plan, tmp_path)
    assert state_problems(outcome, plan.slow) == []
    assert outcome.slow["compared"] >= 6 * EACH
    assert outcome.conflated > 0
