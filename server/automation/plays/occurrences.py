"""When a trigger came about between two moments: what a play acts on, and what a trial counts.

The same question is asked of the present and of the past, so a trial says what the play would have
done. Nothing is remembered for it: the history, the moves of deals and the signals tell.
"""

from datetime import datetime, timedelta
from typing import Any, Final, assert_never
from uuid import UUID

import msgspec

from server.automation.plays.rules import (
    DateComes,
    EventComes,
    Occurrence,
    PlayTerms,
    SilenceFalls,
    StageSticks,
    Trigger,
)
from server.kit import db

LAST: Final = "~"
"""Stands behind every key."""
_PRODUCT: Final = UUID(int=0)
"""Whose changes are no activity."""

# $1 is the tenant; the trigger came about behind $2 and not behind $3, or at $2 with a key behind
# $6; $4 is a customer or null.
_FOUND: Final = """
SELECT t.customer_id, t.at, t.key, c.name AS customer_name, c.owner_id, c.team_id
FROM ({trigger}) t
JOIN customer c ON c.tenant_id = $1 AND c.id = t.customer_id
WHERE NOT c.deleted AND (t.at, t.key COLLATE "C") > ($2, $6) AND t.at <= $3
    AND ($4::uuid IS NULL OR c.id = $4)
    AND (cardinality($5::text[]) = 0 OR coalesce(c.status, 'potential') = ANY($5))
ORDER BY t.at, t.key COLLATE "C"
LIMIT {limit}
"""
_EVENTS: Final = """
SELECT s.customer_id, s.received_at AS at, s.source_id || ':' || s.event_id AS key
FROM signal s JOIN customer k ON k.tenant_id = s.tenant_id AND k.id = s.customer_id
WHERE s.tenant_id = $1 AND s.event = $7 AND s.received_at >= $2 AND s.received_at <= $3
    AND ($4::uuid IS NULL OR s.customer_id = $4)
    AND ($8::interval = '0' OR (
        k.created_at <= s.received_at - $8::interval AND NOT EXISTS (
            SELECT FROM change h
            WHERE h.tenant_id = s.tenant_id AND h.root_id = s.customer_id AND h.actor_id <> $9
                AND h.at > s.received_at - $8::interval AND h.at <= s.received_at
        )
    ))
"""
# A last word of a person that no other followed in time, by customer: as its history is stored.
_SILENCES: Final = """
SELECT k.id AS customer_id, w.at + $7::interval AS at,
    k.id || ':' || extract(epoch FROM w.at)::text AS key
FROM customer k CROSS JOIN LATERAL (
    SELECT said.at, lead(said.at) OVER (ORDER BY said.at) AS next_at FROM (
        SELECT k.created_at AS at
        UNION ALL
        SELECT h.at FROM change h
        WHERE h.tenant_id = k.tenant_id AND h.root_id = k.id AND h.actor_id <> $8
    ) said
) w
WHERE k.tenant_id = $1 AND NOT k.deleted AND k.owner_id IS NOT NULL
    AND w.at >= $2::timestamptz - $7::interval AND w.at <= $3::timestamptz - $7::interval
    AND (w.next_at IS NULL OR w.next_at > w.at + $7::interval)
"""
_ENDS: Final = """
SELECT k.customer_id,
    ((k.ends_on::date - $7::int)::timestamp AT TIME ZONE 'Asia/Shanghai') AS at,
    k.id || ':' || k.ends_on AS key
FROM contract k
WHERE k.tenant_id = $1 AND k.signed_on IS NOT NULL AND k.ends_on IS NOT NULL AND NOT k.deleted
    AND k.state IN ('signed', 'in_force', 'ended')
    AND NOT EXISTS (
        SELECT FROM contract n
        WHERE n.tenant_id = k.tenant_id AND n.renews_id = k.id AND n.signed_on IS NOT NULL
    )
"""
_STUCK: Final = """
SELECT stay.customer_id, stay.since + $7::interval AS at,
    stay.id || ':' || extract(epoch FROM stay.since)::text AS key
FROM (
    SELECT o.id, o.customer_id, o.stage_since AS since FROM opportunity o
    WHERE o.tenant_id = $1 AND o.state = 'open' AND NOT o.deleted
    UNION ALL
    SELECT o.id, o.customer_id, m.moved_at - m.stayed_ms * interval '1 millisecond'
    FROM opportunity_move m
    JOIN opportunity o ON o.tenant_id = m.tenant_id AND o.id = m.opportunity_id
    WHERE m.tenant_id = $1 AND NOT o.deleted
        AND m.stayed_ms * interval '1 millisecond' > $7::interval
) stay
"""


async def between(
    tenant_id: UUID,
    terms: PlayTerms,
    since: datetime,
    until: datetime,
    *,
    after: str = LAST,
    customer_id: UUID | None = None,
    limit: int,
) -> list[Occurrence]:
    """Give when a trigger came about behind a moment and up to another, in the order of time.

    Inside an open transaction of the tenant.

    :param after: the key behind which those of the first moment itself are given.
    """
    trigger, values = _asked(terms.trigger)
    rows = await db.connection().fetch(
        _FOUND.format(trigger=trigger, limit=limit),
        tenant_id,
        since,
        until,
        customer_id,
        [str(each) for each in terms.statuses],
        after,
        *values,
    )
    return [msgspec.convert(dict(row), Occurrence) for row in rows]


def _asked(trigger: Trigger) -> tuple[str, tuple[Any, ...]]:
    """Give the question of a trigger, with its own values from $7 on."""
    match trigger:
        case EventComes(event=event, silent_days=days):
            return _EVENTS, (event, timedelta(days=days), _PRODUCT)
        case SilenceFalls(days=days):
            return _SILENCES, (timedelta(days=days), _PRODUCT)
        case DateComes(days_before=days):
            return _ENDS, (days,)
        case StageSticks(days=days):
            return _STUCK, (timedelta(days=days),)
        case _:
            assert_never(trigger)
