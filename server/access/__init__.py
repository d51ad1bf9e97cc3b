"""Who acts: the Actor, its role, its permissions, and what it sees of a tenant's customers."""

from server.access.rules import (
    PLATFORM_TENANT,
    ROLE_PERMISSIONS,
    Actor,
    Permission,
    Role,
    Scope,
    default_scope,
    ensure,
    of_the_product,
    reads_records,
    vouched,
)

__all__ = [
    "PLATFORM_TENANT",
    "ROLE_PERMISSIONS",
    "Actor",
    "Permission",
    "Role",
    "Scope",
    "default_scope",
    "ensure",
    "of_the_product",
    "reads_records",
    "vouched",
]
