"""Bring a world into the product, through its own doors only: HTTP and the SDK.

The one exception is the platform's first staff, whom an operator adds in a shell: the same service
function is called here. Ids come from the world, so everything may be repeated and resumes where it
was interrupted.
"""

from server.access import Role, Scope
from server.identity import service as identity
from server.identity.schemas import NewUser
from server.kit import clock, db
from server.settings import Settings
from world.api import Api, Json
from world.model import Agent, Person, Platform


async def found_platform(platform: Platform, *, settings: Settings, password: str) -> None:
    """Add the platform's staff, as an operator does in a shell on the server."""
    await db.open_database(settings)
    try:
        for person in platform.staff:
            request = NewUser(
                login=person.login,
                name=person.name,
                role=Role(person.role),
                id=person.id,
                scope=Scope(person.scope),
                password=password,
            )
            await identity.add_staff(request, now=clock.now())
    finally:
        await db.close_database()


async def admit(operator: Api, agent: Agent, *, password: str) -> Json:
    """Let the platform's operator take an agent company on board, with its owner."""
    owner = agent.owner
    return await operator.post(
        "/v1/platform/agents",
        {
            "id": agent.tenant_id,
            "name": agent.name,
            "short_name": agent.short_name,
            "city": agent.city,
            "tier": agent.tier,
            "team_name": agent.teams[0].name,
            "owner": {"login": owner.login, "name": owner.name, "password": password},
        },
    )


async def hire(owner: Api, person: Person, *, password: str) -> Json:
    """Let an owner add somebody of the company."""
    return await owner.post(
        "/v1/users",
        {
            "id": person.id,
            "login": person.login,
            "name": person.name,
            "role": person.role,
            "scope": person.scope,
            "team_id": person.team_id,
            "password": password,
        },
    )
