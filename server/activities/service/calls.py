"""Write calls down, and keep devices informed of phones that nobody may call (S45)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from msgspec import UNSET

from server.access import Actor, Role, of_the_product
from server.activities import queries
from server.activities.kinds import BY_NAME
from server.activities.schemas import CallEdit, CallOutcome, CallView, NewCall
from server.changelog import facts
from server.changelog import service as changelog
from server.customers import queries as customers
from server.customers.opt_outs import queries as opt_outs
from server.customers.opt_outs import service as opting_out
from server.kit import clock, db, ids
from server.kit.errors import Conflict
from sync_protocol.messages import Create, Edit

_KIND: Final = "call"
_BAN: Final = "call_ban"
_TOLD: Final = ("outcome", "duration_s", "note")
_AT_A_TIME: Final = 500
_CALLED_AT: Final = "SELECT called_at FROM call WHERE tenant_id = $1 AND id = $2"
_OUTCOME: Final = "SELECT outcome FROM call WHERE tenant_id = $1 AND id = $2"
_OPTED_OUT: Final = """
SELECT k.id AS call_id, k.caller_id, k.customer_id, coalesce(p.phone, c.phone) AS phone
FROM call k
JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
LEFT JOIN contact p ON p.tenant_id = k.tenant_id AND p.id = k.contact_id
WHERE k.tenant_id = $1 AND k.id = ANY($2::uuid[]) AND k.outcome = 'opted_out'
    AND coalesce(p.phone, c.phone) IS NOT NULL
