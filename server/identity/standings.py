"""Read standings, and remember them for the reads of the next seconds."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, NoReturn
from uuid import UUID

import msgspec

from server.access import Sharing
from server.identity.rules.standing import CACHE_S, Standing
from server.identity.schemas import WebPresence
from server.kit import db
from server.kit.conditions import Condition
from server.kit.remembered import Remembered

_TTL: Final = timedelta(seconds=CACHE_S)

_MASKED: Final = (
    "EXISTS (SELECT FROM phone_mask p WHERE p.tenant_id = u.tenant_id AND u.role = ANY(p.roles))"
)
_LINES: Final = "FROM sharing s WHERE s.tenant_id = u.tenant_id AND s.to_team_id = u.team_id"
_SHARED_MARK: Final = f"""hashtextextended(
    coalesce((SELECT string_agg(s.id::text, ',' ORDER BY s.id) {_LINES}), ''), 0
)"""
_READ: Final = f"""
SELECT u.tenant_id, u.id AS user_id, u.name, u.role, u.team_id, u.scope, u.session_version,
       u.disabled_at, {_MASKED} AS masks_phones, {_SHARED_MARK} AS shared_mark,
       (SELECT jsonb_agg(to_jsonb(s) ORDER BY s.id) {_LINES}) AS shared,
       d.id AS device_id, d.user_id AS device_user_id,
       d.revoked_at AS device_revoked_at, f.user_id AS session_user_id,
       f.revoked_at AS session_revoked_at
FROM user_account u
LEFT JOIN device d ON d.tenant_id = u.tenant_id AND d.id = $3
LEFT JOIN refresh_family f ON f.id = $4 AND f.tenant_id = u.tenant_id
WHERE u.tenant_id = $1 AND u.id = $2
"""  # noqa: S608 - a constant

_STILL_STANDS: Final = f"""
SELECT 1 FROM user_account u JOIN refresh_family f ON f.id = $4::uuid AND f.tenant_id = u.tenant_id
WHERE u.tenant_id = $1::uuid AND u.id = $2::uuid AND u.disabled_at IS NULL
  AND u.session_version = $5::bigint AND u.role = $6::text AND u.scope = $7::text
  AND u.team_id IS NOT DISTINCT FROM $8::uuid AND {_MASKED}::int = $9::int
  AND {_SHARED_MARK} = $10::bigint
  AND f.user_id = u.id AND f.revoked_at IS NULL
  AND ($3::uuid IS NULL OR EXISTS (
      SELECT FROM device d WHERE d.tenant_id = u.tenant_id AND d.id = $3::uuid
        AND d.user_id = u.id AND d.revoked_at IS NULL))
"""  # noqa: S608 - a constant


async def read(
    tenant_id: UUID, user_id: UUID, *, device_id: UUID | None = None, session_id: UUID | None = None
) -> Standing | None:
    """Read one standing in one query; null when there is no such person."""
    async with db.tenant_transaction(tenant_id):
        row = await db.connection().fetchrow(_READ, tenant_id, user_id, device_id, session_id)
    if row is None:
        return None
    lines = msgspec.json.decode(row["shared"] or "[]", type=tuple[Sharing, ...])
    return msgspec.convert({**row, "shared": lines}, Standing)


def still_stands(
    held: Standing, *, session_id: UUID, refuse: Callable[[], Awaitable[NoReturn]]
) -> Condition:
    """Ask, with the first door that is opened, whether all that the Actor was made of still holds.

    :param refuse: what to raise when it does not.
    """
    return Condition(
        "still_stands",
        _STILL_STANDS,
        (
            held.tenant_id,
            held.user_id,
            held.device_id,
            session_id,
            held.session_version,
            held.role.value,
            held.scope.value,
            held.team_id,
            int(held.masks_phones),
            held.shared_mark,
        ),
        tenant_id=held.tenant_id,
        refuse=refuse,
    )


def forget_on_commit() -> None:
    """Once the open transaction is durable, make this process look at the database again."""
    db.current().on_commit(_forget)


def _forget() -> None:
    """Empty both memories."""
    REMEMBERED.forget_all()
    REMEMBERED_WEB.forget_all()


REMEMBERED: Final[Remembered[Standing]] = Remembered(_TTL)
REMEMBERED_WEB: Final[Remembered[WebPresence]] = Remembered(_TTL)
