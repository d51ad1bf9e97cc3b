"""Say where agents may work, and until when."""

from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.kit import db, divisions, ids
from server.kit.calendars import ZONE
from server.kit.errors import IdReused, NotFound
from server.partners import queries
from server.partners.queries.territories import COLUMNS, view_of
from server.partners.rules import territories as rules
from server.partners.schemas import NewTerritory, TerritoryEnd, TerritoryView

_GRANT: Final = """
INSERT INTO territory (
    id, agent_id, division, is_exclusive, valid_from, valid_until, granted_by, granted_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING
"""
_TAKE_TURNS: Final = "SELECT pg_advisory_xact_lock(hashtext('territory'))"
_OVERLAP: Final = """
SELECT EXISTS (
    SELECT FROM territory
    WHERE agent_id <> $1 AND id <> $2 AND division = ANY ($3::text[]) AND (is_exclusive OR $4)
        AND valid_from <= coalesce($6::date, 'infinity')
        AND coalesce(valid_until, 'infinity') >= $5::date
)
"""
_TERRITORY: Final = f"SELECT {COLUMNS} FROM territory WHERE id = $1"  # noqa: S608 - our own columns
_END: Final = f"UPDATE territory SET valid_until = $2 WHERE id = $1 RETURNING {COLUMNS}"  # noqa: S608 - our own columns


async def grant_territory(actor: Actor, new: NewTerritory, *, now: datetime) -> TerritoryView:
    """Let an agent work in a place, alone or beside others. May be repeated under the same id.

    :raises TerritoryTaken: another agent may work there, or in a part or around it, in that time,
        and one of the two rights is exclusive.
    :raises TerritoryEndsBeforeItBegins: the last day lies before the first.
    :raises DivisionUnknown: the tree has no such code.
    :raises NotFound: there is no such agent.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    rules.ensure_dated(new.valid_from, new.valid_until)
    divisions.get(new.division)
    territory_id = new.id or ids.new_id(now)
    await queries.agent(actor, new.agent_id)
    around = [*divisions.lineage(new.division), *divisions.subtree(new.division)]
    when = (new.valid_from, new.valid_until)
    async with db.platform_transaction(actor):
        # Two that overlap must not both look and then both write.
        await db.connection().execute(_TAKE_TURNS)
        if await db.connection().fetchval(
            _OVERLAP, new.agent_id, territory_id, around, new.is_exclusive, *when
        ):
            raise rules.TerritoryTaken(
                "Another agent's right overlaps this one, and one of the two is exclusive; end "
                "that right first, or share the place.",
                field="division",
            )
        status = await db.connection().execute(
            _GRANT,
            *(territory_id, new.agent_id, new.division, new.is_exclusive, *when),
            *(actor.user_id, now),
        )
        if status.endswith(" 1"):
            await audit.record_platform_write(
                actor, "territory.granted", subject_id=territory_id, now=now, agent_id=new.agent_id
            )
        view = view_of(await db.connection().fetchrow(_TERRITORY, territory_id))
    if (view.agent_id, view.division) != (new.agent_id, new.division):
        raise IdReused("This id belongs to another territory; make a new one.", field="id")
    return view


async def end_territory(
    actor: Actor, territory_id: UUID, end: TerritoryEnd, *, now: datetime
) -> TerritoryView:
    """Let a territory end, today at the earliest. Said again it changes nothing.

    :raises NotFound: there is no such territory.
    :raises TerritoryEndsBeforeItBegins: it has not begun by then.
    :raises TerritoryEndWrong: the day is over, or lies behind its last one.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    async with db.platform_transaction(actor):
        await db.connection().execute(_TAKE_TURNS)
        row = await db.connection().fetchrow(_TERRITORY, territory_id)
        if row is None:
            raise NotFound
        if row["valid_until"] == end.valid_until:
            return view_of(row)
        rules.ensure_dated(row["valid_from"], end.valid_until)
        rules.ensure_ends(row["valid_until"], end.valid_until, now.astimezone(ZONE).date())
        row = await db.connection().fetchrow(_END, territory_id, end.valid_until)
        await audit.record_platform_write(
            actor, "territory.ended", subject_id=territory_id, now=now, agent_id=row["agent_id"]
        )
    return view_of(row)
