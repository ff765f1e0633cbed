"""Identifiers of orders and requests: 22 alphanumeric characters (zenith-websocket 3.5.6)."""

from __future__ import annotations

import string
from random import Random
from typing import Final

LENGTH: Final = 22
_ALPHABET: Final = string.digits + string.ascii_letters
_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)


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
        return "".join(self._source.choices(_PAIRS, k=LENGTH // 2))
