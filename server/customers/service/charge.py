"""Say how many customers somebody has who is to have none (S109)."""

from typing import Final
from uuid import UUID

from server.customers.opt_outs import queries as opt_outs
from server.identity import charges
from server.kit import db

_OWN: Final = "SELECT id FROM customer WHERE tenant_id = $1 AND owner_id = $2 AND NOT deleted"


async def customers_of(tenant_id: UUID, user_id: UUID) -> int:
    """Count a person's customers that can be given to somebody else, in the open transaction.

    Who asked to be called by nobody stays where it is, and nobody works on it.
    """
    rows = await db.connection().fetch(_OWN, tenant_id, user_id)
    own = {str(row["id"]) for row in rows}
    return len(own - await opt_outs.not_to_be_assigned(tenant_id, own))


charges.register("customer", customers_of)
