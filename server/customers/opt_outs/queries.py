"""Ask who has opted out; inside an open transaction of a tenant."""

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from server.customers.opt_outs import rules
from server.customers.opt_outs.rules import OptedOut, OptOutReason
from server.identity import keys
from server.kit import db

_AMONG: Final = """
SELECT phone_hash, min(reason) AS reason FROM contact_opt_out
WHERE phone_hash = ANY($1::bytea[]) GROUP BY phone_hash
"""
_PHONES: Final = """
SELECT id::text AS id, phone, status FROM customer
WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND phone IS NOT NULL
"""


async def among(phones: Collection[str]) -> Mapping[str, OptOutReason]:
    """Give those of these phones (E.164) that are not to be called, each with its reason."""
    key = keys.current().opt_outs
    by_hash = {rules.phone_hash(phone, key=key): phone for phone in phones}
    if not by_hash:
        return {}
    rows = await db.connection().fetch(_AMONG, list(by_hash))
    return {by_hash[row["phone_hash"]]: OptOutReason(row["reason"]) for row in rows}


async def not_to_be_assigned(tenant_id: UUID, customers: Collection[UUID | str]) -> set[str]:
    """Give those of these customers that nobody new may be given, since nobody may call them."""
    rows = await db.connection().fetch(_PHONES, tenant_id, [str(each) for each in customers])
    banned = await among({row["phone"] for row in rows})
    return {
        row["id"]
        for row in rows
        if not rules.may_be_assigned(row["status"], is_opted_out=row["phone"] in banned)
    }


async def ensure_may_be_assigned(tenant_id: UUID, customer_id: UUID) -> None:
    """Refuse to give a customer that nobody may call to somebody new.

    :raises OptedOut: saying so.
    """
    if await not_to_be_assigned(tenant_id, [customer_id]):
        raise OptedOut(
            "Who has this phone has asked not to be called; nobody new gets this customer.",
            field="owner_id",
        )
