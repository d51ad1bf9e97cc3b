"""Bring an agent's records to what stands in the registry, and tell who registered."""

from datetime import datetime, time
from typing import Any, Final
from uuid import UUID

import asyncpg

from server.access import Actor, Role, of_the_product
from server.changelog import facts
from server.customers import holding
from server.kit import clock, db, outbox
from server.kit.calendars import ZONE
from server.kit.errors import NotFound
from server.notifications import service as notifications
from server.notifications.rules import Kind
from server.registrations.kinds import REGISTRATION, WRITTEN
from server.registrations.rules.states import REASON_OF, CaseState
from server.registrations.rules.terms import DAY, SIGNED_DAYS_MAX
from server.registrations.service import budget, entries
from sync_protocol.merge import HeldRecord
from sync_protocol.registering import LIVE, OPEN, State

_STANDS: Final = """
SELECT e.*, c.evidence_until, c.state AS case_state FROM registry_entry e
LEFT JOIN registry_case c ON c.id = e.case_id
WHERE e.id = $1 AND e.tenant_id = $2 AND (e.told_from IS NULL OR e.told_from <= $3)
"""
_SIGNED: Final = """
SELECT max(least(ends_on::date, least(signed_on::date, $3::date) + $4::integer)) FROM contract
WHERE tenant_id = $1 AND customer_id = $2 AND state IN ('signed', 'in_force') AND NOT deleted
"""
_OF_CUSTOMERS: Final = """
SELECT DISTINCT g.id, g.customer_id, g.state FROM registration g
JOIN contract k ON k.tenant_id = g.tenant_id AND k.customer_id = g.customer_id
WHERE g.tenant_id = $1 AND k.id = ANY ($2::uuid[]) AND g.state = ANY ($3::text[])
"""
_DELETED: Final = """
SELECT g.id FROM registration g
JOIN customer c ON c.tenant_id = g.tenant_id AND c.id = g.customer_id AND c.deleted
WHERE g.tenant_id = $1 AND g.customer_id = ANY ($2::uuid[]) AND g.state = ANY ($3::text[])
"""
_TOLD: Final = {
    *(State.GRANTED, State.REFUSED, State.CONTESTED, State.EXPIRED, State.REVOKED),
}


async def mirror(tenant_id: UUID, registration_id: UUID, *, now: datetime) -> None:
    """Let an agent's record say what the registry says. May run again, and late.

    The registry is read before the record is locked, and once more after: what has moved in
    between, and was mirrored before this got the lock, is not undone. What its agent is not to hear
    of yet is left for that day.
    """
    written, row = None, await _stands(tenant_id, registration_id, now)
    while row is not None and row != written:
        await _follow(row, tenant_id, registration_id, now=now)
        written, row = row, await _stands(tenant_id, registration_id, now)


async def _stands(tenant_id: UUID, registration_id: UUID, now: datetime) -> asyncpg.Record | None:
    """Read how a registration stands in the registry."""
    async with db.job_transaction():
        return await db.connection().fetchrow(_STANDS, registration_id, tenant_id, now)


async def _follow(
    row: asyncpg.Record, tenant_id: UUID, registration_id: UUID, *, now: datetime
) -> None:
    """Bring an agent's record to a row of the registry."""
    product = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="registry")
    async with db.tenant_transaction(tenant_id):
        held = await _held(product, registration_id)
        if held is None:
            return
        values = _values(row, held, now)
        if await facts.note(product, {held.key: values}, kinds=WRITTEN, now=now) is None:
            return
        if held.fields["state"] != values["state"] and values["state"] in _TOLD:
            await _say(tenant_id, held, Kind.REGISTRATION_MOVED, f"{values['state']}", now=now)
        is_refused = held.fields["state"] == State.CHECKING and values["state"] == State.REFUSED
        if is_refused and values["reason"] in REASON_OF.values() and row["told_from"] is None:
            # Of its company's answers it took one as it was made.
            await budget.count(tenant_id, UUID(held.fields["registered_by"]), now=now)
        if held.fields["case_id"] != values["case_id"] and values["state"] != State.CONTESTED:
            await _say(tenant_id, held, Kind.REGISTRATION_DISPUTED, values["case_id"], now=now)
        if values["state"] == State.GRANTED:
            customer_id = UUID(held.fields["customer_id"])
            await _convert(product, customer_id, registration_id, is_signed=False, now=now)


