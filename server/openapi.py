"""The OpenAPI document: what Litestar knows, and the problem documents that routes answer."""

import asyncio
import threading
from typing import Any, Final

import msgspec
from litestar import Litestar, Request, Response, get
from litestar._openapi.plugin import OpenAPIPlugin
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from server.kit import version
from server.kit.apart import made_apart
from server.problems import MEDIA_TYPE, Problem
from server.sync.document import MESSAGES

PATH: Final = "/v1/openapi.json"

_MAKING: Final = threading.Lock()

_EVERYWHERE: Final = {
    "400": "The request cannot be read.",
    "401": "Nobody is signed in, or the proof is no longer good.",
    "403": "Your role does not allow this.",
    "404": "There is nothing here with this id.",
    "413": "The body is larger than the limit.",
    "422": "The content is not acceptable; `errors` names the fields.",
    "429": "Too many requests; `Retry-After` says when to come again.",
    "500": "Something failed on our side.",
    "503": "Not now: nothing was kept, or nobody knows; send the same request again.",
}
_CHANGING: Final = {
    "409": "The request does not fit the present state.",
    "415": "The body is of a type that is not read here.",
}


@get(PATH, include_in_schema=False, opt={"exclude_from_auth": True})
async def show(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Give the document; each process has it made once."""
    content = await asyncio.to_thread(_document, request.app)
    return Response(content, media_type="application/vnd.oai.openapi+json")


def _document(app: Litestar) -> bytes:
    """Give the document's bytes; the first who asks has them made, and others wait for it.

    Apart: what it is made of takes 20 MiB, much of which no process gets rid of afterwards.
    """
    with _MAKING:
        if "document" not in app.state:
            app.state.document = made_apart(lambda: rendered(app))
        content: bytes = app.state.document
        return content


def rendered(app: Litestar) -> bytes:
    """Write the document of all routes of an application."""
    plugin = app.plugins.get(OpenAPIPlugin)
    plugin._openapi_config = config(version.installed())  # noqa: SLF001 - given at the start, it adds pages of its own
    document = plugin.provide_openapi_schema()
    document_problems(document)
    mend_tuples(document)
    return msgspec.json.encode(document)


def config(version: str) -> OpenAPIConfig:
    """Describe the API: its version, its bearer tokens."""
    return OpenAPIConfig(
        title="Tonglu",
        version=version,
        description=(
            "A CRM for channel agents whose reps work offline. Refusals are problem documents "
            "(RFC 9457) with a stable `code`; docs/errors.md explains each."
        ),
        use_handler_docstrings=True,
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    bearer_format="JWT",
                    description="An access token of /v1/auth.",
                )
            }
        ),
        security=[{"bearer": []}],
    )


def document_problems(document: dict[str, Any]) -> None:
    """Write problem documents into every operation, and sync's messages among the schemas."""
    (problem, *_), schemas = msgspec.json.schema_components(
        [Problem, *MESSAGES], ref_template="#/components/schemas/{name}"
    )
    document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)
    for item in document.get("paths", {}).values():
        for method, operation in item.items():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            expected = dict(_EVERYWHERE)
            expected |= {} if method == "get" else _CHANGING
            for status, description in expected.items():
                operation["responses"][status] = {
                    "description": description,
                    "content": {MEDIA_TYPE: {"schema": problem}},
                }


def mend_tuples(node: Any) -> None:
    """Say of ``tuple[X, ...]`` that its items are X; Litestar takes the dots for a second type."""
    if isinstance(node, dict):
        match node.get("items"):
            case {"oneOf": [wanted, {**rest}]} if not rest:
                node["items"] = wanted
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            mend_tuples(inner)
