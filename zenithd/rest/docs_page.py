"""The documentation as one page of HTML that needs nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import msgspec
from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; }
code, pre { font: 13px/1.4 ui-monospace, monospace; }
h2 { border-top: 1px solid #ccc; padding-top: 1em; font-size: 1.1em; }
td { padding: 0 1em 0 0; vertical-align: top; }
pre { background: #f4f4f4; overflow: auto; padding: .7em; }
.method { color: #06c; font-weight: bold; }
"""


class DocsPage(OpenAPIRenderPlugin):
    """Shows every operation with its parameters, body and answers."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The page."""
        title = escape(openapi_schema["info"]["title"])
        version = escape(openapi_schema["info"]["version"])
        body = "".join(_operations(openapi_schema))
        types = "".join(_types(openapi_schema.get("components", {}).get("schemas", {})))
        return (
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
            f"<h1>{title} {version}</h1><p>As OpenAPI 3.1: <a href=/docs/openapi.json>/docs/openapi.json</a>."
            f" Log in with HTTP Basic or a bearer token.</p>{body}<h2>Types</h2>{types}</html>"
        ).encode()


def _operations(schema: dict[str, Any]) -> Iterator[str]:
    for path, item in schema["paths"].items():
        for method in ("get", "post", "put", "delete"):
            if method in item:
                yield _operation(method.upper(), path, item[method])


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = [(one["name"], one["in"], one.get("description", "")) for one in operation.get("parameters") or ()]
    content = operation.get("requestBody", {}).get("content", {})
    rows += [("body", escape(kind), _name(one["schema"])) for kind, one in content.items()]
    rows += [
        (status, "answer", answer.get("description", ""))
        for status, answer in sorted(operation["responses"].items())
    ]
    table = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{escape(kind)}<td>{escape(text)}"
        for name, kind, text in rows
    )
    summary = escape(operation.get("summary") or "")
    return (
        f"<h2><span class=method>{method}</span> <code>{escape(path)}</code></h2><p>{summary}"
        f"<table>{table}</table>"
    )


def _types(schemas: dict[str, Any]) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        text = msgspec.json.format(msgspec.json.encode(schema)).decode()
        yield f"<h3><code>{escape(name)}</code></h3><pre>{escape(text)}</pre>"


def _name(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2] or str(schema.get("type", ""))
