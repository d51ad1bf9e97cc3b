"""Remember how far a lead has come (S40, S41): the rooms above say so, in their own transaction."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from server.access import Actor
from server.kit import db
from server.leads.rules import funnel
from server.leads.rules.funnel import COLUMNS
from server.leads.rules.states import Stage

_OF_LEAD: Final = "SELECT * FROM raw_lead WHERE tenant_id = $1 AND id = $2 FOR UPDATE"
_OF_CUSTOMER: Final = """
SELECT * FROM raw_lead WHERE tenant_id = $1 AND customer_id = $2 AND received_at <= $3
ORDER BY routed_at DESC NULLS LAST, id DESC LIMIT 1 FOR UPDATE
"""


async def reached(
    actor: Actor,
    stage: Stage,
    *,
    at: datetime,
    lead_id: UUID | None = None,
    customer_id: UUID | None = None,
    value_minor: int | None = None,
) -> None:
    """Remember that a lead has come to a stage; the stages before it were come to as well.

    Called inside the transaction of what has happened; may come again, in any order: the first
    entry into each stage stays. A customer that was no lead is none of this room's business.

    :param lead_id: the lead itself, where the caller knows it; else the customer's last one.
    :param value_minor: what was signed, in fen; the last word holds.
    """
    async with db.tenant_transaction(actor.tenant_id):
        row = await _row(actor, lead_id, customer_id, at)
        if row is None:
            return
        held = {each: row[column] for each, column in COLUMNS.items()}
        new = {COLUMNS[each]: entered for each, entered in funnel.entries(held, stage, at).items()}
        values: dict[str, datetime | int] = dict(new)
        if stage is Stage.SIGNED and value_minor is not None:
            values["signed_minor"] = value_minor
        if values:
            setting = ", ".join(f"{name} = ${n}" for n, name in enumerate(values, 3))
            await db.connection().execute(
                f"UPDATE raw_lead SET {setting} WHERE tenant_id = $1 AND id = $2",  # noqa: S608 - names of columns
                actor.tenant_id,
                row["id"],
                *values.values(),
            )


async def _row(
    actor: Actor, lead_id: UUID | None, customer_id: UUID | None, at: datetime
) -> asyncpg.Record | None:
    """Lock the lead that is meant; what came to pass before a customer was a lead is not its."""
    if lead_id is not None:
        return await db.connection().fetchrow(_OF_LEAD, actor.tenant_id, lead_id)
    return await db.connection().fetchrow(_OF_CUSTOMER, actor.tenant_id, customer_id, at)
