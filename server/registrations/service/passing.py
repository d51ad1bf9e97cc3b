"""Let another agent have a registration for the days that are left: of an agent that leaves.

The registry first, in one transaction of its own: at no moment is the customer free, and at none is
it protected for two. Then the successor's record, which follows the registry.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Role, of_the_product
from server.audit import service as audit
from server.changelog import facts
from server.kit import clock, db
from server.registrations.kinds import REGISTRATION, WRITTEN
from server.registrations.queries import identities
from server.registrations.service import disputes, entries
from server.registrations.service.entries import Entry
from sync_protocol.registering import LIVE, State

_IS_THERE: Final = "SELECT EXISTS (SELECT FROM registration WHERE tenant_id = $1 AND id = $2)"
_IS_CUSTOMERS: Final = """
SELECT EXISTS (SELECT FROM customer WHERE tenant_id = $1 AND id = $2 AND NOT deleted)
"""
_ADD: Final = """
INSERT INTO registry_entry (
    id, tenant_id, state, earliest_ms, latest_ms, floor_ms, ceiling_ms, clock_flag, has_territory,
    places, lot, arrived_at, settles_at, live_since, protected_until, extensions
)
SELECT $2, $3, 'granted', earliest_ms, latest_ms, floor_ms, ceiling_ms, clock_flag, false, places,
    $4, arrived_at, settles_at, live_since, coalesce(unsigned_until, protected_until), extensions
FROM registry_entry WHERE id = $1
"""
_ADD_KEYS: Final = """
INSERT INTO registry_key (key, entry_id) SELECT key, $2 FROM registry_key WHERE entry_id = $1
"""


async def pass_on(
    entry_id: UUID, *, to: UUID, new_id: UUID, customer_id: UUID, holder_id: UUID, now: datetime
) -> bool:
    """Let an agent have another one's registration; say whether it has. May run again.

    What was signed, the leaver has signed: the days are those without a signature. It is not passed
    where it protects no more, and where the successor has not got the customer. A case of the two
    about it is over; who else is in one goes on against the successor.

    :param to: the agent that is to have it.
    :param new_id: of its registration, always the same for this one.
    :param customer_id: its customer.
    :param holder_id: who of its people has it.
    """
    async with db.tenant_transaction(to, readonly=True):
        is_theirs = await db.connection().fetchval(_IS_CUSTOMERS, to, customer_id)
    async with db.job_transaction():
        await entries.lock()
        entry, passed = await entries.find(entry_id), await entries.find(new_id)
        if passed is None:
            if not is_theirs or entry is None or entry["state"] not in LIVE:
                return False
            for rival in await entries.meeting([entry_id], [State.CONTESTED]):
                if rival["tenant_id"] == to:
                    # What it stood against is its own now.
                    await disputes.end(rival, State.RELEASED, now=now)
            await db.connection().execute(_ADD, entry_id, new_id, to, identities.lot(new_id))
            await db.connection().execute(_ADD_KEYS, entry_id, new_id)
            await disputes.end(entry, State.RELEASED, now=now)
            passed = await entries.one(new_id)
        elif passed["tenant_id"] != to:
            # Somebody has registered under an id that it foresaw.
            return False
    await _write(passed, to, new_id, customer_id, holder_id, now=now)
    async with db.job_transaction():
        await entries.tell(passed, now=now)
    return True


async def _write(
    entry: Entry, to: UUID, new_id: UUID, customer_id: UUID, holder_id: UUID, *, now: datetime
) -> None:
    """Write the successor's record down; the registry's word follows it."""
    product = of_the_product(to, role=Role.AGENT_OWNER, name="registry")
    fields = {
        "customer_id": str(customer_id),
        "state": str(State.CHECKING),
        "state_since": clock.to_ms(now),
        "registered_by": str(holder_id),
        "earliest_at": entry["earliest_ms"],
        "latest_at": entry["latest_ms"],
        "clock_flag": entry["clock_flag"],
        "decides_at": clock.to_ms(entry["settles_at"]),
        "extensions": entry["extensions"],
    }
    async with db.tenant_transaction(to):
        if not await db.connection().fetchval(_IS_THERE, to, new_id):
            await facts.add(product, REGISTRATION.name, str(new_id), fields, kinds=WRITTEN, now=now)
            await audit.record(product, "registration.received", subject_id=new_id, now=now)
