"""Bring the texts of a record into their normal form, for rooms whose fields ask for no more."""

from collections.abc import Collection, Mapping
from typing import Any

from server.kit.errors import Invalid
from server.kit.text import is_storable, tidy


class BadText(Invalid):
    """A text has a character that cannot be stored."""

    code = "bad_text"


def normal(
    given: Mapping[str, Any], *, paragraphs: Collection[str] = frozenset()
) -> dict[str, Any]:
    """Give each text as one clean line, or with its lines where it has some; an empty one is none.

    :param paragraphs: the fields whose lines are kept.
    :raises BadText: naming the field.
    """
    return {
        name: _normal(name, value, keeps_lines=name in paragraphs)
        if isinstance(value, str)
        else value
        for name, value in given.items()
    }


def _normal(name: str, text: str, *, keeps_lines: bool) -> str | None:
    if not is_storable(text):
        raise BadText("This text has a character that cannot be stored.", field=name)
    if not keeps_lines:
        return tidy(text) or None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip() or None
