"""The company's processes: what is current, what deals still follow, what is being drafted."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import asyncpg

from server.access import Actor, Permission, ensure
from server.kit import db
from server.kit.errors import NotFound
from server.pipeline import rules
from server.pipeline.schemas import DraftView, ProcessView
from sync_protocol.process.built_in import BUILT_IN, NAME

BUILT_IN_VIEW: Final = ProcessView(
    id=None,
    family_id=None,
    version=1,
    name=NAME,
    state="current",
    definition=BUILT_IN,
    is_built_in=True,
)
"""What every company has."""
_COLUMNS: Final = "id, family_id, version, name, state, definition"
_ALL: Final = f"""
SELECT {_COLUMNS} FROM process WHERE tenant_id = $1 AND NOT deleted
ORDER BY family_id, version DESC
"""  # noqa: S608 - constants
_ONE: Final = f"SELECT {_COLUMNS} FROM process WHERE tenant_id = $1 AND id = $2"  # noqa: S608 - constants
_DRAFT: Final = """
SELECT family_id, name, definition, revision, edited_by, edited_at
FROM process_draft WHERE tenant_id = $1 AND family_id = $2
"""
_DRAFTS: Final = """
SELECT family_id, name, definition, revision, edited_by, edited_at
FROM process_draft WHERE tenant_id = $1 ORDER BY edited_at DESC, family_id
"""


async def versions(actor: Actor) -> Mapping[UUID | None, ProcessView]:
    """Give every version of every process by its id, the built-in one under None."""
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch(_ALL, actor.tenant_id)
    return {None: BUILT_IN_VIEW, **{row["id"]: _view(row) for row in rows}}


async def current_processes(actor: Actor) -> list[ProcessView]:
    """List what a deal may be begun by: each process in its current version, by name.

    The built-in one stands last, and alone in a company that made none.
    """
    found = [held for held in (await versions(actor)).values() if held.state == "current"]
    return sorted(found, key=lambda held: (held.is_built_in, held.name, str(held.family_id)))


async def process(actor: Actor, process_id: UUID | None) -> ProcessView:
    """Give one version of a process; the built-in one without an id.

    :raises NotFound: there is no such version.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    if process_id is None:
        return BUILT_IN_VIEW
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(_ONE, actor.tenant_id, process_id)
    if row is None:
        raise NotFound
    return _view(row)


async def draft(actor: Actor, family_id: UUID) -> DraftView:
    """Give the draft of a process's next version.

    :raises NotFound: nobody has begun one.
    """
    ensure(actor, Permission.PROCESSES_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(_DRAFT, actor.tenant_id, family_id)
    if row is None:
        raise NotFound
    return _draft(row)


async def drafts(actor: Actor) -> list[DraftView]:
    """List all drafts, the last saved first."""
    ensure(actor, Permission.PROCESSES_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch(_DRAFTS, actor.tenant_id)
    return [_draft(row) for row in rows]


def _view(row: asyncpg.Record) -> ProcessView:
    """Turn a row into a view."""
    return ProcessView(**{**row, "definition": rules.read(row["definition"])})


def _draft(row: asyncpg.Record) -> DraftView:
    """Turn a row into a view."""
    return DraftView(**{**row, "definition": rules.read(row["definition"])})
