"""The Fragments controller (spec zenith-websocket 3.7, legacy): no source of fragments exists so far."""

from __future__ import annotations

from typing import Any

from zenithd.authority.access import Access
from zenithd.controllers.directory import MarketDirectory
from zenithd.controllers.interface import Answer, Opened, Refusal
from zenithd.controllers.lookup import Lookup, refuse
from zenithd.domain.market_data import DataKind
from zenithd.wire import errors
from zenithd.wire.requests import CustomFragmentsRequest, FragmentsRequest, InvalidRequest, decode


class FragmentsController:
    """Checks requests and answers with the fragments there are: none."""

    name = "Fragments"

    def __init__(self, directory: MarketDirectory) -> None:
        self._lookup = Lookup(directory)

    def open(self, topic: str, argument: str | None, access: Access) -> Opened | Refusal:
        """Refuse: the controller has no subscriptions."""
        return Refusal((errors.OPERATION_UNKNOWN,))

    def query(self, topic: str, data: Any, access: Access) -> Answer:
        """Answer a request."""
        try:
            if topic == "QueryFragments":
                return self._query_fragments(data, access)
            if topic == "QueryCustomFragments":
                request = decode(data, CustomFragmentsRequest)
                return Answer({}, refuse(errors.SOURCE_NOT_FOUND, request.source).errors)
        except InvalidRequest as invalid:
            return Answer(errors=invalid.codes)
        return Answer(errors=(errors.OPERATION_UNKNOWN,))

    def _query_fragments(self, data: Any, access: Access) -> Answer:
        """Answer with an object that has a property per fragment that the symbol has."""
        request = decode(data, FragmentsRequest)
        found = self._lookup.symbol(request.code, request.market, access, DataKind.ALL)
        if isinstance(found, Refusal):
            return Answer(errors=found.errors)
        return Answer({})
