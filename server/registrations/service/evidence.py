"""What somebody shows: records of one's own about this customer, each once for one purpose."""

from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor
from server.kit import db
from server.kit.calendars import ZONE
from server.kit.errors import IdReused
from server.registrations.queries.evidence import RECORDS, known_since
from server.registrations.rules.states import (
    EvidenceDraft,
    EvidenceOfAnother,
    EvidenceTooOld,
    EvidenceUsed,
)
from server.registrations.schemas import Evidence
from sync_protocol.merge import HeldRecord

_SHOWN: Final = """
SELECT registration_id, purpose, kind, record_id FROM registration_evidence
WHERE tenant_id = $1 AND id = $2
"""
_SHOW: Final = """
INSERT INTO registration_evidence (
    tenant_id, id, registration_id, purpose, kind, record_id, happened_at, is_vouched, shown_by,
    shown_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (tenant_id, registration_id, purpose, record_id) DO NOTHING
"""


async def is_shown(
    actor: Actor, held: HeldRecord, shown_id: UUID, shown: Evidence, *, purpose: str
) -> bool:
    """Say whether just this was shown before.

    :raises IdReused: the id is another's.
    """
    row = await db.connection().fetchrow(_SHOWN, actor.tenant_id, shown_id)
    told = (UUID(held.id), purpose, shown.kind, shown.record_id)
    if row is not None and tuple(row) != told:
        raise IdReused("This id is that of other evidence; make a new one.", field="id")
    return row is not None


async def show(
    actor: Actor,
    held: HeldRecord,
    shown_id: UUID,
    shown: Evidence,
    *,
    purpose: str,
    oldest: datetime | None = None,
    now: datetime,
) -> tuple[datetime, bool]:
    """Write down what is shown for a registration; give when it happened and who took the time.

    :param oldest: what happened before shows nothing, nor does a draft.
    :raises EvidenceDraft: it is one.
    :raises EvidenceOfAnother: it is none of this customer's, or nothing happened yet.
    :raises EvidenceTooOld: naming since when it counts.
    :raises EvidenceUsed: it was shown for this before.
    """
    records, customer_id = RECORDS[shown.kind], UUID(held.fields["customer_id"])
    row = await db.connection().fetchrow(
        f"SELECT happened_at, is_vouched, is_draft FROM ({records}) r WHERE id = $3",  # noqa: S608 - a constant
        *(actor.tenant_id, customer_id, shown.record_id),
    )
    if row is None or row["happened_at"] > now:
        raise EvidenceOfAnother(
            "Show a visit that took place, a quote or a contract of this very customer.",
            field="evidence.record_id",
        )
    if oldest is not None and row["is_draft"]:
        raise EvidenceDraft(
            "Show a quote that was sent, or a contract that was handed in.",
            field="evidence.record_id",
        )
    if oldest is not None and row["happened_at"] < oldest:
        raise EvidenceTooOld(
            f"Show something from {oldest.astimezone(ZONE):%Y-%m-%d %H:%M} or later.",
            field="evidence.record_id",
        )
    since = await known_since(actor.tenant_id, UUID(held.id))
    is_vouched = row["is_vouched"] and since is not None and row["happened_at"] >= since
    status = await db.connection().execute(
        _SHOW,
        *(actor.tenant_id, shown_id, UUID(held.id), purpose, shown.kind, shown.record_id),
        *(row["happened_at"], is_vouched, actor.user_id, now),
    )
    if status.endswith(" 0"):
        raise EvidenceUsed(
            "This was shown before; show something newer.", field="evidence.record_id"
        )
    return row["happened_at"], is_vouched
