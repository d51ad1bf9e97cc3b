"""Refusals: what the product says no to, as classes without any HTTP.

A room subclasses one of these next to its rule and gives it a stable `code`; `server.problems`
alone knows the status that each kind travels with.
"""

from typing import Any, ClassVar


class Refusal(Exception):
    """A request that the product declines, with a stable code and a sentence that says what to do.

    :param detail: a sentence for a person; holds no customer data.
    :param field: the path of the field at fault (``"contacts[2].phone"``), if there is one.
    :param extra: further members of the problem document; JSON-ready values.
    """

    code: ClassVar[str] = "refused"

    def __init__(self, detail: str, *, field: str | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.extra = extra


class Invalid(Refusal):
    """The content is not acceptable; the field says which part."""

    code = "invalid"


class Malformed(Refusal):
    """The bytes cannot be read as what they claim to be."""

    code = "malformed"


class NotFound(Refusal):
    """There is no such thing, or it belongs to somebody else: the answer is the same."""

    code = "not_found"

    def __init__(
        self,
        detail: str = "There is nothing here with this id.",
        *,
        field: str | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail, field=field, **extra)


class Conflict(Refusal):
    """The request does not fit the present state."""

    code = "conflict"


class IdReused(Conflict):
    """The same id came again with other content."""

    code = "id_reused"


class Forbidden(Refusal):
    """The actor's role does not allow this."""

    code = "forbidden"


class Unauthenticated(Refusal):
    """Nobody is signed in, or the proof is no longer good."""

    code = "unauthenticated"


class TooManyRequests(Refusal):
    """A limit of tries or of rate is reached; `retry_after_s` says when to come again."""

    code = "too_many_requests"


class UnsupportedMediaType(Refusal):
    """The body is of a type that is not read here."""

    code = "unsupported_media_type"


class TooLarge(Refusal):
    """The body or file is larger than the limit."""

    code = "too_large"


class Unavailable(Refusal):
    """Not now: the outcome is unknown or the service is draining; repeat with the same id."""

    code = "unavailable"
