"""Decide about agents: tiers, and which ids belong to a new one. Pure."""

from enum import StrEnum
from uuid import UUID, uuid5

from server.access import PLATFORM_TENANT
from server.kit.errors import IdReused


class Tier(StrEnum):
    """How close an agent is to the platform."""

    GOLD = "gold"
    """Meets its targets for years; the widest rights."""
    SILVER = "silver"
    """Meets its targets."""
    BRONZE = "bronze"
    """New, or on the way."""


def team_id(tenant_id: UUID) -> UUID:
    """Give the id of an agent's first team; the same at every repetition of its admission."""
    return uuid5(tenant_id, "first team")


def owner_id(tenant_id: UUID) -> UUID:
    """Give the id of an agent's first owner; the same at every repetition of its admission."""
    return uuid5(tenant_id, "first owner")


def ensure_own_id(tenant_id: UUID) -> None:
    """Refuse the id of the platform itself."""
    if tenant_id == PLATFORM_TENANT:
        raise IdReused("This id belongs to the platform; make a new one.", field="id")
