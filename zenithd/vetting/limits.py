"""What rule files may take: every bound has a name, and a rule file beyond one is refused when it is read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VettingLimits:
    """Bounds on rule files; the defaults are those of `[vetting]` in the configuration."""

    text_characters_max: int = 1_000_000
    """Of one file."""
    statements_max: int = 10_000
    """Of one file."""
    list_items_max: int = 10_000
    """Of one list."""
    depth_max: int = 50
    """Blocks and expressions inside each other; an AND or OR of many parts counts once."""
    cost_max: int = 250_000
    """Steps of one vetting, if every rule that can apply does and nothing is cut short. A step is one value
    read, compared or computed, so that this bounds how long an order can keep the daemon busy: 0.01 µs a step
    as a rule, 0.4 at worst."""
