"""Makes the ASGI application of a set of routes (Litestar): types from the routes, rights before bodies."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
import structlog
import trio
from litestar import Litestar, Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter

from zenithd.authority.access import Access
from zenithd.plugin.http import HttpAnswer, HttpRequest, HttpRoute
from zenithd.rest.docs_page import DocsPage
from zenithd.server.head import Peer

Authorise = Callable[[str, Peer], Awaitable[Access | None]]
"""Checks the Authorization header of a peer; None: refused."""

JSON = "application/json"
DOCS_PATH = "/docs"
BODY_BYTES_MAX = 1 << 20
"""Of a request; a larger one is answered with 413."""
IDEMPOTENCY_KEY_LENGTH_MAX = 64
IdempotencyKey = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        max_length=IDEMPOTENCY_KEY_LENGTH_MAX,
        description="A name of your own for this request: sent again with the same one, it is not carried "
        "out a second time, also after a restart",
    ),
]
SECURITY: list[dict[str, list[str]]] = [{"basic": []}, {"bearer": []}]
CHALLENGE = 'Basic realm="zenithd", Bearer realm="zenithd"'

peer_of_request: ContextVar[Peer] = ContextVar("peer of the request")
"""Set by who serves the connection: what stands behind a trusted proxy is not the socket's peer."""

LOG: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)
_PARAMETER = re.compile(r"{(\w+)}")


class Problem(msgspec.Struct, omit_defaults=True):
    """What every refusal says."""

    error: str
    """The status, in words."""
    reason: str
    fields: list[dict[str, Any]] = []
    """Where in the request it was wrong, and what was expected."""


def application(
    routes: Sequence[HttpRoute], authorise: Authorise, version: str, seconds_max: Callable[[], float]
) -> Litestar:
    """The application that serves these routes.

    Args:
        routes: no two of the same method and path.
        authorise: checks who asks.
        version: of the daemon, for the documentation.
        seconds_max: how long a handler may take.
    """
    return Litestar(
        [_handler(route, authorise, seconds_max) for route in routes],
        openapi_config=OpenAPIConfig(
            title="zenithd",
            version=version,
            path=DOCS_PATH,
            render_plugins=[DocsPage(path="/"), JsonRenderPlugin(), YamlRenderPlugin()],
            components=Components(
                security_schemes={
                    "basic": SecurityScheme(type="http", scheme="basic"),
                    "bearer": SecurityScheme(type="http", scheme="bearer"),
                }
            ),
            security=SECURITY,
        ),
        exception_handlers={HTTPException: _problem, RecursionError: _too_deep, Exception: _bug},
        request_max_body_size=BODY_BYTES_MAX,
        logging_config=None,
        debug=False,
    )


def _handler(route: HttpRoute, authorise: Authorise, seconds_max: Callable[[], float]) -> HTTPRouteHandler:
    names = _PARAMETER.findall(route.path)

    async def handle(**given: Any) -> Response[Any]:
        request: Request[Any, Any, Any] = given["request"]
        body = None if route.body is None else _exactly(await request.body(), route.body)
        request.scope["decoded"] = True  # type: ignore[typeddict-unknown-key]
        answer = None
        with trio.move_on_after(seconds_max()):
            answer = await route.handle(
                HttpRequest(
                    user=request.scope["user"].user,
                    path={name: given[name] for name in names},
                    query={name: given[name] for name in route.query},
                    body=body,
                    headers=request.headers,
                    idempotency_key=given.get("idempotency_key", ""),
                )
            )
        if answer is None:
            raise HTTPException(status_code=503, detail=f"no answer within {seconds_max():g} s")
        return _response(answer)

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        header = connection.headers.get("authorization", "")
        access = await authorise(header, peer_of_request.get()) if header else None
        if access is None:
            raise NotAuthorizedException("log in with user and password, or with a token")
        if route.scope not in access.scopes:
            raise PermissionDeniedException(f"{access.user} lacks the scope {route.scope}")
        connection.scope["user"] = access

    _sign(handle, route, names)
    return HTTPRouteHandler(
        _PARAMETER.sub(r"{\1:str}", route.path),
        http_method=route.method,
        status_code=route.status,
        summary=route.summary,
        operation_id=f"{route.method} {route.path}",
        guards=[guard],
        media_type=JSON,
        responses={
            status: ResponseSpec(_told(route, status), description=when, generate_examples=False)
            for status, when in _refusals(route).items()
        },
    )(handle)


