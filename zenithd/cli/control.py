"""What `zenithd market`, `symbol` and `account` share: who asks whom, and what an answer means."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, NoReturn
from urllib.parse import quote

import httpx2
import msgspec
import typer

from zenithd.cli.common import OperatorFault, print_json, print_table
from zenithd.config import Config

EXIT_REFUSED = 1
"""Exit code where the exchange understood and refused."""

ANSWER_SECONDS_MAX = 30.0


class Call(msgspec.Struct, frozen=True):
    """A request to the exchange."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    """Below the daemon's address, with its parts quoted."""
    body: Any = None
    query: Mapping[str, str] = {}


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks; a token wins over user and password."""

    user: str
    password: str = ""
    token: str = ""


class Refusal(msgspec.Struct, frozen=True, rename="pascal"):
    """How the exchange refuses."""

    code: str
    reason: str


class Problem(msgspec.Struct, frozen=True):
    """How the daemon answers what never reached the exchange."""

    error: str
    reason: str
    fields: list[dict[str, Any]] = []


class Refused(Exception):
    """The exchange understood and refused; the text is its reason."""


class NoAnswer(OperatorFault):
    """Nobody answers; what was asked for may have been done all the same."""


class Exchange:
    """Asks the exchange of a daemon.

    Args:
        url: `http://HOST:PORT`.
        login: finds out who asks; called when there is something to ask.
        verify: whether the TLS certificate must be good.
    """

    absent = "no exchange; it is starting, or its plugin is disabled"
    """What a daemon serves that knows none of the paths."""

    def __init__(self, url: str, login: Callable[[], Login], verify: bool) -> None:
        self.url = url
        self._find_login = login
        self._client = httpx2.Client(timeout=ANSWER_SECONDS_MAX, verify=verify, trust_env=False)

    def __enter__(self) -> Exchange:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @cached_property
    def _login(self) -> Login:
        login = self._find_login()
        if login.token:
            self._client.headers["Authorization"] = f"Bearer {login.token}"
        else:
            self._client.auth = httpx2.BasicAuth(login.user, login.password)
        return login

    def ask(self, call: Call) -> Any:
        """Send a request; returns what its answer holds.

        Raises:
            Refused: by the exchange.
            OperatorFault: nobody answers (NoAnswer), who asks may not, or the request is malformed.
        """
        login = self._login
        content = None if call.body is None else msgspec.json.encode(call.body)
        headers = {} if content is None else {"Content-Type": "application/json"}
        try:
            answer = self._client.request(
                call.method, self.url + call.path, content=content, headers=headers, params=call.query
            )
        except httpx2.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise NoAnswer(
                f"no daemon answers at {self.url}: {reason}; start it, or name another with --url"
            ) from None
        if not answer.is_success:
            self._fail(answer, "this token" if login.token else login.user)
        return self._decoded(answer.content, Any) if answer.content else None

    def _fail(self, answer: httpx2.Response, who: str) -> NoReturn:
        with contextlib.suppress(msgspec.DecodeError):
            refusal = msgspec.json.decode(answer.content, type=Refusal)
            raise Refused(f"{refusal.reason} [{refusal.code}]")
        if answer.status_code == httpx2.codes.UNAUTHORIZED:
            raise OperatorFault(
                f"{self.url} does not let {who} in;"
                " check --user and --password (ZENITHD_USER, ZENITHD_PASSWORD) or --token"
            )
        problem = self._decoded(answer.content, Problem)
        if answer.status_code == httpx2.codes.NOT_FOUND:
            raise OperatorFault(f"{self.url} serves {self.absent}")
        fields = "".join(f"; {one.get('field')}: {one.get('expected')}" for one in problem.fields)
        raise OperatorFault(f"{self.url} answers {problem.error}: {problem.reason}{fields}")

    def _decoded(self, content: bytes, type_: Any) -> Any:
        try:
            return msgspec.json.decode(content, type=type_)
        except msgspec.DecodeError:
            raise OperatorFault(
                f"{self.url} does not answer as a zenithd with an exchange does; enable its plugin, or name"
                " another daemon with --url"
            ) from None


class Desk:
    """What a verb works with: the exchange, and how the operator wants to be told.

    Args:
        exchange: what is asked.
        json: whether answers are printed as JSON.
        dry_run: whether requests that change something are only printed.
    """

    def __init__(self, exchange: Exchange, *, json: bool, dry_run: bool = False) -> None:
        self.exchange = exchange
        self.json = json
        self.dry_run = dry_run

    def read(self, call: Call) -> Any:
        """What the exchange answers to a question."""
        return self.exchange.ask(call)

    def change(self, subject: str, call: Call) -> None:
        """Send a request that changes something and say what came of it; or print it, in a dry run."""
        if self.dry_run:
            self.print_request(call)
            return
        result = self.exchange.ask(call)
        if self.json:
            print_json({"result": result})
        else:
            typer.echo(f"{subject}: {str(result).lower()}")

    def print_request(self, call: Call) -> None:
        """Print a request as it would be sent."""
        query = "&".join(f"{quote(key)}={quote(value)}" for key, value in call.query.items())
        url = f"{self.exchange.url}{call.path}{'?' if query else ''}{query}"
        body = msgspec.to_builtins(call.body)
        if self.json:
            print_json({"method": call.method, "url": url, "body": body})
            return
        typer.echo(f"{call.method} {url}")
        if body is not None:
            print_json(body)

    def show(self, content: Any, columns: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
        """Print what was read: as JSON, or as a table."""
        if self.json:
            print_json(content)
        else:
            print_table(columns, rows, empty)


@contextlib.contextmanager
def refusals_told() -> Iterator[None]:
    """A refusal is one line on standard error and an exit code of its own."""
    try:
        yield
    except Refused as refused:
        print(refused, file=sys.stderr)
        raise typer.Exit(EXIT_REFUSED) from None


def login_of(config: Config | None, user: str, password: str, token: str) -> Login:
    """Who asks: as given; else with the password in clear in the daemon's configuration; else as typed in.

    Args:
        config: of the daemon of this folder; None for a daemon elsewhere, which gets no password unasked.

    Raises:
        OperatorFault: the password is not known and there is no terminal to ask for it.
    """
    if token or password:
        return Login(user=user, password=password, token=token)
    configured = None if config is None else config.users.get(user)
    if configured is not None and configured.password:
        return Login(user=user, password=configured.password)
    if not sys.stdin.isatty():
        raise OperatorFault(f"give the password of {user} with --password or in ZENITHD_PASSWORD")
    return Login(user=user, password=str(typer.prompt(f"Password of {user}", hide_input=True, err=True)))


def path_of(*parts: str) -> str:
    """A path of quoted parts.

    Raises:
        OperatorFault: one of them cannot be part of a path.
    """
    for part in parts:
        if part in ("", ".", "..") or "/" in part:
            raise OperatorFault(f"{part!r} is no code or name; write letters, digits, - and _")
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def without_gaps(**fields: Any) -> dict[str, Any]:
    """A body: what was not given is left out."""
    return {name: value for name, value in fields.items() if value is not None}


def pairs_of(option: str, texts: Sequence[str] | None) -> dict[str, str] | None:
    """What KEY=VALUE options say; None if there are none.

    Raises:
        OperatorFault: one has no key or no equals sign.
    """
    if not texts:
        return None
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise OperatorFault(f"{option} {text}: expected KEY=VALUE")
        pairs[key.strip()] = value.strip()
    return pairs


def cell(value: Any) -> str:
    """A value in a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
