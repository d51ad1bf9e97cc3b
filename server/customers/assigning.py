"""What decides about who is given a customer, whichever door it came through.

The team goes with the owner where nobody named one, and who asked not to be called is given to
nobody new (S45).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from server.access import Actor
from server.customers.opt_outs import queries as opt_outs
from server.customers.opt_outs.rules import OptedOut
from server.kit import db
from sync_protocol.messages import Create, Edit
from sync_protocol.schema import is_uuid

_TEAMS: Final = """
SELECT id::text AS id, team_id::text AS team_id FROM user_account
WHERE tenant_id = $1 AND id = ANY($2::uuid[])
"""


class Assigning(msgspec.Struct, frozen=True):
    """What is known of an op that gives a customer to somebody."""

    owner_id: str
    team_id: str | None
    """The owner's."""
    names_team: bool
    """Whether the op says itself which team gets it."""
    is_barred: bool
    """Whether nobody new may be given the customer."""


async def look_up(actor: Actor, ops: Sequence[Create | Edit]) -> dict[int, Assigning]:
    """Look up what decides about ops that name an owner, in the open transaction."""
    giving = [op for op in ops if is_uuid(op.fields.get("owner_id"))]
    if not giving:
        return {}
    owners = sorted({op.fields["owner_id"] for op in giving})
    rows = await db.connection().fetch(_TEAMS, actor.tenant_id, owners)
    teams = {row["id"]: row["team_id"] for row in rows}
    edited = [op.id for op in giving if isinstance(op, Edit)]
    barred = await opt_outs.not_to_be_assigned(actor.tenant_id, edited) if edited else set()
    return {
        op.number: Assigning(
            owner_id=op.fields["owner_id"],
            team_id=teams.get(op.fields["owner_id"]),
            names_team="team_id" in op.fields,
            is_barred=op.id in barred,
        )
        for op in giving
    }


def heed(
    given: Assigning, before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> dict[str, Any]:
    """Let the team go with the owner, or refuse to give the customer to somebody new.

    :raises OptedOut: nobody new may be given it.
    """
    was = before["owner_id"] if before else None
    if after["owner_id"] in (None, was) or after["owner_id"] != given.owner_id:
        return {}
    if before is not None and given.is_barred:
        raise OptedOut(
            "Who has this phone has asked not to be called; nobody new gets this customer.",
            field="owner_id",
        )
    return {} if given.names_team else {"team_id": given.team_id}
