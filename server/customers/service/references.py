"""What a record may point to: people, teams, tags and stores of the same company, or nothing.

An id of another company is refused as one that does not exist.
"""

from typing import Any, Final
from uuid import UUID

from server.access import Actor, reads_records
from server.identity import queries as identity
from server.kit import db
from server.kit.errors import Invalid, NotFound
from server.tenants import queries as tenants

_STORE: Final = """
SELECT EXISTS (
    SELECT FROM store WHERE tenant_id = $1 AND id = $2 AND NOT deleted AND customer_id = coalesce(
        $3, (SELECT customer_id FROM contact WHERE tenant_id = $1 AND id = $4))
)
"""


class UnknownOwner(Invalid):
    """The person who is to own the record is not, or no longer, of this company."""

    code = "unknown_owner"


class UnknownTeam(Invalid):
    """The company has no such team."""

    code = "unknown_team"


class UnknownTag(Invalid):
    """A tag is not one of the company's."""

    code = "unknown_tag"


class UnknownStore(Invalid):
    """The customer has no such store."""

    code = "unknown_store"


async def teams_of(actor: Actor, owners: set[str | None]) -> dict[str, str | None]:
    """Look up the team of each owner.

    :raises UnknownOwner: somebody is not, or no longer, of this company.
    """
    own_team = str(actor.team_id) if actor.team_id else None
    teams: dict[str, str | None] = {str(actor.user_id): own_team}
    for owner in sorted(owner for owner in owners if owner and owner not in teams):
        try:
            user = await identity.one_user(actor.tenant_id, UUID(owner))
        except NotFound as error:
            raise UnknownOwner("Nobody here has this id.", field="owner_id") from error
        if user.disabled_at is not None:
            raise UnknownOwner("This person works here no longer.", field="owner_id")
        if not reads_records(user.role):
            raise UnknownOwner("An analyst keeps no customers.", field="owner_id")
        teams[owner] = str(user.team_id) if user.team_id else None
    return teams


async def ensure_teams(actor: Actor, teams: set[str | None]) -> None:
    """Refuse teams that the company does not have.

    :raises UnknownTeam: naming the field.
    """
    wanted = {team for team in teams if team} - {str(actor.team_id)}
    if wanted and wanted - {str(team.id) for team in await tenants.teams(actor)}:
        raise UnknownTeam("The company has no such team.", field="team_id")


async def ensure_tags(actor: Actor, tags: set[str]) -> None:
    """Refuse tags that the company does not have.

    :raises UnknownTag: naming the field.
    """
    if not tags:
        return
    known = await db.connection().fetchval(
        "SELECT count(*) FROM tag WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND NOT deleted",
        actor.tenant_id,
        sorted(tags),
    )
    if known != len(tags):
        raise UnknownTag("One of the tags is not there; look at the list of tags.", field="tags")


async def ensure_store(
    actor: Actor,
    store_id: Any,
    *,
    customer_id: UUID | None = None,
    contact_id: UUID | None = None,
) -> None:
    """Refuse a store that is not the customer's, or not the contact's customer's.

    :raises UnknownStore: naming the field.
    """
    if not store_id:
        return
    is_known = await db.connection().fetchval(
        _STORE, actor.tenant_id, UUID(str(store_id)), customer_id, contact_id
    )
    if not is_known:
        raise UnknownStore("The customer has no such store.", field="store_id")
