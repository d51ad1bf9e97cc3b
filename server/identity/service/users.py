"""People of a tenant: add, change, let go, and one's own password."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import (
    PLATFORM_TENANT,
    Actor,
    Permission,
    Role,
    Scope,
    default_scope,
    ensure,
    reads_records,
)
from server.audit import service as audit
from server.identity import charges, hashing, queries, standings
from server.identity.rules import logins, passwords, people, throttles
from server.identity.rules.logins import LoginTaken
from server.identity.schemas import NewUser, UserChange, UserView
from server.identity.service import devices, seats
from server.identity.service import throttles as counters
from server.identity.service.proof import prove
from server.kit import db, ids
from server.kit.errors import IdReused, NotFound
from server.kit.text import cleaned
from server.tenants import service as tenants

_ADD: Final = """
INSERT INTO user_account (tenant_id, id, name, role, team_id, scope, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, id) DO NOTHING
RETURNING id
"""
_ADD_LOGIN: Final = """
INSERT INTO login_name (login, tenant_id, user_id, password_hash, changed_at)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
RETURNING login
"""
_TEAM: Final = "SELECT true FROM team WHERE tenant_id = $1 AND id = $2"
_HOLD: Final = """
SELECT id, role, team_id, scope, name, disabled_at FROM user_account
WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE
"""
_OWNERS: Final = """
SELECT id FROM user_account
WHERE tenant_id = $1 AND role = 'agent_owner' AND disabled_at IS NULL
ORDER BY id FOR NO KEY UPDATE
"""
_CHANGE: Final = """
UPDATE user_account SET name = $3, role = $4, team_id = $5, scope = $6
WHERE tenant_id = $1 AND id = $2
"""
_DISABLE: Final = """
UPDATE user_account SET disabled_at = $3, session_version = session_version + 1
WHERE tenant_id = $1 AND id = $2
"""
_REVOKE_INVITATIONS: Final = """
UPDATE invitation SET revoked_at = $3
WHERE tenant_id = $1 AND $2 IN (user_id, created_by) AND used_at IS NULL AND revoked_at IS NULL
"""
_END_CODES: Final = """
UPDATE enrolment_code SET expires_at = least(expires_at, $3)
WHERE tenant_id = $1 AND $2 IN (user_id, created_by)
"""
_ENABLE: Final = "UPDATE user_account SET disabled_at = NULL WHERE tenant_id = $1 AND id = $2"
_OUT: Final = """
UPDATE user_account SET session_version = session_version + 1 WHERE tenant_id = $1 AND id = $2
"""
_NEW_HASH: Final = """
UPDATE login_name SET password_hash = $3, changed_at = $4
WHERE tenant_id = $1 AND user_id = $2
"""
_END_FAMILIES: Final = """
UPDATE refresh_family SET revoked_at = $3, revoked_for = 'password_changed'
WHERE tenant_id = $1 AND user_id = $2 AND device_id IS NULL AND revoked_at IS NULL
  AND id IS DISTINCT FROM $4
"""
_END_OTHERS: Final = """
UPDATE refresh_family SET revoked_at = $3, revoked_for = 'signed_out_elsewhere'
WHERE tenant_id = $1 AND user_id = $2 AND device_id IS NULL AND revoked_at IS NULL
  AND id IS DISTINCT FROM $4
