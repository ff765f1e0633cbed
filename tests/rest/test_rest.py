"""REST as an operator's client sees it: over sockets, through hypercorn and Litestar."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated

import httpx2
import msgspec
import pytest
import trio
from msgspec import Meta

from zenithd.authority.access import Access
from zenithd.plugin.http import HttpAnswer, HttpParameter, HttpRequest, HttpRoute
from zenithd.rest import Offers, RestServer
from zenithd.rest.application import Authorise
from zenithd.server.head import Peer, read_head

OPERATOR = Access(user="operator", scopes=frozenset({"Prodigy/Exchange"}))
GUEST = Access(user="guest")
USERS = {"operator": OPERATOR, "guest": GUEST}


class Order(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    size: Annotated[int, Meta(ge=1)] = 1


class Done(msgspec.Struct):
    said: str


async def authorise(header: str, peer: Peer) -> Access | None:
    scheme, _, text = header.partition(" ")
    user, _, password = base64.b64decode(text).decode().partition(":")
    return USERS.get(user) if scheme == "Basic" and password == "right" else None


async def create(request: HttpRequest) -> HttpAnswer:
    assert isinstance(request.body, Order)
    said = f"{request.user} {request.path['market']} {request.body.name} {request.query['dry']}"
    return HttpAnswer(status=201, content=Done(said), location=f"/market/{request.path['market']}")


async def fail(_: HttpRequest) -> HttpAnswer:
    raise RuntimeError("a bug of the plugin")


async def sleep(_: HttpRequest) -> HttpAnswer:
    await trio.sleep_forever()
    raise AssertionError


ROUTES = (
    HttpRoute(
        method="POST",
        path="/market/{market}",
        scope="Prodigy/Exchange",
        summary="Make a market",
        handle=create,
        body=Order,
        query={"dry": HttpParameter(type=bool, description="Only say what would be done", default=False)},
        status=201,
        content=Done,
        refusals={409: "There is one already"},
        refusal=Order,
    ),
    HttpRoute(method="GET", path="/market/fail", scope="Prodigy/Exchange", summary="Fails", handle=fail),
    HttpRoute(method="GET", path="/market/sleep", scope="Prodigy/Exchange", summary="Sleeps", handle=sleep),
)


async def serve(server: RestServer, stream: trio.SocketStream) -> None:
    head = await read_head(stream, 65536)
    if head is not None:
        await server.serve(stream, stream.socket, head, Peer("127.0.0.1", secure=False))


@asynccontextmanager
async def served(
    routes: Sequence[HttpRoute] = ROUTES, authorise: Authorise = authorise
) -> AsyncIterator[tuple[httpx2.AsyncClient, Offers]]:
    offers = Offers(authorise, "1.2.3", lambda: 0.2)
    offers.offer("prodigy", routes)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(
            partial(trio.serve_tcp, partial(serve, RestServer(offers)), 0, host="127.0.0.1")
        )
        port = listeners[0].socket.getsockname()[1]
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", auth=("operator", "right"), timeout=10
        ) as client:
            yield client, offers
        nursery.cancel_scope.cancel()


async def test_a_request_reaches_its_route_with_everything_of_its_type() -> None:
    async with served() as (client, _):
        answer = await client.post("/market/XSX?dry=true", json={"name": "a"})
        assert (answer.status_code, answer.json()) == (201, {"said": "operator XSX a True"})
        assert answer.headers["location"] == "/market/XSX"
        again = await client.post("/market/XSY", json={"name": "b", "size": 2})  # on the same connection
        assert again.json() == {"said": "operator XSY b False"}


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        (b'{"name": 1}', "name", "Expected `str`, got `int`"),
        (b'{"name": "a", "size": 0}', "size", "Expected `int` >= 1"),
        (b'{"name": "a", "colour": 1}', None, "unknown field `colour`"),
        (b"{}", None, "missing required field `name`"),
        (b'{"name', None, "truncated"),
        (b"", None, "it is missing"),
        (b"[" * 100_000, None, "nested too deeply"),
    ],
)
async def test_a_wrong_body_is_told_with_its_field(body: bytes, field: str | None, expected: str) -> None:
    async with served() as (client, _):
        answer = await client.post("/market/XSX", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    told = answer.json()
    assert told["error"] == "Bad Request"
    assert expected in str(told)
    if field is not None:
        assert told["fields"][0]["field"] == field


async def test_rights_come_before_anything_else() -> None:
    async with served() as (client, _):
        nobody = await client.post(
            "/market/XSX", content=b"nonsense", auth=None, headers={"authorization": ""}
        )
        assert nobody.status_code == 401
        assert nobody.headers["www-authenticate"].startswith("Basic")
        wrong = await client.get("/market/fail", auth=("operator", "wrong"))
        assert wrong.status_code == 401
        guest = await client.get("/market/fail", auth=("guest", "right"))
        assert (guest.status_code, guest.json()["reason"]) == (403, "guest lacks the scope Prodigy/Exchange")


async def test_unknown_paths_and_methods() -> None:
    async with served() as (client, _):
        assert (await client.get("/market/XSX/nothing")).status_code == 404
        assert (await client.delete("/market/XSX")).status_code == 405


async def test_a_route_that_fails_or_hangs_ends_only_its_request(capfd: pytest.CaptureFixture[str]) -> None:
    async with served() as (client, _):
        assert (await client.get("/market/fail")).status_code == 500
        late = await client.get("/market/sleep")
        assert (late.status_code, late.json()["reason"]) == (503, "no answer within 0.2 s")
        assert (await client.post("/market/XSX", json={"name": "a"})).status_code == 201


async def test_a_body_that_is_too_large_is_refused() -> None:
    async with served() as (client, _):
        answer = await client.post("/market/XSX", json={"name": "x" * (2 << 20)})
    assert answer.status_code == 413


async def test_the_documentation_has_every_route_and_its_types() -> None:
    async with served() as (client, _):
        document = (await client.get("/docs/openapi.json", auth=None)).json()
        page = await client.get("/docs", auth=None)
    assert document["openapi"].startswith("3.1")
    operation = document["paths"]["/market/{market}"]["post"]
    assert {one["name"] for one in operation["parameters"]} == {"market", "dry", "Idempotency-Key"}
    assert set(operation["responses"]) == {"201", "400", "401", "403", "409"}
    assert document["components"]["schemas"]["Order"]["required"] == ["name"]

    def told(status: str) -> list[str]:
        schema = operation["responses"][status]["content"]["application/json"]["schema"]
        return sorted(one["$ref"].rpartition("/")[2] for one in schema.get("oneOf", [schema]))

    assert told("409") == ["Order", "Problem"]
    assert told("400") == ["Problem"]
    assert page.headers["content-type"].startswith("text/html")
    assert "Make a market" in page.text
    assert "http://" not in page.text.replace("http://127.0.0.1", "")


async def test_routes_go_with_their_plugin_and_belong_to_one() -> None:
    async with served() as (client, offers):
        assert offers.claims("/market/XSX")
        assert not offers.claims("/metrics")
        with pytest.raises(ValueError, match="is served by prodigy"):
            offers.offer("other", ROUTES[:1])
        with pytest.raises(ValueError, match="other already"):
            offers.offer(
                "other", [ROUTES[0].__class__(**{**msgspec.structs.asdict(ROUTES[0]), "path": "/x"})] * 2
            )
        offers.withdraw("prodigy")
        assert not offers.claims("/market/XSX")
        assert (await client.get("/market/XSX")).status_code == 404


async def test_what_a_plugin_promises_is_503_until_it_serves_it() -> None:
    async with served(()) as (client, offers):
        offers.withdraw("prodigy")
        offers.promise("prodigy", ("market", "venue"))
        assert offers.claims("/market/XSX")
        assert offers.missing() == {"prodigy": "/market, /venue"}
        with pytest.raises(ValueError, match="/market is served by prodigy"):
            offers.promise("other", ("market",))
        early = await client.post("/market/XSX", json={"name": "a"})
        assert (early.status_code, early.headers["retry-after"]) == (503, "1")
        assert early.json()["reason"].startswith("plugin prodigy does not serve this now")
        offers.offer("prodigy", ROUTES)
        assert offers.missing() == {}
        assert (await client.post("/market/XSX", json={"name": "a"})).status_code == 201
        offers.withdraw("prodigy")
        assert (await client.post("/market/XSX", json={"name": "a"})).status_code == 503
        assert (await client.get("/other")).status_code == 404


async def test_the_sender_s_own_name_of_a_request_reaches_the_route() -> None:
    seen: list[str] = []

    async def note(request: HttpRequest) -> HttpAnswer:
        seen.append(request.idempotency_key)
        return HttpAnswer(content="Done")

    route = HttpRoute(method="PUT", path="/x", scope="Prodigy/Exchange", summary="Notes", handle=note)
    async with served([route]) as (client, _):
        assert (await client.put("/x")).status_code == 200
        assert (await client.put("/x", headers={"Idempotency-Key": "k 1"})).status_code == 200
        long = await client.put("/x", headers={"Idempotency-Key": "k" * 65})
        document = (await client.get("/docs/openapi.json")).json()
    assert long.status_code == 400
    assert seen == ["", "k 1"]
    parameters = document["paths"]["/x"]["put"]["parameters"]
    assert [(one["name"], one["in"], one["required"]) for one in parameters] == [
        ("Idempotency-Key", "header", False)
    ]


async def test_a_socket_is_not_opened_where_rest_is() -> None:
    upgrade = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with served() as (client, _):
        answer = await client.get("/market/XSX", headers=upgrade)
    assert answer.status_code == 403
