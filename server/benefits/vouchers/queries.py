"""Ask about vouchers and what became of benefits."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.redemptions import queries as redemptions
from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.benefits import queries as benefits
from server.benefits.vouchers.schemas import RedemptionView, VoucherAlarm, VoucherView
from server.kit import db

_ISSUED: Final = """
SELECT i.id, i.expires_at, i.currency,
    i.amount_minor - i.used_minor - i.released_minor AS open_minor
FROM issuance i WHERE i.agent_id = $1 AND i.request_key = $2
"""
_BEHIND: Final = """
SELECT i.id AS issuance_id, i.program_id, p.name AS program_name, v.last4, i.amount_minor,
    i.used_minor, i.currency, i.expires_at, i.agent_id, v.lock_id,
    CASE WHEN v.locked_until > $2 THEN v.locked_until END AS locked_until,
    CASE WHEN i.expires_at <= $2 THEN 0
        ELSE i.amount_minor - i.used_minor - i.released_minor END AS open_minor
FROM voucher v JOIN issuance i ON i.id = v.issuance_id
JOIN benefit_program p ON p.id = i.program_id
WHERE v.digest = $1 AND v.agent_id = $3
"""
_BEHIND_LOCKED: Final = f"{_BEHIND} FOR NO KEY UPDATE OF v"
_ALARMS: Final = """
SELECT id, agent_id, raised_at FROM voucher_alarm ORDER BY raised_at DESC, id DESC LIMIT 100
"""


async def behind(digest: bytes, agent_id: UUID, *, now: datetime, lock: bool = False) -> Any:
    """Give what stands behind a code, in the platform's transaction; None for no code of theirs."""
    statement = _BEHIND_LOCKED if lock else _BEHIND
    return await db.connection().fetchrow(statement, digest, now, agent_id)


def view(row: Any) -> VoucherView:
    """Write what stands behind a code."""
    return msgspec.convert(dict(row), VoucherView)


async def issued(actor: Actor, request_id: UUID) -> Any:
    """Give the issuance that came of a request, in its company's transaction."""
    return await db.connection().fetchrow(_ISSUED, actor.tenant_id, request_id)


async def redemptions_of(actor: Actor, request_id: UUID) -> list[RedemptionView]:
    """List what was done with a benefit of a customer within sight, in order.

    :raises NotFound: also when it is another tenant's.
    """
    ensure(actor, Permission.BENEFITS_REQUEST)
    async with db.tenant_transaction(actor.tenant_id):
        await benefits.benefit(actor, request_id)
        found = await issued(actor, request_id)
        lines = await redemptions.of_issuance(found["id"]) if found else []
    return msgspec.convert(lines, list[RedemptionView], from_attributes=True)


async def alarms(actor: Actor, *, now: datetime) -> list[VoucherAlarm]:
    """List who was stopped from guessing codes, the last first; each agent is told."""
    ensure(actor, Permission.ISSUANCES_SEE)
    async with db.platform_transaction(actor):
        rows = await db.connection().fetch(_ALARMS)
        told = [row["agent_id"] for row in rows]
        await audit.record_platform_read(actor, told, "benefits.voucher_alarms", now=now)
    return msgspec.convert([dict(row) for row in rows], list[VoucherAlarm])