"""
_END_WEB: Final = """
UPDATE web_session SET revoked_at = $3
WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL AND id IS DISTINCT FROM $4
"""


async def invite(actor: Actor, request: NewUser, *, now: datetime) -> UserView:
    """Add a person to the actor's company. The same id and content may come again.

    The person comes in by an invitation (`new_invitation`) or by a device that is enrolled.

    :raises NotYours: a manager adds reps of the own team.
    :raises LoginTaken: somebody has this login name already.
    :raises TooManyTries: the company has met too many names in use today.
    :raises IdReused: the id belongs to another person.
    :raises PlanLimitReached: the company's plan has no seat left.
    """
    scope = request.scope or _first_scope(request)
    people.ensure_may_invite(actor, request.role, scope, request.team_id)
    people.ensure_agent_role(request.role)
    user_id = request.id or ids.new_id(now)
    try:
        return await _invite(actor, user_id, request, now)
    except LoginTaken:
        # Login names are one space for all companies, so this answer tells who is a user.
        await counters.count([(throttles.LOGIN_TAKEN, str(actor.tenant_id))], now=now)
        raise


async def _invite(actor: Actor, user_id: UUID, request: NewUser, now: datetime) -> UserView:
    """Write the person down with the line in the trail."""
    async with db.tenant_transaction(actor.tenant_id):
        await seats.ensure_seat(actor.tenant_id, user_id, now=now)
        await add_person(actor.tenant_id, user_id, request, now=now)
        await audit.record(
            actor, "user.invited", subject_id=user_id, now=now, role=request.role.value
        )
        return await queries.one_user(actor.tenant_id, user_id)


async def found_company(
    tenant_id: UUID,
    team_id: UUID,
    owner: NewUser,
    *,
    team_name: str,
    now: datetime,
) -> UserView:
    """Add the first team and the owner to a workspace just provisioned. May be repeated.

    The owner comes in by an invitation (`invite_first_owner`).
    """
    assert owner.id is not None, "the platform gives the owner's id, so that it may repeat this"
    people.ensure_owner(owner.role)
    async with db.tenant_transaction(tenant_id):
        await tenants.add_team(tenant_id, team_id, name=team_name, now=now)
        await add_person(tenant_id, owner.id, owner, now=now)
        return await queries.one_user(tenant_id, owner.id)


async def add_staff(request: NewUser, *, password: str | None = None, now: datetime) -> UserView:
    """Add one of the platform's own people; for the operator's shell, which has no Actor."""
    people.ensure_staff_role(request.role)
    user_id = request.id or ids.new_id(now)
    secret = None
    if password is not None:
        passwords.ensure_acceptable(password, about=(request.login or "", request.name))
        secret = await hashing.hash_password(password)
    await tenants.provision(
        PLATFORM_TENANT, name="平台 Platform", short_name="平台", city="", now=now
    )
    async with db.tenant_transaction(PLATFORM_TENANT):
        await add_person(PLATFORM_TENANT, user_id, request, secret=secret, now=now)
        return await queries.one_user(PLATFORM_TENANT, user_id)


async def add_person(
    tenant_id: UUID,
    user_id: UUID,
    request: NewUser,
    *,
    secret: str | None = None,
    now: datetime,
) -> None:
    """Write person and login name down, or find them there with the same content."""
    login = None if request.login is None else logins.ensure_usable(request.login)
    scope = request.scope or _first_scope(request)
    people.ensure_scope(scope, request.team_id)
    await _ensure_team(tenant_id, request.team_id)
    name = people.ensure_name(cleaned(request.name, "name"))
    content = (name, request.role, request.team_id, scope)
    added = await db.connection().fetchval(_ADD, tenant_id, user_id, *content, now)
    if added is None:
        return await _ensure_same(tenant_id, user_id, (login, *content))
    if login is not None:
        await give_login(tenant_id, user_id, login, secret, now=now)
    return None


async def give_login(
    tenant_id: UUID, user_id: UUID, login: str, secret: str | None, *, now: datetime
) -> None:
    """Write a person's login name down, inside the open transaction.

    :raises LoginTaken: somebody has it already.
    """
    added = await db.connection().fetchval(_ADD_LOGIN, login, tenant_id, user_id, secret, now)
    if added is None:
        raise LoginTaken("This login name is in use; choose another.", field="login")


def _first_scope(request: NewUser) -> Scope:
    """Give the scope of a role; a manager without a team has none to see."""
    scope = default_scope(request.role)
    return Scope.MINE if scope is Scope.TEAM and request.team_id is None else scope


async def _ensure_same(tenant_id: UUID, user_id: UUID, content: tuple[Any, ...]) -> None:
    """Accept a repeated request, refuse another one under the same id.

    A login name that was not given is the person's own choice, whatever it is by now.
    """
    held = await queries.one_user(tenant_id, user_id)
    login = held.login if content[0] is not None else None
    if (login, held.name, held.role, held.team_id, held.scope) != content:
        raise IdReused("This id belongs to another person; make a new one.", field="id")


async def _ensure_team(tenant_id: UUID, team_id: UUID | None) -> None:
    """Refuse a team that is not the company's."""
    if team_id is not None and not await db.connection().fetchval(_TEAM, tenant_id, team_id):
        raise people.NoSuchTeam("There is no such team.", field="team_id")


