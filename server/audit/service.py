"""Leave a line in the trail, in the transaction of what it tells."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.kit import db, ids

_RECORD: Final = """
INSERT INTO audit_entry
    (tenant_id, id, at, actor_id, actor_role, device_id, action, subject_id, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb)
"""
_RECORD_MANY: Final = """
INSERT INTO audit_entry
    (tenant_id, id, at, actor_id, actor_role, device_id, action, subject_id, detail)
SELECT $1, u.id, $2, $3, $4, $5, u.action, u.subject_id, u.detail::jsonb
FROM UNNEST($6::uuid[], $7::text[], $8::uuid[], $9::text[]) AS u(id, action, subject_id, detail)
"""
_LEAVE_ENTRY: Final = "SELECT leave_platform_entry($1, $2, $3, $4, $5, $6, $7, $8::jsonb)"
_LEAVE_READ: Final = "SELECT leave_platform_read($1, $2, $3, $4, $5, $6, $7, $8::jsonb)"


async def record(
    actor: Actor,
    action: str,
    *,
    subject_id: UUID | None,
    now: datetime,
    **detail: Any,
) -> None:
    """Write what the actor did into its tenant's trail.

    :param action: ``noun.past-verb``.
    :param detail: facts without names, phones or other personal data.
    """
    statement, values = entry(actor, action, subject_id=subject_id, now=now, **detail)
    await db.connection().execute(statement, *values)


async def record_each(
    actor: Actor, action: str, *, subject_ids: Sequence[UUID], now: datetime
) -> None:
    """Write what the actor did to each of many subjects, a line each."""
    lines = [entry(actor, action, subject_id=each, now=now) for each in subject_ids]
    await db.connection().executemany(_RECORD, [values for _, values in lines])


def entry(
    actor: Actor, action: str, *, subject_id: UUID | None, now: datetime, **detail: Any
) -> tuple[str, tuple[Any, ...]]:
    """Give what `record` does as a statement and its values, to be a part of a larger one."""
    return _RECORD, (
        actor.tenant_id,
        ids.new_id(now),
        now,
        actor.user_id,
        actor.role,
        actor.device_id,
        action,
        subject_id,
        msgspec.json.encode(detail).decode(),
    )


class Line(msgspec.Struct, frozen=True):
    """What was done to one thing."""

    action: str
    """``noun.past-verb``."""
    subject_id: str
    detail: Mapping[str, Any]
    """Facts without personal data."""


def entries(actor: Actor, lines: Sequence[Line], *, now: datetime) -> tuple[str, tuple[Any, ...]]:
    """Give what leaves many lines as one statement and its values."""
    return _RECORD_MANY, (
        actor.tenant_id,
        now,
        actor.user_id,
        actor.role,
        actor.device_id,
        [ids.new_id(now) for _ in lines],
        [line.action for line in lines],
        [line.subject_id for line in lines],
        [msgspec.json.encode(line.detail).decode() for line in lines],
    )


async def record_platform_read(
    actor: Actor, tenant_ids: Sequence[UUID], what: str, *, now: datetime, **detail: Any
) -> None:
    """Leave a line in the feed of each agent whose data the platform is about to see.

    In the same transaction.

    :param what: code of the view, e.g. ``channel.overview``.
    """
    actor.ensure_platform()
    if not tenant_ids:
        return
    await db.connection().execute(
        _LEAVE_READ,
        sorted(set(tenant_ids)),
        ids.new_id(now),
        now,
        actor.user_id,
        actor.name,
        actor.role,
        what,
        msgspec.json.encode(detail).decode(),
    )


async def record_platform_write(
    actor: Actor, action: str, *, subject_id: UUID, now: datetime, **detail: Any
) -> None:
    """Write what the platform's staff did to its own tables into the platform's trail.

    In the same transaction, which is the platform's.

    :param action: ``noun.past-verb``.
    """
    actor.ensure_platform()
    await db.connection().execute(
        _LEAVE_ENTRY,
        actor.tenant_id,
        ids.new_id(now),
        now,
        actor.user_id,
        actor.role,
        action,
        subject_id,
        msgspec.json.encode(detail).decode(),
    )
