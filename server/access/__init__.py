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
from server.access.sharing import Part, Sharing, granted

__all__ = [
    "PLATFORM_TENANT",
    "ROLE_PERMISSIONS",
    "Actor",
    "Part",
    "Permission",
    "Role",
    "Scope",
    "Sharing",
    "default_scope",
    "ensure",
    "granted",
    "of_the_product",
    "reads_records",
    "vouched",
]
