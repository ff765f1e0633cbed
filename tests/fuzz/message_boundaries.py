"""Messages above the encodings: containers, topics, logins."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from tests.controllers.market_support import EVERYTHING, LIMITED, World
from tests.fuzz import draw as d
from tests.fuzz.boundary import Boundary
from tests.fuzz.codec_boundaries import CODECS, FIELDS, container
from tests.fuzz.draw import Draw
from zenithd.controllers.interface import Opened
from zenithd.wire import errors
from zenithd.wire.answer import Refusal
from zenithd.wire.codec import MalformedMessage
from zenithd.wire.commands import LoginKind
from zenithd.wire.container import Action, parse
from zenithd.wire.identity import (
    NAME_LENGTH_MAX,
    TOKEN_LENGTH_MAX,
    InvalidLogin,
    decode_access_token,
    encode_access_token,
    parse_login,
)
from zenithd.wire.scopes import SCOPES
from zenithd.wire.settings import SessionSettings
from zenithd.wire.timeouts import Timeouts
from zenithd.wire.topics import TOPIC_LENGTH_MAX, TOPICS, Kind, Rule

CODES = frozenset(value for name, value in vars(errors).items() if name.isupper() and isinstance(value, str))
"""Every code that the protocol documents."""
CODE_LENGTH_MAX = errors.SUFFIX_LENGTH_MAX + 40


def check_codes(codes: Sequence[str]) -> None:
    """Errors are codes of the protocol, bounded in length; a suffix follows one blank and is not empty."""
    for code in codes:
        base, blank, suffix = code.partition(" ")
        assert base in CODES, code
        assert bool(blank) is bool(suffix), repr(code)
        assert len(code) <= CODE_LENGTH_MAX, code


# --- containers -------------------------------------------------------------------------------------------


class ContainerBoundary(Boundary):
    """`parse`: a message if every field has its type, else malformed."""

    name = "container"
    reaches = frozenset({"malformed", *(f"action {action.name}" for action in Action)})

    def make(self, draw: Draw) -> dict[str, Any]:
        made = container(draw)
        if draw.random() < 0.7:
            made["Action"] = draw.choice(ACTIONS)
        for _ in range(draw.choice((0, 0, 0, 1, 2))):
            made = d.damage_value(draw, made)
            if not isinstance(made, dict):
                made = {draw.choice(FIELDS): made}
        return made

    def check(self, given: dict[str, Any]) -> str:
        is_right = (
            isinstance(given.get("Controller"), str | None)
            and isinstance(given.get("Topic"), str | None)
            and isinstance(given.get("Action"), str | None)
            and (type(given.get("TransactionID")) in (int, float, type(None)))
            and isinstance(given.get("Confirm"), bool | None)
        )
        try:
            message = parse(given)
        except MalformedMessage:
            assert not is_right
            return "malformed"
        assert is_right
        controller, topic, action = (given.get(name) for name in ("Controller", "Topic", "Action"))
        assert message.controller == ("Zenith" if controller is None else controller)
        assert message.topic == (topic or "")
        assert message.transaction is given.get("TransactionID")
        assert message.confirm is bool(given.get("Confirm"))
        assert message.data is given.get("Data")
        known = {one.value: one for one in Action}
        assert message.action is (Action.PUBLISH if action is None else known.get(action, Action.UNKNOWN))
        return f"action {message.action.name}"


ACTIONS = ("Publish", "Sub", "Unsub", "Cancel", "Error", "", "sub", "SUB", "Sub ", "Unknown", "PUBLISH", None)


# --- topics -----------------------------------------------------------------------------------------------

ARGUMENTS = (
    "XS01.XSX", "XS02.XSX", "XS.03.XSX", "FUND.XSX", "LEVELS.XSX", "XS01.XSY", "XS01.XSX+XSY", "XS01.XSX:[]",
    "XS01.XSX[Delayed]", "XS01.NONE", "XS01.A!XSX", "Market.XSX", "ManagedFund.XSX", "Market.XSX+XSY", ".XSX",
    "XS01.", "XS01", ".", "XS01.XSX#Default", "XS01.XSX+XSY#Default", "XS01.XSX+XSX", "XS01.XSY+XSX", "a!b!c",
)  # fmt: skip
CONTROLLERS = sorted(TOPICS.controllers)


def topic(draw: Draw) -> str:
    """A topic with or without argument, right or wrong."""
    name = draw.choice(TOPIC_NAMES)
    if draw.random() < 0.7:
        name += "!" + argument(draw)
    return d.damage_text(draw, name, ARGUMENTS) if draw.random() < 0.15 else name


def argument(draw: Draw) -> str:
    """What may stand behind the `!`."""
    argument = draw.choice(ARGUMENTS)
    return argument if draw.random() < 0.6 else d.damage_text(draw, argument, ARGUMENTS)


TOPIC_NAMES = sorted({rule.topic for rule in TOPICS})
EVERY_RULE = list(TOPICS)
RULES = {(rule.controller, rule.topic, rule.kind.value): [rule] for rule in TOPICS}
SUBSCRIPTIONS = [rule for rule in TOPICS if rule.kind is Kind.SUBSCRIPTION and rule.controller == "Market"]


class TopicBoundary(Boundary):
    """`find`, and what the Market controller makes of the argument of a subscription."""

    name = "topic"
    reaches = frozenset({"unknown", "known", "opened", "refused"})

    def __init__(self) -> None:
        self._world = World()

    def make(self, draw: Draw) -> tuple[str, str, str, bool]:
        rule = draw.choice(SUBSCRIPTIONS if draw.random() < 0.8 else EVERY_RULE)
        controller, kind, name = rule.controller, rule.kind, rule.topic
        if rule.has_argument or draw.random() < 0.1:
            name += "!" + (argument(draw) if draw.random() < 0.9 else d.text(draw))
        match draw.randrange(30):
            case 0:
                controller = d.text(draw, CONTROLLERS)
            case 1:
                kind = draw.choice(list(Kind))
            case 2:
                name = d.damage_text(draw, name, ARGUMENTS)
            case 3:
                name = topic(draw)
        return controller, name, kind.value, draw.random() < 0.1

    def check(self, given: tuple[str, str, str, bool]) -> str:
        controller, topic, kind, is_limited = given
        found = TOPICS.find(controller, topic, Kind(kind))
        name, mark, argument = topic.partition("!")
        rules = RULES.get((controller, name, kind), [])
        fits = [one for one in rules if one.has_argument in (None, bool(mark))]
        if not fits or len(topic) > TOPIC_LENGTH_MAX:
            assert found is None
            return "unknown"
        assert found == (fits[0], argument if mark else None)
        if controller != "Market" or kind == Kind.QUERY.value:
            return "known"
        return self._open(fits[0], found[1], is_limited)

    def _open(self, rule: Rule, argument: str | None, is_limited: bool) -> str:
        controller, access = self._world.controller, LIMITED if is_limited else EVERYTHING
        opened = controller.open(rule.topic, argument, access)
        if isinstance(opened, Refusal):
            assert opened.errors
            check_codes(opened.errors)
            return "refused"
        assert isinstance(opened, Opened)
        for data in opened.snapshot(opened.entitlement):
            for codec in CODECS.values():
                codec.encode({"Data": data})
        name, mark, canonical = opened.topic.partition("!")
        again = controller.open(name, canonical if mark else None, access)
        assert isinstance(again, Opened), "the canonical name cannot be opened"
        assert (again.topic, again.entitlement) == (opened.topic, opened.entitlement)
        return "opened"


# --- logins -----------------------------------------------------------------------------------------------

LOGIN_WORDS = (
    *d.TEXTS, "Bearer", "BasicAuth", "dG9rZW4=", "dG9rZW4", "d G9rZW4=", "/////w==", "=", "====", "x" * 1024,
    "x" * 1025, "x" * 65536, "x" * 65537, "Zenith/Trading", "Paritech.Zenith.Market",
)  # fmt: skip
LOGIN_FIELDS = (
    "Provider", "AccessToken", "ClientID", "ClientSecret", "UserName", "Password", "AuthGrant", "Scope",
    "ActionTimeout", "SubscriptionTimeout",
)  # fmt: skip


class LoginBoundary(Boundary):
    """`parse_login`, `decode_access_token` and `Configure`."""

    name = "login"
    reaches = frozenset(
        {*(f"{kind.value} {outcome}" for kind in LoginKind for outcome in ("taken", "refused")), "configured"}
    )

    def make(self, draw: Draw) -> tuple[str, Any]:
        data: Any = {}
        for field in LOGIN_FIELDS:
            if draw.random() < 0.75:
                data[field] = d.text(draw, LOGIN_WORDS)
        if draw.random() < 0.5:
            data["Scope"] = [d.text(draw, LOGIN_WORDS) for _ in range(draw.choice((0, 1, 2, 100, 101)))]
        else:
            data.pop("Scope", None)
        for field in LOGIN_FIELDS[-2:]:
            data[field] = draw.choice(
                ("00:00:30", "7.00:00:00", "7.00:00:01", "0:0", d.text(draw, LOGIN_WORDS))
            )
        for _ in range(draw.choice((0, 0, 0, 0, 1, 2))):
            data = d.damage_value(draw, data)
        return draw.choice([kind.value for kind in LoginKind]), data

    def check(self, given: tuple[str, Any]) -> str:
        name, data = given
        configured = self._configure(data)
        for text in data.values() if isinstance(data, dict) else ():
            if isinstance(text, str):
                assert isinstance(decode_access_token(text), str)
                assert decode_access_token(encode_access_token(text)) == text
        try:
            request = parse_login(LoginKind(name), data)
        except InvalidLogin:
            return "configured" if configured else f"{name} refused"
        for text in (request.provider, request.client_id, request.user_name or "", request.password or ""):
            assert len(text) <= NAME_LENGTH_MAX
        for text in (request.access_token, request.client_secret, request.grant):
            assert len(text) <= TOKEN_LENGTH_MAX
        assert request.scopes is None or request.scopes <= SCOPES
        shown = f"{request.provider}{request.user_name}"
        for secret in (request.access_token, request.client_secret, request.grant, request.password or ""):
            assert len(secret) < 20 or secret in shown or secret not in repr(request)
        return f"{name} taken"

    @staticmethod
    def _configure(data: Any) -> bool:
        settings = SessionSettings(served=frozenset())
        timeouts = Timeouts(settings)
        answer = timeouts.configure("Market", data)
        check_codes(answer.errors)
        for seconds in (timeouts.action("Market"), timeouts.subscription("Market")):
            assert isfinite(seconds)
            assert 0 < seconds <= settings.timeout_seconds_max
        described = timeouts.describe("Market").data
        assert not Timeouts(settings).configure("Market", described).errors
        return not answer.errors


BOUNDARIES: list[type[Boundary]] = [ContainerBoundary, TopicBoundary, LoginBoundary]
