"""Which leads are seen: a manager's are those that wait and those that the own people have.

A lead that was routed to somebody is theirs while its customer is: with the customer it goes.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from server.access import Actor, Scope
from server.customers.sight import Where
from server.kit import db

_TEAM_HAS: Final = """(l.assignee_id IS NULL OR l.assignee_id = {} OR EXISTS (
    SELECT FROM user_account u
    WHERE u.tenant_id = l.tenant_id AND u.id = l.assignee_id AND u.team_id = {}
))"""


def condition(actor: Actor) -> tuple[str, tuple[Any, ...]]:
    """Give what holds of the leads (alias ``l``) within sight; each ``{}`` takes a value."""
    if actor.scope is Scope.TENANT:
        return "TRUE", ()
    return _TEAM_HAS, (actor.user_id, actor.team_id)


def beside_customer(where: Where) -> str:
    """Say that a lead (alias ``l``) has no customer yet, or one within sight, deleted or not."""
    return f"""(l.customer_id IS NULL OR EXISTS (
    SELECT FROM customer c WHERE c.id = l.customer_id AND {where.text}
))"""


async def is_beside_customer(actor: Actor, lead_id: UUID) -> bool:
    """Say whether a lead's customer, if it has one, is within sight, in the open transaction."""
    where = Where(actor, with_deleted=True)
    return bool(
        await db.connection().fetchval(
            "SELECT EXISTS (SELECT FROM raw_lead l WHERE l.tenant_id = $1"  # noqa: S608 - constants and numbered parameters
            f" AND l.id = {where.param(lead_id)} AND {beside_customer(where)})",
            *where.args,
        )
    )


async def are_seen(actor: Actor, lead_ids: Sequence[UUID]) -> bool:
    """Say whether these leads of the company are within sight, in the open transaction."""
    if actor.scope is Scope.TENANT:
        return True
    text, values = condition(actor)
    hidden = await db.connection().fetchval(
        "SELECT EXISTS (SELECT FROM raw_lead l WHERE l.tenant_id = $1 AND l.id = ANY($2::uuid[])"  # noqa: S608 - a constant and numbered parameters
        f" AND NOT {text.format('$3', '$4')})",
        actor.tenant_id,
        list(lead_ids),
        *values,
    )
    return not hidden
