"""Bring a world into the product, through its own doors only: HTTP and the SDK.

The one exception is the platform's first staff, whom an operator adds in a shell: the same service
function is called here. Ids come from the world, so everything may be repeated and resumes where it
was interrupted.
"""

from collections.abc import Sequence
from typing import Final

from server.access import Role, Scope
from server.identity import service as identity
from server.identity.schemas import NewUser
from server.kit import clock, db
from server.settings import Settings
from world.api import Api, Json
from world.model import Agent, Customer, Person, Platform

_BATCH: Final = 500


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
    answer: Json = await operator.post(
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
    return answer


async def hire(owner: Api, person: Person, *, password: str) -> Json:
    """Let an owner add somebody of the company."""
    answer: Json = await owner.post(
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
    return answer


async def add_tags(owner: Api, agent: Agent) -> None:
    """Let the owner say which tags the company uses, and what they mean."""
    for tag in agent.tags:
        await owner.post(
            "/v1/tags",
            {
                "id": tag.id,
                "name": tag.name,
                "colour": tag.colour,
                "meaning": tag.meaning,
                "owner_id": tag.owner_id,
                "expires_on": tag.expires_on.isoformat(),
            },
        )


async def add_customers(owner: Api, customers: Sequence[Customer]) -> None:
    """Let the owner enter the company's customers, each in the hands of its rep."""
    for start in range(0, len(customers), _BATCH):
        part = customers[start : start + _BATCH]
        await owner.post("/v1/customers/batch", {"customers": [_entry(each) for each in part]})


def _entry(customer: Customer) -> Json:
    """Write a customer as the API takes it."""
    return {
        "id": customer.id,
        "name": customer.name,
        "uscc": customer.uscc,
        "phone": customer.phone,
        "city": customer.city,
        "district": customer.district,
        "address": customer.address,
        "industry": customer.industry,
        "status": customer.status,
        "level": customer.level,
        "source": customer.source,
        "owner_id": customer.owner_id,
        "team_id": customer.team_id,
        "expected_revenue_minor": customer.expected_revenue_minor,
        "remark": customer.remark,
        "tags": customer.tags,
    }
