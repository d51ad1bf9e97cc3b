"""Set by when cases are to be answered and resolved, as versions: past cases keep theirs (S94)."""

from datetime import UTC, date, datetime, time
from typing import Final

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.cases import queries, rules
from server.cases.schemas import SetTargets, TargetsView
from server.kit import db
from server.kit.errors import Invalid
from server.kit.schedule import ZONE

_SET: Final = """
INSERT INTO case_targets (tenant_id, version, valid_from, targets, set_by, set_at)
VALUES ($1, $2, $3, $4::jsonb, $5, $6) ON CONFLICT DO NOTHING RETURNING true
"""


async def set_targets(actor: Actor, asked: SetTargets, *, now: datetime) -> TargetsView:
    """Set the targets of cases that are opened from a day on; asked again, it sets them once.

    :raises TargetsUnfit: naming the field.
    :raises TargetsChanged: somebody else has set others since they were looked at.
    """
    ensure(actor, Permission.AUTOMATION_MANAGE)
    actor.ensure_agent()
    rules.ensure_targets(asked.targets)
    valid_from = _begins(asked.valid_from, now)
    async with db.tenant_transaction(actor.tenant_id):
        held = await queries.targets(actor, now=now)
        if _is_set(held, asked):
            return held
        text = msgspec.json.encode(asked.targets).decode()
        is_new = held.latest == asked.base and await db.connection().fetchval(
            _SET, actor.tenant_id, asked.base + 1, valid_from, text, actor.user_id, now
        )
        if not is_new:
            raise rules.TargetsChanged("Look at the targets as they are now, and set them again.")
        await audit.record(
            actor, "case_targets.set", subject_id=None, now=now, version=asked.base + 1
        )
        return await queries.targets(actor, now=now)


def _is_set(held: TargetsView, asked: SetTargets) -> bool:
    """Say whether just these were set before: who sends twice hears the same."""
    return any(
        each.version == asked.base + 1 == held.latest and each.targets == asked.targets
        for each in held.versions
    )


def _begins(day: str | None, now: datetime) -> datetime:
    """Give the moment from which targets hold.

    :raises Invalid: the day is none, or is over.
    """
    if day is None:
        return now
    try:
        begins = datetime.combine(date.fromisoformat(day), time(), ZONE).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid("Write a day, such as 2027-01-31.", field="valid_from") from error
    if begins.astimezone(ZONE).date() < now.astimezone(ZONE).date():
        raise Invalid("Past cases keep their targets; name a day to come.", field="valid_from")
    return max(begins, now)
