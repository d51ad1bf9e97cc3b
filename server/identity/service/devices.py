"""Devices: enrol one by a one-time code, end it, and keep its place in the sync."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Role
from server.audit import service as audit
from server.identity import standings
from server.identity.rules import enrolment_codes, throttles
from server.identity.rules.people import ensure_holds_records
from server.identity.rules.protection import ensure_protected
from server.identity.rules.standing import SessionOver, Standing, ensure_in_charge
from server.identity.rules.standing import actor as actor_of
from server.identity.schemas import Enrolment, EnrolmentCodeView, EnrolmentView, HeldDevice
from server.identity.service import codes, tokens
from server.identity.service import throttles as counters
from server.kit import db, ids, outbox
from server.kit.errors import IdReused, NotFound
from server.tenants import queries as tenants

TOPIC: Final = "devices.changed"
"""Somebody's devices came, went or synced; the channel counts them anew."""
_SETTLE: Final = timedelta(seconds=2)
"""Changes of one tenant within this time are one job."""

_NEW_CODE: Final = """
INSERT INTO enrolment_code (code_hash, tenant_id, user_id, created_by, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6)
"""
_FIND_CODE: Final = "SELECT code_hash, tenant_id FROM enrolment_code WHERE code_hash = ANY($1)"
_USE_CODE: Final = """
UPDATE enrolment_code SET used_at = COALESCE(used_at, $3), device_id = $2
WHERE code_hash = $1 AND expires_at > $3 AND (used_at IS NULL OR device_id = $2 AND NOT EXISTS (
    SELECT FROM refresh_family f
    WHERE f.tenant_id = enrolment_code.tenant_id AND f.user_id = enrolment_code.user_id
      AND f.device_id = $2 AND f.created_at >= enrolment_code.used_at AND f.generation > 1
))
RETURNING user_id
"""
_ADD_DEVICE: Final = """
INSERT INTO device
    (tenant_id, id, user_id, name, platform, app_version, is_protected, enrolled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, id) DO UPDATE
SET name = excluded.name, platform = excluded.platform, app_version = excluded.app_version,
    is_protected = excluded.is_protected
RETURNING user_id, revoked_at, last_op
"""
_END_SESSIONS: Final = """
UPDATE refresh_family SET revoked_at = $4, revoked_for = $5
WHERE tenant_id = $1 AND user_id = $2 AND device_id = $3 AND revoked_at IS NULL
"""
_OWNER: Final = """
SELECT d.id, d.user_id, d.revoked_at, u.role, u.team_id
FROM device d JOIN user_account u ON u.tenant_id = d.tenant_id AND u.id = d.user_id
WHERE d.tenant_id = $1 AND d.id = $2 FOR UPDATE OF d
"""
_HELD_BY: Final = """
SELECT id FROM device WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL
ORDER BY id FOR UPDATE
"""
_REVOKE: Final = "UPDATE device SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2"
_LOCK: Final = """
SELECT id, user_id, enrolled_at, last_op, last_sync_at, heard_at, revoked_at FROM device
WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE
"""
_SYNCED: Final = """
UPDATE device SET last_op = $3, last_sync_at = COALESCE($4, last_sync_at), pending = $5,
    app_version = COALESCE($6, app_version), heard_at = greatest(heard_at, $7::timestamptz)
WHERE tenant_id = $1 AND id = $2
"""


async def new_enrolment_code(
    actor: Actor, *, user_id: UUID | None = None, now: datetime
) -> EnrolmentCodeView:
    """Make a code by which one device becomes the person's, within 15 minutes.

    :raises NotFound: there is no such person here.
    :raises NotYours: the person is not in the actor's charge.
    :raises HoldsNoRecords: the person's role holds nothing on a device.
    """
    actor.ensure_agent()
    whose = user_id or actor.user_id
    made = codes.make(enrolment_codes.CODES)
    expires_at = now + enrolment_codes.LIFE
    async with db.tenant_transaction(actor.tenant_id):
        person = await standings.read(actor.tenant_id, whose)
        if person is None or person.disabled_at is not None:
            raise NotFound
        ensure_in_charge(actor, whose, role=person.role, team_id=person.team_id)
        ensure_holds_records(person.role)
        await db.connection().execute(
            _NEW_CODE, made.code_hash, actor.tenant_id, whose, actor.user_id, now, expires_at
        )
        await audit.record(actor, "enrolment_code.made", subject_id=whose, now=now)
    return EnrolmentCodeView(made.shown, made.uri, made.qr_svg, whose, expires_at)


async def enrol(request: Enrolment, *, address: str, now: datetime) -> EnrolmentView:
    """Make a device the person's for whom the code was made, and give it tokens.

    A device that sent its own id may repeat this while the code lasts and the tokens are unused:
    the reply was lost. It gets new tokens, and those of the lost reply are worth nothing.

    :raises EnrolmentCodeMistyped: the check symbol does not fit.
    :raises EnrolmentCodeRefused: no such code, or it is used or over.
    :raises StoreUnprotected: the company wants encrypted stores alone; the code stays good.
    """
    wanted = codes.hashes(enrolment_codes.CODES, request.code)
    household = throttles.address_subject(address)
    limits = [(throttles.ENROLMENT_BY_ADDRESS, household), (throttles.ENROLMENT_BY_ALL, "")]
    await counters.count(limits, now=now)
    async with db.global_transaction():
        row = await db.connection().fetchrow(_FIND_CODE, wanted)
    if row is None:
        raise enrolment_codes.CODES.refusal()
    device_id = request.id or ids.new_id(now)
    async with db.tenant_transaction(row["tenant_id"]):
        standing = await _use(row, device_id, now)
        terms = await tenants.lease_terms(standing.tenant_id)
        ensure_protected(lease_only=terms.lease_only, is_protected=request.is_protected)
        await _add(standing, device_id, request, now)
        given = await tokens.start(standing, device_id=device_id, now=now)
        for throttle, subject in limits:
            await counters.give_back(throttle, subject)
    return EnrolmentView(
        device_id=device_id,
        tenant_id=standing.tenant_id,
        user_id=standing.user_id,
        access_token=given.access_token,
        refresh_token=given.refresh_token,
        expires_in_s=given.expires_in_s,
        lease_ms=given.lease_ms,
        lease_shares=given.lease_shares,
        seal_key=given.seal_key,
        lease_only=given.lease_only,
    )


