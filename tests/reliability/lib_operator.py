"""An operator's client of Market Control that knows what must be there after everything it was answered.

Shares no code with zenithd. Each request has a name of its own (`Idempotency-Key`), so that one which was not
answered can be sent again.
"""

from __future__ import annotations

import base64
import json
import random
import threading
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Any

import msgspec

from tests.reliability.lib_mirror import Difference, Mirror

OWN_MARKET = "OPS"
SYMBOLS_MAX = 6
HALTED = ["XS01.XSX", "XS02.XSX", "XS01.XSY"]
"""Symbols of the demonstration that the operator halts and lets go on."""
ANSWER_SECONDS_MAX = 30.0
DONE = (200, 201)
DUPLICATE = "DuplicateCommand"
STATUSES = ["TradingHalt", "Suspend", "PreOpen", None]
REFUSALS = {"UnknownOrder", "Trade", "TradeCancelled", "NothingToChange"}
"""Codes that a command may be refused with by chance: the trade is too old, the book is empty."""


class Symbol(msgspec.Struct):
    """What a symbol of the operator's own market must be."""

    name: str
    status: str | None = None
    close: float | None = None


class Expected(msgspec.Struct):
    """What must be there: made of commands that were confirmed, or brought to an end after a restart."""

    market_status: str = "Closed"
    symbols: dict[str, Symbol] = {}
    statuses: dict[str, str | None] = {}
    """Own statuses of symbols of the demonstration."""
    trades: dict[tuple[str, int], dict[str, Any]] = {}
    """What operators changed of a trade: `Price` and `Quantity`, or `Flags`."""
    withdrawn: dict[str, set[str]] = {}
    """Ids of orders that stood in a book when it was emptied: never seen again."""


class Command(msgspec.Struct):
    """A request, and what it changes."""

    key: str
    method: str
    path: str
    body: Any
    effect: Callable[[Expected], None]
    shown: Callable[[Mirror], bool] = lambda _: False
    """Whether a subscriber has seen its effect."""


