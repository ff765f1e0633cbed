"""Finds the instruments in DEEP packets before they are played. Pure."""

from __future__ import annotations

from zenithd_replay.iex_market import Directory
from zenithd_replay.iex_messages import DIRECTORY, OPERATIONAL, SYMBOL, code_of, read_directory
from zenithd_replay.iex_transport import DEEP_1_0, message_bounds, parse_header


class DeepScan:
    """Looks through packets for the instruments in them, before they are played."""

    def __init__(self) -> None:
        self.directory: dict[str, Directory | None] = {}
        """By code; None where no directory message was seen."""
        self.other_protocols: set[int] = set()
        self._seen: set[bytes] = set()

    def look(self, payload: bytes) -> bool:
        """Note what the packet names; return whether it is one of DEEP."""
        header = parse_header(payload)
        if header is None:
            return False
        if header.protocol != DEEP_1_0:
            self.other_protocols.add(header.protocol)
            return False
        try:
            for start, end in message_bounds(payload, header):
                kind = payload[start]
                if kind == ord("D") and end - start >= DIRECTORY.size:
                    code, directory = read_directory(payload[start:end])
                    self.directory[code] = directory
                elif kind != ord("S") and end - start >= OPERATIONAL.size:
                    symbol = payload[start + SYMBOL.start : start + SYMBOL.stop]
                    if symbol not in self._seen:
                        self._seen.add(symbol)
                        self.directory.setdefault(code_of(symbol), None)
        except (ValueError, IndexError):
            pass  # counted when the packet is played
        return True
