"""Lock a contract with what it is decided by, in the one order of every write."""

from typing import Final
from uuid import UUID

from server.access import Actor
from server.changelog import storage
from server.contracts.kinds import WRITTEN
from server.kit import db
from server.kit.errors import NotFound
from sync_protocol.merge import HeldRecord, Key

_PLACE: Final = """
SELECT customer_id, opportunity_id, quote_id FROM contract WHERE tenant_id = $1 AND id = $2
"""


async def hold(actor: Actor, contract_id: UUID) -> tuple[HeldRecord, HeldRecord | None]:
    """Lock a contract, and its customer, deal and quote before it; give it and the quote.

    :raises NotFound: it is not there, or out of sight.
    """
    key: Key = ("contract", str(contract_id))
    place = await db.connection().fetchrow(_PLACE, actor.tenant_id, contract_id)
    customer_id = str(place["customer_id"]) if place else None
    while place is not None and customer_id is not None:
        above: list[Key] = [("customer", customer_id)]
        named = ("opportunity", "quote")
        above += [(kind, str(place[f"{kind}_id"])) for kind in named if place[f"{kind}_id"]]
        found = await storage.load(actor, WRITTEN, [*above, key])
        held = found.get(key)
        if held is None or held.deleted or not held.visible:
            break
        if held.fields["customer_id"] == customer_id:
            return held, found.get(("quote", str(place["quote_id"])))
        # A merge gave it to another customer while the lock was waited for.
        customer_id = held.fields["customer_id"]
    raise NotFound