class Commands:
    """Draws commands."""

    def __init__(self, generator: random.Random, recent: list[tuple[str, dict[str, Any]]]) -> None:
        self._random = generator
        self._recent = recent
        """Trades that a subscriber has seen, the newest last."""
        self._number = 0

    def draw(self, expected: Expected, mirror: Mirror) -> Command:
        """A command that is possible now."""
        self._number += 1
        own = sorted(expected.symbols)
        kinds: list[Callable[[], Command]] = [self._halt_or_go_on] * 2
        kinds += [lambda: self._bulk_cancel(mirror), self._market_status]
        if len(own) < SYMBOLS_MAX:
            kinds += [self._list] * 3
        if own:
            code = self._random.choice(own)
            kinds += [lambda: self._own_status(code), lambda: self._reference(code)]
            kinds += [lambda: self._rename(code), lambda: self._unlist(code)]
        if self._recent:
            kinds += [lambda: self._cancel_trade(expected), self._correct_trade]
        return self._random.choice(kinds)()

    def _command(self, method: str, path: str, body: Any, effect: Callable[[Expected], None]) -> Command:
        return Command(f"operator {self._number}", method, path, body, effect)

    def _own(self, code: str) -> str:
        return f"/market/{OWN_MARKET}/symbol/{code}"

    def _list(self) -> Command:
        code, name = f"K{self._number}", f"Listed as number {self._number}"

        def effect(expected: Expected) -> None:
            expected.symbols[code] = Symbol(name)

        return self._command("POST", self._own(code), {"Data": {"Name": name}}, effect)

    def _unlist(self, code: str) -> Command:
        return self._command("DELETE", self._own(code), None, lambda expected: _forget(expected, code))

    def _rename(self, code: str) -> Command:
        new = f"R{self._number}"

        def effect(expected: Expected) -> None:
            expected.symbols[new] = expected.symbols.pop(code)

        return self._command("POST", f"{self._own(code)}/rename?newCode={new}", None, effect)

    def _own_status(self, code: str) -> Command:
        status = self._random.choice(STATUSES)

        def effect(expected: Expected) -> None:
            expected.symbols[code].status = status

        body = {} if status is None else {"Status": status}
        return self._command("POST", f"{self._own(code)}/action/Status", body, effect)

    def _reference(self, code: str) -> Command:
        price = self._random.randint(1, 10_000)

        def effect(expected: Expected) -> None:
            expected.symbols[code].close = float(price)

        body = {"Name": "Close", "Price": price}
        return self._command("POST", f"{self._own(code)}/action/Reference", body, effect)

    def _market_status(self) -> Command:
        status = self._random.choice(["Open", "PreOpen", "Closed", "PreClose"])

        def effect(expected: Expected) -> None:
            expected.market_status = status

        return self._command("POST", f"/market/{OWN_MARKET}/action/Status", {"Status": status}, effect)

    def _halt_or_go_on(self) -> Command:
        symbol = self._random.choice(HALTED)
        status = self._random.choice(["TradingHalt", None])

        def effect(expected: Expected) -> None:
            expected.statuses[symbol] = status

        body = {} if status is None else {"Status": status}
        return self._command("POST", f"{_path(symbol)}/action/Status", body, effect)

    def _bulk_cancel(self, mirror: Mirror) -> Command:
        symbol = self._random.choice(sorted(mirror.books))
        stood = set(mirror.books[symbol].orders)

        def effect(expected: Expected) -> None:
            expected.withdrawn.setdefault(symbol, set()).update(stood)

        return self._command("POST", f"{_path(symbol)}/action/BulkCancel", {"Reason": "Manual"}, effect)

    def _cancel_trade(self, before: Expected) -> Command:
        symbol, trade = self._random.choice(self._recent[-20:])
        again = "Flags" in before.trades.get((symbol, trade["ID"]), {})

        def effect(expected: Expected) -> None:
            expected.trades.setdefault((symbol, trade["ID"]), {})["Flags"] = "Cancel"

        def shown(mirror: Mirror) -> bool:
            return not again and mirror.changed_trades.get((symbol, trade["ID"]), {}).get("Flags") == "Cancel"

        path = f"{_path(symbol)}/action/CancelTrade"
        command = self._command("POST", path, {"TradeID": trade["ID"]}, effect)
        command.shown = shown
        return command

    def _correct_trade(self) -> Command:
        symbol, trade = self._random.choice(self._recent[-20:])
        quantity = self._number + 1_000_000

        def effect(expected: Expected) -> None:
            expected.trades.setdefault((symbol, trade["ID"]), {})["Quantity"] = quantity

        def shown(mirror: Mirror) -> bool:
            return mirror.changed_trades.get((symbol, trade["ID"]), {}).get("Quantity") == quantity

        path = f"{_path(symbol)}/action/CorrectTrade"
        command = self._command("POST", path, {"TradeID": trade["ID"], "Quantity": quantity}, effect)
        command.shown = shown
        return command


def _forget(expected: Expected, code: str) -> None:
    del expected.symbols[code]


def _path(symbol: str) -> str:
    code, _, market = symbol.rpartition(".")
    return f"/market/{market}/symbol/{code}"


