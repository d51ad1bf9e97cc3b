"""Ask who has opted out; inside an open transaction of a tenant."""

from collections.abc import Collection, Mapping
from typing import Final

from server.customers.opt_outs import rules
from server.customers.opt_outs.rules import OptOutReason
from server.identity import keys
from server.kit import db

_AMONG: Final = """
SELECT phone_hash, min(reason) AS reason FROM contact_opt_out
WHERE phone_hash = ANY($1::bytea[]) GROUP BY phone_hash
"""


async def among(phones: Collection[str]) -> Mapping[str, OptOutReason]:
    """Give those of these phones (E.164) that are not to be called, each with its reason."""
    key = keys.current().opt_outs
    by_hash = {rules.phone_hash(phone, key=key): phone for phone in phones}
    if not by_hash:
        return {}
    rows = await db.connection().fetch(_AMONG, list(by_hash))
    return {by_hash[row["phone_hash"]]: OptOutReason(row["reason"]) for row in rows}