async def _use(code: Any, device_id: UUID, now: datetime) -> Standing:
    """Use the code up for this device and give whose it was."""
    user_id = await db.connection().fetchval(_USE_CODE, code["code_hash"], device_id, now)
    standing = None if user_id is None else await standings.read(code["tenant_id"], user_id)
    if standing is None or standing.disabled_at is not None:
        raise enrolment_codes.CODES.refusal()
    return standing


async def _add(standing: Standing, device_id: UUID, request: Enrolment, now: datetime) -> None:
    """Write the device down, or find it as this person's already."""
    row = await db.connection().fetchrow(
        _ADD_DEVICE,
        standing.tenant_id,
        device_id,
        standing.user_id,
        request.device_name,
        request.platform,
        request.app_version,
        request.is_protected,
        now,
    )
    assert row is not None, "an upsert returns its row"
    if row["user_id"] != standing.user_id or row["revoked_at"] is not None:
        raise IdReused("This device was somebody else's or was revoked; use a new id.", field="id")
    if request.made is not None and request.made < row["last_op"]:
        # As an old image of itself it would take what its later self wrote for its own knowledge.
        raise IdReused("More came from this device than it has; use a new id.", field="id")
    await _end_sessions(standing.tenant_id, standing.user_id, device_id, "enrolled_again", now)
    who = actor_of(standing, device_id=device_id, session_id=None)
    await audit.record(who, "device.enrolled", subject_id=device_id, now=now)
    await _announce(standing.tenant_id, now)


async def revoke_device(actor: Actor, device_id: UUID, *, now: datetime) -> None:
    """End a device: its next write is refused, its next read within 30 s. May be repeated.

    :raises NotFound: there is no such device here.
    :raises NotYours: its person is not in the actor's charge.
    """
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(_OWNER, actor.tenant_id, device_id)
        if row is None:
            raise NotFound
        ensure_in_charge(actor, row["user_id"], role=Role(row["role"]), team_id=row["team_id"])
        if row["revoked_at"] is not None:
            return
        await db.connection().execute(_REVOKE, actor.tenant_id, device_id, now)
        await _end_sessions(actor.tenant_id, row["user_id"], device_id, "device_revoked", now)
        await audit.record(actor, "device.revoked", subject_id=device_id, now=now)
        await _announce(actor.tenant_id, now)
        standings.forget_on_commit()


async def revoke_all(actor: Actor, user_id: UUID, *, now: datetime) -> None:
    """End all devices of somebody who may hold records no longer, in the open transaction."""
    held = await db.connection().fetch(_HELD_BY, actor.tenant_id, user_id)
    for row in held:
        await db.connection().execute(_REVOKE, actor.tenant_id, row["id"], now)
        await _end_sessions(actor.tenant_id, user_id, row["id"], "device_revoked", now)
        await audit.record(actor, "device.revoked", subject_id=row["id"], now=now)
    if held:
        await _announce(actor.tenant_id, now)


async def _end_sessions(
    tenant_id: UUID, user_id: UUID, device_id: UUID, reason: str, now: datetime
) -> None:
    """End every family of the device."""
    await db.connection().execute(_END_SESSIONS, tenant_id, user_id, device_id, now, reason)


async def hold_device(actor: Actor) -> HeldDevice:
    """Lock the actor's device for this transaction, so that its ops are taken one push at a time.

    Checks without any cache that the device still counts; call inside a tenant transaction.

    :raises SessionOver: the device was revoked, or the actor comes without one.
    """
    row = await db.connection().fetchrow(_LOCK, actor.tenant_id, actor.device_id)
    if row is None or row["revoked_at"] is not None or row["user_id"] != actor.user_id:
        raise SessionOver("This device was signed out; enrol it again.")
    return msgspec.convert(dict(row), HeldDevice)


async def device_synced(
    actor: Actor,
    *,
    last_op: int,
    pending: int = 0,
    app_version: str | None = None,
    is_up_to_date: bool = True,
    is_heard: bool = True,
    now: datetime,
) -> None:
    """Write down how far the actor's device has come; call inside the transaction of the sync.

    :param is_up_to_date: False while more of the same sync is to come; the time of the last sync
        then stays, since it bounds how old the edits of the rest may be.
    :param is_heard: False while anything waits on the device beside what it sends.
    """
    synced_at, heard_at = (now if each else None for each in (is_up_to_date, is_heard))
    await db.connection().execute(
        _SYNCED,
        *(actor.tenant_id, actor.device_id, last_op, synced_at, pending, app_version, heard_at),
    )
    if is_up_to_date:
        await _announce(actor.tenant_id, now)


async def _announce(tenant_id: UUID, now: datetime) -> None:
    """Let the channel count this tenant's devices anew, once for many changes."""
    await outbox.add(
        TOPIC, {}, tenant_id=tenant_id, now=now, key=f"{TOPIC}:{tenant_id}", run_at=now + _SETTLE
    )
