"""Say from whom a company hides the phones of customers that are not their own."""

from datetime import datetime
from typing import Final

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.identity import queries, standings
from server.identity.schemas import PhoneMaskView
from server.kit import db

_SET: Final = """
INSERT INTO phone_mask (tenant_id, roles, reveals_per_day, wants_reason, set_by, set_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id) DO UPDATE SET roles = excluded.roles,
    reveals_per_day = excluded.reveals_per_day, wants_reason = excluded.wants_reason,
    set_by = excluded.set_by, set_at = excluded.set_at
"""


async def set_phone_mask(actor: Actor, mask: PhoneMaskView, *, now: datetime) -> PhoneMaskView:
    """Set from which roles phones are hidden; reads follow within 30 s, writes at once.

    Phones of these people are loaded anew and hold their own customers alone.
    """
    ensure(actor, Permission.USERS_MANAGE)
    roles = sorted(set(mask.roles))
    async with db.tenant_transaction(actor.tenant_id):
        await db.connection().execute(
            _SET,
            *(actor.tenant_id, roles, mask.reveals_per_day, mask.wants_reason),
            *(actor.user_id, now),
        )
        await audit.record(actor, "phone_mask.set", subject_id=None, now=now, roles=roles)
        standings.forget_on_commit()
        return await queries.phone_mask_of(actor.tenant_id)
