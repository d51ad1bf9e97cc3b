"""Which leads a manager sees: those that wait, and those that the own people have."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from server.access import Actor, Scope
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
