"""Note when somebody is away, so that nothing that cannot wait is given to them (S100)."""

from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor
from server.audit import service as audit
from server.identity import queries
from server.identity.rules import absences
from server.identity.schemas import AbsenceView, NewAbsence
from server.kit import db, ids
from server.kit.errors import IdReused
from server.kit.text import tidied

_ADD: Final = """
INSERT INTO absence (tenant_id, id, user_id, starts_on, ends_on, note, created_by, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id
"""


async def add_absence(
    actor: Actor, user_id: UUID, new: NewAbsence, *, now: datetime
) -> AbsenceView:
    """Note that somebody is away: oneself, or a person in one's charge.

    :raises NotFound: no such person in the actor's charge.
    :raises AbsenceUnfit: the days are none.
    :raises IdReused: the id is another absence's.
    """
    absences.ensure_days(new.starts_on, new.ends_on)
    absence_id, note = new.id or ids.new_id(now), tidied(new.note, "note")
    async with db.tenant_transaction(actor.tenant_id):
        await queries.ensure_in_charge(actor, user_id)
        added = await db.connection().fetchval(
            _ADD,
            *(actor.tenant_id, absence_id, user_id, new.starts_on, new.ends_on, note),
            *(actor.user_id, now),
        )
        view = await queries.one_absence(actor.tenant_id, absence_id)
        asked = (user_id, new.starts_on, new.ends_on, note)
        if (view.user_id, view.starts_on, view.ends_on, view.note) != asked:
            raise IdReused("This id belongs to another absence; make a new one.", field="id")
        if added:
            await audit.record(
                actor, "absence.added", subject_id=absence_id, now=now, user_id=user_id
            )
    return view


async def remove_absence(actor: Actor, absence_id: UUID, *, now: datetime) -> None:
    """Take an absence back.

    :raises NotFound: there is none, or it is of somebody who is not in the actor's charge.
    """
    async with db.tenant_transaction(actor.tenant_id):
        view = await queries.one_absence(actor.tenant_id, absence_id)
        await queries.ensure_in_charge(actor, view.user_id)
        await db.connection().execute(
            "DELETE FROM absence WHERE tenant_id = $1 AND id = $2", actor.tenant_id, absence_id
        )
        await audit.record(
            actor, "absence.removed", subject_id=absence_id, now=now, user_id=view.user_id
        )
