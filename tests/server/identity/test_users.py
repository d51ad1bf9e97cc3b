"""People of a company: invited, changed and let go by the owner."""

import asyncio
from typing import Any

import pytest

from server.access import Actor, Role, Scope
from server.identity import queries, service
from server.identity.rules import throttles
from server.identity.rules.logins import LoginTaken, LoginUnusable
from server.identity.rules.people import LastOwner, NoSuchTeam, RoleUnfit, ScopeUnfit
from server.identity.rules.standing import NotYours
from server.identity.rules.throttles import TooManyTries
from server.identity.schemas import NewUser, UserChange
from server.kit.errors import Forbidden, IdReused, NotFound
from server.kit.text import TextTooLong
from tests.factories import NOW, Tenant, login_of, new_id, new_user

pytestmark = pytest.mark.usefixtures("opened_keys")


def somebody(role: Role = Role.SALES_REP, **fields: Any) -> NewUser:
    """Write an invitation."""
    login = f"zhang.{new_id().hex[-10:]}"
    return NewUser(**({"login": login, "name": "张 伟", "role": role} | fields))


async def test_the_owner_invites_a_rep(tenant: Tenant) -> None:
    request = somebody(team_id=tenant.team_id)

    view = await service.invite(tenant.owner, request, now=NOW)

    assert (view.name, view.role, view.scope) == ("张 伟", Role.SALES_REP, Scope.MINE)
    assert view in (await queries.users(tenant.owner)).items
    assert await queries.user(tenant.owner, view.id) == view


async def test_records_are_offered_to_who_sees_them_and_to_who_has_them_now(
    tenant: Tenant,
) -> None:
    analyst = await service.invite(tenant.owner, somebody(Role.ANALYST), now=NOW)
    await service.disable_user(tenant.owner, tenant.rep.user_id, now=NOW)

    directory = await queries.directory(tenant.owner)

    assert {analyst.id, tenant.rep.user_id} <= set(directory.people)
    staying = {str(tenant.owner.user_id), str(tenant.manager.user_id)}
    assert {person for person, _ in directory.offered()} == staying
    held = directory.offered(tenant.rep.user_id, None)
    assert {person for person, _ in held} == staying | {str(tenant.rep.user_id)}
    assert [name for _, name in held] == sorted(name for _, name in held)


async def test_an_invitation_may_come_twice_but_not_with_other_content(tenant: Tenant) -> None:
    request = somebody(id=new_id(), team_id=tenant.team_id)

    first = await service.invite(tenant.owner, request, now=NOW)
    again = await service.invite(tenant.owner, request, now=NOW)
    other = NewUser(login=request.login, name="李四", role=request.role, id=request.id)

    assert again == first
    with pytest.raises(IdReused):
        await service.invite(tenant.owner, other, now=NOW)


async def test_a_login_name_is_one_persons_whatever_its_spelling(
    tenant: Tenant, rival: Tenant
) -> None:
    request = somebody()
    assert request.login is not None
    await service.invite(tenant.owner, request, now=NOW)
    shouted = f" {request.login.upper()} "

    for owner in (tenant.owner, rival.owner):
        with pytest.raises(LoginTaken):
            await service.invite(owner, somebody(login=shouted), now=NOW)
    assert len((await queries.users(rival.owner)).items) == 3


async def test_an_owner_does_not_find_out_who_else_is_a_user(tenant: Tenant, rival: Tenant) -> None:
    taken = somebody(login=login_of(rival.owner))
    for _ in range(throttles.LOGIN_TAKEN.tries_max):
        with pytest.raises(LoginTaken):
            await service.invite(tenant.owner, taken, now=NOW)

    with pytest.raises(TooManyTries):
        await service.invite(tenant.owner, taken, now=NOW)

    assert (await service.invite(tenant.owner, somebody(), now=NOW)).login


