"""Parameters of addresses, with their bounds.

Litestar drops msgspec's bounds inside `FromQuery[...]`; those of `QueryParameter` hold.
"""

from datetime import UTC, datetime
from typing import Annotated

from litestar.params import QueryParameter

from server.kit.errors import Invalid
from server.kit.pages import PAGE_SIZE_MAX
from server.kit.text import PRINTABLE

Words = Annotated[str | None, QueryParameter(max_length=100, pattern=PRINTABLE)]
"""A few words to search or narrow by."""

PageCursor = Annotated[str | None, QueryParameter(max_length=2000, pattern=PRINTABLE)]
"""Where the last page ended."""

PageLimit = Annotated[int, QueryParameter(ge=1, le=PAGE_SIZE_MAX)]
"""How many items of a list at once."""

Base = Annotated[int | None, QueryParameter(ge=0, le=2**53 - 1)]
"""The sequence at which a record was seen."""

Moment = Annotated[datetime | None, QueryParameter(description="A time with its zone, RFC 3339.")]
"""A time; its handler gives it through `in_utc`, for Litestar cannot ask for a zone."""


def in_utc(given: datetime | None, field: str) -> datetime | None:
    """Give the time of a parameter in UTC.

    :raises Invalid: it has no zone, or UTC has no such time.
    """
    if given is None:
        return None
    if given.tzinfo is None:
        raise Invalid("Write the time with its zone, as in 2026-01-31T08:00:00Z.", field=field)
    try:
        return given.astimezone(UTC)
    except OverflowError as error:
        raise Invalid("This time is outside of the calendar.", field=field) from error
