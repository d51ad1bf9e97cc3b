"""What becomes of deals is told to the leads that they came of, and so to campaigns (S40, S43)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from server.access import Role, of_the_product
from server.kit import db
from server.leads import service as leads
from server.leads.rules.states import Stage
from server.pipeline.queries import processes
from sync_protocol.process.definition import Definition
from sync_protocol.process.gates import State

_DEALS: Final = """
SELECT id, customer_id, lead_id, process_id, created_at, (
        SELECT coalesce(sum(w.amount_minor), 0)::bigint FROM opportunity w
        WHERE w.tenant_id = o.tenant_id AND w.state = 'won' AND NOT w.deleted
            AND w.customer_id = o.customer_id AND w.lead_id IS NOT DISTINCT FROM o.lead_id
    ) AS won_minor
FROM opportunity o WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND NOT deleted ORDER BY id
"""
_MOVES: Final = """
SELECT opportunity_id, to_stage, state, moved_at FROM opportunity_move
WHERE tenant_id = $1 AND opportunity_id = ANY($2::uuid[]) ORDER BY seq, id
"""


async def tell_leads(tenant_id: UUID, deal_ids: Sequence[str]) -> None:
    """Tell the leads of deals that were just written how far they have come.

    May run twice and late: when a deal moved stands in its moves, and a first entry stays.
    """
    product = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="pipeline")
    async with db.tenant_transaction(tenant_id):
        ids = [UUID(each) for each in deal_ids]
        rows = await db.connection().fetch(_DEALS, tenant_id, ids)
        moves = await db.connection().fetch(_MOVES, tenant_id, ids)
        known = await processes.versions(product)
        for row in rows:
            own = [move for move in moves if move["opportunity_id"] == row["id"]]
            for stage, at in _entries(known[row["process_id"]].definition, row, own):
                await leads.reached(
                    product,
                    stage,
                    at=at,
                    lead_id=row["lead_id"],
                    customer_id=row["customer_id"],
                    value_minor=row["won_minor"] if stage is Stage.SIGNED else None,
                )


def _entries(
    process: Definition, row: asyncpg.Record, moves: Sequence[asyncpg.Record]
) -> Iterator[tuple[Stage, datetime]]:
    """Give when a deal came to which of the platform's stages, from its beginning on.

    A stage that only an earlier version of the process had is told by the next move.
    """
    yield Stage(process.first.canonical), row["created_at"]
    for move in moves:
        stage = process.stage(move["to_stage"])
        if stage is not None and move["state"] != State.LOST:
            yield Stage(stage.canonical), move["moved_at"]
