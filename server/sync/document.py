"""What the OpenAPI document says of messages whose bytes this room reads and writes by itself."""

from dataclasses import dataclass
from typing import ClassVar, Final

from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Reference,
    RequestBody,
)

from sync_protocol.messages import (
    DigestRequest,
    DigestResponse,
    PullRequest,
    PullResponse,
    PushRequest,
    PushResponse,
)

MESSAGES: Final = (
    PushRequest,
    PushResponse,
    PullRequest,
    PullResponse,
    DigestRequest,
    DigestResponse,
)
"""The structs that the document needs as schemas, with all that they are made of."""
_COMPACT: Final = (
    " The same may be sent and is then answered as `application/msgpack`, either of them compressed"
    " with zstd; docs/sync-protocol.md says how."
)


@dataclass
class Exchange(Operation):
    """An operation that takes one message and answers another."""

    asked: ClassVar[type]
    answered: ClassVar[type]

    def __post_init__(self) -> None:
        """Name the two messages."""
        self.request_body = RequestBody(
            content=_json(self.asked), description=_sentence(self.asked) + _COMPACT, required=True
        )
        responses = dict(self.responses or {})
        responses["200"] = OpenAPIResponse(
            description=_sentence(self.answered), content=_json(self.answered)
        )
        self.responses = responses


class Push(Exchange):
    """Ops, and what became of them."""

    asked = PushRequest
    answered = PushResponse


class Pull(Exchange):
    """A cursor, and what is newer."""

    asked = PullRequest
    answered = PullResponse


class Compare(Exchange):
    """What a device holds, and how it differs."""

    asked = DigestRequest
    answered = DigestResponse


def _json(message: type) -> dict[str, OpenAPIMediaType]:
    """Refer to a message's schema."""
    reference = Reference(ref=f"#/components/schemas/{message.__name__}")
    return {"application/json": OpenAPIMediaType(schema=reference)}


def _sentence(message: type) -> str:
    """Give the first paragraph of what is said of a message."""
    return (message.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
