"""What plans keep to at the edge; what they include and cost are the books' own rules."""

from datetime import date
from typing import Final, TypeVar

import msgspec

from server.kit.errors import Invalid

T = TypeVar("T", bound=msgspec.Struct)
_FIRST: Final = date(2000, 1, 1)
_LAST: Final = date(2099, 12, 31)


def ensure_day(on: date, field: str) -> None:
    """Refuse a day that is a slip of the keys, and from which days cannot be counted on.

    :raises Invalid: it lies outside of this century.
    """
    if not _FIRST <= on <= _LAST:
        raise Invalid("Give a day from 2000-01-01 to 2099-12-31.", field=field)


def as_booked(sent: T, kind: type[T]) -> T:
    """Give what was sent as the books know it, so that the same thing is equal."""
    return kind(**{name: getattr(sent, name) for name in kind.__struct_fields__})
