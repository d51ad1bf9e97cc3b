"""What an actor's device may hold, as SQL over the customer row.

The same as `storage.is_visible` says in memory.
"""

from typing import Final
from zlib import crc32

from server.access import Actor, Scope

_PREDICATES: Final = {
    Scope.MINE: "({c}.owner_id = {user} AND ({team} IS NULL OR TRUE))",
    Scope.TEAM: "({c}.owner_id = {user} OR {c}.team_id = {team})",
    Scope.TENANT: "({user} IS NOT NULL AND ({team} IS NULL OR TRUE))",
}
"""Every predicate names both parameters, so that one statement has one list of them."""


def predicate(scope: Scope, alias: str, *, user: str, team: str) -> str:
    """Say in SQL whether the customer under this alias is in the actor's scope.

    :param user: the placeholder of the actor's id, :param team: of its team, e.g. ``$5``.
    """
    return _PREDICATES[scope].format(c=alias, user=f"{user}::uuid", team=f"{team}::uuid")


def left(scope: Scope, *, since: str, user: str, team: str) -> str:
    """Write the SELECT of what left the scope and has not come back. $1 tenant.

    A record that left by itself is with another customer now, who may be in the scope as well.

    :param since: the sequence after which they left.
    """
    was = predicate(scope, "e", user=user, team=team)
    still = predicate(scope, "c", user=user, team=team)
    return f"""
        SELECT DISTINCT 'customer' AS kind, e.customer_id::text AS id, 0::bigint AS seq
        FROM scope_exit e
        WHERE e.tenant_id = $1 AND e.seq > {since} AND {was} AND NOT EXISTS (
            SELECT FROM customer c WHERE c.tenant_id = $1 AND c.id = e.customer_id AND {still}
        )
        UNION ALL SELECT e.kind, e.record_id::text, e.seq FROM record_exit e
        WHERE e.tenant_id = $1 AND e.seq > {since} AND {was} AND NOT EXISTS (
            SELECT FROM customer c WHERE c.tenant_id = $1 AND c.id = e.customer_id AND {still}
        )
    """  # noqa: S608 - predicates are constants of this module


def grants_of(actor: Actor) -> int:
    """Give a number that changes when what the device may hold is decided otherwise.

    A cursor carries it.
    """
    return crc32(f"{actor.role}.{actor.scope}.{actor.team_id}".encode())
