"""Processes are drafted, published and retired; what was published is never changed (S57)."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.changelog import facts
from server.kit import db
from server.kit.errors import IdReused, NotFound
from server.pipeline import rules
from server.pipeline.kinds import WRITTEN
from server.pipeline.queries import processes
from server.pipeline.schemas import DraftView, ProcessView, Publish, SaveDraft
from sync_protocol.process import definition
from sync_protocol.process.definition import Definition

_BEGIN: Final = """
INSERT INTO process_draft (tenant_id, family_id, name, definition, revision, edited_by, edited_at)
VALUES ($1, $2, $3, $4, 1, $5, $6)
ON CONFLICT (tenant_id, family_id) DO NOTHING
RETURNING revision
"""
_KEEP: Final = """
UPDATE process_draft
SET name = $3, definition = $4, revision = revision + 1, edited_by = $5, edited_at = $6
WHERE tenant_id = $1 AND family_id = $2 AND revision = $7
RETURNING revision
"""
_DISCARD: Final = "DELETE FROM process_draft WHERE tenant_id = $1 AND family_id = $2"
_HOLD: Final = """
SELECT revision, name, definition, edited_by FROM process_draft
WHERE tenant_id = $1 AND family_id = $2 FOR UPDATE
"""
_FAMILY: Final = """
SELECT id, version, state FROM process WHERE tenant_id = $1 AND family_id = $2
ORDER BY version DESC FOR UPDATE
"""


def check(given: Any) -> Definition:
    """Read a process while it is being written, and see that it is sound; nothing is kept.

    :param given: a definition as its parts, or as JSON.
    :raises ProcessInvalid: naming the first part that is wrong.
    """
    return rules.definition_of(given)


async def save_draft(actor: Actor, saved: SaveDraft, *, now: datetime) -> DraftView:
    """Keep what was thought out of a process's next version; no device sees it yet.

    :raises ProcessInvalid: naming the part that is wrong.
    :raises DraftStale: somebody else saved it meanwhile, published it or threw it away.
    """
    ensure(actor, Permission.PROCESSES_MANAGE)
    actor.ensure_agent()
    rules.definition_of(msgspec.to_builtins(saved.definition))
    text = definition.write(saved.definition)
    given = (actor.tenant_id, saved.family_id, saved.name, text, actor.user_id, now)
    async with db.tenant_transaction(actor.tenant_id):
        if saved.revision:
            revision = await db.connection().fetchval(_KEEP, *given, saved.revision)
        else:
            revision = await db.connection().fetchval(_BEGIN, *given)
        if revision is None and not await _is_kept(actor, saved, text):
            raise rules.DraftStale(
                "Somebody else saved this draft; look at it and save again.", field="revision"
            )
        return await processes.draft(actor, saved.family_id)


async def _is_kept(actor: Actor, saved: SaveDraft, text: str) -> bool:
    """Say whether the actor saved just this before: who sends twice hears the same."""
    held = await db.connection().fetchrow(_HOLD, actor.tenant_id, saved.family_id)
    wanted = {
        "revision": saved.revision + 1,
        "name": saved.name,
        "definition": text,
        "edited_by": actor.user_id,
    }
    return held is not None and dict(held) == wanted


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
