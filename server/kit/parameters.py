"""Parameters of addresses, with their bounds.

Litestar drops msgspec's bounds inside `FromQuery[...]`; those of `QueryParameter` hold.
"""

from typing import Annotated

from litestar.params import QueryParameter

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
