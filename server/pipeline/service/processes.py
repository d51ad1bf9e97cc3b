"""Processes are drafted, published, retired, and their deals moved on to a newer version (S57)."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.changelog import facts
from server.kit import clock, db
from server.kit.errors import IdReused, NotFound
from server.pipeline import rules
from server.pipeline.kinds import WRITTEN
from server.pipeline.queries import processes
from server.pipeline.schemas import (
    DraftView,
    Migrate,
    Migrated,
    ProcessView,
    Publish,
    SaveDraft,
)
from sync_protocol.process import definition

_KEEP: Final = """
INSERT INTO process_draft (tenant_id, family_id, name, definition, revision, edited_by, edited_at)
VALUES ($1, $2, $3, $4, 1, $5, $6)
ON CONFLICT (tenant_id, family_id) DO UPDATE
SET name = $3, definition = $4, revision = process_draft.revision + 1, edited_by = $5,
    edited_at = $6
WHERE process_draft.revision = $7
RETURNING revision
"""
_DISCARD: Final = "DELETE FROM process_draft WHERE tenant_id = $1 AND family_id = $2"
_HOLD: Final = """
SELECT revision, name, definition FROM process_draft
WHERE tenant_id = $1 AND family_id = $2 FOR UPDATE
"""
_FAMILY: Final = """
SELECT id, version, state FROM process WHERE tenant_id = $1 AND family_id = $2
ORDER BY version DESC FOR UPDATE
"""
_FOLLOWING: Final = """
SELECT id, stage, stage_since FROM opportunity
WHERE tenant_id = $1 AND process_id IS NOT DISTINCT FROM $2 AND state = 'open' AND NOT deleted
ORDER BY id LIMIT $3 FOR UPDATE
"""
_STAGES: Final = """
SELECT DISTINCT stage FROM opportunity
WHERE tenant_id = $1 AND process_id IS NOT DISTINCT FROM $2 AND state = 'open' AND NOT deleted
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


async def save_draft(actor: Actor, saved: SaveDraft, *, now: datetime) -> DraftView:
    """Keep what was thought out of a process's next version; no device sees it yet.

    :raises ProcessInvalid: naming the part that is wrong.
    :raises DraftStale: somebody else saved it meanwhile.
    """
    ensure(actor, Permission.PROCESSES_MANAGE)
    actor.ensure_agent()
    rules.definition_of(msgspec.to_builtins(saved.definition))
    text = definition.write(saved.definition)
    async with db.tenant_transaction(actor.tenant_id):
        revision = await db.connection().fetchval(
            _KEEP,
            *(actor.tenant_id, saved.family_id, saved.name, text),
            *(actor.user_id, now, saved.revision),
        )
        if revision is None:
            raise rules.DraftStale(
                "Somebody else saved this draft; look at it and save again.", field="revision"
            )
        return await processes.draft(actor, saved.family_id)


async def discard_draft(actor: Actor, family_id: UUID) -> None:
    """Throw a draft away; what was published stays.

    :raises NotFound: there is none.
    """
    ensure(actor, Permission.PROCESSES_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        await processes.draft(actor, family_id)
        await db.connection().execute(_DISCARD, actor.tenant_id, family_id)


async def publish(actor: Actor, family_id: UUID, asked: Publish, *, now: datetime) -> ProcessView:
    """Make the draft the current version; deals that have begun stay on theirs.

    :raises NotFound: there is no draft.
    :raises DraftStale: it was saved again since it was looked at.
    :raises IdReused: the id is another version's.
    """
    ensure(actor, Permission.PROCESSES_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        draft = await db.connection().fetchrow(_HOLD, actor.tenant_id, family_id)
        family = await db.connection().fetch(_FAMILY, actor.tenant_id, family_id)
        if draft is None:
            return await _published(actor, family_id, asked.id)
        if draft["revision"] != asked.revision:
            raise rules.DraftStale(
                "This draft was saved again; look at it before you publish it.", field="revision"
            )
        await _ensure_free(actor, asked.id)
        version = (family[0]["version"] if family else 0) + 1
        current = {
            ("process", str(row["id"])): {"state": "superseded"}
            for row in family
            if row["state"] == "current"
        }
        if current:
            await facts.note(actor, current, kinds=WRITTEN, now=now)
        values = {
            "family_id": str(family_id),
            "version": version,
            "name": draft["name"],
            "definition": draft["definition"],
            "state": "current",
        }
        await facts.add(actor, "process", str(asked.id), values, kinds=WRITTEN, now=now)
        await db.connection().execute(_DISCARD, actor.tenant_id, family_id)
        await audit.record(
            actor, "process.published", subject_id=asked.id, now=now, version=version
        )
        return await processes.process(actor, asked.id)


async def _published(actor: Actor, family_id: UUID, process_id: UUID) -> ProcessView:
    """Answer again who asks again."""
    held = await processes.process(actor, process_id)
    if held.family_id != family_id:
        raise NotFound("There is no draft to publish.")
    return held


async def _ensure_free(actor: Actor, process_id: UUID) -> None:
    """Refuse the id of another version."""
    known = await processes.versions(actor)
    if process_id in known:
        raise IdReused("This id is another version's; make a new one.", field="id")


async def retire(actor: Actor, family_id: UUID, *, now: datetime) -> None:
    """Let no new deal begin by a process; those that have begun finish on it.

    :raises NotFound: there is no such process.
    """
    ensure(actor, Permission.PROCESSES_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        family = await db.connection().fetch(_FAMILY, actor.tenant_id, family_id)
        if not family:
            raise NotFound
        retired = {("process", str(row["id"])): {"state": "retired"} for row in family}
        await facts.note(actor, retired, kinds=WRITTEN, now=now)
        await audit.record(actor, "process.retired", subject_id=family_id, now=now)


async def migrate(
    actor: Actor, process_id: UUID | None, asked: Migrate, *, now: datetime
) -> Migrated:
    """Let the open deals of a version follow a newer one; what was done stays done (S57).

    :param process_id: the version that they follow; the built-in one without.
    :raises MappingIncomplete: deals stand in a stage that the new version does not have.
    :raises NotFound: one of the versions is not there.
    """
    ensure(actor, Permission.PROCESSES_MANAGE)
    moved = 0
    async with db.tenant_transaction(actor.tenant_id):
        old = await processes.process(actor, process_id)
        new = await processes.process(actor, asked.to_id)
        key = (actor.tenant_id, process_id)
        stages = {row["stage"] for row in await db.connection().fetch(_STAGES, *key)}
        aims = rules.mapped(old.definition, new.definition, asked.mapping, stages)
        if old.id == new.id:
            return Migrated(deals=0)
        while rows := await db.connection().fetch(_FOLLOWING, *key, _BATCH):
            unit = {
                ("opportunity", str(row["id"])): {
                    "process_id": str(asked.to_id),
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
            moved += len(rows)
        await audit.record(actor, "process.migrated", subject_id=asked.to_id, now=now, deals=moved)
    return Migrated(deals=moved)


def _since(was: str, stage: str, now: datetime) -> dict[str, int]:
    """Begin the time in stage anew where the stage is another one."""
    return {} if was == stage else {"stage_since": clock.to_ms(now)}
