"""Look up people and devices."""

from datetime import date
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, Role, Sharing, ensure, reads_records
from server.identity import standings
from server.identity.rules import standing
from server.identity.schemas import (
    AbsenceView,
    Colleague,
    DeviceHealth,
    DeviceView,
    Directory,
    Me,
    PhoneMaskView,
    SharingView,
    UserView,
)
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor
from server.tenants import queries as tenants

_FIRST: Final = UUID(int=0)
_SUPERIORS: Final = """
SELECT u.id, u.role FROM user_account u
WHERE u.tenant_id = $1 AND u.id <> $2 AND u.disabled_at IS NULL
    AND (u.role = 'agent_owner' OR (u.role = 'sales_manager' AND u.team_id = (
        SELECT team_id FROM user_account WHERE tenant_id = $1 AND id = $2
    )))
ORDER BY u.id
"""

_STAFF: Final = """
SELECT id, role, team_id FROM user_account
WHERE tenant_id = $1 AND disabled_at IS NULL ORDER BY id
"""

_USERS: Final = """
SELECT u.id, l.login, u.name, u.role, u.team_id, u.scope, u.created_at, u.disabled_at,
       l.password_hash IS NOT NULL AS has_password, i.expires_at AS invited_until,
       d.devices, d.last_sync_at
FROM user_account u
LEFT JOIN login_name l ON l.tenant_id = u.tenant_id AND l.user_id = u.id
LEFT JOIN invitation i ON i.tenant_id = u.tenant_id AND i.user_id = u.id
    AND i.used_at IS NULL AND i.revoked_at IS NULL
CROSS JOIN LATERAL (
    SELECT count(*) AS devices, max(last_sync_at) AS last_sync_at FROM device
    WHERE tenant_id = u.tenant_id AND user_id = u.id AND revoked_at IS NULL
) d
WHERE u.tenant_id = $1
"""
_DEVICES: Final = """
SELECT d.id, d.user_id, u.name AS user_name, d.name, d.platform, d.app_version, d.enrolled_at,
       d.revoked_at, d.last_sync_at, d.last_op, d.pending,
       GREATEST(d.last_sync_at, d.enrolled_at) + make_interval(hours => t.lease_hours)
           AS lease_until
FROM device d
JOIN user_account u ON u.tenant_id = d.tenant_id AND u.id = d.user_id
JOIN tenant t ON t.tenant_id = d.tenant_id
WHERE d.tenant_id = $1
"""
_IN_CHARGE: Final = """
AND ($2::uuid IS NULL OR u.id = $2 OR (u.team_id = $3 AND u.role = 'sales_rep'))
"""
_LOGIN: Final = """
SELECT login, password_hash IS NOT NULL AS has_password
FROM login_name WHERE tenant_id = $1 AND user_id = $2
"""
_LOGINS: Final = "SELECT login FROM login_name WHERE tenant_id = $1"
_OWNERS: Final = """
SELECT id FROM user_account WHERE tenant_id = $1 AND role = 'agent_owner' AND disabled_at IS NULL
"""
_AN_OWNER: Final = """
SELECT id FROM user_account WHERE tenant_id = $1 AND role = 'agent_owner' AND disabled_at IS NULL
ORDER BY id LIMIT 1
"""
_HEALTH: Final = """
SELECT count(*) AS devices, max(last_sync_at) AS last_sync_at,
       COALESCE(sum(pending), 0)::bigint AS pending
FROM device WHERE tenant_id = $1 AND revoked_at IS NULL
"""
_ABSENCES: Final = """
SELECT id, user_id, starts_on, ends_on, note FROM absence WHERE tenant_id = $1
"""


async def me(actor: Actor) -> Me:
    """Tell who is signed in, and where."""
    company = await tenants.tenant(actor)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        row = await db.connection().fetchrow(_LOGIN, actor.tenant_id, actor.user_id)
    return Me(
        user_id=actor.user_id,
        tenant_id=actor.tenant_id,
        tenant_name=company.name,
        name=actor.name,
        role=actor.role,
        scope=actor.scope,
        team_id=actor.team_id,
        device_id=actor.device_id,
        login=None if row is None else row["login"],
        has_password=row is not None and row["has_password"],
    )


async def logins(tenant_id: UUID) -> list[str]:
    """List what the people of a company type to sign in, in its open transaction."""
    return [row["login"] for row in await db.connection().fetch(_LOGINS, tenant_id)]


async def owners(tenant_id: UUID) -> list[UUID]:
    """List the owners of a company, in its open transaction."""
    return [row["id"] for row in await db.connection().fetch(_OWNERS, tenant_id)]