class Operator:
    """Sends commands one after the other, and remembers what came of each."""

    def __init__(self, user: str, password: str) -> None:
        text = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._authorization = f"Basic {text}"
        self._connection: HTTPConnection | None = None
        self.expected = Expected()
        self.confirmed: list[Command] = []
        self.unanswered: Command | None = None
        self.refused = 0
        self.repeated = {"done before": 0, "done now": 0, "refused": 0}
        """What came of commands that had not been answered, when they were sent again."""

    def connect(self, address: str) -> None:
        """Speak to a daemon from here on."""
        if self._connection is not None:
            self._connection.close()
        self._connection = HTTPConnection(address, timeout=ANSWER_SECONDS_MAX)

    def ask(self, method: str, path: str, body: Any = None, key: str = "") -> tuple[int, Any]:
        """Status and content of an answer.

        Raises:
            OSError, HTTPException: there was none.
        """
        assert self._connection is not None
        headers = {"Authorization": self._authorization, "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())

    def work(self, commands: Commands, mirror: Mirror, ended: threading.Event) -> None:
        """Send commands until the daemon is gone or `ended` is set.

        Raises:
            Difference: a command was refused that must not be.
        """
        while not ended.is_set():
            command = commands.draw(self.expected, mirror)
            self.unanswered = command
            try:
                status, told = self.ask(command.method, command.path, command.body, command.key)
            except (OSError, HTTPException, json.JSONDecodeError):
                return
            if status == 503:
                return  # it stops: what came of the command is not known
            self.unanswered = None
            self._note(command, status, told)

    def _note(self, command: Command, status: int, told: Any) -> None:
        if status in DONE:
            command.effect(self.expected)
            self.confirmed.append(command)
        elif status == 422 and told["Code"] in REFUSALS:
            self.refused += 1
        else:
            raise Difference(f"{command.method} {command.path} {command.body}: {status} {told}")

    # After a restart

    def finish(self, mirror: Mirror) -> None:
        """Send again what was not answered.

        Args:
            mirror: what a subscriber had seen up to the kill.
        """
        command, self.unanswered = self.unanswered, None
        if command is None:
            return
        status, told = self.ask(command.method, command.path, command.body, command.key)
        if status == 422 and told["Code"] == DUPLICATE:
            self.repeated["done before"] += 1
            command.effect(self.expected)
            self.confirmed.append(command)
            return
        if command.shown(mirror):
            raise Difference(f"{command.path} {command.body} was shown, and is not kept: {status} {told}")
        self._note(command, status, told)
        self.repeated["done now" if status in DONE else "refused"] += 1

    def repeat(self, number: int, generator: random.Random) -> None:
        """Send confirmed commands again: none may be carried out a second time."""
        # A bulk cancel that found nothing is done as well, and leaves nothing by which it would be known.
        known = [each for each in self.confirmed if not each.path.endswith("/BulkCancel")]
        newest, older = known[-number:], known[:-number]
        for command in [*newest, *([generator.choice(older)] if older else [])]:
            status, told = self.ask(command.method, command.path, command.body, command.key)
            if status in DONE or (status == 422 and told["Code"] != DUPLICATE):
                raise Difference(f"{command.path} {command.body} came again: {status} {told}")

    def compare(self) -> int:
        """Compare what must be there with what is; returns the number of symbols.

        Raises:
            Difference: a confirmed effect is missing, or there is one that nobody asked for.
        """
        expected = self.expected
        _, market = self.ask("GET", f"/market/{OWN_MARKET}")
        found = (market["Data"]["Status"], sorted(market["Symbols"]))
        if found != (expected.market_status, sorted(expected.symbols)):
            raise Difference(
                f"{OWN_MARKET}: {found}, not {expected.market_status} {sorted(expected.symbols)}"
            )
        for code, symbol in expected.symbols.items():
            _, answer = self.ask("GET", f"/market/{OWN_MARKET}/symbol/{code}?withState=true")
            close = answer["State"]["References"].get("Close")
            there = Symbol(answer["Data"]["Name"], answer["Data"]["Status"], close and float(close))
            if there != symbol:
                raise Difference(f"{code}: {there}, not {symbol}")
        for code, status in expected.statuses.items():
            _, answer = self.ask("GET", _path(code))
            if answer["Data"]["Status"] != status:
                raise Difference(f"{code}: status {answer['Data']['Status']}, not {status}")
        return len(expected.symbols) + len(expected.statuses)
