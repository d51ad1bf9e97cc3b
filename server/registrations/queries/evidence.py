"""What somebody may show for a registration: records of one's own about its customer.

What the server itself wrote has a time that nobody can choose: that of the writing, whatever time
somebody typed. It counts for whom the customer was then; what happened before the customer was
known by what it is registered by is shown with a remark. What a device wrote offline has the
time that the device told; it is shown with that remark.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from server.access import Actor
from server.kit import db
from server.registrations.queries import registrations, rulebook
from server.registrations.rules.terms import DAY
from server.registrations.schemas import Showable
from sync_protocol.registering import Verb

RECORDS: Final[Mapping[str, str]] = {
    "visit": """
        SELECT id, CASE WHEN created_device IS NULL THEN greatest(checked_in_at, created_at)
            ELSE checked_in_at END AS happened_at, created_device IS NULL AS is_vouched,
            false AS is_draft
        FROM visit
        WHERE tenant_id = $1 AND customer_id = $2 AND NOT deleted
            AND checked_in_at IS NOT NULL AND cancelled_at IS NULL
    """,
    "quote": """
        SELECT id, created_at AS happened_at, created_device IS NULL AS is_vouched,
            state = 'draft' AS is_draft FROM quote
        WHERE tenant_id = $1 AND customer_id = $2 AND NOT deleted
    """,
    "contract": """
        SELECT id, created_at AS happened_at, created_device IS NULL AS is_vouched,
            state = 'draft' AS is_draft FROM contract
        WHERE tenant_id = $1 AND customer_id = $2 AND NOT deleted
    """,
}
"""By kind, what happened of a customer and when."""
_KNOWN_SINCE: Final = """
SELECT max(h.at) FROM registration g
JOIN change h ON h.tenant_id = g.tenant_id AND h.root_id = g.customer_id AND h.at <= g.created_at
WHERE g.tenant_id = $1 AND g.id = $2 AND (
    h.kind = 'customer'
        AND (h.action = 'create'
            OR h.patch ?| ARRAY['name', 'uscc', 'phone', 'city', 'district', 'address'])
    OR h.kind = 'store'
        AND (h.action <> 'edit'
            OR h.patch ?| ARRAY['name', 'phone', 'city', 'district', 'address'])
)
"""
_EXTENDED: Final = """
SELECT max(shown_at) FROM registration_evidence
WHERE tenant_id = $1 AND registration_id = $2 AND purpose = 'extension'
"""
_EACH: Final = " UNION ALL ".join(
    f"SELECT '{kind}' AS kind, r.* FROM ({records}) r"  # noqa: S608 - constants of this file
    for kind, records in RECORDS.items()
)
_SHOWABLE: Final = f"""
SELECT r.kind, r.id AS record_id, r.happened_at, r.is_vouched, r.is_draft, ARRAY(
    SELECT s.purpose FROM registration_evidence s
    WHERE s.tenant_id = $1 AND s.registration_id = $3 AND s.record_id = r.id
) AS shown
FROM ({_EACH}) r ORDER BY r.happened_at DESC, r.id LIMIT 50
"""  # noqa: S608 - constants of this file


async def last_extension(tenant_id: UUID, registration_id: UUID) -> datetime:
    """Give when a registration was extended last; the beginning of time where it never was."""
    at: datetime | None = await db.connection().fetchval(_EXTENDED, tenant_id, registration_id)
    return at or datetime.min.replace(tzinfo=UTC)


async def known_since(tenant_id: UUID, registration_id: UUID) -> datetime | None:
    """Give since when a customer is known by what it was registered by.

    None where its history says nothing.
    """
    since: datetime | None = await db.connection().fetchval(
        _KNOWN_SINCE, tenant_id, registration_id
    )
    return since


async def showable(actor: Actor, registration_id: UUID, *, now: datetime) -> list[Showable]:
    """List what shows work on a registration's customer, the newest first, and what it is good for.

    :raises NotFound: the registration is not there, or out of sight.
    """
    async with db.tenant_transaction(actor.tenant_id):
        of = await registrations.one(actor, registration_id, now=now)
        rows = await db.connection().fetch(
            _SHOWABLE, actor.tenant_id, of.customer_id, registration_id
        )
        since = await known_since(actor.tenant_id, registration_id)
        given = await rulebook.terms_of(actor.tenant_id, registration_id)
        extended_at = await last_extension(actor.tenant_id, registration_id)
    oldest = max(now - given.evidence_age_days * DAY, extended_at)
    may_extend = Verb.EXTEND in of.verbs and of.extensions < given.extensions_max
    takes_more = of.evidence_until is not None and now < of.evidence_until
    return [
        Showable(
            kind=row["kind"],
            record_id=row["record_id"],
            happened_at=row["happened_at"],
            is_vouched=row["is_vouched"] and since is not None and row["happened_at"] >= since,
            extends=may_extend
            and not row["is_draft"]
            and row["happened_at"] >= oldest
            and "extension" not in row["shown"],
            in_case=takes_more and "case" not in row["shown"],
        )
        for row in rows
        if row["happened_at"] <= now
    ]
