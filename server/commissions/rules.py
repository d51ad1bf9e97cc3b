"""What commissions keep to at the edge; what is paid, and to whom, are the books' own rules."""

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from server.kit.errors import Invalid

_FIRST: Final = date(2000, 1, 1)
_LAST: Final = date(2099, 12, 31)


def ensure_day(on: date, field: str) -> None:
    """Refuse a day that is a slip of the keys, and from which days cannot be counted on.

    :raises Invalid: it lies outside of this century.
    """
    if not _FIRST <= on <= _LAST:
        raise Invalid("Give a day from 2000-01-01 to 2099-12-31.", field=field)


def first_day(month: str) -> date:
    """Give the first day of a month that is written as in 2026-11."""
    return date.fromisoformat(f"{month}-01")


def line_above(pairs: Sequence[tuple[UUID, UUID]]) -> dict[UUID, UUID]:
    """Give who stands directly above each agent.

    :param pairs: an agent, and who stands above it.
    :raises Invalid: one agent would have two of them.
    """
    above = dict(pairs)
    if len(above) != len(set(pairs)):
        raise Invalid("One agent at most stands directly above another.", field="above")
    return above
