"""Bring a world into the product, through its own doors only: HTTP and the SDK.

One thing has no way over HTTP: the platform's first staff, whom an operator adds in a shell. For
them a service's function is called here. Ids come from the world, so
everything may be repeated and goes on where it was interrupted.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Final

from server.access import Role, Scope
from server.identity import service as identity
from server.identity.schemas import NewUser
from server.kit import clock, db
from server.quality import service as quality
from server.settings import Settings
from world import bookkeeping, desk, fieldwork, rivalry, setup
from world.api import Api, Json, Refused
from world.model import Agent, BenefitRequest, Customer, Person, Platform, World
from world.people import CHINA, analyst_of, instant

_BATCH: Final = 500
_NOT_YET: Final = ("sign_in_refused", "recon_file_not_found")


async def ensure(
    world: World, *, url: str, settings: Settings, password: str, folder: Path
) -> bool:
    """Make what is missing of a world in a running product; say whether anything was.

    No worker may run beside it: months go by here in which this process is the worker.

    :param folder: where the reps' phones keep their stores.
    """
    await found_platform(world.platform, settings=settings, password=password)
    if await _is_complete(world, url, password):
        return False
    now = clock.now()
    today = now.astimezone(CHINA).date()
    async with await Api.signed_in(url, world.platform.staff[0].login, password) as operator:
        await open_programs(operator, world)
        for agent in world.agents:
            await admit(operator, agent, password=password)
    for agent in world.agents:
        async with await Api.signed_in(url, agent.owner.login, password) as owner:
            await add_teams(owner, agent)
            for person in (*agent.people[1:], analyst_of(agent)):
                await hire(owner, person, password=password)
            await add_tags(owner, agent)
            await add_customers(owner, agent.customers)
            await setup.furnish(owner, agent, today)
            await fieldwork.work(owner, agent, folder, now=now)
            await desk.decide(owner, agent, today)
    async with await Api.signed_in(url, world.platform.staff[0].login, password) as operator:
        async with database(settings):
            await rivalry.register(world, operator, settings=settings, now=now)
        for agent in world.agents:
            await desk.take_on(operator, agent)
        await desk.answer(operator)
    for agent in world.agents:
        async with await Api.signed_in(url, agent.owner.login, password) as owner:
            await ask_benefits(owner, agent.customers)
    await _first_night(world, settings, now=now)
    async with await Api.signed_in(url, _finance(world).login, password) as finance:
        async with database(settings):
            await bookkeeping.keep(world, finance, settings=settings, now=now)
        for agent in world.agents:
            await bookkeeping.hand_in(world, agent, finance, now=now)
    return True


def _finance(world: World) -> Person:
    """Give the first of the platform's finance."""
    return next(each for each in world.platform.staff if each.role == "platform_finance")


async def _first_night(world: World, settings: Settings, *, now: datetime) -> None:
    """Look the customers through, as the worker does every night."""
    async with database(settings):
        for agent in world.agents:
            await quality.look_through(agent.tenant_id, now=now)


async def _is_complete(world: World, url: str, password: str) -> bool:
    """Say whether the last thing that is made is there."""
    last = bookkeeping.file_id(world.agents[-1])
    try:
        async with await Api.signed_in(url, _finance(world).login, password) as finance:
            await finance.get(f"/v1/platform/reconciliation/files/{last}")
    except Refused as refusal:
        if refusal.code not in _NOT_YET:
            raise
        return False
    return True


async def found_platform(platform: Platform, *, settings: Settings, password: str) -> None:
    """Add the platform's staff, as an operator does in a shell on the server."""
    async with database(settings):
        for person in platform.staff:
            request = NewUser(
                login=person.login,
                name=person.name,
                role=Role(person.role),
                id=person.id,
                scope=Scope(person.scope),
            )
            await identity.add_staff(request, password=password, now=clock.now())


async def add_teams(owner: Api, agent: Agent) -> None:
    """Let the owner add the teams beside the first one, which admission makes."""
    for team in agent.teams[1:]:
        await owner.post("/v1/teams", {"id": team.id, "name": team.name})


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[None]:
    """Open the database in this process, for what has no way over HTTP."""
    await db.open_database(settings)
    try:
        yield
    finally:
        await db.close_database()


async def open_programs(operator: Api, world: World) -> None:
    """Let the operator open the world's benefit programs and fund them, once."""
    for program in world.platform.programs:
        await operator.post(
            "/v1/platform/programs",
            {
                "id": program.id,
                "name": program.name,
                "amount_minor": program.amount_minor,
                "limit_per_customer": 1,
                "opens_at": instant(_opens_on(world)).isoformat(),
            },
        )
        await operator.post(
            f"/v1/platform/programs/{program.id}/funding",
            {"id": program.id, "amount_minor": program.budget_minor},
        )


def _opens_on(world: World) -> date:
    """Give the day on which the oldest agent joined."""
    return min(agent.joined_on for agent in world.agents)


async def ask_benefits(owner: Api, customers: Sequence[Customer]) -> None:
    """Let the owner ask for the benefits of the company's customers."""
    for customer, asked in _asked(customers):
        await owner.post(
            "/v1/benefits/requests",
            {"id": asked.id, "customer_id": customer.id, "program_id": asked.program_id},
        )


def _asked(customers: Sequence[Customer]) -> list[tuple[Customer, BenefitRequest]]:
    """List the benefits that are asked for, each with its customer."""
    return [(customer, benefit) for customer in customers for benefit in customer.benefits]


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
            "owner": {"login": owner.login, "name": owner.name},
        },
    )
    await _join_as_owner(operator, agent, password)
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
        },
    )
    if not answer["has_password"]:
        await _join(owner, f"/v1/users/{person.id}/invitation", password)
    return answer


async def _join_as_owner(operator: Api, agent: Agent, password: str) -> None:
    """Let the owner set a password; who has done so before is not invited again."""
    path = f"/v1/platform/agents/{agent.tenant_id}/owner-invitation"
    try:
        await _join(operator, path, password)
    except Refused as refusal:
        if refusal.code != "owner_has_joined":
            raise


async def _join(inviter: Api, path: str, password: str) -> None:
    """Let somebody make an invitation and the person accept it."""
    invitation: Json = await inviter.post(path)
    async with Api(inviter.url) as anybody:
        await anybody.post(
            "/v1/auth/invitation/acceptance",
            {"code": invitation["code"], "password": password},
        )


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
