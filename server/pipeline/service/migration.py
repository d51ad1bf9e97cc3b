"""Deals are moved on to another version of their process; what was done stays done (S57)."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.changelog import facts
from server.kit import clock, db
from server.pipeline import rules
from server.pipeline.kinds import WRITTEN
from server.pipeline.queries import migration, processes
from server.pipeline.schemas import Migrate, Migrated

_FOLLOWING: Final = """
SELECT id, stage, stage_since FROM opportunity
WHERE tenant_id = $1 AND process_id IS NOT DISTINCT FROM $2 AND state = 'open' AND NOT deleted
AND ($3::uuid[] IS NULL OR id = ANY($3))
ORDER BY id LIMIT $4 FOR UPDATE
"""
_MOVES: Final = """
INSERT INTO opportunity_move (
    tenant_id, id, opportunity_id, seq, verb, from_stage, to_stage, state, stayed_ms, moved_by,
    moved_at
)
SELECT $1, gen_random_uuid(), u.id, $5, 'migrate', u.was, u.stage, 'open', u.stayed_ms, $6, $7
FROM UNNEST($2::uuid[], $3::text[], $4::text[], $8::bigint[]) AS u(id, was, stage, stayed_ms)
"""
_BATCH: Final = 500
"""Deals that are moved on in one unit of work."""


async def migrate(
    actor: Actor, process_id: UUID | None, asked: Migrate, *, now: datetime
) -> Migrated:
    """Let the open deals of a version, or those chosen of them, follow another one.

    A chosen deal that no longer follows the version, or is closed, is left as it is: asked again,
    nothing moves twice.

    :param process_id: the version that they follow; the built-in one without.
    :raises MappingIncomplete: deals stand in a stage that the new version does not have.
    :raises ProcessRetired: no deal begins by the new version any more.
    :raises NotFound: one of the versions is not there, or a chosen deal is out of sight.
    """
    ensure(actor, Permission.PROCESSES_MANAGE)
    moved = 0
    async with db.tenant_transaction(actor.tenant_id):
        old = await processes.process(actor, process_id)
        new = await processes.process(actor, asked.to_id)
        rules.ensure_in_use(new.state)
        await migration.ensure_in_sight(actor, asked.opportunity_ids)
        stages = set(await migration.stages(actor, process_id, asked.opportunity_ids))
        aims = rules.mapped(old.definition, new.definition, asked.mapping, stages)
        if old.id == new.id:
            return Migrated(deals=0)
        chosen = (actor.tenant_id, process_id, asked.opportunity_ids)
        while rows := await db.connection().fetch(_FOLLOWING, *chosen, _BATCH):
            if strange := {row["stage"] for row in rows} - aims.keys():
                # Somebody has moved a deal there since it was looked.
                aims |= rules.mapped(old.definition, new.definition, asked.mapping, strange)
            await _move(actor, asked.to_id, rows, aims, now=now)
            moved += len(rows)
        await audit.record(actor, "process.migrated", subject_id=asked.to_id, now=now, deals=moved)
    return Migrated(deals=moved)


async def _move(
    actor: Actor, to_id: UUID, rows: list[asyncpg.Record], aims: dict[str, str], *, now: datetime
) -> None:
    """Write a batch of deals as they stand in the new version, and that they were moved."""
    unit = {
        ("opportunity", str(row["id"])): {
            "process_id": str(to_id),
            "stage": aims[row["stage"]],
            **_since(row["stage"], aims[row["stage"]], now),
        }
        for row in rows
    }
    seq = await facts.note(actor, unit, kinds=WRITTEN, now=now)
    await db.connection().execute(
        _MOVES,
        actor.tenant_id,
        [row["id"] for row in rows],
        [row["stage"] for row in rows],
        [aims[row["stage"]] for row in rows],
        seq,
        actor.user_id,
        now,
        [clock.to_ms(now) - clock.to_ms(row["stage_since"]) for row in rows],
    )


def _since(was: str, stage: str, now: datetime) -> dict[str, int]:
    """Begin the time in stage anew where the stage is another one."""
    return {} if was == stage else {"stage_since": clock.to_ms(now)}