async def users(actor: Actor, *, cursor: str | None = None) -> Page[UserView]:
    """List the people in the actor's charge, in the order in which they came.

    An owner sees everybody, a manager the own team.
    """
    ensure(actor, Permission.USERS_INVITE)
    after = decode_cursor(cursor, tuple[UUID])[0] if cursor else _FIRST
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            _USERS + _IN_CHARGE + "AND u.id > $4 ORDER BY u.id LIMIT $5",
            actor.tenant_id,
            *_charge(actor),
            after,
            PAGE_SIZE + 1,
        )
    items = [msgspec.convert(dict(row), UserView) for row in rows[:PAGE_SIZE]]
    return Page(items, encode_cursor(items[-1].id) if len(rows) > PAGE_SIZE else None)


async def user(actor: Actor, user_id: UUID) -> UserView:
    """Give one person in the actor's charge."""
    ensure(actor, Permission.USERS_INVITE)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        row = await db.connection().fetchrow(
            _USERS + _IN_CHARGE + "AND u.id = $4", actor.tenant_id, *_charge(actor), user_id
        )
    if row is None:
        raise NotFound
    return msgspec.convert(dict(row), UserView)


def _charge(actor: Actor) -> tuple[UUID | None, UUID | None]:
    """Say who is in the actor's charge: nobody else's, or with two nulls everybody."""
    if actor.role is Role.AGENT_OWNER:
        return None, None
    return actor.user_id, actor.team_id if actor.role is Role.SALES_MANAGER else None


async def one_user(tenant_id: UUID, user_id: UUID) -> UserView:
    """Give one person, inside an open transaction of the tenant."""
    row = await db.connection().fetchrow(_USERS + "AND u.id = $2", tenant_id, user_id)
    if row is None:
        raise NotFound
    return msgspec.convert(dict(row), UserView)


async def job_actor(tenant_id: UUID, user_id: UUID) -> Actor | None:
    """Give the Actor of a person whose work a job goes on with; null when they were let go."""
    held = await standings.read(tenant_id, user_id)
    if held is None or held.disabled_at is not None:
        return None
    return standing.actor(held, device_id=None, session_id=None)


async def an_owner(tenant_id: UUID) -> Actor | None:
    """Give the Actor of the company's first owner who is there, to whom what comes is given."""
    async with db.tenant_transaction(tenant_id, readonly=True):
        user_id = await db.connection().fetchval(_AN_OWNER, tenant_id)
    return None if user_id is None else await job_actor(tenant_id, user_id)


async def author(tenant_id: UUID, user_id: UUID) -> Actor | None:
    """Give the Actor of a person whose words were taken; also when they were let go since."""
    held = await standings.read(tenant_id, user_id)
    return None if held is None else standing.actor(held, device_id=None, session_id=None)


async def device_health(tenant_id: UUID) -> DeviceHealth:
    """Say how a tenant's devices are; call inside its transaction, for a job has no Actor."""
    row = await db.connection().fetchrow(_HEALTH, tenant_id)
    assert row is not None, "an aggregate gives one row"
    return msgspec.convert(dict(row), DeviceHealth)


async def devices(actor: Actor, *, cursor: str | None = None) -> Page[DeviceView]:
    """List the devices in the actor's charge: an owner's all, a manager's team's, a rep's own."""
    after = decode_cursor(cursor, tuple[UUID])[0] if cursor else _FIRST
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            _DEVICES + _IN_CHARGE + "AND d.id > $4 ORDER BY d.id LIMIT $5",
            actor.tenant_id,
            *_charge(actor),
            after,
            PAGE_SIZE + 1,
        )
    items = [msgspec.convert(dict(row), DeviceView) for row in rows[:PAGE_SIZE]]
    return Page(items, encode_cursor(items[-1].id) if len(rows) > PAGE_SIZE else None)


async def device(actor: Actor, device_id: UUID) -> DeviceView:
    """Give one device in the actor's charge."""
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        row = await db.connection().fetchrow(
            _DEVICES + _IN_CHARGE + "AND d.id = $4", actor.tenant_id, *_charge(actor), device_id
        )
    if row is None:
        raise NotFound
    return msgspec.convert(dict(row), DeviceView)


async def directory(actor: Actor) -> Directory:
    """Name the people and devices of the actor's company, to say who changed what where."""
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        people = await db.connection().fetch(
            "SELECT id, name, role, disabled_at FROM user_account WHERE tenant_id = $1 ORDER BY id",
            actor.tenant_id,
        )
        devices = await db.connection().fetch(
            "SELECT id, name FROM device WHERE tenant_id = $1", actor.tenant_id
        )
    return Directory(
        people={row["id"]: row["name"] for row in people},
        devices={row["id"]: row["name"] for row in devices},
        keepers=frozenset(
            row["id"]
            for row in people
            if row["disabled_at"] is None and reads_records(Role(row["role"]))
        ),
    )


