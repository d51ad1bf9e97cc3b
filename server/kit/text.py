"""Text that may be stored: no NUL, no lone surrogates, bounded, trimmed where a person typed it."""

import re
from typing import Annotated

import msgspec

from server.kit.errors import Invalid
from sync_protocol import texts

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
LINE_MAX = 200
"""Characters of a line, where its field says nothing else."""
PRINTABLE = r"\A[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*\Z"

Str = Annotated[str, msgspec.Meta(max_length=LINE_MAX, pattern=PRINTABLE)]
"""A line of text: up to 200 characters, no control characters but tab and newline."""

LongStr = Annotated[str, msgspec.Meta(max_length=4000, pattern=PRINTABLE)]
"""A paragraph: up to 4,000 characters."""

Int = Annotated[int, msgspec.Meta(ge=-(2**53) + 1, le=2**53 - 1)]
"""A whole number that JSON readers of every language and a BIGINT can hold."""


class TextTooLong(Invalid):
    """A text is longer than its field takes, once it is in the form in which it is stored."""

    code = "text_too_long"


def is_storable(text: str) -> bool:
    """Say whether PostgreSQL, JSON and a spreadsheet can hold the text."""
    return _FORBIDDEN.search(text) is None


clean = texts.folded
"""Bring what is compared, such as a name that nothing else may have, into its one form."""

tidy = texts.tidy
"""Bring what people read into the form that is stored: their own signs stay."""


def cleaned(text: str, field: str, longest: int = LINE_MAX) -> str:
    """Give what is compared as it is stored, which may be longer: one sign becomes up to 18.

    :param field: its place in the request.
    :raises TextTooLong: it is longer than the field takes.
    """
    return _bounded(clean(text), field, longest)


def tidied(text: str, field: str, longest: int = LINE_MAX) -> str:
    """Give what people read as it is stored, with the signs of Chinese writing as they are typed.

    :param field: its place in the request.
    :raises TextTooLong: it is longer than the field takes.
    """
    return _bounded(tidy(text), field, longest)


def _bounded(stored: str, field: str, longest: int) -> str:
    """Refuse a text that is longer than its field takes."""
    if len(stored) > longest:
        raise TextTooLong(
            f"Keep to {longest} characters; some signs count as several.", field=field
        )
    return stored