ORDER BY k.id
"""
_NEXT: Final = """
SELECT id FROM customer WHERE tenant_id = $1 AND id > $2 AND NOT deleted ORDER BY id LIMIT $3
"""
_PHONES: Final = """
SELECT customer_id, phone FROM (
    SELECT id AS customer_id, phone FROM customer WHERE tenant_id = $1 AND id = ANY($2::uuid[])
    UNION
    SELECT customer_id, phone FROM contact
    WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[]) AND NOT deleted
    UNION
    SELECT customer_id, phone FROM store
    WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[]) AND NOT deleted
) found WHERE phone IS NOT NULL ORDER BY customer_id, phone
"""
_BANS: Final = """
SELECT id, phone, lifted_at FROM call_ban WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[])
"""
_HOLD: Final = """
SELECT FROM customer WHERE tenant_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR UPDATE
"""


async def add_call(actor: Actor, customer_id: UUID, new: NewCall, *, now: datetime) -> CallView:
    """Write a call with a customer down. The same id and content is answered the same.

    :raises CallUnanswered: nobody answered, and it took a while.
    :raises OptOutQuotaReached: so many asked the actor today not to be called as one may tell.
    """
    try:
        return await _add_call(actor, customer_id, new, new.called_at or now, now=now)
    except Conflict:
        if new.id is None or new.called_at is not None:
            raise
        # Sent again without a time: it took place when it came first.
        async with db.tenant_transaction(actor.tenant_id):
            called_at = await db.connection().fetchval(_CALLED_AT, actor.tenant_id, new.id)
        if called_at is None:
            raise
        return await _add_call(actor, customer_id, new, called_at, now=now)


async def _add_call(
    actor: Actor, customer_id: UUID, new: NewCall, called_at: datetime, *, now: datetime
) -> CallView:
    """Write a call down that took place at a time."""
    call_id = new.id or ids.new_id(now)
    fields: dict[str, Any] = {
        "customer_id": str(customer_id),
        "contact_id": None if new.contact_id is None else str(new.contact_id),
        "direction": str(new.direction),
        "called_at": clock.to_ms(called_at),
        "outcome": str(new.outcome),
        "duration_s": new.duration_s,
        "note": new.note or None,
    }
    op = Create(
        number=1,
        kind=_KIND,
        id=str(call_id),
        fields={name: value for name, value in fields.items() if value is not None},
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now(),
    )
    async with db.tenant_transaction(actor.tenant_id):
        await customers.one(actor, customer_id)
        if new.outcome is CallOutcome.OPTED_OUT:
            await _ensure_may_tell(actor, call_id, now=now)
        await changelog.write(actor, [op], kinds=BY_NAME, now=now)
        return await queries.call(actor, call_id)


async def _ensure_may_tell(actor: Actor, call_id: UUID, *, now: datetime) -> None:
    """Refuse one more who asked not to be called than a day may have; what was told is told.

    What phones bring beyond it is kept, and waits for a manager.
    """
    held = await db.connection().fetchval(_OUTCOME, actor.tenant_id, call_id)
    if held != CallOutcome.OPTED_OUT:
        await opting_out.ensure_may_tell(actor, now=now)


async def change_call(actor: Actor, call_id: UUID, change: CallEdit, *, now: datetime) -> CallView:
    """Tell more of a call, or what came of it after all.

    :raises NotYourCall: somebody else made or took it.
    """
    touched = {name: getattr(change, name) for name in _TOLD}
    op = Edit(
        number=1,
        kind=_KIND,
        id=str(call_id),
        fields={name: value for name, value in touched.items() if value is not UNSET},
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now() if change.base is None else change.base,
    )
    async with db.tenant_transaction(actor.tenant_id):
        if change.outcome is CallOutcome.OPTED_OUT:
            await _ensure_may_tell(actor, call_id, now=now)
        await changelog.write(actor, [op], kinds=BY_NAME, now=now)
        return await queries.call(actor, call_id)


async def heed_opt_outs(tenant_id: UUID, call_ids: Sequence[str], *, now: datetime) -> None:
    """Let who asked so in a call be called by nobody of the channel any more."""
    product = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="calls")
    async with db.tenant_transaction(tenant_id):
        rows = await db.connection().fetch(_OPTED_OUT, tenant_id, list(call_ids))
        # The callers' rows are locked in one order, whichever jobs run at once.
        for row in sorted(rows, key=lambda row: (row["caller_id"], row["phone"])):
            await opting_out.heed(product, opting_out.Heard(**dict(row)), now=now)
        await _ban(product, sorted({row["customer_id"] for row in rows}), now=now)


async def refresh_bans(tenant_id: UUID, *, now: datetime) -> None:
    """Tell devices of phones that were opted out, or in again, whichever company heard it."""
    product = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="calls")
    after = UUID(int=0)
    while True:
        async with db.tenant_transaction(tenant_id):
            rows = await db.connection().fetch(_NEXT, tenant_id, after, _AT_A_TIME)
            await _ban(product, [row["id"] for row in rows], now=now)
        if len(rows) < _AT_A_TIME:
            return
        after = rows[-1]["id"]


async def _ban(product: Actor, customer_ids: Sequence[UUID], *, now: datetime) -> None:
    """Bring the bans of customers into line with what is opted out, in the open transaction."""
    tenant_id = product.tenant_id
    if not customer_ids:
        return
    rows = await db.connection().fetch(_PHONES, tenant_id, customer_ids)
    refused = await opt_outs.among({row["phone"] for row in rows})
    hit = sorted({row["customer_id"] for row in rows if row["phone"] in refused})
    if hit:
        # Whoever else brings their bans into line waits, and sees these.
        await db.connection().execute(_HOLD, tenant_id, hit)
    bans = await db.connection().fetch(_BANS, tenant_id, customer_ids)
    held = {row["id"]: row for row in bans}
    wanted = {
        uuid5(row["customer_id"], f"call_ban:{row['phone']}"): row
        for row in rows
        if row["phone"] in refused
    }
    new = [ban_id for ban_id in wanted if ban_id not in held]
    back = [ban_id for ban_id in wanted if ban_id in held and held[ban_id]["lifted_at"]]
    over = [
        ban_id
        for ban_id, row in held.items()
        if row["lifted_at"] is None and row["phone"] not in refused
    ]
    known: dict[tuple[str, str], dict[str, Any]] = {
        **{(_BAN, str(each)): {"lifted_at": None} for each in back},
        **{(_BAN, str(each)): {"lifted_at": clock.to_ms(now)} for each in over},
    }
    for ban_id in new:
        row = wanted[ban_id]
        born = {
            "customer_id": str(row["customer_id"]),
            "phone": row["phone"],
            "reason": str(refused[row["phone"]]),
            "since": clock.to_ms(now),
        }
        await facts.add(product, _BAN, str(ban_id), born, kinds=BY_NAME, now=now)
    if known:
        await facts.note(product, known, kinds=BY_NAME, now=now)
