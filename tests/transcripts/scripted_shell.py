"""Plays a transcript: a conversation with a session in a readable file.

Lines of a transcript::

    # a comment
    @ event             something the daemon's side does next (table below)
    > {json}            the client sends a message
    >> text             the client sends this text as it is (JSON encoding only)
    < {json}            the daemon sends exactly this
    ! effect            the session wants this of its connection: check-login, query, cancel, subscribe,
                        revalidate, unsubscribe, close

What follows a `>` or `@` line up to the next one is all that it leads to, in order. The connection is played
by `Script`: a Subscribe is done at once, with the snapshot `"snapshot"`, unless the topic was told to be
refused, or `@ hold` says that opening takes time.

    @ plain | secure | remote       the transport: before the first message; default: plain, from loopback
    @ setting NAME VALUE            of SessionSettings, before the first message; a number
    @ rate PER_SECOND BURST         the request limit, before the first message
    @ header USER SCOPE…            a login in the handshake, before the first message
    @ time SECONDS                  the clock moves on, then tick
    @ accept USER SCOPE… [expires=SECONDS] [token=TEXT] [limit=SCOPE,…]   the login that is being checked
    @ reject                        the same
    @ late-login USER               a result for a login that is over
    @ answer TOPIC JSON             the oldest query of that topic is answered
    @ empty-answer TOPIC            … without Data
    @ fail TOPIC CODE[|CODE…] [JSON]   … with errors and perhaps Data; blanks in codes are written _
    @ refuse TOPIC CODE…            Subscribe and Revalidate of the topic are refused from now on
    @ permit TOPIC                  no longer
    @ hold                          Subscribe and Revalidate take time from now on
    @ opened TOPIC                  … done now
    @ refused TOPIC CODE            … refused now
    @ rights USER SCOPE…            the authority changes the rights
    @ rights-gone                   the user is gone
    @ end CONTROLLER TOPIC REASON   the daemon ends a subscription
    @ close CODE                    the daemon ends the connection
    @ again                         forget everything: a new connection
"""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from zenithd.authority.access import Access
from zenithd.sessions.rate import Rate
from zenithd.wire.answer import ABSENT, Answer, Refusal
from zenithd.wire.codec import Encoding, codecs
from zenithd.wire.commands import (
    Cancel,
    CheckLogin,
    Close,
    Command,
    Login,
    Query,
    Revalidate,
    Send,
    Subscribe,
    Unsubscribe,
)
from zenithd.wire.conformance import check_container
from zenithd.wire.errors import CloseCode
from zenithd.wire.session import Session
from zenithd.wire.settings import SessionSettings, Transport

CODECS = codecs()
SERVED = frozenset({"Zenith", "Market", "Fragments"})
WALL_CLOCK = 1_700_000_000
"""Seconds since the epoch when the monotonic clock shows 0."""


def code_of(word: str) -> str:
    return word.replace("_", " ")


