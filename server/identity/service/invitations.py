"""Invitations: let a person set login name and password alone, by a one-time code.

Nobody but the person ever knows the password. A person has one open invitation; a new one ends the
one before.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.identity import hashing, queries, standings
from server.identity.rules import invitations, logins, passwords, throttles
from server.identity.rules.invitations import (
    InvitationForOneself,
    OwnerHasJoined,
    PersonGone,
    Purpose,
)
from server.identity.rules.standing import Standing, ensure_in_charge
from server.identity.rules.standing import actor as actor_of
from server.identity.schemas import Acceptance, InvitationView, Invited, Joined, UserView
from server.identity.service import codes, users
from server.identity.service import throttles as counters
from server.identity.service.throttles import Counted
from server.kit import db

_ADD: Final = """
INSERT INTO invitation (code_hash, tenant_id, user_id, purpose, created_by, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_REVOKE: Final = """
UPDATE invitation SET revoked_at = $3
WHERE tenant_id = $1 AND user_id = $2 AND used_at IS NULL AND revoked_at IS NULL
RETURNING code_hash
"""
_FIND: Final = """
SELECT code_hash, tenant_id, user_id, purpose, expires_at FROM invitation
WHERE code_hash = ANY($1) AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $2
"""
_USE: Final = """
UPDATE invitation SET used_at = $2
WHERE code_hash = $1 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $2
RETURNING code_hash
"""
_HOLD: Final = """
SELECT true FROM user_account WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE
"""
_FORGET_LOGIN: Final = "DELETE FROM login_name WHERE tenant_id = $1 AND user_id = $2"


async def new_invitation(actor: Actor, user_id: UUID, *, now: datetime) -> InvitationView:
    """Invite a person in the actor's charge to set a password; the code is shown this once.

    Whoever has a password keeps it until the new one is set.

    :raises NotFound: there is no such person here.
    :raises NotYours: the person is not in the actor's charge.
    :raises PersonGone: the person was let go.
    """
    ensure(actor, Permission.USERS_INVITE)
    if user_id == actor.user_id:
        raise InvitationForOneself("Change your own password with the one you have.")
    await counters.count([(throttles.INVITATION_MADE, str(actor.user_id))], now=now)
    async with db.tenant_transaction(actor.tenant_id):
        person = await _hold(actor.tenant_id, user_id)
        ensure_in_charge(actor, user_id, role=person.role, team_id=person.team_id)
        return await _make(actor, actor.tenant_id, person, now)


async def invite_first_owner(
    actor: Actor, tenant_id: UUID, user_id: UUID, *, now: datetime
) -> InvitationView:
    """Invite the owner of an agent just admitted; the platform may, until the owner has joined.

    :raises OwnerHasJoined: from then on the company sees to its own people.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    async with db.tenant_transaction(tenant_id):
        owner = await _hold(tenant_id, user_id)
        if owner.has_password:
            raise OwnerHasJoined("The owner has joined; the company sees to its own people now.")
        return await _make(actor, tenant_id, owner, now)


async def _hold(tenant_id: UUID, user_id: UUID) -> UserView:
    """Lock a person's row, so that two invitations come one after the other."""
    await db.connection().fetchval(_HOLD, tenant_id, user_id)
    return await queries.one_user(tenant_id, user_id)


async def _make(actor: Actor, tenant_id: UUID, person: UserView, now: datetime) -> InvitationView:
    """Write a new invitation in the place of an open one."""
    if person.disabled_at is not None:
        raise PersonGone("This person was let go; let them back in first.")
    made = codes.make(invitations.CODES)
    purpose = invitations.purpose(has_password=person.has_password)
    expires_at = now + invitations.LIFE[purpose]
    await db.connection().execute(_REVOKE, tenant_id, person.id, now)
    await db.connection().execute(
        _ADD, made.code_hash, tenant_id, person.id, purpose, actor.user_id, now, expires_at
    )
    if not actor.is_platform:
        await audit.record(
            actor, "invitation.made", subject_id=person.id, now=now, purpose=purpose.value
        )
    return InvitationView(
        code=made.shown,
        uri=made.uri,
        qr_svg=made.qr_svg,
        user_id=person.id,
        purpose=purpose,
        expires_at=expires_at,
    )


async def revoke_invitation(actor: Actor, user_id: UUID, *, now: datetime) -> None:
    """End a person's open invitation, if there is one. May be repeated."""
    ensure(actor, Permission.USERS_INVITE)
    async with db.tenant_transaction(actor.tenant_id):
        person = await _hold(actor.tenant_id, user_id)
        ensure_in_charge(actor, user_id, role=person.role, team_id=person.team_id)
        if await db.connection().fetch(_REVOKE, actor.tenant_id, user_id, now):
            await audit.record(actor, "invitation.revoked", subject_id=user_id, now=now)


async def look_at_invitation(text: str, *, address: str, now: datetime) -> Invited:
    """Tell who holds an open code to what they are invited.

    :raises InvitationMistyped: the check symbol does not fit.
    :raises InvitationRefused: no such code, or it is used, revoked or over.
    """
    row = await _found(text, address=address, now=now)
    async with db.tenant_transaction(row["tenant_id"], readonly=True):
        person = await queries.one_user(row["tenant_id"], row["user_id"])
        company = await db.connection().fetchval(
            "SELECT name FROM tenant WHERE tenant_id = $1", row["tenant_id"]
        )
    return Invited(
        company_name=company,
        name=person.name,
        role=person.role,
        login=person.login,
        purpose=Purpose(row["purpose"]),
        expires_at=row["expires_at"],
    )


async def accept_invitation(request: Acceptance, *, address: str, now: datetime) -> Joined:
    """Set login name and password of the person for whom the code was made, once.

    What an older password began is ended; the devices stay.

    :raises InvitationRefused: no such code, or it is used, revoked or over.
    :raises LoginTaken: somebody else has this login name; the code is still good.
    """
    row = await _found(request.code, address=address, now=now)
    whose: tuple[UUID, UUID] = (row["tenant_id"], row["user_id"])
    async with db.tenant_transaction(whose[0], readonly=True):
        person = await queries.one_user(*whose)
    login = _login(person, request, Purpose(row["purpose"]))
    passwords.ensure_acceptable(request.password, about=(login, person.name))
    secret = await hashing.hash_password(request.password)
    try:
        await _join(whose, row["code_hash"], login, secret, now)
    except logins.LoginTaken:
        # Login names are one space for all companies, so this answer tells who is a user.
        await counters.count([(throttles.LOGIN_TAKEN, str(whose[0]))], now=now)
        raise
    return Joined(login=login, tenant_id=whose[0], user_id=whose[1])


def _login(person: UserView, request: Acceptance, purpose: Purpose) -> str:
    """Decide the login name: chosen when joining, kept when only a password is new."""
    if purpose is Purpose.RESET and person.login is not None:
        return person.login
    if request.login is not None:
        return logins.ensure_usable(request.login)
    if person.login is None:
        raise logins.LoginMissing("Choose a login name.", field="login")
    return person.login


async def _join(
    whose: tuple[UUID, UUID], code_hash: bytes, login: str, secret: str, now: datetime
) -> None:
    """Use the code up, and write login name and password down."""
    async with db.tenant_transaction(whose[0]):
        used = await db.connection().fetchval(_USE, code_hash, now)
        standing = None if used is None else await _standing(whose)
        if standing is None:
            raise invitations.CODES.refusal()
        await db.connection().execute(_FORGET_LOGIN, *whose)
        await users.give_login(*whose, login, secret, now=now)
        who = actor_of(standing, device_id=None, session_id=None)
        await users.end_password_sessions(who, login, now=now)
        await audit.record(who, "invitation.accepted", subject_id=who.user_id, now=now)


async def _standing(whose: tuple[UUID, UUID]) -> Standing | None:
    """Give the standing of somebody who was not let go meanwhile."""
    standing = await standings.read(*whose)
    return standing if standing is not None and standing.disabled_at is None else None


async def _found(text: str, *, address: str, now: datetime) -> Any:
    """Find an open invitation; what is not one counts as a guess."""
    wanted = codes.hashes(invitations.CODES, text)
    limits: list[Counted] = [
        (throttles.INVITATION_BY_ADDRESS, throttles.address_subject(address)),
        (throttles.INVITATION_BY_ALL, ""),
    ]
    await counters.count(limits, now=now)
    async with db.global_transaction():
        row = await db.connection().fetchrow(_FIND, wanted, now)
        if row is None:
            raise invitations.CODES.refusal()
        for throttle, subject in limits:
            await counters.give_back(throttle, subject)
    return row