async def ensure_in_charge(actor: Actor, user_id: UUID) -> None:
    """Refuse somebody who is neither the actor nor in the actor's charge; in the transaction.

    :raises NotFound: also when there is no such person.
    """
    row = await db.connection().fetchrow(
        _USERS + _IN_CHARGE + "AND u.id = $4", actor.tenant_id, *_charge(actor), user_id
    )
    if row is None:
        raise NotFound


async def one_absence(tenant_id: UUID, absence_id: UUID) -> AbsenceView:
    """Give an absence, inside an open transaction of the tenant."""
    row = await db.connection().fetchrow(_ABSENCES + "AND id = $2", tenant_id, absence_id)
    if row is None:
        raise NotFound
    return msgspec.convert(dict(row), AbsenceView)


async def absences(actor: Actor, user_id: UUID) -> list[AbsenceView]:
    """List when a person is away, the latest first: oneself, or a person in one's charge."""
    async with db.tenant_transaction(actor.tenant_id):
        await ensure_in_charge(actor, user_id)
        rows = await db.connection().fetch(
            _ABSENCES + "AND user_id = $2 ORDER BY starts_on DESC, id DESC LIMIT 200",
            actor.tenant_id,
            user_id,
        )
    return [msgspec.convert(dict(row), AbsenceView) for row in rows]


async def absent_on(tenant_id: UUID, day: date) -> set[UUID]:
    """Give who is away on a day; inside an open transaction of the tenant."""
    rows = await db.connection().fetch(
        "SELECT DISTINCT user_id FROM absence"
        " WHERE tenant_id = $1 AND starts_on <= $2 AND ends_on >= $2",
        tenant_id,
        day,
    )
    return {row["user_id"] for row in rows}


async def staff(tenant_id: UUID) -> list[Colleague]:
    """Name who is of a company and signs in, in which role and team; in an open transaction."""
    rows = await db.connection().fetch(_STAFF, tenant_id)
    return [msgspec.convert(dict(row), Colleague) for row in rows]


async def staff_names(actor: Actor) -> dict[UUID, str]:
    """Name the platform's staff, also former ones, to say who did what."""
    actor.ensure_platform()
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            "SELECT id, name FROM user_account WHERE tenant_id = $1", actor.tenant_id
        )
    return {row["id"]: row["name"] for row in rows}


async def superiors(tenant_id: UUID, user_id: UUID) -> list[UUID]:
    """Name who answers for somebody, inside an open transaction of the tenant.

    The managers of the person's team; where there is none but the person, the owners.
    """
    rows = await db.connection().fetch(_SUPERIORS, tenant_id, user_id)
    managers = [row["id"] for row in rows if row["role"] == Role.SALES_MANAGER]
    return managers or [row["id"] for row in rows]


async def phone_mask(actor: Actor) -> PhoneMaskView:
    """Say from whom the company hides phones."""
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        return await phone_mask_of(actor.tenant_id)


async def phone_mask_of(tenant_id: UUID) -> PhoneMaskView:
    """Say the same inside an open transaction of the tenant; from nobody where nothing is set."""
    row = await db.connection().fetchrow(
        "SELECT roles, reveals_per_day, wants_reason FROM phone_mask WHERE tenant_id = $1",
        tenant_id,
    )
    return PhoneMaskView() if row is None else msgspec.convert(dict(row), PhoneMaskView)


async def sharings(actor: Actor) -> list[SharingView]:
    """List what the teams of the company let each other see, the oldest line first."""
    ensure(actor, Permission.USERS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            "SELECT * FROM sharing WHERE tenant_id = $1 ORDER BY made_at, id", actor.tenant_id
        )
    return [_sharing(row) for row in rows]


async def one_sharing(tenant_id: UUID, line_id: UUID) -> SharingView:
    """Give one line, inside an open transaction of the tenant."""
    row = await db.connection().fetchrow(
        "SELECT * FROM sharing WHERE tenant_id = $1 AND id = $2", tenant_id, line_id
    )
    assert row is not None, "it was just written, or stood there"
    return _sharing(row)


def _sharing(row: asyncpg.Record) -> SharingView:
    """Turn a row into a view."""
    return SharingView(msgspec.convert(dict(row), Sharing), row["made_by"], row["made_at"])
