"""What commissions keep to at the edge; what is paid, and to whom, are the books' own rules."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from server.kit.errors import Invalid


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