async def test_two_companies_that_want_a_name_at_once_get_it_once(
    tenant: Tenant, rival: Tenant
) -> None:
    request = somebody()

    answers = await asyncio.gather(
        *(service.invite(owner, request, now=NOW) for owner in (tenant.owner, rival.owner)),
        return_exceptions=True,
    )

    assert sum(isinstance(answer, LoginTaken) for answer in answers) == 1


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"login": "a"}, LoginUnusable),
        ({"login": "has space"}, LoginUnusable),
        ({"login": "x" * 65}, LoginUnusable),
        ({"role": Role.PLATFORM_OPERATOR}, RoleUnfit),
        ({"role": Role.PLATFORM_FINANCE}, RoleUnfit),
        ({"scope": Scope.TEAM}, ScopeUnfit),
        ({"team_id": new_id()}, NoSuchTeam),
    ],
)
async def test_an_unfit_invitation_is_refused(
    tenant: Tenant, fields: dict[str, Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await service.invite(tenant.owner, somebody(**fields), now=NOW)


async def test_a_foreign_team_is_no_team(tenant: Tenant, rival: Tenant) -> None:
    with pytest.raises(NoSuchTeam):
        await service.invite(tenant.owner, somebody(team_id=rival.team_id), now=NOW)


async def test_a_manager_adds_reps_of_the_own_team_and_sees_them(tenant: Tenant) -> None:
    rep = somebody(team_id=tenant.team_id)
    added = await service.invite(tenant.manager, rep, now=NOW)

    seen = {user.id for user in (await queries.users(tenant.manager)).items}
    assert seen == {tenant.manager.user_id, tenant.rep.user_id, added.id}
    assert (await queries.user(tenant.manager, added.id)).name == "张 伟"
    with pytest.raises(NotFound):
        await queries.user(tenant.manager, tenant.owner.user_id)
    for other in (
        somebody(),
        somebody(Role.SALES_MANAGER, team_id=tenant.team_id),
        somebody(Role.AGENT_OWNER),
        somebody(team_id=tenant.team_id, scope=Scope.TENANT),
    ):
        with pytest.raises(NotYours):
            await service.invite(tenant.manager, other, now=NOW)


async def test_only_the_owner_manages_people(tenant: Tenant) -> None:
    for actor in (tenant.manager, tenant.rep):
        with pytest.raises(Forbidden):
            await service.invite(actor, somebody(), now=NOW)
        with pytest.raises(Forbidden):
            await service.disable_user(actor, tenant.owner.user_id, now=NOW)


async def test_people_of_another_company_are_not_there(tenant: Tenant, rival: Tenant) -> None:
    victim = rival.rep.user_id

    for attempt in (
        service.change_user(tenant.owner, victim, UserChange(name="x"), now=NOW),
        service.disable_user(tenant.owner, victim, now=NOW),
        service.enable_user(tenant.owner, victim, now=NOW),
        service.new_invitation(tenant.owner, victim, now=NOW),
        service.revoke_invitation(tenant.owner, victim, now=NOW),
        queries.user(tenant.owner, victim),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_a_change_leaves_the_rest(tenant: Tenant) -> None:
    before = await queries.user(tenant.owner, tenant.rep.user_id)

    view = await service.change_user(
        tenant.owner, tenant.rep.user_id, UserChange(scope=Scope.TEAM), now=NOW
    )

    assert view.scope is Scope.TEAM
    assert (view.name, view.role, view.team_id) == (before.name, before.role, before.team_id)


async def test_a_company_keeps_an_owner(tenant: Tenant) -> None:
    with pytest.raises(LastOwner):
        await service.disable_user(tenant.owner, tenant.owner.user_id, now=NOW)
    with pytest.raises(LastOwner):
        await service.change_user(
            tenant.owner, tenant.owner.user_id, UserChange(role=Role.SALES_REP), now=NOW
        )


async def test_two_owners_cannot_let_each_other_go_at_once(tenant: Tenant) -> None:
    second: Actor = tenant.actor(Role.AGENT_OWNER)
    await service.invite(tenant.owner, new_user(second, team_id=tenant.team_id), now=NOW)

    answers = await asyncio.gather(
        service.disable_user(tenant.owner, second.user_id, now=NOW),
        service.disable_user(second, tenant.owner.user_id, now=NOW),
        return_exceptions=True,
    )

    assert sum(isinstance(answer, LastOwner) for answer in answers) == 1


async def test_staff_are_added_by_the_operators_shell_only(tenant: Tenant) -> None:
    with pytest.raises(RoleUnfit):
        await service.add_staff(somebody(Role.AGENT_OWNER), now=NOW)

    view = await service.add_staff(somebody(Role.PLATFORM_FINANCE), now=NOW)

    assert view.role is Role.PLATFORM_FINANCE
    assert view.id not in {user.id for user in (await queries.users(tenant.owner)).items}


async def test_a_name_that_grows_beyond_its_bound_as_it_is_stored_is_refused(
    tenant: Tenant,
) -> None:
    name = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 12
    person = NewUser(login=f"new.{new_id().hex[-12:]}", name=name, role=Role.SALES_REP)

    with pytest.raises(TextTooLong) as refusal:
        await service.invite(tenant.owner, person, now=NOW)

    assert refusal.value.field == "name"
