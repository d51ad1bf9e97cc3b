"""Names that people give. Pure."""

from server.kit.errors import Invalid
from server.kit.text import clean


def named(text: str, field: str = "name") -> str:
    """Give a name as it is kept.

    :raises Invalid: nothing is left of it.
    """
    name = clean(text)
    if not name:
        raise Invalid("Give a name.", field=field)
    return name
