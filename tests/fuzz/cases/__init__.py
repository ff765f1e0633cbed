"""Inputs worth keeping: by boundary, then by the reason, each with the outcome it must have.

Those marked *found* broke a contract once; `test_fuzz` replays them all.
"""

from __future__ import annotations

from typing import Any

from tests.fuzz.cases import codecs, configuration, frames, messages, names, requests

CASES: dict[str, dict[str, tuple[Any, str]]] = {
    **codecs.CASES,
    **messages.CASES,
    **names.CASES,
    **requests.CASES,
    **configuration.CASES,
    **frames.CASES,
}
