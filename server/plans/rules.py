"""What plans keep to at the edge; what they include and cost are the books' own rules."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from billing.plans.rules.clock import TenantClock
from billing.plans.schemas import Behind
from server.kit.errors import Invalid

T = TypeVar("T", bound=msgspec.Struct)
AGENTS_MAX: Final = 200
"""Carried on in one transaction, at most."""
MONTHS_MAX: Final = 400
"""Billed in one transaction, unless one agent alone has more: whoever books waits meanwhile."""
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


def parted(behind: Sequence[Behind], today: date) -> Iterator[list[UUID]]:
    """Part agents, in their order, into sets that are each carried on in one short transaction."""
    together: list[UUID] = []
    months = 0
    for each in behind:
        ended = sum(1 for _ in TenantClock(each.clock_on).months_ended(today))
        if together and (len(together) == AGENTS_MAX or months + ended > MONTHS_MAX):
            yield together
            together, months = [], 0
        together.append(each.agent_id)
        months += ended
    if together:
        yield together
