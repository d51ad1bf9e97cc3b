"""Find out how far visits can be trusted, after they were written."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Role, of_the_product
from server.activities.kinds import BY_NAME
from server.activities.rules import trust
from server.activities.rules.positions import Position
from server.activities.rules.trust import Evidence, Fix
from server.changelog import facts
from server.kit import clock, db

_DEVICE: Final = """
coalesce({0}.versions #>> '{{checked_in_at,1}}', {0}.created_device::text)
"""
# The visit that follows is judged too: the way from this one to it is known only now.
_EVIDENCE: Final = f"""
WITH asked AS (
    SELECT id FROM visit WHERE tenant_id = $1 AND id = ANY($2::uuid[])
    UNION
    SELECT n.id FROM visit v CROSS JOIN LATERAL (
        SELECT id FROM visit
        WHERE tenant_id = v.tenant_id AND visitor_id = v.visitor_id
            AND (checked_in_at, id) > (v.checked_in_at, v.id)
        ORDER BY checked_in_at, id LIMIT 1
    ) n
    WHERE v.tenant_id = $1 AND v.id = ANY($2::uuid[])
)
SELECT v.id, v.checked_in_at, v.lat, v.lng, v.accuracy_m, v.fix_age_s, v.is_mocked,
    v.checked_out_at,
    b.checked_out_at AS left_at, b.checked_in_at AS came_at, b.lat AS before_lat,
    b.lng AS before_lng, b.accuracy_m AS before_accuracy_m,
    b.device <> {_DEVICE.format("v")} AS is_other_device,
    ARRAY(
        SELECT ARRAY[s.lat, s.lng] FROM store s
        WHERE s.tenant_id = v.tenant_id AND s.customer_id = v.customer_id AND NOT s.deleted
            AND (v.store_id IS NULL OR s.id = v.store_id)
            AND s.lat IS NOT NULL AND s.lng IS NOT NULL
    ) AS stores,
    EXISTS (
        SELECT FROM attachment a JOIN attachment o ON o.tenant_id = a.tenant_id
            AND o.sha256 = a.sha256 AND o.subject_id <> a.subject_id
            AND (o.created_at, o.id) < (a.created_at, a.id)
        WHERE a.tenant_id = v.tenant_id AND a.customer_id = v.customer_id AND NOT a.deleted
            AND a.subject_kind = 'visit' AND a.subject_id = v.id
    ) AS is_photo_reused
FROM visit v
LEFT JOIN LATERAL (
    SELECT p.*, {_DEVICE.format("p")} AS device FROM visit p
    WHERE p.tenant_id = v.tenant_id AND p.visitor_id = v.visitor_id
        AND (p.checked_in_at, p.id) < (v.checked_in_at, v.id)
    ORDER BY p.checked_in_at DESC, p.id DESC LIMIT 1
) b ON true
WHERE v.tenant_id = $1 AND v.checked_in_at IS NOT NULL AND v.id IN (SELECT id FROM asked)
"""  # noqa: S608 - a constant
_PHOTOGRAPHED: Final = """
SELECT subject_id FROM attachment
WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND subject_kind = 'visit'
"""


async def judge_visits(tenant_id: UUID, visit_ids: Sequence[str], *, now: datetime) -> None:
    """Find out what is odd about visits and write down how far they are trusted.

    What was found out before and is so still is not written again.
    """
    product = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="visits")
    async with db.tenant_transaction(tenant_id):
        rows = await db.connection().fetch(_EVIDENCE, tenant_id, list(visit_ids))
        found = {("visit", str(row["id"])): _told(trust.judge(_evidence(row))) for row in rows}
        if found:
            await facts.note(product, found, kinds=BY_NAME, now=now)


async def judge_photographed(
    tenant_id: UUID, attachment_ids: Sequence[str], *, now: datetime
) -> None:
    """Judge again the visits that these attachments show."""
    async with db.tenant_transaction(tenant_id):
        rows = await db.connection().fetch(_PHOTOGRAPHED, tenant_id, list(attachment_ids))
        if rows:
            await judge_visits(tenant_id, [str(row["subject_id"]) for row in rows], now=now)


def _told(found: trust.Trust) -> dict[str, Any]:
    """Write a judgement as it travels."""
    return {"trust_score": found.score, "trust_reasons": msgspec.to_builtins(list(found.reasons))}


def _evidence(row: asyncpg.Record) -> Evidence:
    """Gather what is known about a check-in."""
    begun, ended = row["checked_in_at"], row["checked_out_at"]
    before_at = row["left_at"] or row["came_at"]
    before = None
    if before_at is not None:
        before = Fix(
            at_ms=clock.to_ms(before_at),
            position=_position((row["before_lat"], row["before_lng"])),
            accuracy_m=row["before_accuracy_m"],
        )
    return Evidence(
        here=Fix(
            at_ms=clock.to_ms(begun),
            position=_position((row["lat"], row["lng"])),
            accuracy_m=row["accuracy_m"],
        ),
        fix_age_s=row["fix_age_s"],
        is_mocked=row["is_mocked"] == 1,
        stores=tuple(Position(lat, lng) for lat, lng in row["stores"]),
        before=before,
        dwell_s=None if ended is None else int((ended - begun).total_seconds()),
        is_photo_reused=row["is_photo_reused"],
        is_other_device=bool(row["is_other_device"]),
    )


def _position(pair: Iterable[int | None]) -> Position | None:
    """Give a position where both its numbers are there."""
    lat, lng = pair
    return None if lat is None or lng is None else Position(lat, lng)
