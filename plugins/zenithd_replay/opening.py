"""Finds out what kind of recording the files are, and opens them. Blocks: for worker threads."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from zenithd.recording import MAGIC, RecordingError
from zenithd_replay.binance_recording import BinanceRecording
from zenithd_replay.config import ReplayConfig
from zenithd_replay.files import RecordedFile
from zenithd_replay.iex_recording import IexRecording
from zenithd_replay.own_recording import OwnRecording
from zenithd_replay.pcap import is_capture
from zenithd_replay.playable import Playable

_CAPTURE_LINE = re.compile(rb"\d{10,19} \{")

_FORMATS: dict[str, Callable[[Sequence[Path], str, str], Playable]] = {
    "zenithd": OwnRecording,
    "binance": BinanceRecording,
    "iex": IexRecording,
}


def open_files(config: ReplayConfig) -> Playable:
    """Open what the configuration names.

    Raises:
        RecordingError: a file is not of a known format, or not of the same as the others.
        OSError: a file cannot be opened.
        ValueError: no file is given, or the market codes do not fit.
    """
    if not config.files:
        raise ValueError('nothing to play: set files = ["…"] in this plugin\'s section')
    formats = {
        path: detect_format(path) if config.format == "auto" else config.format for path in config.files
    }
    first = formats[config.files[0]]
    for path, found in formats.items():
        if found != first:
            raise RecordingError(
                path, 0, f"format {found}, but {config.files[0]} is {first}: play one format at a time"
            )
    return _FORMATS[first](config.files, config.market, config.tag)


def detect_format(path: Path) -> str:
    """Tell the format from the first bytes: zenithd, binance or iex.

    Raises:
        RecordingError: none of them.
        OSError: the file cannot be opened.
    """
    with RecordedFile(path) as file:
        head = file.head(32)
    if head.startswith(MAGIC):
        return "zenithd"
    if is_capture(head):
        return "iex"
    if _CAPTURE_LINE.match(head):
        return "binance"
    raise RecordingError(path, 0, "neither a recording of zenithd, a Binance capture nor a packet capture")