def _exactly(body: bytes, type_: Any) -> Any:
    """A body that passed Litestar's look at it, from its text again.

    Litestar makes binary fractions of all numbers and then is lax with types: money would be rounded, and 1
    be taken for true.
    """
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        told, _, place = str(error).partition(" - at `$")
        extra = [{"key": place.rstrip("`").lstrip("."), "message": told}]
        raise HTTPException(status_code=400, detail=str(error), extra=extra) from None


def _refusals(route: HttpRoute) -> dict[int, str]:
    common = {401: "Not logged in", 403: f"The user lacks the scope {route.scope}"}
    if route.body is not None or route.query or route.method != "GET":
        common[400] = "The request is malformed"
    return common | dict(route.refusals)


def _told(route: HttpRoute, status: int) -> Any:
    """What a refusal brings: the route's own, or the daemon's where both may refuse."""
    return Problem if route.refusal is None or status not in route.refusals else route.refusal | Problem


def _sign(handle: Callable[..., Any], route: HttpRoute, names: Sequence[str]) -> None:
    """Give a handler the signature from which types are checked and documented."""

    def parameter(name: str, type_: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=type_, default=default)

    parameters = [parameter("request", Request), *(parameter(name, FromPath[str]) for name in names)]
    for name, one in route.query.items():
        type_ = Annotated[one.type, QueryParameter(description=one.description)]  # type: ignore[name-defined]
        parameters.append(parameter(name, type_, inspect.Parameter.empty if one.required else one.default))
    if route.method != "GET":
        parameters.append(parameter("idempotency_key", IdempotencyKey, ""))
    if route.body is not None:
        parameters.append(parameter("data", JSONBody[route.body]))  # type: ignore[misc,name-defined]
    content = Response[route.content] if route.content is not None else Response[None]  # type: ignore[name-defined]
    handle.__signature__ = inspect.Signature(parameters, return_annotation=content)  # type: ignore[attr-defined]
    handle.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": content}


def _response(answer: HttpAnswer) -> Response[Any]:
    headers = {"Cache-Control": "no-store"}
    if answer.location is not None:
        headers["Location"] = answer.location
    content = b"" if answer.content is None else msgspec.json.encode(answer.content)
    return Response(content, status_code=answer.status, media_type=JSON, headers=headers)


def _problem(_: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """What was wrong with a request."""
    fields = [
        {"field": key, "expected": "a value: it is missing" if told == repr(key) else told}
        for one in error.extra or ()
        if isinstance(one, dict)
        for key, told in [(one.get("key", ""), one.get("message", ""))]
    ]
    problem = Problem(HTTPStatus(error.status_code).phrase, error.detail, fields)
    headers = {"Cache-Control": "no-store", **(error.headers or {})}
    if error.status_code == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = CHALLENGE
    return Response(
        msgspec.json.encode(problem), status_code=error.status_code, media_type=JSON, headers=headers
    )


async def unavailable(reason: str, send: Callable[[Any], Awaitable[None]]) -> None:
    """Answer a request (ASGI) that nobody can serve now; it may be sent again."""
    status = HTTPStatus.SERVICE_UNAVAILABLE
    body = msgspec.json.encode(Problem(status.phrase, reason))
    headers = {
        "content-type": JSON,
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "retry-after": "1",
        "connection": "close",  # the body was not read
    }
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status.value, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def _too_deep(request: Request[Any, Any, Any], error: RecursionError) -> Response[Any]:
    """A body is nested beyond reason; or, once it was decoded, a route failed."""
    if "decoded" in request.scope:
        return _bug(request, error)
    return _problem(request, HTTPException(status_code=400, detail="the body is nested too deeply"))


def _bug(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A route failed: its plugin's fault, which ends this request and nothing else."""
    LOG.error("route failed", method=request.method, path=request.url.path, exc_info=error)
    problem = Problem("Internal Server Error", "the route failed; the daemon's log has the cause")
    return Response(msgspec.json.encode(problem), status_code=500, media_type=JSON)
