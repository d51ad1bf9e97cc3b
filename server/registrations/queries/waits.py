"""What waited for the platform, and what waits now: an agent's own, and sums of all agents'."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import PLATFORM_TENANT, Actor, Permission, ensure
from server.audit import service as audit
from server.kit import db
from server.registrations.queries import registrations
from server.registrations.rules.waits import LEAST
from server.registrations.schemas import AgentWaits, OpenWait, WaitView

LOOK: Final = "registrations.waits"

OPEN: Final = f"""
SELECT e.id AS entry_id, e.tenant_id, NULL::uuid AS case_id, 'window' AS reason,
    e.settles_at AS began_at
FROM registry_entry e WHERE e.state = 'checking'
UNION ALL
SELECT e.id, e.tenant_id, c.id, 'verdict',
    least(c.evidence_until, CASE WHEN heard.have_waived THEN heard.at END)
FROM registry_entry e JOIN registry_case c ON c.id = e.case_id AND c.state IN ('open', 'appealed')
CROSS JOIN LATERAL (
    SELECT bool_and(p.waived_at IS NOT NULL OR o.tenant_id = '{PLATFORM_TENANT}') AS have_waived,
        max(p.waived_at) AS at
    FROM registry_party p
    JOIN registry_entry o ON o.id = p.entry_id AND o.case_id = p.case_id
        AND o.state IN ('checking', 'granted', 'extended', 'converted', 'contested')
    WHERE p.case_id = c.id
) heard
WHERE e.state IN ('granted', 'extended', 'converted', 'contested')
"""  # noqa: S608 - constants of this project
"""What waits for the platform, from when on; of some it is still to come."""
_ALL: Final = f"""
SELECT entry_id, tenant_id, case_id, reason, began_at, ended_at FROM registry_wait
UNION ALL
SELECT entry_id, tenant_id, case_id, reason, began_at, NULL FROM ({OPEN}) waiting
WHERE began_at + $1::interval <= $2
"""  # noqa: S608 - constants of this project
_MINUTES: Final = "floor(extract(epoch FROM {} (coalesce(ended_at, $2) - began_at)) / 60)::bigint"
_OF: Final = f"""
SELECT case_id, reason, began_at, ended_at, {_MINUTES.format("")} AS minutes
FROM ({_ALL}) waits WHERE entry_id = $3 ORDER BY began_at, reason
"""  # noqa: S608 - constants of this project
_WAITING: Final = f"""
SELECT entry_id, tenant_id AS agent_id, case_id, reason, began_at,
    floor(extract(epoch FROM $2 - began_at) / 60)::bigint AS minutes
FROM ({OPEN}) waiting WHERE began_at + $1::interval <= $2 AND tenant_id <> $3
ORDER BY began_at, entry_id LIMIT 500
"""  # noqa: S608 - constants of this project
_BY_AGENT: Final = f"""
SELECT tenant_id AS agent_id, reason, count(DISTINCT entry_id) AS registrations,
    count(DISTINCT case_id) AS cases, count(*) FILTER (WHERE ended_at IS NULL) AS waiting,
    {_MINUTES.format("sum")} AS minutes
FROM ({_ALL}) waits WHERE tenant_id <> $3
GROUP BY tenant_id, reason ORDER BY minutes DESC, tenant_id, reason
"""  # noqa: S608 - constants of this project


async def waiting(actor: Actor, *, now: datetime) -> list[OpenWait]:
    """List what waits for the platform now, the longest first, and whom each holds up.

    Each agent hears of it.
    """
    ensure(actor, Permission.CHANNEL_SEE)
    async with db.platform_transaction(actor):
        rows = await db.connection().fetch(_WAITING, LEAST, now, PLATFORM_TENANT)
        shown = sorted({row["agent_id"] for row in rows})
        await audit.record_platform_read(actor, shown, LOOK, now=now)
    return [msgspec.convert(dict(row), OpenWait) for row in rows]


async def of_registration(actor: Actor, registration_id: UUID, *, now: datetime) -> list[WaitView]:
    """List what of a registration's time waited for the platform, and in its cases.

    :raises NotFound: it is not there, or out of sight.
    """
    await registrations.one(actor, registration_id, now=now)
    async with db.job_transaction():
        rows = await db.connection().fetch(_OF, LEAST, now, registration_id)
    return [msgspec.convert(dict(row), WaitView) for row in rows]


async def by_agent(actor: Actor, *, now: datetime) -> list[AgentWaits]:
    """Sum up how long each agent's registrations waited for the platform, the longest first.

    Each agent hears of it.
    """
    ensure(actor, Permission.CHANNEL_SEE)
    async with db.platform_transaction(actor):
        rows = await db.connection().fetch(_BY_AGENT, LEAST, now, PLATFORM_TENANT)
        shown = [row["agent_id"] for row in rows]
        await audit.record_platform_read(actor, shown, LOOK, now=now)
    return [msgspec.convert(dict(row), AgentWaits) for row in rows]
