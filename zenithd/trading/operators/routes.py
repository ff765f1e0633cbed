"""The routes of the operators' REST, and what they answer (platform A.8).

204: done, or nothing was to be done. 404 and 422 bring an array of error codes, as 503 does while orders are
not taken: `Retry` says that nothing was done, `Submitted` that nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from zenithd.controllers.trading.desk import TradingDesk
from zenithd.oms.model import updates as u
from zenithd.oms.model.accounts import AccountDetails, AssetPosition, CashPosition
from zenithd.oms.model.directory import ExchangeDetails, FeedDetails, OwnerDetails, RequestStatusDetails
from zenithd.oms.model.entity import Entity
from zenithd.oms.model.orders import OrderState
from zenithd.oms.state import OmsState
from zenithd.plugin.http import HttpMethod, HttpParameter, HttpRoute
from zenithd.trading.operators import reading, reads
from zenithd.trading.operators.answering import Handle, Handlers, Past
from zenithd.trading.operators.forms import ENTRIES_MAX, form_of

BASE: Final = "/oms"
OPERATOR: Final = "OMS/Operator"
"""Scope of reading everything."""
ALTER: Final = "OMS/Alter"
"""Scope of changing anything."""

_AS_AT: Final = {
    "asAt": HttpParameter(
        type=str | None, description="As it was then: a date and time, ISO 8601; without, as it is now"
    )
}
_ACTIVE: Final = {
    "onlyActive": HttpParameter(type=bool, description="Leave out what is completed", default=False)
}
_ONLY: Final = {
    "only": HttpParameter(
        type=Literal["Always", "IfZero", "IfHeld"],
        description="IfZero: only if nothing is there; IfHeld: only if something is",
        default="Always",
    )
}
_IDS: Final = {"id": HttpParameter(type=list[str], description="`owner/account`, repeated", required=True)}
_BATCH: Final = {
    "id": HttpParameter(
        type=str | None, description="Of the batch: the same again does nothing; without, a new one is made"
    )
}


def account_routes(desk: TradingDesk, past: Past, new_id: Callable[[], str]) -> tuple[HttpRoute, ...]:
    """All routes.

    Args:
        desk: carries out commands and has the state.
        past: makes the state of an earlier time again.
        new_id: for batches that have none.
    """
    handlers = Handlers(desk, past, new_id)
    return (
        *_account_routes(handlers),
        *_position_routes(handlers),
        *_order_routes(handlers),
        *_directory_routes(handlers),
    )


def _account_routes(h: Handlers) -> tuple[HttpRoute, ...]:
    several, one = _list_of(AccountDetails), "/account/byid/{owner}/{account}"
    return (
        _read("/account", "List the accounts", several, h.read(lambda s, q: reads.accounts(s))),
        _change("POST", "/account", "Define an account", h.define(reading.define_account), AccountDetails),
        _read(
            "/account/byid/{owner}",
            "List an owner's accounts",
            several,
            h.read(lambda s, q: reads.accounts_of_owner(s, q.path)),
        ),
        _read(one, "Show an account", form_of(AccountDetails), h.read(lambda s, q: reads.account(s, q.path))),
        _change("DELETE", one, "Undefine an account; what it holds stays", h.undefine_account),
        _read(
            "/account/byids",
            "Show several accounts; unknown ones are left out",
            several,
            h.read(lambda s, q: reads.accounts_by_ids(s, q.query["id"])),
            query=_IDS,
        ),
        _route(
            "POST",
            "/account/byids",
            OPERATOR,
            "Show several accounts, named in the body",
            h.read(lambda s, q: reads.accounts_by_ids(s, q.body)),
            body=list[str],
            query=_AS_AT,
            content=several,
        ),
    )


def _position_routes(h: Handlers) -> tuple[HttpRoute, ...]:
    cash, assets = reading.CashTransferRequest, reading.AssetTransferRequest
    transfer_cash, transfer_assets = h.transact(reading.transfer_cash), h.transact(reading.transfer_assets)
    routes = [
        _change("POST", "/balance", "Move money", transfer_cash, cash, query=_ONLY),
        _change(
            "POST",
            "/balance/bulk",
            "Move money, one after the other until one is refused",
            transfer_cash,
            cash,
            query=_ONLY,
            many=True,
        ),
        _change(
            "POST",
            "/balance/settle",
            "Settle what is unsettled, one after the other until one is refused",
            h.settle,
            reading.CashSettlementRecord,
            query=_BATCH,
            many=True,
        ),
        _change("POST", "/holding", "Move assets", transfer_assets, assets, query=_ONLY),
        _change(
            "POST",
            "/holding/bulk",
            "Move assets, one after the other until one is refused",
            transfer_assets,
            assets,
            query=_ONLY,
            many=True,
        ),
    ]
    of_balances = h.read(lambda s, q: reads.balances(s, q.path))
    of_holdings = h.read(lambda s, q: reads.holdings(s, q.path))
    for path, of_whom in (
        ("", "of all accounts"),
        ("/for/{owner}", "of an owner's accounts"),
        ("/for/{owner}/{account}", "of an account"),
    ):
        balances, holdings = _list_of(CashPosition), _list_of(AssetPosition)
        routes.append(_read(f"/balance{path}", f"List the balances {of_whom}", balances, of_balances))
        routes.append(_read(f"/holding{path}", f"List the holdings {of_whom}", holdings, of_holdings))
    return tuple(routes)


def _order_routes(h: Handlers) -> tuple[HttpRoute, ...]:
    listed = h.read(lambda s, q: reads.orders(s, q.path, only_active=q.query["onlyActive"]))
    several = _list_of(OrderState)
    one = h.read(lambda s, q: reads.order(s, q.path))
    return (
        _read("/order", "List all orders", several, listed, query=_ACTIVE),
        _read("/order/for/{owner}", "List the orders of an owner", several, listed, query=_ACTIVE),
        _read(
            "/order/for/{owner}/{account}", "List the orders of an account", several, listed, query=_ACTIVE
        ),
        _read("/order/for/{owner}/{account}/{order}", "Show an order", form_of(OrderState), one),
        _read("/order/on/{exchange}", "List the orders on an exchange", several, listed, query=_ACTIVE),
    )


def _directory_routes(h: Handlers) -> Iterable[HttpRoute]:
    one = "/owner/byid/{owner}"
    yield from _listed(h, "/owner", one, "owner", OwnerDetails, lambda s: s.owners)
    yield _change("POST", "/owner", "Define an owner", h.define(reading.define_owner), OwnerDetails)
    yield _change(
        "DELETE",
        one,
        "Undefine an owner with its accounts; what they hold stays",
        h.undefine(lambda path: u.OwnerUndefined(owner_id=path["owner"])),
    )
    one = "/exchange/byid/{exchange}"
    yield from _listed(h, "/exchange", one, "exchange", ExchangeDetails, lambda s: s.exchanges)
    yield _change(
        "POST", "/exchange", "Define an exchange", h.define(reading.define_exchange), ExchangeDetails
    )
    yield _change(
        "DELETE",
        one,
        "Undefine an exchange; its adapter may be sent nothing any more",
        h.undefine(lambda path: u.ExchangeUndefined(exchange=path["exchange"])),
    )
    one = "/status/request/byid/{status}"
    path = "/status/request"
    yield from _listed(h, path, one, "status", RequestStatusDetails, lambda s: s.request_statuses)
    yield _change(
        "POST", path, "Define a request status", h.define(reading.define_status), RequestStatusDetails
    )
    yield _change(
        "DELETE",
        one,
        "Undefine a request status",
        h.undefine(lambda path: u.RequestStatusUndefined(code=path["status"])),
    )
    yield from _listed(h, "/feed", "/feed/byid/{feed}", "feed", FeedDetails, lambda s: s.feeds)


def _listed(
    h: Handlers,
    all_of: str,
    one: str,
    name: str,
    entity: type[Entity],
    things: Callable[[OmsState], Mapping[str, Entity]],
) -> Iterable[HttpRoute]:
    """The list of a kind of thing, and one of them."""
    kind = f"{all_of.rpartition('/')[2]}" if all_of != "/status/request" else "request status"
    content = _list_of(entity)
    listed = h.read(lambda s, q: [things(s)[key] for key in sorted(things(s))])
    shown = h.read(lambda s, q: reads.found(things(s), q.path[name], name.capitalize()))
    yield _read(all_of, f"List every {kind}", content, listed)
    yield _read(one, f"Show one {kind}", form_of(entity), shown)


def _list_of(entity: type[Entity]) -> Any:
    return Annotated[list[form_of(entity)], Meta(max_length=ENTRIES_MAX)]  # type: ignore[misc]


def _read(
    path: str,
    summary: str,
    content: Any,
    handle: Handle,
    query: Mapping[str, HttpParameter] | None = None,
) -> HttpRoute:
    return _route("GET", path, OPERATOR, summary, handle, query=_AS_AT | dict(query or {}), content=content)


def _change(
    method: HttpMethod,
    path: str,
    summary: str,
    handle: Handle,
    entity: type[Entity] | None = None,
    *,
    query: Mapping[str, HttpParameter] | None = None,
    many: bool = False,
) -> HttpRoute:
    body: Any = None
    if entity is not None:
        body = _list_of(entity) if many else form_of(entity)
    return _route(method, path, ALTER, summary, handle, body=body, query=query, status=204)


def _route(
    method: HttpMethod,
    path: str,
    scope: str,
    summary: str,
    handle: Handle,
    *,
    body: Any = None,
    query: Mapping[str, HttpParameter] | None = None,
    status: int = 200,
    content: Any = None,
) -> HttpRoute:
    refusals = {
        422: "Refused: error codes",
        503: "Orders are not taken now: Retry, or Submitted if it may be done",
    }
    if "{" in path:
        refusals[404] = "There is none: what of"
    return HttpRoute(
        method=method,
        path=BASE + path,
        scope=scope,
        summary=summary,
        handle=handle,
        body=body,
        query=query or {},
        status=status,
        content=content,
        refusals=refusals,
        refusal=list[str],
    )
