"""Identifiers of orders and requests: 22 alphanumeric characters (zenith-websocket 3.5.6)."""

from __future__ import annotations

import string
from random import Random
from typing import Final

LENGTH: Final = 22
_ALPHABET: Final = (string.digits + string.ascii_letters).encode()
_OF_BYTES: Final = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
"""A character for each byte; some come a quarter more often, which leaves 130 bits to an identifier."""


class RandomIdentifiers:
    """Implements `zenithd.oms.reference.Identifiers`: random enough never to be given twice."""

    def __init__(self, source: Random) -> None:
        self._source = source

    def new_order_id(self) -> str:
        """For an order."""
        return self._new()

    def new_request_id(self) -> str:
        """For a request."""
        return self._new()

    def _new(self) -> str:
        return self._source.randbytes(LENGTH).translate(_OF_BYTES).decode()
