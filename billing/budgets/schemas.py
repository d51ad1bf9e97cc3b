"""What budgets are asked and what they answer, as frozen values."""

from enum import StrEnum
from uuid import UUID

import msgspec

from billing.money import Currency, Money


class BudgetScope(StrEnum):
    """Where a budget stands in the tree."""

    PROGRAM = "program"
    """The pool of a program, funded by the platform."""
    AGENT = "agent"
    """What a program gave to one agent, for that agent alone."""


class Funding(msgspec.Struct, frozen=True, kw_only=True):
    """Put the platform's money into a program's pool, or with `is_return` take it out again."""

    key: UUID
    program_id: UUID
    amount: Money
    is_return: bool = False


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """Give a part of a program's pool to one agent, or with `is_return` take it back."""

    key: UUID
    program_id: UUID
    agent_id: UUID
    amount: Money
    is_return: bool = False


class BudgetView(msgspec.Struct, frozen=True, kw_only=True):
    """What a budget received and where it is: put_in == taken_out + held + available."""

    budget_id: UUID
    program_id: UUID
    owner_id: UUID
    scope: BudgetScope
    currency: Currency
    put_in_minor: int
    """Funded, allocated or given back to it."""
    taken_out_minor: int
    """Allocated further, given back, returned, or used by customers."""
    held_minor: int
    """What customers were promised and have not used."""
    available_minor: int
    """What may still be promised."""


class ProgramBooks(msgspec.Struct, frozen=True, kw_only=True):
    """A program as a whole, over all its budgets: funded == available + held + used."""

    program_id: UUID
    currency: Currency
    available_minor: int
    """What may still be promised, in the pool and in the agents' allocations."""
    held_minor: int
    """What customers were promised and have not used."""
    used_minor: int
    """What customers have used."""

    @property
    def funded_minor(self) -> int:
        """Give what the platform has put in, less what it took out again."""
        return self.available_minor + self.held_minor + self.used_minor
