"""Names that people give. Pure."""

from collections.abc import Callable

from server.kit.errors import Invalid
from server.kit.text import LINE_MAX, cleaned


def named(
    text: str,
    field: str = "name",
    longest: int = LINE_MAX,
    *,
    kept: Callable[[str, str, int], str] = cleaned,
) -> str:
    """Give a name as it is kept.

    :param kept: how; a name that nothing else may have is kept as it is compared.
    :raises Invalid: nothing is left of it.
    :raises TextTooLong: it is longer than the field takes.
    """
    name = kept(text, field, longest)
    if not name:
        raise Invalid("Give a name.", field=field)
    return name
