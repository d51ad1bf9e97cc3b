"""A password that somebody else made is to be changed, and its use is written down."""

from datetime import timedelta

import pytest

from server.access import Actor
from server.audit import queries as audit
from server.identity import presence, queries, service
from server.identity.rules.passwords import PasswordMaker
from server.identity.schemas import NewUser
from server.kit import db
from server.partners import service as partners
from server.partners.schemas import NewAgent, NewOwner
from tests.factories import NOW, Tenant, login_of, make_staff, new_id
from tests.server.identity.conftest import PASSWORD, Person
from tests.server.identity.test_sign_in import address

pytestmark = pytest.mark.usefixtures("opened_keys")
OWN = "my own quiet harbour"
BEGAN = "session.began_with_provisional_password"


async def admitted_owner() -> tuple[str, Actor]:
    """Admit an agent with a password, and let it be used to sign in."""
    login = f"owner.{new_id().hex[-10:]}"
    request = NewAgent(
        id=new_id(), name="诚远", city="宁波", owner=NewOwner(login, "陈静", PASSWORD)
    )
    await partners.admit(await make_staff(), request, now=NOW - timedelta(hours=1))
    return login, await signed_in(login, PASSWORD)


async def signed_in(login: str, password: str) -> Actor:
    """Sign in to the API."""
    tokens = await service.sign_in(login, password, address=address(), now=NOW)
    return await presence.api_actor(tokens.access_token, now=NOW, is_read=False)


async def must_change(actor: Actor) -> bool:
    """Ask as the person's app does."""
    return (await queries.me(actor)).must_change_password


async def feed(owner: Actor) -> list[str]:
    """Read the feed of what the platform looked at, from the oldest."""
    return [line.what for line in reversed((await audit.platform_reads(owner)).items)]


async def test_an_invited_person_changes_the_password_of_the_invitation(tenant: Tenant) -> None:
    login = f"zhang.{new_id().hex[-10:]}"
    request = NewUser(login=login, name="张伟", role=tenant.rep.role, password=PASSWORD)
    await service.invite(tenant.owner, request, now=NOW)
    person = await signed_in(login, PASSWORD)
    assert await must_change(person)

    await service.change_password(person, PASSWORD, OWN, address=address(), now=NOW)

    assert not await must_change(person)


async def test_a_password_from_the_owner_is_to_be_changed_again(rep: Person) -> None:
    assert await must_change(rep.actor)
    await service.change_password(rep.actor, rep.password, OWN, address=address(), now=NOW)
    assert not await must_change(rep.actor)


async def test_who_has_no_password_has_none_to_change(tenant: Tenant) -> None:
    assert not await must_change(tenant.rep)


async def test_a_password_that_an_owner_gives_themselves_is_their_own(tenant: Tenant) -> None:
    await service.set_password(tenant.owner, tenant.owner.user_id, PASSWORD, now=NOW)

    assert not await must_change(await signed_in(login_of(tenant.owner), PASSWORD))


async def test_each_sign_in_with_the_platforms_password_is_in_the_agents_feed() -> None:
    login, owner = await admitted_owner()
    assert await feed(owner) == ["owner.password_set", BEGAN]

    later = NOW + timedelta(hours=1)
    browser = await service.web_sign_in(login, PASSWORD, address=address(), now=later)

    assert await feed(browser.actor) == ["owner.password_set", BEGAN, BEGAN]
    assert [line.action for line in (await audit.entries(owner)).items].count(BEGAN) == 2


async def test_with_a_password_of_ones_own_no_line_is_left() -> None:
    login, owner = await admitted_owner()
    assert await must_change(owner)

    await service.change_password(owner, PASSWORD, OWN, address=address(), now=NOW)
    await signed_in(login, OWN)

    assert not await must_change(owner)
    assert await feed(owner) == ["owner.password_set", BEGAN]


async def test_a_colleagues_provisional_password_is_no_look_of_the_platform(
    tenant: Tenant, rep: Person
) -> None:
    await signed_in(rep.login, rep.password)

    assert await feed(tenant.owner) == []


async def test_the_lines_of_the_feed_come_page_by_page_in_one_order() -> None:
    _, owner = await admitted_owner()
    first = await audit.platform_reads(owner, limit=1)
    second = await audit.platform_reads(owner, cursor=first.next_cursor, limit=1)

    assert [line.what for line in (*first.items, *second.items)] == [BEGAN, "owner.password_set"]
    assert second.next_cursor is None


async def test_every_password_says_who_made_it(rep: Person) -> None:
    with pytest.raises(Exception, match="login_name_password_made"):
        await _forget_the_maker(rep.login)
    assert {maker.value for maker in PasswordMaker} == {"self", "company", "platform"}


async def _forget_the_maker(login: str) -> None:
    """Try to leave a password without its maker."""
    async with db.global_transaction():
        await db.connection().execute(
            "UPDATE login_name SET password_made_by = NULL WHERE login = $1", login
        )
