"""Agents are admitted once, by the platform alone, and can work at once."""

import asyncpg
import msgspec
import pytest

from server.access import Role
from server.audit import queries as audit
from server.audit.schemas import PlatformReadView
from server.identity import keys, presence, service
from server.identity import queries as people
from server.identity.rules.logins import LoginTaken
from server.identity.schemas import Acceptance
from server.kit import db
from server.kit.errors import Forbidden, IdReused, NotFound
from server.partners import queries
from server.partners import service as partners
from server.partners.rules.agents import Tier
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
    owner = NewOwner(login=f"owner.{tail}", name="陈 静")
    content = {"name": f"诚远商贸 {tail}", "city": "宁波", "owner": owner, "id": new_id()}
    return NewAgent(**(content | fields))  # type: ignore[arg-type]  # a test gives the fields by name


async def test_an_admitted_agents_owner_signs_in() -> None:
    operator, request = await make_staff(), company(tier=Tier.GOLD)

    view = await partners.admit(operator, request, now=NOW)
    made = await partners.invite_owner(operator, view.tenant_id, now=NOW)
    accepted = Acceptance(code=made.code, password=PASSWORD)
    joined = await service.accept_invitation(accepted, address=address(), now=NOW)

    tokens = await service.sign_in(joined.login, PASSWORD, address=address(), now=NOW)
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


async def test_an_owner_without_a_proposed_login_name_chooses_one() -> None:
    operator, request = await make_staff(), company(owner=NewOwner(name="陈 静"))
    first = await partners.admit(operator, request, now=NOW)
    made = await partners.invite_owner(operator, first.tenant_id, now=NOW)
    login = f"chen.{new_id().hex[-10:]}"
    accepted = Acceptance(code=made.code, password=PASSWORD, login=login)
    await service.accept_invitation(accepted, address=address(), now=NOW)

    # A repeated admission changes nothing of what the owner has chosen.
    assert await partners.admit(operator, request, now=NOW) == first
    assert await service.sign_in(login, PASSWORD, address=address(), now=NOW)


async def test_the_agent_sees_each_invitation_that_the_platform_made() -> None:
    operator, request = await make_staff(), company()
    view = await partners.admit(operator, request, now=NOW)
    assert await feed(request) == []

    for _ in range(2):
        await partners.invite_owner(operator, view.tenant_id, now=NOW)

    assert [(line.what, line.actor_name) for line in await feed(request)] == [
        ("owner.invited", operator.name)
    ] * 2


async def test_without_the_line_there_is_no_invitation() -> None:
    operator, request = await make_staff(), company()
    view = await partners.admit(operator, request, now=NOW)
    stranger = msgspec.structs.replace(operator, name="\0")

    with pytest.raises(asyncpg.DataError):
        await partners.invite_owner(stranger, view.tenant_id, now=NOW)

    owner = make_actor(view.tenant_id, Role.AGENT_OWNER)
    [person] = (await people.users(owner)).items
    assert person.invited_until is None


async def test_the_platform_never_learns_a_password_and_invites_only_its_agents() -> None:
    operator = await make_staff()

    with pytest.raises(NotFound):
        await partners.invite_owner(operator, new_id(), now=NOW)
    assert "password" not in NewOwner.__struct_fields__


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
