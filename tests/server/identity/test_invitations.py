"""People set login name and password alone, by a code that is good once."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.access import Actor, Role
from server.audit import queries as audit
from server.identity import queries, service
from server.identity.rules import invitations, throttles
from server.identity.rules.codes import ALPHABET
from server.identity.rules.enrolment_codes import EnrolmentCodeRefused
from server.identity.rules.invitations import (
    InvitationForOneself,
    InvitationMistyped,
    InvitationRefused,
    OwnerHasJoined,
    PersonGone,
    Purpose,
)
from server.identity.rules.logins import LoginMissing, LoginTaken, SignInRefused
from server.identity.rules.passwords import PasswordTooCommon
from server.identity.rules.standing import NotYours
from server.identity.rules.throttles import TooManyTries
from server.identity.schemas import (
    Acceptance,
    Enrolment,
    EnrolmentCodeView,
    InvitationView,
    NewUser,
    UserChange,
)
from server.identity.service import throttles as counters
from server.kit import db
from server.kit.errors import Forbidden
from tests.factories import NOW, Tenant, join, login_of, make_platform_actor, new_id
from tests.server.identity.conftest import PASSWORD, Person
from tests.server.identity.test_sign_in import address

pytestmark = pytest.mark.usefixtures("opened_keys")
OWN = "my own quiet harbour"
LATER = NOW + timedelta(hours=1)


async def newcomer(tenant: Tenant, *, login: str | None = None) -> Actor:
    """Add a rep who has neither password nor device."""
    actor = tenant.actor(Role.SALES_REP)
    new = NewUser(
        id=actor.user_id, name="张 伟", role=actor.role, team_id=tenant.team_id, login=login
    )
    await service.invite(tenant.owner, new, now=NOW)
    return actor


async def accept(made: InvitationView, login: str | None, password: str = OWN) -> None:
    """Accept an invitation from somewhere else."""
    request = Acceptance(code=made.code, password=password, login=login)
    await service.accept_invitation(request, address=address(), now=LATER)


async def enrol(made: EnrolmentCodeView) -> None:
    """Enrol a phone by a code that somebody has noted down, a moment later."""
    request = Enrolment(code=made.code, device_name="手机", platform="test", id=new_id())
    await service.enrol(request, address=address(), now=NOW + timedelta(minutes=1))


async def test_a_newcomer_chooses_login_name_and_password(tenant: Tenant) -> None:
    person = await newcomer(tenant)
    made = await service.new_invitation(tenant.owner, person.user_id, now=NOW)

    seen = await service.look_at_invitation(made.code, address=address(), now=LATER)
    assert (seen.name, seen.company_name, seen.login) == ("张 伟", tenant.name, None)
    login = f"zhang.{new_id().hex[-10:]}"
    await accept(made, login)

    assert await service.sign_in(login, OWN, address=address(), now=LATER)
    held = await queries.user(tenant.owner, person.user_id)
    assert (held.login, held.has_password, held.invited_until) == (login, True, None)
    actions = [entry.action for entry in (await audit.entries(tenant.owner)).items]
    assert {"invitation.made", "invitation.accepted"} <= set(actions)


async def test_a_proposed_login_name_may_be_kept_or_changed(tenant: Tenant) -> None:
    first = await newcomer(tenant, login=f"p.{new_id().hex[-10:]}")
    second = await newcomer(tenant, login=f"p.{new_id().hex[-10:]}")
    proposed = (await queries.user(tenant.owner, first.user_id)).login
    chosen = f"own.{new_id().hex[-10:]}"

    await accept(await service.new_invitation(tenant.owner, first.user_id, now=NOW), None)
    await accept(await service.new_invitation(tenant.owner, second.user_id, now=NOW), chosen)

    assert (await queries.user(tenant.owner, first.user_id)).login == proposed
    assert (await queries.user(tenant.owner, second.user_id)).login == chosen


async def test_a_code_is_good_once(tenant: Tenant) -> None:
    person = await newcomer(tenant, login=f"p.{new_id().hex[-10:]}")
    made = await service.new_invitation(tenant.owner, person.user_id, now=NOW)
    await accept(made, None)

    with pytest.raises(InvitationRefused):
        await accept(made, None, "another quiet harbour")
    with pytest.raises(InvitationRefused):
        await service.look_at_invitation(made.code, address=address(), now=LATER)


async def test_a_new_code_ends_the_one_before_and_an_owner_revokes(tenant: Tenant) -> None:
    person = await newcomer(tenant, login=f"p.{new_id().hex[-10:]}")
    first = await service.new_invitation(tenant.owner, person.user_id, now=NOW)
    second = await service.new_invitation(tenant.manager, person.user_id, now=NOW)
    with pytest.raises(InvitationRefused):
        await accept(first, None)

    for _ in range(2):
        await service.revoke_invitation(tenant.owner, person.user_id, now=NOW)

    with pytest.raises(InvitationRefused):
        await accept(second, None)
    assert (await queries.user(tenant.owner, person.user_id)).invited_until is None


@pytest.mark.parametrize("has_password", [False, True])
async def test_a_code_is_over_some_day(tenant: Tenant, *, has_password: bool) -> None:
    person = await newcomer(tenant, login=f"p.{new_id().hex[-10:]}")
    if has_password:
        await accept(await service.new_invitation(tenant.owner, person.user_id, now=NOW), None)
    made = await service.new_invitation(tenant.owner, person.user_id, now=NOW)
    assert made.expires_at == NOW + invitations.LIFE[invitations.purpose(has_password=has_password)]
    request = Acceptance(code=made.code, password=PASSWORD)

    with pytest.raises(InvitationRefused):
        await service.accept_invitation(request, address=address(), now=made.expires_at)
    before = made.expires_at - timedelta(seconds=1)
    assert await service.accept_invitation(request, address=address(), now=before)


async def test_a_forgotten_password_is_replaced_and_the_login_name_stays(
    tenant: Tenant, rep: Person
) -> None:
    made = await service.new_invitation(tenant.manager, rep.actor.user_id, now=NOW)
    assert made.purpose is Purpose.RESET
    # Until then the old one is good: an invitation locks nobody out.
    assert await service.sign_in(rep.login, rep.password, address=address(), now=NOW)

    await accept(made, "somebody.else")

    assert await service.sign_in(rep.login, OWN, address=address(), now=LATER)
    with pytest.raises(SignInRefused):
        await service.sign_in(rep.login, rep.password, address=address(), now=LATER)


async def test_a_refused_choice_leaves_the_code_good(tenant: Tenant) -> None:
    person = await newcomer(tenant)
    made = await service.new_invitation(tenant.owner, person.user_id, now=NOW)

    with pytest.raises(LoginTaken):
        await accept(made, login_of(tenant.rep))
    with pytest.raises(LoginMissing):
        await accept(made, None)
    with pytest.raises(PasswordTooCommon):
        await accept(made, f"p.{new_id().hex[-10:]}", "password123")

    await accept(made, f"p.{new_id().hex[-10:]}")


async def test_who_was_let_go_does_not_come_in_by_an_invitation(tenant: Tenant) -> None:
    person = await newcomer(tenant, login=f"p.{new_id().hex[-10:]}")
    made = await service.new_invitation(tenant.owner, person.user_id, now=NOW)
    await service.disable_user(tenant.owner, person.user_id, now=NOW)

    with pytest.raises(InvitationRefused):
        await accept(made, None)
    with pytest.raises(PersonGone):
        await service.new_invitation(tenant.owner, person.user_id, now=NOW)


async def test_who_leaves_does_not_come_in_as_a_colleague(tenant: Tenant) -> None:
    made = await service.new_invitation(tenant.manager, tenant.rep.user_id, now=NOW)
    code = await service.new_enrolment_code(tenant.manager, user_id=tenant.rep.user_id, now=NOW)

    await service.disable_user(tenant.owner, tenant.manager.user_id, now=NOW)

    with pytest.raises(InvitationRefused):
        await accept(made, None)
    with pytest.raises(EnrolmentCodeRefused):
        await enrol(code)


async def test_who_made_a_code_for_a_rep_does_not_become_an_owner_by_it(tenant: Tenant) -> None:
    made = await service.new_invitation(tenant.manager, tenant.rep.user_id, now=NOW)
    code = await service.new_enrolment_code(tenant.manager, user_id=tenant.rep.user_id, now=NOW)

    promotion = UserChange(role=Role.AGENT_OWNER)
    await service.change_user(tenant.owner, tenant.rep.user_id, promotion, now=NOW)

    with pytest.raises(InvitationRefused):
        await accept(made, None)
    with pytest.raises(EnrolmentCodeRefused):
        await enrol(code)


async def test_a_new_name_or_team_leaves_an_invitation_good(tenant: Tenant) -> None:
    person = await newcomer(tenant, login=f"p.{new_id().hex[-10:]}")
    made = await service.new_invitation(tenant.owner, person.user_id, now=NOW)

    await service.change_user(tenant.owner, person.user_id, UserChange(name="张薇"), now=NOW)

    await accept(made, None)


async def test_people_invite_those_in_their_charge_and_nobody_themselves(tenant: Tenant) -> None:
    with pytest.raises(InvitationForOneself):
        await service.new_invitation(tenant.owner, tenant.owner.user_id, now=NOW)
    with pytest.raises(NotYours):
        await service.new_invitation(tenant.manager, tenant.owner.user_id, now=NOW)
    with pytest.raises(Forbidden):
        await service.new_invitation(tenant.rep, tenant.manager.user_id, now=NOW)


async def test_guessing_codes_is_stopped(tenant: Tenant) -> None:
    here = address()
    for _ in range(throttles.INVITATION_BY_ADDRESS.tries_max):
        with pytest.raises(InvitationRefused):
            await service.look_at_invitation(_no_code(), address=here, now=NOW)

    with pytest.raises(TooManyTries):
        await service.look_at_invitation(_no_code(), address=here, now=NOW)


async def test_refused_tries_of_one_address_use_up_nothing_that_all_share(
    tenant: Tenant,
) -> None:
    here = throttles.Throttle("narrow", 2, timedelta(minutes=15)), new_id().hex
    there = here[0], new_id().hex
    of_all = throttles.Throttle("wide", 3, timedelta(minutes=15)), new_id().hex
    await counters.count([here, of_all], now=NOW)
    await counters.count([here, of_all], now=NOW)
    for _ in range(5):
        with pytest.raises(TooManyTries):
            await counters.count([here, of_all], now=NOW)

    await counters.count([there, of_all], now=NOW)

    with pytest.raises(TooManyTries):
        await counters.count([there, of_all], now=NOW)


async def test_the_platform_invites_an_owner_until_that_one_has_joined(tenant: Tenant) -> None:
    operator, owner = make_platform_actor(), tenant.owner
    await join(operator, owner, PASSWORD)

    with pytest.raises(OwnerHasJoined):
        await service.invite_first_owner(operator, tenant.tenant_id, owner.user_id, now=NOW)
    for actor in (owner, make_platform_actor(Role.PLATFORM_FINANCE)):
        with pytest.raises(Forbidden):
            await service.invite_first_owner(actor, tenant.tenant_id, owner.user_id, now=NOW)


async def test_the_database_knows_no_code(tenant: Tenant) -> None:
    person = await newcomer(tenant)
    made = await service.new_invitation(tenant.owner, person.user_id, now=NOW)

    async with db.global_transaction():
        row = await db.connection().fetchrow(
            "SELECT i::text AS said FROM invitation i WHERE user_id = $1", person.user_id
        )

    assert row is not None
    assert made.code.replace("-", "") not in row["said"].upper()


@given(st.lists(st.sampled_from(ALPHABET), min_size=15, max_size=15), st.data())
def test_one_wrong_symbol_is_found(symbols: list[str], data: st.DataObject) -> None:
    given = iter(symbols)
    code = invitations.CODES.new(lambda _: next(given))
    at = data.draw(st.integers(0, len(code) - 1))
    wrong = data.draw(st.sampled_from(ALPHABET.replace(code[at], "")))

    assert invitations.CODES.read(f" {invitations.CODES.shown(code).lower()} ") == code
    with pytest.raises(InvitationMistyped):
        invitations.CODES.read(code[:at] + wrong + code[at + 1 :])


def _no_code() -> str:
    """Make a code that nobody has."""
    symbols = iter(new_id().int.to_bytes(16, "big"))
    return invitations.CODES.new(lambda alphabet: alphabet[next(symbols) % len(alphabet)])
