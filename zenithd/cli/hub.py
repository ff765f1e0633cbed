"""The order management system as an operator's commands ask it: its REST below `/oms` (platform A.8)."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any, NoReturn

import httpx2
import msgspec

from zenithd.cli.common import OperatorFault
from zenithd.cli.control import Call, Exchange, Refused, path_of
from zenithd.cli.order_words import explain

BASE = "oms"


class Hub(Exchange):
    """Asks the order management system of a daemon."""

    absent = "no accounts; orders.enabled is false in its configuration"

    def _fail(self, answer: httpx2.Response, who: str) -> NoReturn:
        with contextlib.suppress(msgspec.DecodeError):
            codes = msgspec.json.decode(answer.content, type=list[str])
            raise Refused("\n".join(map(explain, codes)))
        super()._fail(answer, who)


def get(*parts: str, **query: str) -> Call:
    """A question."""
    return Call("GET", path_of(BASE, *parts), query=query)


def post(*parts: str, body: Any, **query: str) -> Call:
    """A request that changes something."""
    return Call("POST", path_of(BASE, *parts), body, query)


def account_parts(text: str) -> tuple[str, str]:
    """Owner and account of `OWNER:ACCOUNT`; raises OperatorFault for what is none."""
    owner, colon, account = text.partition(":")
    if not colon or not owner or not account:
        raise OperatorFault(f"{text} is no account; write it as OWNER:ACCOUNT, such as XS:0001")
    path_of(owner, account)
    return owner, account


def account_field(text: str) -> dict[str, str]:
    """An account in a body."""
    owner, account = account_parts(text)
    return {"OwnerID": owner, "AccountID": account}


def account_text(field: dict[str, str]) -> str:
    """An account of an answer, as people write it."""
    return f"{field.get('OwnerID', '')}:{field['AccountID']}"


def number_of(told: Any) -> Decimal:
    """A number of an answer: as JSON has it, or as its digits where that would not be exact."""
    if not isinstance(told, dict):
        return Decimal(str(told))
    digits = int.from_bytes(msgspec.convert(told.get("Value", ""), bytes), "little")
    return Decimal((int(told.get("IsNegative", False)), tuple(map(int, str(digits))), -told.get("Scale", 0)))
