"""The OpenAPI document: what Litestar knows, and the problem documents that routes answer."""

import gc
from typing import Any, Final

import msgspec
from litestar import Request, Router
from litestar._openapi.plugin import OpenAPIPlugin
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from server.kit import memory
from server.problems import MEDIA_TYPE, Problem
from server.sync.document import MESSAGES

PATH: Final = "/v1/openapi.json"

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


class ProblemDocuments(JsonRenderPlugin):
    """Renders the document, with the refusals that Litestar does not know of."""

    def __init__(self) -> None:
        super().__init__(path=["/", "/openapi.json"])
        self._rendered: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Render once; later requests get the same bytes, and what they were made of is let go.

        It is 13 MiB in each process that has rendered it.
        """
        if self._rendered is None:
            document_problems(openapi_schema)
            mend_tuples(openapi_schema)
            self._rendered = self.render_json(request, openapi_schema)
            # Litestar keeps this very dictionary, and makes another where it finds it empty.
            openapi_schema.clear()
            openapi_schema["openapi"] = "rendered"
            request.app.plugins.get(OpenAPIPlugin)._openapi = None  # noqa: SLF001 - there is no other way to let it go
            gc.collect()
            memory.trim()
        return self._rendered


def config(version: str) -> OpenAPIConfig:
    """Describe the API: its version, its bearer tokens, its place."""
    return OpenAPIConfig(
        title="Tonglu",
        version=version,
        description=(
            "A CRM for channel agents whose reps work offline. Refusals are problem documents "
            "(RFC 9457) with a stable `code`; docs/errors.md explains each."
        ),
        use_handler_docstrings=True,
        render_plugins=[ProblemDocuments()],
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
        openapi_router=Router(
            PATH, route_handlers=[], include_in_schema=False, opt={"exclude_from_auth": True}
        ),
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
