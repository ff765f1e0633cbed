"""Servers that a user might pick instead, as senders of the bench."""

from __future__ import annotations

from zenithd.bench.senders import Recipe


def available() -> tuple[list[Recipe], list[str]]:
    """The peers that are installed, and a line for each that is not."""
    return [], []
