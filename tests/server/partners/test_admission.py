"""Agents are admitted once, by the platform alone, and can work at once."""

import asyncpg
import msgspec
import pytest

from server.access import Role
from server.audit import queries as audit
from server.audit.schemas import PlatformReadView
from server.identity import keys, presence, service
from server.identity.rules.logins import LoginTaken, SignInRefused
from server.kit import db
from server.kit.errors import Forbidden, IdReused, NotFound
from server.partners import queries
from server.partners import service as partners
from server.partners.rules import Tier
from server.partners.schemas import NewAgent, NewOwner
from server.settings import Settings
from tests.factories import NOW, Tenant, make_actor, make_platform_actor, make_staff, new_id
from tests.server.identity.test_sign_in import address

PASSWORD = "a quiet harbour at dawn"


@pytest.fixture(autouse=True)
def _opened_keys(database: Settings) -> None:
    """The keys of this process."""
    keys.open_keys(database)


def company(**fields: object) -> NewAgent:
    """Write an admission."""
    tail = new_id().hex[-10:]
    owner = NewOwner(login=f"owner.{tail}", name="陈 静", password=PASSWORD)
    content = {"name": f"诚远商贸 {tail}", "city": "宁波", "owner": owner, "id": new_id()}
    return NewAgent(**(content | fields))  # type: ignore[arg-type]  # a test gives the fields by name


async def test_an_admitted_agents_owner_signs_in() -> None:
    operator, request = await make_staff(), company(tier=Tier.GOLD)

    view = await partners.admit(operator, request, now=NOW)

    tokens = await service.sign_in(request.owner.login, PASSWORD, address=address(), now=NOW)
    owner = await presence.api_actor(tokens.access_token, now=NOW, is_read=False)
    assert (owner.tenant_id, owner.role) == (view.tenant_id, Role.AGENT_OWNER)
    assert (view.name, view.city, view.tier) == (request.name, "宁波", Tier.GOLD)
    assert view in await queries.agents(operator)
    assert await queries.agent(operator, view.tenant_id) == view


async def test_an_admission_may_come_twice_but_not_with_other_content() -> None:
    operator, request = await make_staff(), company()

    first = await partners.admit(operator, request, now=NOW)

    assert await partners.admit(operator, request, now=NOW) == first
    for other in (
        company(id=request.id),
        company(id=request.id, name=request.name, owner=request.owner, city="温州"),
        company(id=request.id, name=request.name, owner=request.owner, tier=Tier.GOLD),
        company(id=request.id, name=request.name),
    ):
        with pytest.raises(IdReused):
            await partners.admit(operator, other, now=NOW)
    assert await queries.agent(operator, first.tenant_id) == first


async def test_an_admission_that_is_refused_leaves_nothing() -> None:
    operator, first, second = await make_staff(), company(), company()
    await partners.admit(operator, first, now=NOW)

    with pytest.raises(LoginTaken):
        await partners.admit(operator, company(id=second.id, owner=first.owner), now=NOW)

    assert await partners.admit(operator, second, now=NOW)


async def test_the_agent_is_told_that_the_platform_knows_the_first_password() -> None:
    operator, known, unknown = await make_staff(), company(), company()
    without = NewOwner(login=f"{unknown.owner.login}.2", name="陈 静")

    for _ in range(2):
        await partners.admit(operator, known, now=NOW)
        await partners.admit(operator, company(id=unknown.id, owner=without, name="诚远"), now=NOW)

    [line] = await feed(known)
    assert (line.what, line.actor_name) == ("owner.password_set", operator.name)
    assert await feed(unknown) == []


async def test_without_the_line_there_is_no_password(database: Settings) -> None:
    operator, request = await make_staff(), company()
    stranger = msgspec.structs.replace(operator, name="\0")

    with pytest.raises(asyncpg.DataError):
        await partners.admit(stranger, request, now=NOW)

    with pytest.raises(SignInRefused):
        await service.sign_in(request.owner.login, PASSWORD, address=address(), now=NOW)


async def feed(request: NewAgent) -> list[PlatformReadView]:
    """Read an agent's feed as its owner."""
    assert request.id is not None
    return (await audit.platform_reads(make_actor(request.id, Role.AGENT_OWNER))).items


async def test_the_platforms_own_id_is_not_an_agents() -> None:
    operator = await make_staff()

    with pytest.raises(IdReused):
        await partners.admit(operator, company(id=operator.tenant_id), now=NOW)


async def test_nobody_else_admits_or_lists_agents(tenant: Tenant) -> None:
    finance = make_platform_actor(Role.PLATFORM_FINANCE)

    for actor in (tenant.owner, tenant.manager, tenant.rep, finance):
        with pytest.raises(Forbidden):
            await partners.admit(actor, company(), now=NOW)
    for actor in (tenant.owner, tenant.manager, tenant.rep):
        with pytest.raises(Forbidden):
            await queries.agents(actor)
    with pytest.raises(NotFound):
        await queries.agent(finance, new_id())


async def test_an_agent_cannot_read_who_the_other_agents_are(tenant: Tenant) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tenant_transaction(tenant.tenant_id):
            await db.connection().fetch("SELECT * FROM agent")
