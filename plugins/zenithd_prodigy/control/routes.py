"""The routes of Market Control: requests become commands, what came of them becomes a result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

import msgspec
import trio
from msgspec import UNSET, UnsetType

from zenithd.plugin import HttpAnswer, HttpParameter, HttpRequest, HttpRoute, JournalUnavailable
from zenithd_prodigy.control import bodies as b
from zenithd_prodigy.control.actions import Unscalable, action, result_of, scaled
from zenithd_prodigy.control.answers import entity_answers, market_answer, symbol_answer
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.keeper import Keeper, KeeperStopped
from zenithd_prodigy.model.definitions import Entity, MarketSettings, SymbolDefinition
from zenithd_prodigy.model.events import Event
from zenithd_prodigy.model.statuses import STATUS_TABLE
from zenithd_prodigy.timetable.plan import Timetable

EXCHANGE, SYMBOL, CONTROL = "Prodigy/Exchange", "Prodigy/Symbol", "Prodigy/Control"
_NOTHING_LEFT = frozenset({Reason.NOTHING_TO_CHANGE, Reason.DUPLICATE_COMMAND})
STATE = {"withState": HttpParameter(type=bool, description="With how it stands now", default=False)}
NEW_CODE = {"newCode": HttpParameter(type=str, description="The code from now on", required=True)}


class Markets(Protocol):
    """The markets that are controlled."""

    def find(self, code: str) -> Keeper | None:
        """The market of a code."""
        ...

    def codes(self) -> list[str]:
        """The codes of all markets."""
        ...

    async def create(self, design: str, command: c.CreateMarket) -> Refused | None:
        """Found a market, show it and have it at work; refused if its code is taken."""
        ...

    async def rename(self, keeper: Keeper, command: c.RenameMarket) -> list[Event] | Refused:
        """Give a market another code; refused if it is taken."""
        ...


def routes(markets: Markets) -> tuple[HttpRoute, ...]:
    """All routes."""
    control = _Control(markets)
    return (
        *_market_routes(control),
        *_symbol_routes(control),
        *_entity_routes(control),
    )


def _market_routes(control: _Control) -> tuple[HttpRoute, ...]:
    one = "/market/{market}"
    return (
        _route("GET", "/market", EXCHANGE, "List the markets", control.list_markets, content=list[str]),
        _route("GET", one, EXCHANGE, "Show a market", control.market, content=b.MarketAnswer, query=STATE),
        _route("POST", one, EXCHANGE, "Create a market", control.create, body=b.CreateMarketBody, status=201),
        _route("PUT", one, EXCHANGE, "Change a market", control.change, body=b.ChangeMarketBody, status=201),
        _route("DELETE", one, EXCHANGE, "Remove a market with all that it lists", control.remove),
        _route(
            "POST", one + "/rename", EXCHANGE, "Give a market another code", control.rename, query=NEW_CODE
        ),
        _route("POST", one + "/action/{action}", CONTROL, "Act on a market", control.act, body=b.ActionBody),
        _route("PUT", one + "/timetable", CONTROL, "Give it a timetable", control.timetable, body=Timetable),
        _route("DELETE", one + "/timetable", CONTROL, "Take its timetable away", control.no_timetable),
        _route(
            "PUT", one + "/holiday/{day}", CONTROL, "Set a day apart", control.holiday, body=b.HolidayBody
        ),
        _route("DELETE", one + "/holiday/{day}", CONTROL, "Make it a usual day", control.no_holiday),
    )


def _symbol_routes(control: _Control) -> tuple[HttpRoute, ...]:
    one = "/market/{market}/symbol/{symbol}"
    return (
        _route("GET", one, SYMBOL, "Show a symbol", control.symbol, content=b.SymbolAnswer, query=STATE),
        _route("POST", one, SYMBOL, "List a symbol", control.list_symbol, body=b.SymbolBody, status=201),
        _route(
            "PUT", one, SYMBOL, "Change a symbol", control.change_symbol, body=b.ChangeSymbolBody, status=201
        ),
        _route("DELETE", one, SYMBOL, "Take a symbol off the market", control.unlist),
        _route(
            "POST", one + "/rename", SYMBOL, "Give it another code", control.rename_symbol, query=NEW_CODE
        ),
        _route("POST", one + "/action/{action}", SYMBOL, "Act on a symbol", control.act, body=b.ActionBody),
    )


def _entity_routes(control: _Control) -> tuple[HttpRoute, ...]:
    all_of, one = "/market/{market}/entity", "/market/{market}/entity/{entity}"
    rename = "/market/{market}/rename/entity/{entity}"
    return (
        _route("GET", all_of, EXCHANGE, "List firms", control.entities, content=list[b.EntityAnswer]),
        _route("POST", one, EXCHANGE, "Add a firm", control.add_entity, body=b.EntityBody, status=201),
        _route("PUT", one, EXCHANGE, "Change a firm", control.change_entity, body=b.EntityBody, status=201),
        _route("DELETE", one, EXCHANGE, "Remove a firm without orders", control.remove_entity),
        _route("POST", rename, EXCHANGE, "Give a firm another code", control.rename_entity, query=NEW_CODE),
    )


def _route(
    method: Any,
    path: str,
    scope: str,
    summary: str,
    handle: Callable[[HttpRequest], Awaitable[HttpAnswer]],
    *,
    body: Any = None,
    query: Mapping[str, HttpParameter] | None = None,
    status: int = 200,
    content: Any = str,
) -> HttpRoute:
    refusals = {
        404: "No such market, symbol or firm",
        422: "Refused: the answer names the field or reason",
        503: "The market stopped or its journal failed meanwhile: whether it was done is not known",
    }
    if method == "POST":
        refusals[409] = "There is one with this code"
    return HttpRoute(
        method=method,
        path=path,
        scope=scope,
        summary=summary,
        handle=handle,
        body=body,
        query=query or {},
        status=status,
        content=content,
        refusals=refusals,
        refusal=Refusal,
    )


class Refusal(msgspec.Struct, frozen=True, rename="pascal"):
    """Why something was refused: the code is for programs, the text for people."""

    code: str
    reason: str


class _NotThere(Exception):
    """What the path names does not exist."""

    def __init__(self, reason: Reason, name: str) -> None:
        super().__init__(f"{reason.value}: {name[:40]}")
        self.reason = reason


def _told(outcome: Refused | object, done: str, status: int = 200, location: str | None = None) -> HttpAnswer:
    if isinstance(outcome, Refused):
        refused_status, code = result_of(outcome)
        return HttpAnswer(status=refused_status, content=Refusal(code, str(outcome)))
    return HttpAnswer(status=status, content=done, location=location)


def _wrong(code: str, reason: str, status: int = 422) -> HttpAnswer:
    return HttpAnswer(status=status, content=Refusal(code, reason))


Handle = Callable[[Any, HttpRequest], Awaitable[HttpAnswer]]


def _of_what_is_there(handle: Handle) -> Handle:
    """Answer 404 where the path names what does not exist, and 503 if the market stops."""

    async def answered(self: Any, request: HttpRequest) -> HttpAnswer:
        try:
            return await handle(self, request)
        except _NotThere as missing:
            return _told(Refused(missing.reason), "")
        except KeeperStopped:
            return _wrong("Fault", "the market stopped meanwhile: look what came of it, and try again", 503)
        except JournalUnavailable as error:
            return _wrong("Fault", f"{error}: look what came of it, and try again", 503)

    return answered


def _named(command: Any, request: HttpRequest, part: str = "") -> Any:
    """The command under the id by which it is recognised when its request comes again."""
    if not request.idempotency_key:
        return command
    command_id = f"{request.user}/{request.idempotency_key}{part}"
    return msgspec.structs.replace(command, command_id=command_id)


class _Control:
    """Handlers of the routes."""

    def __init__(self, markets: Markets) -> None:
        self._markets = markets
        self._rewriting = trio.Lock()
        """Held while a part of something is changed by writing it all: so no change undoes another."""

    def _keeper(self, request: HttpRequest) -> Keeper:
        keeper = self._markets.find(request.path["market"])
        if keeper is None:
            raise _NotThere(Reason.UNKNOWN_MARKET, request.path["market"])
        return keeper

    async def _do(
        self, request: HttpRequest, command: Any, done: str, status: int = 200, location: str | None = None
    ) -> HttpAnswer:
        named = _named(command, request)
        return _told(await self._keeper(request).execute(named), done, status, location)

    # Markets

    async def list_markets(self, _: HttpRequest) -> HttpAnswer:
        return HttpAnswer(content=self._markets.codes())

    @_of_what_is_there
    async def market(self, request: HttpRequest) -> HttpAnswer:
        model = self._keeper(request).market.model
        return HttpAnswer(content=market_answer(model, with_state=request.query["withState"]))

    @_of_what_is_there
    async def create(self, request: HttpRequest) -> HttpAnswer:
        body: b.CreateMarketBody = request.body
        code = request.path["market"]
        for field, name in (
            ("MarketType", body.market_type),
            ("EngineType", body.engine_type),
            ("TranslatorType", body.translator_type),
        ):
            if name != "Standard":
                return _wrong(field, f"there is no {name[:40]!r}, only Standard")
        command = c.CreateMarket(
            market=code,
            name=body.data.name,
            time_zone=body.config.time_zone,
            currency=body.data.currency,
            status=body.data.status,
            settings=body.config.settings,
        )
        outcome = await self._markets.create(body.market_type, _named(command, request))
        return _told(outcome, "Created", 201, f"/market/{code}")

    @_of_what_is_there
    async def change(self, request: HttpRequest) -> HttpAnswer:
        body: b.ChangeMarketBody = request.body
        code = request.path["market"]
        status = body.data.status
        if status is not UNSET and not STATUS_TABLE[status].on_market:
            return _told(Refused(Reason.STATUS_PLACE), "")  # before anything else is changed
        async with self._rewriting:
            changes = c.ChangeMarket(
                market=code,
                name=body.data.name,
                currency=body.data.currency,
                time_zone=body.config.time_zone,
                settings=_merged(
                    self._keeper(request).market.model.definition.settings, body.config.settings
                ),
            )
            outcome = await self._keeper(request).execute(_named(changes, request))
        # A duplicate may be one whose second half a crash has cut off.
        done = not isinstance(outcome, Refused) or outcome.reason in _NOTHING_LEFT
        if status is not UNSET and done:
            change = _named(c.SetStatus(market=code, status=status), request, "/Status")
            outcome = await self._keeper(request).execute(change)
        return _told(outcome, "Changed", 201, f"/market/{code}")

    @_of_what_is_there
    async def remove(self, request: HttpRequest) -> HttpAnswer:
        return await self._do(request, c.RemoveMarket(market=request.path["market"]), "Removed")

    @_of_what_is_there
    async def rename(self, request: HttpRequest) -> HttpAnswer:
        command = c.RenameMarket(market=request.path["market"], new_code=request.query["newCode"])
        outcome = await self._markets.rename(self._keeper(request), _named(command, request))
        return _told(outcome, "Renamed")

    @_of_what_is_there
    async def act(self, request: HttpRequest) -> HttpAnswer:
        keeper, code = self._keeper(request), request.path.get("symbol")
        symbol = None if code is None else keeper.market.model.symbols.get(code)
        if code is not None and symbol is None:
            raise _NotThere(Reason.UNKNOWN_SYMBOL, code)
        found = action(request.path["action"], symbol is not None)
        if found is None:
            return _wrong("Action", "there is no such action", 404)
        body: b.ActionBody = request.body
        given = {name for name in body.__struct_fields__ if getattr(body, name) is not None}
        if given - found.takes or found.needs - given:
            return _wrong("Parameters", _expected(found.takes, found.needs))
        try:
            command = found.make(body, request.path["market"], symbol)
        except Unscalable as wrong:
            return _wrong(str(wrong), "more decimals than the symbol has, or no number")
        outcome = await keeper.execute(_named(command, request))
        nothing = isinstance(outcome, Refused) and outcome.reason is found.nothing
        return _told([] if nothing else outcome, found.done)

    @_of_what_is_there
    async def timetable(self, request: HttpRequest) -> HttpAnswer:
        command = c.SetTimetable(market=request.path["market"], timetable=request.body)
        async with self._rewriting:
            return await self._do(request, command, "Changed")

    @_of_what_is_there
    async def no_timetable(self, request: HttpRequest) -> HttpAnswer:
        command = c.SetTimetable(market=request.path["market"], timetable=None)
        async with self._rewriting:
            return await self._do(request, command, "Removed")

    @_of_what_is_there
    async def holiday(self, request: HttpRequest) -> HttpAnswer:
        body: b.HolidayBody = request.body
        return await self._set_day(request, body)

    @_of_what_is_there
    async def no_holiday(self, request: HttpRequest) -> HttpAnswer:
        return await self._set_day(request, None)

    async def _set_day(self, request: HttpRequest, body: b.HolidayBody | None) -> HttpAnswer:
        async with self._rewriting:
            return await self._set_day_alone(request, body)

    async def _set_day_alone(self, request: HttpRequest, body: b.HolidayBody | None) -> HttpAnswer:
        timetable = self._keeper(request).market.model.timetable
        if timetable is None:
            return _wrong("Timetable", "the market has no timetable")
        try:
            day = date.fromisoformat(request.path["day"])
            changed = _with_day(timetable, day, body)
        except ValueError as error:
            return _wrong("Day", str(error))
        command = c.SetTimetable(market=request.path["market"], timetable=changed)
        return await self._do(request, command, "Changed")

    # Symbols

    @_of_what_is_there
    async def symbol(self, request: HttpRequest) -> HttpAnswer:
        model, code = self._keeper(request).market.model, request.path["symbol"]
        symbol = model.symbols.get(code)
        if symbol is None:
            raise _NotThere(Reason.UNKNOWN_SYMBOL, code)
        return HttpAnswer(content=symbol_answer(model, symbol, with_state=request.query["withState"]))

    @_of_what_is_there
    async def list_symbol(self, request: HttpRequest) -> HttpAnswer:
        data: b.SymbolData = request.body.data
        market, code = request.path["market"], request.path["symbol"]
        try:
            lot_size = scaled("LotSize", data.lot_size, data.quantity_scale)
        except Unscalable as wrong:
            return _wrong(str(wrong), "more decimals than QuantityScale says")
        definition = SymbolDefinition(
            code=code,
            name=data.name,
            currency=data.currency,
            cfi=data.class_,
            price_scale=data.price_scale,
            quantity_scale=data.quantity_scale,
            tick_table=data.tick_table,
            lot_size=lot_size,
            attributes=data.attributes,
            alternates=data.alternates,
        )
        command = c.ListSymbol(market=market, definition=definition, status=data.status)
        return await self._do(request, command, "Created", 201, f"/market/{market}/symbol/{code}")

    @_of_what_is_there
    async def change_symbol(self, request: HttpRequest) -> HttpAnswer:
        data: b.ChangedSymbolData = request.body.data
        market, code = request.path["market"], request.path["symbol"]
        symbol = self._keeper(request).market.model.symbols.get(code)
        if symbol is None:
            raise _NotThere(Reason.UNKNOWN_SYMBOL, code)
        lot_size: Any = data.lot_size
        if isinstance(lot_size, Decimal):
            try:
                lot_size = scaled("LotSize", lot_size, symbol.definition.quantity_scale)
            except Unscalable as wrong:
                return _wrong(str(wrong), "more decimals than the symbol's quantities have")
        command = c.ChangeSymbol(
            market=market,
            symbol=code,
            name=data.name,
            currency=data.currency,
            cfi=data.class_,
            tick_table=data.tick_table,
            lot_size=lot_size,
            attributes=data.attributes,
            alternates=data.alternates,
        )
        outcome = await self._keeper(request).execute(_named(command, request))
        nothing = isinstance(outcome, Refused) and outcome.reason in _NOTHING_LEFT
        if data.status is not UNSET and (nothing or not isinstance(outcome, Refused)):
            status = c.SetStatus(market=market, symbol=code, status=data.status)
            outcome = await self._keeper(request).execute(_named(status, request, "/Status"))
        return _told(outcome, "Changed", 201, f"/market/{market}/symbol/{code}")

    @_of_what_is_there
    async def unlist(self, request: HttpRequest) -> HttpAnswer:
        command = c.UnlistSymbol(market=request.path["market"], symbol=request.path["symbol"])
        return await self._do(request, command, "Removed")

    @_of_what_is_there
    async def rename_symbol(self, request: HttpRequest) -> HttpAnswer:
        market, code, new_code = request.path["market"], request.path["symbol"], request.query["newCode"]
        return await self._do(
            request, c.RenameSymbol(market=market, symbol=code, new_code=new_code), "Renamed"
        )

    # Executing firms

    @_of_what_is_there
    async def entities(self, request: HttpRequest) -> HttpAnswer:
        return HttpAnswer(content=entity_answers(self._keeper(request).market.model))

    @_of_what_is_there
    async def add_entity(self, request: HttpRequest) -> HttpAnswer:
        return await self._do(request, _entity(request, replaces=False), "Created", 201)

    @_of_what_is_there
    async def change_entity(self, request: HttpRequest) -> HttpAnswer:
        return await self._do(request, _entity(request, replaces=True), "Changed", 201)

    @_of_what_is_there
    async def remove_entity(self, request: HttpRequest) -> HttpAnswer:
        command = c.RemoveEntity(market=request.path["market"], code=request.path["entity"])
        return await self._do(request, command, "Removed")

    @_of_what_is_there
    async def rename_entity(self, request: HttpRequest) -> HttpAnswer:
        market, code, new_code = request.path["market"], request.path["entity"], request.query["newCode"]
        return await self._do(request, c.RenameEntity(market=market, code=code, new_code=new_code), "Renamed")


def _entity(request: HttpRequest, *, replaces: bool) -> c.AddEntity:
    body: b.EntityBody = request.body
    entity = Entity(request.path["entity"], body.type_, body.name, body.can_trade)
    return c.AddEntity(market=request.path["market"], definition=entity, replaces=replaces)


def _merged(settings: MarketSettings, changed: b.ChangedSettings | UnsetType) -> MarketSettings | UnsetType:
    if changed is UNSET:
        return UNSET
    given = {name: value for name, value in msgspec.structs.asdict(changed).items() if value is not UNSET}
    return msgspec.structs.replace(settings, **given)


def _with_day(timetable: Timetable, day: date, body: b.HolidayBody | None) -> Timetable:
    """The timetable with a day set apart, or usual again. Raises ValueError if there is no such plan."""
    holidays = {each: name for each, name in timetable.holidays.items() if each != day}
    special = {each: plan for each, plan in timetable.special_days.items() if each != day}
    if body is not None and body.plan is not None:
        special[day] = body.plan
    elif body is not None:
        holidays[day] = body.name
    return msgspec.structs.replace(timetable, holidays=holidays, special_days=special)


def _expected(takes: frozenset[str], needs: frozenset[str]) -> str:
    names = {field.name: field.encode_name for field in msgspec.structs.fields(b.ActionBody)}
    needed = ", ".join(sorted(names[name] for name in needs)) or "nothing"
    allowed = ", ".join(sorted(names[name] for name in takes - needs))
    return f"this action needs {needed}" + (f" and may have {allowed}" if allowed else "")
