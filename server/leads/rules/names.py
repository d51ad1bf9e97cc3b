"""Names that people give. Pure."""

from server.kit.errors import Invalid
from server.kit.text import LINE_MAX, cleaned


def named(text: str, field: str = "name", longest: int = LINE_MAX) -> str:
    """Give a name as it is kept.

    :raises Invalid: nothing is left of it.
    :raises TextTooLong: it is longer than the field takes.
    """
    name = cleaned(text, field, longest)
    if not name:
        raise Invalid("Give a name.", field=field)
    return name
