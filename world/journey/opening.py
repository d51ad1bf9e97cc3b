"""The first steps: processes run, the platform has staff, three agents come on board."""

from typing import Final

from world import populate
from world.api import Api
from world.journey.cast import Cast
from world.journey.evidence import Evidence

_OK: Final = 200
_UNAUTHENTICATED: Final = 401


async def processes(cast: Cast, found: Evidence) -> None:
    """See that everything runs, and that nobody is let in without a name."""
    found.note(url=cast.stage.url, seconds_to_ready=cast.left["opened_s"])
    cast.stage.ensure_alive()
    async with Api(cast.stage.url) as anybody:
        ready = await anybody.raw("GET", "/readyz")
        document = await anybody.get("/v1/openapi.json")
        unknown = await anybody.raw("GET", "/v1/customers")
    found.note(api_paths=len(document["paths"]))
    found.expect("the server says that it is ready", ready.status_code, _OK)
    found.expect("a request without a token is refused", unknown.status_code, _UNAUTHENTICATED)


async def on_board(cast: Cast, found: Evidence) -> None:
    """Let the operator admit three agents; their owners hire teams and reps."""
    await populate.found_platform(
        cast.world.platform, settings=cast.stage.settings, password=cast.password
    )
    operator, finance = cast.world.platform.staff
    cast.operator = await cast.sign_in(operator.login)
    cast.finance = await cast.sign_in(finance.login)
    hired = 0
    for company in cast.companies:
        agent = company.agent
        await populate.admit(cast.staff, agent, password=cast.password)
        company.people[agent.owner.login] = await cast.sign_in(agent.owner.login)
        for person in agent.people[1:]:
            await populate.hire(company.owner, person, password=cast.password)
            company.people[person.login] = await cast.sign_in(person.login)
            hired += 1
        listed = {item["id"] async for item in company.owner.every("/v1/users")}
        found.expect(
            f"{agent.short_name} lists its people and nobody else's",
            listed,
            {str(person.id) for person in agent.people},
        )
    admitted = await cast.staff.get("/v1/platform/agents")
    found.note(agents=[company.agent.short_name for company in cast.companies], people_hired=hired)
    found.expect(
        "the platform lists the agents",
        {row["tenant_id"] for row in admitted},
        {str(company.agent.tenant_id) for company in cast.companies},
    )
