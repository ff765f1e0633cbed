"""What answers the requests of operators: commands to the desk, and what its state holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from zenithd.controllers.trading.desk import DeskClosed, TradingDesk
from zenithd.oms.commands import Command, Define, Only, Refused
from zenithd.oms.model import updates as u
from zenithd.oms.state import OmsState
from zenithd.plugin.http import HttpAnswer, HttpRequest
from zenithd.trading.operators import reading, reads
from zenithd.trading.operators.forms import BadField, tell
from zenithd.wire.dates import InvalidDate, parse_date_time

COMPACT_HEADER: Final = "x-oms-compact"
ONLIES: Final = {"Always": Only.ALWAYS, "IfZero": Only.IF_ZERO, "IfHeld": Only.IF_HELD}
"""What the query may say of on what transfers depend."""

Past = Callable[[int], Awaitable[OmsState]]
"""The state as it was at a time, in nanoseconds since the Unix epoch."""
Handle = Callable[[HttpRequest], Awaitable[HttpAnswer]]


class Handlers:
    """Makes what answers requests."""

    def __init__(self, desk: TradingDesk, past: Past, new_id: Callable[[], str]) -> None:
        self._desk = desk
        self._past = past
        self._new_id = new_id

    def read(self, select: Callable[[OmsState, HttpRequest], Any]) -> Handle:
        """Answer with what is selected of the state, as far as it is kept."""

        async def answer(request: HttpRequest) -> HttpAnswer:
            def found_in(state: OmsState) -> HttpAnswer:
                try:
                    content = select(state, request)
                except reads.NotThere as missing:
                    return _refusal(404, missing.code)
                compact = request.headers.get(COMPACT_HEADER) == "true"
                return HttpAnswer(content=tell(content, compact=compact))

            as_at = request.query.get("asAt")
            try:
                if as_at is not None:
                    return found_in(await self._past(parse_date_time(as_at)))
                return await self._desk.read(None, lambda: found_in(self._desk.state))
            except InvalidDate:
                return _refusal(422, "asAt")
            except DeskClosed as closed:
                return _refusal(503, closed.code)

        return answer

    def define(self, make: Callable[[Any], Define]) -> Handle:
        """Define what the body says."""

        async def answer(request: HttpRequest) -> HttpAnswer:
            try:
                command = make(request.body)
            except BadField as wrong:
                return _refusal(422, wrong.code)
            return await self._carry_out([command])

        return answer

    def undefine(self, make: Callable[[Mapping[str, str]], Any]) -> Handle:
        """Undefine what the path names; what is not there needs nothing."""

        async def answer(request: HttpRequest) -> HttpAnswer:
            return await self._carry_out([Define(make(request.path))])

        return answer

    async def undefine_account(self, request: HttpRequest) -> HttpAnswer:
        """Undefine an account that is there."""
        account = reads.account_of(request.path)
        if account not in self._desk.state.accounts:
            return _refusal(404, "Account")
        return await self._carry_out([Define(u.AccountUndefined(account=account))])

    def transact(self, make: Callable[[Any, str, Only], Command]) -> Handle:
        """Carry out the transfer, or the transfers, of the body."""

        async def answer(request: HttpRequest) -> HttpAnswer:
            only = ONLIES[request.query["only"]]
            several = isinstance(request.body, list)
            try:
                commands = [
                    make(form, request.user, only) for form in (request.body if several else [request.body])
                ]
            except BadField as wrong:
                return _refusal(422, wrong.code)
            return await self._carry_out(commands, several=several)

        return answer

    async def settle(self, request: HttpRequest) -> HttpAnswer:
        """Settle a batch."""
        batch = request.query["id"] or self._new_id()
        try:
            commands = list(reading.settle(request.body, request.user, batch))
        except BadField as wrong:
            return _refusal(422, wrong.code)
        return await self._carry_out(commands, several=True)

    async def _carry_out(self, commands: Iterable[Command], *, several: bool = False) -> HttpAnswer:
        """Each command after the other, until one is refused; of several, the codes say which."""
        for place, command in enumerate(commands):
            try:
                outcome = await self._desk.execute(command)
            except DeskClosed as closed:
                return _refusal(503, _placed(closed.code, place, several))
            if isinstance(outcome, Refused):
                return _refusal(422, *(_placed(_code(each), place, several) for each in outcome.errors))
        return HttpAnswer(status=204)


def _refusal(status: int, *codes: str) -> HttpAnswer:
    return HttpAnswer(status=status, content=list(codes))


def _code(error: str) -> str:
    """A code with what may follow it after a blank (zenith-websocket 4.E)."""
    return error.replace(": ", " ", 1)


def _placed(code: str, place: int, several: bool) -> str:
    return f"{code} [{place}]" if several else code