class Script:
    """A connection that does what a transcript says, and writes down what happens."""

    def __init__(self, encoding: Encoding) -> None:
        self.codec = CODECS[encoding]
        self.settings: dict[str, Any] = {"served": SERVED}
        self.transport = Transport(secure=False, loopback=True)
        self.rate = Rate(1e6, 1e6)
        self.header: Login | None = None
        self.now = 0.0
        self.lines: list[str] = []
        self.holding = False
        self.refusals: dict[str, tuple[str, ...]] = {}
        self.opening: list[Subscribe | Revalidate] = []
        self.queries: list[Query] = []
        self.checks: list[int] = []
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        if self._session is None:
            settings = SessionSettings(**self.settings)
            self._session = Session(
                self.codec, settings, self.transport, self.rate.admit, self.header, self.now
            )
        return self._session

    def client_sends(self, container: dict[str, Any]) -> None:
        message = self.codec.encode(container)
        self.run(self.session.receive(message.decode() if self.codec.is_text else message, self.now))

    def client_sends_text(self, text: str) -> None:
        self.run(self.session.receive(text, self.now))

    def run(self, commands: list[Command]) -> None:
        """Execute commands as a connection does: what callbacks return goes behind."""
        queue = deque(commands)
        while queue or self.session.ready:
            if not queue:
                queue.extend(self.session.proceed(self.now))
                continue
            queue.extend(self.execute(queue.popleft()))

    def execute(self, command: Command) -> list[Command]:
        match command:
            case Send(container):
                self.sent(container)
            case Close(code, reason):
                assert len(reason.encode()) <= 123
                self.lines.append(f"! close {code}")
            case CheckLogin(ticket, request):
                self.checks.append(ticket)
                self.lines.append(f"! check-login {request.kind.value} {request.provider}")
            case Query(rule=rule, data=data):
                self.queries.append(command)
                self.lines.append(f"! query {rule.served_by} {rule.topic} {json.dumps(data)}")
            case Cancel():
                self.queries = [query for query in self.queries if query.ticket != command.ticket]
                self.lines.append("! cancel")
            case Unsubscribe(controller, topic):
                self.opening = [work for work in self.opening if work.topic != topic]
                self.lines.append(f"! unsubscribe {controller} {topic}")
            case Subscribe(rule=rule, topic=topic, held=held):
                self.lines.append(f"! subscribe {rule.controller} {topic}{' again' if held else ''}")
                return self.open(command)
            case Revalidate(rule=rule, topic=topic):
                self.lines.append(f"! revalidate {rule.controller} {topic}")
                return self.open(command)
        return []

    def sent(self, container: dict[str, Any]) -> None:
        encoded = self.codec.encode(container)
        again = self.codec.decode(encoded.decode() if self.codec.is_text else encoded)
        check_container(again)
        self.lines.append("< " + canonical(again))

    def open(self, work: Subscribe | Revalidate) -> list[Command]:
        if self.holding:
            self.opening.append(work)
            return []
        return self.opened(work, self.refusals.get(work.topic))

    def opened(self, work: Subscribe | Revalidate, reasons: tuple[str, ...] | None) -> list[Command]:
        if reasons is not None:
            return self.session.subscribed(work.ticket, Refusal(reasons), self.now)
        if isinstance(work, Subscribe):
            self.sent({"Controller": work.rule.controller, "Topic": work.topic, "Data": "snapshot"})
        return self.session.subscribed(work.ticket, None, self.now)

    # ---------------------------------------------------------------- events

    def happens(self, event: str) -> None:
        name, *words = event.split()
        getattr(self, "on_" + name.replace("-", "_"))(words)

    def on_plain(self, words: list[str]) -> None:
        self.transport = Transport(secure=False, loopback=True)

    def on_secure(self, words: list[str]) -> None:
        self.transport = Transport(secure=True, loopback=False)

    def on_remote(self, words: list[str]) -> None:
        self.transport = Transport(secure=False, loopback=False)

    def on_setting(self, words: list[str]) -> None:
        self.settings[words[0]] = float(words[1]) if "." in words[1] else int(words[1])

    def on_rate(self, words: list[str]) -> None:
        self.rate = Rate(float(words[0]), float(words[1]))

    def on_header(self, words: list[str]) -> None:
        self.header = self.login(words)

    def on_time(self, words: list[str]) -> None:
        self.now += float(words[0])
        self.run(self.session.tick(self.now))

    def login(self, words: list[str]) -> Login:
        options = dict(word.split("=") for word in words if "=" in word)
        user, *scopes = (word for word in words if "=" not in word)
        expires_in = float(options["expires"]) if "expires" in options else None
        return Login(
            access=Access(user=user, display_name=user.title(), scopes=frozenset(scopes)),
            access_token=options.get("token", ""),
            scopes=frozenset(options["limit"].split(",")) if "limit" in options else None,
            expires_in=expires_in,
            expires_at=None
            if expires_in is None
            else round((WALL_CLOCK + self.now + expires_in) * 1_000_000_000),
        )

    def on_accept(self, words: list[str]) -> None:
        self.run(self.session.login_finished(self.checks[-1], self.login(words), self.now))

    def on_reject(self, words: list[str]) -> None:
        self.run(self.session.login_finished(self.checks[-1], None, self.now))

    on_late_login = on_accept

    def query(self, topic: str) -> Query:
        found = next(query for query in self.queries if query.rule.topic == topic)
        self.queries.remove(found)
        return found

    def on_answer(self, words: list[str]) -> None:
        answer = Answer(json.loads(" ".join(words[1:])))
        self.run(self.session.query_finished(self.query(words[0]).ticket, answer, self.now))

    def on_empty_answer(self, words: list[str]) -> None:
        self.run(self.session.query_finished(self.query(words[0]).ticket, Answer(), self.now))

    def on_fail(self, words: list[str]) -> None:
        codes = tuple(code_of(code) for code in words[1].split("|"))
        data = json.loads(" ".join(words[2:])) if words[2:] else ABSENT
        answer = Answer(data, codes)
        self.run(self.session.query_finished(self.query(words[0]).ticket, answer, self.now))

    def on_refuse(self, words: list[str]) -> None:
        self.refusals[words[0]] = tuple(code_of(code) for code in words[1:])

    def on_permit(self, words: list[str]) -> None:
        del self.refusals[words[0]]

    def on_hold(self, words: list[str]) -> None:
        self.holding = True

    def finish(self, topic: str, reasons: tuple[str, ...] | None) -> None:
        work = next(work for work in self.opening if work.topic == topic)
        self.opening.remove(work)
        self.run(self.opened(work, reasons))

    def on_opened(self, words: list[str]) -> None:
        self.finish(words[0], None)

    def on_refused(self, words: list[str]) -> None:
        self.finish(words[0], tuple(code_of(code) for code in words[1:]))

    def on_rights(self, words: list[str]) -> None:
        self.run(self.session.access_changed(self.login(words).access, self.now))

    def on_rights_gone(self, words: list[str]) -> None:
        self.run(self.session.access_changed(None, self.now))

    def on_end(self, words: list[str]) -> None:
        reasons = tuple(code_of(reason) for reason in words[2:])
        self.run(self.session.end_subscription(words[0], words[1], reasons, self.now))

    def on_close(self, words: list[str]) -> None:
        self.run(self.session.close(CloseCode(int(words[0])), "closing"))


def canonical(container: dict[str, Any]) -> str:
    return json.dumps(container, sort_keys=True)


def play(text: str, encoding: Encoding) -> list[tuple[int, list[str], list[str]]]:
    """Play a transcript; return line number, expected and actual lines wherever they differ."""
    script = Script(encoding)
    differences: list[tuple[int, list[str], list[str]]] = []
    expected: list[str] = []
    started = 0
    for number, raw in enumerate([*text.splitlines(), "@ end-of-file"], 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("<"):
            expected.append("< " + canonical(json.loads(line[1:])))
            continue
        if line.startswith("!"):
            expected.append(line)
            continue
        if expected != script.lines:
            differences.append((started, expected, list(script.lines)))
        expected, script.lines, started = [], [], number
        if line == "@ end-of-file":
            break
        if line == "@ again":
            script = Script(encoding)
        elif line.startswith(">>"):
            script.client_sends_text(line[2:].strip())
        elif line.startswith(">"):
            script.client_sends(json.loads(line[1:]))
        else:
            assert line.startswith("@"), f"line {number}: what is this?"
            script.happens(line[1:].strip())
    return differences
