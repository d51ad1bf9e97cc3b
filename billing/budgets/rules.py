"""Name the accounts of budgets: an id is derived from what the account is for."""

from functools import lru_cache
from typing import Final
from uuid import UUID, uuid5

_KEPT: Final = 4_096
"""Names of agents' accounts that are not digested again; the same agents ask all day."""


def funding_account(platform_id: UUID, currency: str) -> UUID:
    """Give the account that the platform's money for benefits comes from."""
    return uuid5(platform_id, f"funding:{currency}")


def program_budget(program_id: UUID, currency: str) -> UUID:
    """Give the pool of a program, which every agent without an allocation draws on."""
    return uuid5(program_id, f"budget:{currency}")


@lru_cache(_KEPT)
def agent_budget(program_id: UUID, agent_id: UUID, currency: str) -> UUID:
    """Give what a program allocated to an agent."""
    return uuid5(program_id, f"budget:{agent_id}:{currency}")


@lru_cache(_KEPT)
def issued_account(program_id: UUID, agent_id: UUID, currency: str) -> UUID:
    """Give what one agent's customers were promised by a program."""
    return uuid5(program_id, f"issued:{agent_id}:{currency}")
