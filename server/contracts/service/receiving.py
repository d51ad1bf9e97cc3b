"""Money that comes in by a contract is noted once, and never changed: a mistake is taken back."""

from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.changelog import facts
from server.contracts import queries, rules
from server.contracts.kinds import WRITTEN
from server.contracts.queries.contracts import RECEIPT
from server.contracts.schemas import ReceiptView, Receive, Received
from server.contracts.service.holding import hold
from server.identity.rules.absences import day_of
from server.kit import db, ids
from server.kit.errors import IdReused
from sync_protocol.merge import HeldRecord

_RECEIPT: Final = f"{RECEIPT} AND id = $2"
_TOLD: Final = ("contract_id", "instalment_id", "amount_minor", "remark")
"""What a receipt's id stands for, beside its day."""
_WRITE: Final = """
INSERT INTO contract_receipt (tenant_id, id, contract_id, instalment_id, seq, amount_minor,
    received_on, remark, noted_by, noted_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


async def receive(actor: Actor, contract_id: UUID, asked: Receive, *, now: datetime) -> Received:
    """Note that money came in, or take back what was noted by mistake.

    Asked again under the same id, it is noted once.

    :raises NothingDue: nobody has signed the contract yet.
    :raises BadReceipt: more than is due, less than nothing, or no such instalment.
    :raises NotFound: the contract is not there, or out of sight.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    receipt_id = asked.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        held, _ = await hold(actor, contract_id)
        noted = await _noted(actor, receipt_id, contract_id, asked)
        if noted is None:
            await _note(actor, held, receipt_id, asked, now=now)
            noted = await _noted(actor, receipt_id, contract_id, asked)
        assert noted is not None, "it was noted in this transaction, or before"
        return Received(receipt=noted, contract=await queries.one(actor, contract_id, now=now))


async def _note(
    actor: Actor, held: HeldRecord, receipt_id: UUID, asked: Receive, *, now: datetime
) -> None:
    """Judge and write a receipt of a locked contract."""
    today = str(day_of(now))
    received_on = rules.happened_on(asked.received_on, today, field="received_on")
    place = str(asked.instalment_id) if asked.instalment_id else None
    before = dict(held.fields["received"] or ())
    after = rules.received(held.fields, before, place, asked.amount_minor)
    values = {
        "received": [[each, minor] for each, minor in sorted(after.items()) if minor],
        "received_minor": sum(after.values()),
    }
    seq = await facts.note(actor, {held.key: values}, kinds=WRITTEN, now=now)
    await db.connection().execute(
        _WRITE,
        *(actor.tenant_id, receipt_id, UUID(held.id), asked.instalment_id, seq),
        *(asked.amount_minor, received_on, asked.remark, actor.user_id, now),
    )
    await audit.record(actor, "contract.received", subject_id=UUID(held.id), now=now)


async def _noted(
    actor: Actor, receipt_id: UUID, contract_id: UUID, asked: Receive
) -> ReceiptView | None:
    """Give what was noted under this id before.

    :raises IdReused: the id is another receipt's.
    """
    row = await db.connection().fetchrow(_RECEIPT, actor.tenant_id, receipt_id)
    if row is None:
        return None
    told = (contract_id, asked.instalment_id, asked.amount_minor, asked.remark)
    is_same = told == tuple(row[name] for name in _TOLD)
    if not is_same or asked.received_on not in {None, row["received_on"]}:
        raise IdReused("This id is another receipt's; make a new one.", field="id")
    return ReceiptView(**row)
