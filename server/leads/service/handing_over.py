"""Let open leads go along when a person's customers are handed over (S68)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor
from server.customers import references
from server.kit import db
from server.leads.kinds import LEAD
from server.leads.service import holding

OPEN: Final = """EXISTS (SELECT FROM raw_lead r WHERE r.tenant_id = k.tenant_id AND r.id = k.id
    AND (r.state = 'offered' OR (r.state = 'accepted' AND r.opportunity_at IS NULL)))"""
"""Nobody has answered it yet, or who took it on has not come to a deal: as load counts them."""
_GIVE: Final = """
UPDATE raw_lead r SET assignee_id = u.person_id, updated_at = $4
FROM UNNEST($2::uuid[], $3::uuid[]) AS u(id, person_id)
WHERE r.tenant_id = $1 AND r.id = u.id
"""


async def moved(actor: Actor, people: Mapping[UUID, UUID], now: datetime) -> None:
    """Give leads to the people who have their customers now; the clocks run on.

    Who gets one answers it as if it had been routed there.
    """
    lead_ids = sorted(people)
    await db.connection().execute(
        _GIVE, actor.tenant_id, lead_ids, [people[each] for each in lead_ids], now
    )
    details = [{"person": str(people[each])} for each in lead_ids]
    await holding.note(actor, lead_ids, "hand_over", details, now=now)


references.follow(references.Follower(LEAD, "assignee_id", OPEN, moved))
