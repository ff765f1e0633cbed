"""What the exchange keeps over a restart, beside the trades that the daemon stores: one small JSON file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec

from zenithd.domain.identifiers import InstrumentId
from zenithd_prodigy.history import PastOrigin

FILE_NAME = "prodigy.json"


class Kept(msgspec.Struct):
    """The last closes, and the simulated pasts of which not every day was stored yet."""

    trading_date: date | None = None
    """The day to which `closes` belong."""
    closes: dict[InstrumentId, int] = {}
    """Price of each instrument's last trade before that day."""
    unfinished: dict[InstrumentId, PastOrigin] = {}
    last_day_stored: set[InstrumentId] = set()
    """Those of `unfinished` whose last day, in which live trading goes on, is stored."""


def load(directory: Path) -> Kept:
    """What was kept; nothing if there is no file.

    Raises:
        ValueError: the file holds something else.
        OSError: it cannot be read.
    """
    try:
        return msgspec.json.decode((directory / FILE_NAME).read_bytes(), type=Kept)
    except FileNotFoundError:
        return Kept()


def save(directory: Path, kept: Kept) -> None:
    """Replace the file as a whole. Raises OSError if it cannot be written."""
    fresh = directory / f"{FILE_NAME}.new"
    fresh.write_bytes(msgspec.json.encode(kept))
    fresh.replace(directory / FILE_NAME)