async def give_back_deleted(tenant_id: UUID, customer_ids: list[UUID], *, now: datetime) -> None:
    """Let go of customers that were deleted: nobody could give them back any more."""
    async with db.tenant_transaction(tenant_id):
        rows = await db.connection().fetch(_DELETED, tenant_id, customer_ids, sorted(OPEN))
        for row in rows:
            told = {"id": str(row["id"]), "tenant_id": str(tenant_id)}
            await outbox.add(entries.RELEASED, told, tenant_id=None, now=now)


async def warn(tenant_id: UUID, registration_id: UUID, days: int, *, now: datetime) -> None:
    """Tell who registered that a protection ends soon."""
    product = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="registry")
    async with db.tenant_transaction(tenant_id):
        held = await _held(product, registration_id)
        if held is not None:
            told = f"{days}:{held.fields['protected_until']}"
            await _say(tenant_id, held, Kind.REGISTRATION_ENDS, told, now=now)


async def convert(tenant_id: UUID, contract_ids: list[UUID], *, now: datetime) -> None:
    """Let registrations hear of contracts that were just written: who has signed is converted.

    Where a contract has ended and no other is signed, its registration is as it was before.
    """
    product = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="registry")
    async with db.tenant_transaction(tenant_id):
        protected = [str(State.GRANTED), str(State.EXTENDED), str(State.CONVERTED)]
        rows = await db.connection().fetch(_OF_CUSTOMERS, tenant_id, contract_ids, protected)
        for row in rows:
            is_signed = row["state"] == State.CONVERTED
            await _convert(product, row["customer_id"], row["id"], is_signed=is_signed, now=now)


async def _convert(
    actor: Actor, customer_id: UUID, registration_id: UUID, *, is_signed: bool, now: datetime
) -> None:
    """Leave the registry the end of the day to which a signature protects.

    :param is_signed: it was heard before that something is signed; that nothing is any more counts.
    """
    today = now.astimezone(ZONE).date()
    last = await db.connection().fetchval(
        _SIGNED, actor.tenant_id, customer_id, today, SIGNED_DAYS_MAX
    )
    if last is not None or is_signed:
        until = None if last is None else datetime.combine(last + DAY, time(), ZONE)
        payload = {"id": str(registration_id), "until": until and until.isoformat()}
        await outbox.add(entries.CONVERTED, payload, tenant_id=None, now=now)


async def _held(actor: Actor, registration_id: UUID) -> HeldRecord | None:
    """Lock a registration; none of a customer that was deleted."""
    try:
        return await holding.hold(actor, REGISTRATION, registration_id, kinds=WRITTEN)
    except NotFound:
        return None


def _values(row: asyncpg.Record, held: HeldRecord, now: datetime) -> dict[str, Any]:
    """Give the fields of a record that stands where the registry's row does."""
    moved = held.fields["state"] != row["state"]
    # An extension of this agent's own is still on its way to the registry, which answers each.
    is_ahead = row["state"] in LIVE and held.fields["extensions"] > row["extensions"]
    is_taking = row["case_state"] in {CaseState.OPEN, CaseState.APPEALED}
    longer = ("state", "state_since", "protected_until", "extensions")
    return {
        "state": row["state"],
        "state_since": clock.to_ms(now) if moved else held.fields["state_since"],
        "protected_until": _ms(row["protected_until"]),
        "extensions": row["extensions"],
        **({name: held.fields[name] for name in longer} if is_ahead else {}),
        "reason": row["reason"],
        "contest_until": _ms(row["contest_until"]),
        "case_id": None if row["case_id"] is None else str(row["case_id"]),
        "evidence_until": _ms(row["evidence_until"]) if is_taking else None,
    }


def _ms(moment: datetime | None) -> int | None:
    """Give a moment as devices count it."""
    return None if moment is None else clock.to_ms(moment)


async def _say(
    tenant_id: UUID, held: HeldRecord, kind: Kind, key: str | None, *, now: datetime
) -> None:
    """Tell who registered."""
    name = await db.connection().fetchval(
        "SELECT name FROM customer WHERE tenant_id = $1 AND id = $2",
        tenant_id,
        UUID(held.fields["customer_id"]),
    )
    await notifications.tell(
        tenant_id,
        [UUID(held.fields["registered_by"])],
        kind,
        key=f"{kind}:{held.id}:{key}",
        subject=name,
        page="/registrations",
        subject_id=UUID(held.id),
        now=now,
    )