async def change_user(
    actor: Actor, user_id: UUID, change: UserChange, *, now: datetime
) -> UserView:
    """Change a person's name, role, team or scope; reads follow within 30 s, writes at once.

    Another role ends the codes that are open for or by the person: who made one had charge of
    somebody else. Whoever becomes an analyst loses the devices, and they what they hold.

    :raises LastOwner: a company keeps at least one owner.
    :raises StillInCharge: whoever becomes an analyst has customers.
    """
    ensure(actor, Permission.USERS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        owners = await _hold_owners(actor.tenant_id)
        held = await _hold(actor.tenant_id, user_id)
        new = people.changed(held, change)
        await _ensure_team(actor.tenant_id, new.team_id)
        if held.role is Role.AGENT_OWNER and new.role is not Role.AGENT_OWNER:
            people.ensure_other_owner(owners, user_id)
        if reads_records(held.role) and not reads_records(new.role):
            await charges.ensure_none(actor.tenant_id, user_id)
        await db.connection().execute(
            _CHANGE, actor.tenant_id, user_id, new.name, new.role, new.team_id, new.scope
        )
        if new.role is not held.role:
            await _end_codes(actor.tenant_id, user_id, now)
        if not reads_records(new.role):
            await devices.revoke_all(actor, user_id, now=now)
        await audit.record(actor, "user.changed", subject_id=user_id, now=now, role=new.role.value)
        standings.forget_on_commit()
        return await queries.one_user(actor.tenant_id, user_id)


async def disable_user(actor: Actor, user_id: UUID, *, now: datetime) -> UserView:
    """Let a person go: no sign-in, no session, no device works any more. May be repeated.

    Nor does a code that the person has made, or whoever leaves would come in as a colleague.
    """
    ensure(actor, Permission.USERS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        owners = await _hold_owners(actor.tenant_id)
        held = await _hold(actor.tenant_id, user_id)
        if held.disabled_at is None:
            if held.role is Role.AGENT_OWNER:
                people.ensure_other_owner(owners, user_id)
            await db.connection().execute(_DISABLE, actor.tenant_id, user_id, now)
            await _end_codes(actor.tenant_id, user_id, now)
            await audit.record(actor, "user.disabled", subject_id=user_id, now=now)
            standings.forget_on_commit()
        return await queries.one_user(actor.tenant_id, user_id)


async def _end_codes(tenant_id: UUID, user_id: UUID, now: datetime) -> None:
    """End the open invitations and enrolment codes for a person, and those by the person."""
    await db.connection().execute(_REVOKE_INVITATIONS, tenant_id, user_id, now)
    await db.connection().execute(_END_CODES, tenant_id, user_id, now)


async def enable_user(actor: Actor, user_id: UUID, *, now: datetime) -> UserView:
    """Let a person come back; they sign in anew. May be repeated.

    :raises PlanLimitReached: the company's plan has no seat left.
    """
    ensure(actor, Permission.USERS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        held = await _hold(actor.tenant_id, user_id)
        if held.disabled_at is not None:
            await seats.ensure_seat(actor.tenant_id, user_id, now=now)
            await db.connection().execute(_ENABLE, actor.tenant_id, user_id)
            await audit.record(actor, "user.enabled", subject_id=user_id, now=now)
        return await queries.one_user(actor.tenant_id, user_id)


async def _hold(tenant_id: UUID, user_id: UUID) -> people.Person:
    """Lock a person's row."""
    row = await db.connection().fetchrow(_HOLD, tenant_id, user_id)
    if row is None:
        raise NotFound
    return msgspec.convert(dict(row), people.Person)


async def _hold_owners(tenant_id: UUID) -> set[UUID]:
    """Lock the owners' rows, in one order and before any other, so that two cannot go at once."""
    return {row["id"] for row in await db.connection().fetch(_OWNERS, tenant_id)}


async def change_password(
    actor: Actor, current: str, new: str, *, address: str, now: datetime
) -> None:
    """Change one's own password; other browsers are signed out, this one and the devices stay.

    :raises SignInRefused: the present password is wrong; tries are counted like a sign-in.
    """
    async with db.tenant_transaction(actor.tenant_id):
        held = await queries.one_user(actor.tenant_id, actor.user_id)
    login = held.login or ""
    here = f"session {actor.session_id or actor.device_id}"
    await prove(login, current, address=address, known_place=here, now=now)
    passwords.ensure_acceptable(new, about=(login, held.name), field="new_password")
    secret = await hashing.hash_password(new)
    async with db.tenant_transaction(actor.tenant_id):
        await db.connection().execute(_NEW_HASH, actor.tenant_id, actor.user_id, secret, now)
        await end_password_sessions(actor, login, now=now)
        await audit.record(actor, "password.changed", subject_id=actor.user_id, now=now)


async def end_password_sessions(actor: Actor, login: str, *, now: datetime) -> None:
    """End what the actor's old password began, but not the actor's present session.

    Inside the open transaction; guesses at the old password are forgotten.
    """
    connection, whose = db.connection(), (actor.tenant_id, actor.user_id)
    await connection.execute(_END_FAMILIES, *whose, now, actor.session_id)
    await connection.execute(_END_WEB, *whose, now, actor.session_id)
    await counters.clear_login(login)
    standings.forget_on_commit()


async def sign_out_elsewhere(actor: Actor, *, now: datetime) -> None:
    """End the actor's other browsers and API sessions; this one and the devices stay."""
    whose = (actor.tenant_id, actor.user_id)
    async with db.tenant_transaction(actor.tenant_id):
        await db.connection().execute(_END_OTHERS, *whose, now, actor.session_id)
        await db.connection().execute(_END_WEB, *whose, now, actor.session_id)
        await audit.record(actor, "other_sessions.ended", subject_id=actor.user_id, now=now)
        standings.forget_on_commit()


async def sign_out_everywhere(actor: Actor, *, now: datetime) -> None:
    """End all of the actor's sessions, browsers and devices alike; devices need a new code."""
    async with db.tenant_transaction(actor.tenant_id):
        await db.connection().execute(_OUT, actor.tenant_id, actor.user_id)
        await audit.record(actor, "sessions.ended", subject_id=actor.user_id, now=now)
        standings.forget_on_commit()
