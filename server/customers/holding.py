"""Hold a record that belongs to a customer while something is decided about it."""

from collections.abc import Mapping
from uuid import UUID

from server.access import Actor
from server.changelog import storage
from server.changelog.kinds import RecordKind
from server.kit import db
from server.kit.errors import NotFound
from sync_protocol.merge import HeldRecord


async def hold(
    actor: Actor, kind: RecordKind, record_id: UUID, *, kinds: Mapping[str, RecordKind]
) -> HeldRecord:
    """Lock a record, and its customer before it, as every write does; in the open transaction.

    :param kinds: what the room hands to the one write path, by name.
    :raises NotFound: it is not there, or out of sight.
    """
    key = (kind.name, str(record_id))
    customer_id = await db.connection().fetchval(
        f"SELECT customer_id FROM {kind.table} WHERE tenant_id = $1 AND id = $2",  # noqa: S608 - a room's own table
        actor.tenant_id,
        record_id,
    )
    while customer_id is not None:
        found = await storage.load(actor, kinds, [("customer", str(customer_id)), key])
        held = found.get(key)
        if held is None or held.deleted or not held.visible:
            break
        if held.fields["customer_id"] == str(customer_id):
            return held
        # A merge gave it to another customer while the lock was waited for.
        customer_id = held.fields["customer_id"]
    raise NotFound
