"""What a migration of deals to another version would do (S57), and who follows which version."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor, Permission, ensure
from server.customers.sight import Where
from server.kit import db
from server.kit.errors import NotFound
from server.pipeline import rules
from server.pipeline.queries import deals
from server.pipeline.queries.processes import process, versions
from server.pipeline.schemas import (
    Migrate,
    MigrationLine,
    MigrationPreview,
    OpenView,
    OpportunityView,
    ProcessVersion,
    StageAim,
)
from sync_protocol.process import gates
from sync_protocol.process.definition import Definition

SHOWN: Final = 200
"""How many deals a preview tells one by one."""
_USES: Final = """
SELECT process_id, count(*) FILTER (WHERE state = 'open') AS open_deals,
    count(*) FILTER (WHERE state <> 'open') AS closed_deals
FROM opportunity WHERE tenant_id = $1 AND NOT deleted GROUP BY process_id
"""
_STAGES: Final = """
SELECT stage, count(*) AS deals FROM opportunity
WHERE tenant_id = $1 AND process_id IS NOT DISTINCT FROM $2 AND state = 'open' AND NOT deleted
AND ($3::uuid[] IS NULL OR id = ANY($3))
GROUP BY stage
"""


async def process_versions(actor: Actor) -> list[ProcessVersion]:
    """List every version of every process, the newest of each first, with how many follow it."""
    ensure(actor, Permission.PROCESSES_MANAGE)
    async with db.tenant_transaction(actor.tenant_id, readonly=True, snapshot=True):
        known = await versions(actor)
        rows = await db.connection().fetch(_USES, actor.tenant_id)
    uses = {row["process_id"]: row for row in rows}
    return [
        ProcessVersion(
            process=held,
            open_deals=uses[id_]["open_deals"] if id_ in uses else 0,
            closed_deals=uses[id_]["closed_deals"] if id_ in uses else 0,
        )
        for id_, held in known.items()
    ]


async def migration_preview(
    actor: Actor, process_id: UUID | None, asked: Migrate, *, now: datetime
) -> MigrationPreview:
    """Say what a migration would do, without doing it.

    :param process_id: the version that the deals follow; the built-in one without.
    :raises StageUnknown: a stage is named that the new version does not have.
    :raises ProcessRetired: no deal begins by the new version any more.
    :raises NotFound: one of the versions is not there, or a chosen deal is out of sight.
    """
    ensure(actor, Permission.PROCESSES_MANAGE)
    async with db.tenant_transaction(actor.tenant_id, readonly=True, snapshot=True):
        old, new = await process(actor, process_id), await process(actor, asked.to_id)
        rules.ensure_in_use(new.state)
        await ensure_in_sight(actor, asked.opportunity_ids)
        standing = await stages(actor, process_id, asked.opportunity_ids)
        seen = await deals.following(actor, process_id, asked.opportunity_ids, SHOWN, now=now)
    aims = rules.aims(new.definition, asked.mapping, set(standing))
    return MigrationPreview(
        old=old,
        new=new,
        stages=[
            StageAim(
                stage=id_,
                name=held.name if (held := old.definition.stage(id_)) else id_,
                deals=standing[id_],
                to_stage=aims[id_],
            )
            for id_ in sorted(standing, key=lambda id_: (old.definition.place(id_) or 0, id_))
        ],
        deals=[_line(deal, aims.get(deal.stage), new.definition) for deal in seen],
        total=sum(standing.values()),
    )


def _line(deal: OpportunityView, to_stage: str | None, new: Definition) -> MigrationLine:
    """Say what becomes of one deal."""
    judged = deals.judged_as(deal)
    stage = new.stage(to_stage) if to_stage else None
    known = {step.id for _, step in new.steps()}
    return MigrationLine(
        opportunity_id=deal.id,
        name=deal.name,
        customer_name=deal.customer_name,
        from_stage=deal.stage,
        to_stage=to_stage,
        kept_steps=len(known.intersection(judged.done_steps)),
        open=[OpenView(**rules.told(each)) for each in gates.open_in(stage, judged)]
        if stage
        else [],
    )


async def stages(
    actor: Actor, process_id: UUID | None, chosen: Sequence[UUID] | None
) -> Mapping[str, int]:
    """Count by stage the open deals of a version that would be moved."""
    rows = await db.connection().fetch(_STAGES, actor.tenant_id, process_id, chosen)
    return {row["stage"]: row["deals"] for row in rows}


async def ensure_in_sight(actor: Actor, chosen: Sequence[UUID] | None) -> None:
    """Refuse deals that the actor does not see.

    :raises NotFound: one is not there, or out of sight.
    """
    if chosen is None:
        return
    where = Where(actor)
    where.add("o.tenant_id = {} AND o.id = ANY({}::uuid[])", actor.tenant_id, chosen)
    found = await db.connection().fetchval(
        "SELECT count(*) FROM opportunity o"  # noqa: S608 - constants and numbered parameters
        " JOIN customer c ON c.tenant_id = o.tenant_id AND c.id = o.customer_id"
        f" WHERE {where.text}",
        *where.args,
    )
    if found != len(set(chosen)):
        raise NotFound("One of these deals is not there.", field="opportunity_ids")
