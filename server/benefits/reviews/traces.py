"""Leave what is known of a benefit when it is issued, in its agent's transaction: tokens alone."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.benefits.reviews.rules import token
from server.customers.rules import identifiers
from server.customers.rules.identifiers import BadPhone
from server.identity import queries as identity
from server.kit import db

_PHONES: Final = """
SELECT id, array_remove(array_agg(DISTINCT phone), NULL) AS phones FROM (
    SELECT id, phone FROM customer WHERE tenant_id = $1 AND id = ANY ($2::uuid[])
    UNION ALL
    SELECT customer_id, phone FROM contact
    WHERE tenant_id = $1 AND customer_id = ANY ($2::uuid[]) AND NOT deleted
) known GROUP BY id
"""
_KEEP: Final = """
INSERT INTO benefit_trace (
    issuance_id, agent_id, program_id, person_id, approved_by, customer_token, phone_tokens,
    device_token, is_staff, issued_at
)
SELECT issuance_id, $1, $2, $3, $4, customer_token,
    ARRAY(SELECT jsonb_array_elements_text(phone_tokens)), $5, is_staff, $6
FROM jsonb_to_recordset($7::jsonb) AS trace (
    issuance_id uuid, customer_token text, phone_tokens jsonb, is_staff boolean
)
"""


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked for benefits, on what, and who let it be."""

    person_id: UUID
    device_id: UUID | None = None
    approved_by: UUID | None = None


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A benefit that was issued just now."""

    issuance_id: UUID
    customer_id: UUID
    customer_token: str


async def keep(
    tenant_id: UUID,
    program_id: UUID,
    token_key: bytes,
    issued: Collection[Issued],
    asker: Asker,
    *,
    now: datetime,
) -> None:
    """Leave a trace of each; three statements however many there are."""
    if not issued:
        return
    wanted = list({each.customer_id for each in issued})
    found = await db.connection().fetch(_PHONES, tenant_id, wanted)
    phones: Mapping[UUID, list[str]] = {row["id"]: row["phones"] for row in found}
    staff = _phones_of(await identity.logins(tenant_id)) if any(phones.values()) else frozenset()
    device = asker.device_id and token(token_key, "device", str(asker.device_id))
    rows = [
        {
            "issuance_id": each.issuance_id,
            "customer_token": each.customer_token,
            "phone_tokens": [token(token_key, "phone", one) for one in phones[each.customer_id]],
            "is_staff": not staff.isdisjoint(phones[each.customer_id]),
        }
        for each in issued
    ]
    await db.connection().execute(
        _KEEP,
        *(tenant_id, program_id, asker.person_id, asker.approved_by, device, now),
        msgspec.json.encode(rows).decode(),
    )


def _phones_of(logins: Iterable[str]) -> frozenset[str]:
    """Read the phones among what people type to sign in, as customers' phones are written."""
    found = set()
    for login in logins:
        try:
            found.add(identifiers.phone(login))
        except BadPhone:
            continue
    return frozenset(found)
