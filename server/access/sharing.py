"""What one branch of a company lets another see: a line of policy, as the Actor carries it. Pure.

A branch is a team. A line says whose customers, which of them, what of each, and whether it may be
written. Name, status, level, place, industry, source, tags and owner are always part of it.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec


class Part(StrEnum):
    """Something of a customer that a line may let the other branch see besides."""

    USCC = "uscc"
    PHONE = "phone"
    ADDRESS = "address"
    REMARK = "remark"
    REVENUE = "expected_revenue_minor"
    CUSTOM = "custom"
    """The company's own fields."""
    CONTACTS = "contacts"
    STORES = "stores"
    NOTES = "notes"


class Sharing(msgspec.Struct, frozen=True, kw_only=True):
    """One line: what the people of `to_team_id` see of the customers of `from_team_id`."""

    id: UUID
    from_team_id: UUID
    to_team_id: UUID
    levels: tuple[str, ...] = ()
    """Of which levels; none named means every customer."""
    cities: tuple[str, ...] = ()
    """In which cities; likewise."""
    tag_id: UUID | None = None
    """With which tag; likewise."""
    parts: tuple[Part, ...] = ()
    may_write: bool = False

    def covers(self, customer: Any) -> bool:
        """Say whether a customer, or a view of one, is among those that the line is about."""
        return (
            customer.team_id == self.from_team_id
            and (not self.levels or customer.level in self.levels)
            and (not self.cities or customer.city in self.cities)
            and (self.tag_id is None or self.tag_id in customer.tags)
        )


def granted(lines: Iterable[Sharing], customer: Any) -> frozenset[Part] | None:
    """Give what all lines together let see of a customer; None where none of them is about it."""
    found = [line for line in lines if line.covers(customer)]
    return frozenset(part for line in found for part in line.parts) if found else None
