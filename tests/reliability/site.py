"""A company on a site that is served, whose owner signs in."""

from typing import Final
from uuid import UUID

from server.access import Role, Scope
from server.identity import keys
from server.identity import service as identity
from server.identity.schemas import Acceptance, NewUser
from server.kit import clock, ids
from server.tenants import service as tenants
from tests.factories import make_platform_actor
from tests.postgres import opened
from world.faults import site

OWNER: Final = "owner-of-the-site"
PASSWORD: Final = "a password that is only for this test 41"


class Site(site.Site):
    """A served product whose parts can be killed, and its company."""

    token = ""
    tenant_id = UUID(int=0)


async def found_company(served: Site) -> UUID:
    """Found a company whose owner signs in as `OWNER`."""
    settings = served.settings
    now = clock.now()
    tenant_id, team_id = ids.new_id(now), ids.new_id(now)
    keys.open_keys(settings)
    owner = NewUser(
        login=OWNER,
        name="老板",
        role=Role.AGENT_OWNER,
        id=ids.new_id(now),
        team_id=team_id,
        scope=Scope.TENANT,
    )
    async with opened(settings):
        await tenants.provision(tenant_id, name="断电", short_name="断电", city="苏州", now=now)
        await identity.found_company(tenant_id, team_id, owner, team_name="一队", now=now)
        assert owner.id is not None
        made = await identity.invite_first_owner(
            make_platform_actor(), tenant_id, owner.id, now=now
        )
        accepted = Acceptance(code=made.code, password=PASSWORD)
        await identity.accept_invitation(accepted, address="127.0.0.1", now=now)
    return tenant_id
